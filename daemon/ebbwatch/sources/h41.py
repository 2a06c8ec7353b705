"""The Board's H.4.1 release: reserves, assets, securities, the Treasury's account.

Source: the release's own file ``FRB_h41_xml.zip`` (9 MB, 126 MB inside, one series of each
line since 2002), as described by public readers of it in 2026-09, read 2026-11-22. The
Board's Data Download Program, which gave the same figures, is being retired.

Other releases of the Board have a file of the same format at the same place, such as the H.8
(bank assets and loans: ``FRB_h8_xml.zip``, 8 MB, answered on 2026-08-08) or the G.19. They are
read by ``{release: h8, name: B1151NCBA}``.
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

from ebbwatch.model.observation import Published
from ebbwatch.model.periods import WEEKDAYS, Every, Minutes, Rank, period_of
from ebbwatch.model.series import Series
from ebbwatch.model.source import ArgumentFault, Offer, SourceFacts
from ebbwatch.model.units import UNITS
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import Poll, SourceChanged, SourceSetup, Wanted
from ebbwatch.sources import cursors
from ebbwatch.sources.arguments import fault_of_map, fault_of_texts
from ebbwatch.sources.provider import Provider
from ebbwatch.sources.replies import Validators
from ebbwatch.sources.sdmx import SdmxSeries, read_zip
from ebbwatch.sources.strict_numbers import number

#: The release that an argument without one means.
_H41 = "h41"

#: Most bytes of the zip. Source: 9.1 MB in 2026-09, read 2026-11-22.
_ZIP_LIMIT_BYTES = 60_000_000

#: What is news without `since`; it holds the last revisions as well.
_RECENT = {
    Rank.DAILY: timedelta(weeks=8),
    Rank.WEEK: timedelta(weeks=8),
    Rank.MONTH: timedelta(weeks=26),
    Rank.QUARTER: timedelta(weeks=65),
    Rank.YEAR: timedelta(weeks=160),
}
_MARGIN = timedelta(days=14)

_NAME_OF_H41 = re.compile(r"[A-Z0-9_]+\.WW", re.ASCII)
_NAME = re.compile(r"[A-Z0-9_.]{1,60}", re.ASCII)
_RELEASE = re.compile(r"[a-z][a-z0-9]{0,11}", re.ASCII)

#: What the file may declare as the scale of dollars, and our name of it.
_UNITS: dict[Decimal, str] = {
    Decimal(1): "USD",
    Decimal(1000): "USD thousands",
    Decimal(1_000_000): "USD millions",
    Decimal(1_000_000_000): "USD billions",
}

#: What a unit that is no currency may begin with, and our name of it.
_PLAIN_UNITS = (("Percent", "percent per year"), ("Index", "index"), ("Number", "number"))

_MONTHS = {Rank.MONTH: 1, Rank.QUARTER: 3, Rank.YEAR: 12}

_KEYS = ("release", "name", "description")

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


@dataclass(frozen=True, slots=True, order=True)
class _Selector:
    """What a series is chosen by.

    Attributes:
        release: Whose file it is in.
        kind: ``name`` or ``description``.
        text: The name or the description, as it is compared.
    """

    release: str
    kind: str
    text: str

    @property
    def key(self) -> str:
        """Return what a cursor calls it."""
        release = "" if self.release == _H41 else f"{self.release}/"
        return f"{release}{self.kind}={self.text}"


@dataclass(frozen=True, slots=True)
class _Refused:
    """A file that could not be used: it is not sent for again before it changes.

    Attributes:
        validators: Of that file.
        reason: Why it could not.
    """

    validators: Validators
    reason: str


#: Lines of the release that people ask for; every other can be had by its name, too.
#: Source: names and what they mean as public readers of the file give them, read 2026-11-22.
_OFFERS = tuple(
    Offer(name, what, "USD millions", "week ending Wednesday")
    for name, what in (
        ("RESH4R_XAW_N.WW", "Reserve balances, week average"),
        ("RESH4R_N.WW", "Reserve balances"),
        ("RESPPMA_N.WW", "Total assets"),
        ("RESPPALG_N.WW", "Securities held outright"),
        ("RESPPALGUO_N.WW", "Treasuries held outright"),
        ("RESPPALGUOB_N.WW", "Treasury bills"),
        ("RESPPALGUOMN_N.WW", "Treasury notes and bonds, nominal"),
        ("RESPPALGUOMI_N.WW", "Treasury notes and bonds, inflation-indexed"),
        ("RESPPALGUOMC_N.WW", "Inflation compensation"),
        ("RESPPALGASMO_N.WW", "Agency mortgage-backed securities"),
        ("RESPPALGAO_N.WW", "Agency debt"),
        ("RESPPLLDT_XAW_N.WW", "Treasury's account (TGA), week average"),
        ("RESPPLLDT_N.WW", "Treasury's account (TGA)"),
        ("RESPPLLR_N.WW", "Reverse repo, all"),
        ("RESPPLLRF_N.WW", "Reverse repo, foreign official"),
        ("RESPPLLRD_N.WW", "Reverse repo, others (ON RRP)"),
        ("RESPPALGTR_N.WW", "Repo, all"),
        ("RESPPALGTRF_N.WW", "Repo, foreign official (FIMA)"),
        ("RESPPALGTRO_N.WW", "Repo, others (SRF)"),
        ("RESPPALD_N.WW", "Loans, all facilities"),
        ("RESPPALDK_N.WW", "Bank Term Funding Program"),
        ("RESH4SCS_N.WW", "Central bank liquidity swaps"),
        ("RESTBC_N.WW", "Currency in circulation"),
        ("RESPPLLN_N.WW", "Federal Reserve notes"),
        ("RESPPLLDF_N.WW", "Deposits of foreign officials"),
        ("RESPPLLDO_N.WW", "Other deposits"),
        ("RESH4FG_N.WW", "Treasuries in custody for foreign accounts"),
        ("RESH4FG_XAW_N.WW", "Treasuries in custody for foreign accounts, week average"),
    )
)


class H41(Provider):
    """Reads the Board's balance sheet release, and others of the same format."""

    name: ClassVar[str] = "h41"
    facts: ClassVar[SourceFacts] = SourceFacts(
        offers=_OFFERS,
        asked="Any SERIES_NAME of the H.4.1, a line by {description: ...}, and other releases of "
        "the Board by {release: h8, name: B1151NCBA}.",
    )
    base_url: ClassVar[str] = "https://www.federalreserve.gov"
    pace_s: ClassVar[float] = 1.0

    def __init__(self, setup: SourceSetup, *, tries: int = 2) -> None:
        """Open nothing yet; `tries` is how often a request is sent when it fails."""
        super().__init__(setup, tries=tries)
        self._refused: dict[tuple[_Selector, ...], _Refused] = {}

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument cannot be asked of this source, or None."""
        if isinstance(argument, str):
            if _NAME_OF_H41.fullmatch(argument):
                return None
            return (
                f"{argument} is no SERIES_NAME of the H.4.1; expected one like RESH4R_XAW_N.WW, "
                "or {description: ...}"
            )
        if fault := fault_of_map(argument, required=(), optional=_KEYS):
            return fault
        if fault := fault_of_texts(argument, argument):
            return fault
        if ("name" in argument) == ("description" in argument):
            return "expected either a name (its SERIES_NAME) or a description, found both or none"
        if not _RELEASE.fullmatch(argument.get("release", _H41)):
            found = argument["release"]
            return ArgumentFault(
                f"expected a release as its address has it, like h8 or g19, found {found!r:.40}",
                "release",
            )
        if "name" in argument and not _NAME.fullmatch(argument["name"]):
            return ArgumentFault(
                f"expected a SERIES_NAME like B1151NCBA, found {argument['name']!r:.60}", "name"
            )
        if not argument.get("description", "-").strip():
            return ArgumentFault("expected a text for description, found blanks", "description")
        return None

    @classmethod
    def host(cls, argument: str | Mapping[str, Any]) -> str:
        """Return the release, where it is another: each has a file that fails by itself."""
        release = _release(argument)
        return "" if release == _H41 else release

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        """Read the releases that changed; see `ports.Source`.

        1. Ask for each file, unless unchanged, into a temporary file.
        2. Read it on a thread, keeping what is asked for.
        3. Check it against itself; only then hand its validators on. What fails is not
           fetched again until the file changes: nine megabytes each time would be rude.
        """
        saved = cursors.load(cursor)
        fresh: dict[str, Any] = {}
        published: list[Published] = []
        for release in sorted({_release(each.argument) for each in wanted}):
            of_it = [each for each in wanted if _release(each.argument) == release]
            found = await self._release(release, of_it, saved, since)
            if found is not None:
                published += found[0]
                fresh |= {each.key: found[1].dump() for each in (_selector(item) for item in of_it)}
        if not fresh:
            return Poll(cursor=cursor, note="not modified")
        published.sort(key=lambda fact: (fact.period, fact.series))
        note = "" if published else "no rows"
        return Poll(tuple(published), cursor=cursors.dump(saved | fresh), note=note)

    async def _release(
        self,
        release: str,
        wanted: Sequence[Wanted],
        saved: Mapping[str, Any],
        since: datetime | None,
    ) -> tuple[list[Published], Validators] | None:
        """Return what one release holds, and its validators; None where it did not change."""
        asked = tuple(sorted({_selector(each) for each in wanted}))
        refused = self._refused.get(asked)
        validators = None if since is not None else _common(saved, asked)
        if refused is not None:
            validators = refused.validators
        answer = await self._client.download(
            f"/releases/{release}/data/FRB_{release}_xml.zip",
            validators=validators,
            limit_bytes=_ZIP_LIMIT_BYTES,
        )
        assert answer.file is not None
        with answer.file as file:
            if answer.not_modified and refused is not None:
                raise SourceChanged(refused.reason)
            if answer.not_modified:
                return None
            today = self._clock.now().astimezone(NEW_YORK).date()
            if since is None:
                first = today - max(
                    _RECENT[max(each.series.every.rank, Rank.DAILY)] for each in wanted
                )
            else:
                first = since.astimezone(NEW_YORK).date() - _MARGIN
            try:
                published = await asyncio.to_thread(_read, file, release, wanted, first, today)
            except SourceChanged as changed:
                self._refused[asked] = _Refused(answer.validators, str(changed))
                raise
        self._refused.pop(asked, None)
        return published, answer.validators


def _common(saved: Mapping[str, Any], asked: Sequence[_Selector]) -> Validators | None:
    """Return the saved validators if all that is asked for was read of one and the same file.

    A series that was added to the catalogue since would otherwise wait for the next release.
    """
    found = [Validators.load(saved.get(each.key)) for each in asked]
    return found[0] if found and all(each == found[0] for each in found) else None


def _release(argument: str | Mapping[str, Any]) -> str:
    """Return the release in whose file an argument's series is."""
    return _H41 if isinstance(argument, str) else str(argument.get("release", _H41))


def _selector(wanted: Wanted) -> _Selector:
    """Return what a series is chosen by."""
    argument = wanted.argument
    release = _release(argument)
    if isinstance(argument, str):
        return _Selector(release, "name", argument)
    if "name" in argument:
        return _Selector(release, "name", str(argument["name"]))
    return _Selector(release, "description", _plain(str(argument["description"])))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _chosen(series: SdmxSeries, selector: _Selector) -> bool:
    """Return whether a selector may mean this series; copies of single districts are not meant.

    A description may leave out parts: ``Loans: Primary credit: Wednesday level`` is found in
    ``Assets: Liquidity and Credit Facilities: Loans: Primary credit: Wednesday level``.
    """
    if selector.kind == "name":
        return series.name == selector.text
    return series.attributes.get("DISTRIBUTION", "TOT") == "TOT" and any(
        _holds(described, selector.text) for described in map(_plain, series.descriptions)
    )


def _holds(described: str, text: str) -> bool:
    """Return whether all parts of a text stand in a description, in their order."""
    parts = iter(described.split(": "))
    return all(any(part == there for there in parts) for part in text.split(": "))


def _read(
    file: IO[bytes], release: str, wanted: Sequence[Wanted], first: date, today: date
) -> list[Published]:
    """Return what a release's file holds of the wanted series."""
    selectors = {_selector(each) for each in wanted}
    checked = {_WHOLE, *_PARTS}

    def pick(series: SdmxSeries) -> bool:
        return series.name in checked or any(_chosen(series, each) for each in selectors)

    picked, names = read_zip(file, provider=release, first=first, pick=pick)
    _check_sum({each.name: each for each in picked if each.name in checked}, today)
    published: list[Published] = []
    for each in wanted:
        series = _only(picked, _selector(each), names)
        of = f"{release} {series.name}"
        unit = _unit(series, each.series, of)
        _check_words(series, of)
        for day, value in series.figures(provider=release, today=today).items():
            period = _period(each.series.every, day, of)
            published.append(
                Published(series=each.series.name, period=period, value=value, unit=unit)
            )
    return published


def _period(every: Every, day: date, of: str) -> Minutes:
    """Return the period that a date of the file stands for: of a month it is the last day."""
    if every.rank is Rank.WEEK and day.weekday() != every.weekday:
        raise SourceChanged(f"{of}: expected {WEEKDAYS[every.weekday]}s, found {day}")
    if every.rank in _MONTHS:
        month = day.month - (day.month - 1) % _MONTHS[every.rank]
        return period_of(day.replace(month=month, day=1))
    return period_of(day)


def _only(picked: Sequence[SdmxSeries], selector: _Selector, names: set[str]) -> SdmxSeries:
    """Return the one series that a selector means."""
    of, text = selector.release, selector.text
    found = [series for series in picked if _chosen(series, selector)]
    if selector.kind == "description" and len(found) > 1:
        # The whole description counts for more than parts of a longer one.
        found = [each for each in found if text in map(_plain, each.descriptions)] or found
    if len(found) == 1:
        return found[0]
    if found:
        raise SourceChanged(
            f"{of}: expected one series for {text}, found {', '.join(each.name for each in found)}"
        )
    close = difflib.get_close_matches(text, names, n=1)
    guess = f"; the nearest name is {close[0]}" if close else ""
    raise SourceChanged(f"{of}: expected a series {text}, found none among {len(names)}{guess}")


def _unit(series: SdmxSeries, ours: Series, of: str) -> str:
    """Return our name of the unit that a series declares; the edge compares it with the catalogue's."""
    declared = series.attributes
    if declared.get("DISTRIBUTION", "TOT") != "TOT":
        raise SourceChanged(f"{of}: expected the System's total, found one district's")
    unit, scale = declared.get("UNIT", ""), number(declared.get("UNIT_MULT"), of=f"{of} UNIT_MULT")
    if unit == "Currency" and declared.get("CURRENCY") == "USD":
        if scale not in _UNITS:
            raise SourceChanged(f"{of}: expected a scale of a power of 1000, found {scale}")
        return _UNITS[scale]
    plain = next((name for begin, name in _PLAIN_UNITS if unit.startswith(begin)), None)
    if plain is None or ours.unit.dimension == UNITS["USD"].dimension:
        raise SourceChanged(f"{of}: expected UNIT Currency in USD, found another")
    if scale != 1:
        raise SourceChanged(f"{of}: expected a scale of 1 for UNIT {unit}, found {scale}")
    return "percent" if ours.unit.name == "percent" and plain == "percent per year" else plain


def _check_words(series: SdmxSeries, of: str) -> None:
    """Raise if a line is described as something else than its name means."""
    word = _WORDS.get(series.name)
    if word and series.descriptions and not any(word in _plain(t) for t in series.descriptions):
        raise SourceChanged(f"{of}: expected a description with {word}, found none")


def _check_sum(series: Mapping[str, SdmxSeries], today: date) -> None:
    """Raise if securities held outright are not what their parts add up to."""
    if set(series) != {_WHOLE, *_PARTS}:
        return
    whole, *parts = (series[name].figures(provider=_H41, today=today) for name in (_WHOLE, *_PARTS))
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
