"""Publishers for whom there is no adapter, read by declaration alone, in their real shapes.

The declarations are those of ``docs/sources.md``, pointed at a stand-in.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
import yaml

from ebbwatch import app
from ebbwatch.app.plugins import Adapters
from ebbwatch.model.series import Series
from ebbwatch.ports import SourceSetup, Wanted
from ebbwatch.ruleset.load import load
from ebbwatch.ruleset.source_arguments import ARGUMENTS
from tests.paths import ROOT
from tests.sources.wanting import figures
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 8, 22, 12, 0, tzinfo=UTC)

#: Coupons settled in January 2026, as FiscalData gave them, with few of their 114 fields.
AUCTIONS = [
    ("2026-01-15", "74882423700", "16882359100"),
    ("2026-01-15", "28403689800", "6403653400"),
    ("2026-01-15", "50351940000", "11351931000"),
    ("2026-01-30", "21000013300", "0"),
]

#: As home.treasury.gov serves it: newest first, tenors in capitals.
REAL_YIELDS = (
    'Date,"5 YR","7 YR","10 YR","20 YR","30 YR"\r\n'
    "08/21/2026,1.61,1.88,2.24,2.71,2.85\r\n"
    "08/20/2026,1.58,1.85,,2.68,2.82\r\n"
    "08/19/2026,1.55,1.82,2.18,2.66,2.80\r\n"
)

#: The H.8 as public readers of it in 2026-07 describe it: tenths of a million, no DISTRIBUTION.
H8 = (
    '<m:MessageGroup xmlns:m="urn:m" xmlns:c="urn:c" xmlns:f="urn:f" xmlns:k="urn:k">'
    '<f:DataSet id="H8"><k:Series SERIES_NAME="B1151NCBA" BG="CB" CATEGORY="A" CURRENCY="USD" '
    'FREQ="19" H8_UNITS="LEVEL" ITEM="1151" SA="SA" UNIT="Currency" UNIT_MULT="1000000">'
    "<f:Annotations><c:Annotation><c:AnnotationText>Total assets, all commercial banks"
    "</c:AnnotationText></c:Annotation></f:Annotations>"
    '<f:Obs OBS_STATUS="A" OBS_VALUE="25509970.7" TIME_PERIOD="2026-08-12"/>'
    '<f:Obs OBS_STATUS="ND" OBS_VALUE="-9999" TIME_PERIOD="2026-08-19"/></k:Series>'
    '<k:Series SERIES_NAME="B1151NCBAM" CURRENCY="USD" FREQ="129" UNIT="Currency" '
    'UNIT_MULT="1000000"><f:Obs OBS_STATUS="A" OBS_VALUE="25400000" TIME_PERIOD="2026-07-31"/>'
    '</k:Series><k:Series SERIES_NAME="RATE" CURRENCY="NA" UNIT="Percent:_Per_Year" UNIT_MULT="1">'
    '<f:Obs OBS_STATUS="A" OBS_VALUE="4.25" TIME_PERIOD="2026-08-21"/></k:Series>'
    "</f:DataSet></m:MessageGroup>"
)


def declared() -> dict[str, Series]:
    """Return the series that the documents declare as examples, loaded as a rule file is."""
    page = (ROOT / "docs/sources.md").read_text("utf-8")
    texts = [
        text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "series:" in text
    ]
    files = {f"{n}.yaml": text for n, text in enumerate(texts)}
    loaded = load(files, builtin={}, sources=Adapters("sources"))
    assert loaded.ruleset is not None, loaded.problems
    return dict(loaded.ruleset.series)


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


async def polled(provider: StandIn, *items: Series) -> dict[str, dict[str, Decimal | None]]:
    """Return what one visit brings of series of one source, through its installed adapter."""
    source = Adapters("sources").built(
        items[0].source.name, SourceSetup(clock=EagerClock(NOW), base_url=provider.url)
    )
    try:
        wanted = [Wanted(item, item.source.argument) for item in items]
        poll = await source.poll(wanted, cursor=None)
    finally:
        await source.aclose()
    return {item.name: figures(poll.published, item.name) for item in items}


#: As the New York Fed writes it: several estimates a month, months without leading noughts.
ELASTICITY = """\
Date,Elasticity - 50th percentile (main),Elasticity - 2.5th percentile,\
Elasticity - 97.5th percentile,Elasticity - 16th percentile,Elasticity - 84th percentile
1/20/2010,-3.244024,-5.656335,-0.646839,-4.369168,-2.172346
7/6/2026,-0.267904,-0.592405,0.084762,-0.439382,-0.093415
7/13/2026,-0.27,-0.6,0.08,-0.44,-0.09
8/13/2026,-0.3,-0.6,-0.01,-0.4,-0.1
"""


async def test_the_pack_reads_the_elasticity_and_bank_assets_by_declaration(
    provider: StandIn,
) -> None:
    """Of each month the last estimate; bank assets from the Board's H.8."""
    ruleset = app.load_rules(app.rule_files(ROOT / "rules")).ruleset
    assert ruleset is not None
    path = "/medialibrary/research/interactives/data/elasticity/elasticity-data.csv"
    provider.serve(path, ELASTICITY, content_type="text/csv")
    assert await polled(provider, ruleset.series["reserve_demand_elasticity"]) == {
        "reserve_demand_elasticity": {
            "2010-01-01": Decimal("-0.646839"), "2026-07-01": Decimal("0.08"),
            "2026-08-01": Decimal("-0.01"),
        }
    }  # fmt: skip
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("H8_data.xml", H8)
    provider.serve("/releases/h8/data/FRB_h8_xml.zip", file.getvalue())
    found = await polled(provider, ruleset.series["bank_assets"])
    assert found == await polled(provider, declared()["bank_assets"])
    assert found["bank_assets"]


async def test_auctions_settle_as_a_sum(provider: StandIn) -> None:
    """What a settlement batch took is all its auctions together; what matures stands once."""
    rows = [
        {"issue_date": day, "total_accepted": total, "soma_accepted": soma,
         "est_pub_held_mat_by_type_amt": "95595000000"}
        for day, total, soma in AUCTIONS
    ]  # fmt: skip
    provider.serve("/services/api/fiscal_service/v1/accounting/od/auctions_query",
                   json.dumps({"data": rows, "meta": {"count": 4}}))  # fmt: skip
    known = declared()
    assert await polled(provider, known["auctions_settled"], known["auctions_maturing"]) == {
        "auctions_settled": {
            "2026-01-15": Decimal(153638053500), "2026-01-30": Decimal(21000013300),
        },
        "auctions_maturing": {
            "2026-01-15": Decimal(95595000000), "2026-01-30": Decimal(95595000000),
        },
    }  # fmt: skip


async def test_real_yields_are_read_as_treasury_writes_dates(provider: StandIn) -> None:
    """One file for each year; a day without a value has none."""
    path = "/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv/2026/all"
    provider.serve(path, REAL_YIELDS, content_type="text/csv")
    assert await polled(provider, declared()["real_yield"]) == {
        "real_yield": {
            "2026-08-19": Decimal("2.18"), "2026-08-20": None, "2026-08-21": Decimal("2.24"),
        }
    }  # fmt: skip


async def test_bank_assets_come_from_the_h8_as_reserves_from_the_h41(provider: StandIn) -> None:
    """Weeks, months that are dated by their last day, and rates of the same file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("H8_data.xml", H8)
    provider.serve("/releases/h8/data/FRB_h8_xml.zip", file.getvalue())
    more = """
series:
  monthly: {source: {h41: {release: h8, name: B1151NCBAM}}, unit: USD millions, every: month}
  rate: {source: {h41: {release: h8, name: RATE}}, unit: percent per year, every: business day}
"""
    loaded = load({"a.yaml": more}, builtin={}, sources=Adapters("sources")).ruleset
    assert loaded is not None
    items = [declared()["bank_assets"], *loaded.series.values()]
    assert await polled(provider, *items) == {
        "bank_assets": {"2026-08-12": Decimal("25509970.7"), "2026-08-19": None},
        "monthly": {"2026-07-01": Decimal(25400000)},
        "rate": {"2026-08-21": Decimal("4.25")},
    }


WRONG = """series:
  x:
    source:
      http_json:
        url: https://x.example/a.json
        rows: {by: kee, at: rates}
        value: v
    unit: number
    every: day
  y:
    source: {csv: {path: x.csv, dat: "%Y", decimal: ";"}}
    unit: number
    every: day
  z:
    source: {csv: {path: x.csv, decimal: ";"}}
    unit: number
    every: day
"""


def test_what_is_wrong_in_an_argument_is_shown_at_its_place() -> None:
    """At the key, or at what it holds, and not at the whole map."""
    loaded = load({"a.yaml": WRONG}, builtin={}, sources=Adapters("sources"))
    found = [(p.span.line, p.span.column, p.message) for p in loaded.problems]
    known = (
        "path, url, period, value, known_at, delimiter, date, decimal, thousands, encoding, reduce"
    )
    assert found == [
        (6, 20, "http_json: rows: expected by: key, found 'kee'"),
        (11, 33, f"csv: unknown key dat: expected {known}"),
        (15, 42, "csv: expected . or , for decimal, found ';'"),
    ]
    assert [p.hint for p in loaded.problems] == ["", "did you mean date?", ""]


@pytest.mark.parametrize("name", list(ARGUMENTS))
def test_editors_know_the_keys_that_the_adapter_knows(name: str) -> None:
    """The schema and the adapter say the same."""
    schema = ARGUMENTS[name].schema()
    keys = next(one for one in schema.get("anyOf", [schema]) if "properties" in one)["properties"]
    fault = Adapters("sources")[name].fault({"no-such-key": "x"})
    known = fault.partition(": expected ")[2].partition(";")[0].split(", ")
    assert known == list(keys)


def test_the_schema_takes_what_the_documents_declare() -> None:
    """An editor underlines no example."""
    jsonschema = pytest.importorskip("jsonschema")
    schema: Mapping[str, Any] = json.loads((ROOT / "docs/rules.schema.json").read_text("utf-8"))
    page = (ROOT / "docs/sources.md").read_text("utf-8")
    for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        jsonschema.Draft202012Validator(schema).validate(yaml.load(text, yaml.BaseLoader))
