"""Charts: axes, the SVG for pages, and the PNG drawn in a process of its own."""

from __future__ import annotations

import asyncio
import json
import re
import struct
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from ebbwatch.charts import worker
from ebbwatch.charts.axes import Tick, columns, frame, position, spread, thinned
from ebbwatch.charts.png import ChartFailed, PngCharts
from ebbwatch.charts.svg import svg_chart
from ebbwatch.model.chart import ChartSpec

SVG = "{http://www.w3.org/2000/svg}"
SPEC = ChartSpec(
    title="Repo <above> fed funds & more",
    unit="bp",
    points=(
        ("2025-10-27", 15.0),
        ("2025-10-28", 19.0),
        ("2025-10-29", None),
        ("2025-10-30", 17.0),
        ("2025-10-31", 36.0),
        ("2025-11-03", 26.0),
    ),
    thresholds=(("watch 10 bp", 10.0), ("warning 20 bp", 20.0), ("critical 50 bp", 50.0)),
    marks=(("2025-10-31", "fired at <warning>"), ("2025-12-31", "not drawn: no reading")),
    shaded=(("2025-10-31", "2025-11-04", "Month end"), ("2020-01-01", "2020-01-02", "outside")),
    language="zh-Hans",
)


def labels(ticks: tuple[Tick, ...]) -> list[str]:
    return [tick.label for tick in ticks]


def span(first: str, last: str, unit: str = "bp", low: float = 0, high: float = 40) -> ChartSpec:
    return ChartSpec("", unit, ((first, low), (last, high)))


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2000-01-03", "2026-08-20", ["2005", "2010", "2015", "2020", "2025"]),
        ("2018-04-02", "2026-08-20", ["2020", "2022", "2024", "2026"]),
        ("2022-03-02", "2025-02-01", ["2022-07", "2023-01", "2023-07", "2024-01", "2024-07",
                                      "2025-01"]),
        ("2025-05-01", "2025-11-05", ["2025-05", "2025-06", "2025-07", "2025-08", "2025-09",
                                      "2025-10", "2025-11"]),
        ("2025-10-27", "2025-11-03", ["10-27", "10-29", "10-31", "11-02"]),
        ("2026-11-24T09:00:00Z", "2026-11-24T12:00:00Z",
         ["09:00", "10:00", "11:00", "12:00"]),
        ("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z",
         ["12:00", "18:00", "11-24", "06:00", "12:00"]),
    ],
)  # fmt: skip
def test_dates_are_ticked_at_round_places(first: str, last: str, expected: list[str]) -> None:
    """Years, months, days or hours: as many as have room."""
    assert labels(frame(span(first, last)).dates) == expected


@pytest.mark.parametrize(
    ("unit", "low", "high", "written", "expected"),
    [
        ("bp", -15.0, 295.0, "bp", ["0", "100", "200", "300"]),
        ("bp", -7.0, 36.0, "bp", ["0", "10", "20", "30"]),
        ("%", 9.04, 11.3, "%", ["9.0", "9.5", "10.0", "10.5", "11.0"]),
        ("%", 4.30, 4.36, "%", ["4.30", "4.32", "4.34", "4.36"]),
        ("USD", 2.8e12, 4.3e12, "USD tn", ["3.0", "3.5", "4.0"]),
        ("USD", -5e11, 2e11, "USD bn", ["−400", "−200", "0", "200"]),
        ("USD", 5e7, 9e8, "USD mn", ["0", "200", "400", "600", "800"]),
        ("USD", 10.0, 20.0, "USD", ["10", "12", "14", "16", "18", "20"]),
        ("USD/d", -2e9, 1e9, "USD bn/d", ["−2", "−1", "0", "1"]),
        ("USD/oz", 2500.0, 4012.0, "USD/oz", ["2,500", "3,000", "3,500", "4,000"]),
        ("", 5.0, 5.0, "", ["4.7", "4.8", "4.9", "5.0", "5.1", "5.2", "5.3"]),
    ],
)
def test_values_are_ticked_at_round_places(
    unit: str, low: float, high: float, written: str, expected: list[str]
) -> None:
    """Money is scaled to its size; the unit stands on the axis."""
    axes = frame(span("2025-01-01", "2025-12-31", unit, low, high))
    assert (axes.unit, labels(axes.values)) == (written, expected)


def test_a_far_threshold_does_not_squeeze_the_line_but_the_nearest_is_shown() -> None:
    """A ladder is drawn as far as it helps to read the line."""
    far = replace(SPEC, points=(("2025-10-27", 1.0), ("2025-10-28", 2.0)))
    assert [label for _, label, _ in frame(far).thresholds] == ["watch 10 bp"]
    assert [number for number, _, _ in frame(SPEC).thresholds] == [0, 1, 2]


@pytest.mark.parametrize(
    "spec",
    [
        ChartSpec("empty", "bp", ()),
        ChartSpec("only a ladder", "bp", (), thresholds=(("watch", 10.0),)),
        ChartSpec("one reading", "bp", (("2025-10-31", 36.0),)),
        ChartSpec("nothing known", "bp", (("2025-10-31", None),)),
        ChartSpec("never", "d", (("2025-10-30", float("inf")), ("2025-10-31", 5.0))),
        ChartSpec("flat", "USD", (("2025-10-30", 0.0), ("2025-10-31", 0.0))),
    ],
    ids=lambda spec: spec.title,
)
def test_there_is_a_frame_for_whatever_comes(spec: ChartSpec) -> None:
    """Both pictures can be drawn of hardly anything."""
    axes = frame(spec)
    assert axes.right > axes.left
    assert axes.top > axes.bottom
    ET.fromstring(svg_chart(spec))
    assert worker.draw(spec).startswith(b"\x89PNG")


def test_thinning_keeps_extremes_and_gaps() -> None:
    """Fewer points, the same picture."""
    points: list[tuple[float, float | None]] = [(float(n), float(n % 7)) for n in range(10_000)]
    points[4321] = (4321.0, 99.0)
    points[5000] = (5000.0, None)
    kept = thinned(points, 100)
    assert len(kept) < 500
    assert {(4321.0, 99.0), (5000.0, None), points[0], points[-1]} <= set(kept)
    assert kept == sorted(kept, key=lambda point: point[0])
    assert min(v for _, v in kept if v is not None) == 0.0
    assert thinned(points[:50], 100) == points[:50]


def test_the_longest_label_sets_the_room_it_needs() -> None:
    """Chinese characters count double."""
    assert columns(["watch 10 bp", "注意 10 個基點"]) == 14
    assert columns([]) == 0


def test_labels_keep_apart_in_their_order() -> None:
    """Each label is at its place or a little further on."""
    assert spread([50.0, 10.0, 20.0, 12.0], 5.0) == [50.0, 10.0, 20.0, 15.0]
    assert spread([], 5.0) == []


def test_the_svg_shows_line_ladder_turns_and_transitions() -> None:
    """Everything of the specification is in the picture, as text that is escaped."""
    picture = svg_chart(SPEC)
    root = ET.fromstring(picture)
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"watch 10 bp", "warning 20 bp", "critical 50 bp", "bp", SPEC.title} <= set(texts)
    assert [title.text for title in root.iter(f"{SVG}title")] == [
        "Month end",
        "2025-10-31: fired at <warning>",
    ]
    assert len(list(root.iter(f"{SVG}circle"))) == 1
    (path,) = root.iter(f"{SVG}path")
    assert path.attrib["d"].count("M") == 2, "the unknown reading parts the line"
    assert root.attrib["aria-label"] == SPEC.title


def test_the_svg_follows_its_page_and_runs_nothing() -> None:
    """Text is in the page's colour; there is no script, style sheet or address."""
    picture = svg_chart(SPEC)
    assert 'fill="currentColor"' in picture
    assert not re.search(r"<script|<style|style=|href|https?://(?!www\.w3\.org/2000/svg)", picture)


def test_the_svg_keeps_within_its_size() -> None:
    """No line leaves the picture, shaded turns included."""
    root = ET.fromstring(svg_chart(SPEC, width=400, height=200))
    for rect in root.iter(f"{SVG}rect"):
        assert float(rect.attrib["x"]) + float(rect.attrib["width"]) <= 400
    for circle in root.iter(f"{SVG}circle"):
        assert 0 <= float(circle.attrib["cx"]) <= 400
        assert 0 <= float(circle.attrib["cy"]) <= 200


def test_a_position_is_counted_in_days() -> None:
    """Dates at midnight, instants in between."""
    assert position("1970-01-02") == 1.0
    assert position("1970-01-02T06:00:00Z") == 1.25


async def test_a_png_is_drawn_in_another_process() -> None:
    """The picture has 800 by 450 points at twofold resolution."""
    picture = await PngCharts().render(
        replace(SPEC, points=(*SPEC.points, ("2025-11-04", float("inf"))))
    )
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (1600, 900)


def test_the_daemon_does_not_load_matplotlib() -> None:
    """Importing what the daemon uses leaves the heavy library alone."""
    code = (
        "import sys, ebbwatch.charts.png, ebbwatch.charts.svg;"
        "sys.exit(any(name.startswith('matplotlib') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("it fails", "import sys; sys.stdin.read(); sys.exit('no font cache')",
         "expected a picture, found exit status 1: no font cache"),
        ("it prints something else", "import sys; sys.stdin.read(); print('hello')",
         "expected a picture, found exit status 0: "),
        ("it does not read", "", "expected a picture, found exit status 0: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_a_picture_that_fails_says_why(name: str, code: str, message: str) -> None:
    """The error holds the status and what the process said."""
    with pytest.raises(ChartFailed) as failed:
        await PngCharts(command=python(code)).render(SPEC)
    assert str(failed.value) == message


async def test_a_picture_that_hangs_is_given_up() -> None:
    """After its time the process is ended, and the message goes without the picture."""
    hanging = python("import time; time.sleep(600)")
    with pytest.raises(ChartFailed, match=r"expected a chart within 0\.05 s, found none"):
        await PngCharts(timeout_s=0.05, command=hanging).render(SPEC)


async def test_a_caller_that_leaves_takes_the_process_along() -> None:
    """Cancelling ends the process: none is left behind."""
    hanging = python("import time; time.sleep(600)")
    charts = PngCharts(command=hanging)
    task = asyncio.create_task(charts.render(SPEC))
    await asyncio.wait([task], timeout=0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_pictures_are_drawn_one_after_another(tmp_path: Path) -> None:
    """However many ask, no more processes run than allowed."""
    log = tmp_path / "log"
    code = (
        "import sys\n"
        "with open(sys.argv[1], 'a') as log:\n"
        "    log.write('begin '); log.flush(); sys.stdin.read(); log.write('end ')\n"
        "sys.stdout.buffer.write(b'\\x89PNG\\r\\n\\x1a\\n')"
    )
    charts = PngCharts(at_once=1, command=python(code, str(log)))
    await asyncio.gather(*(charts.render(SPEC) for _ in range(3)))
    assert log.read_text() == "begin end " * 3


def test_the_specification_survives_its_way_to_the_process() -> None:
    """What is written as JSON is what is drawn."""
    assert worker.read_spec(json.loads(json.dumps(asdict(SPEC)))) == SPEC


@pytest.mark.parametrize(
    ("text", "cjk", "drawn"),
    [
        ("SOFR − EFFR", False, "SOFR − EFFR"),
        ("門檻 20 個基點", False, "20 bp"),
        ("門檻 20 個基點", True, "門檻 20 個基點"),
    ],
)
def test_characters_that_no_font_has_are_left_to_the_message(
    text: str, cjk: bool, drawn: str
) -> None:
    """Boxes are never drawn in place of characters."""
    assert worker.drawable(text, cjk=cjk, instead="20 bp") == drawn


@pytest.mark.parametrize(
    ("language", "installed", "font"),
    [
        ("zh-Hant", ("Noto Sans CJK SC", "Noto Sans CJK TC"), "Noto Sans CJK TC"),
        ("zh-Hans", ("Noto Sans CJK SC", "Noto Sans CJK TC"), "Noto Sans CJK SC"),
        ("zh-Hant-HK", ("Noto Sans CJK SC", "Noto Sans CJK TC"), "Noto Sans CJK TC"),
        ("zh-Hant-HK", ("Noto Sans CJK HK", "Noto Sans CJK TC"), "Noto Sans CJK HK"),
        ("zh-Hans", ("Droid Sans Fallback",), "Droid Sans Fallback"),
        ("zh-Hans", ("DejaVu Sans",), None),
    ],
)
def test_a_font_writes_the_characters_of_its_language(
    language: str, installed: tuple[str, ...], font: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same character looks otherwise in Taipei, Hong Kong and Shanghai."""
    listed = [SimpleNamespace(name=name) for name in installed]
    monkeypatch.setattr(worker.font_manager.fontManager, "ttflist", listed)
    assert worker.cjk_font(language) == font


def test_a_chinese_specification_is_drawn_whatever_fonts_there_are() -> None:
    """With a font or without, a picture comes, and no warning of missing characters."""
    spec = replace(
        SPEC,
        title="SOFR 高於有效聯邦資金利率",
        thresholds=(("注意 10 個基點", 10.0),),
        marks=(("2025-10-31", "觸發警告"),),
    )
    assert worker.draw(spec).startswith(b"\x89PNG")
