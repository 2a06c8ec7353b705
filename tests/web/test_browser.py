"""The page in a real Chromium: every width, both schemes, every language, by keyboard alone.

What checks accessibility is axe-core: `npm ci` fetches the version of tests/web/axe.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, async_playwright

from ebbwatch.model.text import LANGUAGES
from tests.paths import ROOT
from tests.scenarios.stage import Stage
from tests.web.serving import TOKEN, site
from tests.web.test_listings import busy

pytestmark = pytest.mark.chromium

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS = (360, 390, 1280)
PATHS = (
    "/", "/rules/funding-spread", "/rules/said", "/transitions", "/calendar", "/series", "/outbox",
    "/nothing", "/sign-in",
)  # fmt: skip
#: Texts that may be smaller: what stands on the axes of a chart.
SMALL = """
() => [...document.querySelectorAll("body *")].filter((e) =>
  !e.closest("svg, .hidden") && e.checkVisibility() &&
  [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) &&
  parseFloat(getComputedStyle(e).fontSize) < 16).map((e) => e.outerHTML.slice(0, 80))
"""
#: Things to press that are too small for a thumb, links within sentences left out.
TOO_LOW = """
() => [...document.querySelectorAll("nav a, button, input, select, summary")].filter((e) =>
  e.checkVisibility() && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML.slice(0, 80))
"""


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the source of axe-core."""
    if shutil.which("npm") is None:
        pytest.skip("npm, which fetches axe-core, is not installed")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "tests" / "web" / "axe" / name, folder)
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Start a Chromium."""
    if CHROMIUM is None:
        assert "CI" not in os.environ, "CI wants a Chromium"
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        # Tests run as root in containers, where its own walls cannot be built.
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(made: Stage | None = None, **more: Any) -> AsyncIterator[tuple[Browser, str, Any]]:
    """Serve a daemon's page, and start a Chromium beside it."""
    served = site(made or busy(), **more)
    server = TestServer(served.app())
    await server.start_server()
    try:
        async with browsing() as browser:
            yield browser, str(server.make_url("/")).rstrip("/"), served
    finally:
        await served.trials.aclose()  # type: ignore[union-attr]
        await server.close()


@asynccontextmanager
async def a_page(
    browser: Browser, *, width: int = 390, scheme: Any = "light", language: str = "en",
    zone: str = "America/New_York", **more: Any,
) -> AsyncIterator[tuple[Page, list[str]]]:  # fmt: skip
    """Open a window, and collect what its console complains of."""
    context = await browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, locale=language,
        timezone_id=zone, **more,
    )  # fmt: skip
    page, complaints = await context.new_page(), list[str]()
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page, complaints
    finally:
        await context.close()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_fits_every_window(language: str) -> None:
    """No scrolling sideways, no text under 16 pixels, no complaint, nothing too small to press."""
    wrong = []
    async with opened() as (browser, address, _):
        for width in WIDTHS:
            async with a_page(browser, width=width, language=language) as (page, complaints):
                for path in PATHS:
                    await page.goto(address + path)
                    wide = await page.evaluate("document.documentElement.scrollWidth")
                    if wide > width:
                        wrong.append((path, width, f"{wide} wide"))
                    wrong += [(path, width, small) for small in await page.evaluate(SMALL)]
                    wrong += [(path, width, low) for low in await page.evaluate(TOO_LOW)]
                    missing = "404" if path == "/nothing" else "none"
                    wrong += [(path, width, c) for c in complaints if missing not in c]
                    complaints.clear()
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_violation(axe: str, scheme: str) -> None:
    """Contrast, names, order of headings, landmarks: on a phone and on a desk."""
    found = []
    async with opened() as (browser, address, _):
        for width, language in ((390, LANGUAGES[-1]), (1280, LANGUAGES[0])):
            async with a_page(browser, width=width, scheme=scheme, language=language) as (page, _):
                page.set_default_timeout(60_000)
                for path in (*PATHS, "/rules/funding-spread?warning=30bp"):
                    await page.goto(address + path)
                    await page.evaluate(axe)
                    result = await page.evaluate("() => axe.run({resultTypes: ['violations']})")
                    found += [
                        (path, width, each["id"], each["nodes"][0]["html"][:120])
                        for each in result["violations"]
                    ]
    assert found == []


async def test_what_fires_is_seen_within_a_second_on_a_phone() -> None:
    """What, why and when next: all of it in the first window, without a scroll."""
    async with opened() as (browser, address, _), a_page(browser) as (page, _):
        await page.goto(address)
        assert await page.title() == "1 warning · Ebbwatch"
        for text in ("Repo trades above fed funds", "25 bp", "up 23 bp on the day", "Wed 25 Nov"):
            box = await page.get_by_text(text).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 844, text
        timing = await page.evaluate(
            "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        )
        assert timing < 5000


async def test_everything_can_be_reached_by_keyboard() -> None:
    """First the way past the header, then each thing in order, each seen to have the focus."""
    async with opened() as (browser, address, _), a_page(browser) as (page, _):
        await page.goto(address)
        reached = []
        for _ in range(40):
            await page.keyboard.press("Tab")
            seen = await page.evaluate(
                "() => { const e = document.activeElement, s = getComputedStyle(e);"
                " return [e.tagName, e.textContent.trim().slice(0, 40), s.outlineStyle] }"
            )
            if seen[0] == "BODY":
                break
            reached.append(seen)
        assert reached[0][:2] == ["A", "Skip to the content"]
        assert [r for r in reached if r[2] == "none"] == []
        names = [name for _, name, _ in reached]
        for name in ("Changes", "Why, chart and history: Repo trades abov", '<b>"Rates" & co</b>'):
            assert name in names
        summary = page.locator("summary").first
        await summary.focus()
        await page.keyboard.press("Enter")
        assert not await page.locator("details").first.evaluate("e => e.open")


async def test_a_reader_elsewhere_sees_their_own_clocks() -> None:
    """The browser says which, once, and the server writes by them from then on."""
    async with opened() as (browser, address, _):
        async with a_page(browser, zone="Asia/Taipei") as (page, _):
            await page.goto(address)
            await page.get_by_text("22:10 Taipei").wait_for()
            await page.goto(f"{address}/calendar")
            assert await page.get_by_text("Taipei").count() == 1
        async with a_page(browser, zone="Asia/Taipei", java_script_enabled=False) as (page, _):
            await page.goto(address)
            assert await page.get_by_text("09:10 New York").count() == 1


async def test_the_page_refreshes_itself_and_keeps_what_was_opened() -> None:
    """What is decided shows without a reload; what the reader shut stays shut."""
    made = busy()
    async with opened(made) as (browser, address, _), a_page(browser) as (page, _):
        await page.clock.install()
        await page.goto(address)
        await page.locator("summary").first.click()
        await page.locator("summary").first.focus()
        made.clock.advance(timedelta(minutes=7))
        await page.clock.fast_forward(31_000)
        await page.get_by_text("09:17 New York").wait_for()
        assert not await page.locator("details").first.evaluate("e => e.open")
        assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"


async def test_a_page_that_is_cut_off_says_so() -> None:
    """Old figures must not look like fresh ones."""
    async with opened() as (browser, address, _), a_page(browser) as (page, _):
        await page.clock.install()
        await page.goto(address)
        before = await page.locator("#read").evaluate("e => getComputedStyle(e).color")
        await page.context.set_offline(True)
        await page.clock.fast_forward(31_000)
        await page.wait_for_function("document.documentElement.classList.contains('away')")
        assert await page.locator("#read").evaluate("e => getComputedStyle(e).color") != before


async def test_thresholds_are_tried_in_the_browser() -> None:
    """Type, press Enter, read what it would have told; nothing complains."""
    async with opened() as (browser, address, _), a_page(browser) as (page, complaints):
        page.set_default_timeout(60_000)
        await page.goto(f"{address}/rules/funding-spread")
        await page.get_by_label("warning").fill("30 bp")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/rules/funding-spread?**")
        await page.get_by_text("above: {watch: 10 bp, warning: 30 bp, critical: 50 bp}").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert complaints == []


async def test_signing_in_works_in_a_browser() -> None:
    """With the policy that forbids everything else, the form still works."""
    async with opened(token=TOKEN) as (browser, address, _), a_page(browser) as (page, _):
        await page.goto(f"{address}/rules/level")
        await page.get_by_label("Token of the page").fill(TOKEN)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("heading", name="1 warning").wait_for()
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("heading", name="Sign in").wait_for()


async def test_a_printed_page_is_the_content_alone(tmp_path: Path) -> None:
    """No navigation, dark never."""
    async with (
        opened() as (browser, address, _),
        a_page(browser, width=1280, scheme="dark") as (page, _),
    ):
        await page.goto(f"{address}/rules/funding-spread")
        await page.emulate_media(media="print")
        assert not await page.locator(".top nav").is_visible()
        ink = await page.evaluate("getComputedStyle(document.body).color")
        paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
        printed = await page.pdf(path=tmp_path / "page.pdf")
        assert printed.startswith(b"%PDF")
