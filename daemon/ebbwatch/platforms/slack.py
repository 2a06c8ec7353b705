"""Slack's Web API: calls its methods, each once, and says in our words what went wrong."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from ebbwatch.model import redaction
from ebbwatch.net.delays import seconds
from ebbwatch.net.proxies import ProxyUnusable
from ebbwatch.net.session import NOT_REACHED, Redirected, proxy, session
from ebbwatch.ports import RetryLater, Uncertain, Undeliverable

_CONNECT_S = 10.0
_TOTAL_S = 30

#: Errors after which part of the work may have been done. Source: error table of
#: docs.slack.dev/reference/methods/chat.postMessage, read 2026-11-22.
_UNCERTAIN = ("fatal_error", "internal_error", "service_unavailable")
#: Statuses that say the request was not worked on.
_NOT_NOW = (408, 425, 429)
_PATIENCE = ("ratelimited", "rate_limited", "request_timeout", "team_added_to_org")
#: What to do about a refusal, by its code. Source: the error tables of Slack's methods, as kept in
#: slack-ruby/slack-api-ref and in slack_kit 1.0.0-alpha.0 (hex.pm), read 2026-11-30.
_COPY_AGAIN = "copy it again from OAuth & Permissions, and set EBBWATCH_SLACK__BOT_TOKEN"
_WAYS_OUT = {
    "invalid_auth": _COPY_AGAIN,
    "not_authed": _COPY_AGAIN,
    "token_expired": "turn token rotation off in the app, and " + _COPY_AGAIN,
    "token_revoked": "reinstall the app to the workspace, and set its new token",
    "account_inactive": "the app was removed from the workspace: reinstall it, and set its new token",
    "not_allowed_token_type": "set the bot's token, which begins with xoxb-",
    "channel_not_found": "check the channel's id; a private one needs /invite of the bot",
    "not_in_channel": "write /invite and the bot's name in the channel",
    "is_archived": "unarchive the channel, or name another",
    "restricted_action": "have an owner of the workspace let the bot post there",
    "restricted_action_read_only_channel": "let the bot post there, or name another channel",
    "restricted_action_thread_only_channel": "it takes answers only: name another channel",
    "restricted_action_non_threadable_channel": "it takes no answers: name another channel",
    "ekm_access_denied": "ask an administrator of the workspace",
    "team_access_not_granted": "have an owner let the app into this workspace",
    "org_login_required": "the workspace is being moved: try again later",
    "access_denied": "ask an administrator of the workspace",
    "no_permission": "have an owner of the workspace let the bot post there",
    "file_uploads_disabled": "have an owner of the workspace let apps upload files",
    "storage_limit_reached": "free room for files in the workspace",
}
#: Refusals that are of the token, whatever it was used for.
_OF_THE_TOKEN = (
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
)


class ScopeMissing(Undeliverable):
    """The app was not granted what a method wants.

    Attributes:
        needed: Which scopes; empty where Slack does not say.
    """

    def __init__(self, needed: str) -> None:
        """Take the scopes that are missing."""
        which = f"the scope {needed}" if needed else "a scope"
        super().__init__(
            f"slack: the app lacks {which} (missing_scope); add it under OAuth & Permissions, and "
            "reinstall the app"
        )
        self.needed = needed


class SlackAnswer(NamedTuple):
    """What Slack answered to a method.

    Attributes:
        error: Code of a plain refusal; None for none.
        data: The answer, or what the refusal says besides.
        headers: Of the answer.
    """

    error: str | None
    data: Mapping[str, Any]
    headers: Mapping[str, str]


class SlackApi:
    """Calls Slack's methods, over connections that are kept.

    No call is repeated here: slack-sdk would post twice after a dropped connection.
    """

    def __init__(self, api_base: str | None) -> None:
        """Take the address of the Web API, which ends in ``/api``; None for Slack's own."""
        self._base = f"{(api_base or AsyncWebClient.BASE_URL).rstrip('/')}/"
        self._session: aiohttp.ClientSession | None = None
        # At DEBUG the library prints whole requests, upload addresses among them.
        self._quiet = logging.getLogger("ebbwatch.slack_sdk")
        self._quiet.setLevel(logging.WARNING)

    def client(self, token: str) -> AsyncWebClient:
        """Return a client of a workspace; must be called in a running loop.

        Raises:
            Undeliverable: If the address, or the proxy to it, cannot be used.
        """
        try:
            through = proxy(self._base)
            password = urlsplit(self._base).password
        except ProxyUnusable as err:
            raise Undeliverable(str(err)) from None
        except ValueError:
            raise Undeliverable("EBBWATCH_SLACK__API_BASE is no web address") from None
        if password is not None:
            raise Undeliverable(
                "EBBWATCH_SLACK__API_BASE holds a password, which cannot be sent beside the token"
            )
        if self._session is None or self._session.closed:
            self._session = session(connect_s=_CONNECT_S, total_s=_TOTAL_S)
        client = AsyncWebClient(
            token=token,
            base_url=self._base,
            timeout=_TOTAL_S,
            session=self._session,
            retry_handlers=[],
            logger=self._quiet,
        )
        # Left to itself the library takes any proxy of the environment, whatever NO_PROXY says.
        client.proxy = through
        return client

    async def said(
        self, method: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]
    ) -> SlackAnswer:
        """Call a method once; return its answer, or a plain refusal.

        Raises:
            DeliveryError: If there was no clear answer.
        """
        try:
            answer = await method(**arguments)
        except SlackApiError as err:
            data = getattr(err.response, "data", None)
            return SlackAnswer(_error(err), data if isinstance(data, dict) else {}, {})
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
            # What the library does with an answer that is no JSON object, or a very deep one:
            AttributeError,
            ValueError,
            RecursionError,
        ) as err:
            raise Uncertain(f"slack gave no clear answer: {type(err).__name__}") from None
        return SlackAnswer(None, answer.data, answer.headers)

    async def aclose(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()


def refusal(error: str, data: Mapping[str, Any] | None = None) -> Undeliverable:
    """Return our word for a refusal: its code, and the way out.

    Args:
        error: The code.
        data: What the answer says besides: of a scope that is missing, which.
    """
    code = redaction.said(error, 100)
    if error == "missing_scope":
        needed = redaction.said(str((data or {}).get("needed") or ""), 100)
        return ScopeMissing(needed)
    remedy = _WAYS_OUT.get(error, "")
    if error in _OF_THE_TOKEN:
        text = f"slack refused the token ({code}); {remedy}"
    elif remedy:
        text = f"slack: {code}; {remedy}"
    else:
        text = f"slack refused the message: {code}"
    return Undeliverable(text)


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
    asked = next((v for name, v in headers.items() if name.lower() == "retry-after"), "")
    return seconds(int(asked[:18])) if asked.isdecimal() else None
