"""What the formats for programs have in common: group, state and links of what a message tells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ebbwatch.model.message import GroupState, Message

#: Of what is no alert of a rule: a summary, a digest, an edit, a test.
NEWS = "Ebbwatch"
#: Of Alertmanager's reasons: something begins, something more does, all of it is over.
BEGINS, ADDED, ENDED = "first notification", "new alerts added", "all alerts resolved"
#: Where no instant was noted.
UNKNOWN = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """Where the status page is.

    Attributes:
        public: Address by which readers reach it; empty where nobody said.
        local: Address by which this machine reaches it.
    """

    public: str = ""
    local: str = "http://localhost"

    @property
    def address(self) -> str:
        """Return where it is said to be."""
        return self.public or self.local

    def of(self, alert: Mapping[str, Any], message: Message) -> str:
        """Return where more is to be read of an alert: never nothing.

        The rule's page, where readers reach it; else what the rule or the text links to; else
        the rule's page on this machine.
        """
        link = alert.get("link") or ("" if message.state else message.link)
        if link and not self.public:
            return str(link)
        if alert.get("trouble") or alert["rule"] == NEWS:
            return self.address
        return f"{self.address}/rules/{quote(str(alert['rule']), safe='')}"


@dataclass(frozen=True, slots=True)
class GroupTold:
    """What a message tells a program.

    Attributes:
        labels: Of the group.
        why: In Alertmanager's words.
        at: UTC instant of the decision.
        changed: The alerts it is about.
        firing: The others of the group that fire.
        left_out: How many more of those there are.
    """

    labels: Mapping[str, str]
    why: str
    at: datetime
    changed: tuple[Mapping[str, Any], ...]
    firing: tuple[Mapping[str, Any], ...] = ()
    left_out: int = 0

    @property
    def key(self) -> str:
        """Return what identifies the group: its labels, as Alertmanager writes them."""
        pairs = ", ".join(
            f"{name}={json.dumps(self.labels[name], ensure_ascii=False)}"
            for name in sorted(self.labels)
        )
        return f"{{}}:{{{pairs}}}"

    @property
    def status(self) -> str:
        """Return ``resolved`` where nothing of the group fires."""
        return (
            "firing"
            if any(map(fires, self.changed)) or self.firing or self.left_out
            else "resolved"
        )


def told(message: Message) -> GroupTold:
    """Return what a message tells a program; of one without state, what its alerts say."""
    state = message.state or _as_told_before(message)
    changed = message.alerts or (_news(message, state),)
    return GroupTold(state.labels, state.why, state.at, changed, state.firing, state.left_out)


def fires(alert: Mapping[str, Any]) -> bool:
    """Return whether an alert of a message fires."""
    return alert.get("status") != "resolved"


def fingerprint(text: str) -> str:
    """Return 16 hexadecimal digits that identify something to programs."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _as_told_before(message: Message) -> GroupState:
    """Return the state of a message that none was noted for: of an older version, or by itself."""
    names = [str(alert["rule"]) for alert in message.alerts]
    labels = {"alertname": names[0]} if len(names) == 1 else {"group": message.group}
    if not names:
        labels = {"alertname": NEWS, "reason": message.reason.value}
    begins = any(map(fires, message.alerts))
    return GroupState(labels=labels, at=UNKNOWN, why=BEGINS if begins else ENDED)


def _news(message: Message, state: GroupState) -> dict[str, Any]:
    """Return what is no state as one alert: it has ended when it is told, unless it begins."""
    begins, at = state.why == BEGINS, state.at.isoformat()
    return {
        "rule": NEWS,
        "status": "firing" if begins else "resolved",
        "labels": {**state.labels, "level": "watch"},
        "annotations": {},
        "starts_at": at,
        "ends_at": None if begins else at,
        "fingerprint": fingerprint(f"{NEWS}/{message.reason.value}"),
        "told_levels": ["watch"],
    }
