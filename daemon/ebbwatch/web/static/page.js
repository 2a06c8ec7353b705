// Keeps the page fresh, and tells the server which clocks the reader has. Without it the page
// reads the same, as of when it was asked for.
"use strict";
(() => {
  const EVERY_MS = 30_000;
  const page = document.documentElement;
  const root = new URL(page.dataset.root, location.href);

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  const zoneIsNew = zone && zone !== page.dataset.zone && !document.cookie.includes(`ebbwatch_zone=${zone}`);
  if (zoneIsNew) {
    document.cookie = `ebbwatch_zone=${zone}; path=${root.pathname}; max-age=31536000; SameSite=Lax`;
  }

  async function refresh() {
    if (document.visibilityState !== "visible" || document.querySelector("form.sign-in, form.try :focus")) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      put(fresh);
      page.classList.remove("away");
    } catch {
      // The page stays as it was last read, and says so by its colour.
      page.classList.add("away");
    }
  }

  const key = (element) => element.getAttribute("href") || element.id || element.parentElement.id;

  function put(fresh) {
    const main = document.getElementById("main"), next = fresh.getElementById("main");
    if (!main || !next || main.innerHTML === next.innerHTML) return;
    const held = document.activeElement;
    const path = held && main.contains(held) ? key(held) : null;
    // What the reader opened or shut stays so.
    for (const details of next.querySelectorAll("details[id]")) {
      const here = document.getElementById(details.id);
      if (here) details.open = here.open;
    }
    main.replaceChildren(...next.childNodes);
    document.title = fresh.title;
    const icon = document.getElementById("icon"), nextIcon = fresh.getElementById("icon");
    if (icon && nextIcon && icon.getAttribute("href") !== nextIcon.getAttribute("href")) {
      icon.setAttribute("href", nextIcon.getAttribute("href"));
    }
    if (path) {
      const again = [...main.querySelectorAll("a, pre, summary, button, input")].find((e) => key(e) === path);
      if (again) again.focus({ preventScroll: true });
    }
  }

  if (zoneIsNew) refresh();
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
})();
