"""FRED and ALFRED, for people who opt in with their own key.

FRED's terms forbid storing, caching and archiving what it serves, so nothing asks it unless a
key is given. Every series of the default pack has a primary source without that clause.

Source: fred.stlouisfed.org/docs/api/fred and recorded answers of 2024-06-27 to 2025-01-20, read
2026-11-22: values are texts and "." is no value; errors come as JSON with ``error_code``, or as
XML; two requests a second; the key travels in the query. Units do change (WRESBAL and WTREGEN
went from billions to millions late in 2025), so each visit reads what the series declares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.model.series import Series
from ebbwatch.model.source import KeyPolicy, SourceFacts
from ebbwatch.model.units import Kind
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import (
    Poll,
    SourceChanged,
    SourceRefused,
    SourceSetup,
    SourceUnavailable,
    Wanted,
)
from ebbwatch.sources import cursors
from ebbwatch.sources.arguments import fault_of_map, fault_of_texts
from ebbwatch.sources.endpoints import Endpoints
from ebbwatch.sources.provider import Provider
from ebbwatch.sources.replies import Reply
from ebbwatch.sources.strict_numbers import day, number

#: Most observations of one answer.
PAGE_ROWS = 100_000

#: Most bytes of one: every revision of a daily series, in pages of `PAGE_ROWS`.
ANSWER_LIMIT_BYTES = 20_000_000

#: Observations read by an ordinary visit.
LATEST = 12

#: Vintages are read this many years at a time: an answer holds at most 2000 vintage days.
VINTAGE_YEARS = 5

#: Everything FRED has, and the end of what is still in force.
_FIRST_VINTAGE = date(1776, 7, 4)
_OPEN_END = date(9999, 12, 31)

#: So few vintages are older that one request serves for all before.
_SPLIT_FROM = 1995

#: Administered rates are dated into the future (IORB carries Tuesday's rate on Friday).
_AHEAD = timedelta(days=45)

_ST_LOUIS = ZoneInfo("America/Chicago")
_LAST_SECOND = time(23, 59, 59)
_ID = re.compile(r"[A-Z0-9_]{1,60}")
_MONEY = re.compile(
    r"(?:(thousand|million|billion|trillion)s of )?(?:chained )?(?:\d{4} )?(?:us )?dollars"
)
_BAD = 400
_LOCKED = 423
_ERRORS = (_BAD, 404, _LOCKED)


class Fred(Provider):
    """Anything on FRED and ALFRED, with the unit it declares."""

    name: ClassVar[str] = "fred"
    facts: ClassVar[SourceFacts] = SourceFacts(
        key=KeyPolicy.REQUIRED,
        ahead=_AHEAD,
        asked="Any series of FRED by its id: DGS10; with all vintages by {id: GDP, vintages: true}.",
    )
    base_url: ClassVar[str] = "https://api.stlouisfed.org/fred"
    #: 429 comes at more than two requests a second.
    #: Source: OpenBB pull request 7527 of 2026-06-02, as recorded 2026-11-22.
    pace_s: ClassVar[float] = 0.6

    def __init__(self, setup: SourceSetup, *, tries: int = 3) -> None:
        """Open nothing yet; `tries` is how often a request is sent when it fails."""
        super().__init__(setup, tries=tries)
        self._key = setup.api_key

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument is no series id (or map of id and vintages), or None."""
        if isinstance(argument, Mapping):
            if fault := fault_of_map(argument, required=("id",), optional=("vintages",)):
                return fault
            if fault := fault_of_texts(argument, ("id",)):
                return fault
            if not isinstance(argument.get("vintages", False), bool):
                return f"expected true or false for vintages, found {argument['vintages']!r}"
        series_id, _ = _asked(argument)
        if _ID.fullmatch(series_id):
            return None
        return f"expected a FRED series id like SOFR, found {series_id}"

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Read each series' declaration, and its values where they moved since the last visit.

        Raises:
            SourceRefused: Without a key, and for a wrong one.
            SourceUnavailable: If FRED is away. Of vintages, which take many requests, what was
                read until then is returned instead, and the cursor says where to go on.
        """
        entries = cursors.load(cursor)
        published: list[Published] = []
        modified = False
        endpoints = Endpoints()
        for item in wanted:
            series_id, vintages = _asked(item.argument)
            name = item.series.name
            declared = await endpoints.ask(
                [name], partial(self._declared, series_id, item.series, every_version=vintages)
            )
            if declared is None:
                continue
            key = f"{item.series.name} {series_id}"
            entry = entries.get(key)
            entry = entry if since is None and isinstance(entry, dict) else {}
            if entry.get("updated") == declared.updated:
                continue
            modified = True
            if vintages:
                versions = await endpoints.ask(
                    [name], partial(self._vintages, series_id, item, declared, entry, since)
                )
                if versions is None:
                    continue
                found, seen, whole = versions
                entry = {"seen": seen.isoformat()}
            else:
                latest = await endpoints.ask(
                    [name], partial(self._latest, series_id, item, declared, since)
                )
                if latest is None:
                    continue
                found, whole = latest, True
                entry = {}
            published += found
            entries[key] = {**entry, "updated": declared.updated} if whole else entry
            if not whole:
                break
        note = "" if modified else "not modified"
        return endpoints.poll(wanted, published, cursor=cursors.dump(entries), note=note)

    async def _declared(self, series_id: str, series: Series, *, every_version: bool) -> Declared:
        """Return what FRED says of a series; with `every_version`, what it ever said."""
        params = {"series_id": series_id}
        if every_version:
            params |= {"realtime_start": str(_FIRST_VINTAGE), "realtime_end": str(_OPEN_END)}
        return read_declared(await self._ask("/series", params, series_id), series, series_id)

    async def _latest(
        self, series_id: str, item: Wanted, declared: Declared, since: datetime | None
    ) -> list[Published]:
        """Return the newest observations, or all since an instant, oldest first."""
        if since is None:
            params = {"sort_order": "desc", "limit": str(LATEST)}
        else:
            params = {"observation_start": str(since.date())}
        rows = await self._rows(series_id, params, whole=since is not None)
        unit = declared.units[-1][1]
        found = [
            Published(
                series=item.series.name, period=period_of(row.day), value=row.value, unit=unit
            )
            for row in rows
        ]
        return sorted(found, key=lambda figure: figure.period)

    async def _vintages(
        self,
        series_id: str,
        item: Wanted,
        declared: Declared,
        entry: Mapping[str, Any],
        since: datetime | None,
    ) -> tuple[list[Published], date, bool]:
        """Return vintages not read before, the last day all of which is read, and if that is all.

        A window starts on the last day that is read already. What FRED cuts off at that day is
        a version in force then, and known; what starts later is news.
        """
        yesterday = self._clock.now().astimezone(_ST_LOUIS).date() - timedelta(days=1)
        seen = date.fromisoformat(entry.get("seen", str(_FIRST_VINTAGE)))
        published: list[Published] = []
        whole = False
        while not whole:
            end = _window_end(seen, yesterday)
            params = {"realtime_start": str(seen), "realtime_end": str(end)}
            if since is not None:
                params["observation_start"] = str(since.date())
            try:
                rows = await self._rows(series_id, params, whole=True)
            except SourceUnavailable:
                if not published:
                    raise
                break
            published += [
                Published(
                    series=item.series.name,
                    period=period_of(row.day),
                    value=row.value,
                    known_at=known_at(item.series, row.vintage),
                    vintage=row.vintage,
                    unit=declared.unit_on(row.vintage),
                )
                for row in sorted(rows, key=lambda row: (row.vintage, row.day))
                if row.vintage > seen
            ]
            whole = end == _OPEN_END
            seen = yesterday if whole else end
        return published, seen, whole

    async def _rows(
        self, series_id: str, params: Mapping[str, str], *, whole: bool
    ) -> list[FredRow]:
        """Return observations in FRED's order; with `whole`, of as many pages as there are."""
        today = self._clock.now().date()
        rows: list[FredRow] = []
        while True:
            asked = {"series_id": series_id, **params}
            if whole:
                asked |= {"limit": str(PAGE_ROWS), "offset": str(len(rows))}
            page, count = read_rows(
                await self._ask("/series/observations", asked, series_id), series_id, today
            )
            rows += page
            if not whole or not page or len(rows) >= count:
                return rows

    async def _ask(self, path: str, params: Mapping[str, str], series_id: str) -> Any:
        """Return an answer's JSON, or raise what its error means."""
        if self._key is None:
            raise SourceRefused(
                "fred: is asked only where people opt in, for its terms forbid storing what it "
                "serves; set EBBWATCH_FRED__API_KEY to a key of your own, or name another source"
            )
        sent = {**params, "api_key": self._key.reveal(), "file_type": "json"}
        answer = await self._client.get(
            path, params=sent, limit_bytes=ANSWER_LIMIT_BYTES, expected=_ERRORS
        )
        body = None if answer.content.lstrip().startswith(b"<error") else answer.json()
        failed = body is None or (isinstance(body, dict) and "error_code" in body)
        if failed or answer.status in _ERRORS:
            _raise(answer, series_id)
        return body


@dataclass(frozen=True, slots=True)
class Declared:
    """What FRED says of a series.

    Attributes:
        units: From which vintage day on it was in which unit, by our name, oldest first.
        updated: When its data last changed, as FRED writes it.
    """

    units: tuple[tuple[date, str], ...]
    updated: str

    def unit_on(self, vintage: date) -> str:
        """Return the unit that a vintage is in."""
        return next(
            (unit for start, unit in reversed(self.units) if start <= vintage), self.units[0][1]
        )


@dataclass(frozen=True, slots=True)
class FredRow:
    """One observation as FRED has it.

    Attributes:
        day: The period's date.
        value: None for ".".
        vintage: Day from which it was published so (``realtime_start``).
    """

    day: date
    value: Decimal | None
    vintage: date


def unit_of(text: str, series: Series) -> str:
    """Return our name of a unit that FRED declares, or its own text where we know none.

    A unit that nobody knows stops the series and is shown to people. FRED's "Percent" may be a
    rate or a share, and its "Dollars" a price: there the catalogue says which.
    """
    words = text.replace(".", "").strip().lower()
    expected = series.unit
    if words.startswith("percent of "):
        return "percent"
    if words == "percent":
        return "percent" if expected.dimension.kind is Kind.RATIO else "percent per year"
    if words in {"basis points", "number", "ratio"}:
        return {"ratio": "number"}.get(words, words)
    if words == "index" or words.startswith("index "):
        return "index"
    if words.endswith("dollars per troy ounce"):
        return "USD per troy ounce"
    if (money := _MONEY.fullmatch(words)) is None:
        return text
    if money[1] is None and expected.dimension.kind is Kind.PRICE:
        return expected.name
    return f"USD {money[1]}s" if money[1] else "USD"


def known_at(series: Series, vintage: date) -> datetime:
    """Return the instant a vintage came out: at the series' own time of day, else that night."""
    if not series.released:
        moment = datetime.combine(vintage, _LAST_SECOND, NEW_YORK)
    else:
        held = [rule for rule in series.released if rule.since is None or rule.since <= vintage]
        # The last of a day's releases is the one that makes it whole.
        rule = max(held or series.released, key=lambda one: (one.since or date.min, one.at))
        moment = datetime.combine(vintage, rule.at, ZoneInfo(rule.zone))
    return moment.astimezone(UTC)


def read_declared(body: Any, series: Series, series_id: str) -> Declared:
    """Return a series' declaration.

    Raises:
        SourceChanged: If it is no such declaration.
    """
    of = f"fred {series_id}"
    # The key is spelt with two s at its end.
    versions = body.get("seriess") if isinstance(body, dict) else None
    if not isinstance(versions, list) or not versions:
        raise SourceChanged(f"{of}: expected `seriess`, found another shape")
    found: list[tuple[date, str, str]] = []
    for version in versions:
        try:
            start = date.fromisoformat(version["realtime_start"])
            text, updated = str(version["units"]), str(version["last_updated"])
            datetime.fromisoformat(updated)
        except (KeyError, TypeError, ValueError):
            raise SourceChanged(
                f"{of}: expected realtime_start, units and last_updated, found none"
            ) from None
        found.append((start, unit_of(text, series), updated))
    found.sort()
    return Declared(tuple((start, unit) for start, unit, _ in found), found[-1][2])


def read_rows(body: Any, series_id: str, today: date) -> tuple[list[FredRow], int]:
    """Return one page of observations, and how many there are on all pages.

    Raises:
        SourceChanged: If it is no such page.
    """
    of = f"fred {series_id}"
    rows = body.get("observations") if isinstance(body, dict) else None
    count = body.get("count") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not isinstance(count, int):
        raise SourceChanged(f"{of}: expected `observations` and `count`, found another shape")
    found = []
    for row in rows:
        if not isinstance(row, dict) or not {"date", "value", "realtime_start"} <= row.keys():
            raise SourceChanged(f"{of}: expected date, value and realtime_start, found no such row")
        try:
            vintage = date.fromisoformat(str(row["realtime_start"]))
        except ValueError:
            raise SourceChanged(f"{of}: expected realtime_start to be a date, found none") from None
        dated = day(row["date"], of=of, today=today, ahead=_AHEAD)
        found.append(FredRow(dated, number(row["value"], of=f"{of} {dated}"), vintage))
    return found, count


def _asked(argument: str | Mapping[str, Any]) -> tuple[str, bool]:
    """Return the series id of an argument, and whether vintages are wanted."""
    if isinstance(argument, str):
        return argument, False
    return str(argument["id"]), bool(argument.get("vintages", False))


def _window_end(seen: date, yesterday: date) -> date:
    """Return the last day of the window of vintages that starts on a day."""
    year = _SPLIT_FROM if seen.year < _SPLIT_FROM - 1 else seen.year + 1 + VINTAGE_YEARS
    end = date(year, 1, 1) - timedelta(days=1)
    return _OPEN_END if end >= yesterday else end


def _raise(answer: Reply, series_id: str) -> None:
    """Raise what an error means; its text is not passed on, lest it repeat the request."""
    said = answer.content.decode("utf-8", errors="replace").lower()
    if "api_key" in said:
        raise SourceRefused("fred: the key is not accepted; check EBBWATCH_FRED__API_KEY")
    if "does not exist" in said:
        # Of this series only: the others are well, and are asked for one by one then.
        raise SourceChanged(f"fred {series_id}: there is no such series, or no longer")
    if "too many requests" in said or answer.status == _LOCKED:
        raise SourceUnavailable("fred: asked for patience", after=timedelta(minutes=1))
    raise SourceChanged(f"fred {series_id}: refused the request with HTTP {answer.status}")
