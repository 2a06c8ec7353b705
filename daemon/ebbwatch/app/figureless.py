"""Rules whose figures cannot come: nothing is held of a series, and nobody can be asked for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ebbwatch.app.plugins import Adapters
from ebbwatch.app.providers import followed
from ebbwatch.model.problem import Problem
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.source import KeyPolicy, in_variables
from ebbwatch.ruleset.catalogue import Unusable
from ebbwatch.ruleset.rules import Rule, Ruleset
from ebbwatch.ruleset.suggestions import listed
from ebbwatch.ruleset.yaml import Content

if TYPE_CHECKING:
    from ebbwatch.settings import Settings


def figureless(
    ruleset: Ruleset,
    files: Mapping[str, Content],
    settings: Callable[[], Settings],
    held: Callable[[], Collection[str]],
) -> tuple[Problem, ...]:
    """Return a warning for each series that rules read in vain, at the first of those rules.

    Args:
        ruleset: Valid.
        files: Contents of its rule files, by path.
        settings: Returns what keys there are; asked where a source wants one.
        held: Returns the series of which anything is held; asked where it matters.
    """
    adapters = Adapters("sources")
    silent = {
        series.name: whys
        for series in followed(ruleset)
        if (whys := _silent(series, adapters, settings))
    }
    there = frozenset(held()) if silent else frozenset()
    found = []
    for name, (why, hint) in silent.items():
        readers = [rule for rule in ruleset.rules if name in _series_of(rule)]
        if name in there or not readers:
            continue
        span = readers[0].span
        more = f"; {listed(rule.name for rule in readers[1:])} too" if readers[1:] else ""
        found.append(
            Problem(
                span, "warning", "no-figures",
                f"no figures of {name} can come: {why}, and none are held{more}",
                f"{hint}, or bring figures along: ebbwatch import {name} FILE",
                _line(files.get(span.file), span.line),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda problem: problem.span))


def _silent(
    series: Series, adapters: Adapters, settings: Callable[[], Settings]
) -> tuple[str, str] | None:
    """Return why none of a series' sources can be asked, and the way out; None where one can."""
    refs = [ref for ref in (series.source, series.fallback) if ref is not None]
    whys = [_unasked(ref, adapters, settings) for ref in refs]
    known = [why for why in whys if why is not None]
    return known[0] if len(known) == len(whys) else None


def _unasked(
    ref: SourceRef, adapters: Adapters, settings: Callable[[], Settings]
) -> tuple[str, str] | None:
    try:
        facts = adapters[ref.name].facts
    except (KeyError, Unusable):
        return None
    if facts.key is KeyPolicy.REQUIRED and settings().api_key(ref.name) is None:
        variable = f"EBBWATCH_{in_variables(ref.name).upper()}__API_KEY"
        return f"{ref.name} is not asked without a key", f"set {variable}"
    argument = ref.argument
    named = [argument] if isinstance(argument, str) else [
        str(argument[key]) for key in facts.paths if key in argument
    ]  # fmt: skip
    for path in named if facts.paths else ():
        if "://" not in path and not _exists(path):
            return f"there is no file {path}", "write it"
    return None


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        # What no file can be called is for whoever polls it to say.
        return True


def _series_of(rule: Rule) -> frozenset[str]:
    expressions = (rule.value, rule.when, rule.clear_when)
    return frozenset().union(*(one.series for one in expressions if one is not None))


def _line(content: Content | None, number: int) -> str:
    """Return a line of a file, to be shown."""
    if not isinstance(content, (str, bytes)):
        return ""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    lines = text.splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""
