"""Charts as inline SVG, for pages: no script, no style sheet, no font of their own.

Text and grid are drawn in ``currentColor``, so that a chart follows its page from light to
dark; the other colours stand out on both.
"""

from __future__ import annotations

from html import escape

from ebbwatch.charts.axes import Frame, columns, frame, position, spread, thinned
from ebbwatch.model.chart import ChartSpec

#: Of the ladder's lines, lowest level first; ladders have at most three.
LADDER_COLOURS = ("#c99700", "#e8710a", "#d93025")
LINE_COLOUR = "#3b82c4"
#: Of thresholds that are not in force.
TRIED_COLOUR = "#8b5cf6"
_LEFT, _TOP, _BOTTOM = 58.0, 30.0, 26.0
_LABEL_GAP = 14.0
_FONT_PX = 11
#: Width of a letter of a label.
_LETTER_PX = 6.3


def svg_chart(spec: ChartSpec, *, width: int = 800, height: int = 320) -> str:
    """Return a chart as one ``<svg>`` element.

    Args:
        spec: What to draw.
        width: Of the picture, in its own units; it scales to the room it is given.
        height: Of the picture, in the same.
    """
    axes = frame(spec, date_ticks=max(2, width // 110), value_ticks=max(2, height // 60))
    canvas = _Canvas(axes, width, height)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="{escape(spec.title)}" font-family="system-ui, sans-serif" '
            f'font-size="{_FONT_PX}" fill="currentColor">'
        ),
        f'<text x="{_LEFT:.0f}" y="15" font-size="13" font-weight="600">{escape(spec.title)}</text>',
        *canvas.shaded(spec),
        *canvas.grid(),
        *canvas.ladder(),
        canvas.line(spec),
        *canvas.marks(spec),
        "</svg>",
    ]
    return "\n".join(parts)


class _Canvas:
    """Turns places on the axes into places in the picture."""

    def __init__(self, axes: Frame, width: int, height: int) -> None:
        self._axes = axes
        labels = columns([*(label for _, label, _ in axes.thresholds),
                          *(label for label, _ in axes.tried)])  # fmt: skip
        self._right = width - 16 - _LETTER_PX * labels
        self._bottom = height - _BOTTOM

    def _x(self, at: float) -> float:
        axes = self._axes
        share = (at - axes.left) / (axes.right - axes.left)
        return _LEFT + min(max(share, 0.0), 1.0) * (self._right - _LEFT)

    def _y(self, value: float) -> float:
        """Return the height of a value in the axis' unit."""
        axes = self._axes
        share = (value - axes.bottom) / (axes.top - axes.bottom)
        return self._bottom - share * (self._bottom - _TOP)

    def shaded(self, spec: ChartSpec) -> list[str]:
        parts = []
        for first, last, label in spec.shaded:
            left, right = self._x(position(first)), self._x(position(last) + 1)
            if right > left:
                parts.append(
                    f'<rect x="{left:.1f}" y="{_TOP:.1f}" width="{max(right - left, 1):.1f}" '
                    f'height="{self._bottom - _TOP:.1f}" opacity="0.09">'
                    f"<title>{escape(label)}</title></rect>"
                )
        return parts

    def grid(self) -> list[str]:
        parts = [
            (
                f'<text x="{_LEFT - 6:.1f}" y="{_TOP - 5:.1f}" text-anchor="end" opacity="0.7">'
                f"{escape(self._axes.unit)}</text>"
            )
        ]
        for tick in self._axes.values:
            y = self._y(tick.at)
            parts.append(
                f'<line x1="{_LEFT:.1f}" x2="{self._right:.1f}" y1="{y:.1f}" y2="{y:.1f}" '
                f'stroke="currentColor" opacity="0.15"/>'
                f'<text x="{_LEFT - 6:.1f}" y="{y + 4:.1f}" text-anchor="end" opacity="0.7">'
                f"{tick.label}</text>"
            )
        for tick in self._axes.dates:
            x = self._x(tick.at)
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self._bottom:.1f}" '
                f'y2="{self._bottom + 4:.1f}" stroke="currentColor" opacity="0.4"/>'
                f'<text x="{x:.1f}" y="{self._bottom + 17:.1f}" text-anchor="middle" '
                f'opacity="0.7">{tick.label}</text>'
            )
        return parts

    def ladder(self) -> list[str]:
        """Return the lines of the ladder, those of thresholds that are tried, and their names."""
        rungs = [
            (label, value, LADDER_COLOURS[number % len(LADDER_COLOURS)], "5 4")
            for number, label, value in self._axes.thresholds
        ]
        rungs += [(label, value, TRIED_COLOUR, "2 3") for label, value in self._axes.tried]
        heights = [self._y(value) for _, value, _, _ in rungs]
        parts = []
        for (label, _, colour, dashes), y, at in zip(
            rungs, heights, spread(heights, _LABEL_GAP), strict=True
        ):
            parts.append(
                f'<line x1="{_LEFT:.1f}" x2="{self._right:.1f}" y1="{y:.1f}" y2="{y:.1f}" '
                f'stroke="{colour}" stroke-dasharray="{dashes}"/>'
                f'<text x="{self._right + 6:.1f}" y="{at + 4:.1f}" fill="{colour}">'
                f"{escape(label)}</text>"
            )
        return parts

    def line(self, spec: ChartSpec) -> str:
        factor = self._axes.factor
        points = [
            (position(period), None if value is None else value / factor)
            for period, value in spec.points
        ]
        commands = []
        pen = "M"
        for at, value in thinned(points, int(self._right - _LEFT)):
            if value is None:
                pen = "M"
                continue
            # A lone reading between gaps is drawn as a dot by the round cap of a line of
            # no length.
            commands.append(f"{pen}{self._x(at):.1f} {self._y(value):.1f}")
            if pen == "M":
                commands.append("h0")
            pen = "L"
        return (
            f'<path d="{"".join(commands)}" fill="none" stroke="{LINE_COLOUR}" '
            'stroke-width="1.6" stroke-linejoin="round" stroke-linecap="round"/>'
        )

    def marks(self, spec: ChartSpec) -> list[str]:
        values = dict(spec.points)
        parts = []
        for period, label in spec.marks:
            value = values.get(period)
            if value is None:
                continue
            x, y = self._x(position(period)), self._y(value / self._axes.factor)
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{LINE_COLOUR}" '
                f'stroke="currentColor" stroke-width="1.2">'
                f"<title>{escape(period)}: {escape(label)}</title></circle>"
            )
        return parts
