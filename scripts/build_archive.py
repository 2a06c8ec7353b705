"""Write the bundled archive from a folder of collected history.

    python scripts/build_archive.py ../shared/history

Only series whose publishers allow their figures to be passed on are written. Each file is in
the format of ``--data``: ``period,value`` or ``period,value,known_at``, in the catalogue's
unit, oldest first. A figure keeps the digits it was published with; nothing is interpolated,
filled forward or rounded, and no day beyond the last figure is written.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

#: The archive begins here, or where a series does. GDP keeps its whole record.
FIRST = date(2000, 1, 1)

NEW_YORK = ZoneInfo("America/New_York")

#: Decisions of the FOMC from 2017 on, by the day they were announced.
#: Source: the Board's FOMC calendars and statements, as recorded 2026-11-22.
FOMC = Path(__file__).with_name("fomc.csv")

#: Where bundled texts lie: press releases of the Board, works of the United States government.
TEXTS = Path(__file__).parents[1] / "daemon" / "ebbwatch" / "archive" / "texts"

#: Where bundled figures lie.
DATA = Path(__file__).parents[1] / "daemon" / "ebbwatch" / "archive" / "data"

_GDP_RELEASED = time(8, 30)
_WEEKEND = 5  # weekday() of Saturday


@dataclass(frozen=True, slots=True)
class Bundle:
    """How one series of the archive is made.

    Attributes:
        file: Name of the collected file.
        factor: How many of the catalogue's unit one of the collected unit is; negative
            where the collected sign is the other way round.
        first: No earlier period is written.
        days_of: Only days on which this file has a figure are written: what a publisher
            repeats in the row of another series.
        business: Whether a weekend day can be no period.
    """

    file: str
    factor: Decimal = Decimal(1)
    first: date = FIRST
    days_of: str | None = None
    business: bool = False


def _daily(file: str, *, factor: str = "1", first: date = FIRST, days_of: str = "") -> Bundle:
    return Bundle(file, Decimal(factor), first, days_of or None, business=True)


#: The facility opened on 2021-07-29; what the Desk lent before was not drawn from it.
_STANDING_FACILITY = date(2021, 7, 29)

#: Since then it lends each morning, too; its days are published in parts.
_MORNINGS = date(2025, 6, 26)

BUNDLES: Mapping[str, Bundle] = {
    "sofr": _daily("SOFR"),
    "sofr_p1": _daily("SOFR_P1"),
    "sofr_p25": _daily("SOFR_P25"),
    "sofr_p75": _daily("SOFR_P75"),
    "sofr_p99": _daily("SOFR_P99"),
    "sofr_volume": _daily("SOFR_VOLUME"),
    "tgcr": _daily("TGCR"),
    "bgcr": _daily("BGCR"),
    "effr": _daily("EFFR"),
    "obfr": _daily("OBFR"),
    "target_upper": _daily("DFEDTARU", days_of="EFFR"),
    "target_lower": _daily("DFEDTARL", days_of="EFFR"),
    "reverse_repo": _daily("RRPONTSYD", factor="1E+9"),
    "reverse_repo_rate": _daily("RRPONTSYAWARD"),
    "reserves": Bundle("WRESBAL"),
    "reserves_level": Bundle("WRBWFRBL"),
    "fed_assets": Bundle("WALCL"),
    "treasuries": Bundle("TREAST"),
    "mbs": Bundle("WSHOMCB"),
    "treasury_account": Bundle("WTREGEN"),
    "treasury_account_level": Bundle("WDTGAL"),
    "loans": Bundle("WLCFLL"),
    "discount_window": Bundle("WLCFLPCL"),
    "swaps": Bundle("SWPT"),
    "repo_total": Bundle("WORAL"),
    "repo_domestic": Bundle("H41RESPPALGTRONWW"),
    "repo_foreign": Bundle("H41RESPPALGTRFNWW"),
    "reverse_repo_total": Bundle("WLRRAL"),
    "treasury_account_close": _daily("DTS_TGA_CLOSE"),
    "deficit": Bundle("MTSDS133FMS", Decimal("-1E+6")),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """One announcement of the FOMC.

    Attributes:
        at: When it was announced.
        next_planned: Day of the next meeting planned by then; None after the last one known.
    """

    at: datetime
    next_planned: date | None

    @property
    def effective(self) -> date:
        """Return the day from which it holds: the day after."""
        return self.at.date() + timedelta(days=1)


def build(history: Path) -> dict[str, str]:
    """Return every file of the archive by series, from a folder of collected history."""
    files = {name: _figures(history, bundle) for name, bundle in BUNDLES.items()}
    files["gdp"] = _gdp(history)
    files["iorb"] = _iorb(history)
    files["standing_repo"] = _standing_repo(history)
    return files


def texts(history: Path) -> dict[str, str]:
    """Return the press releases by file: title, address, instant, an empty line, the article."""
    found = sorted((history / "texts").glob("*.txt"))
    return {path.name: path.read_text("utf-8").rstrip("\n") + "\n" for path in found}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _file(header: str, rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"{line}\n" for line in (header, *(",".join(row) for row in rows)))


def _figures(history: Path, bundle: Bundle) -> str:
    """Return a file whose figures become known by the series' release rule."""
    days = None
    if bundle.days_of is not None:
        days = {row["period"] for row in _rows(history / f"{bundle.days_of}.csv")}
    rows = []
    for row in _rows(history / f"{bundle.file}.csv"):
        day = date.fromisoformat(row["period"])
        if day < bundle.first or (days is not None and row["period"] not in days):
            continue
        # EFFR's history holds one Sunday, 2003-07-20, which is no business day of anybody's.
        if bundle.business and day.weekday() >= _WEEKEND:
            continue
        rows.append((row["period"], scaled(row["value"], bundle.factor)))
    return _file("period,value", sorted(rows))


def scaled(text: str, factor: Decimal) -> str:
    """Return a figure times a power of ten (or its negative), exactly and without exponent."""
    if factor == 1:
        return text
    value = Decimal(text) * factor
    if not value:
        return "0"
    written = f"{value:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _gdp(history: Path) -> str:
    """Return every vintage of GDP, known at the hour of its release."""
    rows = []
    for row in _rows(history / "GDP.vintages.csv"):
        released = datetime.combine(date.fromisoformat(row["known_at"]), _GDP_RELEASED, NEW_YORK)
        rows.append((row["period"], released, row["value"]))
    return _file(
        "period,value,known_at",
        ((period, value, released.isoformat()) for period, released, value in sorted(rows)),
    )


def _standing_repo(history: Path) -> str:
    """Return what the standing facility lent, known when the Desk put up each operation.

    Since the facility lends in the morning too, a day has what it came to after each. Days of
    which only the sum was collected, and operations that were touched later, become known by
    the release rule.
    """
    by_day: dict[str, list[dict[str, str]]] = {}
    for row in _rows(history / "NYFED_REPO_OPERATIONS.csv"):
        by_day.setdefault(row["date"], []).append(row)
    rows = []
    for row in _rows(history / "NYFED_REPO_ACCEPTED.csv"):
        day, total = date.fromisoformat(row["period"]), Decimal(row["value"])
        if day < _STANDING_FACILITY or day.weekday() >= _WEEKEND:
            continue
        held = sorted(by_day.get(row["period"], ()), key=lambda one: one["close_time"])
        if held and sum(Decimal(one["total_accepted"]) for one in held) != total:
            message = f"the operations of {day} do not add up to what was lent that day"
            raise ValueError(message)
        so_far = Decimal(0)
        for operation in held[:-1] if day >= _MORNINGS else ():
            so_far += Decimal(operation["total_accepted"])
            if stamp := _stamp(operation):
                rows.append((row["period"], f"{so_far:f}", stamp))
        rows.append((row["period"], row["value"], _stamp(held[-1]) if held else ""))
    return _file("period,value,known_at", sorted(rows, key=lambda one: (one[0], one[2] or "~")))


def _stamp(operation: Mapping[str, str]) -> str:
    """Return when an operation's results were put up; empty where they were touched later."""
    stamp = datetime.fromisoformat(operation["updated"])
    closed = time.fromisoformat(operation["close_time"])
    if stamp.date().isoformat() != operation["date"] or stamp.time() < closed:
        return ""
    return stamp.replace(tzinfo=NEW_YORK).isoformat()


def decisions() -> list[Decision]:
    """Return what the FOMC announced, oldest first."""
    rows = list(_rows(FOMC))
    planned = [
        (date.fromisoformat(row["decided_on"]), row["called_off_on"])
        for row in rows
        if row["kind"] != "unscheduled"
    ]
    announced = []
    for row in rows:
        if row["kind"] == "called off":
            continue
        day = date.fromisoformat(row["decided_on"])
        later = [d for d, off in planned if d > day and not (off and off <= row["decided_on"])]
        at = datetime.combine(day, time.fromisoformat(row["at"]), NEW_YORK)
        announced.append(Decision(at, min(later, default=None)))
    return announced


def _iorb(history: Path) -> str:
    """Return interest on reserves for each day, known from the announcement that set it.

    A decision sets the rate from the day after it to the day of the next planned meeting,
    which is the last day before that one's decision takes effect. A decision between
    meetings is a revision of the days it overtakes.
    """
    daily = {
        date.fromisoformat(row["period"]): row["value"]
        for file in ("IOER", "IORB")
        for row in _rows(history / f"{file}.csv")
    }
    first, last = min(daily), max(daily)
    rows = []
    for decision in decisions():
        start = max(decision.effective, first)
        end = min(decision.next_planned or decision.effective, last)
        # What was announced is the rate of the first of these days; later ones may have
        # been overtaken, which was not known yet.
        rows += [
            (day, decision.at, daily[start])
            for day in (start + timedelta(days=n) for n in range((end - start).days + 1))
        ]
    _agree(rows, daily, _rows(history / "IORB_CHANGES.vintages.csv"))
    return _file(
        "period,value,known_at",
        ((day.isoformat(), value, at.isoformat()) for day, at, value in sorted(rows)),
    )


def _agree(
    rows: list[tuple[date, datetime, str]],
    daily: Mapping[date, str],
    changes: Iterable[Mapping[str, str]],
) -> None:
    """Refuse rows whose newest versions are not the published daily rate.

    Raises:
        ValueError: With the days on which they differ, or the change that no decision made.
    """
    newest = {day: value for day, _, value in sorted(rows)}
    if newest != daily:
        odd = [
            day for day in sorted(daily.keys() | newest.keys()) if newest.get(day) != daily.get(day)
        ]
        message = f"interest on reserves differs from the published rate on {odd[0]} and {len(odd) - 1} more days"
        raise ValueError(message)
    made = {(d.effective.isoformat(), d.at) for d in decisions()}
    for change in changes:
        if (change["period"], datetime.fromisoformat(change["known_at"])) not in made:
            message = f"no decision in {FOMC.name} made the change of {change['period']}"
            raise ValueError(message)


def main() -> None:
    """Write the archive."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("history", type=Path, help="folder of collected history")
    history = parser.parse_args().history
    DATA.mkdir(exist_ok=True)
    for name, text in build(history).items():
        (DATA / f"{name}.csv").write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}: {text.count(chr(10)) - 1} rows")
    TEXTS.mkdir(exist_ok=True)
    for name, text in texts(history).items():
        (TEXTS / name).write_text(text, encoding="utf-8", newline="\n")
        print(name)


if __name__ == "__main__":
    main()
