"""Exports: figures and expressions for other programs, whole and as they were known."""

from __future__ import annotations

import builtins
import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.cli import run

ALONE = ("--store", "none")


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", f"sqlite:///{tmp_path}/state.db")


def test_a_series_comes_with_every_version_of_its_figures() -> None:
    """What was known when, and by whom: the quarter was revised three times by 2026."""
    ran = run("export", "gdp", "--since", "2025-01-01", "--at", "2025-10-01", *ALONE)
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row for row in rows if row["period"] == "2025-01-01"] == [
        {"period": "2025-01-01", "value": value, "known_at": known_at, "source": "bea"}
        for value, known_at in (
            ("29977.632", "2025-04-30T12:30:00Z"),
            ("29962.047", "2025-06-26T12:30:00Z"),
            ("30042.113", "2025-09-25T12:30:00Z"),
        )
    ]


def test_what_is_exported_can_be_read_back(tmp_path: Path) -> None:
    """By --data and by import: the same figures, known at the same instants."""
    folder = tmp_path / "figures"
    folder.mkdir()
    for name in ("sofr", "reserves", "gdp"):
        assert run("export", name, "--out", folder / f"{name}.csv", *ALONE).code == 0
    first = (folder / "gdp.csv").read_text()
    again = run("export", "gdp", "--data", folder).out
    assert again.replace(",data\n", ",bea\n") == first
    at = ("--at", "2025-09-24", "--format", "json")
    own = run("value", "reserves / gdp", *at, "--data", folder).json
    assert own["value"] == run("value", "reserves / gdp", *at, *ALONE).json["value"]
    assert run("import", "gdp", folder / "gdp.csv").out.endswith(" 0 new\n") is False
    assert run("import", "gdp", folder / "gdp.csv").out.endswith(" 0 new\n")


def test_json_says_the_unit_and_what_is_assumed() -> None:
    """An object for the whole, and a row for each figure."""
    found = run("export", "sofr", "--since", "2025-10-30", "--at", "2025-10-31T12:30Z",
                "--format", "json", *ALONE).json  # fmt: skip
    assert found == {
        "series": "sofr",
        "unit": "percent per year",
        "every": "business day",
        "rows": [
            {"period": "2025-10-30", "value": 4.04, "known_at": "2025-10-31T12:00:00Z",
             "assumed": True, "source": "nyfed"},
        ],
    }  # fmt: skip


def test_an_expression_comes_by_period_as_known_then() -> None:
    """In the unit in which it is printed, rounded to twelve digits."""
    at = ("--since", "2025-10-29", "--at", "2025-11-03T14:00Z", *ALONE)
    assert run("export", "sofr - effr", *at).out.splitlines() == [
        "period,value", "2025-10-29,15", "2025-10-30,17", "2025-10-31,36",
    ]  # fmt: skip
    found = run("export", "sofr - effr", *at, "--format", "json").json
    assert (found["expression"], found["unit"], found["rows"][-1]) == (
        "sofr - effr", "bp", {"period": "2025-10-31", "value": 36.0},
    )  # fmt: skip
    minus = run("export", "-sofr", *at).out.splitlines()
    assert minus[-1] == "2025-10-31,-4.22"


def test_a_condition_is_true_false_or_nothing() -> None:
    """What is unknown is no value, and never false."""
    at = ("--since", "2025-10-29", "--at", "2025-11-03T14:00Z", *ALONE)
    assert run("export", "sofr - effr > 16 bp", *at).out.splitlines()[1:] == [
        "2025-10-29,false", "2025-10-30,true", "2025-10-31,true",
    ]  # fmt: skip
    early = run("export", "avg(sofr, 5 releases) > 1 %", "--at", "2018-04-20", *ALONE).out
    assert early.splitlines()[1] == "2018-04-02,"
    count = run("export", "count(sofr > 4 %, effr > 3.9 %)", *at).out.splitlines()
    assert count[0] == "period,value"
    assert count[-1].startswith("2025-10-31,")


def test_a_series_without_a_figure_is_a_heading(tmp_path: Path) -> None:
    """Programs get a table all the same."""
    assert run("export", "gold", *ALONE).out == "period,value,known_at,source\n"
    assert run("export", "gold", "--format", "json", *ALONE).json["rows"] == []
    assert run("export", "gold", "--out", tmp_path / "g.json", *ALONE).out.endswith(": 0 rows\n")
    assert (tmp_path / "g.json").read_text().startswith("{")


def test_parquet_without_its_library_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the way to it, before any figure is read, and no file is left behind."""
    real = builtins.__import__

    def missing(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    file = tmp_path / "sofr.parquet"
    ran = run("export", "sofr", "--out", file, *ALONE)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "ebbwatch: parquet wants a library that is not installed: pip install 'ebbwatch[parquet]'\n"
    )
    assert not file.exists()


def test_parquet_holds_dates_floats_and_instants(tmp_path: Path) -> None:
    """Where its library is installed."""
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "gdp.parquet"
    assert run("export", "gdp", "--out", file, *ALONE).code == 0
    table = parquet.read_table(file)
    rows = list(csv.DictReader(io.StringIO(run("export", "gdp", *ALONE).out)))
    assert [str(one) for one in table["period"].to_pylist()] == [row["period"] for row in rows]
    assert table["value"].to_pylist() == [float(row["value"]) for row in rows]
    assert table["source"].to_pylist() == [row["source"] for row in rows]
    assert table.schema.metadata[b"unit"] == b"USD billions"


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (("sofr", "--format", "xml"), 2, "expected --format csv, json or parquet, found xml"),
        (("sofr", "--format", "parquet"), 2, "parquet is for files: name one with --out FILE"),
        (("sofr", "--out", "/no/where.csv"), 1, "/no/where.csv cannot be written"),
        (("soffr",), 1, "there is no series or define soffr"),
        (("sofr", "--sinc", "2020-01-01"), 2, "--sinc"),
    ],
)
def test_what_is_wrong_is_said(typed: tuple[str, ...], code: int, said: str) -> None:
    """On standard error, with nothing on the other."""
    ran = run("export", *typed, *ALONE)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
