"""Texts of a ruleset in languages that nobody wrote them in, where a conversion is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ebbwatch.ruleset.rules import Ruleset


def with_conversions(ruleset: Ruleset, conversions: Mapping[str, Mapping[str, str]]) -> Ruleset:
    """Return a ruleset whose titles, notes and measures speak the other languages too.

    A text that was edited has no conversion: its readers are shown what was written.

    Args:
        ruleset: As loaded.
        conversions: As `Text.converted` takes them.
    """
    return replace(
        ruleset,
        series={
            name: replace(series, title=series.title.converted(conversions))
            for name, series in ruleset.series.items()
        },
        define_titles={
            name: title.converted(conversions) for name, title in ruleset.define_titles.items()
        },
        rules=tuple(
            replace(
                rule,
                title=rule.title.converted(conversions),
                measure=rule.measure.converted(conversions),
                note=rule.note.converted(conversions),
            )
            for rule in ruleset.rules
        ),
    )
