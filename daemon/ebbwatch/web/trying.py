"""Try it: what other thresholds would have told, in a reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ebbwatch.core.render import Translator, level_word
from ebbwatch.core.render.words import and_more
from ebbwatch.model.alert import LEVELS
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.problem import Span
from ebbwatch.ruleset.rules import Rule
from ebbwatch.web.excerpt import Excerpt, excerpt
from ebbwatch.web.overview import Words

#: Changes that a page lists.
SHOWN = 40
#: Longest quantity that is tried.
_QUANTITY_CHARS = 40


@dataclass(frozen=True, slots=True)
class TriedChange:
    """An alert that is told, is not, or is told otherwise.

    Attributes:
        mark: ``+``, ``−`` or ``→``.
        what: The same in words.
        text: When, at which level, at what reading.
    """

    mark: str
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class YearBeside:
    """Alerts of a year, before and after.

    Attributes:
        year: New York's.
        before: With the thresholds in force.
        after: With the others.
    """

    year: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class TryOut:
    """What a trial came to.

    Attributes:
        problems: Why it came to nothing; empty where it did not.
        summary: How many alerts are added, lost and shifted.
        changes: Newest first; of many, the newest.
        more: How many others there are, in words; or empty.
        years: Oldest first.
        yaml: The rule with the edit, to be copied.
    """

    problems: tuple[str, ...]
    summary: str = ""
    changes: tuple[TriedChange, ...] = ()
    more: str = ""
    years: tuple[YearBeside, ...] = ()
    yaml: Excerpt | None = None


def edits_of(rule: Rule, query: Mapping[str, str]) -> dict[str, str]:
    """Return the quantities that an address names, by level or ``clear``; what is empty counts not."""
    names = [level.word for level, _ in rule.thresholds]
    return {
        name: text.strip()[:_QUANTITY_CHARS]
        for name in (*names, "clear")
        if (text := query.get(name, "")) and text.strip()
    }


def fields_of(t: Translator, rule: Rule, unit: str, bounds: Mapping[str, float], query: Mapping[str, str]) -> list[tuple[str, str, str, str]]:  # fmt: skip
    """Return (name, label, value, what is in force) of each quantity that can be tried."""
    found = [
        (level.word, level_word(t, level), query.get(level.word, ""),
         t.number(bounds[level.word], unit, short=True))
        for level, _ in rule.thresholds
    ]  # fmt: skip
    return [*found, ("clear", t.gettext("clear"), query.get("clear", ""), "")]


def try_out(t: Translator, zone: str, answer: Mapping[str, Any], file: str) -> TryOut:
    """Return a worker's answer in words."""
    if "problems" in answer:
        return TryOut(tuple(answer["problems"]))
    words = Words(t, zone, lambda _: "")
    changes = [
        (row["begun_at"], TriedChange("+", t.gettext("added"), _alert(t, words, row)))
        for row in answer["added"]
    ]
    changes += [
        (row["begun_at"], TriedChange("−", t.gettext("lost"), _alert(t, words, row)))
        for row in answer["lost"]
    ]
    changes += [
        (
            row["new"]["begun_at"],
            TriedChange(
                "→", t.gettext("shifted"),
                f"{_alert(t, words, row['old'])} → {_alert(t, words, row['new'])}",
            ),
        )
        for row in answer["shifted"]
    ]  # fmt: skip
    changes.sort(key=lambda pair: datetime.fromisoformat(pair[0]), reverse=True)
    years = sorted({*answer["before"], *answer["after"]}, key=int)
    span = range(int(years[0]), int(years[-1]) + 1) if years else range(0)
    return TryOut(
        problems=(),
        summary=t.gettext("{added} added, {lost} lost, {shifted} shifted").format(
            added=t.count(len(answer["added"])), lost=t.count(len(answer["lost"])),
            shifted=t.count(len(answer["shifted"])),
        ),
        changes=tuple(change for _, change in changes[:SHOWN]),
        more=and_more(t, len(changes) - SHOWN) if len(changes) > SHOWN else "",
        years=tuple(
            YearBeside(year, answer["before"].get(str(year), 0), answer["after"].get(str(year), 0))
            for year in span
        ),
        yaml=excerpt(answer["text"], Span(file, answer["line"], answer["column"])),
    )  # fmt: skip


def _alert(t: Translator, words: Words, row: Mapping[str, Any]) -> str:
    """Return an alert in a line: ``31 Oct 2025, warning, 36 bp, 5 days``."""
    begun = datetime.fromisoformat(row["begun_at"])
    parts = [words.instant(begun, year=True).text, level_word(t, LEVELS[row["top"]])]
    if row["value"] is not None:
        parts.append(t.number(row["value"], row["unit"]))
    if row["ended_at"] is None:
        parts.append(t.gettext("still firing"))
    else:
        parts.append(t.duration(datetime.fromisoformat(row["ended_at"]) - begun))
    return t.gettext(", ").join(parts)


def with_tried(spec: ChartSpec, t: Translator, answer: Mapping[str, Any]) -> ChartSpec:
    """Return a rule's chart with the thresholds that were tried, and the alerts they add."""
    if "problems" in answer:
        return spec
    held = dict(spec.thresholds)
    tried = tuple(
        (t.gettext("{level}, tried").format(level=level_word(t, LEVELS[word])), bound)
        for word, bound in answer["ladder"]
        if held.get(level_word(t, LEVELS[word])) != bound
    )
    first = spec.points[0][0] if spec.points else ""
    added = tuple(
        (row["period"], t.gettext("added")) for row in answer["added"] if row["period"] >= first
    )
    return replace(spec, tried=tried, marks=(*spec.marks, *added))
