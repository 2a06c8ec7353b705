"""Telegram: messages through a bot, with edits, answers and charts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    ReplyParameters,
)
from telegram.error import BadRequest, ChatMigrated, TelegramError

from ebbwatch.markup import telegram as markup
from ebbwatch.markup.layout import clean, cut_text
from ebbwatch.markup.plain import plain
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Button, Message, Reason, Receipt, Target
from ebbwatch.notifiers.chats import place_of
from ebbwatch.platforms.pace import Pace
from ebbwatch.platforms.telegram import MISREAD, Connections, chat_of, failure, make_bot, refused
from ebbwatch.ports import (
    Abilities,
    DeliveryError,
    NotifierSetup,
    RetryLater,
    Uncertain,
    Undeliverable,
)

#: One message a second to a chat, 20 a minute to a group. Source: Telegram's bot FAQ,
#: core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this, read 2026-11-22.
_GAP = timedelta(seconds=1)
_WINDOW, _MOST = timedelta(minutes=1), 20

#: Longest caption of a photo. Source: core.telegram.org/bots/api#sendphoto, as stated in
#: python-telegram-bot 22.8, read 2026-11-22.
_CAPTION_LIMIT = 1024

_NUMBER = re.compile("-?[0-9]+")

#: Reasons that make no sound.
_QUIET = (Reason.EASED, Reason.SUMMARY, Reason.DIGEST)

#: Telegram says of an edit that there is nothing to edit; the message is then sent anew.
_GONE = ("message to edit not found", "message can't be edited")


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
    can: ClassVar[Abilities] = Abilities(
        show_charts=True, edit=True, thread=True, move="chat", at_once=1
    )

    def __init__(
        self, setup: NotifierSetup, *, sign: Callable[[Button], str] | None = None
    ) -> None:
        """Take token and address.

        Args:
            setup: Its `token` is the bot's; `api_base` a Bot API server of one's own.
            sign: Returns the callback data of a button; None sends no buttons, because
                nobody would answer them.
        """
        self._setup = setup
        self._sign = sign
        self._pace = Pace(setup.clock, gap=_GAP, window=_WINDOW, most=_MOST)
        self._connections = Connections(setup.api_base)
        self._bots: dict[str, Bot | None] = {}

    def place(self, target: Target) -> str:
        """Return the chat, its topic, and whose bot it is where that is another one."""
        return place_of(target, "chat", "topic")

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
        bot = self._bot(target)
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
                failed = failure(err)
                if isinstance(failed, RetryLater):
                    self._pace.rest(str(way.chat), failed.after)
                raise failed from None
            except MISREAD as err:
                raise Uncertain(
                    f"telegram's answer was not understood: {type(err).__name__}"
                ) from None
            else:
                return receipt

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        """Send a chart in answer to a delivered message."""
        bot = self._bot(target)
        way = _way_to(target)
        if to.place:
            way = replace(way, chat=chat_of(to.place))
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

    def _bot(self, target: Target) -> Bot:
        """Return the bot that a target names by its token, or the settings' one."""
        if "token" in target.options:
            token = self._setup.revealed(target.options["token"])
        else:
            token = "" if self._setup.token is None else self._setup.token.reveal()
        if token not in self._bots:
            self._bots[token] = make_bot(token, self._connections)
        found = self._bots[token]
        if found is None:
            raise Undeliverable("there is no telegram token; set EBBWATCH_TELEGRAM__TOKEN")
        return found

    async def aclose(self) -> None:
        """Close connections."""
        await self._connections.shutdown()


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
    raise refused(refusal) from None


def _way_to(target: Target) -> _Way:
    if "chat" not in target.options:
        raise Undeliverable(f"a telegram target of receiver {target.receiver} has no chat")
    topic = target.options.get("topic")
    if topic is not None and not _NUMBER.fullmatch(str(topic)):
        raise Undeliverable(f"a topic of receiver {target.receiver} is not a number")
    return _Way(chat_of(target.options["chat"]), None if topic is None else int(topic))


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
