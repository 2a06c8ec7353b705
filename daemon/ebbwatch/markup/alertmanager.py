"""Messages as the JSON that Alertmanager's webhooks carry, so that existing tools can take it.

Source: prometheus.io/docs/alerting/latest/configuration (webhook_config, version "4"), read
2026-11-22; the field ``notification_reason`` and its words as in Alertmanager 0.34.

What reads this keeps a state, by the alerts' labels or fingerprints, or by the group's key. Both
must be right after every message. So an alert's labels stay the same while it fires, or, where
the level is one of them, the labels of the levels that it has left are sent resolved beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ebbwatch.markup.for_programs import (
    ADDED,
    BEGINS,
    ENDED,
    GroupTold,
    Page,
    fingerprint,
    fires,
    told,
)
from ebbwatch.markup.layout import clean, laid_out
from ebbwatch.model.message import Message

#: Go's zero time, which Alertmanager writes for an end that has not come.
NEVER = "0001-01-01T00:00:00Z"
#: What severities are called by those that know Alertmanager, by level.
SEVERITIES = {"watch": "info", "warning": "warning", "critical": "critical"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a receiver wants it.

    Attributes:
        by_level: Whether level and severity are labels, and so each level an alert of its own.
        severities: What its severities are called, by level; those that are missing as usual.
        page: Where the status page is.
    """

    by_level: bool = False
    severities: Mapping[str, str] = field(default_factory=dict)
    page: Page = field(default_factory=Page)

    def severity(self, level: str) -> str:
        """Return what a level is called; what has none is of the lowest."""
        words = {**SEVERITIES, **self.severities}
        return words.get(level, words["watch"])


def payload(
    message: Message,
    *,
    receiver: str = "",
    dialect: Dialect | None = None,
    possible_repeat: bool = False,
) -> dict[str, Any]:
    """Return a message as an Alertmanager webhook body, version 4.

    A message about no alert in particular (a digest, a test) carries one alert named
    ``Ebbwatch``, because receivers expect at least one.

    Args:
        message: What to say.
        receiver: Name of the receiver it goes to.
        dialect: How it wants it.
        possible_repeat: Say in each alert's annotations that an earlier copy may have arrived.
    """
    dialect, found = dialect or Dialect(), told(message)
    alerts = [
        shown
        for among, changed in ((found.changed, True), (found.firing, False))
        for alert in among
        for shown in _alerts(alert, found, message, dialect, changed=changed)
    ]
    if possible_repeat:
        for alert in alerts:
            alert["annotations"]["possible_repeat"] = "true"
    return {
        "version": "4",
        "groupKey": found.key,
        "truncatedAlerts": found.left_out,
        "status": found.status,
        "receiver": receiver,
        "groupLabels": dict(found.labels),
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": dialect.page.address,
        "notification_reason": _reason(found, dialect),
        "alerts": alerts,
    }


def _alerts(
    alert: Mapping[str, Any], found: GroupTold, message: Message, dialect: Dialect, *, changed: bool
) -> Iterator[dict[str, Any]]:
    """Yield an alert, and resolved beside it the labels of the levels that it has left."""
    labels = _texts(alert.get("labels"))
    level = labels.pop("level", message.level.word)
    labels.setdefault("alertname", str(alert["rule"]))
    shown = {
        "status": "firing" if fires(alert) else "resolved",
        "labels": labels,
        "annotations": _annotations(alert, message, alone=changed and len(found.changed) == 1)
        | {"level": level, "severity": dialect.severity(level)},
        "startsAt": alert.get("starts_at") or NEVER,
        "endsAt": alert.get("ends_at") or NEVER,
        "generatorURL": dialect.page.of(alert, message),
        "fingerprint": str(alert.get("fingerprint", "")),
    }
    if not dialect.by_level:
        yield shown
        return
    yield _at_level(shown, level, dialect)
    if changed:
        over = alert.get("ends_at") or found.at.isoformat()
        for one in alert.get("told_levels", ()):
            if one == level:
                continue
            yield _at_level({**shown, "status": "resolved", "endsAt": over}, one, dialect)


def _at_level(shown: Mapping[str, Any], level: str, dialect: Dialect) -> dict[str, Any]:
    """Return an alert as the one that it is where its level is a label."""
    severity = dialect.severity(level)
    own = {"level": level, "severity": severity}
    return {
        **shown,
        "labels": {**shown["labels"], **own},
        "annotations": {**shown["annotations"], **own},
        "fingerprint": fingerprint(f"{shown['fingerprint']}/{level}"),
    }


def _annotations(alert: Mapping[str, Any], message: Message, *, alone: bool) -> dict[str, str]:
    """Return what is to be read of an alert; of one told alone, what the message says."""
    annotations = _texts(alert.get("annotations"))
    if alone:
        annotations.setdefault("summary", clean(message.headline))
        annotations.setdefault("description", _description(message))
    annotations.setdefault("summary", str(alert["rule"]))
    annotations.setdefault("description", annotations["summary"])
    for figure in ("value", "unit", "threshold", "period"):
        value = alert.get(figure)
        if value is not None:
            text = f"{value:.12g}" if isinstance(value, float) else str(value)
            annotations.setdefault(figure, text)
    return annotations


def _reason(found: GroupTold, dialect: Dialect) -> str:
    """Return why it is told; where levels are labels, another level is another alert."""
    if not dialect.by_level or found.why in (BEGINS, ENDED):
        return found.why
    moved = any(
        fires(alert) and alert.get("told_before") not in (None, alert["labels"]["level"])
        for alert in found.changed
    )
    return ADDED if moved else found.why


def _description(message: Message) -> str:
    """Return everything below the headline."""
    return "\n".join(line.text for line in laid_out(message)[1:])


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in (values or {}).items()}


def _common(maps: list[dict[str, str]]) -> dict[str, str]:
    """Return the entries that all maps share."""
    first, *others = maps
    return {
        name: value
        for name, value in first.items()
        if all(other.get(name) == value for other in others)
    }
