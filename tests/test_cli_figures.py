"""Commands about figures: value, why, chart, series, import, backfill, tune."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ebbwatch import app
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.core.answering.explaining import explain
from ebbwatch.core.facts.asof import History
from ebbwatch.core.lookback.tuning import Episode, tune
from ebbwatch.core.render.why import why_sections
from ebbwatch.locale import translator
from ebbwatch.model.alert import Level
from ebbwatch.model.observation import Observation, Published
from ebbwatch.model.periods import micros, period_of
from ebbwatch.model.source import SourceFacts
from ebbwatch.ports import Held, Poll, SourceUnavailable, Store, Wanted
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.backfill import Brought, backfill
from ebbwatch.store.in_memory import MemoryStore
from ebbwatch.store.open import open_store
from tests.cli import run
from tests.fakes import ManualClock

ALONE = ("--store", "none")


READ = app.history_from_archive


@pytest.fixture(scope="module")
def archives() -> dict[str, History]:
    """The archive as rules see it, by what identifies them."""
    return {}


@pytest.fixture(autouse=True)
def _archive_read_once(archives: dict[str, History], monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep each command from reading the archive anew."""

    def once(ruleset: Ruleset, store: Store | None) -> History:
        if store is not None:
            return READ(ruleset, store)
        if ruleset.origin not in archives:
            archives[ruleset.origin] = READ(ruleset, None)
        return archives[ruleset.origin]

    monkeypatch.setattr(app, "history_from_archive", once)


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a database that is not there yet."""
    address = f"sqlite:///{tmp_path}/state/ebbwatch.db"
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", address)
    return address


def _ruleset(files: dict[str, bytes] | None = None) -> Ruleset:
    found = app.load_rules(files or {}, data_only=True).ruleset
    assert found is not None
    return found


# ---- value -------------------------------------------------------------------------------


def test_value_answers_programs_with_every_input() -> None:
    """The spread of 15 October 2025, as it stood half an hour after EFFR came out."""
    ran = run("value", "sofr - effr", "--at", "2025-10-16T13:30Z", "--format", "json", *ALONE)
    assert ran.json == {
        "value": 19.0,
        "unit": "bp",
        "period": "2025-10-15",
        "as_of": "2025-10-16T09:30:00-04:00",
        "inputs": [
            {"series": "sofr", "period": "2025-10-15", "value": 4.29, "unit": "%",
             "known_at": "2025-10-16T08:00:00-04:00", "assumed": True, "source": "nyfed"},
            {"series": "effr", "period": "2025-10-15", "value": 4.1, "unit": "%",
             "known_at": "2025-10-16T09:00:00-04:00", "assumed": True, "source": "nyfed"},
        ],
    }  # fmt: skip


def test_value_shows_people_the_same() -> None:
    """Assumed instants are marked."""
    ran = run("value", "sofr - effr", "--at", "2025-10-16T13:30Z", *ALONE)
    assert ran.out.splitlines() == [
        "19 bp  for 2025-10-15",
        "as known Thu 2025-10-16 09:30 EDT",
        "",
        "SERIES   VALUE  PERIOD      SOURCE  KNOWN",
        "sofr    4.29 %  2025-10-15  nyfed   2025-10-16 08:00~",
        "effr     4.1 %  2025-10-15  nyfed   2025-10-16 09:00~",
        "",
        "Times are New York's; ~ marks one that the release rule gives.",
    ]


def test_value_says_what_is_unknown_and_what_was_known_last() -> None:
    """The series at fault are named, and each says since when its next figure is missing."""
    ran = run("value", "sofr - effr", "--at", "2026-10-16", *ALONE)
    assert ran.out.splitlines() == [
        "unknown: sofr and effr are stale (last 2 bp for 2026-10-06)",
        "as known Fri 2026-10-16 23:59 EDT",
        "",
        "SERIES   VALUE  PERIOD      SOURCE  KNOWN              NEXT FIGURE",
        "sofr     3.9 %  2026-10-06  nyfed   2026-10-07 08:00~  stale, due 13 Oct",
        "effr    3.88 %  2026-10-06  nyfed   2026-10-07 09:00~  stale, due 8 Oct",
        "",
        "Times are New York's; ~ marks one that the release rule gives.",
    ]
    assert run("value", "gold", "--at", "2026-10-16", *ALONE).out.startswith(
        "unknown: there is no figure of gold yet\n"
    )
    lamps = "count(sofr > 1 %, effr > 1 %, obfr > 1 %)"
    assert run("value", lamps, "--at", "2026-10-16", *ALONE).out.startswith(
        "unknown: 3 series are stale (last 3 for 2026-10-08)\n"
    )


def test_an_expression_may_begin_with_a_minus() -> None:
    """It is no option, wherever it stands; what is meant as one and is none is refused."""
    at = ("--at", "2025-10-16T13:30Z")
    first = run("value", "-sofr", *at, *ALONE)
    assert first.out.startswith("−4.29 %  for 2025-10-15")
    assert run("value", *at, "-sofr", *ALONE).out == first.out
    assert run("value", "-(sofr - effr)", *at, *ALONE).out.startswith("−19 bp")
    refused = run("value", "sofr", "--att", "2025-10-16", *ALONE)
    assert refused.code == 2
    assert "--att" in refused.err


@pytest.mark.parametrize(("at", "gdp"), [("2025-09-30", 30485.729e9), ("2025-09-24", 30353.902e9)])
def test_value_uses_the_vintage_that_was_known(at: str, gdp: float) -> None:
    """A bare date means the end of that day in New York; GDP was revised on 25 September."""
    ran = run("value", "reserves / gdp", "--at", at, "--format", "json", *ALONE)
    assert [row["value"] for row in ran.json["inputs"] if row["series"] == "gdp"] == [gdp]


@pytest.mark.parametrize(
    ("expression", "at", "expected"),
    [
        pytest.param("sofr > effr", "2025-10-16", {"value": True, "unit": ""}, id="condition"),
        pytest.param(
            "until_below(reserves_ratio, 9 %, 26 w)", "2021-01-16",
            {"value": None, "unit": "d", "never": True}, id="never",
        ),
        pytest.param("gold", "2025-10-16", {"value": None, "period": None,
                     "reason": "there is no figure yet"}, id="nothing"),
        pytest.param("sofr", "2026-10-16", {"value": None, "period": "2026-10-08",
                     "reason": "an input is stale"}, id="stale"),
        pytest.param("change(sofr, 30 y)", "2025-10-16", {
            "value": None, "reason": "the history is too short for its window"}, id="short"),
        pytest.param("count(sofr > 1 %, gold > $1/oz)", "2025-10-16",
                     {"value": 1.0, "at_least": True}, id="at least"),
        pytest.param('breaches("funding-spread", watch)', "2025-10-16", {"value": True}, id="rule"),
    ],
)  # fmt: skip
def test_value_says_what_is_true_never_or_unknown(
    expression: str, at: str, expected: dict[str, Any]
) -> None:
    """A value that is not known is null, with the reason."""
    found = run("value", expression, "--at", at, "--format", "json", *ALONE).json
    assert {key: found.get(key) for key in expected} == expected


def test_a_wrong_expression_is_underlined() -> None:
    """As a compiler would, on stderr, and the exit code is 1."""
    ran = run("value", "reserves / gpd", *ALONE)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        "expression:1:12: error: there is no series or define gpd [unknown-name]",
        "  1 | reserves / gpd",
        "    |            ^^^",
        "  hint: did you mean gdp?",
        "",
        "1 error",
    ]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("value", "sofr", "--at", "yesterday"), "expected a date (2019-09-01)"),
        (("value", "sofr", "--at", "2025-10-16T09:00"), "2025-10-16T09:00 has no offset"),
        (("value", "sofr", "--at", "2019-W36-1"), "found 2019-W36-1"),
        (("value", "sofr", "--at", "9999-12-31"), "found 9999-12-31"),
        (("value", "sofr", "--format", "xml"), "expected --format text or json, found xml"),
        (("value", "sofr", "--store", "some"), "expected --store none, found some"),
        (("why", "funding"), "there is no rule funding"),
        (("series", "list", "sofrr"), "there is no series sofrr; did you mean sofr?"),
        (("series", "accept", "reserves", "2026-09-10"), "is a Thursday, not a Wednesday"),
        (("import", "reserves", "/no/where.csv"), "/no/where.csv cannot be read"),
        (("chart", "sofr", "--out", "a.gif"), "expected a file that ends in .png or .svg"),
        (("tune", "repo-spike"), "repo-spike has no thresholds to sweep"),
        (("tune", "repo-tail", "--level", "high"), "repo-tail has no level high; it has watch"),
    ],
)
def test_wrong_use_is_said_and_ends_with_2(typed: tuple[str, ...], said: str) -> None:
    """Nothing is printed for programs, and people are told what was expected."""
    ran = run(*typed)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


# ---- why ---------------------------------------------------------------------------------


def test_why_tells_levels_inputs_and_what_would_change_it() -> None:
    """The spread on the first Tuesday of November 2025."""
    ran = run("why", "funding-spread", "--at", "2025-11-04T10:00-05:00", *ALONE)
    assert ran.out.splitlines() == [
        "Repo trades above fed funds  (funding-spread)",
        "as known Tue 2025-11-04 10:00 EST",
        "",
        "It fires since Mon 27 Oct 2025, 09:00 New York, now at warning.",
        "SOFR − EFFR: 26 bp for Mon 3 Nov 2025, down 10 bp on the day",
        "",
        "Made of",
        "  SOFR 4.13 %, Mon 3 Nov 2025; nyfed, known Tue 4 Nov 2025, 08:00 New York",
        "    (assumed)",
        "  EFFR 3.87 %, Mon 3 Nov 2025; nyfed, known Tue 4 Nov 2025, 09:00 New York",
        "    (assumed)",
        "",
        "Levels",
        "  watch above 10 bp: 16 bp past it; needs 2 periods in a row, has 2",
        "  warning above 20 bp: 6 bp past it",
        "  critical above 50 bp: 24 bp to go",
        "",
        "What would change it",
        "  to critical: a reading above 50 bp",
        "  out of warning: a reading of 15 bp or less, 11 bp away",
        "",
        "Calendar",
        "  the period lies in the turn month-end, which is noted",
        "  the period lies in the turn coupon-settlement, which is noted",
        "  next figure Wed 5 Nov 2025, 09:00 New York",
        "",
        "Cash lent against Treasuries costs more than unsecured cash. Scarce reserves do",
        "that; so do heavy Treasury issuance and full dealer balance sheets.",
    ]


@pytest.mark.parametrize(
    ("rule", "at", "lines"),
    [
        pytest.param("repo-spike", "2025-11-04", [
            "It fires since Mon 3 Nov 2025, 09:00 New York, now at critical.",
            "The condition is false for Mon 3 Nov 2025.",
            "  false: SOFR against the day before −9 bp; wanted > 15 bp",
            "  It resolves when SOFR < Federal funds target range, upper limit.",
        ], id="condition"),
        pytest.param("stress-lamps", "2025-11-04", [
            "Lamps lit, of six: 4 for Tue 4 Nov 2025",
            "  false: Bank reserves down by more than 5 % in four weeks: −3.98 %",
            "  critical above 3: 1 past it",
        ], id="count"),
        pytest.param("reserves-to-gdp", "2025-11-12", [
                "    late since Thu 30 Oct, 08:30 New York",
                "  warning below 10 %: 0.61 pp past it",
                "  out of warning: a reading of 10.2 % or more, 0.81 pp away",
            ],
            id="late, below"),
        pytest.param("funding-spread-ordinary-days", "2025-11-04", [
            "  the period lies in the turn month-end: it neither breaches nor counts",
        ], id="held"),
        pytest.param("qt-ends", "2025-11-04", [
            "It waits for a text of fed_press in which its pattern is found.",
        ], id="text"),
        pytest.param("gold-price", "2025-11-04", [
            "It is quiet.", "Its reading is unknown: there is no figure of Gold (PAX Gold token) yet.",
        ], id="nothing known"),
        pytest.param("sofr-above-range", "2026-10-16", [
            "Its figures are late since Thu 8 Oct 2026, 09:00 New York: it is frozen until",
            "Its reading is unknown: SOFR and Federal funds target range, upper limit are",
            "It was −10 bp for Tue 6 Oct 2026.",
        ], id="frozen"),
    ],
)  # fmt: skip
def test_why_says_of_every_kind_of_rule(rule: str, at: str, lines: list[str]) -> None:
    """Conditions one by one, lamps one by one, lateness, turns, and what nobody knows."""
    found = run("why", rule, "--at", at, *ALONE)
    assert [line for line in lines if line not in found.out.splitlines()] == [], found.out


# ---- chart -------------------------------------------------------------------------------


def test_a_chart_is_written(tmp_path: Path) -> None:
    """SVG and PNG by the name of the file; a condition has nothing to draw."""
    told = ("--since", "2025-09-01", "--at", "2025-11-01", *ALONE)
    out = tmp_path / "spread.svg"
    assert run("chart", "sofr - effr", "--out", out, *told).out == f"{out}: 42 periods\n"
    assert out.read_text("utf-8").startswith("<svg")
    assert run("chart", "sofr > effr", "--out", out, *told).code == 1
    assert run("chart", "sofr", "--out", tmp_path / "no" / "a.svg", *told).code == 1


# ---- series and import -------------------------------------------------------------------


def test_series_list_says_what_is_held_and_how_fresh_it_is() -> None:
    """Sorted by name; a series without any figure is empty."""
    ran = run("series", "list", "sofr", "gdp", "gold", "--at", "2025-11-04T10:00-05:00", *ALONE)
    assert ran.out.splitlines()[:4] == [
        "SERIES  NEWEST             VALUE  KNOWN      STATE  NEXT FIGURE   SOURCE",
        "gdp     2025-04-01  $30.485729tn  25-09-25   due    since 30 Oct  bea",
        "gold                                         empty  4 Nov 10:15   kraken",
        "sofr    2025-11-03        4.13 %  25-11-04~  fresh  5 Nov 08:00   nyfed",
    ]


def test_an_import_is_whole_or_nothing(tmp_path: Path) -> None:
    """A bad line leaves nothing behind; the same file again brings nothing new."""
    file = tmp_path / "figures.csv"
    file.write_text("period,value\n2026-09-02,2900000\n2026-09-09,many\n")
    ran = run("import", "reserves", file)
    assert (ran.code, ran.err) == (1, "ebbwatch: reserves, line 3: many is no number\n")
    file.write_text("period,value\n2026-09-02,2900000\n2026-09-09,2910000.5\n")
    assert run("import", "reserves", file).out == "reserves: 2 rows, 2 new\n"
    assert run("import", "reserves", file).out == "reserves: 2 rows, 0 new\n"
    found = run("value", "reserves", "--at", "2026-09-10T16:30-04:00", "--format", "json").json
    assert [(row["value"], row["source"], row["assumed"]) for row in found["inputs"]] == [
        (2910000500000.0, "import", True)
    ]


def test_a_figure_that_was_held_back_is_accepted(database: str) -> None:
    """It leaves the quarantine and counts; a second time there is nothing to accept."""
    held = Observation(
        series="reserves", period=period_of(date(2026, 9, 9)), value=Decimal(2_910_000_000),
        known_at=datetime(2026, 9, 10, 20, 30, tzinfo=UTC), source="h41",
    )  # fmt: skip
    store = open_store(database)
    with store.transaction():
        store.hold([Held(observation=held, reason="far from the last value")])
    store.close()
    assert "reserves 2026-09-09: far from the last value" in run("series", "list").out
    ran = run("series", "accept", "reserves", "2026-09-02")
    assert (ran.code, ran.err) == (
        1,
        "ebbwatch: no figure of reserves for 2026-09-02 is held back; these are: 2026-09-09\n",
    )
    ran = run("series", "accept", "reserves", "2026-09-09")
    assert (ran.code, ran.out) == (0, "reserves 2026-09-09: 2910 USD millions accepted\n")
    assert run("series", "accept", "reserves", "2026-09-09").code == 1
    store = open_store(database)
    assert (list(store.observations("reserves")), store.held()) == ([held], [])
    store.close()


# ---- backfill ----------------------------------------------------------------------------


class Canned:
    """A source that answers with what it was given, and remembers what it was asked."""

    name: ClassVar[str] = "nyfed"
    facts: ClassVar[SourceFacts] = SourceFacts()

    def __init__(self, *answer: Published, down: str = "") -> None:
        self.answer, self.down = answer, down
        self.since: list[datetime | None] = []

    async def poll(
        self, wanted: Sequence[Wanted], *, cursor: str | None, since: datetime | None = None
    ) -> Poll:
        self.since.append(since)
        if self.down:
            raise SourceUnavailable(self.down)
        return Poll(published=self.answer)

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:  # noqa: ARG003
        return None

    @classmethod
    def host(cls, argument: str | Mapping[str, Any]) -> str:  # noqa: ARG003
        return ""

    async def aclose(self) -> None: ...


def _published(day: int, value: str, known_at: datetime | None = None) -> Published:
    period = period_of(date(2026, 9, day))
    return Published(series="sofr", period=period, value=Decimal(value), known_at=known_at)


def _history(ruleset: Ruleset, *held: Observation) -> History:
    history = app.empty_history(ruleset)
    history.observe(held)
    return history


async def _filled(source: Canned, *held: Observation) -> tuple[list[Brought], MemoryStore]:
    ruleset, store = _ruleset(), MemoryStore()
    clock = ManualClock(datetime(2026, 9, 30, 12, 0, tzinfo=UTC))
    brought = await backfill(
        {"nyfed": source},
        [ruleset.series["sofr"]], _history(ruleset, *held), store,
        clock=clock, since=None, on_begin=lambda _name, _count: None,
    )  # fmt: skip
    return brought, store


async def test_a_backfill_knows_figures_from_the_release_rule() -> None:
    """Where the publisher says no instant, it is assumed; never later than the answer itself."""
    own = datetime(2026, 9, 3, 12, 5, tzinfo=UTC)
    source = Canned(_published(2, "3.6", own), _published(3, "3.61"), _published(29, "3.7"),
                    _published(30, "3.9"))  # fmt: skip
    brought, store = await _filled(source)
    assert brought == [Brought(source="nyfed", read=4, new=4)]
    assert [(o.known_at.isoformat(), o.assumed) for o in store.observations()] == [
        ("2026-09-03T12:05:00+00:00", False),
        ("2026-09-04T12:00:00+00:00", True),
        ("2026-09-30T12:00:00+00:00", True),
        ("2026-09-30T12:00:00+00:00", True),
    ]
    assert source.since == [datetime(2018, 4, 2, tzinfo=UTC)]


async def test_a_backfill_takes_a_revision_for_known_when_it_was_seen() -> None:
    """Nobody says when it was published; what is held already is asked for no more."""
    held = Observation(
        series="sofr", period=period_of(date(2026, 9, 2)), value=Decimal("0.0360"),
        known_at=datetime(2026, 9, 3, 12, 0, tzinfo=UTC), source="nyfed",
    )  # fmt: skip
    source = Canned(_published(2, "3.65"), _published(3, "361"))
    brought, store = await _filled(source, held)
    assert [(b.new, b.held) for b in brought] == [(1, 1)]
    (revision,) = store.observations()
    assert (revision.known_at.day, revision.assumed) == (30, False)
    assert source.since == [datetime(2026, 9, 2, tzinfo=UTC)]


async def test_a_source_that_does_not_answer_is_said() -> None:
    """Nothing is kept of it."""
    brought, store = await _filled(Canned(down="no answer"))
    assert (brought, list(store.observations())) == (
        [Brought(source="nyfed", fault="no answer")], [],
    )  # fmt: skip
    assert not brought[0].reached


def test_a_backfill_that_reaches_nobody_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress goes to stderr, the outcome to stdout."""
    monkeypatch.setattr(app, "sources", lambda *_: {"nyfed": Canned(down="no answer")})
    ran = run("backfill", "sofr")
    assert (ran.code, ran.out, ran.err) == (
        1, "nyfed: could not be asked: no answer\n", "nyfed: asking for 1 series ...\n",
    )  # fmt: skip


# ---- tune --------------------------------------------------------------------------------


def test_tune_marks_the_current_setting_and_counts_what_the_pack_says() -> None:
    """The spread's warnings since 2018, as the table of the default rule shows them."""
    out = run("tune", "funding-spread", *ALONE).out.splitlines()
    assert out[0] == "funding-spread, warning above 20 bp, since 2018-01-01"
    assert "→      20 bp      11     1.3      1%   7 of 10     0 d      4" in out
    assert sum(line.startswith("→") for line in out) == 3
    assert "  September 2019           on the day" in out
    assert max(len(line) for line in out) <= 100


def test_tune_warns_of_few_episodes() -> None:
    """Fewer than five prove little, and it says so."""
    out = run("tune", "funding-spread", "--since", "2025-10-01", *ALONE).out
    assert "Caution: this rests on 4 episodes; fewer than 5 prove little." in out


def test_tune_sweeps_a_rule_that_falls() -> None:
    """Timeline, in weeks: 12 12 9 9 12 8 12 (below 10 %); an episode begins with the third."""
    ruleset = _ruleset({"r.yaml": b"rules: [{name: low, value: reserves, below: {watch: $10bn}}]"})
    history = app.empty_history(ruleset)
    first = date(2025, 1, 1)
    values = [12, 12, 9, 9, 12, 8, 12]
    history.observe(
        Observation(
            series="reserves", period=period_of(first) + i * 7 * 1440,
            value=Decimal(value) * 10**9, source="h41",
            known_at=datetime(2025, 1, 2 + i * 7, 21, 30, tzinfo=UTC)
            if 2 + i * 7 <= 31 else datetime(2025, 2, 2 + i * 7 - 31, 21, 30, tzinfo=UTC),
        )
        for i, value in enumerate(values)
    )  # fmt: skip
    judge = Judge(ruleset, history)
    episodes = [Episode("e", date(2025, 1, 20), date(2025, 1, 22))]
    found = tune(judge, judge.watched["low"], Level.WATCH, episodes, None)
    now = found.current
    assert (now.alerts, now.seen, now.leads, now.false) == (2, 1, {"e": 3}, 1)
    assert now.firing == pytest.approx(3 / 6)
    assert [score.alerts for score in found.holds] == [2, 1, 0, 0]
    order = [score.setting.threshold for score in found.thresholds]
    assert order == sorted(order, reverse=True)
    assert all(t > 8 * 10**9 for t in order)
    assert Fraction(10**10) in order


def test_why_speaks_both_languages() -> None:
    """Every sentence of an explanation has its translation."""
    ruleset = app.load_rules(app.rule_files(app.default_rules()), data_only=True).ruleset
    assert ruleset is not None
    judge = Judge(ruleset, app.history_from_archive(ruleset, None))
    t = translator("zh-Hant")
    at = micros(datetime(2025, 11, 4, 15, 0, tzinfo=UTC))
    told = explain(judge, "funding-spread", AlertState(), at, (t,))
    sections = why_sections(t, told)
    assert sections[0].title == "SOFR 高於有效聯邦資金利率"
    assert "注意：高於 10 個基點，已越過 16 個基點；須連續 2 期，已有 0 期" in sections[2].lines
    with pytest.raises(KeyError):
        explain(judge, "nobody", AlertState(), at, (t,))
