"""The form in which messages and transitions are stored."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.model.alert import Cause, Change, Input, Level, Transition
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import Button, Message, Reason, Receipt, Target
from ebbwatch.store.codec import decode, encode
from tests.contracts.samples import FULL_MESSAGE, FULL_TARGET, FULL_TRANSITION, PLAIN_MESSAGE, T0

FREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MAPS = st.dictionaries(st.text(), FREE, max_size=3)
INSTANTS = st.datetimes(timezones=st.just(UTC)).map(lambda instant: instant.replace(fold=0))
NUMBERS = st.floats(allow_nan=False)


def tuples(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    one = parts[0] if len(parts) == 1 else st.tuples(*parts)
    return st.lists(one, max_size=3).map(tuple)


CHARTS = st.builds(
    ChartSpec,
    title=st.text(),
    unit=st.text(),
    points=tuples(st.text(), st.none() | NUMBERS),
    thresholds=tuples(st.text(), NUMBERS),
    marks=tuples(st.text(), st.text()),
    shaded=tuples(st.text(), st.text(), st.text()),
)
MESSAGES = st.builds(
    Message,
    headline=st.text(),
    lines=tuples(st.text()),
    language=st.text(),
    level=st.sampled_from(Level),
    reason=st.sampled_from(Reason),
    note=st.text(),
    footer=tuples(st.text()),
    link=st.text(),
    buttons=tuples(st.builds(Button, st.text(), st.text(), st.text())),
    chart=st.none() | CHARTS,
    alerts=tuples(MAPS),
    group=st.text(),
)
TARGETS = st.builds(Target, st.text(), st.text(), MAPS, st.integers())
INPUTS = st.builds(
    Input,
    series=st.text(),
    period=st.text(),
    value=NUMBERS,
    unit=st.text(),
    known_at=INSTANTS,
    assumed=st.booleans(),
    source=st.text(),
)
TRANSITIONS = st.builds(
    Transition,
    at=INSTANTS,
    rule=st.text(),
    change=st.sampled_from(Change),
    level=st.sampled_from(Level),
    before=st.sampled_from(Level),
    value=st.none() | NUMBERS,
    unit=st.none() | st.text(),
    threshold=st.none() | NUMBERS,
    period=st.text(),
    episode=st.text(),
    cause=st.sampled_from(Cause),
    inputs=tuples(INPUTS),
    previous=st.none() | NUMBERS,
    extreme=st.none() | NUMBERS,
    entered_at=st.none() | INSTANTS,
    entry=st.none() | NUMBERS,
    turns=tuples(st.text()),
    muted=st.none() | st.text(),
)


@given(MESSAGES | TARGETS | TRANSITIONS | st.builds(Receipt, st.text(), st.text()))
def test_every_value_comes_back(value: object) -> None:
    """What was encoded is decoded, types of the fields included, and the text is ASCII."""
    text = encode(value)
    assert text.isascii()
    assert "\x00" not in text
    found = decode(type(value), text)
    assert found == value
    assert repr(found) == repr(value)


@pytest.mark.parametrize("value", [FULL_MESSAGE, FULL_TARGET, FULL_TRANSITION])
def test_the_samples_fill_every_field(value: Any) -> None:
    """The samples that the contract tests store leave no field at its default."""
    plain = {Message: PLAIN_MESSAGE, Target: Target("", "")}.get(type(value))
    for name in type(value).__dataclass_fields__:
        assert getattr(value, name) not in (None, (), "")
        if plain is not None:
            assert getattr(value, name) != getattr(plain, name)


def test_instants_are_stored_in_utc() -> None:
    """Whatever zone an instant is written in, the text is the same."""
    transition = decode(Transition, encode(FULL_TRANSITION))
    assert transition.at.tzinfo is UTC
    assert '"at":"2025-11-03T13:00:00.123457+00:00"' in encode(FULL_TRANSITION)


def test_a_missing_field_takes_its_default_and_an_unknown_one_is_passed_over() -> None:
    """A text of an older or a newer version is still a message."""
    older = '{"headline":"h","lines":[],"language":"en","level":0,"reason":"test"}'
    newer = older.replace("{", '{"mood":"calm",', 1)
    expected = Message("h", (), "en", Level.NONE, Reason.TEST)
    assert decode(Message, older) == decode(Message, newer) == expected


def test_maps_of_any_kind_are_stored() -> None:
    """A read-only map is a map."""
    target = Target("desk", "webhook", MappingProxyType({"url": MappingProxyType({"secret": "A"})}))
    assert decode(Target, encode(target)).options == {"url": {"secret": "A"}}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (Target("", "", {"x": Decimal(1)}), "something that JSON can hold, found Decimal"),
        (Target("", "", {"x": {1}}), "something that JSON can hold, found set"),
        (Target("", "", {"x": datetime(2025, 1, 1)}), "can't subtract offset-naive"),  # noqa: DTZ001
    ],
)
def test_what_has_no_form_is_refused(value: object, complaint: str) -> None:
    """A value that would not come back is not stored in the first place."""
    with pytest.raises(TypeError, match=complaint):
        encode(value)


def test_tuples_without_names_are_read_by_their_types() -> None:
    """A silence's matcher is pairs, and comes back as pairs."""
    matcher = (("name", "a"), ("level", "watch"))
    assert decode(tuple[tuple[str, str], ...], encode(matcher)) == matcher
    assert decode(tuple[datetime, ...], encode((T0,)))[0] == T0
