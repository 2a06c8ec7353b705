"""What the PNG and the SVG have in common: positions, scales and ticks.

Labels on the axes are numbers and ISO dates, which read the same in every language and
need no special font.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.periods import add_months
from ebbwatch.model.text import width_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
#: Money is drawn in the greatest of these that its range fills.
_MONEY = ((1e12, "USD tn"), (1e9, "USD bn"), (1e6, "USD mn"))
#: Steps between dates, as (months, days, minutes), smallest first; one is not zero.
_STEPS = (
    (0, 0, 5), (0, 0, 15), (0, 0, 60), (0, 0, 180), (0, 0, 360), (0, 0, 720),
    (0, 1, 0), (0, 2, 0), (0, 7, 0), (0, 14, 0),
    (1, 0, 0), (2, 0, 0), (3, 0, 0), (6, 0, 0), (12, 0, 0), (24, 0, 0), (60, 0, 0), (120, 0, 0),
)  # fmt: skip
_MONTH_DAYS = 30.44
#: Share of the readings' span within which a threshold is worth the room it takes.
_REACH = 0.7
#: Room above and below the outermost line, as a share of the span.
_MARGIN = 0.06
#: Room after the newest reading, as a share of the time shown: its dot is whole.
_RIGHT_ROOM = 0.012


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, with its label.

    Attributes:
        at: Days since the epoch, or a value in the axis' unit.
        label: What is written there.
    """

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The axes of a chart.

    Attributes:
        unit: Written on the value axis: ``USD bn``.
        factor: How many of the specification's units one of that is.
        left: Days since the epoch at the left edge.
        right: At the right edge; later than `left`.
        bottom: Lowest value, in `unit`.
        top: Highest value; greater than `bottom`.
        dates: Ticks in time, oldest first.
        values: Ticks of value, lowest first.
        thresholds: (number in the ladder, label, value in `unit`) of those in the frame.
        tried: (label, value in `unit`) of thresholds that are not in force.
    """

    unit: str
    factor: float
    left: float
    right: float
    bottom: float
    top: float
    dates: tuple[Tick, ...]
    values: tuple[Tick, ...]
    thresholds: tuple[tuple[int, str, float], ...]
    tried: tuple[tuple[str, float], ...] = ()


def position(period: str) -> float:
    """Return a period, a date or an instant as ISO text, in days since the epoch."""
    moment = datetime.fromisoformat(period)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) / _DAY


def frame(spec: ChartSpec, *, date_ticks: int = 7, value_ticks: int = 6) -> Frame:
    """Return the axes that a specification needs.

    All readings are in the frame. A threshold is where it is near enough not to squeeze
    them to a flat line; the one nearest to them always is.
    """
    values = [value for _, value in spec.points if value is not None and math.isfinite(value)]
    values = values or [value for _, value in spec.thresholds[:1]] or [0.0]
    low, high = min(values), max(values)
    reach = _REACH * (high - low)
    ladder = list(enumerate(spec.thresholds))
    nearest = min((max(low - value, value - high, 0.0) for _, (_, value) in ladder), default=0.0)
    shown = [
        (number, label, value)
        for number, (label, value) in ladder
        if max(low - value, value - high, 0.0) <= max(reach, nearest)
    ]
    others = [value for _, value in spec.tried]
    low = min([low, *(value for _, _, value in shown), *others])
    high = max([high, *(value for _, _, value in shown), *others])
    room = _MARGIN * (high - low) or abs(high) * _MARGIN or 1.0
    factor, unit = _scale(spec.unit, max(abs(low), abs(high)))
    bottom, top = (low - room) / factor, (high + room) / factor
    places = [position(period) for period, _ in spec.points] or [0.0]
    left, right = min(places), max(places)
    if right == left:
        left, right = left - 1, right + 1
    right += _RIGHT_ROOM * (right - left)
    return Frame(
        unit=unit,
        factor=factor,
        left=left,
        right=right,
        bottom=bottom,
        top=top,
        dates=_date_ticks(left, right, date_ticks) if spec.points else (),
        values=_value_ticks(bottom, top, value_ticks),
        thresholds=tuple((number, label, value / factor) for number, label, value in shown),
        tried=tuple((label, value / factor) for label, value in spec.tried),
    )


def _scale(unit: str, size: float) -> tuple[float, str]:
    head, _, tail = unit.partition("/")
    if head == "USD" and tail in ("", "d"):
        for factor, name in _MONEY:
            if size >= factor:
                return factor, f"{name}/d" if tail else name
    return 1.0, unit


def _value_ticks(bottom: float, top: float, count: int) -> tuple[Tick, ...]:
    """Return about so many ticks at round values between two."""
    raw = (top - bottom) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * (1 - 1e-9))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step, decimals) != step:  # a step of 2.5, 0.25 ...
        decimals += 1
    first = math.ceil(bottom / step - 1e-9)
    last = math.floor(top / step + 1e-9)
    ticks = []
    for number in range(first, last + 1):
        value = number * step
        text = f"{value:,.{decimals}f}".replace("-", "−")
        ticks.append(Tick(value, "0" if number == 0 else text))
    return tuple(ticks)


def _date_ticks(left: float, right: float, count: int) -> tuple[Tick, ...]:
    """Return at most so many ticks at round dates or times between two."""
    months, days, minutes = next(
        (
            step
            for step in _STEPS
            if (right - left) / (step[0] * _MONTH_DAYS + step[1] + step[2] / 1440) <= count
        ),
        _STEPS[-1],
    )
    first = _EPOCH + timedelta(days=left)
    ticks = []
    if months:
        index = first.year * 12 + first.month - 1
        day = add_months(date(1970, 1, 1), (index - 1970 * 12) // months * months)
        pattern = "%Y" if months % 12 == 0 else "%Y-%m"
        while (at := position(day.isoformat())) <= right:
            ticks.append(Tick(at, day.strftime(pattern)))
            day = add_months(day, months)
    else:
        length = timedelta(days=days, minutes=minutes)
        moment = _EPOCH + (first - _EPOCH) // length * length
        pattern = "%m-%d" if days else "%H:%M"
        while (at := (moment - _EPOCH) / _DAY) <= right:
            midnight = not days and moment.hour == moment.minute == 0
            ticks.append(Tick(at, moment.strftime("%m-%d" if midnight else pattern)))
            moment += length
    return tuple(tick for tick in ticks if tick.at >= left)


def thinned(
    points: Sequence[tuple[float, float | None]], buckets: int
) -> list[tuple[float, float | None]]:
    """Return fewer points that look the same: the lowest and highest of each stretch.

    Gaps stay gaps; no extreme is lost.

    Args:
        points: (place, value or None) oldest first.
        buckets: Stretches to divide the time into; up to four points of each are kept.
    """
    if len(points) <= buckets * 4:
        return list(points)
    left, right = points[0][0], points[-1][0]
    width = (right - left) / buckets or 1.0
    kept: list[tuple[float, float | None]] = []
    stretch: list[tuple[float, float | None]] = []
    for number, point in enumerate(points):
        stretch.append(point)
        following = points[number + 1] if number + 1 < len(points) else None
        same = (
            following is not None
            and int((following[0] - left) / width) == int((point[0] - left) / width)
            and (following[1] is None) == (point[1] is None)
        )
        if not same:
            kept += _outline(stretch)
            stretch = []
    return kept


def _outline(stretch: Sequence[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """Return first, lowest, highest and last of a stretch, in order, each once."""
    known = [(number, value) for number, (_, value) in enumerate(stretch) if value is not None]
    if not known:
        return [stretch[0]]
    lowest = min(known, key=lambda pair: pair[1])[0]
    highest = max(known, key=lambda pair: pair[1])[0]
    return [stretch[number] for number in sorted({0, lowest, highest, len(stretch) - 1})]


def columns(labels: Iterable[str]) -> int:
    """Return the width of the longest label, in letters; 0 without any."""
    return max(map(width_of, labels), default=0)


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Return places for labels near the wanted ones, at least `gap` apart, in given order."""
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    placed = list(wanted)
    for before, after in itertools.pairwise(order):
        placed[after] = max(placed[after], placed[before] + gap)
    return placed
