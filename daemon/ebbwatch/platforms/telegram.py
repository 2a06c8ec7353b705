"""Telegram's Bot API: makes bots and their connections, and says what its errors mean.

Texts of refusals are matched by their stems, lower case, because the Bot API has no codes
finer than the HTTP status. Source: github.com/tdlib/telegram-bot-api, Client.cpp, as of
2026-05-07, read 2026-11-22.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
from telegram import Bot
from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    TelegramError,
)
from telegram.request import HTTPXRequest

from ebbwatch.model import redaction
from ebbwatch.net.client import client_options
from ebbwatch.net.delays import http_date, seconds
from ebbwatch.ports import DeliveryError, RetryLater, Uncertain, Undeliverable

_SERVER = "https://api.telegram.org"

_CONNECT_S = 10.0
_READ_S = 25.0

_NUMBER = re.compile("-?[0-9]+")

#: What to do about a refusal, by a stem of Telegram's own words. Those with underscores come from
#: Telegram's servers and not from the file named above: errors of messages.sendMessage, and those
#: about rights, as bots of others match them. Read 2026-11-30.
_WAYS_OUT = (
    ("bot was blocked by the user", "unblock the bot in the chat with it"),
    ("user is deactivated", "that account is gone: name another chat"),
    ("can't initiate conversation", "open the chat with the bot and press Start"),
    ("bots can't send messages to bots", "that is a bot's own number: name the chat of a person"),
    ("bot was kicked from the channel", "add the bot to the channel again, as an administrator"),
    ("bot was kicked from", "add the bot to the group again"),
    ("is not a member of the channel", "add the bot to the channel, as an administrator"),
    ("is not a member of", "add the bot to the group"),
    ("group chat was deleted", "name another chat"),
    ("group chat is deactivated", "name another chat"),
    ("chat not found", "check its number, and that the bot was started or added there"),
    ("chat_id is empty", "give its number, or @name of a public one"),
    ("administrator rights in the channel", "let the bot post messages: channel, administrators"),
    ("not enough rights to send photos", "let members, or the bot, send photos: chart and all"),
    ("not enough rights to send", "let members, or the bot, send messages: group, permissions"),
    ("have no rights to send", "let members, or the bot, send messages: group, permissions"),
    ("chat_write_forbidden", "let members, or the bot, send messages: group, permissions"),
    ("chat_restricted", "let members, or the bot, send messages: group, permissions"),
    ("chat_send_plain_forbidden", "let members, or the bot, send messages: group, permissions"),
    ("chat_send_photos_forbidden", "let members, or the bot, send photos: chart and all"),
    ("topic_closed", "open the topic again, or let the bot manage topics"),
    ("topic_deleted", "the topic is gone: name another"),
    ("thread not found", "the topic is gone: name another"),
)

#: What the library raises where it reads an answer of another shape than Telegram's.
MISREAD = (KeyError, TypeError, ValueError, AttributeError)


class Answered(TelegramError):
    """An HTTP status that python-telegram-bot would fold into its general errors.

    Attributes:
        status: The status.
        after: How long Telegram asks us to wait; None where it does not say.
    """

    def __init__(self, status: int, after: timedelta | None) -> None:
        """Take the status and Telegram's own delay."""
        super().__init__(f"status {status}")
        self.status = status
        self.after = after


class Connections(HTTPXRequest):
    """Connections to the Bot API that keep what a status says.

    The library turns 429 into an error whose delay is deprecated in the form it has now,
    and 5xx into one without a status: both are told apart here, where the answer comes in.
    """

    def __init__(
        self, api_base: str | None, *, heard: Callable[[datetime], object] | None = None
    ) -> None:
        """Take the address of a Bot API server of one's own; None for Telegram's.

        Args:
            api_base: Of the server.
            heard: Is told what time it is there, with each answer.

        Raises:
            ProxyUnusable: If the environment names a proxy that cannot be spoken to.
        """
        # At INFO httpx prints every address, and Telegram's hold the token; at DEBUG the
        # library prints them itself.
        for talkative in ("httpx", "telegram"):
            logging.getLogger(talkative).setLevel(logging.WARNING)
        self.server = (api_base or _SERVER).rstrip("/")

        async def answered(response: httpx.Response) -> None:
            said = http_date(response.headers.get("Date"))
            if heard is not None and said is not None:
                heard(said)

        super().__init__(
            connection_pool_size=16,
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            write_timeout=_READ_S,
            pool_timeout=_CONNECT_S,
            httpx_kwargs=client_options(self.server) | {"event_hooks": {"response": [answered]}},
        )

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Return status and body of an answer that the library's own errors describe well."""
        status, body = await super().do_request(*args, **kwargs)
        answer = _object(body)
        if 200 <= status < 300 and answer is not None:
            return status, body
        if status in (400, 401, 403, 404, 409):
            return status, b"{}" if answer is None else body
        raise Answered(status, _retry_after(answer))


def make_bot(token: str, connections: Connections) -> Bot | None:
    """Return a bot, without asking Telegram whether there is one; None for an empty token."""
    try:
        return Bot(
            token,
            base_url=f"{connections.server}/bot",
            base_file_url=f"{connections.server}/file/bot",
            request=connections,
            get_updates_request=connections,
        )
    except InvalidToken:
        return None


def chat_of(written: Any) -> int | str:
    """Return a chat as the Bot API takes it: a number, or a public name with its @."""
    text = str(written).strip()
    return int(text) if _NUMBER.fullmatch(text) else text


def failure(err: TelegramError) -> DeliveryError:
    """Return our word for an error; none of the library's own text but Telegram's refusals."""
    cause = err.__cause__
    match err:
        case Answered(status=408 | 425 | 429, after=after):
            return RetryLater("telegram asks for patience", after=after)
        case Answered(status=status) if status >= 500 or status < 300:
            return Uncertain(
                f"telegram answered {status}, not in its own words: it may have taken the message"
            )
        case Answered(status=421):
            return Undeliverable("this bot api server does not serve the token's bot (421)")
        case Answered(status=status):
            return Undeliverable(f"telegram answered {status}; check EBBWATCH_TELEGRAM__API_BASE")
        case Forbidden():
            return refused(str(err))
        case InvalidToken():
            return Undeliverable("telegram refused the token; set a valid EBBWATCH_TELEGRAM__TOKEN")
        case Conflict():
            return RetryLater("telegram reports another instance of the bot")
        case BadRequest():
            return refused(str(err))
        case NetworkError() if isinstance(
            cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError
        ):
            return RetryLater(f"telegram was not reached: {type(cause).__name__}")
        case NetworkError() if isinstance(cause, httpx.UnsupportedProtocol | httpx.InvalidURL):
            return Undeliverable("EBBWATCH_TELEGRAM__API_BASE is no web address")
        case _:
            return Uncertain(f"telegram gave no answer: {type(cause or err).__name__}")


def refused(said: str) -> Undeliverable:
    """Return our word for a refusal of Telegram's: its own words, and the way out."""
    words = redaction.said(said, 200).lower().removeprefix("forbidden: ")
    remedy = next((remedy for stem, remedy in _WAYS_OUT if stem in words), "")
    if not remedy:
        return Undeliverable(f"telegram refused the message: {words}")
    return Undeliverable(f"telegram: {words}; {remedy}")


def _object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object that every answer of the Bot API is; None for anything else."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _retry_after(answer: dict[str, Any] | None) -> timedelta | None:
    parameters = (answer or {}).get("parameters")
    asked = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return seconds(asked) if isinstance(asked, int) else None
