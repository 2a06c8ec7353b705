"""The message about an alert: one change, several of one alert, or a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ebbwatch.core.render.message_contexts import Lamp, Quote, Reset, Revised, ToldChange
from ebbwatch.core.render.phrases import COMPARISONS
from ebbwatch.core.render.steps import single_text, step_text
from ebbwatch.core.render.words import (
    EASED,
    ICONS,
    LOUD_LEVELS,
    RESOLVED,
    Translator,
    fingerprint,
    heading,
    late_line,
    level_word,
    listed,
    part_text,
    series_label,
    title_of,
)
from ebbwatch.core.telling.history_rank import Unusual
from ebbwatch.model.alert import OVER, Cause, Change, Input, Level, Transition
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import Button, Message, Reason
from ebbwatch.model.periods import Every, Rank
from ebbwatch.model.text import Text, marked

#: Inputs that a message lists; a ladder over many series is explained by ``/why``.
INPUTS_SHOWN = 6
#: Characters of a quoted text.
QUOTE_LIMIT_CHARS = 400
_TURNS = {
    "year-end": marked("Year end"),
    "quarter-end": marked("Quarter end"),
    "month-end": marked("Month end"),
    "tax-date": marked("Tax date"),
    "coupon-settlement": marked("Coupon settlement"),
}
_EVERY_SPAN = {
    Rank.MINUTES: marked("every reading"),
    Rank.HOUR: marked("every hour"),
    Rank.DAILY: marked("every day"),
    Rank.WEEK: marked("every week"),
    Rank.MONTH: marked("every month"),
    Rank.QUARTER: marked("every quarter"),
    Rank.YEAR: marked("every year"),
}
_MOVES = {
    Change.ARMED: marked("armed at {level}"),
    Change.DISARMED: marked("disarmed"),
    Change.FIRED: marked("fired at {level}"),
    Change.ESCALATED: marked("rose to {level}"),
    Change.EASED: marked("eased to {level}"),
    Change.RESOLVED: marked("resolved"),
    Change.WITHDRAWN: marked("withdrawn"),
}


def alert_message(
    told: Sequence[ToldChange],
    *,
    reason: Reason,
    t: Translator,
    group: str = "",
    chart: ChartSpec | None = None,
) -> Message:
    """Return what is said of one change, or of several told together.

    Args:
        told: Oldest first, at least one. Several of one alert are a catching-up after
            downtime or a wait; of several alerts, a group.
        reason: Why it is told.
        t: The reader's language.
        group: Key of the group.
        chart: Of the alert; None for nothing.
    """
    newest = {one.transition.rule: one for one in told}
    if len(newest) > 1:
        return _group_message(list(newest.values()), told, reason=reason, t=t, group=group)
    last = told[-1]
    move = last.transition
    lines = [*_lines(t, last, reason)]
    if len(told) > 1:
        lines += [t.gettext("Since the last message:"), *(move_line(t, one) for one in told)]
    return Message(
        headline=_headline(t, last),
        lines=tuple(line for line in lines if line),
        language=t.language,
        level=Level.NONE if move.change in OVER else move.level,
        reason=reason,
        note=last.note.in_language(t.language),
        footer=_footer(t, last),
        link=last.link or (last.quote.address if last.quote else ""),
        buttons=_buttons(t, move),
        chart=chart,
        alerts=(alert_for_programs(t, last),),
        group=group,
    )


def bare_message(
    moves: Sequence[Transition], *, reason: Reason, t: Translator, group: str = ""
) -> Message:
    """Return what happened in plain figures, for moves that no better words were found for.

    Args:
        moves: The newest of each alert, at least one.
        reason: Why it is told.
        t: The reader's language.
        group: Key of the group.
    """
    level = max(Level.NONE if move.change in OVER else move.level for move in moves)
    first = moves[0]
    title = first.rule if len(moves) == 1 else str(len(moves))
    word = RESOLVED if level is Level.NONE else ICONS[level]
    return Message(
        headline=heading(word, first.change.value.upper(), title),
        lines=tuple(
            f"{move.rule}: {move.change.value} ({move.level.word}), "
            f"{move.value!r} {move.unit or ''} [{move.period}]"
            for move in moves
        ),
        language=t.language,
        level=level,
        reason=reason,
        alerts=tuple(_bare_for_programs(ToldChange(transition=move)) for move in moves),
        group=group,
    )


def _headline(t: Translator, told: ToldChange) -> str:
    move = told.transition
    title = title_of(t, told, move.rule)
    match move.change:
        case Change.RESOLVED:
            return heading(RESOLVED, t.gettext("RESOLVED"), title)
        case Change.WITHDRAWN:
            return heading(ICONS[Level.NONE], t.gettext("WITHDRAWN"), title)
        case Change.EASED:
            eased = t.gettext("EASED to {level}").format(level=level_word(t, move.level))
            return heading(EASED, eased, title)
        case _:
            return heading(ICONS[move.level], t.gettext(LOUD_LEVELS[move.level]), title)


def _lines(t: Translator, told: ToldChange, reason: Reason) -> list[str]:
    move = told.transition
    lines: list[str] = []
    if told.quote is not None:
        lines += _quote_lines(t, told.quote, told.zone)
    elif move.value is not None:
        lines.append(_reading_line(t, told))
        if told.single is not None and move.unit is not None and move.change not in OVER:
            single = told.single
            lines.append(single_text(t, single.value, single.previous, move.unit, told.every))
        lines += _lamp_lines(t, told.lamps, told.titles)
    elif move.period:  # an alert whose rule is gone has no reading
        lines += _condition_lines(t, told)
    lines += [_reset_line(t, told, one) for one in told.resets]
    if move.change not in (*OVER, Change.EASED) and told.unusual is not None:
        lines.append(_unusual_line(t, told.unusual, told.every))
    if move.change is Change.ESCALATED and move.before > Level.NONE:
        lines.append(_from_line(t, told))
    if move.change in (*OVER, Change.EASED):
        lines += _story_lines(t, told)
    if reason is Reason.REMINDER and move.entered_at is not None:
        since = t.clock(move.entered_at, told.zone, year=_long_ago(move))
        lines.append(t.gettext("Reminder: firing since {since}").format(since=since))
    lines += _cause_lines(t, told)
    if reason is Reason.CORRECTION and told.told_value is not None and move.unit is not None:
        before = t.number(told.told_value, move.unit, apart_from=move.value)
        lines.append(t.gettext("Correction: you were told {before}").format(before=before))
    return lines


def _reading(t: Translator, told: ToldChange) -> tuple[str, str]:
    """Return what was measured (empty: what the title says), and its value."""
    move = told.transition
    assert move.value is not None
    assert move.unit is not None
    value = t.number(move.value, move.unit, apart_from=move.threshold)
    if told.at_least:
        value = t.gettext("at least {value}").format(value=value)
    return told.measure.text.in_language(t.language), value


def _reading_line(t: Translator, told: ToldChange) -> str:
    move = told.transition
    measure, value = _reading(t, told)
    reading = f"{measure} {value}" if measure else value[:1].upper() + value[1:]
    if measure and not told.measure.formula:
        reading = t.gettext("{what}: {verb}").format(what=measure, verb=value)
    line = t.gettext("{reading} for {period}").format(reading=reading, period=_period(t, told))
    assert move.value is not None
    moved = step_text(
        t, move.value, move.previous, move.unit or "", told.every, over_window=told.over_window
    )
    if moved:
        line = t.gettext("{line}, {more}").format(line=line, more=moved)
    if move.threshold is None or move.unit is None:
        return line
    threshold = t.number(move.threshold, move.unit, short=True)
    if move.change in (Change.EASED, Change.RESOLVED):
        if told.rising:
            bound = t.gettext("{level} ends at {threshold} or less")
        else:
            bound = t.gettext("{level} ends at {threshold} or more")
        left = move.before if move.change is Change.EASED else move.level
        bound = bound.format(level=level_word(t, left), threshold=threshold)
    else:
        bound = t.gettext("threshold {threshold}").format(threshold=threshold)
    return t.gettext("{line}; {more}").format(line=line, more=bound)


def _period(t: Translator, told: ToldChange) -> str:
    """Return the period of a reading, and up to which part of it is known."""
    period = t.period(told.transition.period, told.every)
    if not told.part:
        return period
    return t.gettext("{period} ({part})").format(period=period, part=part_text(t, told.part))


def _lamp_lines(t: Translator, lamps: Sequence[Lamp], titles: Mapping[str, Text]) -> list[str]:
    """Return the conditions of a count that hold or may hold, each with its figures."""
    lines = []
    for lamp in lamps:
        if lamp.reading.truth is False:
            continue
        line = f"{_MARKS[lamp.reading.truth]} {lamp_text(t, lamp)}"
        if lamp.part:
            line = t.gettext("{line}; {more}").format(line=line, more=part_text(t, lamp.part))
        if lamp.late:
            line = t.gettext("{line}; {more}").format(line=line, more=late_names(t, lamp, titles))
        lines.append(line)
    return lines


def late_names(t: Translator, lamp: Lamp, titles: Mapping[str, Text]) -> str:
    """Return which figures of a condition are late."""
    names = [series_label(t, late.series, titles) for late in lamp.late]
    return t.gettext("{series} late").format(series=listed(t, names))


def lamp_text(t: Translator, lamp: Lamp) -> str:
    """Return a condition with its figures: ``Reserves under 10 % of GDP: 9.31 %``."""
    figures = [
        t.gettext("unknown")
        if row.value is None
        else t.number(row.value, row.unit, apart_from=row.bound)
        for row in lamp.workings
    ]
    title = lamp.title.in_language(t.language)
    if not figures:
        return title
    return t.gettext("{what}: {verb}").format(what=title, verb=t.gettext(", ").join(figures))


def _reset_line(t: Translator, told: ToldChange, reset: Reset) -> str:
    """Return that a rate that is set was set anew, for what is compared with it jumps."""
    old, new = (t.number(one, reset.unit) for one in (reset.old, reset.new))
    name = series_label(t, reset.series, told.titles)
    words = t.gettext("{series} was lowered that day, from {old} to {new}")
    if reset.new > reset.old:
        words = t.gettext("{series} was raised that day, from {old} to {new}")
    return words.format(series=name, old=old, new=new)


def _unusual_line(t: Translator, unusual: Unusual, every: Every | None) -> str:
    rank = every.rank if every else Rank.DAILY
    parts = []
    first = t.period_at(unusual.first, every, short=True)
    if unusual.since is None and unusual.begun:
        if unusual.rising:
            parts.append(
                t.gettext("Highest on record, since the first observation on {first}").format(
                    first=first
                )
            )
        else:
            parts.append(
                t.gettext("Lowest on record, since the first observation on {first}").format(
                    first=first
                )
            )
    elif unusual.since is None:
        if unusual.rising:
            parts.append(t.gettext("Highest on record, since {first}").format(first=first))
        else:
            parts.append(t.gettext("Lowest on record, since {first}").format(first=first))
    elif unusual.beyond_all:
        since = t.period_at(unusual.since, every, short=True)
        if unusual.rising:
            parts.append(t.gettext("Highest since {since}").format(since=since))
        else:
            parts.append(t.gettext("Lowest since {since}").format(since=since))
    if unusual.years:
        span = t.ngettext("the last year", "the last {n} years", unusual.years).format(
            n=unusual.years
        )
        if unusual.beyond_all and unusual.since is not None:
            each = t.gettext(_EVERY_SPAN[rank])
            if unusual.rising:
                parts.append(t.gettext("above {each} of {span}").format(each=each, span=span))
            else:
                parts.append(t.gettext("below {each} of {span}").format(each=each, span=span))
        elif not unusual.beyond_all:
            share = t.number(float(int(unusual.share * 100)), "%", short=True)
            if unusual.rising:
                more = t.gettext("Higher than {share} of {span}")
            else:
                more = t.gettext("Lower than {share} of {span}")
            parts.append(more.format(share=share, span=span))
    return t.gettext("; ").join(parts)


def _from_line(t: Translator, told: ToldChange) -> str:
    move = told.transition
    before = level_word(t, move.before)
    if move.entered_at is None:
        return t.gettext("Up from {level}").format(level=before)
    since = t.clock(move.entered_at, told.zone, year=_long_ago(move))
    return t.gettext("Up from {level}; firing since {since}").format(level=before, since=since)


def _story_lines(t: Translator, told: ToldChange) -> list[str]:
    """Return entry, extreme and exit of an episode, and how long it lasted."""
    move = told.transition
    steps = []
    if move.unit is not None:
        if move.entry is not None:
            entry = _dated(t, told, move.entry, told.entry_period)
            steps.append(t.gettext("Entered at {reading}").format(reading=entry))
        if move.extreme is not None:
            extreme = _dated(t, told, move.extreme, told.extreme_period)
            if told.rising:
                steps.append(t.gettext("highest {reading}").format(reading=extreme))
            else:
                steps.append(t.gettext("lowest {reading}").format(reading=extreme))
        if move.value is not None and move.change in OVER:
            leaving = _dated(t, told, move.value, move.period)
            steps.append(t.gettext("left at {reading}").format(reading=leaving))
    story = t.gettext(", ").join(steps)
    lines = [story[:1].upper() + story[1:]] if steps else []
    if move.entered_at is not None:
        length = t.duration(move.at - move.entered_at)
        if move.change in OVER:
            span = t.span(move.entered_at, move.at, told.zone)
            lines.append(t.gettext("Lasted {length}: {span}").format(length=length, span=span))
        else:
            since = t.clock(move.entered_at, told.zone, year=True)
            lines.append(
                t.gettext("Firing for {length}, since {since}").format(length=length, since=since)
            )
    return lines


def _dated(t: Translator, told: ToldChange, value: float, period: str | None) -> str:
    unit = told.transition.unit or ""
    number = t.number(value, unit)
    if period is None:
        return number
    when = t.period(period, told.every, short=True)
    return t.gettext("{reading} ({period})").format(reading=number, period=when)


def _condition_lines(t: Translator, told: ToldChange) -> list[str]:
    move = told.transition
    period = _period(t, told)
    if move.change in OVER:
        lines = [t.gettext("The condition no longer holds, {period}").format(period=period)]
    else:
        lines = [t.gettext("The condition holds, {period}").format(period=period)]
    for row in told.working:
        mark = _MARKS[row.holds]
        unknown = t.gettext("unknown")
        value = (
            unknown if row.value is None else t.number(row.value, row.unit, apart_from=row.bound)
        )
        bound = unknown if row.bound is None else t.number(row.bound, row.unit, short=True)
        measure = row.measure.in_language(t.language)
        lines.append(f"{mark} {measure} {value} {COMPARISONS[row.comparison]} {bound}")
    return lines


_MARKS = {True: "✓", False: "✗", None: "?"}


def _quote_lines(t: Translator, quote: Quote, zone: str) -> list[str]:
    lines = [quote.title]
    if quote.passage:
        passage = quote.passage
        if len(passage) > QUOTE_LIMIT_CHARS:
            passage = passage[: QUOTE_LIMIT_CHARS - 1].rstrip() + "…"
        lines.append(t.gettext("“{passage}”").format(passage=passage))
    published = t.clock(quote.published_at, zone, year=True)
    return [*lines, t.gettext("Published {when}").format(when=published)]


def _cause_lines(t: Translator, told: ToldChange) -> list[str]:
    match told.transition.cause:
        case Cause.REVISION if told.revised:
            return [_revised_line(t, told, one) for one in told.revised]
        case Cause.REVISION:
            return [t.gettext("Cause: a published figure was revised")]
        case Cause.RULE_CHANGED if told.transition.change is Change.WITHDRAWN:
            return [t.gettext("Cause: the rule was changed or removed; this alert is no more")]
        case Cause.RULE_CHANGED:
            return [t.gettext("Cause: the rule was changed; no new figure came")]
        case Cause.HISTORY_ADDED:
            return [t.gettext("Cause: history was added; this is how things stand now")]
        case Cause.HOLD_ELAPSED:
            return [t.gettext("Cause: it has held for as long as the rule asks")]
        case Cause.NEW_PERIOD | Cause.TEXT:
            return []


def _revised_line(t: Translator, told: ToldChange, revised: Revised) -> str:
    name = series_label(t, revised.series, told.titles)
    period = t.period(revised.period, revised.every, short=True)
    none = t.gettext("no value")
    old, new = (
        none if value is None else t.number(value, revised.unit, apart_from=other)
        for value, other in ((revised.old, revised.new), (revised.new, revised.old))
    )
    return t.gettext("Cause: {series} for {period} was revised from {old} to {new}").format(
        series=name, period=period, old=old, new=new
    )


def _footer(t: Translator, told: ToldChange) -> tuple[str, ...]:
    move = told.transition
    sentences = []
    if move.turns:
        sentences.append(t.gettext(", ").join(_turn(t, told, name) for name in move.turns))
    if move.inputs and not told.lamps:
        sentences.append(_inputs(t, told))
    if told.next_due is not None:
        when = t.clock(told.next_due, told.zone)
        sentences.append(t.gettext("Next figure {when}").format(when=when))
    lines = [t.gettext(". ").join(sentences)] if sentences else []
    lines += [late_line(t, late, told.titles, told.zone) for late in told.late]
    source_by_series = {row.series: row.source for row in move.inputs}
    for series, first in told.fallbacks.items():
        lines.append(
            t.gettext("{series} taken from {source}: {first} did not answer").format(
                series=series_label(t, series, told.titles),
                source=source_by_series.get(series, t.gettext("another source")),
                first=first,
            )
        )
    if told.flapping:
        lines.append(
            t.gettext("Flapping: its watch level is told in the digest only until it has rested")
        )
    return tuple(lines)


def _turn(t: Translator, told: ToldChange, name: str) -> str:
    words = t.gettext(_TURNS[name]) if name in _TURNS else name.replace("-", " ").capitalize()
    day = told.turn_days.get(name)
    if day is None:
        return words
    return t.gettext("{turn} ({day})").format(turn=words, day=t.month_day(day))


def _inputs(t: Translator, told: ToldChange) -> str:
    """Return the newest figure of each series, with its period where that is another one."""
    newest: dict[str, Input] = {}
    for row in told.transition.inputs:
        if row.series not in newest or row.period > newest[row.series].period:
            newest[row.series] = row
    parts = []
    for row in list(newest.values())[:INPUTS_SHOWN]:
        name = series_label(t, row.series, told.titles)
        part = f"{name} {t.number(row.value, row.unit)}"
        if row.period != told.transition.period:
            period = t.period(row.period, told.everies.get(row.series), short=True)
            part = t.gettext("{reading} ({period})").format(reading=part, period=period)
        parts.append(part)
    return t.gettext(", ").join(parts)


def _buttons(t: Translator, move: Transition) -> tuple[Button, ...]:
    show = (
        Button(t.gettext("Chart"), "chart", move.rule),
        Button(t.gettext("Why"), "why", move.rule),
    )
    if move.change in OVER:
        return show
    return (
        Button(t.gettext("Ack"), "ack", move.rule),
        Button(t.gettext("Snooze"), "snooze", move.rule),
        *show,
    )


def alert_for_programs(t: Translator, told: ToldChange) -> Mapping[str, Any]:
    """Return an alert for programs, in the shape that `Message.alerts` describes."""
    lines = _lines(t, told, Reason.FIRST)
    annotations = {
        "summary": title_of(t, told, told.transition.rule),
        "description": lines[0] if lines else "",
        "note": told.note.in_language(t.language),
    }
    return _bare_for_programs(told) | {
        "annotations": {key: text for key, text in annotations.items() if text}
    }


def _bare_for_programs(told: ToldChange) -> dict[str, Any]:
    move = told.transition
    over = move.change in OVER
    return {
        "rule": move.rule,
        "status": "resolved" if over else "firing",
        "labels": {**told.labels, "name": move.rule, "level": move.level.word},
        "annotations": {},
        "starts_at": (move.entered_at or move.at).isoformat(),
        "ends_at": move.at.isoformat() if over else None,
        "fingerprint": fingerprint(move.rule),
        "value": move.value,
        "unit": move.unit,
        "threshold": move.threshold,
        "period": move.period,
        "link": told.link or (told.quote.address if told.quote else ""),
    }


def _group_message(
    newest: Sequence[ToldChange],
    told: Sequence[ToldChange],
    *,
    reason: Reason,
    t: Translator,
    group: str,
) -> Message:
    alive = [one for one in newest if one.transition.change not in OVER]
    level = max((one.transition.level for one in alive), default=Level.NONE)
    count = t.ngettext("{n} alert", "{n} alerts", len(newest)).format(n=len(newest))
    if alive:
        headline = heading(ICONS[level], t.gettext(LOUD_LEVELS[level]), count)
    else:
        headline = heading(RESOLVED, t.gettext("RESOLVED"), count)
    footer = []
    due = [one for one in newest if one.next_due is not None]
    if due:
        first = min(due, key=lambda one: one.next_due or one.transition.at)
        assert first.next_due is not None
        when = t.clock(first.next_due, first.zone)
        footer.append(t.gettext("Next figure {when}").format(when=when))
    ordered = sorted(
        told, key=lambda one: (-_weight(one), one.transition.rule, one.transition.period)
    )
    return Message(
        headline=headline,
        lines=tuple(move_line(t, one, titled=True) for one in ordered),
        language=t.language,
        level=level,
        reason=reason,
        footer=tuple(footer),
        alerts=tuple(alert_for_programs(t, one) for one in newest),
        group=group,
    )


def _weight(told: ToldChange) -> int:
    return 0 if told.transition.change in OVER else int(told.transition.level)


def move_line(t: Translator, told: ToldChange, *, titled: bool = False) -> str:
    """Return one change on one line, with its dot."""
    move = told.transition
    icon = RESOLVED if move.change is Change.RESOLVED else ICONS[move.level]
    if move.change is Change.EASED:
        icon = EASED
    if move.change is Change.WITHDRAWN:
        icon = ICONS[Level.NONE]
    return f"{icon} {move_text(t, told, titled=titled)}"


def move_text(t: Translator, told: ToldChange, *, titled: bool = False) -> str:
    """Return one change in words: ``Fri 31 Oct 2025: fired at warning, 36 bp``.

    Args:
        t: The reader's language.
        told: The change.
        titled: Whether the rule's title comes first, and not the period.
    """
    move = told.transition
    verb = t.gettext(_MOVES[move.change]).format(level=level_word(t, move.level))
    named = titled or not move.period
    what = title_of(t, told, move.rule) if named else _period(t, told)
    line = t.gettext("{what}: {verb}").format(what=what, verb=verb)
    if move.value is not None and move.unit is not None:
        _, value = _reading(t, told)
        if titled:
            period = t.period(move.period, told.every)
            if told.part:
                period = t.gettext(", ").join((period, part_text(t, told.part)))
            value = t.gettext("{reading} ({period})").format(reading=value, period=period)
        line = t.gettext("{line}, {more}").format(line=line, more=value)
    if titled and told.transition.cause is Cause.REVISION:
        line = t.gettext("{line}, {more}").format(line=line, more=t.gettext("by a revision"))
    return line


def _long_ago(move: Transition) -> bool:
    """Return whether a date of the episode's begin needs its year."""
    assert move.entered_at is not None
    return move.at - move.entered_at > timedelta(days=300)
