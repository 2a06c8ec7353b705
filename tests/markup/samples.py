"""Messages that tests mark up: the figures of 31 October 2025, and worse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ebbwatch.model.alert import Level
from ebbwatch.model.message import Button, GroupState, Message, Reason

ENGLISH = Message(
    headline="🟠 WARNING · Repo trades above fed funds",
    lines=(
        "SOFR − EFFR 36 bp for Fri 31 Oct 2025, up 19 bp on the day; threshold 20 bp",
        "Highest since 30 Sep 2019; above every day of the last 5 years",
    ),
    language="en",
    level=Level.WARNING,
    reason=Reason.FIRST,
    note="Cash lent against Treasuries costs more than unsecured cash: reserves are tight.",
    footer=("Month end (31 Oct). SOFR 4.22 %, EFFR 3.86 %. Next figure Tue 4 Nov, 09:00 New York",),
    link="https://www.newyorkfed.org/markets/reference-rates/sofr",
    buttons=tuple(
        Button(label, action, "funding-spread")
        for label, action in (
            ("Ack", "ack"),
            ("Snooze", "snooze"),
            ("Chart", "chart"),
            ("Why", "why"),
        )
    ),
    alerts=(
        {
            "rule": "funding-spread",
            "status": "firing",
            "labels": {"theme": "funding", "name": "funding-spread", "level": "warning"},
            "annotations": {"summary": "Repo trades above fed funds"},
            "starts_at": "2025-11-03T14:00:00+00:00",
            "ends_at": None,
            "fingerprint": "3f1c0de5a9b2e471",
            "value": 36.0,
            "unit": "bp",
            "threshold": 20.0,
            "period": "2025-10-31",
        },
    ),
    group="funding-spread",
)

CHINESE = Message(
    headline="🟠 警告 · SOFR 高於有效聯邦資金利率",
    lines=(
        "SOFR − EFFR 36 個基點（2025年10月31日 週五），單日上升 19 個基點；門檻 20 個基點",
        "2019年9月30日以來最高；高於過去5年每一天",
    ),
    language="zh-Hant",
    level=Level.WARNING,
    reason=Reason.FIRST,
    note="拿公債抵押借錢，反而比無擔保拆借還貴：準備金吃緊。",
    footer=("月末（10月31日）。SOFR 4.22 %，EFFR 3.86 %。下次公布：紐約時間 11月4日 週二 09:00",),
    link="https://www.newyorkfed.org/markets/reference-rates/sofr",
    buttons=tuple(
        Button(label, action, "funding-spread")
        for label, action in (
            ("確認", "ack"),
            ("稍後提醒", "snooze"),
            ("圖表", "chart"),
            ("原因", "why"),
        )
    ),
    alerts=ENGLISH.alerts,
    group="funding-spread",
)

AT = datetime(2025, 11, 3, 14, tzinfo=UTC)
_ON = {
    "rule": "repo-spike",
    "status": "firing",
    "labels": {"theme": "funding", "name": "repo-spike", "level": "watch"},
    "annotations": {"summary": "SOFR jumps", "description": "12 bp for Thu 30 Oct 2025"},
    "starts_at": "2025-10-31T13:00:00+00:00",
    "ends_at": None,
    "fingerprint": "90df6c1a7d22be03",
    "value": 12.0,
    "unit": "bp",
    "threshold": None,
    "period": "2025-10-30",
    "link": "",
    "told_levels": ["warning", "watch"],
}
#: To programs: the same alert rose from watch, another of its group fires on, two are left out.
OF_A_GROUP = replace(
    ENGLISH,
    reason=Reason.ESCALATED,
    alerts=(
        {**ENGLISH.alerts[0], "told_levels": ["watch", "warning"], "told_before": "watch",
         "link": ENGLISH.link},
    ),
    state=GroupState(
        labels={"theme": "funding"}, at=AT, why="repeat interval elapsed", firing=(_ON,),
        left_out=2,
    ),
)  # fmt: skip
#: To programs: the alert is over, and nothing else of its group fires.
OVER = replace(
    OF_A_GROUP,
    reason=Reason.RESOLVED,
    alerts=(
        {**OF_A_GROUP.alerts[0], "status": "resolved", "ends_at": "2025-11-03T14:00:00+00:00"},
    ),
    state=GroupState(labels={"theme": "funding"}, at=AT, why="all alerts resolved"),
)  # fmt: skip

SAMPLES = {"en": ENGLISH, "zh-Hant": CHINESE}

#: Everything that means something to a platform, and to terminals.
NASTY = "<b>&amp; <!channel> <@U1> *a* _b_ ~c~ `d` [x](y) \"q\" 'r' \x1b[31m \x00 \ud83d </b> & <"


def nasty() -> Message:
    """Return a message with markup in every field that holds text."""
    return Message(
        headline=f"headline {NASTY}",
        lines=(f"line {NASTY}", f"line\nbroken {NASTY}"),
        language="en",
        level=Level.CRITICAL,
        reason=Reason.ESCALATED,
        note=f"note {NASTY}",
        footer=(f"footer {NASTY}",),
        link=f'https://example.org/?a="><!channel>|{"x" * 5}&b',
        buttons=(Button(f"Ack {NASTY}", "ack", "nasty"),),
        alerts=(
            {
                **ENGLISH.alerts[0],
                "rule": "nasty",
                "labels": {"theme": NASTY},
                "annotations": {"note": NASTY},
            },
        ),
        group=f"group {NASTY}",
    )


def of_length(units: int) -> Message:
    """Return a message whose whole text is exactly so many UTF-16 units long."""
    headline, line = "🔴 CRITICAL · Long", "x" * 100
    rest = units - len(headline.encode("utf-16-le")) // 2
    lines = []
    while rest > 2 * len(line):
        lines.append(line)
        rest -= len(line) + 1
    lines.append("y" * (rest - 1))
    return Message(
        headline=headline,
        lines=tuple(lines),
        language="en",
        level=Level.CRITICAL,
        reason=Reason.FIRST,
    )
