"""The bundled figures: whose they are, what they say, and that a script of ours wrote them."""

from __future__ import annotations

import csv
import importlib
import io
import re
from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import entry_points
from importlib.resources import files as package_files
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from ebbwatch import archive
from ebbwatch.model.calendars import business_calendar
from ebbwatch.model.periods import FREQUENCIES, day_of
from ebbwatch.model.units import UNITS
from tests.paths import ROOT

HISTORY = ROOT.parent / "shared" / "history"
NEW_YORK = ZoneInfo("America/New_York")

#: What its publishers do not allow to be passed on, by any name it could have here.
FORBIDDEN = re.compile(r"gold|bitcoin|btc|xau|paxg|vix|gc_f|yahoo|investing", re.IGNORECASE)


def _catalogue() -> dict[str, dict[str, Any]]:
    text = (package_files("ebbwatch.ruleset") / "builtin" / "catalogue.yaml").read_text("utf-8")
    series: dict[str, dict[str, Any]] = yaml.safe_load(text)["series"]
    return series


CATALOGUE = _catalogue()
FILES = archive.files()


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(FILES[name].read_text("utf-8"))))


def as_of(name: str, period: str, instant: str) -> str | None:
    """Return a period's figure as known at an instant, from a file with `known_at`."""
    at = datetime.fromisoformat(instant).replace(tzinfo=NEW_YORK)
    known = [
        (datetime.fromisoformat(row["known_at"]), row["value"])
        for row in rows(name)
        if row["period"] == period
    ]
    return max((pair for pair in known if pair[0] <= at), default=(None, None))[1]


def test_the_archive_holds_the_figures_of_four_publishers() -> None:
    """Every file is a series of the catalogue, read from a publisher who allows it."""
    sources = {next(iter(CATALOGUE[name]["source"])) for name in FILES}
    assert sources == {"nyfed", "h41", "fed_policy", "fiscaldata", "bea"}


def test_nothing_is_passed_on_that_may_not_be() -> None:
    """No price of gold or bitcoin, no index of an exchange, under any name."""
    assert [name for name in FILES if FORBIDDEN.search(name)] == []


def test_the_readme_names_every_series_and_its_publisher() -> None:
    """Whose figures these are stands beside them, with the New York Fed's attribution."""
    readme = (package_files("ebbwatch.archive") / "data" / "README.md").read_text("utf-8")
    terms = readme.partition("## What to know")[0]
    assert [name for name in FILES if f"`{name}`" not in terms] == []
    assert "Federal Reserve Bank of New York" in terms
    assert "does not endorse" in terms


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_is_in_the_format_of_data_directories(name: str) -> None:
    """Right header, LF, one version of a period at an instant, in order, plausible digits."""
    raw = FILES[name].read_bytes()
    header = raw.partition(b"\n")[0]
    found = rows(name)
    keys = [(row["period"], row.get("known_at", "")) for row in found]
    assert header in {b"period,value", b"period,value,known_at"}
    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    assert len(set(keys)) == len(keys)
    assert [row["period"] for row in found] == sorted(row["period"] for row in found)
    assert [row["value"] for row in found if not re.fullmatch(r"-?\d+(\.\d+)?", row["value"])] == []
    every = FREQUENCIES[CATALOGUE[name]["every"]]
    assert [row["period"] for row in found if every.fault(every.parse(row["period"]))] == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_figure_can_be_dated(name: str) -> None:
    """It carries the instant it became known, or its series has a release rule."""
    written = [row.get("known_at", "") for row in rows(name)]
    assert all(datetime.fromisoformat(text).tzinfo is not None for text in written if text)
    assert all(written) or "released" in CATALOGUE[name]


@pytest.mark.parametrize(
    "name", sorted(name for name in FILES if CATALOGUE[name]["every"] == "business day")
)
def test_daily_figures_lie_on_open_days_of_their_calendar(name: str) -> None:
    """A figure on a closed day would say that the catalogue names the wrong calendar."""
    released = CATALOGUE[name]["released"]
    rule = released if isinstance(released, dict) else released[-1]
    business = business_calendar(rule["calendar"])
    parse = FREQUENCIES["business day"].parse
    closed = [r["period"] for r in rows(name) if not business.is_open(day_of(parse(r["period"])))]
    assert closed == []


@pytest.mark.parametrize(
    ("name", "period", "value"),
    [
        ("sofr", "2018-04-02", "1.8"),
        ("sofr", "2019-09-17", "5.25"),
        ("sofr", "2025-10-31", "4.22"),
        ("sofr_p99", "2019-09-17", "9"),
        ("effr", "2025-10-31", "3.86"),
        ("target_upper", "2019-09-17", "2.25"),
        ("target_lower", "2019-09-17", "2"),
        ("reserves", "2025-10-29", "2848021"),
        ("reserves_level", "2025-10-29", "2827909"),
        ("reverse_repo", "2022-12-30", "2553716000000"),
        ("reverse_repo", "2020-11-18", "103000000"),
        ("standing_repo", "2025-10-31", "50350000000"),
        ("standing_repo", "2025-12-31", "74600000000"),
        ("standing_repo", "2026-07-22", "0"),
        ("tgcr", "2019-09-17", "5.25"),
        ("effr", "2026-10-06", "3.88"),
        ("reserves", "2026-09-30", "2948090"),
        ("repo_total", "2025-12-31", "74600"),
        ("discount_window", "2023-03-15", "152853"),
        ("deficit", "2026-07-01", "432307874621.48"),
        ("deficit", "2010-01-01", "42634000000"),
    ],
)
def test_a_figure_is_what_its_publisher_said(name: str, period: str, value: str) -> None:
    """In the catalogue's unit, with the digits it was published with; whole, of a day in parts."""
    assert [row["value"] for row in rows(name) if row["period"] == period][-1] == value


@pytest.mark.parametrize(
    ("instant", "value"),
    [
        ("2025-07-30T08:29", None),
        ("2025-07-30T08:30", "30331.117"),
        ("2025-08-28T08:30", "30353.902"),
        ("2025-09-25T08:29", "30353.902"),
        ("2025-09-25T08:30", "30485.729"),
    ],
)
def test_gdp_is_known_vintage_by_vintage(instant: str, value: str | None) -> None:
    """The second quarter of 2025 as one could know it, to the minute of each release."""
    assert as_of("gdp", "2025-04-01", instant) == value


# The meeting planned for 18 March 2020 was called off on the 15th.
@pytest.mark.parametrize(
    ("period", "instant", "value"),
    [
        ("2020-03-04", "2020-03-03T09:59", "1.6"),
        ("2020-03-04", "2020-03-03T10:00", "1.1"),
        ("2020-03-16", "2020-03-15T16:59", "1.1"),
        ("2020-03-16", "2020-03-15T17:00", "0.1"),
        ("2020-03-19", "2020-03-15T16:59", None),
        ("2020-03-19", "2020-03-15T17:00", "0.1"),
        ("2020-04-29", "2020-03-15T17:00", "0.1"),
        ("2020-04-30", "2020-03-15T17:00", None),
        ("2020-04-30", "2020-04-29T14:00", "0.1"),
        # A Thursday decision, and one after a summer of no change.
        ("2024-11-08", "2024-11-07T13:59", None),
        ("2024-11-08", "2024-11-07T14:00", "4.65"),
        ("2024-09-18", "2024-07-31T14:00", "5.4"),
        ("2024-09-19", "2024-07-31T14:00", None),
        ("2024-09-19", "2024-09-18T14:00", "4.9"),
    ],
)
def test_interest_on_reserves_is_known_from_its_announcement(
    period: str, instant: str, value: str | None
) -> None:
    """Up to the day before the next planned decision takes effect, and no further."""
    assert as_of("iorb", period, instant) == value


def test_no_day_is_missing_of_interest_on_reserves() -> None:
    """It has a rate on every calendar day from its first to its last."""
    days = sorted({date.fromisoformat(row["period"]) for row in rows("iorb")})
    assert len(days) == (days[-1] - days[0]).days + 1


def test_the_target_range_is_a_quarter_wide() -> None:
    """Both limits have the same days, those of EFFR, and stand 25 basis points apart."""
    upper = {row["period"]: Decimal(row["value"]) for row in rows("target_upper")}
    lower = {row["period"]: Decimal(row["value"]) for row in rows("target_lower")}
    assert {day: upper[day] - lower[day] for day in upper} == dict.fromkeys(lower, Decimal("0.25"))
    effr = {row["period"] for row in rows("effr")}
    assert upper.keys() == {day for day in effr if day >= min(upper)}


def test_the_archive_is_what_the_script_writes() -> None:
    """Rebuilt from the collected history it is the same, byte for byte."""
    if not HISTORY.is_dir():
        pytest.skip("the collected history is not beside this checkout")
    script = importlib.import_module("scripts.build_archive")
    built = {name: text.encode() for name, text in script.build(HISTORY).items()}
    assert built.keys() == FILES.keys()
    assert [name for name, body in built.items() if body != FILES[name].read_bytes()] == []
    written = {path.name: path.read_text("utf-8") for path in script.TEXTS.glob("*.txt")}
    assert script.texts(HISTORY) == written


@pytest.mark.parametrize(
    ("text", "factor", "expected"),
    [
        ("1.80", "1", "1.80"),
        ("0.103", "1E+9", "103000000"),
        ("2553.716", "1E+9", "2553716000000"),
        ("-432307.87462148", "-1E+6", "432307874621.48"),
        ("0", "-1E+6", "0"),
        ("0.0000001", "1E+6", "0.1"),
    ],
)
def test_a_figure_is_scaled_without_losing_a_digit(text: str, factor: str, expected: str) -> None:
    """Powers of ten move the point; nothing is rounded and nothing gains an exponent."""
    script = importlib.import_module("scripts.build_archive")
    assert script.scaled(text, Decimal(factor)) == expected


# ---- the catalogue -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_catalogue_entry_is_complete(name: str) -> None:
    """Known unit and frequency, titles in both languages, a range, and a way to be stale."""
    entry = CATALOGUE[name]
    assert entry["unit"] in UNITS
    assert entry["every"] in FREQUENCIES
    assert set(entry["title"]) == {"en", "zh-Hant"}
    assert len(entry["plausible"]) == 2
    assert "released" in entry or "stale_after" in entry


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_what_the_catalogue_asks_for_its_sources_know(name: str) -> None:
    """Each argument, of first choices and fallbacks alike, is one its adapter accepts."""
    adapters = {point.name: point for point in entry_points(group="ebbwatch.sources")}
    asked = [
        (source, argument)
        for role in ("source", "fallback")
        for source, argument in CATALOGUE[name].get(role, {}).items()
    ]
    assert {source: adapters[source].load().fault(argument) for source, argument in asked} == (
        dict.fromkeys(dict(asked))
    )


def test_only_levels_are_checked_for_their_scale() -> None:
    """Operations, facilities, rates and prices really do jump by fifty and more."""
    assert sorted(name for name, entry in CATALOGUE.items() if "scale_check" in entry) == [
        "debt",
        "fed_assets",
        "gdp",
        "mbs",
        "reserves",
        "reserves_level",
        "securities_outright",
        "soma_bills",
        "treasuries",
        "treasury_account",
        "treasury_account_close",
        "treasury_account_level",
    ]


def test_the_catalogue_takes_no_name_that_packs_define() -> None:
    """One namespace: a built-in series must not make a common definition a duplicate."""
    usual = {"securities", "reserves_ratio", "funding_spread", "repo_over_iorb", "liquidity"}
    assert usual & CATALOGUE.keys() == set()
