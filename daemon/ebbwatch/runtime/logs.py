"""Logs: structured events on stderr, without secrets.

Every line, ours and the libraries', at every level, passes one redactor: it knows the
secrets in force and the looks of those it was never told about. Events are dotted, noun and
verb in the past; ``ts`` is wall time, and ``at``, where an event has it, is logical.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ebbwatch.ports import Secret

#: Loggers that say too much below WARNING: httpx and httpcore print every address, and
#: Telegram's holds the bot's token.
TALKATIVE = (
    "aiohttp",
    "alembic",
    "apscheduler",
    "asyncio",
    "httpcore",
    "httpx",
    "matplotlib",
    "slack",
    "slack_sdk",
    "sqlalchemy",
    "telegram",
    "watchfiles",
)

MASK = "***"

#: Shorter texts are no secrets, and masking them would make lines unreadable.
_SHORTEST_CHARS = 4

#: A text without which it cannot be one, what secrets look like, and what is left of them.
_LOOKS = tuple(
    (needed, re.compile(pattern), replacement)
    for needed, pattern, replacement in (
        ("bot", r"bot\d+:[\w-]+", f"bot{MASK}"),
        (":", r"\b\d{6,}:[\w-]{30,}", MASK),
        ("xox", r"\bxox[a-z]-[\w-]+", MASK),
        ("xapp-", r"\bxapp-[\w-]+", MASK),
        (
            "hooks.slack.com/",
            r"hooks\.slack\.com/(services|workflows|triggers)/[^\s\"'<>]+",
            rf"hooks.slack.com/\1/{MASK}",
        ),
        (
            "=",
            r"(?i)\b((?:api_?key|userid|access_token|token|password)\s?=)[^&\s\"']+",
            rf"\1{MASK}",
        ),
        ("", r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}", rf"\1{MASK}"),
        ("://", r"(://[^/\s:@]+:)[^/\s@]+@", rf"\1{MASK}@"),
    )
)


class Redactor:
    """Masks secrets in whatever is about to be written."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        """Take the secrets in force."""
        texts = {secret.reveal() for secret in secrets}
        forms = {form for text in texts if len(text) >= _SHORTEST_CHARS for form in _written(text)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def text(self, text: str) -> str:
        """Return a text with every secret masked."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for needed, look, replacement in _LOOKS:
            if needed in text:
                text = look.sub(replacement, text)
        return text

    def value(self, value: Any) -> Any:
        """Return a value with every secret in it masked; its own shape where that is plain."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(str(key)): self.value(item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(item) for item in value]
            case bytes():
                return self.text(value.decode("utf-8", "replace"))
            case _:
                return self.text(str(value))

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        """Mask an event; a structlog processor."""
        return {
            key: item if key.startswith("_") else self.value(item) for key, item in event.items()
        }


def configure(
    *,
    level: str = "INFO",
    style: str = "auto",
    secrets: Iterable[Secret] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up logging for this process.

    Args:
        level: Least urgent level written.
        style: ``json``, ``pretty``, or ``auto``: pretty on a terminal, JSON elsewhere.
        secrets: Those in force.
        stream: Where to; stderr by default, because stdout belongs to the commands.
    """
    out = sys.stderr if stream is None else stream
    pretty = style == "pretty" or (style == "auto" and out.isatty())
    redact = Redactor(secrets)
    number = logging.getLevelNamesMapping()[level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _named, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,
                redact,
                _Rendered(redact, colors=out.isatty()) if pretty else _Rendered(redact),
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log what ends the process; to be `sys.excepthook`, whose own would print it unmasked."""
    structlog.get_logger().error(
        "daemon.crashed", exc_info=(kind, error, trace),
        remedy="this is a fault of Ebbwatch: report it; the supervisor starts it again",
    )  # fmt: skip


def _written(text: str) -> Iterator[str]:
    """Yield a text as addresses, JSON and the texts of exceptions would write it."""
    yield text
    yield quote(text)
    yield quote(text, safe="")
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]


def _named(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Say whose line it is, where it is not ours."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["logger"] = record.name
    return event


class _Rendered:
    """Writes an event as a line, and looks over the finished line once more."""

    def __init__(self, redact: Redactor, *, colors: bool | None = None) -> None:
        """Write for people where `colors` is given, in colour where it is true; else JSON."""
        self._redact = redact
        self._render: Any = (
            structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False)
            if colors is None
            else structlog.dev.ConsoleRenderer(
                colors=colors,
                timestamp_key="ts",
                exception_formatter=structlog.dev.plain_traceback,
            )
        )

    def __call__(self, logger: WrappedLogger, name: str, event: MutableMapping[str, Any]) -> str:
        """Return the line."""
        return self._redact.text(str(self._render(logger, name, event)))
