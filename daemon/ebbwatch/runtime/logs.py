"""Logs: structured events on stderr, without secrets.

Every line, ours and the libraries', at every level, is redacted (`model.redaction`). Events are
dotted, noun and verb in the past; ``ts`` is wall time, and ``at``, where an event has it, is
logical. A reader that does not read holds nobody up: lines go out on a thread of their own.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ebbwatch.model.redaction import redacted
from ebbwatch.runtime.unhurried import Unhurried

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


def _masked(value: Any) -> Any:
    """Return a value with every secret in it masked; its own shape where that is plain."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redacted(value)
        case Mapping():
            return {redacted(str(key)): _masked(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(item) for item in value]
        case bytes():
            return redacted(value.decode("utf-8", "replace"))
        case _:
            return redacted(str(value))


def _masked_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Mask an event; a structlog processor."""
    return {key: item if key.startswith("_") else _masked(item) for key, item in event.items()}


def configure(
    *,
    level: str = "INFO",
    style: str = "auto",
    stream: TextIO | None = None,
) -> None:
    """Set up logging for this process.

    Args:
        level: Least urgent level written.
        style: ``json``, ``pretty``, or ``auto``: pretty on a terminal, JSON elsewhere.
        stream: Where to; stderr by default, because stdout belongs to the commands.
    """
    out = sys.stderr if stream is None else stream
    pretty = style == "pretty" or (style == "auto" and out.isatty())
    number = logging.getLevelNamesMapping()[level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    handler = logging.StreamHandler(out if stream is not None else Unhurried(out))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _named, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,
                _masked_event,
                _Rendered(colors=out.isatty()) if pretty else _Rendered(),
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


def _named(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Say whose line it is, where it is not ours."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["logger"] = record.name
    return event


class _Rendered:
    """Writes an event as a line, and looks over the finished line once more."""

    def __init__(self, *, colors: bool | None = None) -> None:
        """Write for people where `colors` is given, in colour where it is true; else JSON."""
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
        return redacted(str(self._render(logger, name, event)))
