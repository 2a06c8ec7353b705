"""Messages as JSON of our own: plain, and all that is known, for whoever writes a program for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ebbwatch.markup.alertmanager import Dialect
from ebbwatch.markup.for_programs import UNKNOWN, fires, told
from ebbwatch.markup.layout import clean
from ebbwatch.model.alert import LEVELS
from ebbwatch.model.message import Message, Reason

#: Raised whenever a field is taken away or means something else; new fields do not raise it.
VERSION = 1

_FIGURES = ("value", "unit", "threshold", "period")


def payload(
    message: Message,
    *,
    receiver: str = "",
    dialect: Dialect | None = None,
    possible_repeat: bool = False,
) -> dict[str, Any]:
    """Return a message as our own webhook body, in the shape of `SCHEMA`.

    Args:
        message: What to say.
        receiver: Name of the receiver it goes to.
        dialect: How it wants it: of this, where the page is and what severities are called.
        possible_repeat: Say that an earlier copy may have arrived.
    """
    dialect, found = dialect or Dialect(), told(message)
    return {
        "version": VERSION,
        "reason": message.reason.value,
        "at": None if found.at == UNKNOWN else found.at.isoformat(),
        "receiver": receiver,
        "possible_repeat": possible_repeat,
        "language": message.language,
        "headline": clean(message.headline),
        "lines": [clean(line) for line in message.lines],
        "note": clean(message.note),
        "footer": [clean(line) for line in message.footer],
        "page": dialect.page.address,
        "group": {"key": found.key, "labels": dict(found.labels), "status": found.status},
        "alerts": [
            _alert(alert, message, dialect, changed=changed)
            for among, changed in ((found.changed, True), (found.firing, False))
            for alert in among
        ],
        "left_out": found.left_out,
    }


def _alert(
    alert: Mapping[str, Any], message: Message, dialect: Dialect, *, changed: bool
) -> dict[str, Any]:
    labels = {str(name): str(text) for name, text in alert["labels"].items()}
    level = labels.pop("level", "watch")
    return {
        "name": str(alert["rule"]),
        "fingerprint": str(alert.get("fingerprint", "")),
        "status": "firing" if fires(alert) else "resolved",
        "changed": changed,
        "level": level,
        "severity": dialect.severity(level),
        "labels": labels,
        "annotations": {str(name): str(text) for name, text in alert["annotations"].items()},
        **{figure: alert.get(figure) for figure in _FIGURES},
        "starts_at": alert.get("starts_at"),
        "ends_at": alert.get("ends_at"),
        "url": dialect.page.of(alert, message),
    }


_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_BY_NAME = {"type": "object", "additionalProperties": _TEXT}
_INSTANT = {"type": "string", "format": "date-time"}


def _described(shape: Mapping[str, Any], words: str) -> dict[str, Any]:
    return {**shape, "description": words}


def _or_null(shape: Mapping[str, Any]) -> dict[str, Any]:
    return {**shape, "type": [shape["type"], "null"]}


def _object(**fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(fields),
        "additionalProperties": False,
        "properties": fields,
    }


_ALERT = _object(
    name=_described(_TEXT, "Of the alert; of a notice about the data EbbwatchDataHealth, of "
                    "other news Ebbwatch."),
    fingerprint=_described(_TEXT, "The same for as long as the name is."),
    status={"enum": ["firing", "resolved"]},
    changed=_described({"type": "boolean"}, "Whether the message is about it; false for the "
                       "alerts of the group that only fire on."),
    level=_described({"enum": list(LEVELS)}, "Of a resolved alert the one it left."),
    severity=_described(_TEXT, "What the receiver calls the level."),
    labels=_described(_BY_NAME, "The same for as long as it fires."),
    annotations=_described(_BY_NAME, "In words: summary, description, note."),
    value=_described(_or_null({"type": "number"}), "In the unit; null for what has none."),
    unit=_or_null(_TEXT),
    threshold=_described(_or_null({"type": "number"}), "That was crossed; null where none was."),
    period=_described(_or_null(_TEXT), "Of the value, as its publisher writes it."),
    starts_at=_INSTANT,
    ends_at=_described(_or_null(_INSTANT), "Null while it fires."),
    url=_described(_TEXT, "Where more is to be read."),
)  # fmt: skip

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "What Ebbwatch posts to webhooks with format: ebbwatch",
    **_object(
        version=_described({"const": VERSION}, "Raised when a field goes or means something "
                           "else; new fields may come without."),
        reason=_described({"enum": [reason.value for reason in Reason]}, "Why it is told."),
        at=_described(_or_null(_INSTANT), "Of the decision to tell it; null where it is not known."),
        receiver=_TEXT,
        possible_repeat=_described({"type": "boolean"}, "Whether an earlier copy may have arrived."),
        language={"enum": ["en", "zh-Hant"]},
        headline=_TEXT,
        lines=_TEXTS,
        note=_described(_TEXT, "Why it matters; may be empty."),
        footer=_TEXTS,
        page=_described(_TEXT, "Where the status page is."),
        group=_object(
            key=_described(_TEXT, "Identifies the group at this receiver."),
            labels=_BY_NAME,
            status=_described({"enum": ["firing", "resolved"]}, "Resolved when none of it fires."),
        ),
        alerts=_described({"type": "array", "minItems": 1, "items": _ALERT},
                          "What changed first, then what only fires on."),
        left_out=_described({"type": "integer", "minimum": 0},
                            "How many more alerts of the group fire on."),
    ),
}  # fmt: skip
