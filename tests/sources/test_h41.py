"""The H.4.1 file: a stream of series of which a few are kept, and checks before any counts."""

from __future__ import annotations

import asyncio
import io
import json
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ebbwatch.ports import SourceChanged, SourceSetup, SourceUnavailable
from ebbwatch.sources.h41 import H41
from ebbwatch.sources.sdmx import read_zip
from tests.paths import recording
from tests.sources.wanting import figures, wanting
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 9, 24, 20, 31, tzinfo=UTC)
PATH = "/releases/h41/data/FRB_h41_xml.zip"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<m:MessageGroup xmlns:m="urn:m" xmlns:c="urn:c" xmlns:f="urn:f" xmlns:k="urn:k">'
    '<f:DataSet id="H41">'
)
TAIL = "</f:DataSet></m:MessageGroup>"
RESERVES = "Memo: Reserve balances with Federal Reserve Banks: Week average"
PRIMARY = "Assets: Liquidity and Credit Facilities: Loans: Primary credit: Wednesday level"


def line(
    name: str,
    rows: Sequence[tuple[str, str]] | Sequence[tuple[str, str, str]],
    described: str = RESERVES,
    **attributes: str,
) -> str:
    """Return one series of the file; rows are date, value and perhaps status."""
    given = {
        "SERIES_NAME": name,
        "FREQ": "19",
        "DISTRIBUTION": "TOT",
        "UNIT": "Currency",
        "UNIT_MULT": "1000000",
        "CURRENCY": "USD",
        **attributes,
    }
    observed = "".join(
        f'<f:Obs OBS_STATUS="{row[2] if len(row) > 2 else "A"}" OBS_VALUE="{row[1]}" '
        f'TIME_PERIOD="{row[0]}"/>'
        for row in rows
    )
    written = " ".join(f'{key}="{value}"' for key, value in given.items())
    return (
        f"<k:Series {written}><f:Annotations><c:Annotation>"
        "<c:AnnotationType>Short Description</c:AnnotationType>"
        f"<c:AnnotationText>{described}</c:AnnotationText>"
        f"</c:Annotation></f:Annotations>{observed}</k:Series>"
    )


def packed(*lines: str, xml: str | bytes | None = None, member: str = "H41_data.xml") -> bytes:
    """Return the zip as the Board packs it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("H41_struct.xml", "<codes/>")
        archive.writestr(member, HEAD + "".join(lines) + TAIL if xml is None else xml)
    return file.getvalue()


WEEKS = [("2026-09-09", "3036508"), ("2026-09-16", "2981004"), ("2026-09-23", "2969922")]


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def source(provider: StandIn) -> AsyncIterator[H41]:
    own = H41(SourceSetup(clock=EagerClock(NOW), base_url=provider.url), tries=1)
    yield own
    await own.aclose()


def asking(*arguments: Any) -> list[Any]:
    """Return weekly series in millions."""
    return wanting("h41", *arguments, every="week ending Wednesday", unit="USD millions")


async def test_a_named_series_comes_with_the_unit_that_the_file_declares(
    provider: StandIn, source: H41
) -> None:
    """Only the last weeks, and only what was asked for."""
    old = ("2002-12-18", "100")
    provider.serve(
        PATH,
        packed(line("RESPPLLDD_N.WW", WEEKS), line("RESH4R_XAW_N.WW", [old, *WEEKS])),
        etag=True,
    )
    poll = await source.poll(asking("RESH4R_XAW_N.WW"), cursor=None)
    assert figures(poll.published, "RESH4R_XAW_N.WW") == {
        "2026-09-09": Decimal(3036508),
        "2026-09-16": Decimal(2981004),
        "2026-09-23": Decimal(2969922),
    }
    assert {each.unit for each in poll.published} == {"USD millions"}
    poll = await source.poll(
        asking("RESH4R_XAW_N.WW"), cursor=None, since=datetime(2000, 1, 1, tzinfo=UTC)
    )
    assert figures(poll.published, "RESH4R_XAW_N.WW")["2002-12-18"] == Decimal(100)


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("1", "USD"),
        ("1000", "USD thousands"),
        ("1e+06", "USD millions"),
        ("1000000000", "USD billions"),
    ],
)
async def test_the_scale_is_read_and_not_assumed(
    provider: StandIn, source: H41, written: str, unit: str
) -> None:
    """Some write it as 1e+06."""
    provider.serve(PATH, packed(line("RESH4R_N.WW", WEEKS, UNIT_MULT=written)))
    poll = await source.poll(asking("RESH4R_N.WW"), cursor=None)
    assert {each.unit for each in poll.published} == {unit}


async def test_an_unchanged_file_is_not_sent_again_unless_more_is_asked_for(
    provider: StandIn, source: H41
) -> None:
    """A series added to the catalogue does not wait for next Thursday."""
    provider.serve(
        PATH, packed(line("RESH4R_N.WW", WEEKS), line("RESH4R_XAW_N.WW", WEEKS)), etag=True
    )
    first = await source.poll(asking("RESH4R_N.WW"), cursor=None)
    again = await source.poll(asking("RESH4R_N.WW"), cursor=first.cursor)
    assert (again.published, again.note, again.cursor) == ((), "not modified", first.cursor)
    more = await source.poll(asking("RESH4R_N.WW", "RESH4R_XAW_N.WW"), cursor=first.cursor)
    assert len(more.published) == 6
    fewer = await source.poll(asking("RESH4R_N.WW"), cursor=more.cursor)
    assert fewer.note == "not modified"
    history = await source.poll(
        asking("RESH4R_N.WW"), cursor=more.cursor, since=datetime(2020, 1, 1, tzinfo=UTC)
    )
    assert len(history.published) == 3


async def test_what_fails_is_not_sent_for_again_until_the_file_changes(
    provider: StandIn, source: H41
) -> None:
    """One missing line must not cost nine megabytes a quarter of an hour, nor its neighbours."""
    provider.serve(PATH, packed(line("RESH4R_N.WW", WEEKS)), etag=True)
    fine, sick = asking("RESH4R_N.WW"), asking("RESPPMA_N.WW")
    first = await source.poll(fine, cursor=None)
    for _ in range(2):
        with pytest.raises(SourceChanged, match=r"expected a series RESPPMA_N\.WW, found none"):
            await source.poll(sick, cursor=first.cursor)
    assert "If-None-Match" not in provider.requests[1].headers
    assert "If-None-Match" in provider.requests[2].headers
    assert (await source.poll(fine, cursor=first.cursor)).note == "not modified"
    provider.serve(
        PATH, packed(line("RESH4R_N.WW", WEEKS), line("RESPPMA_N.WW", WEEKS, "Assets")), etag=True
    )
    well = await source.poll(sick, cursor=first.cursor)
    assert len(well.published) == 3
    both = await source.poll([*fine, *sick], cursor=well.cursor)
    assert len(both.published) == 6
    assert (await source.poll(sick, cursor=both.cursor)).note == "not modified"


async def test_a_series_is_found_by_its_description(provider: StandIn, source: H41) -> None:
    """Whole or in parts; a district's copy and a neighbour are not meant."""
    provider.serve(
        PATH,
        packed(
            line("AAA_N.WW", [("2026-09-23", "1")], PRIMARY.replace("Primary", "Secondary")),
            line("BBB_N.WW_F01", [("2026-09-23", "2")], PRIMARY, DISTRIBUTION="BOS"),
            line("CCC_N.WW", [("2026-09-23", "6311")], PRIMARY),
            line("DDD_N.WW", [("2026-09-23", "4")], f"Memo: {PRIMARY}"),
        ),
    )
    for text in (PRIMARY, PRIMARY.upper().replace(" ", "  ")):
        poll = await source.poll(asking({"description": text}), cursor=None)
        assert [each.value for each in poll.published] == [Decimal(6311)]
    poll = await source.poll(
        asking({"description": "Memo: Loans: Primary credit: Wednesday level"}), cursor=None
    )
    assert [each.value for each in poll.published] == [Decimal(4)]
    with pytest.raises(SourceChanged, match=r"expected one series for .*, found CCC_N.WW, DDD"):
        await source.poll(asking({"description": "Primary credit"}), cursor=None)


async def test_a_status_that_says_none_makes_the_value_missing(
    provider: StandIn, source: H41
) -> None:
    """Whatever number stands beside it."""
    rows = [("2026-09-09", "-9999", "NA"), ("2026-09-16", "0", "NC"), ("2026-09-23", "7", "ND")]
    provider.serve(PATH, packed(line("RESH4R_N.WW", rows)))
    poll = await source.poll(asking("RESH4R_N.WW"), cursor=None)
    assert list(figures(poll.published, "RESH4R_N.WW").values()) == [None, None, None]


DATED = [("2026-09-23", "6471088")]
SUM = [
    line("RESPPALG_N.WW", DATED, "Securities held outright"),
    line("RESPPALGUO_N.WW", [("2026-09-23", "4558332")], "U.S. Treasury securities"),
    line("RESPPALGASMO_N.WW", [("2026-09-23", "1910409")], "Mortgage-backed securities"),
]


async def test_securities_must_be_the_sum_of_their_parts(provider: StandIn, source: H41) -> None:
    """A line that was exchanged for another is noticed; rounding is not a difference."""
    for agency, fine in (("2347", True), ("2349", True), ("2350", False)):
        part = line("RESPPALGAO_N.WW", [("2026-09-23", agency)], "Federal agency debt")
        provider.serve(PATH, packed(*SUM, part))
        if fine:
            poll = await source.poll(asking("RESPPALG_N.WW"), cursor=None)
            assert [each.value for each in poll.published] == [Decimal(6471088)]
        else:
            with pytest.raises(SourceChanged, match="found 6471088 and 6471091"):
                await source.poll(asking("RESPPALG_N.WW"), cursor=None)
    gap = line("RESPPALGAO_N.WW", [("2026-09-23", "-9999", "ND")], "Federal agency debt")
    provider.serve(PATH, packed(*SUM, gap))
    assert len((await source.poll(asking("RESPPALG_N.WW"), cursor=None)).published) == 1


WEEK = [("2026-09-23", "1")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (packed(line("RESH4R_M.WW", WEEK)), "the nearest name is RESH4R_M.WW"),
        (
            packed(line("RESH4R_N.WW", WEEK), line("RESH4R_N.WW", WEEK)),
            "expected one series for RESH4R_N.WW, found RESH4R_N.WW, RESH4R_N.WW",
        ),
        (packed(line("RESH4R_N.WW", WEEK, UNIT="Percent")), "expected UNIT Currency in USD"),
        (packed(line("RESH4R_N.WW", WEEK, CURRENCY="EUR")), "expected UNIT Currency in USD"),
        (packed(line("RESH4R_N.WW", WEEK, UNIT_MULT="100")), "expected a scale of a power of 1000"),
        (packed(line("RESH4R_N.WW", WEEK, DISTRIBUTION="NY")), "found one district's"),
        (packed(line("RESH4R_N.WW", WEEK, "Other deposits")), "a description with reserve"),
        (packed(line("RESH4R_N.WW", [("2026-09-22", "1")])), "expected Wednesdays"),
        (packed(line("RESH4R_N.WW", [("2026-09-30", "1")])), "in the future"),
        (packed(line("RESH4R_N.WW", [("09/23/2026", "1")])), "expected a date like"),
        (packed(line("RESH4R_N.WW", [("2026-09-23", "-9999")])), "found the mark for none"),
        (packed(line("RESH4R_N.WW", [("2026-09-23", "-999999")])), "found the mark for none"),
        (packed(line("RESH4R_N.WW", [("2026-09-23", "2,969")])), "OBS_VALUE: expected a number"),
        (packed(line("RESH4R_N.WW", [("2026-09-23", "1", "E")])), "expected OBS_STATUS A, NA"),
        (
            packed(line("RESH4R_N.WW", WEEK).replace("OBS_VALUE", "VALUE")),
            "a row lacks 'OBS_VALUE'",
        ),
        (packed(xml=HEAD + line("RESH4R_N.WW", WEEK)), "found a break in line 1"),
        (
            packed(xml='<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'),
            "found a DOCTYPE or an entity",
        ),
        (packed(member="readme.txt"), "expected one file ending in _data.xml in the zip, found 0"),
        (b"<html>not found</html>", "expected a zip file"),
        (packed(line("RESH4R_N.WW", WEEK))[:-60], "expected a zip file"),
    ],
)
async def test_another_shape_is_a_changed_source_and_keeps_no_validators(
    provider: StandIn, source: H41, body: bytes, message: str
) -> None:
    """A broken file is asked for again, whole."""
    provider.serve(PATH, body, etag=True)
    with pytest.raises(SourceChanged, match=message):
        await source.poll(asking("RESH4R_N.WW"), cursor=None)


async def test_a_download_that_breaks_off_is_unavailable(provider: StandIn, source: H41) -> None:
    """And leaves nothing behind."""
    provider.serve(PATH, packed(line("RESH4R_N.WW", WEEK)), cut=True)
    with pytest.raises(SourceUnavailable):
        await source.poll(asking("RESH4R_N.WW"), cursor=None)


@pytest.mark.parametrize(
    ("argument", "fault"),
    [
        ("RESH4R_XAW_N.WW", None),
        ({"description": PRIMARY}, None),
        ("WRESBAL", "WRESBAL is no SERIES_NAME of the H.4.1; expected one like RESH4R_XAW_N.WW"),
        ({"release": "h8", "name": "B1151NCBA"}, None),
        ({"release": "g19", "description": "Revolving"}, None),
        ({"description": " "}, "expected a text for description, found blanks"),
        ({"name": "x"}, "expected a SERIES_NAME like B1151NCBA, found 'x'"),
        (
            {"release": "h8"},
            "expected either a name (its SERIES_NAME) or a description, found both",
        ),
        ({"name": "A", "description": "b"}, "expected either a name (its SERIES_NAME) or a desc"),
        ({"release": "H.8", "name": "A"}, "expected a release as its address has it, like h8"),
        ({"releas": "h8"}, "unknown key releas: expected release, name, description; did you mean"),
    ],
)
def test_arguments_are_checked_at_load(argument: Any, fault: str | None) -> None:
    """A FRED name is not the Board's."""
    said = H41.fault(argument)
    assert said is None if fault is None else (said or "").startswith(fault)


async def test_each_release_is_a_file_of_its_own(provider: StandIn, source: H41) -> None:
    """Asked for, remembered and refused by itself; the H.4.1 keeps the cursor it had."""
    h8 = {"release": "h8", "name": "B1151NCBA"}
    assert (H41.host("RESH4R_N.WW"), H41.host(h8)) == ("", "h8")
    provider.serve(PATH, packed(line("RESH4R_N.WW", WEEKS)), etag=True)
    other = packed(line("B1151NCBA", WEEKS, "Total assets"), member="H8_data.xml")
    provider.serve("/releases/h8/data/FRB_h8_xml.zip", other, etag=True)
    items = [*asking("RESH4R_N.WW"), *asking(h8)]
    first = await source.poll(items, cursor=None)
    assert len(first.published) == 6
    assert set(json.loads(first.cursor or "")) == {"name=RESH4R_N.WW", "h8/name=B1151NCBA"}
    assert (await source.poll(items, cursor=first.cursor)).note == "not modified"
    provider.serve("/releases/h8/data/FRB_h8_xml.zip", packed(member="H8_data.xml"), etag=True)
    with pytest.raises(SourceChanged, match="h8: expected a series B1151NCBA, found none"):
        await source.poll(asking(h8), cursor=first.cursor)
    assert (await source.poll(asking("RESH4R_N.WW"), cursor=first.cursor)).note == "not modified"


@pytest.mark.parametrize(
    ("every", "unit", "attributes", "message"),
    [
        ("month", "USD millions", {"UNIT": "Percent", "UNIT_MULT": "1"}, "UNIT Currency in USD"),
        ("month", "percent", {"UNIT": "Percent", "UNIT_MULT": "100"}, "expected a scale of 1"),
        ("week ending Friday", "USD millions", {}, "h8 X: expected Fridays, found 2026-09-09"),
    ],
)
async def test_what_a_series_declares_must_fit(
    provider: StandIn, source: H41, every: str, unit: str, attributes: dict[str, str], message: str
) -> None:
    """Money is no rate, and a Wednesday no Friday."""
    body = packed(line("X", WEEKS, **attributes), member="H8_data.xml")
    provider.serve("/releases/h8/data/FRB_h8_xml.zip", body)
    with pytest.raises(SourceChanged, match=message):
        await source.poll(
            wanting("h41", {"release": "h8", "name": "X"}, every=every, unit=unit), cursor=None
        )


async def test_the_assembled_sample_is_read(provider: StandIn, source: H41) -> None:
    """A file put together from documented shapes, with recorded values."""
    sample = recording("more/fed_board/assembled_h41_minimal_NOT_A_CAPTURE.xml").decode()
    provider.serve(PATH, packed(xml=sample))
    poll = await source.poll(asking("RESPPLLR_N.WW"), cursor=None)
    assert figures(poll.published, "RESPPLLR_N.WW")["2026-09-23"] == Decimal(320725)
    assert len(poll.published) == 5


@pytest.fixture(scope="module")
def long_file() -> bytes:
    """Return a file of 20 MB in which one small series is wanted."""
    weeks = [(str(date.fromordinal(731206 + 7 * n)), str(n)) for n in range(1200)]
    noise = line("NOISE_N.WW", weeks, "Noise")
    return packed(*([noise] * 270), line("RESH4R_N.WW", WEEKS))


def test_memory_does_not_grow_with_the_file(long_file: bytes) -> None:
    """Twenty megabytes of XML pass through less than two of memory."""
    with zipfile.ZipFile(io.BytesIO(long_file)) as archive:
        assert archive.getinfo("H41_data.xml").file_size > 20_000_000
    file = io.BytesIO(long_file)
    tracemalloc.start()
    try:
        picked, names = read_zip(
            file,
            provider="h41",
            first=date(2026, 1, 1),
            pick=lambda series: series.name == "RESH4R_N.WW",
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(series.rows) for series in picked] == [3]
    assert names == {"NOISE_N.WW", "RESH4R_N.WW"}
    assert peak < 2_000_000


async def test_reading_leaves_the_loop_free(
    provider: StandIn, source: H41, long_file: bytes
) -> None:
    """Other work goes on while the file is read on its thread."""
    provider.serve(PATH, long_file, etag=True)
    poll = asyncio.create_task(source.poll(asking("RESH4R_N.WW"), cursor=None))
    turns = 0
    while not poll.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100
    cursor = (await poll).cursor
    assert cursor is not None
    assert list(json.loads(cursor)) == ["name=RESH4R_N.WW"]
