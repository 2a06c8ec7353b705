"""Places: one text for one place, whatever the receiver is called, and no secret in it."""

from __future__ import annotations

from typing import Any

import pytest

from ebbwatch.model.message import Target
from ebbwatch.notifiers.slack import SlackNotifier
from ebbwatch.notifiers.telegram import TelegramNotifier
from ebbwatch.notifiers.terminal import TerminalNotifier
from ebbwatch.notifiers.webhook import WebhookNotifier
from ebbwatch.ports import Abilities, Notifier, NotifierSetup, Secret
from tests.notifiers.hurry import HurriedClock

HOOK = "https://oncall.example/PLANTED"
SETUP = NotifierSetup(
    HurriedClock(),
    {"HOOK": Secret(HOOK), "SECOND": Secret("2:PLANTED")},
    token=Secret("1:PLANTED"),
)
NOTIFIERS: dict[str, Notifier] = {
    "telegram": TelegramNotifier(SETUP),
    "slack": SlackNotifier(SETUP),
    "webhook": WebhookNotifier(SETUP),
    "terminal": TerminalNotifier(SETUP),
}


def place(kind: str, receiver: str = "desk", number: int = 0, **options: Any) -> str:
    """Return the place of a target."""
    return NOTIFIERS[kind].place(Target(receiver, kind, options, number))


@pytest.mark.parametrize(
    ("kind", "options", "shown"),
    [
        ("telegram", {"chat": -1001}, "telegram:-1001"),
        ("telegram", {"chat": "-1001", "language": "zh-Hant"}, "telegram:-1001"),
        ("telegram", {"chat": -1001, "topic": 7}, "telegram:-1001:7"),
        ("telegram", {"chat": 1, "token": {"secret": "SECOND"}}, "telegram:1 by SECOND"),
        ("slack", {"channel": "C1"}, "slack:C1"),
        ("slack", {"channel": "C1", "token": {"secret": "GONE"}}, "slack:C1 by GONE"),
        ("webhook", {"url": {"secret": "GONE"}}, "webhook:secret GONE"),
        ("terminal", {"language": "en"}, "terminal"),
        ("telegram", {}, "telegram"),
    ],
)
def test_a_place_is_named_by_what_says_where(
    kind: str, options: dict[str, Any], shown: str
) -> None:
    """Not by the receiver, its other options, or the order of its targets."""
    assert place(kind, **options) == shown
    assert place(kind, "renamed", 3, **options) == shown


def test_an_address_is_named_by_a_digest() -> None:
    """The same whether it is written or kept as a secret; another for another address."""
    written, secret = place("webhook", url=HOOK), place("webhook", url={"secret": "HOOK"})
    assert written == secret
    assert place("webhook", url=f"{HOOK}2") != written
    assert "PLANTED" not in written
    assert written.startswith("webhook:")


def test_what_each_kind_can() -> None:
    """Charts, edits and answers are asked of those who can."""
    assert {kind: notifier.can for kind, notifier in NOTIFIERS.items()} == {
        "telegram": Abilities(show_charts=True, edit=True, thread=True, move="chat", at_once=1),
        "slack": Abilities(show_charts=True, edit=True, move="channel", at_once=1),
        "webhook": Abilities(),
        "terminal": Abilities(at_once=1),
    }
