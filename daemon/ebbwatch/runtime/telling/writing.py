"""Writing: news into words, and words into outbox rows.

What cannot be put into words, because of a fault of ours or a figure that nobody foresaw, is
told in plain figures: a fault in one message never keeps an alert from being told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from ebbwatch.core.render import (
    Quote,
    ToldChange,
    Translator,
    alert_message,
    bare_message,
    plain_message,
)
from ebbwatch.core.telling.context import Context
from ebbwatch.model.alert import Level, Transition
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import GroupState, Message, OutboxRow, Reason, Target
from ebbwatch.model.observation import TextItem
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ruleset.patterns import match_in
from ebbwatch.runtime.telling.audience import Place
from ebbwatch.runtime.telling.news import LASTS_FOR_PROGRAMS, News, weightiest, worth_of
from ebbwatch.runtime.telling.recent_moves import LOOK_BACK, LookBack

_UP = (Reason.FIRST, Reason.ESCALATED)
#: Reasons for which a message only says how an episode went on: a newer one says it all.
_GOES_ON = (Reason.ESCALATED, Reason.EASED, Reason.CORRECTION, Reason.REMINDER)

#: Makes of a message to people the one to a program.
Dressing = Callable[[Message, Translator], Message]
#: Puts a message into a language.
Wording = Callable[[Translator], Message]

log = structlog.get_logger()


class Outlet(Protocol):
    """Where rows go."""

    def wants(self, at: datetime) -> bool:
        """Return whether messages of an instant are read by anybody; others are not worded."""
        ...

    def enqueue(self, rows: Sequence[OutboxRow]) -> int:
        """Take rows; those with a key that was taken already are left alone."""
        ...


class Archive(Protocol):
    """What is looked up for words."""

    #: How many transactions were rolled back; what was written for the last of them is void.
    undone: int

    def transitions(self, *, rule: str, limit: int) -> list[Transition]:
        """Return an alert's newest transitions, newest first."""
        ...

    def texts(self, source: str) -> list[TextItem]:
        """Return the texts held of a source, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages that messages are written in.

    Attributes:
        translators: By language, the fallback first.
    """

    translators: Mapping[str, Translator]

    def of(self, target: Target) -> Translator:
        """Return a target's language, or the fallback."""
        fallback = next(iter(self.translators.values()))
        return self.translators.get(target.language, fallback)


@dataclass(slots=True)
class Writer:
    """Writes rows, put into words once for each language.

    Attributes:
        languages: Of the messages.
        outlet: Takes the rows.
        archive: Is looked up for earlier moves and published texts.
        shows: Tells whether targets of a kind show charts; for others none is drawn up.
        broken: Names of alerts whose words failed, and what was raised; whoever watches over
            rules takes them out.
    """

    languages: Languages
    outlet: Outlet
    archive: Archive
    shows: Callable[[str], bool]
    broken: dict[str, Exception] = field(default_factory=dict)
    _rows: list[OutboxRow] = field(default_factory=list)
    _undone: int = 0

    def save(self) -> None:
        """Hand over what was written; called once at the end of each telling."""
        if self._rows:
            self.outlet.enqueue(self._rows)
            self._rows = []

    def alerts(
        self,
        places: Sequence[Place],
        base: str,
        news: Sequence[News],
        context: Context,
        back: LookBack,
        *,
        at: datetime,
        group: str = "",
        grouped: bool = False,
        dressing: Dressing | None = None,
    ) -> None:
        """Write the message about one alert, or about several that are told together.

        Args:
            places: Where to.
            base: What the rows have in common in their keys.
            news: At least one.
            context: Gathers what is said.
            back: The alerts' last moves.
            at: Logical instant.
            group: Key of the group.
            grouped: Whether the route tells alerts together.
            dressing: Makes of the message the one to a program, where the places are of programs.
        """
        if not self.outlet.wants(at):
            return
        reason = weightiest(news)
        drawn = len(news) == 1 and reason in _UP
        with_chart = [place for place in places if drawn and self._shows(place)]
        without = [place for place in places if place not in with_chart]
        said: list[ToldChange] = []

        def wording(*, drawn: bool) -> Wording:
            said[:] = said or [one for item in news for one in self._said(item, context, back, at)]
            first = news[0].last
            stored = self._recorded(first.rule, news[0].moves) if drawn else []

            def message(t: Translator) -> Message:
                chart = self._drawn(context, first, t, stored) if drawn else None
                return alert_message(said, reason=reason, t=t, group=group, chart=chart)

            return message

        level = max(one.last.level for one in news)
        for some, drawn in ((with_chart, True), (without, False)):
            self.write(
                some,
                base,
                self._safely(partial(wording, drawn=drawn), news, reason, group),
                at=at,
                lasts=worth_of(reason, level) if dressing is None else LASTS_FOR_PROGRAMS,
                lines=tuple(one.last.rule for one in news),
                level=level,
                episode=news[0].last.episode,
                foldable=len(news) == 1 and reason in _GOES_ON,
                # An edit replaces the episode's last message, which of a route that tells alerts
                # together may have told of others as well.
                quiet=reason is Reason.EASED and not grouped,
                dressing=dressing,
            )

    def _shows(self, place: Place) -> bool:
        return any(self.shows(target.kind) for target in place.targets)

    def write(
        self,
        places: Iterable[Place],
        base: str,
        wording: Wording,
        *,
        at: datetime,
        lasts: timedelta,
        lines: tuple[str, ...] = (),
        level: Level = Level.NONE,
        episode: str = "",
        foldable: bool = False,
        quiet: bool = False,
        dressing: Dressing | None = None,
    ) -> None:
        """Write one row for each target of some places, worded once for each language.

        The arguments after `wording` are those of `OutboxRow`; `lasts` is how long the
        message is worth delivering, and `dressing` makes of it the one to a program.
        """
        if not self.outlet.wants(at):
            return
        if self._undone != self.archive.undone:
            # A telling that was broken off wrote for a transaction that was taken back.
            self._rows, self._undone = [], self.archive.undone
        worded: dict[tuple[str, bool], Message] = {}
        for place in places:
            for target in place.targets:
                t = self.languages.of(target)
                kind = (t.language, target.for_programs)
                if kind not in worded:
                    found = self._worded(wording, t, lines, level, at)
                    if target.for_programs:
                        found = _news(found, at) if dressing is None else dressing(found, t)
                    worded[kind] = found
                message = worded[kind]
                self._rows.append(
                    OutboxRow(
                        key=f"{base}/{place.key}/{t.language}",
                        target=target,
                        place=place.key,
                        message=message,
                        episode=episode,
                        lines=(*lines, *_line_of(message)),
                        level=level,
                        created_at=at,
                        not_before=at,
                        expires_at=at + lasts,
                        foldable=foldable,
                        quiet=quiet,
                    )
                )

    def _worded(
        self, wording: Wording, t: Translator, lines: Sequence[str], level: Level, at: datetime
    ) -> Message:
        """Return a message in a language; where its words fail, what it is about by name."""
        try:
            found = wording(t)
        except Exception:
            log.exception("message.plain", lines=list(lines))
            found = plain_message(lines, level=level, t=t)
        return replace(
            found, late=t.gettext("Told late: of {when}").format(when=t.clock(at, NEW_YORK.key))
        )

    def _drawn(
        self, context: Context, move: Transition, t: Translator, moves: Sequence[Transition]
    ) -> ChartSpec | None:
        """Return the chart of a move; None where it cannot be drawn, which no text waits for."""
        try:
            return context.chart(move.rule, move.at, t, moves)
        except Exception as error:
            self.broken[move.rule] = error
            log.exception("chart.failed", rule=move.rule)
            return None

    def _safely(
        self, wording: Callable[[], Wording], news: Sequence[News], reason: Reason, group: str
    ) -> Wording:
        """Return a wording that falls back on plain figures where its words fail."""
        made: list[Wording] = []

        def message(t: Translator) -> Message:
            try:
                if not made:
                    made.append(wording())
                return made[0](t)
            except Exception as error:
                moves = [one.last for one in news]
                self.broken |= dict.fromkeys((move.rule for move in moves), error)
                log.exception("message.plain", rules=[move.rule for move in moves])
                return bare_message(moves, reason=reason, t=t, group=group)

        return message

    def _said(self, news: News, context: Context, back: LookBack, at: datetime) -> list[ToldChange]:
        """Return the moves of one alert, the newest with all that is said of it."""
        last = news.last
        entry_period = back.entry_period(last.rule, news.moves)
        whole = replace(
            context.whole(last, at=at, entry_period=entry_period),
            flapping=back.flaps(last.rule, news.moves),
            quote=self._quote(last, context),
            told_value=news.told_value,
        )
        return [*(context.short(move) for move in news.moves[:-1]), whole]

    def _recorded(self, name: str, more: Sequence[Transition]) -> list[Transition]:
        """Return an alert's last transitions, some that are not recorded yet included."""
        stored = self.archive.transitions(rule=name, limit=LOOK_BACK)
        found = {(m.at, m.period, m.change): m for m in [*reversed(stored), *more]}
        return list(found.values())

    def _quote(self, move: Transition, context: Context) -> Quote | None:
        """Return the text that a text rule found its pattern in."""
        rule = context.rule(move.rule)
        if rule is None or not rule.pattern:
            return None
        for item in reversed(self.archive.texts(rule.text_source)):
            if not move.episode.endswith(item.key):
                continue
            match = match_in(rule.pattern, item.body)
            passage = "" if match is None else _sentence(item.body, *match)
            return Quote(
                title=item.title, passage=passage, published_at=item.published_at,
                address=item.key if item.key.startswith("https://") else "",
            )  # fmt: skip
        return None


def _news(message: Message, at: datetime) -> Message:
    """Return a message that tells of no state as programs are sent it: of no alert of a rule."""
    labels = {"alertname": "Ebbwatch", "reason": message.reason.value}
    state = GroupState(labels=labels, at=at, why="all alerts resolved")
    return replace(message, alerts=(), state=state)


def _line_of(message: Message) -> list[str]:
    """Return the line of a group: what a program is told of it must come in order."""
    if message.state is None:
        return []
    labels = message.state.labels
    return ["group/" + ",".join(f"{name}={labels[name]}" for name in sorted(labels))]


def _sentence(text: str, start: int, end: int) -> str:
    """Return the sentence around a stretch of a text."""
    first = max(text.rfind(stop, 0, start) + len(stop) for stop in (". ", "\n"))
    lasts = [at + 1 for stop in (". ", ".\n") if (at := text.find(stop, end)) >= 0]
    line = text.find("\n", end)
    last = min([*lasts, line if line >= 0 else len(text)])
    return text[max(first, 0) : last].strip()
