"""Values to store: plain ones to vary, and one of each kind with every field filled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ebbwatch.model.alert import Cause, Change, Input, Level, Transition
from ebbwatch.model.chart import ChartSpec
from ebbwatch.model.message import Button, GroupState, Message, OutboxRow, Reason, Target
from ebbwatch.model.observation import Observation, TextItem
from ebbwatch.ports import Silence

#: An instant that loses something wherever it is not kept to the microsecond.
T0 = datetime(2025, 11, 3, 13, 0, 0, 123457, tzinfo=UTC)


def at(minutes: float = 0) -> datetime:
    """Return an instant some minutes after T0."""
    return T0 + timedelta(minutes=minutes)


def fact(value: str | None = "0.0422", **changes: Any) -> Observation:
    """Return an observation of SOFR."""
    one = Observation(
        series="sofr",
        period=29_365_920,
        value=None if value is None else Decimal(value),
        known_at=T0,
        source="nyfed",
    )
    return replace(one, **changes)


FULL_FACT = fact("3019028E+6", vintage=date(2025, 11, 3), assumed=True)

FULL_MESSAGE = Message(
    headline="🟠 警告 · SOFR 高於有效聯邦資金利率",
    lines=("SOFR − EFFR 36 bp", "a NUL \x00, half a pair \ud83d, 'quotes' and <tags> & more"),
    language="zh-Hant",
    level=Level.WARNING,
    reason=Reason.ESCALATED,
    note="Reserves are tight.",
    footer=("Month end (31 Oct).", "Next figure Tue 4 Nov, 09:00 New York"),
    link="see the rule",
    buttons=(Button("確認", "ack", "funding-spread"), Button("Why", "why", "funding-spread")),
    chart=ChartSpec(
        title="SOFR − EFFR",
        unit="bp",
        points=(("2025-10-30", 17.0), ("2025-10-31", 0.1 + 0.2), ("2025-11-01", None)),
        thresholds=(("watch", 10.0), ("warning", 20.0)),
        marks=(("2025-10-31", "escalated"),),
        shaded=(("2025-10-31", "2025-11-04", "month-end"),),
    ),
    alerts=(
        {
            "rule": "funding-spread",
            "status": "firing",
            "labels": {"theme": "funding"},
            "starts_at": "2025-11-03T13:00:00.123457+00:00",
            "ends_at": None,
            "value": 36.0,
            "turns": ["month-end"],
        },
    ),
    group="theme=funding",
    late="Told late: of Mon 3 Nov, 09:00 New York",
    state=GroupState(
        labels={"theme": "funding"},
        at=datetime(2025, 11, 3, 13, 0, 0, 123457, tzinfo=UTC),
        why="new alerts added",
        firing=({"rule": "repo-spike", "status": "firing", "labels": {"theme": "funding"}},),
        left_out=1,
    ),
)

FULL_TARGET = Target(
    receiver="desk",
    kind="telegram",
    options={"chat": -1001234567890, "language": "zh-Hant", "token": {"secret": "SECOND"}},
    number=2,
)

PLAIN_MESSAGE = Message(
    headline="a headline", lines=(), language="en", level=Level.NONE, reason=Reason.TEST
)


def row(key: str, **changes: Any) -> OutboxRow:
    """Return an outbox row that is due at T0 and expires a day later; each its own episode."""
    one = OutboxRow(
        key=key,
        target=Target("desk", "terminal"),
        place="terminal",
        message=PLAIN_MESSAGE,
        episode=f"episode of {key}",
        created_at=T0,
        not_before=T0,
        expires_at=at(24 * 60),
    )
    return replace(one, **changes)


def moved(rule: str = "funding-spread", **changes: Any) -> Transition:
    """Return a transition with the fields that every one has."""
    one = Transition(
        at=T0,
        rule=rule,
        change=Change.FIRED,
        level=Level.WARNING,
        before=Level.NONE,
        value=None,
        unit=None,
        threshold=None,
        period="2025-10-31",
        episode=f"{rule}@2025-11-03",
        cause=Cause.NEW_PERIOD,
    )
    return replace(one, **changes)


FULL_TRANSITION = moved(
    change=Change.ESCALATED,
    level=Level.CRITICAL,
    before=Level.WARNING,
    value=0.1 + 0.2,
    unit="bp",
    threshold=20.0,
    cause=Cause.HOLD_ELAPSED,
    inputs=(
        Input(
            series="sofr",
            period="2025-10-31",
            value=4.22,
            unit="%",
            known_at=T0,
            assumed=True,
            source="nyfed",
        ),
    ),
    previous=-17.0,
    extreme=36.0,
    entered_at=at(-1440),
    entry=21.0,
    turns=("month-end", "tax-date"),
    muted="history",
)


def text_item(**changes: Any) -> TextItem:
    """Return a press release."""
    one = TextItem(
        source="fed_press",
        key="release of 29 October",
        title="Federal Reserve issues FOMC statement",
        body="The Committee decided to conclude the reduction of its holdings. " * 200,
        published_at=at(-60),
        known_at=T0,
    )
    return replace(one, **changes)


def quiet_wish(**changes: Any) -> Silence:
    """Return a silence."""
    one = Silence(
        id="s1",
        matcher=(("name", "funding-spread"), ("level", "watch")),
        until=at(60),
        by="telegram:42",
        created_at=T0,
        comment="year end",
    )
    return replace(one, **changes)
