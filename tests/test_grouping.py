"""Which receivers hear of an alert, what is told together, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ebbwatch.core.telling.grouping import Group, from_json, group_key, joined, next_due, to_json
from ebbwatch.core.telling.routing import Destination, labels_of, receivers_for
from ebbwatch.model.alert import Cause, Change, Input, Level, Transition
from ebbwatch.ruleset.rules import Route

AT = datetime(2025, 11, 3, 14, tzinfo=UTC)
FUNDING = labels_of("funding-spread", Level.WARNING, {"theme": "funding"})

CRITICAL = Route(match={"level": "critical"}, to=("desk", "oncall"))
HEALTH = Route(match={"theme": "data-health"}, to=("ops",))
REST = Route(to=("desk",), group_by=("theme",), group_wait_s=30)
LOG = Route(match={"theme": "funding"}, to=("log",), proceed=True)

ROUTES = [
    ("the first route that matches ends the search", [CRITICAL, HEALTH, REST], FUNDING, (),
     [Destination(REST, "desk")]),
    ("its receivers are told in order", [CRITICAL, REST], {**FUNDING, "level": "critical"}, (),
     [Destination(CRITICAL, "desk"), Destination(CRITICAL, "oncall")]),
    ("continue looks on", [LOG, REST], FUNDING, (),
     [Destination(LOG, "log"), Destination(REST, "desk")]),
    ("a receiver is told once, by its first route",
     [Route(match={"theme": "funding"}, to=("desk",), proceed=True), REST], FUNDING, (),
     [Destination(Route(match={"theme": "funding"}, to=("desk",), proceed=True), "desk")]),
    ("no routes: everybody hears everything", [], FUNDING, (),
     [Destination(Route(to=("desk", "oncall")), "desk"),
      Destination(Route(to=("desk", "oncall")), "oncall")]),
    ("no match: nobody", [CRITICAL, HEALTH], FUNDING, (), []),
    ("a label that is missing never matches", [Route(match={"team": ""}, to=("desk",))], FUNDING,
     (), []),
    ("who was told of the episode hears how it goes on", [CRITICAL, REST], FUNDING, ("oncall",),
     [Destination(REST, "desk"), Destination(CRITICAL, "oncall")]),
    ("who was told and is no longer in any route does not", [REST], FUNDING, ("oncall",),
     [Destination(REST, "desk")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "routes", "labels", "told", "expected"), ROUTES, ids=[r[0] for r in ROUTES]
)
def test_an_alert_goes_where_its_routes_say(
    name: str,
    routes: list[Route],
    labels: dict[str, str],
    told: tuple[str, ...],
    expected: list[Destination],
) -> None:
    """Routes are read from the top."""
    found = receivers_for(labels, routes, receivers=["desk", "oncall"], told=told)
    assert found == expected


def test_a_rule_cannot_pass_for_another_by_its_labels() -> None:
    """The name and the level are the alert's own."""
    labels = labels_of("a", Level.WATCH, {"name": "b", "level": "critical", "theme": "x"})
    assert labels == {"name": "a", "level": "watch", "theme": "x"}


@pytest.mark.parametrize(
    ("name", "group_by", "labels", "key"),
    [
        ("each alert by itself", (), FUNDING, "desk/name=funding-spread"),
        ("by a label", ("theme",), FUNDING, "desk/theme=funding"),
        ("by two labels", ("theme", "level"), FUNDING, "desk/theme=funding,level=warning"),
        ("a missing label is empty", ("team",), FUNDING, "desk/team="),
    ],
)
def test_a_group_is_named_by_what_its_alerts_share(
    name: str, group_by: tuple[str, ...], labels: dict[str, str], key: str
) -> None:
    """The key holds the receiver and the labels grouped by."""
    assert group_key(labels, Destination(Route(group_by=group_by), "desk")) == key


def move(rule: str, after_s: int, **changes: object) -> Transition:
    fields: dict[str, object] = {
        "at": AT + timedelta(seconds=after_s), "rule": rule, "change": Change.FIRED,
        "level": Level.WARNING, "before": Level.NONE, "value": 36.0, "unit": "bp",
        "threshold": 20.0, "period": "2025-10-31", "episode": f"{rule}@1",
        "cause": Cause.NEW_PERIOD, **changes,
    }  # fmt: skip
    return Transition(**fields)  # type: ignore[arg-type]


def collect(*moves: tuple[Transition, dict[str, str]], route: Route = REST) -> dict[str, Group]:
    waiting: dict[str, Group] = {}
    for one, labels in moves:
        group = joined(waiting, one, labels=labels, destination=Destination(route, "desk"))
        waiting[group.key] = group
    return waiting


def test_a_group_waits_from_its_first_change() -> None:
    """Later changes join it and do not put it off."""
    first, second = move("funding-spread", 0), move("repo-spike", 29)
    waiting = collect((first, FUNDING), (second, {**FUNDING, "name": "repo-spike"}))
    assert waiting == {
        "desk/theme=funding": Group(
            key="desk/theme=funding",
            receiver="desk",
            due_at=AT + timedelta(seconds=30),
            moves=(first, second),
        )
    }
    assert next_due(waiting) == AT + timedelta(seconds=30)


def test_alerts_of_other_labels_wait_apart() -> None:
    """Each group has its own instant; the earliest is due next."""
    waiting = collect(
        (move("gold-price", 5), {"name": "gold-price", "theme": "assets"}),
        (move("funding-spread", 0), FUNDING),
    )
    assert {key: group.due_at for key, group in waiting.items()} == {
        "desk/theme=assets": AT + timedelta(seconds=35),
        "desk/theme=funding": AT + timedelta(seconds=30),
    }
    assert next_due(waiting) == AT + timedelta(seconds=30)
    assert next_due({}) is None


def test_a_route_without_a_wait_tells_at_once() -> None:
    """The group is due at the instant of its change."""
    (group,) = collect((move("funding-spread", 0), FUNDING), route=Route(to=("desk",))).values()
    assert group.due_at == AT


def test_waiting_groups_survive_a_restart() -> None:
    """What is stored is what is read again, with every field of every change."""
    full = move(
        "funding-spread", 0,
        inputs=(
            Input(
                series="sofr", period="2025-10-31", value=4.22, unit="%", known_at=AT,
                assumed=True, source="nyfed",
            ),
        ),
        previous=17.0, extreme=41.0, entered_at=AT, entry=36.0, turns=("month-end",),
    )  # fmt: skip
    bare = move(
        "qt-ends", 1, value=None, unit=None, threshold=None, cause=Cause.TEXT,
        change=Change.RESOLVED, before=Level.WATCH,
    )  # fmt: skip
    waiting = collect((full, FUNDING), (bare, {"name": "qt-ends"}))
    assert [from_json(to_json(group)) for group in waiting.values()] == [*waiting.values()]
