"""The stand-ins keep to what the platforms do, seen through the platforms' own libraries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from telegram import Bot, BotCommand
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken
from telegram.request import HTTPXRequest

from tests.standins.slack import SlackStandIn
from tests.standins.telegram import TelegramStandIn


@pytest.fixture
async def platform() -> AsyncIterator[TelegramStandIn]:
    """Return Telegram with one chat."""
    async with TelegramStandIn() as platform:
        yield platform


@pytest.fixture
async def bot(platform: TelegramStandIn) -> AsyncIterator[Bot]:
    """Return the library's own bot."""
    request = HTTPXRequest(connection_pool_size=4)
    yield Bot(
        platform.token,
        base_url=f"{platform.origin}/bot",
        request=request,
        get_updates_request=request,
    )
    await request.shutdown()


async def test_a_bot_knows_itself_and_a_wrong_token_is_refused(
    platform: TelegramStandIn, bot: Bot
) -> None:
    """The library maps 401 to a token that is no good."""
    assert (await bot.get_me()).username == "ebbwatch_bot"
    platform.token = "another"
    with pytest.raises(InvalidToken):
        await bot.get_me()


async def test_what_people_say_and_press_arrives_by_long_polling(
    platform: TelegramStandIn, bot: Bot
) -> None:
    """A waiting poll answers at once when there is news, and confirms by offset."""
    sent = await bot.send_message(42, "hello")
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await asyncio.sleep(0.02)
    assert not poll.done()
    platform.say(42, "/status now", user=9)
    (said,) = await poll
    assert said.message is not None
    assert said.message.text == "/status now"
    query = platform.press(42, sent.message_id, "ack.signed")
    (pressed,) = await bot.get_updates(offset=said.update_id + 1, timeout=30)
    assert pressed.callback_query is not None
    assert (pressed.callback_query.data, pressed.callback_query.id) == ("ack.signed", query)
    await bot.answer_callback_query(query, "done")
    assert platform.answers_to_buttons == {query: "done"}
    assert await bot.get_updates(offset=pressed.update_id + 1, timeout=0) == ()


async def test_a_second_poller_throws_out_the_first(bot: Bot) -> None:
    """Two instances of one bot are told so."""
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await asyncio.sleep(0.02)
    second = asyncio.create_task(bot.get_updates(timeout=1))
    with pytest.raises(Conflict, match="only one bot instance"):
        await first
    assert await second == ()


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("<b>open", "can't find end tag"),
        ("<b><i>crossed</b></i>", "unexpected end tag"),
        ("a < b", "unsupported start tag"),
        ("<p>no such tag</p>", "unsupported start tag"),
        ("x" * 4097, "essage is too long"),
        ("🟠" * 2049, "essage is too long"),
        ("", "text is empty"),
        ("<b></b>", "text is empty"),
    ],
)
async def test_telegram_refuses_what_it_refuses(bot: Bot, text: str, refusal: str) -> None:
    """Limits hold after entities; half of a pair of tags is an error."""
    with pytest.raises(BadRequest, match=refusal):
        await bot.send_message(42, text, parse_mode="HTML")


async def test_telegram_takes_what_it_takes(platform: TelegramStandIn, bot: Bot) -> None:
    """Entities count as one, tags as none."""
    await bot.send_message(42, "<b>" + "&amp;" * 4096 + "</b>", parse_mode="HTML")
    assert platform.chats[42][0].text == "&" * 4096
    await bot.set_my_commands([BotCommand("status", "what fires")])
    assert platform.commands == [{"command": "status", "description": "what fires"}]
    platform.blocked.add(42)
    with pytest.raises(Forbidden, match="blocked by the user"):
        await bot.send_message(42, "x")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"blocks": [{"type": "divider-of-worlds"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"text": "x" * 3001}}]}, "invalid_blocks"),
        (
            {"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]},
            "invalid_blocks",
        ),
        ({"blocks": [{"type": "section", "text": {"text": "x"}}] * 51}, "invalid_blocks"),
        (
            {"blocks": [{"type": "section", "text": {"text": "x" * 2900}}] * 5},
            "msg_blocks_too_long",
        ),
        ({"blocks": [{"type": "context", "elements": [{"text": "x"}] * 11}]}, "invalid_blocks"),
        ({"text": "x", "channel": "C404"}, "channel_not_found"),
    ],
)
async def test_slack_refuses_what_it_refuses(arguments: dict[str, object], error: str) -> None:
    """By its own codes."""
    async with SlackStandIn() as app:
        client = AsyncWebClient(app.token, base_url=app.api_base, retry_handlers=[])
        with pytest.raises(SlackApiError) as caught:
            await client.api_call("chat.postMessage", json={"channel": "C0DESK00001", **arguments})
        assert caught.value.response["error"] == error
        assert (await client.auth_test())["ok"] is True


async def test_slack_drops_the_blocks_of_an_update_that_brings_none() -> None:
    """Which is why an update always brings both."""
    async with SlackStandIn() as app:
        client = AsyncWebClient(app.token, base_url=app.api_base, retry_handlers=[])
        block = {"type": "section", "text": {"type": "plain_text", "text": "x"}}
        first = await client.chat_postMessage(channel="C0DESK00001", text="x", blocks=[block])
        await client.chat_update(channel="C0DESK00001", ts=str(first["ts"]), text="y")
        (one,) = app.channels["C0DESK00001"]
        assert (one.text, one.blocks, one.edits) == ("y", [], ["x"])
