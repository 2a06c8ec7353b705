"""What others made of Alertmanager's webhooks: a decoder that is strict, and two that keep state."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

#: Source: prometheus.io/docs/alerting/latest/configuration (webhook_config), read 2026-11-22.
BODY = {
    "version": str, "groupKey": str, "truncatedAlerts": int, "status": str, "receiver": str,
    "groupLabels": dict, "commonLabels": dict, "commonAnnotations": dict, "externalURL": str,
    "notification_reason": str, "alerts": list,
}  # fmt: skip
ALERT = {
    "status": str, "labels": dict, "annotations": dict, "startsAt": str, "endsAt": str,
    "generatorURL": str, "fingerprint": str,
}  # fmt: skip
REASONS = (
    "first notification", "new alerts added", "some alerts resolved", "all alerts resolved",
    "repeat interval elapsed",
)  # fmt: skip
#: What severities are called unless a receiver wants other names.
SEVERITIES = ("info", "warning", "critical")
#: Go's zero time: an end that has not come.
NEVER = "0001-01-01T00:00:00Z"


def decoded(body: Any, *, severities: Collection[str] = SEVERITIES) -> dict[str, Any]:
    """Return a body, if it is exactly what is documented, and says the same everywhere."""
    _shaped(body, BODY)
    assert body["version"] == "4"
    assert body["notification_reason"] in REASONS
    assert body["groupKey"]
    assert body["groupLabels"]
    assert body["alerts"]
    _address(body["externalURL"])
    for texts in (body["groupLabels"], body["commonLabels"], body["commonAnnotations"]):
        _texts(texts)
    for alert in body["alerts"]:
        _alert(alert, body["groupLabels"])
        for said in (alert["labels"].get("severity"), alert["annotations"]["severity"]):
            assert said in (None, *severities)
    firing = [alert for alert in body["alerts"] if alert["status"] == "firing"]
    assert body["status"] == ("firing" if firing or body["truncatedAlerts"] else "resolved")
    assert (body["notification_reason"] == "all alerts resolved") == (body["status"] == "resolved")
    for common, what in (("commonLabels", "labels"), ("commonAnnotations", "annotations")):
        shared = set.intersection(*(set(alert[what].items()) for alert in body["alerts"]))
        assert set(body[common].items()) == shared
    prints = [alert["fingerprint"] for alert in body["alerts"]]
    assert len(set(prints)) == len(prints)
    found: dict[str, Any] = body
    return found


def _shaped(value: Any, shape: Mapping[str, type]) -> None:
    assert isinstance(value, dict)
    assert value.keys() == shape.keys()
    for name, kind in shape.items():
        assert type(value[name]) is kind, name


def _texts(value: Mapping[Any, Any]) -> None:
    for name, text in value.items():
        assert isinstance(name, str)
        assert isinstance(text, str)


def _alert(alert: Any, group: Mapping[str, str]) -> None:
    _shaped(alert, ALERT)
    _texts(alert["labels"])
    _texts(alert["annotations"])
    assert alert["status"] in ("firing", "resolved")
    assert re.fullmatch("[0-9a-f]{16}", alert["fingerprint"])
    assert alert["labels"]["alertname"]
    assert {name: alert["labels"].get(name, "") for name in group} == group
    begun = datetime.fromisoformat(alert["startsAt"])
    assert begun.year > 1
    if alert["status"] == "firing":
        assert alert["endsAt"] == NEVER
    else:
        assert datetime.fromisoformat(alert["endsAt"]) >= begun
    _address(alert["generatorURL"])


def _address(text: str) -> None:
    parts = urlsplit(text)
    assert parts.scheme in ("http", "https")
    assert parts.hostname


@dataclass
class ByFingerprint:
    """Keeps what fires by fingerprint; while it fires its labels and its begin stay the same.

    Attributes:
        firing: Alerts, by fingerprint.
        missed: Whether bodies were lost on their way: then an end may be missing, and a begin
            be another than it knows.
    """

    firing: dict[str, dict[str, Any]] = field(default_factory=dict)
    missed: bool = False

    def take(self, body: dict[str, Any]) -> None:
        """Take a body."""
        for alert in body["alerts"]:
            known = alert["fingerprint"]
            if known in self.firing and not self.missed:
                for same in ("labels", "startsAt"):
                    assert self.firing[known][same] == alert[same]
            if alert["status"] == "firing":
                self.firing[known] = alert
            else:
                self.firing.pop(known, None)
        labels = {tuple(sorted(alert["labels"].items())) for alert in self.firing.values()}
        assert len(labels) == len(self.firing)

    def levels(self) -> dict[str, str]:
        """Return the level of each alert that fires, by its name; each fires once."""
        found = {}
        for alert in self.firing.values():
            name = alert["labels"]["alertname"]
            assert name not in found
            found[name] = alert["annotations"]["level"]
        return found


@dataclass
class ByGroup:
    """Keeps a group's state by its key, as the last body says it.

    Attributes:
        firing: Names of the alerts that fire, by the key of their group.
    """

    firing: dict[str, set[str]] = field(default_factory=dict)

    def take(self, body: dict[str, Any]) -> None:
        """Take a body."""
        self.firing.pop(body["groupKey"], None)
        if body["status"] == "firing":
            self.firing[body["groupKey"]] = {
                alert["labels"]["alertname"]
                for alert in body["alerts"]
                if alert["status"] == "firing"
            }

    def names(self) -> set[str]:
        """Return the names of all alerts that fire; each is in one group."""
        found: list[str] = [name for names in self.firing.values() for name in names]
        assert len(found) == len(set(found))
        return set(found)
