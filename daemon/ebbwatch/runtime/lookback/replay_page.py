"""The replay as one HTML page: what the rules did, with charts, and what people would have read.

The page needs nothing but itself: no script, no font, no style sheet, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ebbwatch.core.alerting.judging import Judge, Judged
from ebbwatch.core.answering.defines import filled_in
from ebbwatch.core.lookback.hindsight import Provenance, provenance
from ebbwatch.core.render import Translator, level_word
from ebbwatch.markup.layout import laid_out
from ebbwatch.model.alert import QUIET, UP, Change, Transition
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import OutboxRow, Reason
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ruleset.rules import Rule
from ebbwatch.runtime.lookback.replay import Journal, WantedSpan
from ebbwatch.runtime.lookback.replay_charts import DAY, SHADES, Bar, Drawing, RangePictures, Ribbon
from ebbwatch.runtime.lookback.replay_words import cause_words, change_word, page_words, reason_word

#: A chart's width and height on a desk, and on a phone.
_WIDE, _NARROW = (900, 330), (440, 290)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it would have been sent.

    Attributes:
        headline: Its first line.
        lines: The others.
    """

    headline: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line of a rule's list: a transition, or a message that told no transition.

    Attributes:
        at: For programs.
        when: For people, on New York's clocks.
        shade: Of the level.
        what: The change and its level, in words.
        found: The reading and its period, or empty.
        because: What moved it, where that is no new figure.
        letter: What was sent.
        aside: Why nothing was sent, or when, if it had to wait; or empty.
        up: Whether it fired or rose: what it told is printed on paper too.
    """

    at: str
    when: str
    shade: str
    what: str
    found: str
    because: str
    letter: Letter | None
    aside: str
    up: bool = False


@dataclass(frozen=True, slots=True)
class RuleSection:
    """What the page says of one rule.

    Attributes:
        name: Of the alert.
        title: In the reader's language.
        asks: The expression, defines filled in.
        ladder: (shade, words) of each level.
        note: Why it matters; may be empty.
        chart: One ``<svg>`` for a desk; empty for a condition.
        small: The same for a phone.
        ribbon: When it fired.
        without: What it was never judged for the lack of; empty where it was.
        alerts: How often it fired.
        yearly: The same a year.
        days: Days on which it fired.
        share: Of the days of the range, in percent.
        last: When it last fired; empty for never.
        now: Shade of the level it fires at when the range ends; empty for none.
        now_word: That level in words.
        entries: In order of time.
    """

    name: str
    title: str
    asks: str
    ladder: tuple[tuple[str, str], ...]
    note: str
    chart: Markup
    small: Markup
    ribbon: tuple[Bar, ...]
    without: str
    alerts: int
    yearly: str
    days: str
    share: str
    last: str
    now: str
    now_word: str
    entries: tuple[ReportLine, ...]


@dataclass(frozen=True, slots=True)
class ProvenanceRow:
    """What the page says of where a series' figures come from.

    Attributes:
        name: Of the series.
        title: In the reader's language.
        periods: First and last.
        known: How many figures' instants are recorded.
        assumed: How many come from the release rule.
        revised: How many replaced an earlier one.
        sources: Who gave them.
    """

    name: str
    title: str
    periods: str
    known: str
    assumed: str
    revised: str
    sources: str


def report(
    judge: Judge,
    journal: Journal,
    span: WantedSpan,
    *,
    told: Sequence[Transition],
    letters: Sequence[OutboxRow],
    t: Translator,
    draw: Drawing,
    hindsight: bool = False,
) -> str:
    """Return the page.

    Args:
        judge: The rules over the history.
        journal: What a walk over the whole tape did.
        span: What is wanted of it.
        told: Every transition, with the named reason for telling nobody.
        letters: The messages of the span, in order.
        t: The reader's language.
        draw: Draws charts.
        hindsight: Whether revised figures were used from the first: the page warns of it.
    """
    ends = [judged.evaluation.upto for judged in journal.judged]
    ends += [micros(move.at) for move in journal.texts]
    tape_end = max(ends, default=Micros(0))
    begin = span.start if span.start is not None else _beginning(journal)
    after = Micros(tape_end + 1)
    end = after if span.end is None else min(span.end, after)
    page = _Page(judge, t, draw, begin, max(end, Micros(begin + 1)))
    mine = [rule for rule in judge.ruleset.rules if not span.rules or rule.name in span.rules]
    by_name = {judged.rule.name: judged for judged in journal.judged}
    read = {
        name for rule in mine if rule.name in by_name for name in by_name[rule.name].rule.series
    }
    sections = [
        page.section(
            rule,
            by_name.get(rule.name),
            [m for m in told if m.rule == rule.name and m.change not in QUIET],
            _letters_of(rule.name, letters),
        )
        for rule in mine
    ]
    rows = provenance(judge.history, read)
    environment = Environment(
        loader=PackageLoader("ebbwatch.runtime", "templates"),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
    )  # fmt: skip
    return environment.get_template("report.html.j2").render(
        words=page_words(t),
        language=t.language,
        first=page.ribbon.day(begin),
        last=page.ribbon.day(max(Micros(end - 1), begin)),
        as_of=t.clock(instant(tape_end), NEW_YORK.key, year=True),
        hindsight=hindsight,
        sections=sections,
        years=page.ribbon.years(),
        series=[page.row(row) for row in rows],
        without=[name for name in sorted(read) if name not in {row.series for row in rows}],
        fired=t.count(sum(section.alerts for section in sections)),
    )


class _Page:
    """Puts figures into words for one reader and one range."""

    def __init__(
        self, judge: Judge, t: Translator, draw: Drawing, begin: Micros, end: Micros
    ) -> None:
        """Take whose rules, the reader's language, who draws, and the range, in µs."""
        self._judge, self._t, self._draw = judge, t, draw
        self._begin, self._end = begin, end
        self._pictures = RangePictures(judge, (t,))
        self.ribbon = Ribbon(begin, end, t)

    def section(
        self,
        rule: Rule,
        judged: Judged | None,
        moves: Sequence[Transition],
        letters: Sequence[OutboxRow],
    ) -> RuleSection:
        """Return what the page says of one rule.

        Args:
            rule: It.
            judged: What the tape did to it; None for a text rule and one that has a fault.
            moves: All of its transitions, those outside the range included.
            letters: The messages about it, in order.
        """
        t = self._t
        shown = [m for m in moves if self._begin <= micros(m.at) < self._end]
        stays = self.ribbon.stays(rule, moves)
        days = sum(stop - start for start, stop, _ in stays) / DAY
        fired = [m for m in shown if m.change is Change.FIRED]
        years = (self._end - self._begin) / DAY / 365.2425
        spec = None
        if judged is not None:
            spec = self._pictures.over(judged, self._begin, self._end, t, shown)
        open_now = [level for _, stop, level in stays if stop >= self._end]
        return RuleSection(
            name=rule.name,
            title=rule.title.in_language(t.language) or rule.name,
            asks=filled_in(_asks(rule), self._judge.ruleset.defines),
            ladder=self._ladder(rule),
            note=rule.note.in_language(t.language),
            chart=self._drawn(spec, *_WIDE),
            small=self._drawn(spec, *_NARROW),
            ribbon=tuple(self.ribbon.bar(*stay) for stay in stays),
            without=self._without(rule, judged, moves),
            alerts=len(fired),
            yearly=f"{len(fired) / years:.1f}" if years >= 1 else "–",
            days=t.count(round(days)),
            share=f"{100 * days * DAY / (self._end - self._begin):.0f}",
            last=self.ribbon.day(micros(fired[-1].at)) if fired else "",
            now=SHADES[open_now[-1]] if open_now else "",
            now_word=level_word(t, open_now[-1]) if open_now else "",
            entries=self._entries(rule, shown, letters),
        )

    def _drawn(self, spec: ChartSpec | None, width: int, height: int) -> Markup:
        if spec is None:
            return Markup()
        # The drawing is markup by contract, its texts escaped.
        return Markup(self._draw(spec, width=width, height=height))  # noqa: S704

    def _without(self, rule: Rule, judged: Judged | None, moves: Sequence[Transition]) -> str:
        """Return what a rule was never judged for the lack of, in words; empty if it was."""
        t, watched = self._t, self._judge.watched.get(rule.name)
        if rule.pattern:
            return (
                "" if moves else t.gettext("no texts of {source}").format(source=rule.text_source)
            )
        if watched is None or (judged is not None and bool(judged.signals.known.any())):
            return ""
        held = self._judge.history.held
        missing = ", ".join(sorted(name for name in watched.series if name not in held))
        return t.gettext("no figures for {series}").format(series=missing) if missing else ""

    def _ladder(self, rule: Rule) -> tuple[tuple[str, str], ...]:
        """Return (shade, words) of each level."""
        t, watched = self._t, self._judge.watched.get(rule.name)
        if watched is None or watched.unit is None:
            return ((SHADES[rule.level], level_word(t, rule.level)),)
        sign = ">" if rule.rising else "<"
        return tuple(
            (
                SHADES[rung.level],
                f"{level_word(t, rung.level)} {sign} {t.number(bound, watched.unit, short=True)}",
            )
            for rung in watched.ladder.rungs
            if (bound := watched.in_unit(rung.threshold)) is not None
        )

    def _entries(
        self, rule: Rule, moves: Sequence[Transition], letters: Sequence[OutboxRow]
    ) -> tuple[ReportLine, ...]:
        told: dict[int, OutboxRow] = {}
        dated: list[tuple[datetime, ReportLine]] = []
        for row in letters:
            number = _move_of(rule.name, row, moves)
            if number is None:
                dated.append((row.created_at, self._unmoved(row)))
            else:
                # A second receiver may have been told the same later.
                told.setdefault(number, row)
        dated += [
            (move.at, self._entry(rule, move, told.get(number)))
            for number, move in enumerate(moves)
        ]
        dated.sort(key=lambda pair: pair[0])
        return tuple(entry for _, entry in dated)

    def _entry(self, rule: Rule, move: Transition, row: OutboxRow | None) -> ReportLine:
        t = self._t
        watched = self._judge.watched.get(rule.name)
        period = t.period(move.period, None if watched is None else watched.every, short=True)
        found = period
        if move.value is not None and move.unit is not None:
            found = t.gettext("{value} for {period}").format(
                value=t.number(move.value, move.unit, apart_from=move.threshold), period=period
            )
        silent = ""
        if row is None and move.muted is not None:
            silent = t.gettext("Told to nobody: {reason}").format(reason=move.muted)
        elif row is not None and row.created_at - move.at >= timedelta(minutes=1):
            silent = t.gettext("Told on {day}").format(
                day=t.clock(row.created_at, NEW_YORK.key, year=True)
            )
        return ReportLine(
            at=move.at.isoformat(),
            when=t.clock(move.at, NEW_YORK.key, year=True),
            shade=SHADES[move.level],
            what=f"{change_word(t, move.change)} · {level_word(t, move.level)}",
            found=found,
            because=cause_words(t, move.cause),
            letter=None if row is None else _letter(row),
            aside=silent,
            up=move.change in UP,
        )

    def _unmoved(self, row: OutboxRow) -> ReportLine:
        t = self._t
        return ReportLine(
            at=row.created_at.isoformat(),
            when=t.clock(row.created_at, NEW_YORK.key, year=True),
            shade=SHADES.get(row.message.level, "none"),
            what=reason_word(t, row.message.reason),
            found="",
            because="",
            letter=_letter(row),
            aside="",
        )

    def row(self, found: Provenance) -> ProvenanceRow:
        """Return what the page says of a series."""
        t = self._t
        series = self._judge.history.catalogue[found.series]
        first, last = (t.period(p, series.every, short=True) for p in (found.first, found.last))
        return ProvenanceRow(
            name=found.series,
            title=series.title.in_language(t.language) or found.series,
            periods=t.gettext("{first} to {last}").format(first=first, last=last),
            known=t.count(found.known),
            assumed=t.count(found.assumed),
            revised=t.count(found.revised),
            sources=", ".join(found.sources),
        )


def _asks(rule: Rule) -> str:
    """Return what a rule asks, as its file writes it."""
    if rule.value is not None:
        return rule.value.text
    if rule.when is not None:
        return rule.when.text
    return f"{rule.text_source}: {rule.pattern}"


def _beginning(journal: Journal) -> Micros:
    """Return the µs of the first reading that was known; 0 where none was."""
    found = [
        Micros(int(judged.signals.at[np.argmax(judged.signals.known)]))
        for judged in journal.judged
        if bool(judged.signals.known.any())
    ]
    return min(found, default=Micros(0))


def _letters_of(name: str, letters: Sequence[OutboxRow]) -> list[OutboxRow]:
    """Return the messages about an alert, in order; of several receivers, the first's."""
    found: dict[tuple[datetime, str], OutboxRow] = {}
    for row in letters:
        for alert in row.message.alerts:
            if alert["rule"] == name:
                found.setdefault((row.created_at, alert["period"]), row)
    return list(found.values())


def _move_of(name: str, row: OutboxRow, moves: Sequence[Transition]) -> int | None:
    """Return which move a message tells; None for a reminder, a correction, a late word."""
    if row.message.reason in (Reason.REMINDER, Reason.CORRECTION):
        return None
    periods = {alert["period"] for alert in row.message.alerts if alert["rule"] == name}
    for number in range(len(moves) - 1, -1, -1):
        move = moves[number]
        if move.at <= row.created_at and move.period in periods:
            return number
    return None


def _letter(row: OutboxRow) -> Letter:
    lines = laid_out(row.message)
    return Letter(lines[0].text, tuple(line.text for line in lines[1:]))
