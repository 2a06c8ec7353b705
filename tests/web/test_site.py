"""The site: every page says what the desk says, to whom it may, and changes nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from yarl import URL

from ebbwatch.ports import StoreError
from ebbwatch.web.rendering import Pages
from ebbwatch.web.site import Role
from tests.web.serving import TOKEN, site, stage, visiting

HTML = {"Accept": "text/html"}
#: Elements that have no end.
_VOID = {"meta", "link", "input", "br", "path", "circle", "line", "rect"}


class Balanced(HTMLParser):
    """Checks that every element that begins ends, and collects their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember one that begins."""
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Expect the one that began last."""
        if tag not in _VOID:
            assert self.open.pop() == tag


def parsed(body: str) -> Balanced:
    """Return a page's elements; fail where it is not well formed."""
    found = Balanced()
    found.feed(body)
    assert found.open == []
    return found


def words(body: str) -> str:
    """Return what a page says, in one line."""
    return " ".join(unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", body, flags=re.DOTALL)).split())


async def body_of(path: str, served: Any = None, **headers: str) -> str:
    """Return a page of a daemon at its first start."""
    async with visiting(served or site(stage())) as browser:
        answer = await browser.get(path, headers={**HTML, **headers})
        assert answer.status == 200, await answer.text()
        return await answer.text()


# ---- what is said --------------------------------------------------------------------------


async def test_what_fires_comes_first_with_the_sentence_of_its_message() -> None:
    """Title and icon carry it; then value, since when, why and the next figure."""
    body = await body_of("/")
    assert "<title>1 warning · Ebbwatch</title>" in body
    assert 'href="./static/warning.svg"' in body
    said = words(body)
    assert "1 warning 4 rules watched · as of Tue 24 Nov, 09:10 New York" in said
    assert (
        "Repo trades above fed funds warning since 23 Nov 25 bp "
        "SOFR − EFFR 25 bp for Mon 23 Nov 2026, up 23 bp on the day; threshold 20 bp" in said
    )
    assert "Cash is dear. Next figure Wed 25 Nov, 09:00" in said
    assert said.index("25 bp") < said.index("<i>own</i>") < said.index("Other rules")


async def test_the_rest_is_by_theme_and_says_how_far_the_next_level_is() -> None:
    """Each row has its reading, and the threshold above it."""
    said = words(await body_of("/"))
    assert '<b>"Rates" & co</b> quiet. critical above 9 % 3.93 %' in said
    assert "late-one unknown · watch above 9 %" in said


async def test_a_reader_gets_another_language_on_other_clocks() -> None:
    """All of it, dates and numbers too."""
    body = await body_of("/", **{"Accept-Language": "zh-TW", "Cookie": "ebbwatch_zone=Asia/Taipei"})
    assert '<html lang="zh-Hant" data-root="./" data-zone="Asia/Taipei">' in body
    said = words(body)
    assert "1 警告" in said
    assert "監看 4 條規則 · 截至 台北時間 11月24日 週二 22:10" in said
    assert "下次公布 11月25日 週三 22:00" in said


async def test_a_rule_has_a_page_with_chart_working_history_and_its_lines() -> None:
    """Everything `why` says, the turns, the file and the line."""
    body = await body_of("/rules/funding-spread")
    said = words(body)
    assert "<title>warning: Repo trades above fed funds · Ebbwatch</title>" in body
    assert body.count("<svg xmlns") == 2
    for part in (
        "It fires since Mon 23 Nov 2026, 08:00 New York, now at warning.",
        "SOFR 3.93 %, Mon 23 Nov 2026; nyfed, known",
        "warning above 20 bp: 5 bp past it",
        "1 alert since 2026, 1.0 a year",
        "Mon 23 Nov 2026: fired at warning, 25 bp",
        "found in history",
        "desk.yaml:3 - name: funding-spread",
    ):
        assert part in said


@pytest.mark.parametrize("path", ["/", "/rules/funding-spread", "/rules/said", "/rules/level"])
async def test_pages_are_well_formed_and_hold_nothing_inline(path: str) -> None:
    """No script, style or handler inside, no address but relative ones, texts escaped."""
    body = await body_of(path)
    found = parsed(body)
    assert "<b>" not in body.replace('<b class="state">', "")
    assert "<i>" not in body
    for tag, attributes in found.seen:
        assert "style" not in attributes, tag
        assert [name for name in attributes if name.startswith("on")] == []
        assert tag != "style"
        for name in ("href", "src", "action"):
            target = attributes.get(name)
            assert target is None or not re.match(r"/|[a-z]+:", target), target
    assert "<script src=" in body


async def test_links_lead_to_pages_from_wherever_they_stand() -> None:
    """Relative to the page they are on, so that a proxy may put a path in front."""
    async with visiting(site(stage())) as browser:
        for page in ("/", "/rules/level"):
            body = await (await browser.get(page, headers=HTML)).text()
            for _, attributes in parsed(body).seen:
                target = attributes.get("href") or attributes.get("src")
                if target and not target.startswith("#"):
                    answer = await browser.get(URL(page).join(URL(target)))
                    assert answer.status == 200, (page, target)


async def test_the_page_follows_what_is_decided() -> None:
    """What was kept a moment ago is not shown once something happened."""
    made = stage()
    async with visiting(site(made)) as browser:
        before = await (await browser.get("/")).text()
        made.clock.advance(timedelta(seconds=1))
        assert await (await browser.get("/")).text() == before
        made.clock.advance(timedelta(days=40))
        late = words(await (await browser.get("/")).text())
    assert "SOFR stale" in late or "stale · nyfed" in late
    assert "as of Sun 3 Jan" in late


# ---- who may read --------------------------------------------------------------------------


PATHS = ("/", "/rules/level", "/metrics", "/nothing", "/rules/nobody")


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_without_the_token_reads_anything(path: str) -> None:
    """People are asked to sign in, programs are told how; neither learns what there is."""
    async with visiting(site(stage(), token=TOKEN, loopback=False)) as browser:
        program = await browser.get(path)
        person = await browser.get(path, headers=HTML)
        assert (program.status, person.status) == (401, 401)
        assert program.headers["WWW-Authenticate"] == "Bearer"
        said = await program.text() + await person.text()
        assert [w for w in ("warning", "bp", "funding", "ebbwatch_") if w in said] == []
        answer = await browser.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status == (404 if "no" in path else 200)


@pytest.mark.parametrize(("path", "said"), [("/healthz", "ok\n"), ("/readyz", "leading\n")])
async def test_health_is_one_word_for_everybody(path: str, said: str) -> None:
    """Probes have no token, and call a pod what they like."""
    async with visiting(site(stage(), token=TOKEN)) as browser:
        answer = await browser.get(path, headers={"Host": "anything"})
        assert (answer.status, await answer.text()) == (200, said)


async def test_a_person_signs_in_and_out() -> None:
    """The form takes the token, the cookie admits, and leaving ends it."""
    async with visiting(site(stage(), token=TOKEN), cookies=True) as browser:
        form = await browser.get("/rules/level", headers=HTML)
        assert 'action="../sign-in"' in await form.text()
        wrong = await browser.post("/sign-in", data={"token": "x"}, headers=HTML)
        assert (wrong.status, "That is not the token." in await wrong.text()) == (403, True)
        right = await browser.post("/sign-in", data={"token": f" {TOKEN}\n"}, allow_redirects=False)
        assert (right.status, right.headers["Location"]) == (303, "./")
        cookie = right.headers["Set-Cookie"]
        assert ("HttpOnly" in cookie, "SameSite=Lax" in cookie, TOKEN in cookie) == (
            True,
            True,
            False,
        )
        page = await browser.get("/", headers=HTML)
        assert (page.status, "Sign out" in await page.text()) == (200, True)
        assert (await browser.post("/sign-out", allow_redirects=False)).status == 303
        assert (await browser.get("/", headers=HTML)).status == 401


@pytest.mark.parametrize("way", ["form", "header"])
async def test_guessing_is_slowed_down(way: str) -> None:
    """After ten wrong tokens not even the right one helps, for a minute."""
    served = site(stage(), token=TOKEN)

    async def give(token: str) -> int:
        if way == "form":
            answer = await browser.post("/sign-in", data={"token": token}, allow_redirects=False)
        else:
            answer = await browser.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        return answer.status

    async with visiting(served) as browser:
        assert {await give(f"wrong-{n}") for n in range(10)} == {403 if way == "form" else 401}
        assert await give("wrong") == 429
        assert await give(TOKEN) == (429 if way == "form" else 200)
        served.clock.advance(timedelta(minutes=2))  # type: ignore[attr-defined]
        assert await give(TOKEN) == (303 if way == "form" else 200)


async def test_a_name_that_is_not_ours_is_refused() -> None:
    """A page of somebody else cannot have a browser read us by a name of theirs."""
    async with visiting(site(stage())) as browser:
        answer = await browser.get("/", headers={"Host": "evil.example"})
        assert (answer.status, "bp" in await answer.text()) == (421, False)


async def test_every_answer_forbids_scripts_frames_and_guesses() -> None:
    """Also answers that say no."""
    async with visiting(site(stage())) as browser:
        for path in ("/", "/nothing", "/healthz", "/metrics", "/static/page.js"):
            headers = (await browser.get(path)).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Server"] == "ebbwatch"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/rules/level", "/metrics"])
async def test_nothing_can_be_changed(method: str, path: str) -> None:
    """There is nothing but reading."""
    async with visiting(site(stage())) as browser:
        answer = await browser.request(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")


# ---- weathers ------------------------------------------------------------------------------


async def test_before_the_daemon_leads_the_page_says_so() -> None:
    """Health is well, readiness is not yet; who stands by is ready."""
    served = site(None)
    async with visiting(served) as browser:
        for role, ready in ((Role.STARTING, 503), (Role.STANDING_BY, 200)):
            served.front.role = role
            assert (await browser.get("/healthz")).status == 200
            answer = await browser.get("/readyz")
            assert (answer.status, await answer.text()) == (ready, f"{role.value}\n")
            page = await browser.get("/", headers=HTML)
            assert (page.status, page.headers["Retry-After"]) == (503, "5")
        assert "ebbwatch_leader 0.0" in await (await browser.get("/metrics")).text()


async def test_a_database_that_is_away_makes_no_page_and_no_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it is not asked for goes on; readiness names it."""
    made = stage()

    def away(*_: Any, **__: Any) -> Any:
        raise StoreError("the database is away")

    for name in ("get", "transitions", "outbox", "held"):
        monkeypatch.setattr(made.store, name, away)
    async with visiting(site(made)) as browser:
        assert (await browser.get("/")).status == 200
        assert (await browser.get("/rules/level", headers=HTML)).status == 503
        ready = await browser.get("/readyz")
        assert (ready.status, await ready.text()) == (503, "database\n")
        assert (
            'ebbwatch_rule_level{rule="level"} 0.0' in await (await browser.get("/metrics")).text()
        )


async def test_a_page_that_cannot_be_made_is_logged_and_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug in a page is no reason to stop watching, and shows nobody its insides."""
    served = site(stage())

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(Pages, "charts", broken)
    async with visiting(served) as browser:
        answer = await browser.get("/rules/level", headers=HTML)
        assert (answer.status, "inside" in await answer.text()) == (500, False)
        assert (await browser.get("/")).status == 200


async def test_a_directory_without_rules_is_a_page_too() -> None:
    """Nothing fires, nothing is listed, nothing is wrong."""
    said = words(await body_of("/", site(stage("rules: []\n"))))
    assert "All quiet 0 rules watched" in said


async def test_files_are_kept_by_browsers_as_long_as_they_are_right() -> None:
    """By the tag in their address, or by asking whether they changed."""
    async with visiting(site(stage())) as browser:
        tag = re.search(r"page\.css\?v=(\w+)", await (await browser.get("/")).text())
        assert tag is not None
        fresh = await browser.get(f"/static/page.css?v={tag[1]}")
        assert "immutable" in fresh.headers["Cache-Control"]
        again = await browser.get(
            "/static/page.css", headers={"If-None-Match": fresh.headers["ETag"]}
        )
        assert again.status == 304
        for name in ("nothing.css", "..%2f__init__.py", "%00"):
            assert (await browser.get(f"/static/{name}")).status == 404
