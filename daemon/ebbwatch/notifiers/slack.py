"""Slack: messages through a bot, with edits and charts."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from slack_sdk.web.async_client import AsyncWebClient

from ebbwatch.markup import slack as markup
from ebbwatch.markup.layout import clean, cut_text
from ebbwatch.model.message import Button, Message, Receipt, Target
from ebbwatch.notifiers.chats import place_of
from ebbwatch.platforms.pace import Pace
from ebbwatch.platforms.slack import SlackAnswer, SlackApi, refusal
from ebbwatch.ports import Abilities, NotifierSetup, RetryLater, Undeliverable

#: About one message a second to a channel; chat.update has 50 a minute.
#: Source: docs.slack.dev/apis/web-api/rate-limits, read 2026-11-22.
_GAP = timedelta(seconds=1)

#: The blocks are refused, not the message: it is said once more as text alone.
_MARKUP = ("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long")
#: An edit comes too late, or its message is gone: it is posted anew.
_EDIT_GONE = ("cant_update_message", "edit_window_closed", "message_not_found")
#: `client_msg_id` is undocumented as an argument, yet has errors of its own.
_DUPLICATE = ("duplicate_message_not_found", "duplicate_channel_not_found")
#: Makes one and the same id of a key on every machine.
_NAMESPACE = uuid.UUID("5e9f0f3a-6a51-4d0c-9a55-2f8f1f3f7b1e")

#: Name of the metadata that marks our messages.
_EVENT = "ebbwatch_delivery"

#: Longest `alt_text`. Source: slack_sdk.models.blocks, 3.47.0, read 2026-11-22.
_ALT_LIMIT = 2000


class SlackNotifier:
    """Posts messages as a bot.

    An escalation is a message of its own in the channel: in a thread, those who do not
    follow it would never hear of it. Charts go into the thread of their message.
    """

    kind: ClassVar[str] = "slack"
    can: ClassVar[Abilities] = Abilities(show_charts=True, edit=True, move="channel", at_once=1)

    def __init__(
        self, setup: NotifierSetup, *, sign: Callable[[Button], str] | None = None
    ) -> None:
        """Take token and address.

        Args:
            setup: Its `token` is the bot's, for targets that name none of their own;
                `api_base` ends in ``/api``.
            sign: Returns the value that a button sends back; None sends no buttons,
                because nobody would answer them.
        """
        self._setup = setup
        self._sign = sign
        self._pace = Pace(setup.clock, gap=_GAP, window=_GAP, most=1)
        self._api = SlackApi(setup.api_base)

    def place(self, target: Target) -> str:
        """Return the channel, and whose workspace it is in where that is another one."""
        return place_of(target, "channel")

    async def send(
        self,
        message: Message,
        target: Target,
        *,
        key: str,
        edit: Receipt | None = None,
        thread: Receipt | None = None,  # noqa: ARG002 see the class
        possible_repeat: bool = False,
    ) -> Receipt:
        """Post a message, or update an earlier one.

        Raises:
            RetryLater: If Slack was not reached, or asked for patience.
            Undeliverable: If the channel, the token or the text is refused.
            Uncertain: If Slack may have taken the message.
        """
        channel = _channel(target)
        client = self._client(target)
        if edit is not None and edit.message_id and edit.place:
            # An edit that arrives twice is no repeat, so it does not say it may be one.
            text, blocks = markup.blocks(message, sign=self._sign)
            update = {"channel": edit.place, "ts": edit.message_id, "text": text, "blocks": blocks}
            said = await self._said(client.chat_update, update)
            if said.error is None:
                return Receipt(edit.message_id, edit.place)
            if said.error not in _EDIT_GONE:
                raise refusal(said.error, said.data)
        text, blocks = markup.blocks(message, possible_repeat=possible_repeat, sign=self._sign)
        identity = str(uuid.uuid5(_NAMESPACE, key))
        post = {
            "channel": channel,
            "text": text,
            "blocks": blocks,
            "client_msg_id": identity,
            "metadata": {"event_type": _EVENT, "event_payload": {"delivery_id": identity}},
            "unfurl_links": False,
            "unfurl_media": False,
        }
        said = await self._said(client.chat_postMessage, post)
        if said.error in _DUPLICATE:
            del post["client_msg_id"]
            said = await self._said(client.chat_postMessage, post)
        if said.error in _MARKUP:
            del post["blocks"]
            post["text"] = markup.fallback(message, possible_repeat=possible_repeat)
            said = await self._said(client.chat_postMessage, post)
        if said.error is not None:
            raise refusal(said.error, said.data)
        return Receipt(str(said.data.get("ts", "")), str(said.data.get("channel", channel)))

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        """Upload a chart into the thread of a delivered message."""
        title = cut_text(clean(message.headline), _ALT_LIMIT)
        upload = {
            "filename": "chart.png",
            "content": chart,
            "title": title,
            "alt_txt": title,
            "channel": to.place or _channel(target),
            "thread_ts": to.message_id or None,
        }
        said = await self._said(self._client(target).files_upload_v2, upload)
        if said.error is not None:
            raise refusal(said.error, said.data)

    async def _said(
        self, method: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]
    ) -> SlackAnswer:
        """Call a method when it is the channel's turn; returns and raises what `SlackApi` does."""
        channel = str(arguments["channel"])
        await self._pace.turn(channel, crowded=False)
        try:
            return await self._api.said(method, arguments)
        except RetryLater as later:
            self._pace.rest(channel, later.after)
            raise

    def _client(self, target: Target) -> AsyncWebClient:
        """Return a client with the target's own token, or the bot's."""
        if "token" in target.options:
            token = self._setup.revealed(target.options["token"])
        elif self._setup.token is not None:
            token = self._setup.token.reveal()
        else:
            raise Undeliverable("there is no slack token; set EBBWATCH_SLACK__BOT_TOKEN")
        return self._api.client(token)

    async def aclose(self) -> None:
        """Close connections."""
        await self._api.aclose()


def _channel(target: Target) -> str:
    if "channel" not in target.options:
        raise Undeliverable(f"a slack target of receiver {target.receiver} has no channel")
    return str(target.options["channel"])
