"""Listings: series, the outbox, changes, what is due, and the same for programs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from ebbwatch.core.render import ToldChange
from ebbwatch.locale import translator
from ebbwatch.model.alert import Cause, Change, Level, Transition
from ebbwatch.model.message import Message, OutboxRow, Reason, Target
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import period_of
from ebbwatch.model.text import Text
from ebbwatch.ports import Held
from ebbwatch.web import api
from ebbwatch.web.feed import written
from tests.scenarios.stage import Stage
from tests.web.serving import NOW, TOKEN, site, stage, visiting
from tests.web.test_site import HTML, body_of, parsed, words

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def row(key: str, **more: Any) -> OutboxRow:
    """Return a message of the outbox."""
    return OutboxRow(
        **{
            "key": key, "target": Target("desk", "telegram", {"chat": -1, "token": {"secret": "X"}}),
            "place": "telegram:-1", "episode": "e",
            "message": Message(
                headline=f"<{key}> & co", lines=(), language="en", level=Level.WATCH,
                reason=Reason.FIRST,
            ),
            "created_at": NOW, "not_before": NOW, "expires_at": NOW + timedelta(days=1),
            "lines": ("level",), **more,
        }
    )  # fmt: skip


def move(at: datetime, change: Change = Change.FIRED, **more: Any) -> Transition:
    """Return a change of an alert."""
    return Transition(
        **{
            "at": at, "rule": "level", "change": change, "level": Level.CRITICAL,
            "before": Level.NONE, "value": 9.5, "unit": "%", "threshold": 9.0,
            "period": at.date().isoformat(), "episode": "e", "cause": Cause.NEW_PERIOD, **more,
        }
    )  # fmt: skip


def busy() -> Stage:
    """Return a daemon with all kinds of things in its store."""
    made = stage()
    held = Held(
        observation=Observation(
            series="sofr", period=period_of(date(2026, 11, 20)), value=None, source="nyfed",
            known_at=NOW,
        ),
        reason="390 % is not plausible",
    )  # fmt: skip
    with made.store.transaction():
        made.store.hold([held])
        made.store.enqueue([row("waits"), row("broken", lines=("other",))])
        made.store.append([move(NOW - timedelta(hours=n)) for n in range(1, 121)])
        made.store.append([move(NOW, Change.ARMED)])
    made.store.claim(ts=NOW, owner="me", limit=10)
    made.store.begin(["broken"], ts=NOW, owner="me")
    assert made.store.park("broken", ts=NOW, error="chat not found", owner="me")
    return made


@pytest.mark.parametrize("path", ["/series", "/outbox", "/transitions", "/calendar"])
async def test_listings_are_pages_like_the_others(path: str) -> None:
    """Well formed, nothing inline, and marked as the page one is on."""
    found = parsed(await body_of(path, site(busy())))
    here = [a.get("href") for _, a in found.seen if a.get("aria-current") == "page"]
    assert here == [f".{path}"]
    assert [t for t, a in found.seen if "style" in a or t == "style"] == []


async def test_series_are_listed_worst_first_with_what_is_held_back() -> None:
    """Each with its newest figure and when the next is due; the reason stands with the figure."""
    said = words(await body_of("/series", site(busy())))
    assert said.index("Empty Interest on reserve balances") < said.index("Fresh")
    assert "3.93 % sofr · nyfed 23 Nov 2026 · due Wed 25 Nov, 08:00" in said
    assert "Held back" in said
    assert "390 % is not plausible" in said


async def test_the_outbox_says_what_waits_and_why_something_did_not_get_through() -> None:
    """By state, with receiver, tries and error; no option of a target is shown."""
    body = await body_of("/outbox", site(busy()))
    said = words(body)
    assert "Undeliverable <broken> & co" in said
    assert "desk (telegram) · undeliverable · 1 try · chat not found" in said
    assert said.index("<waits> & co") < said.index("<broken> & co")
    assert "secret" not in body


async def test_changes_can_be_chosen_and_turned_over() -> None:
    """Fifty on a page, newest first; by rule and level."""
    served = site(busy())
    async with visiting(served) as browser:

        async def page(query: str) -> str:
            return words(await (await browser.get(f"/transitions?{query}", headers=HTML)).text())

        first, last = await page(""), await page("page=3")
        assert (first.count("fired at"), last.count("fired at")) == (50, 21)
        assert ("Older" in first, "Newer" in first) == (True, False)
        assert ("Older" in last, "Newer" in last) == (False, True)
        assert "armed" not in first
        assert (await page("rule=funding-spread")).count("fired at warning") == 1
        assert "Nothing yet." in await page("level=watch")
        for odd in ("page=0", "page=x", "page=99999999999", "page=²", "level=%00", "rule=%ff"):
            assert await page(odd)


async def test_the_calendar_says_what_is_due_and_who_waits_for_it() -> None:
    """By day on the reader's clocks, with the turns that lie in the week."""
    said = words(await body_of("/calendar", site(busy())))
    assert "Wed 25 Nov 2026 SOFR 08:00" in said or "Secured Overnight Financing Rate 08:00" in said
    assert "Repo trades above fed funds" in said
    assert "Mon 30 Nov 2026 Month end, Coupon settlement" in said
    taipei = words(await body_of("/calendar", site(busy()), Cookie="ebbwatch_zone=Asia/Taipei"))
    assert "21:00" in taipei


# ---- for programs --------------------------------------------------------------------------


async def answers(path: str, **more: Any) -> tuple[int, Any]:
    """Return status and body of a question to the API."""
    async with visiting(site(busy(), **more)) as browser:
        answer = await browser.get(api.ROOT + path)
        return answer.status, await answer.json()


def filled(question: api.ApiQuestion) -> str:
    """Return the path of a question, about a rule that there is."""
    return question.path.replace("{name}", "funding-spread")


@pytest.mark.parametrize("question", api.QUESTIONS, ids=lambda one: one.path)
async def test_every_answer_is_as_described(question: api.ApiQuestion) -> None:
    """Key by key, by the schema that the description gives."""
    status, found = await answers(filled(question))
    assert status == 200
    rows = found[question.key] if question.is_table else [found]
    assert rows
    for each in rows:
        jsonschema.validate(each, question.schema)


@pytest.mark.parametrize("question", [q for q in api.QUESTIONS if q.is_table], ids=lambda q: q.path)
async def test_every_table_is_csv_too(question: api.ApiQuestion) -> None:
    """With a header, as many rows, and nothing that a spreadsheet would run."""
    async with visiting(site(busy())) as browser:
        answer = await browser.get(f"{api.ROOT}{question.path}?format=csv")
        assert answer.content_type == "text/csv"
        rows = list(csv.DictReader(io.StringIO(await answer.text())))
        whole = await (await browser.get(api.ROOT + question.path)).json()
    assert len(rows) == len(whole[question.key])
    assert list(rows[0]) == list(question.schema["properties"])
    assert [v for r in rows for v in r.values() if v[:1] in ("=", "+", "@")] == []


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/rules/funding-sprad", 404, "did you mean funding-spread?"),
        ("/transitions?limit=0", 400, "limit: expected a whole number from 1 to 1000"),
        ("/transitions?limit=²", 400, "limit: expected a whole number"),
        ("/transitions?since=yesterday", 400, "since: expected an instant with its offset"),
        ("/transitions?since=2026-11-24T09:00:00", 400, "since: expected an instant with"),
        ("/transitions?since=0001-01-01T00:00:00%2B14:00", 400, "since: expected an instant"),
        ("/transitions?level=loud", 400, "level: expected one of watch, warning, critical"),
        ("/transitions?limit=1&limit=2", 400, "limit: given more than once"),
        ("/rules?colour=red", 400, "there is no parameter 'colour'; there are: format"),
        ("/nothing", 404, "There is no such page"),
    ],
)
async def test_a_bad_question_says_what_is_expected(path: str, status: int, error: str) -> None:
    """As JSON, whatever went wrong."""
    found, body = await answers(path)
    assert found == status
    assert error in body["error"]


async def test_changes_are_chosen_by_parameters() -> None:
    """Since when, of which level, how many."""
    since = (NOW - timedelta(hours=5)).isoformat().replace("+", "%2B")
    _, found = await answers(f"/transitions?rule=level&since={since}&limit=3")
    assert [each["rule"] for each in found["transitions"]] == ["level"] * 3
    _, found = await answers("/transitions?change=armed")
    assert [each["change"] for each in found["transitions"]] == ["armed"]


async def test_programs_without_the_token_learn_nothing() -> None:
    """Not even which rules there are."""
    for path in ("/rules", "/openapi.json", "/rules/nobody"):
        status, body = await answers(path, token=TOKEN)
        assert (status, body) == (401, {"error": "Sign in first"})


# ---- the feed ------------------------------------------------------------------------------


async def test_the_feed_holds_the_newest_changes() -> None:
    """As Atom: an id for ever, an instant, a line, a link."""
    async with visiting(site(busy())) as browser:
        answer = await browser.get("/feed.atom")
        assert answer.content_type == "application/atom+xml"
        root = ET.fromstring(await answer.read())
    entries = root.findall("a:entry", ATOM)
    assert len(entries) == 50
    assert len({e.findtext("a:id", "", ATOM) for e in entries}) == 50
    newest = entries[0]
    assert newest.findtext("a:title", "", ATOM).startswith('🔴 <b>"Rates" & co</b>: fired at')
    assert newest.findtext("a:updated", "", ATOM) == "2026-11-24T13:10:00Z"
    assert newest.find("a:link", ATOM).attrib["href"] == "rules/level"  # type: ignore[union-attr]


def test_a_feed_is_xml_whatever_a_rule_is_called() -> None:
    """Signs that no XML may hold are replaced; a feed of nothing is a feed."""
    told = ToldChange(
        transition=move(datetime(2026, 1, 1, tzinfo=UTC), rule="a\x00b"),
        title=Text((("en", "bell \x07 \ud800 <&>"),)),
    )  # fmt: skip
    root = ET.fromstring(written([told], NOW, translator("en")))
    assert "bell � � <&>" in root.findtext("a:entry/a:title", "", ATOM)
    empty = ET.fromstring(written([], NOW, translator("en")))
    assert empty.findtext("a:updated", "", ATOM) == "2026-11-24T14:10:00Z"
