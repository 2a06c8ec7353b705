"""Receivers: who is told where rule files name nobody, and the notifiers that tell them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from ebbwatch.app.plugins import Adapters
from ebbwatch.model.message import Target
from ebbwatch.ruleset.rules import Ruleset

if TYPE_CHECKING:
    from ebbwatch.ports import Clock, Notifier
    from ebbwatch.settings import Settings

log = structlog.get_logger()


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

    @property
    def remedy(self) -> str:
        """Return what to do about it."""
        return f"set EBBWATCH_SECRET__{self.name.upper()}"


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


def half_set(ruleset: Ruleset, settings: Settings) -> list[str]:
    """Return what is said of platforms of which settings name a bot and no place, or no bot.

    Args:
        ruleset: With somewhere to tell.
        settings: What the surroundings say.
    """
    said = []
    for kind, platform in settings.platforms.items():
        section = kind.upper()
        token, place = platform.pair
        named = [
            (name, target)
            for name, targets in ruleset.receivers.items()
            for target in targets
            if target.kind == kind and "token" not in target.options
        ]
        if platform.bot is None:
            wants = next((f"receiver {name}" for name, _ in named), None)
            if wants is None and getattr(platform, place) is not None:
                wants = f"EBBWATCH_{section}__{place.upper()}"
            if wants is not None:
                said.append(
                    f"{wants} names a {place} of {kind.capitalize()}, and there is no token: "
                    f"nothing goes there; set EBBWATCH_{section}__{token.upper()}, or run "
                    f"ebbwatch setup {kind}"
                )
        elif platform.place is None and not named:
            said.append(
                f"EBBWATCH_{section}__{token.upper()} is set, and no {place}: nothing goes to "
                f"{kind.capitalize()}; set EBBWATCH_{section}__{place.upper()}, or run "
                f"ebbwatch setup {kind}"
            )
    return said


def _named_secrets(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if set(value) == {"secret"}:
            yield str(value["secret"])
        else:
            for part in value.values():
                yield from _named_secrets(part)


class Notifiers(Mapping[str, "Notifier"]):
    """The adapters of the kinds of receivers, each built when it is first asked for.

    Messages may wait for a kind that the rules in force no longer name, or that another
    replica's rules name already: who delivers must not depend on which rules it has read.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Take what they are built with."""
        self._settings = settings
        self._clock = clock
        self._adapters = Adapters("notifiers")
        self._built: dict[str, Notifier] = {}
        self._unusable: set[str] = set()

    def equip(self, kinds: Collection[str]) -> None:
        """Build the adapters of some kinds, where there are any.

        Raises:
            EbbwatchError: If one cannot be built.
        """
        for kind in sorted(set(kinds) & set(self._adapters)):
            self._build(kind)

    @property
    def built(self) -> Collection[str]:
        """Return the kinds that were asked for so far."""
        return self._built.keys()

    def __getitem__(self, kind: str) -> Notifier:
        """Return an adapter; of a kind that there is not, or that cannot be built, KeyError."""
        from ebbwatch.ports import EbbwatchError

        if kind in self._unusable or kind not in self._adapters:
            raise KeyError(kind)
        try:
            return self._build(kind)
        except EbbwatchError as error:
            self._unusable.add(kind)
            log.error("notifier.unusable", kind=kind, reason=str(error),  # noqa: TRY400  said plainly
                      remedy="messages to such receivers are parked")  # fmt: skip
            raise KeyError(kind) from None

    def __iter__(self) -> Iterator[str]:
        """Return the kinds there are."""
        return iter(self._adapters)

    def __len__(self) -> int:
        """Return how many kinds there are."""
        return len(self._adapters)

    async def aclose(self) -> None:
        """Close the connections of those that were built."""
        for notifier in self._built.values():
            await notifier.aclose()

    def _build(self, kind: str) -> Notifier:
        from ebbwatch.ports import NotifierSetup

        if kind not in self._built:
            platform = self._settings.platforms.get(kind)
            setup = NotifierSetup(
                clock=self._clock,
                secrets=self._settings.secret,
                token=None if platform is None else platform.bot,
                api_base=None if platform is None else platform.api_base,
                page=self._settings.web.url or "",
                local_page=self._settings.web.local,
            )
            self._built[kind] = self._adapters.built(kind, setup)
            self._unusable.discard(kind)
        return self._built[kind]


def kinds_of(ruleset: Ruleset) -> set[str]:
    """Return the kinds of notifiers that a ruleset's receivers want."""
    return {target.kind for targets in ruleset.receivers.values() for target in targets}
