"""Thousands of alerts at once: what a new figure leaves as it stands, and what is kept for it."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.core.asof import History
from ebbwatch.expr.view import BEGINNING
from ebbwatch.model.observation import Observation
from ebbwatch.model.periods import micros
from tests.naive.profiles import driven
from tests.naive.tapes import history_of, tapes

_SERIES = ("sofr", "effr", "lapsing", "timely", "reserves", "gdp", "coin")


def told_apart(history: History, names: Sequence[str]) -> list[object]:
    """Return everything that a history says of some series, to be compared."""
    found: list[object] = []
    for name in names:
        column = history.column(name)
        if column is None:
            found.append((name, None))
            continue
        spells = (history.late(name), history.stale(name, carried=False),
                  history.stale(name, carried=True))  # fmt: skip
        found.append(
            (
                name, column.effect.tolist(), column.periods.tolist(),
                [str(q * float(column.quantum)) for q in column.quanta],
                column.boundaries.tolist(), list(history.observations(name)),
                [(s.starts.tolist(), s.ends.tolist()) for s in spells], history.known(name),
            )
        )  # fmt: skip
    return found


@driven
@given(st.data(), tapes(_SERIES))
def test_a_history_told_figure_by_figure_is_the_one_told_at_once(
    data: st.DataObject, tape: list[Observation]
) -> None:
    """Adding to the end of columns and of lateness gives what making them anew gives."""
    looks = data.draw(st.sets(st.integers(0, max(len(tape) - 1, 0)), max_size=3))
    if data.draw(st.booleans()):
        tape = sorted(tape, key=lambda o: (o.known_at, o.period))
    history = history_of([])
    for number, observation in enumerate(tape):
        history.observe([observation])
        if number in looks:
            told_apart(history, _SERIES)
    assert told_apart(history, _SERIES) == told_apart(history_of(tape), _SERIES)


@driven
@given(tapes(_SERIES))
def test_what_changes_next_is_known_without_a_look_at_the_past(tape: list[Observation]) -> None:
    """`next_edge` and `changed` of a history that grows are those of one made anew."""
    tape = sorted(tape, key=lambda o: (o.known_at, o.period))
    history = history_of([])
    after = BEGINNING
    for number, observation in enumerate(tape):
        history.observe([observation])
        upto = micros(observation.known_at)
        anew = history_of(tape[: number + 1])
        assert history.changed(after=after, upto=upto) == anew.changed(after=after, upto=upto)
        assert history.next_edge(upto) == anew.next_edge(upto)
        after = upto
