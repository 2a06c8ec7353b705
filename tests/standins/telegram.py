"""A stand-in for the Bot API that refuses what Telegram refuses, in Telegram's words.

Limits: core.telegram.org/bots/api as stated in python-telegram-bot 22.8. Words of refusals and
the behaviour of polling: github.com/tdlib/telegram-bot-api, Client.cpp, as of 2026-05-07.
``can't parse entities`` and ``message is too long``: home-assistant/core#110347 and
FerroxLabs/wayland#934. All read 2026-11-22.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.standins.serving import Fault, StandIn

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
CALLBACK_LIMIT_BYTES = 64
PHOTO_LIMIT_BYTES = 10 * 1024 * 1024
LONG_POLL_MAX_S = 50
_TAGS = {
    *("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a"),
    *("code", "pre", "blockquote", "tg-spoiler", "span"),
}
_DATE = 1_790_000_000


@dataclass
class Shown:
    """A message as its readers see it.

    Attributes:
        id: Of the message.
        text: Without markup; of a photo, its caption.
        sent: As it came, with markup.
        topic: Thread it stands in.
        answers: Message it answers.
        silent: Whether it made no sound.
        keyboard: Rows of buttons.
        photo: Its bytes.
        edits: Earlier texts, oldest first.
    """

    id: int
    text: str
    sent: str
    topic: int | None = None
    answers: int | None = None
    silent: bool = False
    keyboard: list[Any] = field(default_factory=list)
    photo: bytes = b""
    edits: list[str] = field(default_factory=list)


class Refusal(Exception):
    """An answer with ``ok: false``."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status, self.description, self.parameters = status, description, parameters


class TelegramStandIn(StandIn):
    """Chats, topics, edits, photos, long polling.

    Attributes:
        chats: Messages by chat id; a chat that is not here is not found.
        topics: Topics by chat id.
        moved: New id by old id: the old one answers with ``migrate_to_chat_id``.
        blocked: Chats whose people blocked the bot.
        titles: Of chats; of a private one, the person's name.
        channels: Chats that are channels.
        members: What getChatMember says of the bot, by chat; else it is a member, in a channel
            an administrator who may post.
        permissions: What ordinary members may do, by chat.
        webhook: Address that updates are handed to; empty where they wait to be fetched.
        calls: Every method called, in order, with its arguments.
        answers_to_buttons: Texts given to answerCallbackQuery, by query id.
    """

    def __init__(
        self, token: str = "123456:TEST-token-of-the-stand-in", chats: Any = (42,)
    ) -> None:
        super().__init__()
        self.token = token
        self.chats: dict[int, list[Shown]] = {chat: [] for chat in chats}
        self.names: dict[str, int] = {}
        self.topics: dict[int, set[int]] = {}
        self.moved: dict[int, int] = {}
        self.blocked: set[int] = set()
        self.titles: dict[int, str] = {}
        self.channels: set[int] = set()
        self.members: dict[int, dict[str, Any]] = {}
        self.permissions: dict[int, dict[str, bool]] = {}
        self.webhook = ""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers_to_buttons: dict[str, str] = {}
        self.commands: list[Any] = []
        self._updates: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._poller: object | None = None
        self._last_id = 0

    def routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/bot{token}/{method}", self._handle)

    # what tests do as people

    def join(self, chat: int, *, status: str = "") -> None:
        """Make the bot a member of a group, an administrator of a channel, or what is given."""
        bot = self._getme({})
        status = status or ("administrator" if chat in self.channels else "member")
        change = {
            "from": _user(7),
            "date": _DATE,
            "chat": self._head(chat)["chat"],
            "old_chat_member": {"status": "left", "user": bot},
            "new_chat_member": _member(status, bot),
        }
        self._update(my_chat_member=change)
        if status == "member":
            self._update(message={**self._head(chat), "new_chat_members": [bot]})

    def post(self, chat: int, text: str) -> None:
        """Post in a channel."""
        self._update(channel_post={"text": text, **self._head(chat)})

    def say(self, chat: int, text: str, *, user: int = 7, topic: int | None = None) -> None:
        """Write a message to the bot; in a topic, where one is given."""
        message = {"text": text, **self._head(chat), "from": _user(user)}
        if topic is not None:
            begun = {"name": f"Topic {topic}", "icon_color": 1}
            message |= {
                "message_thread_id": topic,
                "is_topic_message": True,
                "reply_to_message": {**self._head(chat, topic), "forum_topic_created": begun},
            }
        if text.startswith("/"):
            length = len(text.split(maxsplit=1)[0])
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        self._update(message=message)

    def press(self, chat: int, message: int, data: str, *, user: int = 7) -> str:
        """Press a button; return the query's id."""
        query = f"q{len(self._updates) + 1}"
        shown = self._find(chat, message)
        self._update(
            callback_query={
                "id": query,
                "from": _user(user),
                "chat_instance": "1",
                "data": data,
                "message": {**self._head(chat, message), "text": shown.text},
            }
        )
        return query

    def _update(self, **update: Any) -> None:
        self._updates.append({"update_id": len(self._updates) + 1, **update})
        self._news.set()

    # the API

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        fields: dict[str, Any] = {**request.query, **await request.post()}
        if request.match_info["token"] != self.token:
            return _refused(Refusal(401, "Unauthorized"))
        self.calls.append((method, fields))

        async def work() -> web.StreamResponse:
            try:
                result = await self._result(method, fields)
            except Refusal as refusal:
                return _refused(refusal)
            return web.json_response({"ok": True, "result": result})

        return await self.answered(request, method, work)

    async def _result(self, method: str, fields: dict[str, Any]) -> Any:
        handler = getattr(self, f"_{method.lower()}", None)
        if handler is None:
            raise Refusal(404, "Not Found: method not found")
        result = handler(fields)
        return await result if asyncio.iscoroutine(result) else result

    def _getme(self, _: dict[str, Any]) -> Any:
        return {"id": 1, "is_bot": True, "first_name": "Ebbwatch", "username": "ebbwatch_bot"}

    def _sendmessage(self, fields: dict[str, Any]) -> Any:
        chat = self._chat(fields)
        text = _visible(fields.get("text", ""), fields.get("parse_mode"), TEXT_LIMIT)
        return self._show(chat, fields, text, sent=fields.get("text", ""))

    def _sendphoto(self, fields: dict[str, Any]) -> Any:
        chat = self._chat(fields)
        upload = next((v for v in fields.values() if isinstance(v, web.FileField)), None)
        if upload is None:
            raise Refusal(400, "Bad Request: there is no photo in the request")
        photo = upload.file.read()
        if len(photo) > PHOTO_LIMIT_BYTES:
            raise Refusal(413, "Request Entity Too Large")
        text = _visible(
            fields.get("caption", ""), fields.get("parse_mode"), CAPTION_LIMIT, empty=True
        )
        return self._show(chat, fields, text, sent=fields.get("caption", ""), photo=photo)

    def _show(
        self, chat: int, fields: dict[str, Any], text: str, *, sent: str, photo: bytes = b""
    ) -> Any:
        topic = int(fields["message_thread_id"]) if "message_thread_id" in fields else None
        if topic is not None and topic not in self.topics.get(chat, ()):
            raise Refusal(400, "Bad Request: message thread not found")
        answers = None
        if "reply_parameters" in fields:
            reply = json.loads(fields["reply_parameters"])
            known = any(shown.id == reply["message_id"] for shown in self.chats[chat])
            if not known and not reply.get("allow_sending_without_reply"):
                raise Refusal(400, "Bad Request: message to be replied not found")
            answers = reply["message_id"] if known else None
        self._last_id += 1
        self.chats[chat].append(
            Shown(
                self._last_id,
                text,
                sent,
                topic=topic,
                answers=answers,
                silent=fields.get("disable_notification") == "true",
                keyboard=_keyboard(fields),
                photo=photo,
            )
        )
        return {**self._head(chat, self._last_id), "text": text}

    def _editmessagetext(self, fields: dict[str, Any]) -> Any:
        chat = self._chat(fields)
        shown = self._find(chat, int(fields["message_id"]))
        text = _visible(fields.get("text", ""), fields.get("parse_mode"), TEXT_LIMIT)
        keyboard = _keyboard(fields)
        if (shown.sent, shown.keyboard) == (fields["text"], keyboard):
            raise Refusal(
                400,
                "Bad Request: message is not modified: specified new message content and reply "
                "markup are exactly the same as a current content and reply markup of the message",
            )
        shown.edits.append(shown.text)
        shown.text, shown.sent, shown.keyboard = text, fields["text"], keyboard
        return {**self._head(chat, shown.id), "text": text, "edit_date": _DATE + 1}

    def _answercallbackquery(self, fields: dict[str, Any]) -> Any:
        text = str(fields.get("text", ""))
        if len(text) > 200:
            raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        self.answers_to_buttons[str(fields["callback_query_id"])] = text
        return True

    def _setmycommands(self, fields: dict[str, Any]) -> Any:
        self.commands = json.loads(fields["commands"])
        return True

    def _deletewebhook(self, _: dict[str, Any]) -> Any:
        self.webhook = ""
        return True

    def _getwebhookinfo(self, _: dict[str, Any]) -> Any:
        return {"url": self.webhook, "has_custom_certificate": False, "pending_update_count": 0}

    def _getchat(self, fields: dict[str, Any]) -> Any:
        chat = self._chat(fields)
        about = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": _GIFTS}
        allowed = {"permissions": self.permissions[chat]} if chat in self.permissions else {}
        return {**self._head(chat)["chat"], **about, **allowed}

    def _getchatmember(self, fields: dict[str, Any]) -> Any:
        chat = self._chat(fields)
        status = "administrator" if chat in self.channels else "member"
        return self.members.get(chat) or _member(status, self._getme({}))

    async def _getupdates(self, fields: dict[str, Any]) -> Any:
        if self.webhook:
            raise Refusal(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook "
                "to delete the webhook first",
            )
        me = object()
        another, self._poller = self._poller is not None, me
        if another:
            self._news.set()  # the older one is thrown out
        offset = int(fields.get("offset", 0))
        wait_s = min(int(fields.get("timeout", 0)), LONG_POLL_MAX_S)
        deadline = asyncio.get_running_loop().time() + wait_s
        try:
            while True:
                self._news.clear()
                if self._poller is not me:
                    raise Refusal(
                        409,
                        "Conflict: terminated by other getUpdates request; make sure that only "
                        "one bot instance is running",
                    )
                updates = [u for u in self._updates if u["update_id"] >= offset]
                left_s = deadline - asyncio.get_running_loop().time()
                if updates or left_s <= 0:
                    return updates[: int(fields.get("limit", 100))]
                try:
                    await asyncio.wait_for(self._news.wait(), left_s)
                except TimeoutError:
                    continue
        finally:
            if self._poller is me:
                self._poller = None

    # what the methods share

    def _chat(self, fields: dict[str, Any]) -> int:
        written = str(fields.get("chat_id", ""))
        if not written:
            raise Refusal(400, "Bad Request: chat_id is empty")
        chat = self.names.get(written) if written.startswith("@") else int(written)
        if chat in self.moved:
            raise Refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.moved[chat],
            )
        if chat in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        if chat is None or chat not in self.chats:
            raise Refusal(400, "Bad Request: chat not found")
        return chat

    def _find(self, chat: int, message: int) -> Shown:
        for shown in self.chats[chat]:
            if shown.id == message:
                return shown
        raise Refusal(400, "Bad Request: message to edit not found")

    def _head(self, chat: int, message: int | None = None) -> dict[str, Any]:
        if message is None:
            self._last_id += 1
            message = self._last_id
        kind = "private" if chat > 0 else "channel" if chat in self.channels else "supergroup"
        shown: dict[str, Any] = {"id": chat, "type": kind}
        if chat in self.titles:
            shown["first_name" if chat > 0 else "title"] = self.titles[chat]
        return {"message_id": message, "date": _DATE, "chat": shown}


def flood(seconds: int) -> Fault:
    """Return the answer of a server that wants patience."""
    return Fault(
        status=429,
        body={
            "ok": False,
            "error_code": 429,
            "description": f"Too Many Requests: retry after {seconds}",
            "parameters": {"retry_after": seconds},
        },
        headers={"Retry-After": str(seconds)},
    )


def refusing(status: int, description: str) -> Fault:
    """Return an answer of the API that refuses."""
    body = {"ok": False, "error_code": status, "description": description}
    return Fault(status=status, body=body)


def _refused(refusal: Refusal) -> web.Response:
    body: dict[str, Any] = {
        "ok": False,
        "error_code": refusal.status,
        "description": refusal.description,
    }
    if refusal.parameters:
        body["parameters"] = refusal.parameters
    return web.json_response(body, status=refusal.status)


def _visible(text: str, mode: str | None, limit: int, *, empty: bool = False) -> str:
    """Return what people see of a text; limits count that."""
    shown = _parsed(text) if mode == "HTML" else text
    if not shown.strip() and not empty:
        raise Refusal(400, "Bad Request: message text is empty")
    if len(shown.encode("utf-16-le")) // 2 > limit:
        raise Refusal(400, "Bad Request: message is too long")
    return shown


def _parsed(text: str) -> str:
    stack: list[str] = []
    shown = ""
    at = 0
    for found in re.finditer(r"<(/?)([a-zA-Z-]*)([^<>]*)>|<", text):
        shown += text[at : found.start()]
        at = found.end()
        closing, tag = found.group(1), (found.group(2) or "").lower()
        if tag not in _TAGS:
            raise _unparsable(f'unsupported start tag "{tag}" at byte offset {found.start()}')
        if not closing:
            stack.append(tag)
        elif not stack or stack.pop() != tag:
            raise _unparsable(f"unexpected end tag at byte offset {found.start()}")
    if stack:
        raise _unparsable(f"can't find end tag corresponding to start tag {stack[-1]}")
    return html.unescape(shown + text[at:])


def _unparsable(why: str) -> Refusal:
    return Refusal(400, f"Bad Request: can't parse entities: {why}")


def _keyboard(fields: dict[str, Any]) -> list[Any]:
    rows: list[Any] = json.loads(fields.get("reply_markup", "{}")).get("inline_keyboard", [])
    for row in rows:
        if len(row) > 8:
            raise Refusal(400, "Bad Request: reply markup is too long")
        for key in row:
            if len(key.get("callback_data", "").encode()) > CALLBACK_LIMIT_BYTES:
                raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    return rows


#: Rights of an administrator that the library expects to be told.
_RIGHTS = (
    *("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages"),
    *("can_manage_video_chats", "can_restrict_members", "can_promote_members"),
    *("can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories"),
    "can_delete_stories",
)
_GIFTS = dict.fromkeys(
    (
        *("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription"),
        "gifts_from_channels",
    ),
    False,
)


def _member(status: str, user: Any) -> dict[str, Any]:
    rights = {} if status != "administrator" else dict.fromkeys(_RIGHTS, False)
    until = {"until_date": 0} if status == "kicked" else {}
    posts = {} if status != "administrator" else {"can_post_messages": True}
    return {"status": status, "user": user, **rights, **posts, **until}


def _user(user: int) -> dict[str, Any]:
    return {"id": user, "is_bot": False, "first_name": f"Reader {user}"}
