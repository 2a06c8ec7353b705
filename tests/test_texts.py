"""Text rules: what is new, what is outside the plan, and what the bundled releases say."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from scripts.build_archive import decisions

from ebbwatch import app, archive
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.model.fomc import KNOWN_TO, SCHEDULED, is_unscheduled
from ebbwatch.model.observation import TextItem
from ebbwatch.model.periods import micros
from ebbwatch.ruleset.rules import Rule
from ebbwatch.runtime.lookback import replay
from ebbwatch.runtime.pipeline import Event, Pipeline, text_moves
from tests.paths import ROOT
from tests.ruleset.loading import valid

STATEMENT = "Federal Reserve issues FOMC statement"


def published(day: str, body: str, title: str = STATEMENT, source: str = "fed_press") -> TextItem:
    """Return a text of a day at 19:00 UTC."""
    at = datetime.fromisoformat(f"{day}T19:00").replace(tzinfo=UTC)
    return TextItem(
        source=source, key=f"{day} {title}", title=title, body=body, published_at=at, known_at=at
    )


def rule(*keys: str) -> Rule:
    """Return a text rule with some more keys."""
    more = "".join(f", {key}" for key in keys)
    ruleset = valid({"r.yaml": f"rules: [{{name: x, text: fed_press, matches: buy{more}}}]\n"})
    return ruleset.rules[0]


def fired(wanted: Rule, item: TextItem, *earlier: TextItem) -> bool:
    """Return whether a text makes a rule fire, others being held."""
    return bool(list(text_moves(wanted, [item], micros(item.known_at), earlier)))


NOW = published("2026-09-16", "We buy.")


@pytest.mark.parametrize(
    ("name", "earlier", "new"),
    [
        ("nothing was said before", [], True),
        ("the one before said the same", [published("2026-07-29", "We buy.")], False),
        ("the one before did not", [published("2026-07-29", "We wait.")], True),
        ("an older one did", [published("2026-06-17", "We buy."),
                              published("2026-07-29", "We wait.")], True),
        ("a later one does", [published("2026-10-28", "We buy.")], True),
        ("a note did, which is another kind",
         [published("2026-07-29", "We buy.", "Implementation Note issued July 29, 2026")], True),
        ("another source did", [published("2026-07-29", "We buy.", source="other")], True),
    ],
)  # fmt: skip
def test_what_was_said_before_is_not_new(name: str, earlier: list[TextItem], new: bool) -> None:
    """Only the previous text of the same kind and source counts."""
    assert fired(rule("new: true"), NOW, *earlier) is new, name
    assert fired(rule(), NOW, *earlier)


def test_of_texts_that_come_together_the_second_is_not_new() -> None:
    """After an outage two statements are read at once."""
    both = [published("2026-07-29", "We buy."), NOW]
    moves = list(text_moves(rule("new: true"), both, micros(NOW.known_at)))
    assert [move.period for move in moves] == ["2026-07-29"]


@pytest.mark.parametrize(
    ("name", "item", "said"),
    [
        ("a Sunday", published("2020-03-15", "We buy."), True),
        ("a planned day", NOW, False),
        ("minutes", published("2020-03-15", "We buy.", "Minutes of the FOMC, March 15, 2020"), False),
        ("a day beyond the plan", published("2031-01-15", "We buy."), False),
    ],
)  # fmt: skip
def test_a_statement_outside_the_plan_is_no_other_text(
    name: str, item: TextItem, said: bool
) -> None:  # fmt: skip
    """Minutes never are, and what is not known of the plan raises no alarm."""
    assert fired(rule("scheduled: false"), item) is said, name


def test_scheduled_is_false_or_left_out() -> None:
    """A rule for planned statements alone is not what anybody means."""
    text = "rules: [{name: x, text: fed_press, matches: buy, scheduled: true}]\n"
    [problem] = app.load_rules({"r.yaml": text}, data_only=True).problems
    assert problem.message == "scheduled is false or does not stand"


def test_the_plan_agrees_with_what_was_announced() -> None:
    """Every planned day of the script's table is one; the two of March 2020 are not."""
    days = {one.at.date() for one in decisions()}
    assert {day for day in days if is_unscheduled(day)} == {
        date(2019, 10, 4), date(2020, 3, 3), date(2020, 3, 15)
    } & days  # fmt: skip
    assert {len([d for d in SCHEDULED if d.year == year]) for year in range(2017, 2028)} == {8}
    assert date(2027, 12, 8) < KNOWN_TO


# ---- the bundled texts and the pack ---------------------------------------------------------

#: Which of the bundled releases each rule of the pack fires on.
FIRED = {
    "qt-ends": ["2019-07-31", "2025-10-29"],
    "qt-begins": ["2017-09-20", "2022-05-04"],
    "reserve-purchases-begin": ["2019-10-11", "2025-12-10"],
    "easing-purchases-begin": ["2020-03-15"],
    "pace-changes": ["2021-11-03", "2024-05-01", "2025-03-19"],
    "purchases-when-appropriate": ["2026-09-16"],
    "facility-terms": ["2025-12-10"],
    "unscheduled-statement": ["2020-03-15", "2020-03-23"],
}


def test_the_pack_s_text_rules_fire_on_these_releases_and_no_others() -> None:
    """Each at its minute: 14:00 New York on 29 October and on 10 December 2025."""
    ruleset = app.load_rules(app.rule_files(ROOT / "rules"), data_only=True).ruleset
    assert ruleset is not None
    assert {r.name for r in ruleset.rules if r.pattern} == FIRED.keys()
    judge = Judge(ruleset, app.empty_history(ruleset))
    moves = replay.replay(judge, texts=archive.texts()).texts
    found = {name: [m.period for m in moves if m.rule == name] for name in FIRED}
    assert found == FIRED
    at = {(m.rule, m.at.isoformat()) for m in moves}
    assert ("qt-ends", "2025-10-29T18:00:00+00:00") in at
    assert ("reserve-purchases-begin", "2025-12-10T19:00:00+00:00") in at
    # Each was tried on at least five that it must not match.
    assert all(len(archive.texts()) - len(days) >= 5 for days in FIRED.values())


def test_the_bundled_texts_are_the_board_s() -> None:
    """Title, address, instant and article; one file a release, oldest first."""
    texts = archive.texts()
    assert len(texts) == 31
    assert all(item.key.startswith("https://www.federalreserve.gov/") for item in texts)
    assert all(len(item.body) > 500 for item in texts)
    assert [item.published_at for item in texts] == sorted(item.published_at for item in texts)
    assert len({item.key for item in texts}) == 31


def test_what_was_said_before_is_read_once_for_all_rules_of_a_source() -> None:
    """The pack has seven rules that want to know it; a release is looked at by each of them."""
    ruleset = app.load_rules(app.rule_files(ROOT / "rules")).ruleset
    assert ruleset is not None
    assert sum(one.only_new for one in ruleset.rules) > 3
    asked: list[str] = []

    def held(source: str) -> list[TextItem]:
        asked.append(source)
        return [item for item in archive.texts() if item.known_at < release.known_at]

    release = next(item for item in archive.texts()
                   if item.key.endswith("monetary20251210a.htm"))  # fmt: skip
    journal = replay.Journal()
    pipeline = Pipeline(Judge(ruleset, app.empty_history(ruleset)), journal, held)
    pipeline.handle(Event(at=micros(release.known_at), texts=(release,)))
    assert [move.rule for move in journal.texts] == ["reserve-purchases-begin"]
    assert asked == ["fed_press"]
