"""What is heard of an alert: told, later or untold, always with the reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

import pytest

from ebbwatch.core.telling import hearing
from ebbwatch.core.telling.dedup import Entry, Situation
from ebbwatch.core.telling.hearing import Case, Later, Told, Untold, Why, what_is_heard
from ebbwatch.core.telling.routing import labels_of
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Reason
from ebbwatch.ruleset.rules import Inhibition, Quiet, Route

AT = datetime(2025, 11, 3, 14, tzinfo=UTC)  # 22:00 in Taipei
NIGHT = Quiet(start=time(22), end=time(7), zone="Asia/Taipei", below=Level.CRITICAL)
NIGHTLY = Route(quiet=NIGHT)
SITUATION = Situation(
    episode="e1", level=Level.WARNING, highest=Level.WARNING, value=36.0, period="2025-10-31"
)
NEWER = replace(SITUATION, period="2025-11-03")
OVER = replace(NEWER, level=Level.NONE, highest=Level.NONE)
ENTRY = Entry(episode="e1", level=Level.WARNING, at=AT - timedelta(days=3), value=36.0,
              period="2025-10-31")  # fmt: skip
LABELS = labels_of("sofr-above-range", Level.WARNING, {"theme": "funding"})
SPIKE = labels_of("repo-spike", Level.CRITICAL, {"theme": "funding"})


@dataclass(frozen=True)
class Silence:
    """A silence as the store keeps it."""

    id: str
    matcher: tuple[tuple[str, str], ...]
    until: datetime = AT + timedelta(hours=1)


def inhibition(source: dict[str, str], mute: dict[str, str]) -> Inhibition:
    return Inhibition(source=source, mute=mute)


FIRST = Told(Reason.FIRST)
BY_SPIKE = Untold(Why.INHIBITED, "repo-spike")
MORNING = datetime(2025, 11, 3, 23, tzinfo=UTC)
BY_SILENCE = Untold(Why.SILENCE, "s1", AT + timedelta(hours=1))
CASES = [
    ("nothing keeps it quiet", {}, FIRST),
    ("what was told before is no news, whatever would keep it quiet",
     {"last": ENTRY, "silences": [Silence("s1", (("theme", "funding"),))]}, Untold(Why.NOT_NEWS)),
    ("a route without resolutions is told none", {"last": ENTRY, "situation": OVER,
     "route": Route(resolved=False)}, Untold(Why.NO_RESOLUTIONS)),
    ("at night neither", {"last": ENTRY, "situation": OVER,
     "route": Route(resolved=False, quiet=NIGHT)}, Untold(Why.NO_RESOLUTIONS)),
    ("a reminder that is due is told", {"last": ENTRY, "situation": NEWER, "remind_at": AT},
     Told(Reason.REMINDER)),
    ("who has seen it needs no reminder",
     {"last": ENTRY, "situation": NEWER, "remind_at": AT, "acknowledged": True},
     Untold(Why.ACKNOWLEDGED)),
    ("but hears of what is worse",
     {"last": ENTRY, "situation": replace(NEWER, highest=Level.CRITICAL, level=Level.CRITICAL),
      "acknowledged": True}, Told(Reason.ESCALATED)),
    ("a silence by name", {"silences": [Silence("s1", (("name", "sofr-above-range"),))]},
     BY_SILENCE),
    ("a silence by theme", {"silences": [Silence("s1", (("theme", "funding"),))]},
     BY_SILENCE),
    ("a silence by level", {"silences": [Silence("s1", (("level", "critical"),))]}, FIRST),
    ("all matchers of a silence must match",
     {"silences": [Silence("s1", (("theme", "funding"), ("level", "watch")))]}, FIRST),
    ("a label that is missing never matches, not even an empty wish",
     {"silences": [Silence("s1", (("team", ""),))]}, FIRST),
    ("a silence without matchers silences nothing", {"silences": [Silence("s1", ())]}, FIRST),
    ("a silence ends at its instant",
     {"silences": [Silence("s1", (("theme", "funding"),), until=AT)]}, FIRST),
    ("the first silence is named",
     {"silences": [Silence("s0", (("theme", "x"),)), Silence("s1", (("theme", "funding"),)),
                   Silence("s2", (("theme", "funding"),))]}, BY_SILENCE),
    ("another alert inhibits it",
     {"inhibitions": [inhibition({"name": "repo-spike"}, {"name": "sofr-above-range"})],
      "firing": {"repo-spike": SPIKE}}, BY_SPIKE),
    ("an alert that does not fire inhibits nothing",
     {"inhibitions": [inhibition({"name": "repo-spike"}, {"name": "sofr-above-range"})]}, FIRST),
    ("an inhibition of other alerts leaves it alone",
     {"inhibitions": [inhibition({"name": "repo-spike"}, {"theme": "assets"})],
      "firing": {"repo-spike": SPIKE}}, FIRST),
    ("an alert does not inhibit itself",
     {"inhibitions": [inhibition({"theme": "funding"}, {"theme": "funding"})],
      "firing": {"sofr-above-range": LABELS}}, FIRST),
    ("but its neighbour does",
     {"inhibitions": [inhibition({"theme": "funding"}, {"theme": "funding"})],
      "firing": {"sofr-above-range": LABELS, "repo-spike": SPIKE}}, BY_SPIKE),
    ("a label missing at the source never matches",
     {"inhibitions": [inhibition({"team": ""}, {"theme": "funding"})],
      "firing": {"repo-spike": SPIKE}}, FIRST),
    ("a label missing at the target never matches",
     {"inhibitions": [inhibition({"name": "repo-spike"}, {"team": ""})],
      "firing": {"repo-spike": SPIKE}}, FIRST),
    ("an inhibition of nothing mutes nothing",
     {"inhibitions": [inhibition({"name": "repo-spike"}, {})], "firing": {"repo-spike": SPIKE}},
        FIRST,
    ),
    ("flapping mutes the watch level", {"flapping": True, "level": Level.WATCH},
     Untold(Why.FLAPPING)),
    ("flapping mutes no higher level", {"flapping": True}, FIRST),
    ("quiet hours hold it until they end", {"route": NIGHTLY},
     Later(MORNING)),
    ("quiet hours let the named level through", {"route": NIGHTLY, "level": Level.CRITICAL}, FIRST),
    ("outside quiet hours it is told", {"route": NIGHTLY, "at": MORNING}, FIRST),
    ("a silence drops what quiet hours would tell in the morning",
     {"route": NIGHTLY, "silences": [Silence("s1", (("theme", "funding"),))]},
     BY_SILENCE),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "expected"), CASES, ids=[c[0] for c in CASES])
def test_the_first_stage_that_objects_says_why(
    name: str, given: dict[str, object], expected: Told | Later | Untold
) -> FIRST:
    """News is told unless something keeps it back, and then that is named."""
    case = Case(
        **{
            "at": AT, "labels": LABELS, "level": Level.WARNING, "situation": SITUATION,
            "last": None, "route": Route(), **given,
        }  # type: ignore[arg-type]
    )  # fmt: skip
    assert what_is_heard(case) == expected


def test_the_stages_are_one_list() -> None:
    """Whoever wants to know in which order things keep an alert quiet reads it here."""
    assert [stage.__name__ for stage in hearing.STAGES] == [
        "silenced", "inhibited", "flapping", "acknowledged", "unwanted", "quiet_hours",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Untold(Why.FLAPPING), "flapping"),
        (BY_SILENCE, "silence by s1"),
        (BY_SPIKE, "inhibited by repo-spike"),
        (Untold(Why.NO_RESOLUTIONS), "resolutions not wanted"),
        (Later(MORNING), "quiet hours until 2025-11-03T23:00:00+00:00"),
    ],
)
def test_a_reason_is_recorded_in_words(answer: Untold | Later, text: str) -> None:
    """The text goes with the transition."""
    assert str(answer) == text


def test_what_is_kept_back_is_owed_and_what_is_no_news_is_not() -> None:
    """After a silence, an inhibition or flapping it is told after all."""
    assert [why for why in Why if Untold(why).owed] == [
        Why.SILENCE, Why.INHIBITED, Why.FLAPPING,
    ]  # fmt: skip
