"""Explanations in words: why a rule stands as it does, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ebbwatch.core.answering.answers import InputFigure
from ebbwatch.core.answering.explaining import Explanation, LevelDistance
from ebbwatch.core.answering.status import Standing
from ebbwatch.core.render.alert_messages import lamp_text, late_names
from ebbwatch.core.render.message_contexts import Lamp
from ebbwatch.core.render.phrases import COMPARISONS
from ebbwatch.core.render.reading_words import found_text, reading_text, reason_text, truth_text
from ebbwatch.core.render.steps import step_text
from ebbwatch.core.render.words import (
    Translator,
    level_word,
    listed,
    part_text,
    series_label,
    title_of,
)
from ebbwatch.model.alert import Level
from ebbwatch.model.zones import NEW_YORK


@dataclass(frozen=True, slots=True)
class WhySection:
    """A part of an explanation.

    Attributes:
        title: What it is about.
        lines: One fact a line.
    """

    title: str
    lines: tuple[str, ...]


def why_sections(t: Translator, told: Explanation) -> tuple[WhySection, ...]:
    """Return an explanation in words, part by part; parts with nothing to say are left out.

    The first part's title is the rule's, and its lines say how it stands.
    """
    rule = told.standing.rule
    parts = [
        WhySection(title_of(t, rule, rule.name), tuple(_now(t, told))),
        WhySection(t.gettext("Made of"), tuple(_given(t, row) for row in told.given)),
        WhySection(t.gettext("Conditions"), tuple(_conditions(t, told))),
        WhySection(t.gettext("Levels"), tuple(_levels(t, told))),
        WhySection(t.gettext("What would change it"), tuple(_changes(t, told))),
        WhySection(t.gettext("Calendar"), tuple(_calendar(t, told))),
    ]
    return tuple(part for part in parts if part.lines)


def _now(t: Translator, told: Explanation) -> Iterator[str]:
    stands = told.standing
    reading = stands.reading
    yield _standing(t, stands)
    if stands.late_since is not None:
        since = t.clock(stands.late_since, NEW_YORK.key, year=True)
        yield t.gettext("Its figures are late since {since}: it is frozen until they come.").format(
            since=since
        )
    if reading is None:
        return
    if reading.found is None:
        reason = reason_text(t, reading, partial(_label, t, told))
        yield t.gettext("Its reading is unknown: {reason}.").format(reason=reason)
        if reading.last is not None:
            yield t.gettext("It was {value} for {period}.").format(
                value=found_text(t, reading.last, reading.unit, stands.near),
                period=t.period(reading.last.period, reading.every),
            )
        return
    period = t.period(reading.found.period, reading.every)
    if reading.unit is None:
        said = t.gettext("The condition is true for {period}.")
        if not reading.truth:
            said = t.gettext("The condition is false for {period}.")
        yield said.format(period=period)
        return
    line = t.gettext("{measure}: {value} for {period}").format(
        measure=told.measure.text.in_language(t.language)
        or title_of(t, stands.rule, stands.rule.name),
        value=reading_text(t, reading, stands.near),
        period=period,
    )
    more = ""
    if reading.value is not None and reading.unit and not reading.at_least:
        more = step_text(
            t, reading.value, told.previous, reading.unit, reading.every,
            over_window=told.over_window,
        )  # fmt: skip
    yield t.gettext("{line}, {more}").format(line=line, more=more) if more else line


def _label(t: Translator, told: Explanation, name: str) -> str:
    """Return what readers call a series that the rule reads."""
    return series_label(t, name, told.titles)


def _standing(t: Translator, stands: Standing) -> str:
    since = "" if stands.since is None else t.clock(stands.since, NEW_YORK.key, year=True)
    if stands.reading is None:
        return t.gettext("It waits for a text of {source} in which its pattern is found.").format(
            source=stands.rule.text_source
        )
    match stands.state:
        case "firing":
            return t.gettext("It fires since {since}, now at {level}.").format(
                level=level_word(t, stands.level), since=since
            )
        case "pending":
            return t.gettext("It is past a threshold since {since}, and waits.").format(since=since)
        case "broken":
            return t.gettext("It is broken: its readings are unknown for no good reason.")
    return t.gettext("It is quiet.")


def _given(t: Translator, row: InputFigure) -> str:
    figure, series = row.input, row.series
    line = t.gettext("{series} {value}, {period}; {source}, known {known_at}").format(
        series=series_label(t, series.name, {series.name: series.title}),
        value=t.number(figure.value, figure.unit),
        period=t.period(figure.period, series.every),
        source=figure.source,
        known_at=t.clock(figure.known_at, NEW_YORK.key, year=True),
    )
    if figure.assumed:
        line = t.gettext("{line} (assumed)").format(line=line)
    if row.part:
        line = t.gettext("{line}; {more}").format(line=line, more=part_text(t, row.part))
    if row.late_since is None:
        return t.gettext("{line}; stale").format(line=line) if row.stale else line
    since = t.clock(row.late_since, NEW_YORK.key)
    return t.gettext("{line}; the next is late since {since}").format(line=line, since=since)


def _conditions(t: Translator, told: Explanation) -> Iterator[str]:
    for one in told.comparisons:
        measure = one.measure.in_language(t.language)
        value, bound = (
            t.gettext("unknown") if number is None else t.number(number, one.unit)
            for number in (one.value, one.bound)
        )
        if one.last is not None:
            value = t.gettext("unknown, last {reading}").format(
                reading=t.number(one.last, one.unit)
            )
        yield t.gettext("{truth}: {measure} {value}; wanted {comparison} {bound}").format(
            truth=truth_text(t, one.holds), measure=measure, value=value, bound=bound,
            comparison=COMPARISONS[one.comparison],
        )  # fmt: skip
    for lamp in told.lamps:
        line = t.gettext("{truth}: {condition}").format(
            truth=reading_text(t, lamp.reading),
            condition=lamp_text(t, lamp)
            if lamp.reading.known
            else lamp.title.in_language(t.language),
        )
        more = _lamp_note(t, told, lamp)
        yield t.gettext("{line}; {more}").format(line=line, more=more) if more else line


def _lamp_note(t: Translator, told: Explanation, lamp: Lamp) -> str:
    """Return why a lamp is unknown and what it was, or which of its figures are late."""
    named = partial(_label, t, told)
    if lamp.reading.known:
        notes = [part_text(t, lamp.part)] if lamp.part else []
        return listed(t, [*notes, late_names(t, lamp, told.titles)] if lamp.late else notes)
    reason = reason_text(t, lamp.reading, named)
    if lamp.reading.last is None:
        return reason
    last = found_text(t, lamp.reading.last, None)
    return t.gettext("{line}, {more}").format(
        line=reason, more=t.gettext("last {value}").format(value=last)
    )


def _levels(t: Translator, told: Explanation) -> Iterator[str]:
    for rung in told.rungs:
        line = _level(t, told.standing, rung)
        if rung.needed > 1:
            more = t.gettext("needs {needed} periods in a row, has {counted}").format(
                needed=rung.needed, counted=min(rung.counted, rung.needed)
            )
            line = t.gettext("{line}; {more}").format(line=line, more=more)
        if rung.hold is not None:
            more = t.gettext("must last {hold}").format(hold=rung.hold)
            if rung.until is not None and told.standing.level < rung.level:
                more = t.gettext("must last {hold}, until {until}").format(
                    hold=rung.hold, until=t.clock(rung.until, NEW_YORK.key)
                )
            line = t.gettext("{line}; {more}").format(line=line, more=more)
        yield line


def _level(t: Translator, stands: Standing, rung: LevelDistance) -> str:
    level = level_word(t, rung.level)
    unit = None if stands.reading is None else stands.reading.unit
    if rung.threshold is None or unit is None:
        return t.gettext("{level}: {truth}").format(level=level, truth=truth_text(t, rung.breached))
    words = t.gettext("{level} above {threshold}")
    if not stands.rule.rising:
        words = t.gettext("{level} below {threshold}")
    line = words.format(level=level, threshold=t.number(rung.threshold, unit, short=True))
    if rung.away is None:
        return line
    if rung.away > 0:
        more = t.gettext("{amount} past it")
    elif rung.away == 0:
        more = t.gettext("exactly on it, which is not past it")
    else:
        more = t.gettext("{amount} to go")
    more = more.format(amount=t.difference(rung.away, unit))
    return t.gettext("{line}: {more}").format(line=line, more=more)


def _changes(t: Translator, told: Explanation) -> Iterator[str]:
    stands, rule = told.standing, told.standing.rule
    unit = None if stands.reading is None else stands.reading.unit
    if unit is None:
        if told.rungs and stands.level is Level.NONE:
            yield t.gettext("It fires when every condition wanted is met.")
        elif told.rungs and rule.clear_when is not None:
            yield t.gettext("It resolves when {condition}.").format(
                condition=told.clear.in_language(t.language)
            )
        elif told.rungs:
            yield t.gettext("It resolves when its condition is false.")
        return
    higher = next((r for r in told.rungs if r.level > stands.level), None)
    if higher is not None and higher.threshold is not None:
        words = t.gettext("to {level}: a reading above {threshold}")
        if not rule.rising:
            words = t.gettext("to {level}: a reading below {threshold}")
        yield words.format(
            level=level_word(t, higher.level),
            threshold=t.number(higher.threshold, unit, short=True),
        )
    here = next((r for r in told.rungs if r.level is stands.level), None)
    if here is not None and here.exit is not None:
        words = t.gettext("out of {level}: a reading of {exit} or less")
        if not rule.rising:
            words = t.gettext("out of {level}: a reading of {exit} or more")
        line = words.format(
            level=level_word(t, here.level), exit=t.number(here.exit, unit, short=True)
        )
        if here.room is not None and here.room > 0:
            more = t.gettext("{amount} away").format(amount=t.difference(here.room, unit))
            line = t.gettext("{line}, {more}").format(line=line, more=more)
        yield line


def _calendar(t: Translator, told: Explanation) -> Iterator[str]:
    stands = told.standing
    for turn in told.turns:
        policy = stands.rule.turns[turn]
        words = t.gettext("the period lies in the turn {turn}, which is noted")
        if policy.value == "hold":
            words = t.gettext("the period lies in the turn {turn}: it neither breaches nor counts")
        yield words.format(turn=turn)
    if stands.next_due is not None:
        at = t.clock(stands.next_due, NEW_YORK.key, year=True)
        yield t.gettext("next figure {at}").format(at=at)
