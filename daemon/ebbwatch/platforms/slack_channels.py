"""Slack's channels: whose the token is, what it may do, and which channel a name means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files as package_files
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from ebbwatch.markup.layout import clean, cut_text
from ebbwatch.net.delays import http_date
from ebbwatch.platforms.slack import ScopeMissing, SlackApi, refusal
from ebbwatch.ports import Uncertain, Undeliverable

#: Scopes without which messages or charts do not go out, and those that find a channel.
NEEDED = ("chat:write", "files:write")
FINDING = ("channels:read", "groups:read")

_ID = re.compile(r"[CGD][A-Z0-9]{7,}")
#: Channels of one answer, and how many answers are read.
#: Source: conversations.list, as kept in slack_kit 1.0.0-alpha.0 (hex.pm), read 2026-11-30.
_PAGE, _PAGES = 999, 20
_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class SlackBot:
    """Whom a token is of.

    Attributes:
        name: Of the bot, with its @.
        workspace: Name of it.
        lacks: Scopes that are needed and not granted, as far as Slack says.
    """

    name: str
    workspace: str
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """A channel as the bot sees it.

    Attributes:
        id: Of it.
        name: With its #.
        member: Whether the bot is in it.
        archived: Whether nobody can write there any more.
    """

    id: str
    name: str
    member: bool
    archived: bool


def manifest() -> str:
    """Return what Slack makes the app from, as YAML."""
    return (package_files(__package__) / "slack-manifest.yaml").read_text("utf-8")


class SlackLookup:
    """Asks Slack about the bot and its channels; sends nothing.

    Attributes:
        token: Of the bot.
    """

    def __init__(
        self, token: str, api_base: str | None, *, heard: Callable[[datetime], object] | None = None
    ) -> None:
        """Take the token, the Web API's address where it is not Slack's, and who hears its clock."""
        self.token = token
        self._heard = heard
        self._api = SlackApi(api_base)

    async def bot(self) -> SlackBot:
        """Return whom the token is of.

        Raises:
            DeliveryError: If Slack refuses it, or was not reached.
        """
        if self.token.startswith("xapp-"):
            raise Undeliverable(
                "that is the app's token; the bot's begins with xoxb- and stands under OAuth & "
                "Permissions"
            )
        data, headers = await self._asked(lambda slack: slack.auth_test, {})
        if not data.get("bot_id"):
            raise Undeliverable(
                "that is a person's token; the bot's begins with xoxb- and stands under OAuth & "
                "Permissions"
            )
        granted = headers.get("x-oauth-scopes")
        scopes = {scope.strip() for scope in (granted or "").split(",")}
        lacks = () if granted is None else tuple(scope for scope in NEEDED if scope not in scopes)
        return SlackBot(f"@{_short(data.get('user', ''))}", _short(data.get("team", "")), lacks)

    async def channel(self, written: str) -> SlackChannel:
        """Return a channel by its id, its name, or the link to it.

        Raises:
            DeliveryError: If the bot sees none such, or Slack gave no answer.
        """
        id_ = _ID.search(written) if "/archives/" in written else _ID.fullmatch(written)
        if id_ is not None:
            data, _ = await self._asked(lambda slack: slack.conversations_info, {"channel": id_[0]})
            return _channel(data.get("channel"))
        return await self._named(written.removeprefix("#").lower())

    async def able(self) -> SlackBot:
        """Return whom the token is of, if it may send messages and charts.

        Raises:
            ScopeMissing: If it may not.
            DeliveryError: If Slack refuses it, or was not reached.
        """
        bot = await self.bot()
        if bot.lacks:
            raise ScopeMissing(", ".join(bot.lacks))
        return bot

    async def check(self, channel: str) -> None:
        """Return if the bot is in a channel that can be written to; nothing is written.

        Raises:
            ScopeMissing: If it may not look.
            DeliveryError: If it is not, or Slack gave no answer.
        """
        found = await self.channel(channel)
        if found.archived:
            raise refusal("is_archived")
        if not found.member:
            raise refusal("not_in_channel")

    async def _named(self, name: str) -> SlackChannel:
        arguments: dict[str, Any] = {
            "types": "public_channel,private_channel",
            "exclude_archived": True,
            "limit": _PAGE,
        }
        for _ in range(_PAGES):
            data, _headers = await self._asked(lambda slack: slack.conversations_list, arguments)
            rows = data.get("channels")
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict) and row.get("name") == name:
                    return _channel(row)
            more = data.get("response_metadata")
            cursor = more.get("next_cursor") if isinstance(more, dict) else ""
            if not cursor:
                raise Undeliverable(
                    f"slack shows the bot no channel #{name}; a private one shows once the bot "
                    "was invited: write /invite and the bot's name in it"
                )
            arguments["cursor"] = cursor
        raise Undeliverable(
            f"#{name} is not among the first {_PAGE * _PAGES:,} channels; give its id, which "
            "stands below its details"
        )

    async def _asked(
        self, method: Callable[[AsyncWebClient], Any], arguments: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """Return answer and headers, or raise our word for the refusal."""
        said = await self._api.said(method(self._api.client(self.token)), arguments)
        if said.error is not None:
            raise refusal(said.error, said.data)
        headers = {name.lower(): value for name, value in said.headers.items()}
        date = http_date(headers.get("date"))
        if self._heard is not None and date is not None:
            self._heard(date)
        return said.data, headers

    async def aclose(self) -> None:
        """Close connections."""
        await self._api.aclose()


def _channel(row: Any) -> SlackChannel:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise Uncertain("slack's answer was not understood")
    return SlackChannel(
        row["id"],
        f"#{_short(row.get('name') or row['id'])}",
        member=bool(row.get("is_member") or row.get("is_im")),
        archived=bool(row.get("is_archived")),
    )


def _short(text: Any) -> str:
    return cut_text(clean(str(text)), _NAME_CHARS)
