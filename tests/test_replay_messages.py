"""Replay: the messages it would have sent, what it says of its figures, and its honesty."""

from __future__ import annotations

import json
import logging
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import pytest
import structlog
import typer
from typer.testing import CliRunner

from ebbwatch import app as root
from ebbwatch.cli import history as commands
from ebbwatch.cli.replaying import origin
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.facts.asof import Facts, History
from ebbwatch.core.facts.figure_tables import Tables
from ebbwatch.core.lookback.hindsight import Provenance, final, known_by, provenance
from ebbwatch.locale import translator
from ebbwatch.markup.plain import plain
from ebbwatch.model.alert import Change
from ebbwatch.model.message import OutboxRow, Receipt
from ebbwatch.model.observation import TextItem
from ebbwatch.model.periods import instant, micros, period_of
from ebbwatch.model.text import LANGUAGES
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.ledger import Ledger
from ebbwatch.runtime.lookback.replay import Journal, replay
from ebbwatch.runtime.lookback.replay_messages import messages, stops, to_one_reader
from ebbwatch.runtime.pipeline import Event, Pipeline
from ebbwatch.runtime.telling import Telling
from ebbwatch.store.codec import encode
from ebbwatch.store.in_memory import MemoryStore
from ebbwatch.store.open import open_store
from tests.ruleset.loading import valid
from tests.test_telling import SPREAD, archived, ny

TRANSLATORS = {language: translator(language) for language in LANGUAGES}

#: A desk that hears of everything in groups, and of mornings.
ROUTED = """
receivers:
  desk: [{telegram: {chat: -1}}]
  boss: [{telegram: {chat: -2}}]
routes:
  - match: {level: critical}
    to: [boss]
    continue: true
  - to: [desk]
    group_by: [theme]
    group_wait: 30 s
    quiet: {from: "08:30", to: "09:30", zone: America/New_York, below: warning}
digests:
  - {at: "10:15", zone: America/New_York, on: business days, to: [desk]}
"""
#: Fires and resolves over and over, by two sources that come out an hour apart.
RANGE = """
rules:
  - name: above-range
    title: SOFR above the range
    value: sofr - target_upper
    above: {watch: -5 bp, warning: 10 bp}
    labels: {theme: funding}
  - name: tail
    when: sofr_p99 - target_upper > 20 bp and sofr > effr
    labels: {theme: funding}
inhibit:
  - {while: {name: funding-spread}, mute: {name: tail}}
"""


@pytest.fixture(autouse=True)
def _no_logs() -> None:
    """Keep what the ledger logs out of the way."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def between(first: str, last: str, *texts: str) -> Judge:
    """Return rules over the archive's figures for the days between two, one reader listening."""
    rules = to_one_reader(valid({f"rules/{i}.yaml": text for i, text in enumerate(texts)}), "en")
    history = root.empty_history(rules)
    low, high = (period_of(date.fromisoformat(day)) for day in (first, last))
    for name, facts in archived().items():
        index = np.flatnonzero((facts.periods >= low) & (facts.periods <= high))
        history.add(name, some(facts, index))
    return Judge(rules, history)


def some(facts: Facts, index: np.ndarray) -> Facts:
    """Return some of the facts."""
    return Facts(
        facts.periods[index], facts.known[index], facts.quanta[index], facts.quantum,
        facts.assumed[index], facts.source[index], facts.sources,
    )  # fmt: skip


def told(rows: Iterator[OutboxRow] | list[OutboxRow]) -> list[tuple[datetime, str, str]]:
    """Return when who was told what."""
    return [(row.created_at, row.target.receiver, plain(row.message)) for row in rows]


def one_by_one(judge: Judge) -> tuple[list[OutboxRow], MemoryStore]:
    """Drive a tape as a daemon lives it: every instant an event, every wait a tick."""
    store = MemoryStore()
    telling = Telling(judge, store, TRANSLATORS, place_of=lambda target: target.receiver)
    pipeline = Pipeline(judge, Ledger(store, telling, judge))
    end = max(
        int(column.known.max())
        for name in judge.history.held
        if (column := judge.history.column(name)) is not None
    )
    rows: list[OutboxRow] = []
    while (due := pipeline.next_due()) is not None and due <= end:
        pipeline.handle(Event(at=due))
        at = instant(due)
        while claimed := store.claim(ts=at, owner="test", limit=100):
            for row in claimed:
                store.delivered({row.key: Receipt()}, ts=at, owner="test")
                rows.append(row)
    return rows, store


@pytest.mark.parametrize(
    ("first", "last", "texts"),
    [
        ("2019-08-20", "2019-10-20", (SPREAD, RANGE)),
        ("2019-08-20", "2019-10-20", (SPREAD, RANGE, ROUTED)),
        ("2025-09-10", "2025-11-20", (SPREAD, RANGE, ROUTED)),
    ],
    ids=["to one reader", "by routes, September 2019", "by routes, autumn 2025"],
)
def test_strides_tell_what_a_daemon_would_have_told(
    first: str, last: str, texts: tuple[str, ...]
) -> None:
    """Message for message and transition for transition, muted ones with their reasons."""
    judge = between(first, last, *texts)
    lived, journal = one_by_one(judge)
    store = MemoryStore()
    strides = list(messages(judge, replay(judge), store, TRANSLATORS, lambda _at: True))
    assert told(strides) == told(lived)
    assert len(strides) > 8
    assert store.transitions() == journal.transitions()


PROGRAMS = """
receivers:
  desk: [{webhook: {url: "https://desk.example/hook", summaries: true}}]
  oncall: [{webhook: {url: "https://oncall.example/hook", labels: per level}}]
routes:
  - {match: {level: critical}, to: [oncall], continue: true}
  - {to: [desk], group_by: [theme], group_wait: 30 min}
digests:
  - {at: "10:15", zone: America/New_York, on: business days, to: [desk, oncall]}
"""


def test_programs_are_told_the_same_of_a_tape_as_by_a_daemon() -> None:
    """How each group stands, to the last byte: it goes by the states at the decision."""
    rules = valid({f"rules/{i}.yaml": text for i, text in enumerate((SPREAD, RANGE, PROGRAMS))})
    judge = Judge(rules, between("2019-08-20", "2019-10-20", SPREAD, RANGE).history)
    lived, _ = one_by_one(judge)
    strides = list(messages(judge, replay(judge), MemoryStore(), TRANSLATORS, lambda _at: True))
    assert [
        (row.created_at, row.key, encode(replace(row.message, chart=None))) for row in strides
    ] == [(row.created_at, row.key, encode(replace(row.message, chart=None))) for row in lived]
    states = [row.message.state for row in strides if row.message.state is not None]
    assert len(states) == len(strides) > 8
    assert any(state.firing for state in states)


def test_what_is_not_wanted_is_not_worded_and_changes_nothing() -> None:
    """The last weeks read the same whether or not somebody read the first ones."""
    judge = between("2019-08-20", "2019-10-20", SPREAD, RANGE)
    journal, since = replay(judge), ny(2019, 9, 18, 0)
    whole = messages(judge, journal, MemoryStore(), TRANSLATORS, lambda _at: True)
    part = messages(judge, journal, MemoryStore(), TRANSLATORS, lambda at: at >= since)
    assert told(part) == [row for row in told(whole) if row[0] >= since]


def test_strides_end_at_the_end_of_the_tape() -> None:
    """No timer runs after it, and every move is a stop."""
    judge = between("2019-08-20", "2019-10-20", SPREAD, RANGE)
    journal = replay(judge)
    ends = stops(journal)
    assert ends == sorted(set(ends))
    assert ends[-1] == max(j.evaluation.upto for j in journal.judged)
    assert {m.at for j in journal.judged for m in j.moves} <= set(ends)


def test_an_empty_tape_tells_nothing() -> None:
    """Rules without a figure are never judged."""
    rules = to_one_reader(valid({"rules/0.yaml": SPREAD}), "en")
    judge = Judge(rules, root.empty_history(rules))
    found = messages(judge, replay(judge), MemoryStore(), TRANSLATORS, lambda _at: True)
    assert list(found) == []


# ---- the past does not depend on the future -------------------------------------------------


@cache
def default_pack() -> tuple[Ruleset, History]:
    """Return the default pack over ten years of the archive, read once."""
    loaded = root.load_rules(root.rule_files(root.default_rules())).ruleset
    assert loaded is not None
    whole = root.history_from_archive(loaded, None)
    history = root.empty_history(loaded)
    begin = period_of(date(2017, 1, 1))
    for name in whole.held:
        column = whole.column(name)
        assert column is not None
        index = np.flatnonzero(column.periods >= begin)
        facts = Facts(
            column.periods, column.known, column.quanta, column.quantum, column.assumed,
            column.source, column.sources,
        )  # fmt: skip
        history.add(name, some(facts, index))
    return loaded, history


@cache
def uncut() -> Journal:
    """Return the replay of all of it."""
    return replay(Judge(*default_pack()))


def happened(journal: Journal, upto: int) -> list[tuple[object, ...]]:
    """Return every move up to an instant, arming and disarming included, with its reading."""
    return sorted(
        (
            m.at, j.rule.name, m.change.value, int(m.before), int(m.after), m.timer, m.begun_at,
            m.entered_at, m.entry, m.extreme, int(j.signals.periods[m.reading]),
            None if j.signals.values is None else float(j.signals.values[m.reading]),
        )
        for j in journal.judged
        for m in j.moves
        if m.at <= upto
    )  # fmt: skip


def cuts(count: int, seed: int) -> list[int]:
    """Return random instants of ten years; every other one just as some figure became known."""
    chance = random.Random(seed)
    first, last = micros(ny(2017, 6, 1)), micros(ny(2026, 8, 1))
    instants = default_pack()[1].known_instants(after=first, upto=last).tolist()
    return [
        chance.choice(instants) if number % 2 else chance.randrange(first, last)
        for number in range(count)
    ]


def check_cut(at: int) -> None:
    """Check that what happened up to an instant is the same without what came after."""
    ruleset, history = default_pack()
    cut = replay(Judge(ruleset, known_by(history, at)), upto=at)
    assert happened(cut, at) == happened(uncut(), at), instant(at)


@pytest.mark.parametrize("number", range(10))
def test_deleting_the_future_never_changes_the_past(number: int) -> None:
    """The replay of the cut tape is the cut of the replay."""
    check_cut(cuts(10, seed=1)[number])


@pytest.mark.slow
@pytest.mark.parametrize("number", range(200))
def test_deleting_the_future_never_changes_the_past_at_two_hundred_instants(number: int) -> None:
    """As above, for the patient."""
    check_cut(cuts(200, seed=2)[number])


# ---- hindsight ------------------------------------------------------------------------------


def history_of(rows: str) -> tuple[Ruleset, History]:
    """Return a history of one quarterly series, from a table."""
    rules = valid({"rules/0.yaml": "rules: [{name: big, value: gdp, above: {watch: $21tn}}]"})
    history = root.empty_history(rules)
    Tables(history, "data").read(rules.series["gdp"], f"period,value,known_at\n{rows}")
    return rules, history


REVISED = """2019-04-01,20900,2019-07-26T08:30-04:00
2019-04-01,21100,2019-08-29T08:30-04:00
2019-07-01,21400,2019-10-30T08:30-04:00
2019-04-01,21300,2020-07-30T08:30-04:00
"""


def test_hindsight_knows_the_last_value_at_the_first_release() -> None:
    """Live it fires with the revision; with hindsight a month before anybody could know."""
    rules, history = history_of(REVISED)
    live = replay(Judge(rules, history)).judged[0].moves
    late = replay(Judge(rules, final(history))).judged[0].moves
    assert [(instant(m.at), m.change) for m in live if m.change is Change.FIRED] == [
        (datetime(2019, 8, 29, 12, 30, tzinfo=UTC), Change.FIRED)
    ]
    assert [(instant(m.at), m.change) for m in late if m.change is Change.FIRED] == [
        (datetime(2019, 7, 26, 12, 30, tzinfo=UTC), Change.FIRED)
    ]
    figures = [(f.period, f.value) for f in final(history).observations("gdp")]
    assert figures == [
        (period_of(date(2019, 4, 1)), 21_300 * 10**9),
        (period_of(date(2019, 7, 1)), 21_400 * 10**9),
    ]


def test_a_cut_history_holds_what_was_known_and_no_more() -> None:
    """The instant itself is included."""
    _, history = history_of(REVISED)
    cut = known_by(history, micros(datetime(2019, 8, 29, 12, 30, tzinfo=UTC)))
    assert [f.value for f in cut.observations("gdp")] == [20_900 * 10**9, 21_100 * 10**9]


def test_provenance_counts_what_is_known_assumed_and_revised() -> None:
    """Recorded vintages are known; series without figures are left out."""
    _, history = history_of(REVISED)
    assert provenance(history, {"gdp", "sofr"}) == (
        Provenance(
            series="gdp", first="2019-04-01", last="2019-07-01", known=4, assumed=0, revised=2,
            newest=datetime(2020, 7, 30, 12, 30, tzinfo=UTC), sources=("data",),
        ),
    )  # fmt: skip


def test_the_origin_of_figures_is_one_paragraph() -> None:
    """Each series stands in the sentence that is true of it."""
    at = datetime(2026, 8, 20, 12, tzinfo=UTC)

    def row(series: str, known: int, assumed: int) -> Provenance:
        return Provenance(
            series=series, first="", last="", known=known, assumed=assumed, revised=0, newest=at,
            sources=(),
        )  # fmt: skip

    text = origin([row("effr", 3, 1), row("gdp", 2, 0), row("sofr", 0, 7)], {"gold"}, at)
    assert text == (
        "Figures known to Thu 2026-08-20 08:00 EDT. When they became known is recorded for gdp. "
        "It is recorded in part for effr (1 of 4 assumed). It is assumed from the release rule "
        "for sofr. There are no figures for gold."
    )


# ---- the command ----------------------------------------------------------------------------


@pytest.fixture
def directory(tmp_path):
    """Return rules and figures in folders, as people have them."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yaml").write_text(
        "rules:\n"
        "  - name: big\n"
        "    title: {en: The economy is big, zh-Hant: 經濟很大}\n"
        "    value: gdp\n"
        "    above: {watch: $21tn}\n"
        "  - name: dear\n"
        "    value: sofr - effr\n"
        "    above: {warning: 20 bp}\n",
        "utf-8",
    )
    data = tmp_path / "data"
    data.mkdir()
    (data / "gdp.csv").write_text(f"period,value,known_at\n{REVISED}", "utf-8")
    (data / "sofr.csv").write_text("period,value\n2019-09-16,2.43\n2019-09-17,5.25\n", "utf-8")
    (data / "effr.csv").write_text("period,value\n2019-09-16,2.25\n2019-09-17,2.30\n", "utf-8")
    return tmp_path


def run(directory, *options: str):
    """Run the command over the folders."""
    command = typer.Typer()
    command.command()(commands.replay)
    return CliRunner().invoke(
        command,
        ["--rules", str(directory / "rules"), "--data", str(directory / "data"), *options],
    )


ORIGIN = (
    "Figures known to Thu 2020-07-30 08:30 EDT. When they became known is recorded\n"
    "for gdp. It is assumed from the release rule for effr, sofr.\n"
)


def test_messages_stand_under_the_instant_at_which_they_would_have_been_sent(directory) -> None:
    """A transition that a revision made says so."""
    found = run(directory, "--messages", "--to", "2019-09-18")
    assert found.exit_code == 0
    assert found.stderr == ORIGIN
    first, second = found.stdout.rstrip("\n").split("\n\n")
    lines = first.split("\n")
    assert lines[:2] == ["Thu 2019-08-29 08:30 EDT", "🟡 WATCH · The economy is big"]
    assert "Cause: GDP for Q2 2019 was revised from $20.9tn to $21.1tn" in lines
    lines = second.split("\n")
    assert lines[:2] == ["Wed 2019-09-18 09:00 EDT", "🟠 WARNING · dear"]
    assert lines[2].startswith("SOFR − EFFR 295 bp for Tue 17 Sep 2019, up 277 bp on the day")


def test_messages_speak_the_language_that_is_asked_for(directory) -> None:
    """Titles, words and dates alike."""
    found = run(directory, "--messages", "--to", "2019-08-31", "--language", "zh-Hant")
    assert found.stdout.split("\n")[1] == "🟡 注意 · 經濟很大"


def test_messages_may_be_of_one_rule(directory) -> None:
    """The tape is driven whole all the same."""
    found = run(directory, "--messages", "--rule", "dear")
    assert [line for line in found.stdout.split("\n") if "·" in line] == ["🟠 WARNING · dear"]


def test_what_several_receivers_are_told_alike_is_written_once(directory) -> None:
    """With their names, which stand for the chats behind them."""
    with (directory / "rules" / "a.yaml").open("a") as file:
        file.write(
            "receivers:\n  desk: [{telegram: {chat: -1}}]\n  boss: [{slack: {channel: C1}}]\n"
            "routes:\n  - {to: [desk, boss]}\n"
        )
    found = run(directory, "--messages", "--rule", "dear")
    assert found.stdout.split("\n")[0] == "Wed 2019-09-18 09:00 EDT  to desk, boss"
    assert found.stdout.count("WARNING") == 1


def test_text_says_what_a_revision_moved(directory) -> None:
    """In the line of the transition."""
    found = run(directory, "--rule", "big")
    assert found.stdout == (
        "Thu 2019-08-29 08:30 EDT  big  fired watch        $21.1tn for 2019-04-01 "
        "(threshold $21tn) by a revision\n"
    )


def test_hindsight_is_announced_first_and_only_where_people_read(directory) -> None:
    """On stderr in text; in JSON lines not at all, so that programs read on."""
    text = run(directory, "--as-of", "final", "--rule", "big")
    assert text.stderr.split("\n")[0] == f"ebbwatch: {commands.HINDSIGHT}"
    assert text.stdout.startswith("Fri 2019-07-26 08:30 EDT  big  fired watch        $21.3tn")
    lines = run(directory, "--as-of", "final", "--format", "jsonl")
    assert lines.stderr == ""
    assert all(line.startswith('{"at": ') for line in lines.stdout.splitlines())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "pdf"), "expected --format text, jsonl or html, found pdf"),
        (("--as-of", "now"), "expected --as-of live or final, found now"),
        (("--messages", "--format", "jsonl"),
         "--messages goes with --format text, and without --readings"),
        (("--messages", "--readings"),
         "--messages goes with --format text, and without --readings"),
        (("--out", "x"), "--out goes with --format html"),
        (("--language", "fr"), "expected --language en, zh-Hant, zh-Hans or zh-Hant-HK, found fr"),
        (("--rule", "nobody"), "there is no rule nobody; known: big, dear"),
        (("--rule", "deer"), "there is no rule deer; did you mean dear?"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(
    directory, options: tuple[str, ...], message: str
) -> None:
    """With what was expected, before anything is read."""
    found = run(directory, *options)
    assert (found.exit_code, found.stdout, found.stderr) == (2, "", f"ebbwatch: {message}\n")


def test_ctrl_c_keeps_the_lines_that_were_written(directory, monkeypatch, capsys) -> None:
    """And ends with what a shell expects of it."""

    def interrupted(judge, journal, span, write: Callable[[str], object], **_more) -> None:
        write("one line\n")
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.replaying, "write_text", interrupted)
    found = run(directory)
    assert (found.exit_code, found.stdout) == (130, "one line\n")
    assert found.stderr.endswith("ebbwatch: interrupted\n")


def test_progress_is_shown_to_people_only() -> None:
    """Where stderr is a file, nothing is written and rich is not asked."""
    assert not sys.stderr.isatty()
    with commands.progress(printing=False) as doing:
        doing("anything")


# ---- texts ----------------------------------------------------------------------------------

QT_ENDS = "rules: [{name: qt-ends, text: fed_press, matches: '(?i)conclude the reduction'}]\n"
STATEMENT = TextItem(
    source="fed_press", key="https://example.org/a", title="FOMC statement",
    body="Growth is moderate. The Committee decided to conclude the reduction of its holdings on "
    "December 1. More follows.",
    published_at=ny(2025, 10, 29, 14), known_at=ny(2025, 10, 29, 14, 1),
)  # fmt: skip
OTHER = replace(STATEMENT, key="b", body="Nothing.", known_at=ny(2025, 10, 30))


def test_texts_are_replayed_with_the_figures() -> None:
    """At the instant at which each was known, in the words that matched."""
    judge = between("2025-09-10", "2025-11-20", SPREAD, QT_ENDS)
    journal = replay(judge, texts=[STATEMENT, OTHER])
    assert [(t.rule, t.at) for t in journal.texts] == [("qt-ends", STATEMENT.known_at)]
    assert replay(judge, upto=micros(STATEMENT.published_at), texts=[STATEMENT]).texts == []
    rows = told(
        messages(judge, journal, MemoryStore(), TRANSLATORS, lambda _at: True, [STATEMENT, OTHER])
    )
    (message,) = [text for at, _, text in rows if at == STATEMENT.known_at]
    assert "The Committee decided to conclude the reduction" in message
    without = told(messages(judge, replay(judge), MemoryStore(), TRANSLATORS, lambda _at: True))
    assert [row for row in rows if row[0] != STATEMENT.known_at] == without


def test_the_store_has_the_texts(tmp_path, monkeypatch) -> None:
    """They are part of the tape as its figures are, beside those bundled; 'none' leaves them out."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = open_store(url)
    with store.transaction():
        store.record_texts([STATEMENT, OTHER])
    store.close()
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", url)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yaml").write_text(QT_ENDS, "utf-8")
    command = typer.Typer()
    command.command()(commands.replay)
    found = CliRunner().invoke(command, ["--rules", str(rules)])
    line = "Wed 2025-10-29 14:01 EDT  qt-ends  fired warning      for 2025-10-29\n"
    assert found.stdout.endswith(line)
    lines = CliRunner().invoke(command, ["--rules", str(rules), "--format", "jsonl"]).stdout
    assert {json.loads(one)["rule"] for one in lines.splitlines()} == {"qt-ends"}
    page = CliRunner().invoke(command, ["--rules", str(rules), "--format", "html"]).stdout
    assert "The Committee decided to conclude the reduction" in page
    none = CliRunner().invoke(command, ["--rules", str(rules), "--store", "none"])
    assert none.stdout == found.stdout.removesuffix(line)
