"""Telegram's chats: who the bot is, where it was met lately, and whether it may write there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from telegram import (
    Bot,
    Chat,
    ChatMember,
    ChatMemberAdministrator,
    ChatMemberRestricted,
    ChatPermissions,
    Message,
    Update,
)
from telegram.error import BadRequest, Conflict, TelegramError

from ebbwatch.markup.layout import clean, cut_text
from ebbwatch.platforms.telegram import (
    MISREAD,
    Connections,
    chat_of,
    failure,
    make_bot,
    refused,
)
from ebbwatch.ports import Uncertain, Undeliverable

#: What getUpdates is asked for: words, posts of channels, and the bot's own coming and going.
_NEWS = ("message", "channel_post", "my_chat_member")
#: Longest title that is repeated.
_TITLE_CHARS = 60

T = TypeVar("T")


class PollConflict(Undeliverable):
    """Somebody else takes the bot's news: another poller, or a web address that is set."""


@dataclass(frozen=True, slots=True)
class TelegramChat:
    """A place that the bot was met at.

    Attributes:
        id: Of the chat.
        kind: ``private``, ``group``, ``supergroup`` or ``channel``.
        title: Of the chat, or the person's name.
        topic: Of a forum; None for none.
        topic_name: Where it is known.
        heard: Whether somebody wrote there; else the bot was only added.
    """

    id: int
    kind: str
    title: str
    topic: int | None = None
    topic_name: str = ""
    heard: bool = False

    @property
    def words(self) -> str:
        """Return what it is, for people: ``group Funding desk, topic Repo``."""
        kind = {"private": "chat with", "supergroup": "group"}.get(self.kind, self.kind)
        name = self.topic_name or str(self.topic)
        return f"{kind} {self.title}" + ("" if self.topic is None else f", topic {name}")

    @property
    def option(self) -> str:
        """Return the option that names it: ``--chat -100123 --topic 7``."""
        return f"--chat {self.id}" + ("" if self.topic is None else f" --topic {self.topic}")


class TelegramLookup:
    """Asks the Bot API about the bot and its chats; sends nothing.

    Attributes:
        token: Of the bot.
    """

    def __init__(
        self, token: str, api_base: str | None, *, heard: Callable[[datetime], object] | None = None
    ) -> None:
        """Take the token, the address of a Bot API server of one's own, and who hears its clock.

        Raises:
            ProxyUnusable: If the environment names a proxy that cannot be spoken to.
        """
        self.token = token
        self._connections = Connections(api_base, heard=heard)
        self._bot = make_bot(token, self._connections)
        self._next: int | None = None

    async def name(self) -> str:
        """Return the bot's name, with its @.

        Raises:
            DeliveryError: If Telegram refuses the token, or was not reached.
        """
        me = await self._asked(lambda bot: bot.get_me())
        return f"@{me.username}"

    async def webhook_host(self) -> str:
        """Return which host Telegram hands the bot's news to; nothing where they are fetched.

        Raises:
            DeliveryError: If Telegram gave no answer.
        """
        found = await self._asked(lambda bot: bot.get_webhook_info())
        # The rest of the address may be a secret.
        return (urlsplit(found.url).hostname or "an address") if found.url else ""

    async def remove_webhook(self) -> None:
        """Have the bot's news wait to be fetched.

        Raises:
            DeliveryError: If Telegram gave no answer.
        """
        await self._asked(lambda bot: bot.delete_webhook())

    async def news(self, wait_s: int) -> list[Update]:
        """Return what happened to the bot since the last look, waiting for something at most.

        Raises:
            PollConflict: If somebody else takes the bot's news.
            DeliveryError: If Telegram gave no answer.
        """
        found = await self._asked(
            lambda bot: bot.get_updates(offset=self._next, timeout=wait_s, allowed_updates=_NEWS)
        )
        if found:
            self._next = found[-1].update_id + 1
        return list(found)

    async def chat(self, written: str) -> TelegramChat:
        """Return a chat by its number or public name.

        Raises:
            DeliveryError: If there is none that the bot sees.
        """
        return _chat(await self._asked(lambda bot: bot.get_chat(chat_of(written))))

    async def check(self, written: str) -> None:
        """Return if the bot may write to a chat, as far as can be told without writing.

        Raises:
            DeliveryError: If it may not, or Telegram gave no answer.
        """
        found = await self._asked(lambda bot: bot.get_chat(chat_of(written)))
        chat = _chat(found)
        if chat.kind == "private":
            return
        me = await self._asked(lambda bot: bot.get_me())
        member = await self._asked(lambda bot: bot.get_chat_member(chat.id, me.id))
        if (reason := _barred(member, chat, found.permissions)) != "":
            raise refused(reason)

    async def _asked(self, question: Callable[[Bot], Awaitable[T]]) -> T:
        """Ask once, and return the answer or raise our word for the refusal."""
        if self._bot is None:
            raise Undeliverable("there is no telegram token; set EBBWATCH_TELEGRAM__TOKEN")
        try:
            return await question(self._bot)
        except Conflict as err:
            raise PollConflict(_conflict(str(err))) from None
        except BadRequest as err:
            raise refused(str(err)) from None
        except TelegramError as err:
            raise failure(err) from None
        except MISREAD as err:
            raise Uncertain(f"telegram's answer was not understood: {type(err).__name__}") from None

    async def aclose(self) -> None:
        """Close connections."""
        await self._connections.shutdown()


def met(chats: Sequence[TelegramChat], news: Sequence[Update]) -> list[TelegramChat]:
    """Return where the bot can be heard, after more news: new places last, left ones gone."""
    found = {(chat.id, chat.topic): chat for chat in chats}
    for update in news:
        message = update.message or update.channel_post
        change = update.my_chat_member
        if change is not None and change.new_chat_member.status in (
            ChatMember.LEFT,
            ChatMember.BANNED,
        ):
            found = {key: chat for key, chat in found.items() if chat.id != change.chat.id}
        elif message is not None and message.migrate_to_chat_id is not None:
            found.pop((message.chat.id, None), None)
            moved = replace(_chat(message.chat), id=message.migrate_to_chat_id, kind="supergroup")
            found[moved.id, None] = moved
        elif message is not None:
            place = _place(message)
            known = found.get((place.id, place.topic), place)
            name = place.topic_name or known.topic_name
            heard = place.heard or known.heard
            found[place.id, place.topic] = replace(place, topic_name=name, heard=heard)
        elif change is not None:
            found.setdefault((change.chat.id, None), _chat(change.chat))
    # Whoever adds the bot to a group and writes in a topic of it means the topic.
    topical = {chat.id for chat in found.values() if chat.topic is not None}
    return [chat for chat in found.values()
            if chat.topic is not None or chat.heard or chat.id not in topical]  # fmt: skip


def _place(message: Message) -> TelegramChat:
    """Return where a message stands."""
    chat = replace(_chat(message.chat), heard=not message.new_chat_members)
    if not message.is_topic_message or message.message_thread_id is None:
        return chat
    begun = message.forum_topic_created or (
        None if message.reply_to_message is None else message.reply_to_message.forum_topic_created
    )
    name = "" if begun is None else _short(begun.name)
    return replace(chat, topic=message.message_thread_id, topic_name=name)


def _chat(chat: Chat | Any) -> TelegramChat:
    title = chat.title or chat.full_name or chat.username or str(chat.id)
    return TelegramChat(chat.id, str(chat.type), _short(title))


def _short(text: str) -> str:
    return cut_text(clean(text), _TITLE_CHARS)


def _barred(member: ChatMember, chat: TelegramChat, all_may: ChatPermissions | None) -> str:
    """Return in Telegram's words why a member may not write; nothing if it may.

    Args:
        member: The bot.
        chat: Where.
        all_may: What members may do there who are no administrators.
    """
    kind = chat.kind
    match member:
        case ChatMember(status=ChatMember.BANNED):
            return f"bot was kicked from the {kind} chat"
        case ChatMember(status=ChatMember.LEFT):
            return f"bot is not a member of the {kind} chat"
        case ChatMemberRestricted(can_send_messages=False):
            return "not enough rights to send text messages to the chat"
        case ChatMemberRestricted(can_send_photos=False):
            return "not enough rights to send photos to the chat"
        case ChatMemberAdministrator(can_post_messages=may) if kind == "channel" and not may:
            return "need administrator rights in the channel chat"
        case ChatMember(status=ChatMember.MEMBER) if kind == "channel":
            return "need administrator rights in the channel chat"
        case ChatMember(status=ChatMember.MEMBER) if all_may is not None:
            if all_may.can_send_messages is False:
                return "not enough rights to send text messages to the chat"
            if all_may.can_send_photos is False:
                return "not enough rights to send photos to the chat"
    return ""


def _conflict(said: str) -> str:
    if "webhook" in said.lower():
        return "telegram hands this bot's news to a web address that was set for it (a webhook)"
    return "another program takes this bot's news, such as a daemon that runs"
