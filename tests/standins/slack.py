"""A stand-in for Slack's Web API that refuses what Slack refuses, by its error codes.

Limits: docs.slack.dev, Block Kit reference, as kept in slack-sdk 3.47.0; the total of all
blocks: slackapi/bolt-js#2509. Error codes: docs.slack.dev/reference/methods/chat.postMessage
and chat.update. Arguments come as JSON, as a form, or in the query with an empty body: measured
against slack-sdk 3.47.0. All read 2026-11-22.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.standins.serving import Fault, StandIn

BLOCKS_LIMIT = 50
BLOCKS_TOTAL_LIMIT = 13_200
TEXT_LIMIT = 40_000
#: Scope that methods want, by the family of them.
_SCOPES = {"chat": "chat:write", "files": "files:write", "conversations": "channels:read"}
_TEXT_LIMITS = {"header": 150, "section": 3000}
_ELEMENT_LIMITS = {"context": 10, "actions": 25}


@dataclass
class Posted:
    """A message as it stands in its channel.

    Attributes:
        ts: Its id.
        text: Fallback.
        blocks: As they are now.
        thread_ts: Parent, where it stands in a thread.
        metadata: As given.
        client_msg_id: As given.
        files: Bytes of the files shared with it.
        edits: Earlier fallback texts, oldest first.
    """

    ts: str
    text: str
    blocks: list[Any]
    thread_ts: str | None = None
    metadata: Any = None
    client_msg_id: str | None = None
    files: list[bytes] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)


class _Refusal(Exception):
    def __init__(self, error: str, *details: str) -> None:
        super().__init__(error)
        self.error, self.details = error, details


class SlackStandIn(StandIn):
    """Channels, edits, threads and files.

    Attributes:
        channels: Messages by channel id.
        names: Channel id by name, with its ``#``.
        tokens: Bot tokens that are let in.
        calls: Every method called, in order, with its arguments.
        scopes: Granted to the bot: a method that wants another is refused.
        outside: Channels that the bot is not in.
        private: Channels that only their members see.
        archived: Channels that nobody can write to.
        page: Channels of one answer at most.
    """

    def __init__(
        self, token: str = "xoxb-test-token-of-the-stand-in", channels: Any = ("C0DESK00001",)
    ) -> None:
        super().__init__()
        self.token = token
        self.tokens = {token}
        self.channels: dict[str, list[Posted]] = {channel: [] for channel in channels}
        self.names: dict[str, str] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.scopes = {"chat:write", "files:write", "channels:read", "groups:read"}
        self.outside: set[str] = set()
        self.private: set[str] = set()
        self.archived: set[str] = set()
        self.page = 1000
        self._uploads: dict[str, bytes] = {}
        self._last = 0

    @property
    def api_base(self) -> str:
        """Return what `EBBWATCH_SLACK__API_BASE` would be."""
        return f"{self.origin}/api/"

    def routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/{method}", self._handle)
        app.router.add_post("/upload/{file}", self._upload)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        self.calls.append((method, arguments))

        async def work() -> web.StreamResponse:
            granted = {"X-OAuth-Scopes": ",".join(sorted(self.scopes))}
            try:
                result = self._result(method, arguments, request.headers.get("Authorization"))
            except _Refusal as refusal:
                body: dict[str, Any] = {"ok": False, "error": refusal.error}
                if refusal.error == "missing_scope":
                    body |= {"needed": refusal.details[0], "provided": granted["X-OAuth-Scopes"]}
                    return web.json_response(body, headers=granted)
                if refusal.details:
                    body["response_metadata"] = {"messages": list(refusal.details)}
                return web.json_response(body)
            return web.json_response({"ok": True, **result}, headers=granted)

        return await self.answered(request, method, work)

    def _result(
        self, method: str, arguments: dict[str, Any], authorization: str | None
    ) -> dict[str, Any]:
        if authorization not in {f"Bearer {token}" for token in self.tokens}:
            raise _Refusal("invalid_auth")
        needed = _SCOPES.get(method.partition(".")[0], "")
        if needed and needed not in self.scopes:
            raise _Refusal("missing_scope", needed)
        handler = getattr(self, "_" + method.replace(".", "_").lower(), None)
        if handler is None:
            raise _Refusal("unknown_method")
        result: dict[str, Any] = handler(arguments)
        return result

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"url": f"{self.origin}/", "team": "Desk", "user": "ebbwatch", "bot_id": "B1"}

    def _conversations_list(self, given: dict[str, Any]) -> dict[str, Any]:
        begin = int(given.get("cursor") or 0)
        rows = [self._about(c) for c in self.channels if c not in self.outside & self.private]
        if given.get("exclude_archived") in (True, "true", "1"):
            rows = [row for row in rows if not row["is_archived"]]
        end = begin + min(self.page, int(given.get("limit", 100)))
        following = str(end) if end < len(rows) else ""
        return {
            "channels": rows[begin:end],
            "response_metadata": {"next_cursor": following},
        }

    def _conversations_info(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = given.get("channel", "")
        if channel not in self.channels or channel in self.outside & self.private:
            raise _Refusal("channel_not_found")  # a name is not enough here
        return {"channel": self._about(channel)}

    def _about(self, channel: str) -> dict[str, Any]:
        name = next((n for n, c in self.names.items() if c == channel), f"#{channel.lower()}")
        return {
            "id": channel,
            "name": name.removeprefix("#"),
            "is_channel": True,
            "is_private": channel in self.private,
            "is_member": channel not in self.outside,
            "is_archived": channel in self.archived,
        }

    def _chat_postmessage(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(given)
        text, blocks = _said(given)
        posted = Posted(
            self._ts(),
            text,
            blocks,
            given.get("thread_ts"),
            given.get("metadata"),
            given.get("client_msg_id"),
        )
        self.channels[channel].append(posted)
        return {"channel": channel, "ts": posted.ts, "message": {"text": text}}

    def _chat_update(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = given.get("channel", "")
        if channel not in self.channels:  # a name is not enough here
            raise _Refusal("channel_not_found")
        posted = self._find(channel, given.get("ts", ""))
        posted.edits.append(posted.text)
        # Text without blocks removes the blocks.
        posted.text, posted.blocks = _said(given)
        return {"channel": channel, "ts": posted.ts, "text": posted.text}

    def _files_getuploadurlexternal(self, given: dict[str, Any]) -> dict[str, Any]:
        if not given.get("filename") or int(given.get("length", 0)) <= 0:
            raise _Refusal("invalid_arguments")
        file = f"F{len(self._uploads) + 1:08}"
        self._uploads[file] = b""
        return {"upload_url": f"{self.origin}/upload/{file}", "file_id": file}

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        file = request.match_info["file"]

        async def work() -> web.StreamResponse:
            self._uploads[file] = await request.read()
            return web.Response(text=f"OK - {len(self._uploads[file])}")

        return await self.answered(request, "upload", work)

    def _files_completeuploadexternal(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = given.get("channel_id", "")
        if channel not in self.channels:  # a name is not enough here either
            raise _Refusal("channel_not_found")
        files = given["files"]
        files = json.loads(files) if isinstance(files, str) else files
        thread = given.get("thread_ts")
        if thread:
            self._find(channel, thread)
        shared = Posted(self._ts(), "", [], thread)
        shared.files = [self._uploads[file["id"]] for file in files]
        self.channels[channel].append(shared)
        # Sharing is asynchronous: the answer names no message.
        return {"files": [{"id": file["id"], "title": file.get("title")} for file in files]}

    def _channel(self, given: dict[str, Any]) -> str:
        written = str(given.get("channel", ""))
        channel = self.names.get(written, written)
        if channel not in self.channels or channel in self.outside & self.private:
            raise _Refusal("channel_not_found")
        if channel in self.archived:
            raise _Refusal("is_archived")
        if channel in self.outside:
            raise _Refusal("not_in_channel")
        return channel

    def _find(self, channel: str, ts: str) -> Posted:
        for posted in self.channels[channel]:
            if posted.ts == ts:
                return posted
        raise _Refusal("message_not_found")

    def _ts(self) -> str:
        self._last += 1
        return f"1790000000.{self._last:06}"


def ratelimited(seconds: int) -> Fault:
    """Return the answer of a server that wants patience."""
    return Fault(
        status=429,
        body={"ok": False, "error": "ratelimited"},
        headers={"Retry-After": str(seconds)},
    )


def refusing(error: str) -> Fault:
    """Return an answer of the API that refuses."""
    return Fault(status=200, body={"ok": False, "error": error})


async def _arguments(request: web.Request) -> dict[str, Any]:
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        arguments |= await request.json()
    elif request.method == "POST":
        arguments |= {name: str(value) for name, value in (await request.post()).items()}
    return arguments


def _said(given: dict[str, Any]) -> tuple[str, list[Any]]:
    text = given.get("text") or ""
    blocks = given.get("blocks") or []
    blocks = json.loads(blocks) if isinstance(blocks, str) else blocks
    if not text and not blocks:
        raise _Refusal("no_text")
    if len(text) > TEXT_LIMIT:
        raise _Refusal("msg_too_long")
    if len(blocks) > BLOCKS_LIMIT:
        raise _Refusal("invalid_blocks", "no more than 50 items allowed [json-pointer:/blocks]")
    for number, block in enumerate(blocks):
        for fault in _faults(block):
            raise _Refusal("invalid_blocks", f"{fault} [json-pointer:/blocks/{number}]")
    if sum(len(text) for block in blocks for text in _texts(block)) > BLOCKS_TOTAL_LIMIT:
        raise _Refusal("msg_blocks_too_long")
    return text, blocks


def _faults(block: dict[str, Any]) -> list[str]:
    kind = block.get("type")
    faults = []
    if kind in _TEXT_LIMITS:
        text = block.get("text", {})
        if kind == "header" and text.get("type") != "plain_text":
            faults.append("must be plain_text")
        if not 1 <= len(text.get("text", "")) <= _TEXT_LIMITS[kind]:
            faults.append(f"must be between 1 and {_TEXT_LIMITS[kind]} characters")
    elif kind in _ELEMENT_LIMITS:
        elements = block.get("elements", [])
        if not 1 <= len(elements) <= _ELEMENT_LIMITS[kind]:
            faults.append(f"no more than {_ELEMENT_LIMITS[kind]} items allowed")
        if kind == "actions":
            ids = [element.get("action_id", "") for element in elements]
            if len(set(ids)) < len(ids) or any(len(one) > 255 for one in ids):
                faults.append("action_id must be unique and at most 255 characters")
            if any(len(e["text"]["text"]) > 75 or len(e["value"]) > 2000 for e in elements):
                faults.append("button is too long")
    else:
        faults.append(f"unsupported type: {kind}")
    return faults


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return []
