"""The store's contract, for the memory store, SQLite and PostgreSQL alike."""

# ruff: noqa: PT012 - what an exception must undo is written inside the block that raises it

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from ebbwatch.model.alert import Change, Level
from ebbwatch.model.message import OutboxRow, Receipt, RowState
from ebbwatch.model.observation import Observation
from ebbwatch.ports import SILENT, AlertRecord, Contended, Held, Step, Store, StoreError
from ebbwatch.store.sql import SqlStore
from tests.contracts.samples import (
    FULL_FACT,
    FULL_MESSAGE,
    FULL_TARGET,
    FULL_TRANSITION,
    T0,
    at,
    fact,
    moved,
    quiet_wish,
    row,
    text_item,
)
from tests.contracts.stores import Database


def enqueue(store: Store, *rows: OutboxRow) -> int:
    with store.transaction():
        return store.enqueue(rows)


def record(store: Store, *facts: Observation) -> int:
    with store.transaction():
        return store.record(facts)


def claim(store: Store, when: datetime = T0, *, owner: str = "a", limit: int = 100) -> list[str]:
    return [one.key for one in store.claim(ts=when, owner=owner, limit=limit)]


def claimed(one: OutboxRow, **changes: Any) -> OutboxRow:
    """Return a row as a claim hands it out."""
    return replace(one, **{"state": RowState.CLAIMED, **changes})


@pytest.fixture(autouse=True)
def _our_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let owners live by the tests' clock; PostgreSQL's own is tried in `test_databases`."""
    monkeypatch.setattr(SqlStore, "_moment", lambda _self, ts: ts)


# transactions


def write_everything(store: Store) -> None:
    store.record([fact()])
    store.hold([Held(observation=fact(), reason="a jump")])
    store.record_texts([text_item()])
    store.save_alerts([AlertRecord(name="a", definition="d", ladder="l", state="{}")])
    store.append([moved()])
    store.put("cursor", "1")
    store.silence(quiet_wish())
    store.enqueue([row("k")])


def everything(store: Store) -> list[Any]:
    return [
        list(store.observations()),
        store.held(),
        store.texts("fed_press"),
        store.alerts(),
        store.transitions(),
        store.get("cursor"),
        store.silences(),
        store.outbox(),
        store.next_due(),
    ]


def test_a_transaction_is_read_inside_and_kept_after(database: Database) -> None:
    """What a transaction wrote is seen in it, and by everybody once it is over."""
    store, other = database.open(), database.open()
    with store.transaction():
        write_everything(store)
        inside = everything(store)
    assert all(inside)
    assert everything(store) == inside
    assert everything(other) == inside


def test_an_exception_leaves_nothing_behind(database: Database) -> None:
    """The exception passes on, and of the transaction nothing remains."""
    store = database.open()
    before = everything(store)
    with pytest.raises(ZeroDivisionError), store.transaction():
        write_everything(store)
        raise ZeroDivisionError
    assert everything(store) == before
    assert everything(database.open()) == before


def test_an_exception_brings_back_what_was_changed_and_deleted(store: Store) -> None:
    """Rolling back undoes updates and deletions, in the order things had."""
    with store.transaction():
        write_everything(store)
        store.hold([Held(observation=fact("0.05"), reason="another")])
    before = everything(store)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.release("sofr", fact().period)
        store.hold([Held(observation=fact("0.06"), reason="a third")])
        store.save_alerts([replace(store.alerts()["a"], state="changed")])
        store.forget_alerts(["a"])
        store.put("cursor", "2")
        store.put("cursor", None)
        store.silence(quiet_wish(until=at(9)))
        claim(store)
        store.delivered({"k": Receipt("1")}, ts=T0, owner="a")
        raise ZeroDivisionError
    assert everything(store) == before
    assert claim(store) == ["k"]


def test_a_transaction_can_follow_a_failed_one(store: Store) -> None:
    """A failed transaction does not stay open."""
    with pytest.raises(ZeroDivisionError), store.transaction():
        raise ZeroDivisionError
    assert record(store, fact()) == 1


def test_a_transaction_inside_another_is_refused(store: Store) -> None:
    """There is no half of a transaction."""
    refused = pytest.raises(StoreError, match="one transaction at a time")
    with store.transaction(), refused, store.transaction():
        pass


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.record([fact()]),
        lambda store: store.hold([Held(observation=fact(), reason="a jump")]),
        lambda store: store.record_texts([text_item()]),
        lambda store: store.save_alerts(
            [AlertRecord(name="a", definition="d", ladder="l", state="{}")]
        ),
        lambda store: store.append([moved()]),
        lambda store: store.put("cursor", "1"),
        lambda store: store.silence(quiet_wish()),
        lambda store: store.enqueue([row("k")]),
    ],
)
def test_a_write_outside_a_transaction_is_refused(store: Store, write: Any) -> None:
    """Whoever forgets the transaction learns it at once, and nothing was written."""
    before = everything(store)
    with pytest.raises(StoreError, match="expected an open transaction around this write"):
        write(store)
    assert everything(store) == before


def test_nothing_to_write_is_no_write(store: Store) -> None:
    """Empty sequences are fine and change nothing."""
    with store.transaction():
        assert store.record([]) == store.hold([]) == store.record_texts([]) == 0
        assert store.append([]) == store.enqueue([]) == 0
        store.save_alerts([])
        store.forget_alerts([])


# facts


@pytest.mark.parametrize(
    "value",
    ["0.0525", "3019028E+6", "0", "-0.00", "1.10", "1E-30", "123456789012345678901.5", None],
)
def test_values_come_back_digit_by_digit(store: Store, value: str | None) -> None:
    """A value keeps every digit, its trailing zeros and its exponent; None stays None."""
    record(store, fact(value))
    (found,) = store.observations()
    assert found == fact(value)
    assert str(found.value) == str(None if value is None else Decimal(value))


@pytest.mark.parametrize(
    "instant",
    [
        T0,
        T0.replace(microsecond=999_999),
        datetime(1954, 7, 1, tzinfo=T0.tzinfo),
        datetime(2262, 4, 12, 1, 1, 1, 1, tzinfo=T0.tzinfo),
        T0.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_instants_come_back_to_the_microsecond(store: Store, instant: datetime) -> None:
    """An instant is kept exactly, before 1970 and in another zone as well."""
    record(store, fact(known_at=instant))
    assert list(store.observations()) == [fact(known_at=instant)]


def test_every_field_of_an_observation_comes_back(store: Store) -> None:
    """Vintage and assumption are kept with the value."""
    record(store, FULL_FACT)
    assert list(store.observations()) == [FULL_FACT]


def test_observations_come_in_the_order_they_became_known(store: Store) -> None:
    """The tape is ordered by known_at, series, period and source, whatever the order written."""
    tape = [
        fact(known_at=at(-1), period=99),
        fact(series="a1", period=2),  # letter by letter, a dictionary has it after a_b
        fact(series="a_b", period=2),
        fact(series="ab", period=1),
        fact(series="ab", period=1, source="z"),
        fact(series="ab", period=2),
        fact(series="b", period=1),
        fact(series="a", known_at=at(1)),
    ]
    record(store, *reversed(tape[3:]), *tape[:3])
    assert list(store.observations()) == tape
    assert list(store.observations("ab")) == tape[3:6]
    assert list(store.observations("nobody")) == []


def test_a_long_tape_comes_whole(store: Store) -> None:
    """More observations than are read at a time come once each, in order."""
    tape = [
        fact(known_at=at(number // 7), series=f"s{number % 7}", period=number)
        for number in range(25_001)
    ]
    assert record(store, *tape) == len(tape)
    assert list(store.observations()) == tape
    assert list(store.observations("s3")) == tape[3::7]


def test_an_observation_is_recorded_once(store: Store) -> None:
    """Equal series, period, instant and source are there already, whatever the value says."""
    assert record(store, fact("1"), fact("2"), fact("3", period=7)) == 2
    assert record(store, fact("4"), fact("5", source="fred"), fact("6", known_at=at(1))) == 2
    assert [str(one.value) for one in store.observations()] == ["3", "5", "1", "6"]


def test_quarantine_holds_each_value_once(store: Store) -> None:
    """The same value of the same period is held once; another value is held beside it."""
    first = Held(observation=FULL_FACT, reason="a jump")
    second = Held(observation=fact(None), reason="no value")
    third = Held(observation=fact("7", series="reserves"), reason="a thousandfold")
    with store.transaction():
        assert store.hold([first, second, first]) == 2
        again = replace(second, observation=fact(None, known_at=at(1)), reason="still none")
        assert store.hold([again, third]) == 1
    assert store.held() == [first, second, third]
    assert list(store.observations()) == []


def test_released_observations_leave_the_quarantine(store: Store) -> None:
    """Releasing a period takes out all its values, oldest first, and nothing else."""
    held = [Held(observation=fact(value), reason=value) for value in ("1", "2")]
    other = Held(observation=fact("1", period=7), reason="other")
    with store.transaction():
        store.hold([*held, other])
    with store.transaction():
        assert store.release("sofr", fact().period) == held
        assert store.release("sofr", fact().period) == []
        assert store.release("nobody", 7) == []
    assert store.held() == [other]


def test_a_text_is_recorded_once_per_body(store: Store) -> None:
    """A text is new when its body is; texts come oldest first, of one source."""
    first, changed = text_item(), text_item(body="another body", known_at=at(-5))
    other = text_item(source="elsewhere")
    with store.transaction():
        assert store.record_texts([first, replace(first, known_at=at(9), title="x")]) == 1
        assert store.record_texts([changed, first, other]) == 2
    assert store.texts("fed_press") == [changed, first]
    assert store.texts("elsewhere") == [other]
    assert store.texts("nobody") == []


# decisions


def saved(name: str, version: int, state: str = "{}") -> AlertRecord:
    return AlertRecord(name=name, definition="d", ladder="l", state=state, version=version)


def test_saving_counts_the_version(store: Store) -> None:
    """A save names the version it read, and stores the next one."""
    with store.transaction():
        store.save_alerts([saved("b", 0), saved("a", 0)])
        assert store.alerts() == {"a": saved("a", 1), "b": saved("b", 1)}
        store.save_alerts([saved("a", 1, "moved"), saved("c", 0)])
    assert store.alerts() == {"a": saved("a", 2, "moved"), "b": saved("b", 1), "c": saved("c", 1)}
    assert list(store.alerts()) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "late",
    [
        [saved("a", 0)],
        [saved("a", 2)],
        [saved("unknown", 1)],
        [saved("new", 0), saved("a", 1), saved("a", 1)],
        [saved("new", 0), saved("new", 0)],
    ],
)
def test_a_save_of_what_has_changed_is_contended(store: Store, late: list[AlertRecord]) -> None:
    """Where any version is not the stored one, nothing of the transaction remains."""
    with store.transaction():
        store.save_alerts([saved("a", 0)])
    with pytest.raises(Contended, match="changed by another writer"), store.transaction():
        record_inside = store.record([fact()])
        store.save_alerts(late)
    assert record_inside == 1
    assert store.alerts() == {"a": saved("a", 1)}
    assert list(store.observations()) == []


def test_forgotten_alerts_leave_their_transitions(store: Store) -> None:
    """Forgetting an alert deletes its state only; it starts again at version 0."""
    with store.transaction():
        store.save_alerts([saved("a", 0), saved("b", 0)])
        store.append([moved("a")])
        store.forget_alerts(["a", "never heard of"])
        store.save_alerts([saved("a", 0)])
        store.forget_alerts(["b"])
    assert store.alerts() == {"a": saved("a", 1)}
    assert store.transitions() == [moved("a")]


def test_every_field_of_a_transition_comes_back(store: Store) -> None:
    """Nested inputs, enumerations, floats and instants come back as they were."""
    with store.transaction():
        store.append([FULL_TRANSITION])
    (found,) = store.transitions()
    assert found == FULL_TRANSITION
    assert repr(found) == repr(FULL_TRANSITION)


def test_a_transition_is_appended_once(store: Store) -> None:
    """Equal rule, instant, period and change exist already; any difference is another one."""
    different = [
        moved("other"),
        moved(at=at(1)),
        moved(period="2025-10-30"),
        moved(change=Change.RESOLVED),
    ]
    with store.transaction():
        assert store.append([moved(), moved(value=1.0)]) == 1
        assert store.append([*different, moved(muted="history")]) == 4
    assert len(store.transitions()) == 5
    assert moved() in store.transitions()


def test_transitions_are_found_by_rule_and_time(store: Store) -> None:
    """Oldest first, in the order appended within an instant; newest first with a limit."""
    late, b, c, early = (
        moved("a", at=at(2)),
        moved("b"),
        moved("a", period="x"),
        moved("a", at=at(-2)),
    )
    with store.transaction():
        store.append([late, b, c, early])
    assert store.transitions() == [early, b, c, late]
    assert store.transitions(rule="a") == [early, c, late]
    assert store.transitions(since=T0) == [b, c, late]
    assert store.transitions(limit=3) == [late, c, b]
    assert store.transitions(rule="a", since=T0, limit=1) == [late]
    assert store.transitions(limit=0) == []


def test_small_texts_are_written_over_and_deleted(store: Store) -> None:
    """A text is None until it is put, and again once None is put; empty is a text."""
    assert store.get("k") is None
    for value in ("1", "2", "", None, None, "3"):
        with store.transaction():
            store.put("k", value)
            store.put("other", "untouched")
        assert store.get("k") == value
    assert store.get("other") == "untouched"


def test_silences_are_added_and_replaced(store: Store) -> None:
    """A silence with a known id takes the other's place; they come oldest first."""
    second = quiet_wish(id="s0", created_at=at(1), comment="", matcher=())
    with store.transaction():
        store.silence(second)
        store.silence(quiet_wish())
        store.silence(quiet_wish(until=at(5), by="slack:U1"))
    assert store.silences() == [quiet_wish(until=at(5), by="slack:U1"), second]


# telling


def test_every_field_of_a_message_comes_back(store: Store) -> None:
    """Chart, buttons, alert maps, enumerations and the target's options come back."""
    full = row(
        "k", message=FULL_MESSAGE, target=FULL_TARGET, quiet=True, error="once",
        lines=("a", "b"), level=Level.CRITICAL, foldable=True,
    )  # fmt: skip
    enqueue(store, full)
    assert store.outbox() == [full]
    (found,) = store.claim(ts=T0, owner="a", limit=1)
    assert found == claimed(full)
    assert repr(found) == repr(claimed(full))


def test_a_row_is_enqueued_once(store: Store) -> None:
    """A key that exists already is left alone, settled or not."""
    assert enqueue(store, row("a"), row("b"), row("a", quiet=True)) == 2
    assert claim(store) == ["a", "b"]
    assert store.delivered({"a": Receipt()}, ts=T0, owner="a")
    assert enqueue(store, row("a"), row("c")) == 1
    assert claim(store) == ["c"]
    assert [one.key for one in store.outbox()] == ["c", "b", "a"]


def test_a_claim_is_no_try_and_a_try_is_counted_when_it_begins(store: Store) -> None:
    """What is handed out is what is written; nobody else can have it meanwhile."""
    enqueue(store, row("k"))
    assert store.claim(ts=T0, owner="a", limit=1) == [claimed(row("k"))]
    assert store.outbox() == [claimed(row("k"))]
    assert claim(store, owner="b") == []
    assert store.begin(["k"], ts=T0, owner="b") == set()
    assert store.begin(["k", "none"], ts=T0, owner="a") == {"k"}
    assert store.outbox() == [claimed(row("k"), attempts=1, begun=True)]
    assert store.begin(["k"], ts=T0, owner="a") == set()


def test_a_row_is_claimed_from_its_instant_on(store: Store) -> None:
    """Not a microsecond before not_before, and at it."""
    enqueue(store, row("k", not_before=at(1)))
    assert claim(store, at(1) - timedelta(microseconds=1)) == []
    assert claim(store, at(1)) == ["k"]


def test_the_most_severe_goes_first_and_then_who_has_waited_longest(store: Store) -> None:
    """Rows come by level, by not_before, then in the order enqueued, no more than asked for."""
    enqueue(
        store, row("c", not_before=at(2)), row("a"), row("b"), row("d", not_before=at(2)),
        row("x", not_before=at(3), level=Level.CRITICAL), row("w", level=Level.WATCH),
    )  # fmt: skip
    assert claim(store, at(5), limit=3) == ["x", "w", "a"]
    assert claim(store, at(5), limit=2) == ["b", "c"]
    assert claim(store, at(5), limit=0) == []
    assert claim(store, at(5)) == ["d"]


GONE = T0 + SILENT


def test_the_claims_of_an_owner_that_is_gone_can_be_had_again(store: Store) -> None:
    """What it had not begun to send is as it was; what it had may have arrived."""
    enqueue(store, row("begun"), row("not begun"))
    claim(store, owner="a")
    store.begin(["begun"], ts=T0, owner="a")
    assert claim(store, GONE - timedelta(microseconds=1), owner="b") == []
    assert store.claim(ts=GONE, owner="b", limit=9) == [
        claimed(row("begun"), attempts=1, uncertain=True), claimed(row("not begun")),
    ]  # fmt: skip


def test_an_owner_that_lives_keeps_its_claims(store: Store) -> None:
    """However long a send takes."""
    enqueue(store, row("k"))
    claim(store, owner="a")
    store.beat("a", ts=GONE)
    assert claim(store, GONE, owner="b") == []


def test_only_the_claims_owner_settles(store: Store) -> None:
    """Who lost its claim, or never had it, settles nothing."""
    enqueue(store, row("k"), row("free", not_before=at(60)))
    claim(store, owner="a")
    assert claim(store, at(5), owner="b") == ["k"]
    before = store.outbox()
    receipt = Receipt("1", "here")
    for key, owner in [("k", "a"), ("free", "a"), ("nowhere", "a")]:
        assert store.begin([key], ts=at(6), owner=owner) == set()
        assert not store.delivered({key: receipt}, ts=at(6), owner=owner)
        assert not store.park(key, ts=at(6), error="no", owner=owner)
        assert not store.retry(
            key, ts=at(6), not_before=at(7), error="no", uncertain=True, owner=owner
        )
    assert store.outbox() == before
    assert store.delivered({"k": receipt}, ts=at(6), owner="b")
    assert not store.delivered({"k": receipt}, ts=at(6), owner="b")


def test_a_late_settlement_counts_while_nobody_else_has_claimed(store: Store) -> None:
    """Silence alone takes nothing from an owner."""
    enqueue(store, row("k"))
    claim(store, owner="a")
    assert store.delivered({"k": Receipt()}, ts=at(60), owner="a")
    assert claim(store, at(60)) == []


def test_settled_rows_say_how_they_ended(store: Store) -> None:
    """Delivered and parked rows keep their count and what the last failed try said."""
    enqueue(store, row("sent"), row("stuck"))
    claim(store)
    store.begin(["sent", "stuck"], ts=T0, owner="a")
    assert store.delivered_at("terminal") is None
    assert store.delivered({"sent": Receipt("7")}, ts=at(1), owner="a")
    assert store.park("stuck", ts=at(1), error="chat not found", owner="a")
    assert store.outbox() == [
        row("stuck", state=RowState.PARKED, error="chat not found", attempts=1),
        row("sent", state=RowState.DELIVERED, attempts=1),
    ]
    assert claim(store, at(600)) == []
    assert (store.delivered_at("terminal"), store.places()) == (at(1), set())


def test_a_retry_waits_and_is_certain_unless_said(store: Store) -> None:
    """A row put back waits for its instant; what was once uncertain stays so."""
    enqueue(store, row("k"))
    tries = [(False, False), (True, True), (False, True)]
    for number, (uncertain, afterwards) in enumerate(tries, start=1):
        when, later = at(10 * number), at(10 * number + 3)
        assert claim(store, when) == ["k"]
        assert store.begin(["k"], ts=when, owner="a") == {"k"}
        assert store.retry(
            "k", ts=when, not_before=later, error=f"503 #{number}", uncertain=uncertain, owner="a"
        )
        assert store.outbox() == [
            row(
                "k",
                not_before=later,
                attempts=number,
                error=f"503 #{number}",
                uncertain=afterwards,
            )
        ]
        assert store.next_due() == later
        assert claim(store, later - timedelta(microseconds=1)) == []


def test_what_has_expired_or_was_parked_is_lost_once(store: Store) -> None:
    """After its last instant a row is no news; whoever takes it back hears of it once."""
    enqueue(store, row("k", expires_at=at(1)), row("bad"), row("well"))
    after = at(1) + timedelta(microseconds=1)
    assert claim(store, at(1)) == ["k", "bad", "well"]
    store.retry("k", ts=at(1), not_before=at(1), error="", uncertain=False, owner="a")
    store.park("bad", ts=at(1), error="no", owner="a")
    assert [one.key for one in store.lost(ts=at(1))] == ["bad"]
    assert claim(store, after) == []
    assert store.lost(ts=after) == [row("k", state=RowState.EXPIRED, not_before=at(1),
                                        expires_at=at(1))]  # fmt: skip
    assert store.lost(ts=after) == []
    assert store.next_due() is None


def test_a_row_is_news_in_its_last_instant(store: Store) -> None:
    """A row expires after `expires_at`, not at it."""
    enqueue(store, row("k", expires_at=at(1)))
    assert claim(store, at(1)) == ["k"]


def test_messages_of_a_line_go_out_in_order(store: Store) -> None:
    """Of one place and line, only the oldest unsettled row is handed out."""
    enqueue(
        store,
        row("1", lines=("spread",), episode="e"),
        row("2", lines=("spread",), episode="e"),
        row("3", lines=("spread",), episode="another", level=Level.CRITICAL),
        row("other line", lines=("tail",)),
        row("other place", lines=("spread",), place="slack:C01"),
    )
    assert claim(store) == ["1", "other line", "other place"]
    assert claim(store) == []
    store.retry("1", ts=at(1), not_before=at(2), error="", uncertain=False, owner="a")
    assert claim(store, at(1)) == []
    assert claim(store, at(2)) == ["1"]
    assert store.delivered({"1": Receipt("m1")}, ts=at(2), owner="a")
    assert claim(store, at(2)) == ["2"]
    assert store.park("2", ts=at(2), error="refused", owner="a")
    assert claim(store, at(2)) == ["3"]


def test_a_message_about_several_waits_for_each_of_them(store: Store) -> None:
    """A group goes out when no older message of any of its alerts is left."""
    enqueue(store, row("1", lines=("a",)), row("2", lines=("b",)), row("both", lines=("a", "b")))
    assert claim(store) == ["1", "2"]
    store.delivered({"1": Receipt()}, ts=at(1), owner="a")
    assert claim(store) == []
    store.delivered({"2": Receipt()}, ts=at(1), owner="a")
    assert claim(store) == ["both"]
    enqueue(store, row("after", lines=("b",)))
    assert claim(store) == []


def test_an_expired_row_holds_up_nobody(store: Store) -> None:
    """Once it is dropped, the next of its line is handed out."""
    enqueue(store, row("1", lines=("a",), expires_at=at(1)), row("2", lines=("a",)))
    assert claim(store, at(2)) == []
    assert [one.key for one in store.lost(ts=at(2))] == ["1"]
    assert claim(store, at(2)) == ["2"]


def test_rows_without_a_line_wait_for_nobody(store: Store) -> None:
    """A digest does not stand behind a notice."""
    enqueue(store, row("1"), row("2"))
    assert claim(store) == ["1", "2"]


def test_what_a_newer_message_makes_pointless_is_folded_into_it(store: Store) -> None:
    """Only where it waits, was never begun, and told of the same alert and episode."""
    one: dict[str, Any] = {"lines": ("a",), "episode": "e"}
    enqueue(
        store, row("first", **one), row("eased", foldable=True, **one),
        row("may have arrived", foldable=True, uncertain=True, **one),
        row("other episode", foldable=True, lines=("a",), episode="f"),
        row("other place", foldable=True, place="slack:C01", **one),
        row("group", foldable=True, lines=("a", "b"), episode="e"),
    )  # fmt: skip
    enqueue(store, row("resolved", **one))
    states = {one.key: (one.state.value, one.error) for one in store.outbox()}
    assert states == {
        "first": ("waiting", ""),
        "eased": ("folded", "folded into resolved"),
        "may have arrived": ("waiting", ""),
        "other episode": ("waiting", ""),
        "other place": ("waiting", ""),
        "group": ("waiting", ""),
        "resolved": ("waiting", ""),
    }
    assert claim(store) == ["first", "other place"]


def test_parked_rows_can_be_tried_again_and_waiting_ones_dropped(store: Store) -> None:
    """A person mends a receiver, or decides that nobody needs to hear it any more."""
    enqueue(store, row("1", lines=("a",)), row("2", lines=("a",)), row("3", place="slack:C01"))
    claim(store)
    store.park("1", ts=T0, error="no", owner="a")
    store.park("3", ts=T0, error="no", owner="a")
    assert store.requeue(["1", "2"], ts=at(1)) == 1
    assert store.places() == {"terminal"}
    assert claim(store, at(1)) == ["1"]
    dropped = store.drop(["1", "2", "3"], ts=at(2), reason="asked")
    assert [(one.key, one.state.value, one.error) for one in dropped] == [
        ("2", "dropped", "asked"), ("3", "dropped", "asked"),
    ]  # fmt: skip
    store.delivered({"1": Receipt()}, ts=at(2), owner="a")
    assert claim(store, at(60)) == []


def test_the_next_due_is_the_earliest_row_that_could_be_had(store: Store) -> None:
    """Waiting rows count from not_before, those behind others not at all."""
    assert store.next_due() is None
    enqueue(
        store,
        row("1", lines=("e",), not_before=at(10)),
        row("behind it", lines=("e",), not_before=at(1)),
        row("2", not_before=at(8)),
    )
    assert store.next_due() == at(8)
    claim(store, at(8))
    assert store.next_due() == at(10)
    claim(store, at(10))
    assert store.next_due() is None
    store.delivered({"1": Receipt()}, ts=at(10), owner="a")
    assert store.next_due() == at(1)


def test_the_last_moves_of_alerts_are_read_together(store: Store) -> None:
    """The newest of each, oldest first, without what they say."""
    moves = [
        moved("a", at=at(n), period=str(n), change=change)
        for n, change in enumerate([Change.FIRED, Change.RESOLVED, Change.FIRED])
    ]
    with store.transaction():
        store.append([*moves, moved("b", at=at(9), period="9")])
    assert store.steps(["a", "b", "none"], limit=2) == {
        "a": [Step(at(1), "1", Change.RESOLVED), Step(at(2), "2", Change.FIRED)],
        "b": [Step(at(9), "9", Change.FIRED)],
    }
    assert store.steps([], limit=2) == {}


def test_small_texts_are_read_and_written_together(store: Store) -> None:
    """Those whose keys begin alike; None deletes."""
    with store.transaction():
        store.put_all({"told/a": "1", "told/b": "2", "tole": "3", "to": "4", "told": "5"})
    assert store.memos("told/") == {"told/a": "1", "told/b": "2"}
    with store.transaction():
        store.put_all({"told/a": None, "told/c": "6", "told/none": None})
    assert store.memos("told/") == {"told/b": "2", "told/c": "6"}


def test_a_rollback_is_counted(store: Store) -> None:
    """Whoever remembers what was read knows that it may be wrong."""
    before = store.undone
    with store.transaction():
        store.put("k", "1")
    assert store.undone == before
    with pytest.raises(ZeroDivisionError), store.transaction():
        raise ZeroDivisionError
    assert store.undone == before + 1


def test_the_receipt_is_of_the_newest_delivered_message(store: Store) -> None:
    """A receipt is known by place and episode, for editing and answering."""
    common: dict[str, Any] = {"episode": "e", "place": "slack:C01", "lines": ("a",)}
    enqueue(store, row("1", **common), row("2", **common), row("3", **common))
    enqueue(store, row("none", episode="", place="slack:C01"))
    assert store.receipt(place="slack:C01", episode="e") is None
    for number, settled_at in (("1", at(9)), ("2", at(8))):
        assert claim(store)[0] == number
        receipt = Receipt(f"m{number}", "new chat")
        assert store.delivered({number: receipt}, ts=settled_at, owner="a")
        assert store.receipt(place="slack:C01", episode="e") == receipt
    claim(store)
    store.park("3", ts=at(9), error="refused", owner="a")
    store.delivered({"none": Receipt("x")}, ts=at(9), owner="a")
    assert store.receipt(place="slack:C01", episode="e") == Receipt("m2", "new chat")
    assert store.receipt(place="slack:C02", episode="e") is None
    assert store.receipt(place="slack:C01", episode="f") is None
    assert store.receipt(place="slack:C01", episode="") is None


def test_the_outbox_is_listed_newest_first(store: Store) -> None:
    """Rows are listed by state, no more than asked for; no states is no rows."""
    enqueue(store, *(row(str(number), not_before=at(number)) for number in range(4)))
    claim(store, at(1))
    waiting = [row("3", not_before=at(3)), row("2", not_before=at(2))]
    assert store.outbox(states=["waiting"]) == waiting
    assert store.outbox(states=[RowState.WAITING, RowState.CLAIMED], limit=2) == waiting
    assert [one.key for one in store.outbox(states=["claimed"])] == ["1", "0"]
    assert store.outbox(states=["parked"]) == []
    assert store.outbox(states=[]) == []


def test_settlements_can_share_a_commit(store: Store) -> None:
    """Inside a transaction the delivery methods are part of it, and fall with it."""
    enqueue(store, row("1"), row("2"))
    claim(store)
    with store.transaction():
        assert store.delivered({"1": Receipt()}, ts=T0, owner="a")
        assert store.park("2", ts=T0, error="", owner="a")
    settled = store.outbox()
    enqueue(store, row("3"))
    with pytest.raises(ZeroDivisionError), store.transaction():
        assert claim(store) == ["3"]
        raise ZeroDivisionError
    assert store.outbox() == [row("3"), *settled]


# several at once


def test_two_claimers_never_get_the_same_row(database: Database) -> None:
    """Two deliverers on one database share the rows out between them."""
    stores = [database.open(), database.open()]
    keys = [f"k{number:03}" for number in range(200)]
    enqueue(stores[0], *(row(key) for key in keys))
    barrier = Barrier(len(stores))

    def deliver(number: int) -> list[str]:
        store, owner, mine = stores[number], f"owner {number}", []
        barrier.wait()
        while batch := claim(store, owner=owner, limit=7):
            mine += batch
            assert store.begin(batch, ts=T0, owner=owner) == set(batch)
            for key in batch:
                assert store.delivered({key: Receipt()}, ts=T0, owner=owner)
        return mine

    with ThreadPoolExecutor(len(stores)) as pool:
        shares = list(pool.map(deliver, range(len(stores))))
    assert sorted(shares[0] + shares[1]) == keys
    assert {one.attempts for one in stores[0].outbox(limit=500)} == {1}


def test_threads_can_share_a_store(database: Database) -> None:
    """One thread decides while another delivers, through the same object."""
    store = database.open()
    keys = [f"k{number:02}" for number in range(40)]

    def decide() -> None:
        for number, key in enumerate(keys):
            with store.transaction():
                store.record([fact(period=number)])
                store.enqueue([row(key)])

    def deliver() -> list[str]:
        sent: list[str] = []
        while len(sent) < len(keys):
            for key in claim(store):
                assert store.delivered({key: Receipt()}, ts=T0, owner="a")
                sent.append(key)
        return sent

    with ThreadPoolExecutor(2) as pool:
        deciding, delivering = pool.submit(decide), pool.submit(deliver)
        deciding.result()
        assert sorted(delivering.result()) == keys


def test_two_writers_of_one_alert_cannot_both_win(database: Database) -> None:
    """Of two that read the same version, the second is told."""
    first, second = database.open(), database.open()
    with first.transaction():
        first.save_alerts([saved("a", 0)])
    read = second.alerts()["a"]
    with first.transaction():
        first.save_alerts([replace(first.alerts()["a"], state="first")])
    with pytest.raises(Contended), second.transaction():
        second.save_alerts([replace(read, state="second")])
    assert second.alerts()["a"].state == "first"
