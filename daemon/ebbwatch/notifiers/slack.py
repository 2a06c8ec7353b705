"""Slack: messages through a bot, with edits and charts."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from ebbwatch.markup import slack as markup
from ebbwatch.markup.layout import clean, cut_text
from ebbwatch.model.message import Button, Message, Receipt, Target
from ebbwatch.notifiers.connections import NOT_REACHED, Redirected, session
from ebbwatch.notifiers.pace import Pace
from ebbwatch.notifiers.secrets import revealed
from ebbwatch.ports import NotifierSetup, RetryLater, Uncertain, Undeliverable

#: About one message a second to a channel; chat.update has 50 a minute.
#: Source: docs.slack.dev/apis/web-api/rate-limits, read 2026-11-22.
_GAP = timedelta(seconds=1)

_CONNECT_S = 10.0
_TOTAL_S = 30

#: Errors after which part of the work may have been done. Source: error table of
#: docs.slack.dev/reference/methods/chat.postMessage, read 2026-11-22.
_UNCERTAIN = ("fatal_error", "internal_error", "service_unavailable")
#: Statuses that say the request was not worked on.
_NOT_NOW = (408, 425, 429)
_PATIENCE = ("ratelimited", "rate_limited", "request_timeout", "team_added_to_org")
#: The blocks are refused, not the message: it is said once more as text alone.
_MARKUP = ("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long")
#: An edit comes too late, or its message is gone: it is posted anew.
_EDIT_GONE = ("cant_update_message", "edit_window_closed", "message_not_found")
#: `client_msg_id` is undocumented as an argument, yet has errors of its own.
_DUPLICATE = ("duplicate_message_not_found", "duplicate_channel_not_found")
_TOKEN = (
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
)

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

    No try is repeated here: slack-sdk would post twice after a dropped connection.
    """

    kind: ClassVar[str] = "slack"

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
        self._session: aiohttp.ClientSession | None = None
        # At DEBUG the library prints whole requests, upload addresses among them.
        self._quiet = logging.getLogger("ebbwatch.slack_sdk")
        self._quiet.setLevel(logging.WARNING)

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
            error, _ = await self._said(client.chat_update, update)
            if error is None:
                return Receipt(edit.message_id, edit.place)
            if error not in _EDIT_GONE:
                raise Undeliverable(_refusal(error))
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
        error, answer = await self._said(client.chat_postMessage, post)
        if error in _DUPLICATE:
            del post["client_msg_id"]
            error, answer = await self._said(client.chat_postMessage, post)
        if error in _MARKUP:
            del post["blocks"]
            post["text"] = markup.fallback(message, possible_repeat=possible_repeat)
            error, answer = await self._said(client.chat_postMessage, post)
        if error is not None:
            raise Undeliverable(_refusal(error))
        return Receipt(str(answer.get("ts", "")), str(answer.get("channel", channel)))

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
        error, _ = await self._said(self._client(target).files_upload_v2, upload)
        if error is not None:
            raise Undeliverable(_refusal(error))

    async def _said(
        self, method: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]
    ) -> tuple[str | None, Mapping[str, Any]]:
        """Call a method once; return the error of a plain refusal, or None and the answer.

        Raises:
            DeliveryError: If there was no clear answer.
        """
        await self._pace.turn(str(arguments["channel"]), crowded=False)
        try:
            answer = await method(**arguments)
        except SlackApiError as err:
            return _error(err), {}
        except Redirected:
            raise Undeliverable(
                "slack answered with a redirect, which is refused; check EBBWATCH_SLACK__API_BASE"
            ) from None
        except aiohttp.InvalidURL:
            raise Undeliverable("EBBWATCH_SLACK__API_BASE is no web address") from None
        except NOT_REACHED as err:
            raise RetryLater(f"slack was not reached: {type(err).__name__}") from None
        except (
            aiohttp.ClientError,
            TimeoutError,
            SlackClientError,
            # What the library does with an answer that is no JSON object:
            AttributeError,
            ValueError,
        ) as err:
            raise Uncertain(f"slack gave no clear answer: {type(err).__name__}") from None
        return None, answer.data

    def _client(self, target: Target) -> AsyncWebClient:
        """Return a client with the target's own token, or the bot's."""
        if "token" in target.options:
            token = revealed(target.options["token"], self._setup.secrets)
        elif self._setup.token is not None:
            token = self._setup.token.reveal()
        else:
            raise Undeliverable("there is no slack token; set EBBWATCH_SLACK__BOT_TOKEN")
        if self._session is None or self._session.closed:
            self._session = session(connect_s=_CONNECT_S, total_s=_TOTAL_S)
        base = self._setup.api_base or AsyncWebClient.BASE_URL
        return AsyncWebClient(
            token=token,
            base_url=f"{base.rstrip('/')}/",
            timeout=_TOTAL_S,
            session=self._session,
            retry_handlers=[],
            logger=self._quiet,
        )

    async def aclose(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()


def _channel(target: Target) -> str:
    if "channel" not in target.options:
        raise Undeliverable(f"a slack target of receiver {target.receiver} has no channel")
    return str(target.options["channel"])


def _error(err: SlackApiError) -> str:
    """Return the error code of an answer that refuses, plainly and for good.

    Raises:
        DeliveryError: If the answer refuses for now, or does not say what became of it.
    """
    # The library's own words hold addresses: ``from None`` keeps them out of tracebacks.
    # Where the body was no JSON, the library hands over the bare HTTP response instead.
    answer = err.response
    status: int = getattr(answer, "status_code", 0) or getattr(answer, "status", 0)
    data = getattr(answer, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    if status in _NOT_NOW or code in _PATIENCE:
        raise RetryLater("slack asks for patience", after=_after(answer.headers)) from None
    if status >= 500 or code in _UNCERTAIN:
        raise Uncertain(f"slack answered {code or status}: it may have taken the message") from None
    if not isinstance(code, str) or not code:
        if 400 <= status < 500:
            return f"status_{status}"
        raise Uncertain(
            "slack answered, but not in its own words: it may have taken the message"
        ) from None
    return code


def _after(headers: Mapping[str, str]) -> timedelta | None:
    seconds = next((v for name, v in headers.items() if name.lower() == "retry-after"), "")
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() else None


def _refusal(error: str) -> str:
    code = cut_text(clean(error), 100)
    if error in _TOKEN:
        return f"slack refused the token ({code}); set a valid EBBWATCH_SLACK__BOT_TOKEN"
    if error in ("channel_not_found", "not_in_channel", "is_archived"):
        return f"slack: {code}; check the channel's id, and invite the bot to it"
    return f"slack refused the message: {code}"
