"""Parts: what of an answer may count for a period that is published in parts.

How much of its period a figure holds follows from the instant at which it became known. So a
figure is taken only once it holds what the release rules have out by then, and a later part is
news also where it adds nothing: then the period is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from ebbwatch.core.facts.edge import Admitted, HeldFigures, admit
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.model.observation import Observation, Published
from ebbwatch.model.periods import Micros, Minutes, instant, micros
from ebbwatch.model.series import Series

#: How long after the last part's instant its absence is taken for a delay; afterwards there
#: was none that day.
_PATIENCE = timedelta(hours=2)


def admit_by_parts(
    series: Series,
    published: Sequence[Published],
    history: HeldFigures,
    clock: ReleaseClock,
    *,
    at: datetime,
    source: str,
    first_choice: bool,
    ahead: timedelta = timedelta(0),
) -> Admitted:
    """Return what of an answer is news, as `edge.admit` does; of periods in parts, in parts.

    1. Leave out figures that lack a part which should be out: they would count as more than
       they hold. Some time later they count as they are.
    2. Have the rest admitted.
    3. Add, with the value that is held, each period of which a further part is in.
    """
    if not series.in_parts:
        return admit(
            series, published, history,
            at=at, source=source, first_choice=first_choice, ahead=ahead,
        )  # fmt: skip
    newest = {figure.period: figure for figure in published}
    taken = [
        figure
        for figure in published
        if not _waits(series, figure, clock, at, newest=newest[figure.period] is figure)
    ]
    admitted = admit(
        series, taken, history, at=at, source=source, first_choice=first_choice, ahead=ahead
    )
    if not first_choice or any(notice.stops for notice in admitted.notices):
        return admitted
    news = {one.period: one for one in admitted.observations}
    doubted = {one.observation.period for one in admitted.held}
    further = []
    for figure in {one.period: one for one in taken if one.period not in doubted}.values():
        held = _held(series, figure.period, news.get(figure.period), history)
        if held is not None and _goes_on(series, figure, held[1], clock, at):
            further.append(
                Observation(
                    series=series.name, period=figure.period, value=held[0], known_at=at,
                    source=source, vintage=figure.vintage,
                )
            )  # fmt: skip
    return replace(admitted, observations=(*admitted.observations, *further))


def _waits(
    series: Series, figure: Published, clock: ReleaseClock, at: datetime, *, newest: bool
) -> bool:
    """Return whether a figure lacks a part that should be out by now, and may come yet.

    The newest version of a period becomes known now, one that it replaces when it came out.
    """
    seen = at if newest or figure.known_at is None else min(figure.known_at, at)
    return _lacking(series, figure, clock, at) > clock.lacking_at(
        series, figure.period, micros(seen)
    )


def _held(
    series: Series, period: Minutes, news: Observation | None, history: HeldFigures
) -> tuple[Decimal | None, Micros] | None:
    """Return a period's value and when (µs) it became known, an answer's news included."""
    if news is not None:
        return news.value, micros(news.known_at)
    value, known_at = history.value(series.name, period), history.known_at(series.name, period)
    return None if value is None or known_at is None else (value[0], known_at)


def _goes_on(
    series: Series, figure: Published, held_at: Micros, clock: ReleaseClock, at: datetime
) -> bool:
    """Return whether a figure holds a part more than it did when it became known (µs)."""
    now = clock.lacking_at(series, figure.period, micros(at))
    now = max(now, _lacking(series, figure, clock, at))
    return now < clock.lacking_at(series, figure.period, held_at)


def _lacking(series: Series, figure: Published, clock: ReleaseClock, at: datetime) -> int:
    """Return how many parts a figure lacks that may come yet, as its provider says."""
    parts = clock.parts(series, figure.period)
    names = [name for _, name in parts]
    if figure.part not in names or at >= instant(parts[-1][0]) + _PATIENCE:
        return 0
    return len(names) - 1 - names.index(figure.part)
