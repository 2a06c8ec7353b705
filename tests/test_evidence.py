"""Evidence: what the rules said of past stress, and the article against the figures."""

from __future__ import annotations

import csv
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from ebbwatch import app
from ebbwatch.cli import common
from ebbwatch.cli import evidence_command as command
from ebbwatch.cli.tune_command import listed
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.lookback.claims import Checked, Claim, Finding, Point, check
from ebbwatch.core.lookback.evidence import (
    Aftermath,
    Evidence,
    Half,
    Lead,
    Listed,
    Record,
    Stance,
    evidence,
)
from ebbwatch.core.lookback.tuning import Episode
from ebbwatch.model.alert import Level
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros, period_of
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.lookback import replay
from tests.cli import run
from tests.paths import ROOT

PAGE = ROOT / "docs" / "evidence.md"
ALONE = ("--rules", ROOT / "rules", "--store", "none")


@cache
def _pack() -> tuple[Judge, Evidence]:
    ruleset = app.load_rules(app.rule_files(ROOT / "rules")).ruleset
    assert ruleset is not None
    judge = Judge(ruleset, app.history_from_archive(ruleset, None))
    walked = replay.replay(judge).judged
    return judge, evidence(judge, walked, listed(), command.START, command.SPLIT)


def _record(name: str) -> Record:
    return next(record for record in _pack()[1].records if record.rule.name == name)


def test_what_text_rules_said_of_the_bundled_releases_is_evidence() -> None:
    """Counted in halves by their instants, with the address; a text fires for no time."""
    ran = run("evidence", *ALONE)
    assert "| `qt-ends` | 1 | 0.1 |  |  | 1 | 0.6 |  |  |" in ran.out
    address = "https://www.federalreserve.gov/newsevents/pressreleases/monetary20251029a.htm"
    assert f"| 2025-10-29 14:00 | warning | {address} | since 2025 |" in ran.out
    texts = [rule.name for rule in _pack()[0].ruleset.rules if rule.pattern]
    table = ran.out.partition("## What had been said")[2].partition("## What does badly")[0]
    assert texts
    assert not any(f"`{name}`" in table for name in texts)


# ---- the document ---------------------------------------------------------------------


def test_the_page_says_what_the_rules_said() -> None:
    """Every number of docs/evidence.md comes from a replay of the archive."""
    ran = run("evidence", *ALONE, "--check", PAGE)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_page_that_is_not_true_any_more_is_named_with_what_differs(tmp_path: Path) -> None:
    """The difference is shown, and the way to mend it."""
    old = tmp_path / "evidence.md"
    old.write_text(PAGE.read_text("utf-8").replace("there are 29 of them", "there are 30"), "utf-8")
    ran = run("evidence", *ALONE, "--check", old)
    assert ran.code == 1
    assert "there are 30." in ran.out
    assert ran.err == (
        f"ebbwatch: {old} is not what the rules said; write it anew with --out {old}\n"
    )


def test_check_of_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    """It says which file, and why."""
    ran = run("evidence", *ALONE, "--check", tmp_path / "none.md")
    assert (ran.code, ran.err) == (
        2,
        f"ebbwatch: {tmp_path / 'none.md'} cannot be read: No such file or directory\n",
    )


def test_out_and_check_exclude_each_other(tmp_path: Path) -> None:
    """One writes and the other does not."""
    ran = run("evidence", "--out", tmp_path / "a", "--check", tmp_path / "b")
    assert (ran.code, ran.err) == (2, "ebbwatch: --out and --check exclude each other\n")


# ---- the default pack ------------------------------------------------------------------


def test_there_are_29_days_of_strain() -> None:
    """SOFR more than 15 bp over the effective rate, since April 2018."""
    days = _pack()[1].strained
    assert len(days) == 29
    assert {date(2018, 12, 31), date(2019, 9, 17), date(2025, 10, 15), date(2025, 10, 28)} <= {
        *days
    }


LEADS = [
    ("reserves-to-gdp", "September 2019", Lead(Stance.STOOD, Level.CRITICAL, 11)),
    ("reserves-drop", "September 2019", Lead(Stance.STOOD, Level.WARNING, 4)),
    ("repo-tail", "September 2019", Lead(Stance.STOOD, Level.CRITICAL, 0)),
    ("funding-spread", "September 2019", Lead(Stance.AFTER, Level.CRITICAL, 1)),
    ("repo-tail", "year end 2018", Lead(Stance.OVER, Level.WARNING, 25)),
    (
        "funding-spread-ordinary-days",
        "month end October 2025",
        Lead(Stance.STOOD, Level.WARNING, 9),
    ),
    ("stress-lamps", "month end October 2025", Lead(Stance.STOOD, Level.CRITICAL, 0)),
    ("repo-spike", "October 2025", Lead(Stance.SILENT)),
    ("discount-window", "bank runs 2023", Lead(Stance.AFTER, Level.CRITICAL, 6)),
]


@pytest.mark.parametrize(("rule", "episode", "lead"), LEADS)
def test_what_a_rule_had_said_by_the_morning_of_an_onset(
    rule: str, episode: str, lead: Lead
) -> None:
    """As the studied pack has it: level held, and for how many days."""
    assert _record(rule).leads[episode] == lead


def test_rules_that_tell_of_repo_are_not_asked_about_runs_on_banks() -> None:
    """March 2023 strained no repo."""
    assert "bank runs 2023" not in _record("funding-spread").leads


def test_every_false_alarm_of_ordinary_days_is_none() -> None:
    """8 alerts, each within a time of strain."""
    stays = _record("funding-spread-ordinary-days").stays
    assert [stay.outcome for stay in stays] == [Aftermath.FOLLOWED] * 8


def test_no_alert_of_the_pack_is_muted_as_flapping() -> None:
    """At watch, reserves-drop would have been, on 12 September 2019."""
    said = [s for record in _pack()[1].records for stay in record.stays for s in stay.said]
    assert [s for s in said if s.muted] == []


def test_what_foretells_nothing_is_not_judged() -> None:
    """Purchases and runoff are reported."""
    assert {stay.outcome for stay in _record("reserve-purchases").stays} == {Aftermath.UNJUDGED}


def test_the_comments_of_the_rules_count_as_the_evidence_does() -> None:
    """The comment above each rule with figures begins with its alerts, and names its false ones."""
    comments: dict[str, str] = {}
    for path in sorted((ROOT / "rules").glob("*.yaml")):
        gathered = ""
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("  # "):
                gathered += f" {line[4:]}"
            elif line.startswith("  - name: "):
                comments[line.removeprefix("  - name: ").strip('"')] = gathered
                gathered = ""
    for record in _pack()[1].records:
        if not record.figures:
            continue
        comment = comments[record.rule.name]
        alerts = sum(len(stay.said) for stay in record.stays)
        assert comment.startswith(f" {alerts} alert"), (record.rule.name, alerts)
        judged = [s for s in record.stays if s.outcome in (Aftermath.FALSE, Aftermath.FOLLOWED)]
        false = sum(stay.outcome is Aftermath.FALSE for stay in judged)
        if judged:
            found = re.search(r"(\d+) of (\d+) episodes", comment)
            assert found is not None, record.rule.name
            assert found.groups() == (str(false), str(len(judged))), record.rule.name


# ---- the article ----------------------------------------------------------------------

CLAIMS = [
    ("Reverse repo peaked at about $2.4tn in 2022", "imprecise"),
    ("Reserves of $2.96tn last week", "imprecise"),
    ("Reserves are 9.7 % of GDP", "holds"),
    ("To the second digit: 9.71 %", "does not hold"),
    ("Reserves fell by $1.3tn from their peak", "holds"),
    ("That was 7 % of a GDP of $21.4tn", "holds"),
    ("SOFR jumped to 5.25 % on 17 September 2019", "holds"),
    ("SOFR stands 19 bp over fed funds (15, 16 and 28 October)", "holds"),
    ("From 2020 to 2022 it averaged about -0.02 (-2 bp)", "does not hold"),
    ("Gold rose by 70 % in a year, from $2,500 to over $4,000", "not in the figures"),
]


@cache
def _claims() -> dict[str, Checked]:
    return {one.claim.text: one for one in command._checked(_pack()[0])}


@pytest.mark.parametrize(("claim", "finding"), CLAIMS)
def test_what_the_figures_say_of_the_article(claim: str, finding: str) -> None:
    """Each verdict is that of a condition in the language of the rules."""
    assert _claims()[claim].finding == finding


def test_the_article_s_figures_are_those_of_the_archive() -> None:
    """19 bp on three days, 5.25 %, and an average of -3.0 bp where -2 was written."""
    found = _claims()
    days = found["SOFR stands 19 bp over fed funds (15, 16 and 28 October)"].answers
    assert [(a.reading.value, a.reading.unit, a.reading.period) for a in days] == [
        (19.0, "bp", "2025-10-15"),
        (19.0, "bp", "2025-10-16"),
        (19.0, "bp", "2025-10-28"),
    ]
    [jump] = found["SOFR jumped to 5.25 % on 17 September 2019"].answers
    assert (jump.reading.value, jump.reading.unit, jump.reading.period) == (5.25, "%", "2019-09-17")
    [average] = found["From 2020 to 2022 it averaged about -0.02 (-2 bp)"].answers
    assert average.reading.value == pytest.approx(-3.0, abs=0.05)


def test_each_of_the_54_claims_has_its_line_or_its_reason() -> None:
    """Counted as the article was read: a claim stands in one of the two tables, and not in both."""
    checked = [n for one in _claims().values() for n in one.claim.numbers.split()]
    left = [row["number"] for row in common.archive_rows("unchecked.csv")]
    assert sorted({*map(int, checked), *map(int, left)}) == list(range(1, 55))
    assert {*checked} & {*left} == set()
    assert len(left) == len({*left})
    assert all(row["why"] for row in common.archive_rows("unchecked.csv"))
    page = PAGE.read_text("utf-8")
    assert [row for row in common.archive_rows("unchecked.csv") if row["claim"] not in page] == []


def test_what_desks_watch_has_a_rule_or_a_reason() -> None:
    """Ten gauges and three groups of others; a rule that is named is one of the pack."""
    rows = common.archive_rows("desks.csv")
    names = {rule.name for rule in _pack()[0].ruleset.rules}
    assert len(rows) == 13
    for row in rows:
        assert row["rules"] or row["remark"], row
        assert {*row["rules"].split()} <= names, row
    assert "## What desks watch" in PAGE.read_text("utf-8")


def test_figures_of_one_s_own_machine_are_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gold cannot be bundled: what the store holds of it counts, and the page asks no more for it."""
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", f"sqlite:///{tmp_path / 'store.db'}")
    days = tmp_path / "gold.csv"
    rows = [(date(2025, 9, 1) + timedelta(days=n), 3500 + 10 * n) for n in range(60)]
    days.write_text(
        "period,value,known_at\n"
        + "".join(f"{day}T20:00Z,{price},{day}T20:15Z\n" for day, price in rows),
        "utf-8",
    )
    assert run("import", "gold", days).out == "gold: 60 rows, 60 new\n"
    page = run("evidence", "--rules", ROOT / "rules").out
    assert "| `gold-price` |  |  |  |  | 1 | " in page
    assert "Without evidence as yet: `gold-price`" not in page
    alone = run("evidence", *ALONE).out
    assert "| `gold-price` | no figures in the archive |" in alone
    assert "Without evidence as yet: `gold-price`, `gold-year`, `bitcoin-drawdown`," in alone


# ---- on figures of our own ---------------------------------------------------------------

RULES = b"""
rules:
  - {name: low, value: reserves, below: {watch: $10bn, critical: $5bn}}
  - {name: lent, value: discount_window, above: {watch: $10bn}, labels: {theme: backstop}}
"""
#: Spread by month of 2025, in bp; one day of strain, in September.
SPREADS = {1: 5, 2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 7: 5, 8: 5, 9: 16, 10: 15, 11: 5, 12: 5}
#: Reserves by month, in billions. Timeline: below 10 in March, in August, and from November on.
RESERVES = {1: 12, 2: 12, 3: 9, 4: 12, 5: 12, 6: 12, 7: 12, 8: 9, 9: 4, 10: 12, 11: 9, 12: 9}


def _ours() -> tuple[Ruleset, Evidence]:
    ruleset = app.load_rules({"r.yaml": RULES}).ruleset
    assert ruleset is not None
    history = app.empty_history(ruleset)

    def fact(series: str, day: date, value: str) -> Observation:
        known = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
        return Observation(
            series=series, period=period_of(day), value=Decimal(value), known_at=known, source="x"
        )

    facts = []
    for month in range(1, 13):
        # Wednesdays.
        day = next(date(2025, month, d) for d in range(1, 8) if date(2025, month, d).weekday() == 2)
        facts += [
            fact("sofr", day, f"{4 + SPREADS[month] / 100:.2f}"),
            fact("effr", day, "4.00"),
            fact("reserves", day, f"{RESERVES[month]}e9"),
            fact("discount_window", day, "11e9" if month in (3, 9) else "0"),
        ]
    history.observe(
        Observation(
            series=f.series, period=f.period, known_at=f.known_at, source=f.source,
            value=None if f.value is None else f.value / (100 if "fr" in f.series else 1),
        )
        for f in facts
    )  # fmt: skip
    judge = Judge(ruleset, history)
    episodes = [Listed(Episode("e", date(2025, 9, 10), date(2025, 9, 20)), "funding", "us")]
    walked = replay.replay(judge).judged
    return ruleset, evidence(judge, walked, episodes, date(2025, 1, 1), date(2025, 7, 1))


def test_an_alert_is_false_where_no_strain_follows_within_60_days() -> None:
    """March: nothing until May. August: strain in September. November: the figures end."""
    low = _ours()[1].records[0]
    assert [stay.outcome for stay in low.stays] == [
        Aftermath.FALSE,
        Aftermath.FOLLOWED,
        Aftermath.OPEN,
    ]
    assert [stay.highest for stay in low.stays] == [Level.WATCH, Level.CRITICAL, Level.WATCH]


def test_15_bp_is_no_strain_and_16_is() -> None:
    """The condition is strict, as every threshold is."""
    assert _ours()[1].strained == (date(2025, 9, 3),)


def test_a_lead_counts_from_the_day_on_which_the_level_was_reached() -> None:
    """Critical on 3 September, asked on the 10th in the morning."""
    assert _ours()[1].records[0].leads == {"e": Lead(Stance.STOOD, Level.CRITICAL, 6)}


def test_a_backstop_is_judged_by_listed_episodes() -> None:
    """March: none within 60 days. September: drawn on a week before one."""
    lent = _ours()[1].records[1]
    assert [stay.outcome for stay in lent.stays] == [Aftermath.FALSE, Aftermath.FOLLOWED]


def test_halves_are_counted_apart() -> None:
    """One alert to June and three since, of which one is an escalation."""
    before, since = _ours()[1].records[0].before, _ours()[1].records[0].since
    assert isinstance(before, Half)
    assert isinstance(since, Half)
    assert (before.alerts, before.stays, before.false, before.judged) == (1, 1, 1, 1)
    assert (since.alerts, since.stays, since.false, since.judged) == (3, 2, 0, 1)


# ---- claims ---------------------------------------------------------------------------

AT = micros(datetime(2025, 10, 16, 14, tzinfo=UTC))
POINTS = [
    ("true", "sofr - effr > 18 bp", "", Finding.HOLDS),
    ("nearly so", "sofr - effr > 19 bp", "sofr - effr > 18 bp", Finding.NEAR),
    ("not even nearly", "sofr - effr > 30 bp", "sofr - effr > 20 bp", Finding.FAILS),
    ("not held against anything", "", "", Finding.UNKNOWN),
    ("no figures", "gold > $1/oz", "", Finding.UNKNOWN),
]


@pytest.mark.parametrize(("name", "holds", "near", "finding"), POINTS)
def test_a_claim_is_as_good_as_its_condition(
    name: str, holds: str, near: str, finding: Finding
) -> None:
    """The spread was 19 bp that day."""
    found = check(_pack()[0], Claim(name, (Point(AT, "sofr - effr", holds, near),)))
    assert isinstance(found, Checked)
    assert found.finding is finding


def test_a_claim_with_a_mistake_in_it_says_so() -> None:
    """Problems are those of any expression."""
    found = check(_pack()[0], Claim("x", (Point(AT, "sofr - efr"),)))
    assert isinstance(found, tuple)
    assert [problem.code for problem in found] == ["unknown-name"]


def test_episodes_are_listed_in_order_with_source() -> None:
    """The file has a row for each, and each says who says so."""
    path = ROOT / "daemon" / "ebbwatch" / "archive" / "episodes.csv"
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [row["onset"] for row in rows] == sorted(row["onset"] for row in rows)
    assert all(row["source"] and row["kind"] in ("funding", "banks") for row in rows)
    assert all(row["onset"] <= row["end"] for row in rows)
