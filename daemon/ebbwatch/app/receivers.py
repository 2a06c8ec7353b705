"""Receivers: who is told where rule files name nobody, and the notifiers that tell them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ebbwatch.app.plugins import Adapters
from ebbwatch.model.message import Target
from ebbwatch.ruleset.rules import Ruleset

if TYPE_CHECKING:
    from ebbwatch.ports import Clock, Notifier
    from ebbwatch.settings import Settings


def with_default_receivers(ruleset: Ruleset, settings: Settings, language: str) -> Ruleset:
    """Return the ruleset with somewhere to tell, where its files name no receiver.

    The places that the settings of platforms name; else the terminal.
    """
    if ruleset.receivers:
        return ruleset
    places = [(kind, platform.place) for kind, platform in settings.platforms.items()]
    known = [(kind, place) for kind, place in places if place is not None]
    targets = tuple(
        Target("default", kind, {**place, "language": language}, number)
        for number, (kind, place) in enumerate(known or [("terminal", {})])
    )
    return replace(ruleset, receivers={"default": targets})


@dataclass(frozen=True, slots=True)
class Missing:
    """A secret that rule files name and settings do not have.

    Attributes:
        receiver: Whose.
        name: Of the secret.
    """

    receiver: str
    name: str


def missing_secrets(ruleset: Ruleset, settings: Settings) -> list[Missing]:
    """Return the secrets that receivers name and settings lack."""
    known = {name.upper() for name in settings.secret}
    return [
        Missing(receiver, name)
        for receiver, targets in ruleset.receivers.items()
        for target in targets
        for name in _named_secrets(target.options)
        if name.upper() not in known
    ]


def _named_secrets(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if set(value) == {"secret"}:
            yield str(value["secret"])
        else:
            for part in value.values():
                yield from _named_secrets(part)


def notifiers(settings: Settings, clock: Clock, kinds: Collection[str]) -> dict[str, Notifier]:
    """Return the adapters of the kinds of receivers that are named."""
    from ebbwatch.ports import NotifierSetup

    adapters = Adapters("notifiers")
    found: dict[str, Notifier] = {}
    for kind in sorted(set(kinds) & set(adapters)):
        platform = settings.platforms.get(kind)
        setup = NotifierSetup(
            clock=clock,
            secrets=settings.secret,
            token=None if platform is None else platform.bot,
            api_base=None if platform is None else platform.api_base,
        )
        found[kind] = adapters.built(kind, setup)
    return found


def kinds_of(ruleset: Ruleset) -> set[str]:
    """Return the kinds of notifiers that a ruleset's receivers want."""
    return {target.kind for targets in ruleset.receivers.values() for target in targets}
