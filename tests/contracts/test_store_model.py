"""SQLite and the memory store, side by side, through whatever Hypothesis thinks of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ebbwatch.model.alert import Change, Level
from ebbwatch.model.message import Receipt, RowState, Target
from ebbwatch.model.observation import Observation
from ebbwatch.ports import AlertRecord, Contended, Held, Store
from ebbwatch.store.in_memory import MemoryStore
from ebbwatch.store.open import open_store
from tests.contracts.samples import at, moved, quiet_wish, row, text_item

# Few different values, so that they meet often.
MOMENTS = st.integers(0, 12).map(at)
NAMES = st.sampled_from(["a", "a_b", "ab", "b"])
OWNERS = st.sampled_from(["one", "two"])
KEYS = st.integers(0, 7).map(str)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)

ANY_TIME = st.datetimes(timezones=st.just(UTC)).map(lambda instant: instant.replace(fold=0))
VALUES = st.none() | st.decimals(allow_nan=False, allow_infinity=False)
OBSERVATIONS = st.builds(
    Observation,
    series=NAMES,
    period=st.integers(0, 2),
    value=VALUES | st.sampled_from([Decimal(1), Decimal("1.0")]),
    known_at=MOMENTS | ANY_TIME,
    source=NAMES,
    vintage=st.none() | st.dates(min_value=date(1950, 1, 1)),
    assumed=st.booleans(),
)
ALERTS = st.builds(
    AlertRecord,
    name=NAMES,
    definition=WORDS,
    ladder=WORDS,
    state=WORDS,
    version=st.integers(0, 3),
)
TRANSITIONS = st.builds(
    moved,
    NAMES,
    at=MOMENTS,
    change=st.sampled_from(Change),
    period=NAMES,
    value=st.none() | st.floats(allow_nan=False),
)
ROWS = st.builds(
    row,
    KEYS,
    target=st.builds(Target, NAMES, NAMES, st.just({}), st.integers(0, 1)),
    place=NAMES,
    episode=st.sampled_from(["", "e", "f"]),
    lines=st.lists(NAMES, max_size=2).map(tuple),
    level=st.sampled_from(Level),
    foldable=st.booleans(),
    not_before=MOMENTS,
    expires_at=MOMENTS,
    quiet=st.booleans(),
)

Write = Callable[[Store], object]


def write(method: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Write]:
    """Return calls of one method with one argument."""
    return values.map(lambda value: lambda store: getattr(store, method)(value))


def batches(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, max_size=4)


HELD = st.builds(Held, observation=OBSERVATIONS, reason=WORDS)
TEXTS = st.builds(text_item, source=NAMES, key=NAMES, title=WORDS, body=WORDS, known_at=MOMENTS)
SILENCES = st.builds(quiet_wish, id=NAMES, created_at=MOMENTS, comment=WORDS)

WRITES = st.one_of(
    write("record", batches(OBSERVATIONS)),
    write("hold", batches(HELD)),
    st.builds(
        lambda series, period: lambda store: store.release(series, period),
        NAMES,
        st.integers(0, 2),
    ),
    write("record_texts", batches(TEXTS)),
    write("save_alerts", st.lists(ALERTS, max_size=4, unique_by=lambda record: record.name)),
    write("forget_alerts", st.lists(NAMES, max_size=2)),
    write("append", batches(TRANSITIONS)),
    st.builds(lambda key, value: lambda store: store.put(key, value), NAMES, st.none() | WORDS),
    write("silence", SILENCES),
    write("enqueue", batches(ROWS)),
)


class Abandoned(Exception):
    """Ends a transaction that is not to be kept."""


class TwoStores(RuleBasedStateMachine):
    """Does the same to both stores, and expects the same of both."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(dir=self.template.parent))
        shutil.copy(self.template, self.folder / "ebbwatch.db")
        self.stores: list[Store] = [
            MemoryStore(),
            open_store(f"sqlite:///{self.folder / 'ebbwatch.db'}"),
        ]

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)

    def both(self, ask: Callable[[Store], object]) -> None:
        expected, found = map(ask, self.stores)
        assert found == expected
        assert repr(found) == repr(expected)

    @rule(writes=st.lists(WRITES, max_size=6), keep=st.booleans())
    def transact(self, writes: list[Write], *, keep: bool) -> None:
        def transaction(store: Store) -> list[object]:
            answers: list[object] = []
            try:
                with store.transaction():
                    answers += [one(store) for one in writes]
                    if not keep:
                        raise Abandoned  # noqa: TRY301 - leaving by exception is what is tried
            except Contended as contended:
                answers = [str(contended)]
            except Abandoned:
                answers.append("abandoned")
            return answers

        self.both(transaction)

    @rule(names=st.lists(NAMES, unique=True), state=WORDS)
    def save_as_read(self, names: list[str], state: str) -> None:
        def save(store: Store) -> None:
            stored = store.alerts()
            blank = AlertRecord(name="", definition="", ladder="", state="")
            with store.transaction():
                store.save_alerts(
                    [replace(stored.get(name, blank), name=name, state=state) for name in names]
                )

        self.both(save)

    @rule(ts=MOMENTS, owner=OWNERS, limit=st.integers(0, 4))
    def claim(self, ts: Any, owner: str, limit: int) -> None:
        self.both(lambda store: store.claim(ts=ts, owner=owner, limit=limit))

    @rule(keys=st.lists(KEYS, max_size=3), owner=OWNERS, ts=MOMENTS)
    def begin(self, keys: list[str], owner: str, ts: Any) -> None:
        self.both(lambda store: store.begin(keys, ts=ts, owner=owner))

    @rule(owner=OWNERS, ts=MOMENTS)
    def beat(self, owner: str, ts: Any) -> None:
        self.both(lambda store: store.beat(owner, ts=ts))

    @rule(ts=MOMENTS)
    def lost(self, ts: Any) -> None:
        self.both(lambda store: store.lost(ts=ts))

    @rule(keys=st.lists(KEYS, max_size=3), ts=MOMENTS)
    def requeue(self, keys: list[str], ts: Any) -> None:
        self.both(lambda store: store.requeue(keys, ts=ts))

    @rule(keys=st.lists(KEYS, max_size=3), ts=MOMENTS)
    def drop(self, keys: list[str], ts: Any) -> None:
        self.both(lambda store: sorted(one.key for one in store.drop(keys, ts=ts, reason="asked")))

    @rule(key=KEYS, owner=OWNERS, ts=MOMENTS, number=WORDS)
    def delivered(self, key: str, owner: str, ts: Any, number: str) -> None:
        receipt = Receipt(number, "here")
        self.both(lambda store: store.delivered({key: receipt}, ts=ts, owner=owner))

    @rule(key=KEYS, owner=OWNERS, ts=MOMENTS, later=MOMENTS, error=WORDS, uncertain=st.booleans())
    def retry(
        self, key: str, owner: str, ts: Any, later: Any, error: str, *, uncertain: bool
    ) -> None:
        self.both(
            lambda store: store.retry(
                key, ts=ts, not_before=later, error=error, uncertain=uncertain, owner=owner
            )
        )

    @rule(key=KEYS, owner=OWNERS, ts=MOMENTS, error=WORDS)
    def park(self, key: str, owner: str, ts: Any, error: str) -> None:
        self.both(lambda store: store.park(key, ts=ts, error=error, owner=owner))

    @rule(series=NAMES, rule_name=NAMES, since=st.none() | MOMENTS, limit=st.integers(0, 4))
    def look(self, series: str, rule_name: str, since: Any, limit: int) -> None:
        self.both(lambda store: list(store.observations(series)))
        self.both(lambda store: store.texts(series))
        self.both(lambda store: store.get(series))
        self.both(lambda store: store.transitions(rule=rule_name, since=since, limit=limit))
        self.both(lambda store: store.outbox(states=[RowState.CLAIMED, "waiting"], limit=limit))
        self.both(lambda store: store.receipt(place=series, episode="e"))
        self.both(lambda store: store.delivered_at(series))
        self.both(lambda store: store.steps([series, rule_name], limit=limit + 1))

    @invariant()
    def both_hold_the_same(self) -> None:
        self.both(lambda store: list(store.observations()))
        self.both(lambda store: store.held())
        self.both(lambda store: store.alerts())
        self.both(lambda store: store.transitions())
        self.both(lambda store: store.silences())
        self.both(lambda store: store.outbox())
        self.both(lambda store: store.next_due())
        self.both(lambda store: store.places())


@pytest.mark.slow
def test_sqlite_does_what_memory_does(tmp_path: Path) -> None:
    """Any sequence of operations gives the same answers from both stores."""
    template = tmp_path / "migrated.db"
    open_store(f"sqlite:///{template}").close()
    machine = type("TwoStores", (TwoStores,), {"template": template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
