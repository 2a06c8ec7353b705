"""Telegram: messages through a bot, with edits, answers and charts.

Texts of refusals are matched by their stems, lower case, because the Bot API has no codes
finer than the HTTP status. Source: github.com/tdlib/telegram-bot-api, Client.cpp, as of
2026-05-07, read 2026-11-22.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

import httpx
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    ReplyParameters,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    TelegramError,
)
from telegram.request import HTTPXRequest

from ebbwatch import tls
from ebbwatch.markup import telegram as markup
from ebbwatch.markup.layout import clean, cut_text
from ebbwatch.markup.plain import plain
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Button, Message, Reason, Receipt, Target
from ebbwatch.notifiers.pace import Pace
from ebbwatch.ports import DeliveryError, NotifierSetup, RetryLater, Uncertain, Undeliverable

#: One message a second to a chat, 20 a minute to a group. Source: Telegram's bot FAQ,
#: core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this, read 2026-11-22.
_GAP = timedelta(seconds=1)
_WINDOW, _MOST = timedelta(minutes=1), 20

#: Longest caption of a photo. Source: core.telegram.org/bots/api#sendphoto, as stated in
#: python-telegram-bot 22.8, read 2026-11-22.
_CAPTION_LIMIT = 1024

_CONNECT_S = 10.0
_READ_S = 25.0

_NUMBER = re.compile("-?[0-9]+")

#: Reasons that make no sound.
_QUIET = (Reason.EASED, Reason.SUMMARY, Reason.DIGEST)

#: Telegram says of an edit that there is nothing to edit; the message is then sent anew.
_GONE = ("message to edit not found", "message can't be edited")


class _Answered(TelegramError):
    """An HTTP status that python-telegram-bot would fold into its general errors."""

    def __init__(self, status: int, after: timedelta | None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.after = after


class _Request(HTTPXRequest):
    """Connections to the Bot API that keep what a status says.

    The library turns 429 into an error whose delay is deprecated in the form it has now,
    and 5xx into one without a status: both are told apart here, where the answer comes in.
    """

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Return status and body of an answer that the library's own errors describe well."""
        status, body = await super().do_request(*args, **kwargs)
        answer = _object(body)
        if 200 <= status < 300 and answer is not None:
            return status, body
        if status in (400, 401, 403, 404, 409):
            return status, b"{}" if answer is None else body
        raise _Answered(status, _retry_after(answer))


def _object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object that every answer of the Bot API is; None for anything else."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _retry_after(answer: dict[str, Any] | None) -> timedelta | None:
    parameters = (answer or {}).get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return timedelta(seconds=seconds) if isinstance(seconds, int) else None


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to say a message; a refusal may change it.

    Attributes:
        chat: Where.
        topic: Of a forum; None for none.
        html: Whether the text is marked up.
        moved: Whether the chat was followed already.
    """

    chat: int | str
    topic: int | None
    html: bool = True
    moved: bool = False


class TelegramNotifier:
    """Sends messages as a bot.

    Sending works without the bot being initialised, so that alerts go out although the
    Bot API could not be asked who we are at start.
    """

    kind: ClassVar[str] = "telegram"

    def __init__(
        self, setup: NotifierSetup, *, sign: Callable[[Button], str] | None = None
    ) -> None:
        """Take token and address.

        Args:
            setup: Its `token` is the bot's; `api_base` a Bot API server of one's own.
            sign: Returns the callback data of a button; None sends no buttons, because
                nobody would answer them.
        """
        # At INFO httpx prints every address, and Telegram's hold the token; at DEBUG the
        # library prints them itself.
        for talkative in ("httpx", "telegram"):
            logging.getLogger(talkative).setLevel(logging.WARNING)
        self._sign = sign
        self._pace = Pace(setup.clock, gap=_GAP, window=_WINDOW, most=_MOST)
        self._request = _Request(
            connection_pool_size=16,
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            write_timeout=_READ_S,
            pool_timeout=_CONNECT_S,
            httpx_kwargs={"verify": tls.context()},
        )
        self._bot = (
            None if setup.token is None else self._built(setup.token.reveal(), setup.api_base)
        )

    def _built(self, token: str, api_base: str | None) -> Bot | None:
        server = "https://api.telegram.org" if api_base is None else api_base.rstrip("/")
        try:
            return Bot(
                token,
                base_url=f"{server}/bot",
                base_file_url=f"{server}/file/bot",
                request=self._request,
                get_updates_request=self._request,
            )
        except InvalidToken:  # an empty one
            return None

    async def send(
        self,
        message: Message,
        target: Target,
        *,
        key: str,  # noqa: ARG002 the Bot API has no idempotency key
        edit: Receipt | None = None,
        thread: Receipt | None = None,
        possible_repeat: bool = False,
    ) -> Receipt:
        """Send a message, or edit an earlier one.

        Raises:
            RetryLater: If Telegram was not reached, or asked for patience.
            Undeliverable: If the chat, the topic, the token or the text is refused.
            Uncertain: If Telegram may have taken the message.
        """
        bot = self._known_bot()
        way = _way_to(target)
        if edit is not None and edit.message_id.isdecimal():
            # An edit that arrives twice is no repeat, so it does not say it may be one.
            edited = await self._edited(bot, message, way, edit)
            if edited is not None:
                return edited
        answered = thread or edit

        async def post(way: _Way) -> Receipt:
            sent = await bot.send_message(
                way.chat,
                _text(message, way, possible_repeat=possible_repeat),
                parse_mode="HTML" if way.html else None,
                message_thread_id=way.topic,
                disable_notification=edit is not None or _silent(message),
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                reply_parameters=_answer_to(answered, way),
                reply_markup=self._keyboard(message),
            )
            return Receipt(str(sent.message_id), str(way.chat))

        return await self._tried(post, way)

    async def _edited(
        self, bot: Bot, message: Message, way: _Way, earlier: Receipt
    ) -> Receipt | None:
        """Edit an earlier message; None where Telegram no longer lets us."""

        async def change(way: _Way) -> Receipt:
            await bot.edit_message_text(
                _text(message, way, possible_repeat=False),
                chat_id=way.chat,
                message_id=int(earlier.message_id),
                parse_mode="HTML" if way.html else None,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                reply_markup=self._keyboard(message),
            )
            return Receipt(earlier.message_id, str(way.chat))

        try:
            return await self._tried(change, way)
        except _NotModified as same:
            return Receipt(earlier.message_id, str(same.chat))
        except _EditGone:
            return None

    async def _tried(self, act: Callable[[_Way], Any], way: _Way) -> Receipt:
        """Act; where a refusal shows another way, act again that way, each at most once."""
        while True:
            await self._pace.turn(str(way.chat), crowded=not str(way.chat).isdecimal())
            try:
                receipt: Receipt = await act(way)
            except ChatMigrated as err:
                if way.moved:
                    raise Undeliverable("the chat moved twice; give its new id") from None
                # Topics do not survive the move of a basic group, which has none.
                way = replace(way, chat=err.new_chat_id, moved=True)
            except BadRequest as err:
                way = _other_way(way, str(err))
            except TelegramError as err:
                raise _classified(err) from None
            except (KeyError, TypeError, ValueError, AttributeError) as err:
                # The library read an answer of another shape than Telegram's.
                raise Uncertain(
                    f"telegram's answer was not understood: {type(err).__name__}"
                ) from None
            else:
                return receipt

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        """Send a chart in answer to a delivered message."""
        bot = self._known_bot()
        way = _way_to(target)
        if to.place:
            way = replace(way, chat=_chat(to.place))
        caption = cut_text(clean(message.headline), _CAPTION_LIMIT)

        async def post(way: _Way) -> Receipt:
            sent = await bot.send_photo(
                way.chat,
                chart,
                caption=caption,
                filename="chart.png",
                message_thread_id=way.topic,
                disable_notification=True,
                reply_parameters=_answer_to(to, way),
            )
            return Receipt(str(sent.message_id), str(way.chat))

        await self._tried(post, way)

    def _keyboard(self, message: Message) -> InlineKeyboardMarkup | None:
        if self._sign is None or not message.buttons:
            return None
        return InlineKeyboardMarkup(
            [
                [InlineKeyboardButton(label, callback_data=data) for label, data in row]
                for row in markup.keyboard(message, self._sign)
            ]
        )

    def _known_bot(self) -> Bot:
        if self._bot is None:
            raise Undeliverable("there is no telegram token; set EBBWATCH_TELEGRAM__TOKEN")
        return self._bot

    async def aclose(self) -> None:
        """Close connections."""
        await self._request.shutdown()


class _NotModified(DeliveryError):
    """An edit would change nothing: what was wanted stands there already."""

    def __init__(self, chat: int | str) -> None:
        super().__init__("not modified")
        self.chat = chat


class _EditGone(DeliveryError):
    """The message to edit is no longer there, or too old."""


def _other_way(way: _Way, refusal: str) -> _Way:
    """Return another way after a 400.

    Raises:
        DeliveryError: If there is none.
    """
    said = refusal.lower()
    if "message is not modified" in said:
        raise _NotModified(way.chat) from None
    if any(stem in said for stem in _GONE):
        raise _EditGone(said) from None
    if "message thread not found" in said and way.topic is not None:
        return replace(way, topic=None)
    if "can't parse entities" in said and way.html:
        return replace(way, html=False)
    if "chat not found" in said or "chat_id is empty" in said:
        raise Undeliverable(
            "telegram knows no such chat; check its id, and that the bot is a member or was started"
        ) from None
    raise Undeliverable(f"telegram refused the message: {cut_text(said, 200)}") from None


def _classified(err: TelegramError) -> DeliveryError:
    """Return our word for an error; none of the library's own text but Telegram's refusals."""
    cause = err.__cause__
    match err:
        case _Answered(status=408 | 425 | 429, after=after):
            return RetryLater("telegram asks for patience", after=after)
        case _Answered(status=status) if status >= 500 or status < 300:
            return Uncertain(
                f"telegram answered {status}, not in its own words: it may have taken the message"
            )
        case _Answered(status=421):
            return Undeliverable("this bot api server does not serve the token's bot (421)")
        case _Answered(status=status):
            return Undeliverable(f"telegram answered {status}; check EBBWATCH_TELEGRAM__API_BASE")
        case Forbidden():
            return Undeliverable(f"telegram: {cut_text(str(err).lower(), 200)}")
        case InvalidToken():
            return Undeliverable("telegram refused the token; set a valid EBBWATCH_TELEGRAM__TOKEN")
        case Conflict():
            return RetryLater("telegram reports another instance of the bot")
        case NetworkError() if isinstance(
            cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError
        ):
            return RetryLater(f"telegram was not reached: {type(cause).__name__}")
        case NetworkError() if isinstance(cause, httpx.UnsupportedProtocol | httpx.InvalidURL):
            return Undeliverable("EBBWATCH_TELEGRAM__API_BASE is no web address")
        case _:
            return Uncertain(f"telegram gave no answer: {type(cause or err).__name__}")


def _way_to(target: Target) -> _Way:
    if "chat" not in target.options:
        raise Undeliverable(f"a telegram target of receiver {target.receiver} has no chat")
    topic = target.options.get("topic")
    if topic is not None and not _NUMBER.fullmatch(str(topic)):
        raise Undeliverable(f"a topic of receiver {target.receiver} is not a number")
    return _Way(_chat(target.options["chat"]), None if topic is None else int(topic))


def _chat(written: Any) -> int | str:
    """Return a chat as the Bot API takes it: a number, or a public name with its @."""
    text = str(written).strip()
    return int(text) if _NUMBER.fullmatch(text) else text


def _answer_to(earlier: Receipt | None, way: _Way) -> ReplyParameters | None:
    """Return what makes a message an answer; an earlier one that is gone is no obstacle."""
    if earlier is None or not earlier.message_id.isdecimal() or way.moved:
        return None
    return ReplyParameters(int(earlier.message_id), allow_sending_without_reply=True)


def _text(message: Message, way: _Way, *, possible_repeat: bool) -> str:
    if way.html:
        return markup.html(message, possible_repeat=possible_repeat)
    return plain(message, limit=markup.TEXT_LIMIT_UNITS, possible_repeat=possible_repeat)


def _silent(message: Message) -> bool:
    return message.reason in _QUIET or message.level is Level.WATCH
