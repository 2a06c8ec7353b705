"""Providers: which sources a ruleset needs, and their adapters, built."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ebbwatch import __version__
from ebbwatch.app.plugins import Adapters
from ebbwatch.model.series import Series
from ebbwatch.model.source import KeyPolicy
from ebbwatch.ruleset.rules import Ruleset

if TYPE_CHECKING:
    from ebbwatch.ports import Clock, Source
    from ebbwatch.settings import Settings

#: What providers are told who asks.
USER_AGENT = f"ebbwatch/{__version__}"


def sources(settings: Settings, clock: Clock, names: Collection[str]) -> dict[str, Source]:
    """Return the adapters of the sources that are wanted and can be asked.

    One that requires a key is left out without it: it counts as down, and nothing is asked.
    """
    from ebbwatch.ports import SourceSetup

    adapters = Adapters("sources")
    found: dict[str, Source] = {}
    for name in sorted(set(names) & set(adapters)):
        key = settings.api_key(name)
        if key is None and adapters[name].facts.key is KeyPolicy.REQUIRED:
            continue
        setup = SourceSetup(
            clock=clock, base_url=settings.base_url(name), api_key=key, user_agent=USER_AGENT
        )
        found[name] = adapters.built(name, setup)
    return found


def wanted_sources(ruleset: Ruleset) -> set[str]:
    """Return the names of the sources that the rules' series, and their fallbacks, come from."""
    found = {rule.text_source for rule in ruleset.rules if rule.text_source}
    for series in followed(ruleset):
        found.add(series.source.name)
        if series.fallback is not None:
            found.add(series.fallback.name)
    return found


def followed(ruleset: Ruleset) -> list[Series]:
    """Return the series that any rule reads or any digest shows, in order of name."""
    names: set[str] = set()
    for rule in ruleset.rules:
        for expression in (rule.value, rule.when, rule.clear_when):
            if expression is not None:
                names |= expression.series
    for expression in ruleset.shown.values():
        names |= expression.series
    return [ruleset.series[name] for name in sorted(names)]
