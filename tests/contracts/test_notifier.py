"""What every notifier keeps to: three ways to fail, none of which tells a secret."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from _pytest.logging import LogCaptureFixture

from ebbwatch.markup.layout import utf16_units
from ebbwatch.model.message import Receipt, Target
from ebbwatch.notifiers import webhook
from ebbwatch.notifiers.slack import SlackNotifier
from ebbwatch.notifiers.telegram import TelegramNotifier
from ebbwatch.notifiers.terminal import TerminalNotifier
from ebbwatch.notifiers.webhook import WebhookNotifier
from ebbwatch.platforms import slack, telegram
from ebbwatch.ports import (
    DeliveryError,
    Notifier,
    NotifierSetup,
    RetryLater,
    Secret,
    Uncertain,
    Undeliverable,
)
from tests.markup.samples import ENGLISH, nasty, of_length
from tests.notifiers.hurry import HurriedClock
from tests.standins.serving import Fault, StandIn
from tests.standins.slack import SlackStandIn, ratelimited
from tests.standins.telegram import TelegramStandIn, flood
from tests.standins.webhook import WebhookStandIn

TOKEN = "987654:PLANTED-token-nobody-may-see"
WORD = "PLANTED-header-nobody-may-see"
#: Whatever must not turn up anywhere.
SECRETS = (TOKEN, WORD, "SECRET-path-of-the-hook", "PLANTED")


@dataclass
class FarSide:
    """A notifier, its platform's stand-in, and how to look at what arrived.

    Attributes:
        standin: The platform.
        notifier: Under test.
        target: A place that is there.
        arrived: Returns the texts that arrived, oldest first.
        patience: Returns the platform's way to ask for some seconds.
    """

    standin: StandIn
    notifier: Notifier
    target: Target
    arrived: Callable[[], list[str]]
    patience: Callable[[int], Fault]


@asynccontextmanager
async def far_side(kind: str, *, closed: bool = False) -> AsyncIterator[FarSide]:
    """Build one kind's notifier against its stand-in; `closed` leaves nobody listening."""
    clock = HurriedClock()
    side: FarSide
    match kind:
        case "telegram":
            bot = TelegramStandIn(TOKEN)
            async with bot:
                setup = NotifierSetup(clock, token=Secret(TOKEN), api_base=bot.origin)
                side = FarSide(
                    bot,
                    TelegramNotifier(setup),
                    Target("desk", "telegram", {"chat": 42}),
                    lambda: [shown.text for shown in bot.chats[42]],
                    flood,
                )
                async for one in _lasting(side, closed=closed):
                    yield one
        case "slack":
            app = SlackStandIn(TOKEN)
            async with app:
                setup = NotifierSetup(clock, {"WORD": Secret(TOKEN)}, api_base=app.api_base)
                side = FarSide(
                    app,
                    SlackNotifier(setup),
                    Target(
                        "desk", "slack", {"channel": "C0DESK00001", "token": {"secret": "WORD"}}
                    ),
                    lambda: [posted.text for posted in app.channels["C0DESK00001"]],
                    ratelimited,
                )
                async for one in _lasting(side, closed=closed):
                    yield one
        case _:
            hook = WebhookStandIn()
            async with hook:
                secrets = {"URL": Secret(hook.url), "WORD": Secret(WORD)}
                side = FarSide(
                    hook,
                    WebhookNotifier(NotifierSetup(clock, secrets)),
                    Target(
                        "desk",
                        "webhook",
                        {
                            "url": {"secret": "URL"},
                            "headers": {"Authorization": {"secret": "WORD"}},
                        },
                    ),
                    lambda: [json.dumps(taken.body, ensure_ascii=False) for taken in hook.taken],
                    lambda seconds: Fault(status=429, headers={"Retry-After": str(seconds)}),
                )
                async for one in _lasting(side, closed=closed):
                    yield one


async def _lasting(side: FarSide, *, closed: bool) -> AsyncIterator[FarSide]:
    if closed:
        await side.standin.__aexit__(None, None, None)
    try:
        yield side
    finally:
        await side.notifier.aclose()


KINDS = ("telegram", "slack", "webhook")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait half a second for an answer instead of half a minute."""
    monkeypatch.setattr(telegram, "_READ_S", 0.5)
    monkeypatch.setattr(slack, "_TOTAL_S", 0.5)
    monkeypatch.setattr(webhook, "_TOTAL_S", 0.5)


async def outcome(side: FarSide, **options: Any) -> DeliveryError | Receipt:
    """Send one message; return the receipt, or why there is none."""
    try:
        return await side.notifier.send(ENGLISH, side.target, key="spread/fired/desk/0", **options)
    except DeliveryError as err:
        return err


# statuses: R retry later, U undeliverable, ? uncertain, . delivered
STATUSES = {
    "webhook": {
        ".": (200, 201, 202, 204, 299),
        "U": (300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 410, 413, 421, 422, 451),
        "R": (408, 425, 429, 503),
        "?": (500, 501, 502, 504, 520, 599),
    },
    "telegram": {
        "?": (200, 201, 204, 500, 501, 502, 503, 504, 520, 599),
        "U": (300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 410, 413, 421, 422),
        "R": (408, 409, 425, 429),
    },
    "slack": {
        "?": (200, 201, 204, 500, 501, 502, 503, 504, 520, 599),
        "U": (301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 413, 421, 422),
        "R": (408, 425, 429),
    },
}
MEANINGS = {".": Receipt, "R": RetryLater, "U": Undeliverable, "?": Uncertain}


@pytest.mark.parametrize("body", ["<html>a proxy's page PLANTED</html>", {"PLANTED": [1]}, [1]])
@pytest.mark.parametrize("kind", KINDS)
async def test_every_status_has_one_meaning(kind: str, body: Any) -> None:
    """The status decides, whatever a proxy writes below it; nothing is sent twice."""
    found: dict[int, type] = {}
    async with far_side(kind) as side:
        for status in [status for row in STATUSES[kind].values() for status in row]:
            to = {"Location": f"{side.standin.origin}/elsewhere"}
            side.standin.faults = [Fault(status=status, body=body, headers=to)]
            result = await outcome(side)
            found[status] = type(result)
            assert not any(secret in str(result) for secret in SECRETS)
            assert side.standin.faults == []
        assert side.arrived() == []
        assert getattr(side.standin, "elsewhere", 0) == 0
    expected = {
        status: MEANINGS[letter] for letter, row in STATUSES[kind].items() for status in row
    }
    assert found == expected


@pytest.mark.parametrize("content", ["text/plain", "application/json"])
@pytest.mark.parametrize("kind", ["telegram", "slack"])
async def test_an_answer_that_is_not_the_platforms_is_no_receipt(kind: str, content: str) -> None:
    """200 alone proves nothing where the platform answers in JSON."""
    async with far_side(kind) as side:
        for body in (b"ok", b"{", b"\xff\xfe", b"[]", b"1", b'{"ok": true, "result": 1}'):
            if kind == "slack" and content == "application/json" and b"ok" in body:
                continue  # is Slack's own way to say yes
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: {content}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            side.standin.faults = [Fault("raw", body=head.encode() + body)]
            assert type(await outcome(side)) is Uncertain


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_informational_answer_is_no_answer(kind: str, status: str) -> None:
    """After 1xx the real answer must follow; without it the message may have arrived."""
    async with far_side(kind) as side:
        side.standin.faults = [Fault("raw", body=f"HTTP/1.1 {status}\r\n\r\n".encode())]
        assert type(await outcome(side)) is Uncertain


@pytest.mark.parametrize("kind", KINDS)
async def test_the_platforms_own_delay_is_respected(kind: str) -> None:
    """Seven seconds asked for are seven seconds given."""
    async with far_side(kind) as side:
        side.standin.faults = [side.patience(7)]
        result = await outcome(side)
        assert isinstance(result, RetryLater)
        assert result.after == timedelta(seconds=7)
        assert isinstance(await outcome(side), Receipt)


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        (
            format_datetime(datetime(2026, 11, 24, 12, 1, tzinfo=UTC), usegmt=True),
            timedelta(minutes=1),
        ),
        (format_datetime(datetime(2026, 11, 24, 11, 0, tzinfo=UTC), usegmt=True), timedelta(0)),
        ("7200", timedelta(hours=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("1000000000000000", None),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
async def test_a_retry_after_header_is_seconds_or_a_date(
    header: str | None, after: timedelta | None
) -> None:
    """RFC 9110 allows both; nonsense counts as nothing said."""
    headers = {} if header is None else {"Retry-After": header}
    async with far_side("webhook") as side:
        side.standin.faults = [Fault(status=503, headers=headers)]
        result = await outcome(side)
        assert isinstance(result, RetryLater)
        assert result.after == after


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_listening_means_certainly_not_delivered(kind: str) -> None:
    """No connection, no message: a later try cannot be a repeat."""
    async with far_side(kind, closed=True) as side:
        result = await outcome(side)
        assert isinstance(result, RetryLater)
        assert re.fullmatch(r"(telegram|slack|the webhook) was not reached: \w+", str(result))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("how", ["refuse", "drop", "stall"])
@pytest.mark.parametrize("kind", KINDS)
async def test_silence_after_sending_means_perhaps_and_is_not_tried_again_here(
    kind: str, how: str
) -> None:
    """Whether the far side had worked cannot be known; repeating is the caller's decision."""
    async with far_side(kind) as side:
        side.standin.faults = [Fault(how)]
        assert type(await outcome(side)) is Uncertain
        assert len(side.arrived()) == (0 if how == "refuse" else 1)


@pytest.mark.parametrize("units", [4095, 4096, 4097, 50_000])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_long_text_arrives_as_long_as_the_platform_takes_it(kind: str, units: int) -> None:
    """At the limit, one past it, and far past it: one message, never a refusal."""
    async with far_side(kind) as side:
        message = of_length(units)
        await side.notifier.send(message, side.target, key="long")
        (text,) = side.arrived()
        assert message.headline in text
        if kind == "telegram":
            whole = "\n".join((message.headline, *message.lines))
            assert (text == whole) == (units <= 4096)
            assert utf16_units(text) <= 4096


@pytest.mark.parametrize("kind", KINDS)
async def test_markup_in_every_field_arrives_as_text(kind: str) -> None:
    """The stand-ins refuse broken markup as the platforms do."""
    async with far_side(kind) as side:
        await side.notifier.send(nasty(), side.target, key='key "with" \r\n <markup> 準備金')
        (text,) = side.arrived()
        assert "headline" in text
        if kind == "slack":
            assert "<!channel>" not in text


@pytest.mark.parametrize("kind", [*KINDS, "terminal"])
async def test_a_possible_repeat_can_be_told_from_the_first(kind: str) -> None:
    """People read it; a webhook's receiver knows it by its key."""
    if kind == "terminal":
        written: list[str] = []
        printer = TerminalNotifier(NotifierSetup(HurriedClock()), write=written.append)
        await printer.send(ENGLISH, Target("desk", "terminal"), key="k", possible_repeat=True)
        assert "Possibly a repeat" in written[0]
        return
    async with far_side(kind) as side:
        await outcome(side)
        await outcome(side, possible_repeat=True)
        first, second = side.arrived()
        if isinstance(side.standin, WebhookStandIn):
            assert {taken.key for taken in side.standin.taken} == {"spread/fired/desk/0"}
        elif kind == "telegram":
            assert ("Possibly a repeat" in first, "Possibly a repeat" in second) == (False, True)
        else:
            assert isinstance(side.standin, SlackStandIn)
            one, two = side.standin.channels["C0DESK00001"]
            assert one.client_msg_id == two.client_msg_id
            assert "Possibly a repeat" in json.dumps(two.blocks)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", KINDS)
async def test_no_secret_is_in_any_exception_or_log_line(
    kind: str, caplog: LogCaptureFixture
) -> None:
    """Whatever goes wrong, at every level of every library's log."""
    caplog.set_level(logging.DEBUG)
    faults = [
        Fault(how, status=status, body=body)
        for how, status, body in (
            ("status", 200, "PLANT"),
            ("status", 302, "PLANT"),
            ("status", 400, {"ok": False, "description": "no"}),
            ("status", 401, {"ok": False, "error": "invalid_auth"}),
            ("status", 403, ""),
            ("status", 404, ""),
            ("status", 429, {"parameters": {"retry_after": 1}}),
            ("status", 500, "oops"),
            ("raw", 0, b"not HTTP at all\r\n\r\n"),
            ("refuse", 0, ""),
            ("drop", 0, ""),
            ("stall", 0, ""),
        )
    ]
    told = []
    async with far_side(kind) as side:
        receipt = await outcome(side)
        assert isinstance(receipt, Receipt)
        for fault in faults:
            for act in ("send", "edit", "attach"):
                if act == "attach" and kind == "webhook":
                    continue
                side.standin.faults = [replace(fault)]
                try:
                    if act == "attach":
                        await side.notifier.attach(b"PNG", ENGLISH, side.target, to=receipt)
                    else:
                        edit = receipt if act == "edit" else None
                        await side.notifier.send(ENGLISH, side.target, key="k", edit=edit)
                except DeliveryError as err:
                    told += [str(err), repr(err), *traceback.format_exception(err)]
    async with far_side(kind, closed=True) as side:
        result = await outcome(side)
        assert isinstance(result, DeliveryError)
        told += [str(result), repr(result), *traceback.format_exception(result)]
    assert len(told) > 40
    everything = "\n".join([*told, caplog.text, *map(str, (r.__dict__ for r in caplog.records))])
    leaks = [line for line in everything.split("\n") if any(one in line for one in SECRETS)]
    assert leaks == []
    assert "127.0.0.1" not in "\n".join(told)


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("telegram", {}, "a telegram target of receiver desk has no chat"),
        ("telegram", {"chat": 1, "topic": "x"}, "a topic of receiver desk is not a number"),
        ("slack", {}, "a slack target of receiver desk has no channel"),
        (
            "webhook",
            {"url": "http://127.0.0.1:1/", "headers": "X: 1"},
            "the webhook headers of receiver desk are no map",
        ),
        ("webhook", {}, "the webhook of receiver desk has no url"),
        (
            "webhook",
            {"url": "http://127.0.0.1:1/", "format": "teams"},
            "webhooks know the formats alertmanager and ebbwatch, not teams",
        ),
        ("webhook", {"url": "not an address"}, "the webhook's address or a header is malformed"),
        ("webhook", {"url": "ftp://x/y"}, "the webhook's address or a header is malformed"),
        (
            "webhook",
            {"url": {"secret": "URL"}, "headers": {"X": "a\r\nb: c"}},
            "the webhook's address or a header is malformed",
        ),
        (
            "webhook",
            {"url": {"secret": "MISSING"}},
            "the secret MISSING is not set; give it as EBBWATCH_SECRET__MISSING or in its file",
        ),
        (
            "slack",
            {"channel": "C1", "token": {"secret": "MISSING"}},
            "the secret MISSING is not set; give it as EBBWATCH_SECRET__MISSING or in its file",
        ),
        ("slack", {"channel": "C1"}, "there is no slack token; set EBBWATCH_SLACK__BOT_TOKEN"),
    ],
)
async def test_a_target_that_is_not_set_up_says_what_is_missing(
    kind: str, options: dict[str, Any], error: str
) -> None:
    """A person must act, and the error says how."""
    async with far_side(kind) as side:
        target = replace(side.target, options=options)
        with pytest.raises(Undeliverable) as caught:
            await side.notifier.send(ENGLISH, target, key="k")
        assert str(caught.value) == error


@pytest.mark.parametrize("kind", ["telegram", "slack"])
async def test_without_a_token_a_notifier_says_which_setting_to_set(kind: str) -> None:
    """It is built all the same: other targets may have tokens of their own."""
    made = TelegramNotifier if kind == "telegram" else SlackNotifier
    notifier = made(NotifierSetup(HurriedClock()))
    with pytest.raises(
        Undeliverable, match=f"there is no {kind} token; set EBBWATCH_{kind.upper()}"
    ):
        await notifier.send(ENGLISH, Target("desk", kind, {"chat": 1, "channel": "C1"}), key="k")
    await notifier.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_notifier_may_be_closed_twice(kind: str) -> None:
    """Stopping in a hurry closes what was closed already."""
    async with far_side(kind) as side:
        assert isinstance(await outcome(side), Receipt)
        await side.notifier.aclose()
        await side.notifier.aclose()
