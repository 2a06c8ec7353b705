"""Why an alert stands as it does, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ebbwatch.core.answers import Given
from ebbwatch.core.explaining import Explanation, Rung
from ebbwatch.core.release_clock import State
from ebbwatch.core.render.words import Translator, level_word, marked, series_label
from ebbwatch.model.alert import Level
from ebbwatch.model.series import Series

_ZONE = "America/New_York"

_REASONS = {
    "the history is too short for its window": marked("the history is too short for its window"),
    "division by zero": marked("division by zero"),
    "an input is stale": marked("an input is stale"),
    "there is no figure yet": marked("there is no figure yet"),
}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an explanation.

    Attributes:
        title: What it is about.
        lines: One fact a line.
    """

    title: str
    lines: tuple[str, ...]


def why_sections(
    t: Translator, told: Explanation, catalogue: Mapping[str, Series]
) -> tuple[Section, ...]:
    """Return an explanation in words, part by part; parts with nothing to say are left out.

    The first part's title is the rule's, and its lines say how it stands.
    """
    parts = [
        Section(told.rule.title.in_language(t.language) or told.rule.name, tuple(_now(t, told))),
        Section(t.gettext("Made of"), tuple(_given(t, told, catalogue))),
        Section(t.gettext("Conditions"), tuple(_conditions(t, told))),
        Section(t.gettext("Levels"), tuple(_levels(t, told))),
        Section(t.gettext("What would change it"), tuple(_changes(t, told))),
        Section(t.gettext("Calendar"), tuple(_calendar(t, told))),
    ]
    return tuple(part for part in parts if part.lines)


def _now(t: Translator, told: Explanation) -> Iterator[str]:
    yield _standing(t, told)
    if told.frozen:
        yield t.gettext("Its figures are late: it is frozen until they come.")
    if told.every is None:
        return
    if told.reason:
        reason = t.gettext(_REASONS.get(told.reason, told.reason))
        yield t.gettext("Its reading is unknown: {reason}.").format(reason=reason)
        if not told.period:
            return
    period = t.period(told.period, told.every)
    if told.value is None or told.unit is None:
        if told.truth is not None:
            said = t.gettext("The condition is true for {period}.")
            if not told.truth:
                said = t.gettext("The condition is false for {period}.")
            yield said.format(period=period)
        return
    measure = told.measure.in_language(t.language) or told.rule.name
    value = t.number(told.value, told.unit, apart_from=_nearest(told))
    if told.at_least:
        value = t.gettext("at least {value}").format(value=value)
    line = t.gettext("{measure}: {value} for {period}").format(
        measure=measure, value=value, period=period
    )
    if told.previous is not None and told.unit != "":
        moved = told.value - told.previous
        by = t.difference(moved, told.unit)
        match moved:
            case 0:
                more = t.gettext("unchanged")
            case _ if moved > 0:
                more = t.gettext("up {amount}").format(amount=by)
            case _:
                more = t.gettext("down {amount}").format(amount=by)
        line = t.gettext("{line}, {more}").format(line=line, more=more)
    yield line


def _nearest(told: Explanation) -> float | None:
    """Return the threshold that the reading lies nearest to."""
    near = [r for r in told.rungs if r.away is not None]
    return min(near, key=lambda r: abs(r.away or 0)).threshold if near else None


def _standing(t: Translator, told: Explanation) -> str:
    since = "" if told.since is None else t.clock(told.since, _ZONE, year=True)
    if told.every is None:
        return t.gettext("It waits for a text of {source} in which its pattern is found.").format(
            source=told.rule.text_source
        )
    match told.state:
        case "firing":
            return t.gettext("It fires since {since}, now at {level}.").format(
                level=level_word(t, told.level), since=since
            )
        case "pending":
            return t.gettext("It is past a threshold since {since}, and waits.").format(since=since)
        case "broken":
            return t.gettext("It is broken: its readings are unknown for no good reason.")
    return t.gettext("It is quiet.")


def _given(t: Translator, told: Explanation, catalogue: Mapping[str, Series]) -> Iterator[str]:
    titles = {name: series.title for name, series in catalogue.items()}
    for row in told.given:
        figure = row.input
        every = catalogue[figure.series].every
        line = t.gettext("{series} {value}, {period}; {source}, known {known_at}").format(
            series=series_label(t, figure.series, titles),
            value=t.number(figure.value, figure.unit),
            period=t.period(figure.period, every),
            source=figure.source,
            known_at=t.clock(figure.known_at, _ZONE, year=True),
        )
        if figure.assumed:
            line = t.gettext("{line} (assumed)").format(line=line)
        yield _with_lateness(t, line, row)


def _with_lateness(t: Translator, line: str, row: Given) -> str:
    if row.state not in (State.LATE, State.STALE) or row.due_at is None:
        return line
    since = t.clock(row.due_at, _ZONE)
    return t.gettext("{line}; the next is late since {since}").format(line=line, since=since)


def _truth(t: Translator, truth: bool | None) -> str:
    if truth is None:
        return t.gettext("unknown")
    return t.gettext("true") if truth else t.gettext("false")


def _conditions(t: Translator, told: Explanation) -> Iterator[str]:
    for one in told.comparisons:
        measure = one.measure.in_language(t.language) or told.rule.name
        value, bound = (
            t.gettext("unknown") if number is None else t.number(number, one.unit)
            for number in (one.value, one.bound)
        )
        yield t.gettext("{truth}: {measure} {value}; wanted {comparison} {bound}").format(
            truth=_truth(t, one.holds), measure=measure, value=value, bound=bound,
            comparison=one.comparison,
        )  # fmt: skip
    for lamp in told.lamps:
        yield t.gettext("{truth}: {condition}").format(
            truth=_truth(t, lamp.truth), condition=lamp.text
        )


def _levels(t: Translator, told: Explanation) -> Iterator[str]:
    for rung in told.rungs:
        line = _level(t, told, rung)
        if rung.needed > 1:
            more = t.gettext("needs {needed} periods in a row, has {counted}").format(
                needed=rung.needed, counted=min(rung.counted, rung.needed)
            )
            line = t.gettext("{line}; {more}").format(line=line, more=more)
        if rung.hold is not None:
            more = t.gettext("must last {hold}").format(hold=rung.hold)
            if rung.until is not None and told.level < rung.level:
                more = t.gettext("must last {hold}, until {until}").format(
                    hold=rung.hold, until=t.clock(rung.until, _ZONE)
                )
            line = t.gettext("{line}; {more}").format(line=line, more=more)
        yield line


def _level(t: Translator, told: Explanation, rung: Rung) -> str:
    level = level_word(t, rung.level)
    if rung.threshold is None or told.unit is None:
        return t.gettext("{level}: {truth}").format(level=level, truth=_truth(t, rung.breached))
    words = t.gettext("{level} above {threshold}")
    if not told.rule.rising:
        words = t.gettext("{level} below {threshold}")
    line = words.format(level=level, threshold=t.number(rung.threshold, told.unit, short=True))
    if rung.away is None:
        return line
    if rung.away > 0:
        more = t.gettext("{amount} past it")
    elif rung.away == 0:
        more = t.gettext("exactly on it, which is not past it")
    else:
        more = t.gettext("{amount} to go")
    more = more.format(amount=t.difference(rung.away, told.unit))
    return t.gettext("{line}: {more}").format(line=line, more=more)


def _changes(t: Translator, told: Explanation) -> Iterator[str]:
    if told.unit is None:
        if told.rungs and told.level is Level.NONE:
            yield t.gettext("It fires when every condition wanted is met.")
        elif told.rungs and told.rule.clear_when is not None:
            yield t.gettext("It resolves when {condition}.").format(
                condition=" ".join(told.rule.clear_when.text.split())
            )
        elif told.rungs:
            yield t.gettext("It resolves when its condition is false.")
        return
    higher = next((r for r in told.rungs if r.level > told.level), None)
    if higher is not None and higher.threshold is not None:
        words = t.gettext("to {level}: a reading above {threshold}")
        if not told.rule.rising:
            words = t.gettext("to {level}: a reading below {threshold}")
        yield words.format(
            level=level_word(t, higher.level),
            threshold=t.number(higher.threshold, told.unit, short=True),
        )
    here = next((r for r in told.rungs if r.level is told.level), None)
    if here is not None and here.exit is not None:
        words = t.gettext("out of {level}: a reading of {exit} or less")
        if not told.rule.rising:
            words = t.gettext("out of {level}: a reading of {exit} or more")
        line = words.format(
            level=level_word(t, here.level), exit=t.number(here.exit, told.unit, short=True)
        )
        if here.room is not None and here.room > 0:
            more = t.gettext("{amount} away").format(amount=t.difference(here.room, told.unit))
            line = t.gettext("{line}, {more}").format(line=line, more=more)
        yield line


def _calendar(t: Translator, told: Explanation) -> Iterator[str]:
    for turn in told.turns:
        policy = told.rule.turns[turn]
        words = t.gettext("the period lies in the turn {turn}, which is noted")
        if policy.value == "hold":
            words = t.gettext("the period lies in the turn {turn}: it neither breaches nor counts")
        yield words.format(turn=turn)
    if told.next_due is not None:
        yield t.gettext("next figure {at}").format(at=t.clock(told.next_due, _ZONE, year=True))
