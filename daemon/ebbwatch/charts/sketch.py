"""Small pictures of a rule: its line and its ladder, without axes or words.

Whatever they show is said in words beside them, so that they are hidden from screen readers.
"""

from __future__ import annotations

from ebbwatch.charts.axes import frame, position, thinned
from ebbwatch.model.chart import ChartSpec

#: Room around the line, for its width and the dot at its end, in the picture's units.
_EDGE = 3.0


def svg_sketch(spec: ChartSpec, *, width: int, height: int) -> str:
    """Return a line with its ladder as one ``<svg>`` element, styled by the page.

    The elements have the classes ``line``, ``dot`` and, lowest level first, ``rung rung-1``
    to ``rung rung-3``.

    Args:
        spec: What to draw.
        width: Of the picture, in its own units; it is stretched to the room it is given.
        height: Likewise.
    """
    axes = frame(spec)

    def x(at: float) -> float:
        return _EDGE + (at - axes.left) / (axes.right - axes.left) * (width - 2 * _EDGE)

    def y(value: float) -> float:
        share = (value - axes.bottom) / (axes.top - axes.bottom)
        return height - _EDGE - share * (height - 2 * _EDGE)

    points = [
        (position(period), None if value is None else value / axes.factor)
        for period, value in spec.points
    ]
    commands, pen, last = [], "M", ""
    for at, value in thinned(points, width):
        if value is None:
            pen = "M"
            continue
        commands.append(f"{pen}{x(at):.1f} {y(value):.1f}" + ("h0" if pen == "M" else ""))
        # A line of no length, whose round ends stay round however the picture is stretched.
        last = f'<path class="dot" d="M{x(at):.1f} {y(value):.1f}h0"/>'
        pen = "L"
    rungs = [
        f'<line class="rung rung-{number + 1}" x1="0" x2="{width}" y1="{y(bound):.1f}" '
        f'y2="{y(bound):.1f}"/>'
        for number, _, bound in axes.thresholds
    ]
    return (
        f'<svg class="sketch" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true" '
        f'focusable="false">{"".join(rungs)}<path class="line" d="{"".join(commands)}"/>'
        f"{last}</svg>"
    )
