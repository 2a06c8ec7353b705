"""One rule: what it says, why, what happened, who was told; in a reader's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ebbwatch.core.render import ToldChange, Translator
from ebbwatch.core.render.alert_messages import move_text
from ebbwatch.core.render.why import WhySection, why_sections
from ebbwatch.core.telling.hearing import Why
from ebbwatch.model.alert import OVER, QUIET, Change
from ebbwatch.model.message import OutboxRow, RowState
from ebbwatch.model.text import marked
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.runtime.desk import Desk
from ebbwatch.web.excerpt import Excerpt, excerpt
from ebbwatch.web.overview import Card, ShownInstant, Sketch, Words

#: Changes of a rule that are listed; its years are counted over all of them.
MOST_MOVES = 60
_UNTOLD = {
    Why.HISTORY: marked("found in history"),
    Why.NO_RECEIVER: marked("not told: no receiver"),
    Why.NOT_NEWS: marked("not told: no news"),
    Why.SILENCE: marked("not told: silenced"),
    Why.INHIBITED: marked("not told: another alert says it"),
    Why.FLAPPING: marked("not told: it flaps"),
    Why.ACKNOWLEDGED: marked("not told: acknowledged"),
    Why.QUIET_HOURS: marked("told after quiet hours"),
    Why.NO_RESOLUTIONS: marked("not told: resolutions are not wanted"),
    Why.BROKEN: marked("not told: it could not be"),
}
_STATES = {
    RowState.WAITING: marked("waiting"),
    RowState.CLAIMED: marked("being sent"),
    RowState.DELIVERED: marked("delivered"),
    RowState.PARKED: marked("undeliverable"),
    RowState.EXPIRED: marked("expired"),
    RowState.FOLDED: marked("folded into a newer one"),
    RowState.DROPPED: marked("dropped"),
}


@dataclass(frozen=True, slots=True)
class Moved:
    """A change of the alert.

    Attributes:
        at: When.
        shade: Of the level it went to.
        text: What it did, in a line.
        aside: Why nobody was told; or empty.
    """

    at: ShownInstant
    shade: str
    text: str
    aside: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A message about the alert.

    Attributes:
        at: When it was decided.
        place: Where it went: the receiver's name and kind.
        headline: Its first line.
        state: What became of it, in a word.
        error: What went wrong; or empty.
    """

    at: ShownInstant
    place: str
    headline: str
    state: str
    error: str


@dataclass(frozen=True, slots=True)
class Year:
    """How often a rule fired in a year.

    Attributes:
        year: New York's.
        fired: Times.
        share: Of the year in which it fired most often, in percent.
    """

    year: int
    fired: int
    share: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """Everything that the page of a rule says.

    Attributes:
        card: How it stands.
        footer: What a message would say last: the figures, and when the next one comes.
        link: Where to read more; or empty.
        note: Why it matters.
        why: The working, part by part.
        yaml: The rule as it stands in its file; None where it is another there now.
        moves: Newest first.
        sent: Newest first.
        years: Oldest first; empty where nothing was recorded.
        yearly: How often it fires a year, in words; or empty.
    """

    card: Card
    footer: tuple[str, ...]
    link: str
    note: str
    why: tuple[WhySection, ...]
    yaml: Excerpt | None
    moves: tuple[Moved, ...]
    sent: tuple[Sent, ...]
    years: tuple[Year, ...]
    yearly: str


def ruling(
    desk: Desk,
    name: str,
    at: datetime,
    t: Translator,
    zone: str,
    *,
    sketch: Sketch,
    files: Mapping[str, bytes],
) -> Ruling:
    """Return what the page of a rule says at an instant to a reader.

    Args:
        desk: Is asked.
        name: Of the alert.
        at: The instant.
        t: The reader's language.
        zone: IANA name of the reader's zone.
        sketch: Draws small pictures.
        files: The rule files in force.

    Raises:
        NoSuchRule: If there is none of that name.
    """
    told = desk.explanation(name, at, t)
    words = Words(t, zone, sketch)
    said = desk.messages([name], at, t, zone).get(name)
    rule = told.standing.rule
    moves = [one for one in desk.moves(t, rule=name) if one.transition.change not in QUIET]
    source = files.get(rule.span.file)
    why = why_sections(t, told)
    years = _years(moves, at)
    return Ruling(
        card=words.card(told.standing, said),
        footer=() if said is None else said.footer,
        link=rule.link,
        note=rule.note.in_language(t.language),
        # The first part says how it stands, which the head of the page does.
        why=(WhySection(t.gettext("Now"), why[0].lines), *why[1:]),
        yaml=None if source is None else excerpt(source.decode("utf-8", "replace"), rule.span),
        moves=tuple(_moved(t, words, move) for move in moves[:MOST_MOVES]),
        sent=tuple(_sent(t, words, row) for row in desk.told(name)),
        years=years,
        yearly=_yearly(t, years),
    )


def _moved(t: Translator, words: Words, told: ToldChange) -> Moved:
    move = told.transition
    over = move.change in OVER
    return Moved(
        at=words.instant(move.at, year=True),
        shade="quiet" if over else move.level.word,
        text=move_text(t, told),
        aside=why_untold(t, move.muted),
    )


def why_untold(t: Translator, reason: str | None) -> str:
    """Return why nobody was told of a change; empty where somebody was."""
    return (
        "" if reason is None else t.gettext(_UNTOLD[Why(reason)]) if reason in _UNTOLD else reason
    )


def row_state(t: Translator, state: RowState) -> str:
    """Return what became of a message, in a word."""
    return t.gettext(_STATES[state])


def _sent(t: Translator, words: Words, row: OutboxRow) -> Sent:
    return Sent(
        at=words.instant(row.created_at, year=True),
        place=f"{row.target.receiver} ({row.target.kind})",
        headline=row.message.headline,
        state=row_state(t, row.state),
        error=row.error,
    )


def _years(moves: Sequence[ToldChange], at: datetime) -> tuple[Year, ...]:
    fired = Counter(
        one.transition.at.astimezone(NEW_YORK).year
        for one in moves
        if one.transition.change is Change.FIRED
    )
    if not fired:
        return ()
    most = max(fired.values())
    return tuple(
        Year(year, fired[year], round(100 * fired[year] / most))
        for year in range(min(fired), at.astimezone(NEW_YORK).year + 1)
    )


def _yearly(t: Translator, years: Sequence[Year]) -> str:
    if not years:
        return ""
    total = sum(year.fired for year in years)
    return t.gettext("{alerts} since {year}, {yearly} a year").format(
        alerts=t.ngettext("{n} alert", "{n} alerts", total).format(n=t.count(total)),
        year=years[0].year,
        yearly=f"{total / len(years):.1f}",
    )
