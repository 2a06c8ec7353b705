"""Reads tapes and tells them: rules and figures in, everything that people heard out.

A ``.tape`` has sections, each begun by a line ``== NAME``::

    == rules                    rule files' text; receivers are named desk
    == archive sofr effr        series whose bundled figures are on the tape
    == figures                  sofr 2026-11-23 3.93 % @ 2026-11-24 08:00
    == silence                  name=funding-spread until 2026-11-25 12:00
    == away                     2019-09-13 12:00 to 2019-09-23 07:00
    == told                     from 2019-09-10 to 2019-10-10

Instants are New York's. Everything before ``from`` is a first start's history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

from ebbwatch.archive import files
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.figure_tables import Tables
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import instant, micros
from ebbwatch.model.units import UNITS
from ebbwatch.ports import Silence, Source
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.feeds import TapeFeed, drive
from ebbwatch.runtime.pipeline import Event
from ebbwatch.store.in_memory import MemoryStore
from tests.fakes import ManualClock
from tests.ruleset.loading import valid
from tests.scenarios.stage import DeliveringFeed, Heard, PublishingSource, RecordingNotifier, Stage

NEW_YORK = ZoneInfo("America/New_York")


def new_york(text: str) -> datetime:
    """Return an instant from a day and a time of New York."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def shown(at: datetime) -> str:
    """Return an instant as New York's clocks show it."""
    return at.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


@dataclass
class Tape:
    """What happens in a story.

    Attributes:
        ruleset: Its rules.
        facts: All that is published, in order of the instants at which it is known.
        start: Where the daemon starts for the first time.
        end: Where the story ends.
        silences: Made at the start.
        away: Times at which no daemon ran: from, to.
    """

    ruleset: Ruleset
    facts: list[Observation]
    start: datetime
    end: datetime
    silences: list[Silence] = field(default_factory=list)
    away: list[tuple[datetime, datetime]] = field(default_factory=list)


def read(path: Path) -> Tape:
    """Return the tape in a file."""
    sections: dict[str, list[str]] = {}
    body: list[str] = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("== "):
            body = sections.setdefault(line.removeprefix("== "), [])
        else:
            body.append(line)
    ruleset = valid("\n".join(sections["rules"]))
    window = sections["told"][0].split()
    start, end = (new_york(f"{day} 00:00") for day in (window[1], window[3]))
    facts: list[Observation] = []
    for name, lines in sections.items():
        if name.startswith("archive "):
            facts += archived(ruleset, name.split()[1:], end)
        if name == "figures":
            facts += [_figure(ruleset, line) for line in lines if line.strip()]
    silences = []
    for line in sections.get("silence", ()):
        if line.strip():
            matcher, until = line.split(" until ")
            key, value = matcher.split("=")
            silences.append(
                Silence(id="1", matcher=((key, value),), until=new_york(until), by="desk",
                        created_at=start)
            )  # fmt: skip
    away = [
        (new_york(first), new_york(last))
        for first, last in (line.split(" to ") for line in sections.get("away", ()) if line.strip())
    ]
    facts.sort(key=lambda o: (o.known_at, o.series, o.period))
    return Tape(ruleset, facts, start, end, silences, away)


def archived(ruleset: Ruleset, names: Iterable[str], end: datetime) -> list[Observation]:
    """Return the bundled figures of some series that were known by an instant."""
    history = History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))
    tables = Tables(history, None)
    found = []
    for name in names:
        tables.read(ruleset.series[name], files()[name].read_text("utf-8"))
        found += [
            Observation(
                series=name, period=figure.period, value=_decimal(figure.value),
                known_at=figure.known_at, source=figure.source, assumed=figure.assumed,
            )
            for figure in history.observations(name)
            if figure.known_at <= end
        ]  # fmt: skip
    return found


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else Decimal(value.numerator) / Decimal(value.denominator)


def _figure(ruleset: Ruleset, line: str) -> Observation:
    """Return a line of the section ``figures``."""
    figure, _, at = line.partition(" @ ")
    name, period, value = figure.split()[:3]
    series = ruleset.series[name]
    unit = UNITS[series.unit.name]
    return Observation(
        series=name,
        period=series.every.parse(period),
        value=unit.to_base(Decimal(value)),
        known_at=new_york(at),
        source=series.source.name,
    )


async def tell(tape: Tape) -> list[str]:
    """Live through a tape; return what was heard, a line of each message a line."""
    store, clock = MemoryStore(), ManualClock(tape.start)
    heard: list[Heard] = []
    with store.transaction():
        for silence in tape.silences:
            store.silence(silence)
    edges = [tape.start, *(at for pair in tape.away for at in pair), tape.end]
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        history = History(tape.ruleset.series, tape.ruleset.business,
                          ReleaseClock(tape.ruleset.business))  # fmt: skip
        history.observe(o for o in tape.facts if o.known_at <= tape.start)
        kinds = {t.kind for targets in tape.ruleset.receivers.values() for t in targets}
        clock.advance_to(max(clock.now(), first))
        # What is published arrives by the tape; visits only show that somebody answers.
        sources: dict[str, Source] = {
            series.source.name: PublishingSource(clock) for series in tape.ruleset.series.values()
        }
        stage = Stage(
            tape.ruleset, store, clock, history=history, sources=sources,
            notifiers={kind: RecordingNotifier(clock, heard.append) for kind in kinds},
        )  # fmt: skip
        stage.service.begin()
        await stage.service.polling.poll_once(1.0)
        feed = TapeFeed(_events(tape, store, first, last), micros(last))
        await drive(DeliveringFeed(stage, feed), stage.service.pipeline, after=stage.service._after)
    return [line for message in heard for line in _lines(message)]


def _events(tape: Tape, store: MemoryStore, first: datetime, last: datetime) -> list[Event]:
    """Return what arrives while a daemon runs: at once what it missed, the rest as it comes."""
    found: dict[int, list[Observation]] = {}
    known = {(o.series, o.period, o.value) for o in store.observations()}
    for fact in tape.facts:
        if not tape.start < fact.known_at <= last:
            continue
        if (fact.series, fact.period, fact.value) in known:
            continue
        late = fact.known_at <= first
        at = micros(first) + 1 if late else micros(fact.known_at)
        arrived = Observation(
            series=fact.series, period=fact.period, value=fact.value, known_at=instant(at),
            source=fact.source, vintage=fact.vintage,
        )  # fmt: skip
        found.setdefault(at, []).append(arrived)
    return [Event(at=at, observations=tuple(facts)) for at, facts in sorted(found.items())]


def _lines(message: Heard) -> list[str]:
    how = " (edit)" if message.edit else ""
    return [f"{shown(message.at)}{how} {message.headline}", *(f"    {t}" for t in message.lines)]
