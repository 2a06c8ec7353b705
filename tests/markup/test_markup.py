"""Messages look right on every platform, and nothing in them can do harm."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ebbwatch.markup import alertmanager, own_json, plain, slack, telegram
from ebbwatch.markup.alertmanager import Dialect
from ebbwatch.markup.for_programs import Page
from ebbwatch.markup.layout import (
    Line,
    LineRole,
    clean,
    cut_lines,
    cut_text,
    utf16_units,
    web_address,
)
from ebbwatch.model.message import Button, GroupState, Message, Reason
from ebbwatch.model.text import width_of
from tests.consumers import decoded
from tests.markup.samples import CHINESE, ENGLISH, OF_A_GROUP, OVER, SAMPLES, nasty, of_length
from tests.standins.slack import _said
from tests.standins.telegram import _visible

GOLDEN = Path(__file__).parent / "golden"


def _sign(button: Button) -> str:
    return f"{button.action}:{button.alert}"


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _slack(message: Message) -> str:
    text, blocks = slack.blocks(message, sign=_sign)
    return _pretty({"text": text, "blocks": blocks})


LOOKS: dict[str, Callable[[Message], str]] = {
    "telegram.html": telegram.html,
    "slack.json": _slack,
    "plain.txt": plain.plain,
    "plain-40.txt": lambda message: plain.plain(message, width=40),
    "alertmanager.json": lambda message: _pretty(alertmanager.payload(message, receiver="desk")),
}


@pytest.mark.parametrize("language", SAMPLES)
@pytest.mark.parametrize("look", LOOKS)
def test_a_message_looks_as_it_did(look: str, language: str) -> None:
    """The golden files are the look; set EBBWATCH_GOLDEN=write to rewrite and review them."""
    name, suffix = look.split(".")
    file = GOLDEN / f"{name}.{language}.{suffix}"
    text = LOOKS[look](SAMPLES[language]) + "\n"
    if os.environ.get("EBBWATCH_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


_PAGE = Page("https://desk.example/ebbwatch")
TO_PROGRAMS: dict[str, Callable[[Message], Any]] = {
    "constant": lambda message: alertmanager.payload(message, receiver="desk"),
    "per-level": lambda message: alertmanager.payload(
        message,
        receiver="desk",
        dialect=Dialect(by_level=True, severities={"watch": "low"}, page=_PAGE),
        possible_repeat=True,
    ),
    "own": lambda message: own_json.payload(message, receiver="desk"),
}


@pytest.mark.parametrize("said", ["group", "over"])
@pytest.mark.parametrize("look", TO_PROGRAMS)
def test_a_group_is_told_to_programs_as_it_was(look: str, said: str) -> None:
    """One alert changed, another fires on; then it is over. As above, golden files are the look."""
    body = TO_PROGRAMS[look]({"group": OF_A_GROUP, "over": OVER}[said])
    if look != "own":
        decoded(body, severities=("info", "low", "warning"))
    file = GOLDEN / f"programs-{look}.{said}.json"
    if os.environ.get("EBBWATCH_GOLDEN") == "write":
        file.write_text(_pretty(body) + "\n", encoding="utf-8")
    assert _pretty(body) + "\n" == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "link", "address"),
    [
        (
            Page("https://desk.example/x"),
            "https://pub.example",
            "https://desk.example/x/rules/a%2Fb",
        ),
        (Page("", "http://127.0.0.1:8077"), "https://pub.example", "https://pub.example"),
        (Page("", "http://127.0.0.1:8077"), "", "http://127.0.0.1:8077/rules/a%2Fb"),
        (Page(), "", "http://localhost/rules/a%2Fb"),
    ],
    ids=["the page that readers reach", "the rule's link", "the page of this machine", "no page"],
)
def test_every_alert_leads_somewhere(page: Page, link: str, address: str) -> None:
    """Those that receive it make links of it, and never of nothing."""
    alert = {**OVER.alerts[0], "rule": "a/b", "link": link}
    body = alertmanager.payload(replace(OVER, alerts=(alert,)), dialect=Dialect(page=page))
    assert body["alerts"][0]["generatorURL"] == address
    assert body["externalURL"] == page.address


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Possibly a repeat: an earlier copy may have reached you"),
        ("zh-Hant", "可能重複：同一則通知也許先前已送達"),
    ],
)
def test_a_possible_repeat_says_so_below_the_headline(language: str, words: str) -> None:
    """Cutting takes the end, so the warning must stand at the start."""
    message = SAMPLES[language]
    assert telegram.html(message, possible_repeat=True).split("\n")[1] == f"<i>{words}</i>"
    assert plain.plain(message, possible_repeat=True).split("\n")[1] == words
    _, blocks = slack.blocks(message, possible_repeat=True)
    context = next(block for block in blocks if block["type"] == "context")
    assert context["elements"][-1]["text"] == words


def test_no_markup_of_the_data_reaches_telegram_as_markup() -> None:
    """Balanced HTML by the stand-in's own parser, and everything still there to read."""
    seen = _visible(telegram.html(nasty()), "HTML", 4096)
    shown = "<b>&amp; <!channel> <@U1> *a* _b_ ~c~ `d` [x](y) \"q\" 'r' [31m"
    for field in ("headline", "line", "broken", "note", "footer"):
        assert f"{field} {shown}" in seen
    assert "\x1b" not in seen
    assert "\x00" not in seen
    seen.encode()  # no half characters


def test_no_data_can_call_a_channel_or_format_text_in_slack() -> None:
    """Three characters escaped everywhere; mrkdwn only where every character is ours."""
    text, blocks = slack.blocks(nasty(), sign=_sign)
    assert "<" not in text
    links = []
    for block in blocks:
        for part in [block.get("text"), *block.get("elements", [])]:
            inner = part["text"] if part and part["type"] == "button" else part
            if inner is None:
                continue
            if inner["type"] == "mrkdwn":
                links.append(inner["text"])
            else:
                assert "<" not in inner["text"]
                assert inner["emoji"] is False
    assert links == [
        '<https://example.org/?a="&gt;&lt;!channel&gt;%7Cxxxxx&amp;b|example.org ↗>',
    ]
    _said({"text": text, "blocks": blocks})


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("https://www.newyorkfed.org/a", ("https://www.newyorkfed.org/a", "newyorkfed.org")),
        ("http://127.0.0.1:8080/x", ("http://127.0.0.1:8080/x", "127.0.0.1")),
        ("tg://resolve?domain=x", None),
        ("javascript:alert(1)", None),
        ("https://[::1", None),
        ("https://", None),
        ("https://example.org/a b", None),
        ("see the desk's page", None),
    ],
)
def test_only_web_addresses_become_links(link: str, address: tuple[str, str] | None) -> None:
    """Anything else stays text, in every platform."""
    assert web_address(link) == address
    message = replace(ENGLISH, link=link)
    assert ("<a href" in telegram.html(message)) == (address is not None)
    assert ("mrkdwn" in _slack(message)) == (address is not None)


@pytest.mark.parametrize("units", [4095, 4096])
def test_a_text_at_telegrams_limit_is_whole(units: int) -> None:
    """Markup does not count, so tags on top of the limit are fine."""
    html = telegram.html(of_length(units))
    assert utf16_units(_visible(html, "HTML", 4096)) == units


def test_a_text_one_past_telegrams_limit_loses_its_last_line_only() -> None:
    """The cut falls between lines and is marked."""
    seen = _visible(telegram.html(of_length(4097)), "HTML", 4096)
    *lines, last = seen.split("\n")
    assert last == "…"
    assert lines == [of_length(4097).headline, *of_length(4097).lines[: len(lines) - 1]]
    assert len(lines) == len(of_length(4097).lines)


LONG = "準備金 & <reserves> 🟠 " * 1000


@pytest.mark.parametrize(
    "message",
    [
        replace(ENGLISH, headline=LONG),
        replace(ENGLISH, lines=(LONG,)),
        replace(ENGLISH, lines=(LONG, LONG)),
        replace(ENGLISH, lines=tuple(LONG[:300] for _ in range(200))),
        replace(ENGLISH, note=LONG),
        replace(ENGLISH, footer=(LONG,) * 20),
        replace(ENGLISH, footer=("GDP of Q2; Q3 late since 30 Oct",) * 20),
        replace(ENGLISH, link="https://example.org/" + "x" * 4000),
        replace(ENGLISH, lines=tuple("&" * 3000 for _ in range(60))),
        replace(ENGLISH, buttons=tuple(Button(LONG, "ack", f"{n}") for n in range(40))),
        replace(ENGLISH, lines=(), note="", footer=(), link=""),
        nasty(),
    ],
    ids=[
        "a long headline",
        "a long line",
        "long lines",
        "many lines",
        "a long note",
        "long footers",
        "many footers",
        "a long link",
        "every character an entity",
        "many buttons",
        "a headline alone",
        "markup everywhere",
    ],
)
def test_whatever_is_said_fits_every_platform(message: Message) -> None:
    """The stand-ins refuse what the platforms refuse; nothing of ours is refused."""
    _visible(telegram.html(message, possible_repeat=True), "HTML", 4096)
    _visible(plain.plain(message, limit=4096, possible_repeat=True), None, 4096)
    text, blocks = slack.blocks(message, possible_repeat=True, sign=_sign)
    _said({"text": text, "blocks": blocks})
    assert utf16_units(slack.fallback(message)) <= slack.FALLBACK_LIMIT


def test_a_headline_longer_than_slacks_header_is_said_in_full_below() -> None:
    """Nothing is lost to the shortest limit."""
    message = replace(ENGLISH, headline="Reserves " * 30)
    _, blocks = slack.blocks(message)
    assert blocks[0]["text"]["text"].endswith("…")
    assert blocks[1]["text"]["text"].startswith(("Reserves " * 30).strip() + "\n")


def test_buttons_are_there_only_when_somebody_answers_them() -> None:
    """A button that does nothing is worse than none."""
    _, silent = slack.blocks(ENGLISH)
    assert [block["type"] for block in silent] == ["header", "section", "section", "context"]
    _, answered = slack.blocks(ENGLISH, sign=_sign)
    assert answered[-1]["type"] == "actions"
    assert telegram.keyboard(ENGLISH, _sign) == [
        [
            ("Ack", "ack:funding-spread"),
            ("Snooze", "snooze:funding-spread"),
            ("Chart", "chart:funding-spread"),
            ("Why", "why:funding-spread"),
        ]
    ]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\nb\r\nc", "a b c"),
        ("4.22\N{NO-BREAK SPACE}%", "4.22\N{NO-BREAK SPACE}%"),
        ("tab\there", "tab here"),
        ("\x1b[31mred\x07", "[31mred"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
        ("  ", ""),
    ],
)
def test_text_is_cleaned_of_what_does_harm(text: str, cleaned: str) -> None:
    """Escape codes, line breaks and half characters go; typography stays."""
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("reserves", 8, "reserves"),
        ("reserves", 7, "reserv…"),
        ("a 🟠🟠", 4, "a…"),
        ("a 🟠🟠", 5, "a 🟠…"),
        ("ab cd", 4, "ab…"),
    ],
)
def test_cut_text_ends_in_an_ellipsis_and_never_in_half_a_character(
    text: str, limit: int, cut: str
) -> None:
    """An emoji counts two units."""
    assert cut_text(text, limit) == cut


def test_cut_lines_keeps_what_is_most_important() -> None:
    """From the end, whole lines; a fact is shortened only if it is the first."""
    lines = [
        Line("head", LineRole.HEADLINE),
        Line("fact one", LineRole.FACT),
        Line("note", LineRole.NOTE),
    ]
    assert cut_lines(lines, 18) == lines
    assert cut_lines(lines, 17) == [*lines[:2], Line("…", LineRole.FACT)]
    assert cut_lines(lines, 15) == [*lines[:2], Line("…", LineRole.FACT)]
    assert cut_lines(lines, 12) == [lines[0], Line("fact o…", LineRole.FACT)]
    assert cut_lines(lines, 3) == [Line("he…", LineRole.HEADLINE)]


def test_wide_characters_wrap_by_the_columns_they_take() -> None:
    """No row is wider than asked, and no row begins with closing punctuation."""
    message = replace(CHINESE, link="")
    rows = plain.plain(message, width=30).split("\n")
    assert max(width_of(row) for row in rows) <= 32  # closing punctuation may hang over
    assert not [row for row in rows if row.startswith(("，", "。", "；", "）"))]
    assert "".join(rows).replace(" ", "") == plain.plain(message).replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("reason", [Reason.DIGEST, Reason.TEST, Reason.HEALTH])
def test_a_message_about_no_alert_is_one_alert_to_alertmanagers_friends(reason: Reason) -> None:
    """They expect at least one, with a name; nobody would end it, so that it has ended."""
    labels = {"alertname": "Ebbwatch", "reason": reason.value}
    state = GroupState(
        labels=labels, at=datetime(2026, 11, 30, 13, 45, tzinfo=UTC), why="all alerts resolved"
    )
    message = replace(ENGLISH, reason=reason, alerts=(), state=state)
    body = alertmanager.payload(message, receiver="ops")
    (alert,) = body["alerts"]
    assert alert["labels"] == body["groupLabels"] == labels
    assert alert["annotations"]["severity"] == "info"
    assert (body["status"], body["receiver"], alert["startsAt"], alert["endsAt"]) == (
        "resolved", "ops", "2026-11-30T13:45:00+00:00", "2026-11-30T13:45:00+00:00",
    )  # fmt: skip


def test_a_group_is_resolved_when_all_its_alerts_are() -> None:
    """Common labels are those that all share."""
    alert = dict(ENGLISH.alerts[0])
    over = {**alert, "rule": "repo-tail", "status": "resolved", "labels": {"theme": "funding"}}
    over["ends_at"] = "2025-11-04T14:00:00+00:00"
    both = alertmanager.payload(replace(ENGLISH, alerts=(alert, over)))
    assert (both["status"], both["commonLabels"]) == (
        "firing",
        {"theme": "funding"},
    )
    one = alertmanager.payload(replace(ENGLISH, alerts=(over,)))
    assert (one["status"], one["alerts"][0]["endsAt"]) == (
        "resolved",
        "2025-11-04T14:00:00+00:00",
    )
