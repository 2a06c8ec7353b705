"""Text in the columns of a terminal: tables that fit, and lines that wrap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.markup.columns import shortened, table, wrapped
from ebbwatch.model.table import TableColumn
from ebbwatch.model.text import width_of

TEXTS = st.text(st.sampled_from("ab -銀行準備é\u0301。"), max_size=30)


def test_wide_characters_take_two_columns() -> None:
    """What stands behind Chinese text is aligned all the same, to either side."""
    shown = table(
        [
            TableColumn("規則", ["資金利差", "spread"]),
            TableColumn("VALUE", ["36 個基點", "3 bp"], right=True),
            TableColumn("WHY", ["x", "y"]),
        ]
    )
    assert shown.splitlines() == [
        "規則          VALUE  WHY",
        "資金利差  36 個基點  x",
        "spread         3 bp  y",
    ]


def test_long_cells_are_cut_in_their_middle_before_a_column_goes() -> None:
    """Their ends tell most; what is not needed goes next, and then they may be whole again."""
    columns = [
        TableColumn("NAME", ["funding-spread-ordinary-days", "short"], least=18),
        TableColumn("SPARE", ["0123456789", ""], spare=1),
        TableColumn("MORE", ["0123456789", ""], spare=2),
        TableColumn("N", ["1", "23"], right=True),
    ]

    def first(width: int | None) -> str:
        return table(columns, width).splitlines()[1]

    whole, more = "funding-spread-ordinary-days", "  0123456789"
    shown = {width: table(columns, width).splitlines()[1] for width in (50, 46, 45, 34, 33, 31, 12)}
    assert table(columns).splitlines()[1] == f"{whole}{more}{more}   1"
    assert shown == {
        50: f"funding-spr…inary-days{more}{more}   1",
        46: f"funding-s…ary-days{more}{more}   1",
        45: f"{whole}{more}   1",
        34: f"funding-s…ary-days{more}   1",
        33: f"{whole}   1",
        31: "funding-sprea…ordinary-days   1",
        12: "fund…ays   1",
    }


def test_what_cannot_fit_is_as_narrow_as_it_gets() -> None:
    """Nothing that may not be cut is; and a table without a row has its head."""
    assert (
        table([TableColumn("A", ["whole"]), TableColumn("B", ["whole"])], 5)
        == "A      B\nwhole  whole"
    )
    assert table([TableColumn("A", []), TableColumn("B", [])], 80) == "A  B"


def test_a_cell_is_one_line_and_no_command_to_the_terminal() -> None:
    """What somebody typed as a comment cannot move the cursor or break a row."""
    assert table([TableColumn("WHY", ["one\n\x1b[2Jtwo\tthree"])]) == "WHY\none [2Jtwo three"


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("funding-spread", 14, "funding-spread"),
        ("funding-spread", 9, "fund…read"),
        ("funding-spread", 8, "fund…ead"),
        ("funding-spread", 1, "…"),
        ("銀行準備金水位", 8, "銀行…位"),
        ("", 3, ""),
    ],
)
def test_a_text_is_shortened_in_its_middle(text: str, width: int, cut: str) -> None:
    """The beginning keeps the odd column; half a wide character is none."""
    assert shortened(text, width) == cut


@given(TEXTS, st.integers(1, 30))
def test_a_shortened_text_is_never_too_wide(text: str, width: int) -> None:
    """Whatever it is made of; one that fits is left alone."""
    found = shortened(text, width)
    assert width_of(found) <= width
    assert found == text or "…" in found


@given(st.lists(TEXTS.map(str.strip), min_size=1, max_size=4), st.integers(1, 80))
def test_columns_are_equally_wide_in_every_row(cells: list[str], width: int) -> None:
    """The last column begins at the same place in each row."""
    columns = [TableColumn("NAME", cells, least=8), TableColumn("N", ["#" for _ in cells])]
    places = {width_of(line.rpartition("#")[0]) for line in table(columns, width).splitlines()[1:]}
    assert len(places) == 1


@given(TEXTS, st.integers(10, 40))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    """Only spaces at the ends of rows go; rows after the first stand further in."""
    text = " ".join(text.split())
    rows = wrapped(text, width, indent=">>", hanging="    ")
    assert all(row.startswith("    ") for row in rows[1:])
    joined = "".join([rows[0].removeprefix(">>"), *(row[4:] for row in rows[1:])])
    assert joined.replace(" ", "") == text.replace(" ", "")
    longest = max((len(word) for word in text.split()), default=0)
    assert longest > width - 4 or all(width_of(row) <= width + 2 for row in rows)
