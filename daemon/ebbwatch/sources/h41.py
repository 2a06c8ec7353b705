"""The Board's H.4.1 release: reserves, assets, securities, the Treasury's account.

Source: the release's own file ``FRB_h41_xml.zip`` (9 MB, 126 MB inside, one series of each
line since 2002), as described by public readers of it in 2026-09, read 2026-11-22. The
Board's Data Download Program, which gave the same figures, is being retired.
"""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import IO, Any, ClassVar
from zoneinfo import ZoneInfo

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import period_of
from ebbwatch.ports import Poll, SourceChanged, SourceSetup, Wanted
from ebbwatch.sources import cursors
from ebbwatch.sources.provider import Provider
from ebbwatch.sources.replies import Validators
from ebbwatch.sources.sdmx import SdmxSeries, read_zip
from ebbwatch.sources.strict_numbers import number

_NEW_YORK = ZoneInfo("America/New_York")
_PATH = "/releases/h41/data/FRB_h41_xml.zip"

#: Most bytes of the zip. Source: 9.1 MB in 2026-09, read 2026-11-22.
_ZIP_LIMIT_BYTES = 60_000_000

#: What is news without `since`; it holds the last weeks' revisions as well.
_RECENT = timedelta(weeks=8)
_MARGIN = timedelta(days=14)

_WEDNESDAY = 2
_NAME = re.compile(r"[A-Z0-9_]+\.WW", re.ASCII)

#: What the file may declare as the scale of dollars, and our name of it.
_UNITS: dict[Decimal, str] = {
    Decimal(1): "USD",
    Decimal(1000): "USD thousands",
    Decimal(1_000_000): "USD millions",
    Decimal(1_000_000_000): "USD billions",
}

#: Securities held outright and their parts: they must add up, or lines were exchanged.
_WHOLE = "RESPPALG_N.WW"
_PARTS = ("RESPPALGUO_N.WW", "RESPPALGASMO_N.WW", "RESPPALGAO_N.WW")
#: Each of the three is rounded to a million.
_ROUNDING = Decimal(2)

#: A word that the description of a line must hold: a name that was given to another line
#: would otherwise pass unnoticed. Reserves and "other deposits of depository institutions"
#: once differed by three million dollars.
_WORDS: dict[str, str] = {
    "RESH4R_N.WW": "reserve",
    "RESH4R_XAW_N.WW": "reserve",
    "RESPPMA_N.WW": "asset",
    "RESPPALG_N.WW": "securities",
    "RESPPALGUO_N.WW": "treasury",
    "RESPPALGASMO_N.WW": "mortgage",
    "RESPPLLDT_N.WW": "treasury",
    "RESPPLLDT_XAW_N.WW": "treasury",
    "RESPPLLR_N.WW": "reverse",
}

#: What a series is chosen by, ``name`` or ``description``, and its text.
Selector = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Refused:
    """A file that could not be used: it is not sent for again before it changes.

    Attributes:
        validators: Of that file.
        reason: Why it could not.
    """

    validators: Validators
    reason: str


class H41(Provider):
    """Reads the Board's balance sheet release."""

    name: ClassVar[str] = "h41"
    base_url: ClassVar[str] = "https://www.federalreserve.gov"
    pace_s: ClassVar[float] = 1.0

    def __init__(self, setup: SourceSetup, *, tries: int = 2) -> None:
        """Open nothing yet; `tries` is how often a request is sent when it fails."""
        super().__init__(setup, tries=tries)
        self._refused: dict[tuple[Selector, ...], _Refused] = {}

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument cannot be asked of this source, or None."""
        if isinstance(argument, str):
            if _NAME.fullmatch(argument):
                return None
            return (
                f"{argument} is no SERIES_NAME of the H.4.1; expected one like RESH4R_XAW_N.WW, "
                "or {description: ...}"
            )
        described = argument.get("description")
        if set(argument) == {"description"} and isinstance(described, str) and described.strip():
            return None
        return "expected a SERIES_NAME or {description: ...} with a text, found another map"

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Read the release if it changed; see `ports.Source`.

        1. Ask for the file, unless unchanged, into a temporary file.
        2. Read it on a thread, keeping what is asked for.
        3. Check it against itself; only then hand its validators on. What fails is not
           fetched again until the file changes: nine megabytes each time would be rude.
        """
        asked = tuple(sorted({_selector(each) for each in wanted}))
        saved = cursors.load(cursor)
        refused = self._refused.get(asked)
        validators = None if since is not None else _common(saved, asked)
        if refused is not None:
            validators = refused.validators
        answer = await self._client.download(
            _PATH, validators=validators, limit_bytes=_ZIP_LIMIT_BYTES
        )
        assert answer.file is not None
        with answer.file as file:
            if answer.not_modified and refused is not None:
                raise SourceChanged(refused.reason)
            if answer.not_modified:
                return Poll(cursor=cursor, note="not modified")
            today = self._clock.now().astimezone(_NEW_YORK).date()
            first = (
                today - _RECENT if since is None else since.astimezone(_NEW_YORK).date() - _MARGIN
            )
            try:
                published = await asyncio.to_thread(_read, file, wanted, first, today)
            except SourceChanged as changed:
                self._refused[asked] = _Refused(answer.validators, str(changed))
                raise
        self._refused.pop(asked, None)
        fresh = {"=".join(each): answer.validators.dump() for each in asked}
        return Poll(
            published, cursor=cursors.dump(saved | fresh), note="" if published else "no rows"
        )


def _common(saved: Mapping[str, Any], asked: Sequence[Selector]) -> Validators | None:
    """Return the saved validators if all that is asked for was read of one and the same file.

    A series that was added to the catalogue since would otherwise wait for the next release.
    """
    found = [Validators.load(saved.get("=".join(each))) for each in asked]
    return found[0] if found and all(each == found[0] for each in found) else None


def _selector(wanted: Wanted) -> Selector:
    """Return what a series is chosen by, and its value."""
    if isinstance(wanted.argument, str):
        return ("name", wanted.argument)
    return ("description", _plain(str(wanted.argument["description"])))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _chosen(series: SdmxSeries, selector: Selector) -> bool:
    """Return whether a selector may mean this series; copies of single districts are not meant.

    A description may leave out parts: ``Loans: Primary credit: Wednesday level`` is found in
    ``Assets: Liquidity and Credit Facilities: Loans: Primary credit: Wednesday level``.
    """
    kind, text = selector
    if kind == "name":
        return series.name == text
    return series.attributes.get("DISTRIBUTION", "TOT") == "TOT" and any(
        _holds(described, text) for described in map(_plain, series.descriptions)
    )


def _holds(described: str, text: str) -> bool:
    """Return whether all parts of a text stand in a description, in their order."""
    parts = iter(described.split(": "))
    return all(any(part == there for there in parts) for part in text.split(": "))


def _read(
    file: IO[bytes], wanted: Sequence[Wanted], first: date, today: date
) -> tuple[Published, ...]:
    """Return what the file holds of the wanted series, oldest first."""
    selectors = {_selector(each) for each in wanted}
    checked = {_WHOLE, *_PARTS}

    def pick(series: SdmxSeries) -> bool:
        return series.name in checked or any(_chosen(series, each) for each in selectors)

    picked, names = read_zip(file, provider=H41.name, first=first, pick=pick)
    _check_sum({each.name: each for each in picked if each.name in checked}, today)
    published: list[Published] = []
    for each in wanted:
        series = _only(picked, _selector(each), names)
        unit = _unit(series)
        _check_words(series)
        for period, value in series.figures(provider=H41.name, today=today).items():
            if period.weekday() != _WEDNESDAY:
                raise SourceChanged(f"h41 {series.name}: expected Wednesdays, found {period}")
            published.append(
                Published(series=each.series.name, period=period_of(period), value=value, unit=unit)
            )
    return tuple(sorted(published, key=lambda fact: (fact.period, fact.series)))


def _only(picked: Sequence[SdmxSeries], selector: Selector, names: set[str]) -> SdmxSeries:
    """Return the one series that a selector means."""
    kind, text = selector
    found = [series for series in picked if _chosen(series, selector)]
    if kind == "description" and len(found) > 1:
        # The whole description counts for more than parts of a longer one.
        found = [each for each in found if text in map(_plain, each.descriptions)] or found
    if len(found) == 1:
        return found[0]
    if found:
        raise SourceChanged(
            f"h41: expected one series for {text}, found {', '.join(each.name for each in found)}"
        )
    close = difflib.get_close_matches(text, names, n=1)
    guess = f"; the nearest name is {close[0]}" if close else ""
    raise SourceChanged(f"h41: expected a series {text}, found none among {len(names)}{guess}")


def _unit(series: SdmxSeries) -> str:
    """Return our name of the unit that a series declares."""
    declared = series.attributes
    if declared.get("DISTRIBUTION", "TOT") != "TOT":
        raise SourceChanged(f"h41 {series.name}: expected the System's total, found one district's")
    if (declared.get("UNIT"), declared.get("CURRENCY")) != ("Currency", "USD"):
        raise SourceChanged(f"h41 {series.name}: expected UNIT Currency in USD, found another")
    scale = number(declared.get("UNIT_MULT"), of=f"h41 {series.name} UNIT_MULT")
    if scale not in _UNITS:
        raise SourceChanged(
            f"h41 {series.name}: expected a scale of a power of 1000, found {scale}"
        )
    return _UNITS[scale]


def _check_words(series: SdmxSeries) -> None:
    """Raise if a line is described as something else than its name means."""
    word = _WORDS.get(series.name)
    if word and series.descriptions and not any(word in _plain(t) for t in series.descriptions):
        raise SourceChanged(f"h41 {series.name}: expected a description with {word}, found none")


def _check_sum(series: Mapping[str, SdmxSeries], today: date) -> None:
    """Raise if securities held outright are not what their parts add up to."""
    if set(series) != {_WHOLE, *_PARTS}:
        return
    whole, *parts = (
        series[name].figures(provider=H41.name, today=today) for name in (_WHOLE, *_PARTS)
    )
    for period, value in whole.items():
        values = [part.get(period) for part in parts]
        known = [each for each in values if each is not None]
        if value is None or len(known) < len(values):
            continue
        if abs(value - sum(known)) > _ROUNDING:
            raise SourceChanged(
                f"h41 {period}: expected securities held outright to be the sum of their parts, "
                f"found {value} and {sum(known)}"
            )
