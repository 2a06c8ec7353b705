"""Draw one chart: a specification as JSON on stdin, a PNG on stdout.

Run as ``python -m ebbwatch.charts.worker``. The daemon never imports this module.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager, patheffects
from matplotlib.figure import Figure

from ebbwatch.charts.axes import Frame, columns, frame, position, spread
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.text import is_wide

#: 800 by 450 points at twofold resolution.
SIZE_INCHES = (8.0, 4.5)
DPI = 200
LADDER_COLOURS = ("#b8860b", "#e8710a", "#c5221f")
LINE_COLOUR = "#1f5fa8"
INK, PALE, GRID = "#202124", "#5f6368", "#e3e6ea"
#: Fonts with the characters of Taiwan, and of every other place too, best first.
CJK_FONTS = (
    "Noto Sans CJK TC", "Noto Sans TC", "Source Han Sans TW", "Noto Sans CJK HK",
    "Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang TC", "Microsoft JhengHei", "Heiti TC",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "AR PL UMing TW",
    "Arial Unicode MS",
)  # fmt: skip
#: Fonts that write the characters as another place does, which come before those.
PLACE_FONTS = {
    "zh-Hans": (
        "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans CN", "PingFang SC",
        "Microsoft YaHei", "Heiti SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
    ),
    "zh-Hant-HK": ("Noto Sans CJK HK", "Noto Sans HK", "Source Han Sans HK", "PingFang HK"),
}  # fmt: skip
#: Transitions that are labelled; more are marked only.
LABELLED_MARKS = 6
#: Readings up to which each has a dot.
DOTTED_POINTS = 40
#: Width of a letter of a label, as a share of the picture's; least letters there is room for.
LETTER_SHARE = 0.0094
NARROWEST_LABELS = 10
#: Readings above which the line is thin.
THIN_POINTS = 600


def main() -> None:
    """Draw what stdin asks for."""
    spec = read_spec(json.load(sys.stdin))
    sys.stdout.buffer.write(draw(spec))


def read_spec(row: dict[str, Any]) -> ChartSpec:
    """Return the specification that `png.PngCharts` wrote as JSON."""
    return ChartSpec(
        title=row["title"],
        unit=row["unit"],
        points=tuple((period, value) for period, value in row["points"]),
        thresholds=tuple((label, value) for label, value in row["thresholds"]),
        marks=tuple((period, label) for period, label in row["marks"]),
        shaded=tuple((first, last, label) for first, last, label in row["shaded"]),
        language=row["language"],
    )


def cjk_font(language: str) -> str | None:
    """Return the best installed font with the Chinese characters of a language, or None."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    fonts = (*PLACE_FONTS.get(language, ()), *CJK_FONTS)
    return next((name for name in fonts if name in installed), None)


def has_wide(text: str) -> bool:
    """Return whether a text holds characters that an ordinary font lacks."""
    return any(map(is_wide, text))


def drawable(text: str, *, cjk: bool, instead: str = "") -> str:
    """Return a text, or its stand-in where no font can draw it.

    Boxes in place of characters say nothing; the message beside the picture says it all.
    """
    return text if cjk or not has_wide(text) else instead


def draw(spec: ChartSpec) -> bytes:
    """Return a specification as a PNG."""
    font = cjk_font(spec.language)
    cjk = font is not None
    axes = frame(spec)
    with mpl.rc_context({"font.family": ["DejaVu Sans", *([font] if font else [])]}):
        figure = Figure(figsize=SIZE_INCHES, dpi=DPI, facecolor="white")
        # Room on the right for the ladder's labels and the newest reading.
        longest = max(NARROWEST_LABELS, columns(label for _, label, _ in axes.thresholds))
        plot = figure.add_axes((0.085, 0.1, 0.89 - LETTER_SHARE * longest, 0.77))
        plot.set_xlim(axes.left, axes.right)
        plot.set_ylim(axes.bottom, axes.top)
        title = drawable(spec.title, cjk=cjk)
        figure.text(0.085, 0.93, title, fontsize=12, fontweight="bold", color=INK)
        _draw_axes(plot, axes)
        for first, last, _ in spec.shaded:
            plot.axvspan(position(first), position(last) + 1, color="#000000", alpha=0.07, lw=0)
        _draw_line(plot, spec, axes)
        _draw_labels(plot, spec, axes, cjk=cjk)
        _draw_marks(plot, spec, axes, cjk=cjk)
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
    return picture.getvalue()


def _draw_axes(plot: Any, axes: Frame) -> None:
    plot.set_xticks([tick.at for tick in axes.dates], [tick.label for tick in axes.dates])
    plot.set_yticks([tick.at for tick in axes.values], [tick.label for tick in axes.values])
    plot.tick_params(colors=PALE, labelsize=9, length=3)
    plot.text(
        0, 1.015, axes.unit, transform=plot.transAxes, ha="right", va="bottom", fontsize=9,
        color=PALE,
    )  # fmt: skip
    plot.grid(axis="y", color=GRID, linewidth=0.8)
    plot.set_axisbelow(True)
    for side in ("top", "right", "left"):
        plot.spines[side].set_visible(False)
    plot.spines["bottom"].set_color(PALE)


def _draw_line(plot: Any, spec: ChartSpec, axes: Frame) -> None:
    places = [position(period) for period, _ in spec.points]
    values = [float("nan") if v is None else v / axes.factor for _, v in spec.points]
    marker = "o" if len(places) <= DOTTED_POINTS else None
    width = 1.6 if len(places) <= THIN_POINTS else 0.9
    plot.plot(places, values, color=LINE_COLOUR, linewidth=width, marker=marker, markersize=3)


def _draw_labels(plot: Any, spec: ChartSpec, axes: Frame, *, cjk: bool) -> None:
    """Draw the ladder's lines, and name them and the newest reading at the right edge."""
    labels: list[tuple[float, str, str, str]] = []
    for number, label, value in axes.thresholds:
        colour = LADDER_COLOURS[number % len(LADDER_COLOURS)]
        plot.axhline(value, color=colour, linewidth=1.1, linestyle=(0, (5, 3)))
        number_text = f"{value:,.6g} {axes.unit}".replace("-", "−")
        labels.append((value, drawable(label, cjk=cjk, instead=number_text), colour, "normal"))
    known = [(period, value) for period, value in spec.points if value is not None]
    if known:
        period, value = known[-1]
        size = value / axes.factor
        text = f"{size:,.4g}".replace("-", "−")
        labels.append((size, text, LINE_COLOUR, "bold"))
        plot.plot([position(period)], [size], "o", color=LINE_COLOUR, markersize=5, clip_on=False)
    gap = (axes.top - axes.bottom) * 0.05
    for (_, text, colour, weight), at in zip(
        labels, spread([label[0] for label in labels], gap), strict=True
    ):
        plot.text(
            1.012, at, text, transform=plot.get_yaxis_transform(), va="center", fontsize=9,
            color=colour, fontweight=weight,
        )  # fmt: skip


def _draw_marks(plot: Any, spec: ChartSpec, axes: Frame, *, cjk: bool) -> None:
    values = dict(spec.points)
    for number, (period, label) in enumerate(reversed(spec.marks)):
        value = values.get(period)
        if value is None:
            continue
        place = (position(period), value / axes.factor)
        plot.plot(
            *place, "o", markersize=6.5, markerfacecolor="white", markeredgecolor=INK, clip_on=False
        )
        words = drawable(label, cjk=cjk)
        if number < LABELLED_MARKS and words:
            late = place[0] > (axes.left + axes.right) / 2
            plot.annotate(
                words, place, xytext=(-7 if late else 7, 7), textcoords="offset points",
                ha="right" if late else "left", fontsize=8, color=INK,
                path_effects=[patheffects.withStroke(linewidth=3, foreground="white")],
            )  # fmt: skip


if __name__ == "__main__":
    main()
