"""Telegram's own ways: edits, answers, topics, moves, pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ebbwatch.markup.plain import plain
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Message, Reason, Receipt, Target
from ebbwatch.notifiers.telegram import TelegramNotifier
from ebbwatch.ports import NotifierSetup, RetryLater, Secret, Undeliverable
from tests.fakes import ManualClock
from tests.markup.samples import CHINESE, ENGLISH
from tests.notifiers.hurry import HurriedClock
from tests.standins.serving import Fault
from tests.standins.telegram import TelegramStandIn, refusing

DESK = Target("desk", "telegram", {"chat": 42})
GROUP = Target("desk", "telegram", {"chat": -100, "topic": 7})


@pytest.fixture
async def bot() -> AsyncIterator[TelegramStandIn]:
    """Return the platform, with a private chat and a group with one topic."""
    async with TelegramStandIn(chats=(42, -100, -200)) as bot:
        bot.topics[-100] = {7}
        yield bot


@pytest.fixture
async def notifier(bot: TelegramStandIn) -> AsyncIterator[TelegramNotifier]:
    """Return a notifier for which time passes at once."""
    setup = NotifierSetup(HurriedClock(), token=Secret(bot.token), api_base=f"{bot.origin}/")
    notifier = TelegramNotifier(setup)
    yield notifier
    await notifier.aclose()


async def test_a_message_is_seen_as_it_was_meant(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """Markup becomes looks, and no button is there that nobody answers."""
    receipt = await notifier.send(CHINESE, DESK, key="k")
    (shown,) = bot.chats[42]
    assert receipt == Receipt(str(shown.id), "42")
    assert shown.text == plain(CHINESE).replace(CHINESE.link, "newyorkfed.org ↗")
    assert (shown.silent, shown.keyboard, shown.topic, shown.answers) == (False, [], None, None)
    assert '"is_disabled": true' in bot.calls[-1][1]["link_preview_options"]


async def test_a_target_may_have_a_bot_of_its_own(bot: TelegramStandIn) -> None:
    """Its token is used instead of the settings' one, and not even asked of them."""
    for own in (Secret("1:another"), None):
        setup = NotifierSetup(
            HurriedClock(), {"SECOND": Secret(bot.token)}, token=own, api_base=bot.origin
        )
        notifier = TelegramNotifier(setup)
        options = {"chat": 42, "token": {"secret": "SECOND"}}
        await notifier.send(ENGLISH, Target("desk", "telegram", options), key="k")
        await notifier.aclose()
    assert len(bot.chats[42]) == 2


async def test_buttons_carry_what_the_signer_says(bot: TelegramStandIn) -> None:
    """With a signer, every button stands under the message."""
    setup = NotifierSetup(HurriedClock(), token=Secret(bot.token), api_base=bot.origin)
    notifier = TelegramNotifier(setup, sign=lambda button: f"{button.action}.signed")
    await notifier.send(ENGLISH, DESK, key="k")
    await notifier.aclose()
    (row,) = bot.chats[42][0].keyboard
    assert [(key["text"], key["callback_data"]) for key in row] == [
        ("Ack", "ack.signed"),
        ("Snooze", "snooze.signed"),
        ("Chart", "chart.signed"),
        ("Why", "why.signed"),
    ]


@pytest.mark.parametrize(
    ("message", "silent"),
    [
        (ENGLISH, False),
        (replace(ENGLISH, level=Level.WATCH), True),
        (replace(ENGLISH, reason=Reason.EASED), True),
        (replace(ENGLISH, reason=Reason.DIGEST), True),
        (replace(ENGLISH, reason=Reason.RESOLVED, level=Level.NONE), False),
    ],
)
async def test_only_what_must_be_heard_makes_a_sound(
    bot: TelegramStandIn, notifier: TelegramNotifier, message: Message, silent: bool
) -> None:
    """Watch levels, easing and digests are for when one looks."""
    await notifier.send(message, DESK, key="k")
    assert bot.chats[42][0].silent is silent


async def test_easing_edits_the_message_and_an_escalation_answers_it(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """One message that changes, and a new one, with sound, when it gets worse."""
    first = await notifier.send(ENGLISH, DESK, key="k1")
    eased = replace(ENGLISH, headline="↘ WATCH · eased")
    assert await notifier.send(eased, DESK, key="k2", edit=first) == first
    worse = await notifier.send(ENGLISH, DESK, key="k3", thread=first)
    one, two = bot.chats[42]
    assert one.text.startswith("↘ WATCH · eased")
    assert one.edits == [two.text]
    assert (worse.message_id, two.answers, two.silent) == (str(two.id), one.id, False)


async def test_an_edit_that_changes_nothing_is_a_success(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """A repeated edit finds its own text."""
    first = await notifier.send(ENGLISH, DESK, key="k")
    assert await notifier.send(ENGLISH, DESK, key="k", edit=first, possible_repeat=True) == first
    assert len(bot.chats[42]) == 1


@pytest.mark.parametrize("stem", ["message to edit not found", "message can't be edited"])
async def test_where_nothing_can_be_edited_it_is_said_anew_without_sound(
    bot: TelegramStandIn, notifier: TelegramNotifier, stem: str
) -> None:
    """People delete messages, and old ones cannot be edited."""
    first = await notifier.send(ENGLISH, DESK, key="k1")
    bot.faults = [refusing(400, f"Bad Request: {stem}")]
    again = await notifier.send(ENGLISH, DESK, key="k2", edit=first)
    assert again.message_id != first.message_id
    assert (bot.chats[42][1].silent, bot.chats[42][1].answers) == (True, int(first.message_id))


async def test_an_answer_to_a_message_that_is_gone_is_sent_all_the_same(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """The thread is a help, not a condition."""
    await notifier.send(ENGLISH, DESK, key="k", thread=Receipt("999", "42"))
    assert bot.chats[42][0].answers is None


async def test_a_message_finds_its_topic_and_survives_its_deletion(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """Without the topic, the group itself."""
    await notifier.send(ENGLISH, GROUP, key="k1")
    bot.topics[-100] = set()
    await notifier.send(ENGLISH, GROUP, key="k2")
    assert [shown.topic for shown in bot.chats[-100]] == [7, None]


async def test_a_chat_that_moved_is_followed_once_and_the_receipt_says_where(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """Groups become supergroups under a new id."""
    bot.moved[-200] = -1002
    bot.chats[-1002] = []
    target = Target("desk", "telegram", {"chat": "-200"})
    assert await notifier.send(ENGLISH, target, key="k") == Receipt("1", "-1002")
    bot.moved[-1002] = -200
    with pytest.raises(Undeliverable, match="the chat moved twice"):
        await notifier.send(ENGLISH, target, key="k")


async def test_refused_markup_is_said_once_more_as_plain_text(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """Ugly, and told; a second refusal is the end of it."""
    refused = "Bad Request: can't parse entities: unsupported start tag"
    bot.faults = [refusing(400, refused)]
    await notifier.send(ENGLISH, DESK, key="k")
    assert bot.chats[42][0].sent == plain(ENGLISH)
    bot.faults = [refusing(400, refused), refusing(400, refused)]
    with pytest.raises(Undeliverable, match="telegram refused the message: can't parse"):
        await notifier.send(ENGLISH, DESK, key="k")


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [
        (403, "Forbidden: bot was blocked by the user", "by the user; unblock the bot in the chat"),
        (403, "Forbidden: user is deactivated", "telegram: user is deactivated; that account"),
        (403, "Forbidden: bot was kicked from the supergroup chat", "; add the bot to the group"),
        (403, "Forbidden: bot is not a member of the channel chat", "; .* as an administrator"),
        (403, "Forbidden: something new", "telegram refused the message: something new"),
        (400, "Bad Request: chat not found", "telegram: chat not found; check its number, and"),
        (400, "Bad Request: TOPIC_CLOSED", "telegram: topic_closed; open the topic again"),
        (400, "Bad Request: need administrator rights in the channel chat", "; let the bot post"),
        (400, "Bad Request: message is too long", "telegram refused the message: message is too"),
        (401, "Unauthorized", "telegram refused the token; set a valid EBBWATCH_TELEGRAM__TOKEN"),
        (404, "Not Found", "telegram refused the token; set a valid EBBWATCH_TELEGRAM__TOKEN"),
        (421, "Misdirected Request", "this bot api server does not serve the token's bot"),
    ],
)
async def test_what_a_person_must_act_on_says_so(
    bot: TelegramStandIn, notifier: TelegramNotifier, status: int, words: str, error: str
) -> None:
    """In Telegram's words, or in ours where they are clearer."""
    bot.faults = [refusing(status, words)]
    with pytest.raises(Undeliverable, match=error):
        await notifier.send(ENGLISH, DESK, key="k")


async def test_a_chart_answers_its_message_without_sound(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """The headline is its caption, cut at the limit of captions."""
    long = replace(ENGLISH, headline="🟠 " + "long " * 300)
    receipt = await notifier.send(long, GROUP, key="k")
    await notifier.attach(b"PNG", long, GROUP, to=receipt)
    text, chart = bot.chats[-100]
    assert (chart.photo, chart.answers, chart.silent, chart.topic) == (b"PNG", text.id, True, 7)
    assert chart.text.endswith("…")


async def test_a_public_name_is_a_chat_too(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """Its receipt names it as the rule file does, so that nothing seems to have moved."""
    bot.names["@liquidity"] = 42
    target = Target("desk", "telegram", {"chat": "@liquidity"})
    assert await notifier.send(ENGLISH, target, key="k") == Receipt("1", "@liquidity")


async def test_one_message_a_second_to_a_chat_and_a_flooded_chat_is_told_to_come_back(
    bot: TelegramStandIn,
) -> None:
    """Eleven can wait ten seconds; the twelfth goes back, and another chat is free at once."""
    clock = ManualClock()
    setup = NotifierSetup(clock, token=Secret(bot.token), api_base=bot.origin)
    notifier = TelegramNotifier(setup)
    sends = [asyncio.create_task(notifier.send(ENGLISH, DESK, key=f"{n}")) for n in range(12)]
    await _until(lambda: len(bot.chats[42]) == 1 and sends[11].done())
    error = sends[11].exception()
    assert isinstance(error, RetryLater)
    assert error.after == timedelta(seconds=11)
    await notifier.send(ENGLISH, Target("desk", "telegram", {"chat": -200}), key="other")
    for second in range(1, 11):
        clock.advance(timedelta(seconds=1))
        await _until(lambda second=second: len(bot.chats[42]) == second + 1)
    await asyncio.gather(*sends[:11])
    await notifier.aclose()


async def test_twenty_messages_a_minute_to_a_group(bot: TelegramStandIn) -> None:
    """In any minute, not only in the first; a private chat has no such limit."""
    clock = HurriedClock()
    notifier = TelegramNotifier(NotifierSetup(clock, token=Secret(bot.token), api_base=bot.origin))
    group = Target("desk", "telegram", {"chat": -200})
    for n in range(20):
        await notifier.send(ENGLISH, group, key=f"{n}")
    with pytest.raises(RetryLater, match="many messages wait for this chat") as caught:
        await notifier.send(ENGLISH, group, key="20")
    assert caught.value.after == timedelta(seconds=41)
    start = clock.now()
    clock.advance(timedelta(seconds=41))
    await notifier.send(ENGLISH, group, key="20")
    assert clock.now() - start == timedelta(seconds=41)
    for n in range(30):
        await notifier.send(ENGLISH, DESK, key=f"{n}")
    await notifier.aclose()


async def test_a_stall_while_editing_is_uncertain_and_repeats_harmlessly(
    bot: TelegramStandIn, notifier: TelegramNotifier
) -> None:
    """The edit had worked; the second try finds it unchanged."""
    first = await notifier.send(ENGLISH, DESK, key="k1")
    bot.faults = [Fault("drop", method="editMessageText")]
    eased = replace(ENGLISH, headline="↘ WATCH · eased")
    with pytest.raises(Exception, match="telegram gave no answer"):
        await notifier.send(eased, DESK, key="k2", edit=first)
    assert await notifier.send(eased, DESK, key="k2", edit=first, possible_repeat=True) == first
    assert len(bot.chats[42]) == 1


async def _until(true: object) -> None:
    for _ in range(500):
        if true():  # type: ignore[operator]
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come true")
