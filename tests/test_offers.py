"""What sources have to give, and what people call it: every name leads to the series here."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebbwatch import app
from ebbwatch.core.facts.figure_tables import TableFault
from ebbwatch.expr.hints import series_hint
from ebbwatch.model.periods import FREQUENCIES
from ebbwatch.model.source import Gives
from ebbwatch.model.units import UNITS
from ebbwatch.ruleset.rules import Ruleset
from tests.cli import run
from tests.paths import ROOT
from tests.ruleset.loading import loaded, rendered, valid

RULES = ("--rules", ROOT / "rules")
SOURCES = app.Adapters("sources")
FIGURES = [name for name in SOURCES if SOURCES[name].facts.gives is Gives.FIGURES]


@pytest.fixture(scope="module", name="catalogue")
def _catalogue() -> Ruleset:
    return valid("")


@pytest.mark.parametrize("name", FIGURES)
def test_everything_that_is_offered_can_be_asked_for(name: str) -> None:
    """In a unit and at a frequency that the catalogue knows; each thing once."""
    offers = SOURCES[name].facts.offers
    assert [SOURCES[name].fault(offer.argument) for offer in offers] == [None] * len(offers)
    assert all(offer.unit in UNITS and offer.every in FREQUENCIES for offer in offers)
    assert len({offer.argument for offer in offers}) == len(offers)


@pytest.mark.parametrize(
    "name", [name for name in FIGURES if name not in ("csv", "http_json", "fred")]
)
def test_all_of_the_catalogue_is_offered(name: str, catalogue: Ruleset) -> None:
    """As its first choice says; what is declared is what its source says it gives."""
    offers = {offer.argument: offer for offer in SOURCES[name].facts.offers}
    for series in catalogue.series.values():
        if series.source.name == name and isinstance(series.source.argument, str):
            offer = offers[series.source.argument]
            assert UNITS[offer.unit].dimension == series.unit.dimension
            assert FREQUENCIES[offer.every] == series.every


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("TGA", "treasury_account, treasury_account_level or treasury_account_close"),
        ("RRP", "reverse_repo"),
        ("on rrp", "reverse_repo"),
        ("ON_RRP", "reverse_repo"),
        ("SRF", "standing_repo"),
        ("WALCL", "fed_assets"),
        ("WRESBAL", "reserves"),
        ("RESPPALGUOB", "soma_bills"),
        ("RESPPMA_N.WW", "fed_assets"),
        ("RRPONTSYD", "reverse_repo"),
        ("SOFR99", "sofr_p99"),
        ("DFEDTARU", "target_upper"),
        ("SOFR", "sofr"),
        ("BTC-USD", "bitcoin"),
        # Misspelt: a name of ours, or another name of it.
        ("sofrr", "sofr"),
        ("fed_asets", "fed_assets"),
        ("WRESBALL", "reserves"),
        ("RESPPALGOUB", "soma_bills"),
    ],
)
def test_a_name_from_elsewhere_leads_to_the_series(
    typed: str, meant: str, catalogue: Ruleset
) -> None:
    """Whatever its case and signs."""
    assert series_hint(typed, catalogue.series) == f"did you mean {meant}?"


@pytest.mark.parametrize("typed", ["libor", "xyz", "", "_", "N.WW"])
def test_where_nothing_is_close_there_is_no_hint(typed: str, catalogue: Ruleset) -> None:
    """A wrong hint costs more than none."""
    assert series_hint(typed, catalogue.series) == ""


@pytest.mark.parametrize(
    "typed",
    [("value", "SRF"), ("series", "list", "SRF"), ("backfill", "SRF"), ("chart", "SRF + $1bn")],
)
def test_commands_say_what_is_meant(typed: tuple[str, ...]) -> None:
    """Wherever a series is named."""
    ran = run(*typed, *RULES)
    assert ran.code != 0
    assert "did you mean standing_repo?" in ran.err


def test_rules_and_files_say_what_is_meant(tmp_path: Path, catalogue: Ruleset) -> None:
    """In an expression at its place, and for a table called by another name."""
    said = rendered(loaded("rules: [{name: x, value: WALCL, above: {watch: $1tn}}]\n"))
    assert "there is no series or define WALCL" in said
    assert "hint: did you mean fed_assets?" in said
    (tmp_path / "WALCL.csv").write_text("period,value\n2026-01-07,1\n")
    with pytest.raises(TableFault, match=r"WALCL.*; did you mean fed_assets"):
        app.history_from_data(catalogue, tmp_path)


def test_a_series_of_ones_own_may_have_other_names() -> None:
    """They lead to it as the built-in ones do."""
    text = "series: {desk: {source: {csv: x.csv}, unit: number, every: day, also: [Our Survey]}}\n"
    assert series_hint("OUR_SURVEY", valid(text).series) == "did you mean desk?"


def test_what_a_source_gives_is_listed_declared_or_not() -> None:
    """With the series that it is here, and what else can be asked for."""
    ran = run("series", "list", "--source", "nyfed", *RULES)
    rows = {line.split("  ")[0]: line for line in ran.out.splitlines()}
    assert "standing_repo " in rows["standing_repo"].partition("  ")[2]
    assert "SOMA: Treasury bills" in rows["soma_bills"]
    assert "Declare another with source: {nyfed: ARGUMENT}." in ran.out
    ran = run("series", "list", "--source", "h41", *RULES)
    assert "RESPPALGUOB_N.WW " in ran.out
    assert "{release: h8, name: B1151NCBA}" in " ".join(ran.out.split())
    ran = run("series", "list", "--source", "csv", *RULES)
    assert "reserve_demand_elasticity" in ran.out
    assert "Any table: a path or an address" in ran.out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--source", "nyfd"), "there is no source nyfd; did you mean nyfed?"),
        (("--source", "fed_press"), "fed_press gives texts and has no series"),
        (("--source", "nyfed", "sofr"), "give either series or --source"),
    ],
)
def test_what_cannot_be_listed_is_said(typed: tuple[str, ...], said: str) -> None:
    """With the way out."""
    ran = run("series", "list", *typed, *RULES)
    assert (ran.code != 0, ran.out) == (True, "")
    assert said in ran.err
