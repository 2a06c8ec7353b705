"""Messages as the JSON that Alertmanager's webhooks carry, so that existing tools can take it.

Source: prometheus.io/docs/alerting/latest/configuration (webhook_config, version "4"), read
2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ebbwatch.markup.layout import clean, laid_out
from ebbwatch.model.message import Message

#: Go's zero time, which Alertmanager writes for an end that has not come.
NEVER = "0001-01-01T00:00:00Z"


def payload(
    message: Message, *, receiver: str = "", possible_repeat: bool = False
) -> dict[str, Any]:
    """Return a message as an Alertmanager webhook body, version 4.

    A message about no alert in particular (a digest, a test) carries one alert named
    ``Ebbwatch``, because receivers expect at least one.

    Args:
        message: What to say.
        receiver: Name of the receiver it goes to.
        possible_repeat: Say in each alert's annotations that an earlier copy may have arrived.
    """
    told = message.alerts or ({"rule": "Ebbwatch", "labels": {"reason": message.reason.value}},)
    alerts = [_alert(alert, message) for alert in told]
    if possible_repeat:
        for alert in alerts:
            alert["annotations"]["possible_repeat"] = "true"
    resolved = all(alert["status"] == "resolved" for alert in alerts)
    return {
        "version": "4",
        "groupKey": message.group,
        "truncatedAlerts": 0,
        "status": "resolved" if resolved else "firing",
        "receiver": receiver,
        "groupLabels": {},
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": "",
        "alerts": alerts,
    }


def _alert(alert: Mapping[str, Any], message: Message) -> dict[str, Any]:
    labels = _texts(alert.get("labels"))
    labels.setdefault("alertname", str(alert.get("rule", "")))
    labels.setdefault("severity", labels.get("level", message.level.word))
    annotations = _texts(alert.get("annotations"))
    annotations.setdefault("summary", clean(message.headline))
    annotations.setdefault("description", _description(message))
    for figure in ("value", "unit", "threshold", "period"):
        found = alert.get(figure)
        if found is not None:
            text = f"{found:.12g}" if isinstance(found, float) else str(found)
            annotations.setdefault(figure, text)
    return {
        "status": alert.get("status", "firing"),
        "labels": labels,
        "annotations": annotations,
        "startsAt": alert.get("starts_at") or NEVER,
        "endsAt": alert.get("ends_at") or NEVER,
        "generatorURL": message.link,
        "fingerprint": str(alert.get("fingerprint", "")),
    }


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
