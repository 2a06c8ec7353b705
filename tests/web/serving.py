"""A page over a daemon at its first start, served in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

from aiohttp import CookieJar, DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from ebbwatch import app
from ebbwatch.charts.sketch import svg_sketch
from ebbwatch.charts.svg import svg_chart
from ebbwatch.cli import common
from ebbwatch.clocks import elapsed_s
from ebbwatch.locale import translator
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import period_of
from ebbwatch.model.text import LANGUAGES
from ebbwatch.ports import Secret
from ebbwatch.runtime.trials import Trials
from ebbwatch.store.in_memory import MemoryStore
from ebbwatch.web.gate import Gate
from ebbwatch.web.metrics import Metrics
from ebbwatch.web.rendering import PageDrawings, Pages, static_files
from ebbwatch.web.site import Front, Site
from tests.e2e.daemon import business_days
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import Stage

#: Tuesday, 24 November 2026, 09:10 in New York: Monday's figures are out.
NOW = datetime(2026, 11, 24, 14, 10, tzinfo=UTC)
FILE = "desk.yaml"
TOKEN = "a-token-of-the-page-with-over-32-characters"  # opens nothing

RULES = """\
rules:
  # Seen by everybody.
  - name: funding-spread
    title: {en: Repo trades above fed funds, zh-Hant: SOFR 高於有效聯邦資金利率}
    value: sofr - effr
    above: {watch: 10 bp, warning: 20 bp, critical: 50 bp}
    clear: 3 bp
    labels: {theme: funding}
    note: Cash is dear.

  - name: level
    title: <b>"Rates" & co</b>
    value: sofr
    above: {critical: 9 %}
    labels: {theme: <i>own</i>}
  - {name: late-one, value: iorb, above: {watch: 9 %}}
  - {name: said, text: fed_press, matches: runoff}
"""


def observations() -> list[Observation]:
    """Return a quiet fortnight that ends with 25 bp."""
    days = business_days(10, before=date(2026, 11, 24))
    rates = [("sofr", day, "3.93" if day == days[-1] else "3.70") for day in days]
    rates += [("effr", day, "3.68") for day in days]
    return [
        Observation(
            series=series, period=period_of(day), value=Decimal(rate) / 100, source="nyfed",
            known_at=min(datetime(day.year, day.month, day.day, 13, 0, tzinfo=UTC), NOW),
        )
        for series, day, rate in rates
    ]  # fmt: skip


def stage(rules: str = RULES) -> Stage:
    """Return a daemon at its first start."""
    ruleset = app.with_default_receivers(valid({FILE: rules}), common.settings(), "en")
    store = MemoryStore()
    with store.transaction():
        store.record(observations())
    made = Stage(ruleset, store, ManualClock(NOW), notifiers={})
    assert made.service.begin()
    return made


def site(made: Stage | None, *, token: str = "", rules: str = RULES, **gate: object) -> Site:
    """Return a site over a daemon; over none where there is none yet."""
    front = Front()
    if made is not None:
        front.leads(made.service.desk, lambda: {FILE: rules.encode()})
    clock = made.clock if made is not None else ManualClock(NOW)
    secret = Secret(token) if token else None
    return Site(
        front=front,
        gate=Gate(secret, **{"loopback": True, **gate}),  # type: ignore[arg-type]
        pages=Pages(
            PageDrawings(svg_chart, svg_sketch), {each: translator(each) for each in LANGUAGES},
            static_files(), "1.2.3",
        ),
        clock=clock,
        elapsed_s=elapsed_s,
        language="en",
        metrics=Metrics(front, clock, "1.2.3"),
        trials=Trials(clock),
    )  # fmt: skip


@asynccontextmanager
async def visiting(served: Site, *, cookies: bool = False) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    """Serve a site, and return a browser that is at it; it follows nothing by itself."""
    jar = CookieJar(unsafe=True) if cookies else DummyCookieJar()
    try:
        async with TestClient(TestServer(served.app()), cookie_jar=jar) as client:
            yield client
    finally:
        assert served.trials is not None
        await served.trials.aclose()


__all__ = ["FILE", "NOW", "RULES", "TOKEN", "site", "stage", "visiting"]
