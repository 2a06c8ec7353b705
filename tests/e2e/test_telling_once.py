"""The promise: each change is told once, in every chat, whatever happens to the daemon."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.daemon import World, business_days

NEW_YORK = ZoneInfo("America/New_York")

#: A second after EFFR is due. From here on the daemon looks every two seconds.
NINE = datetime(2026, 11, 24, 9, 0, 1, tzinfo=NEW_YORK)
DAYS = business_days(9, before=NINE.date())

RULES = """
rules:
  - name: funding-spread
    title: {en: Repo trades above fed funds, zh-Hant: SOFR 高於有效聯邦資金利率}
    value: sofr - effr
    above: {watch: 10 bp, warning: 20 bp, critical: 50 bp}
    clear: 3 bp
    note: {en: Reserves are tight., zh-Hant: 準備金吃緊。}
"""

FIRED = {
    "en": """\
🟠 WARNING · Repo trades above fed funds
SOFR − EFFR 25 bp for Mon 23 Nov 2026, up 23 bp on the day; threshold 20 bp
Higher than 99 % of the last 5 years
Reserves are tight.
SOFR 3.93 %, EFFR 3.68 %. Next figure Wed 25 Nov, 09:00 New York""",
    "zh-Hant": """\
🟠 警告 · SOFR 高於有效聯邦資金利率
SOFR − EFFR 25 個基點（2026年11月23日 週一），單日上升 23 個基點；門檻 20 個基點
高於過去5年 99 % 的讀數
準備金吃緊。
SOFR 3.93 %，EFFR 3.68 %。下次公布：紐約時間 11月25日 週三 09:00""",
}


def quiet(world: World, sofr_today: str = "3.93") -> None:
    """Publish two quiet weeks, today's SOFR after them, and not yet today's EFFR."""
    world.sofr = dict.fromkeys(DAYS[:-1], "3.70") | {DAYS[-1]: sofr_today}
    world.effr = dict.fromkeys(DAYS[:-1], "3.68")


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
async def test_a_print_that_crosses_is_told_once_in_each_chat_within_seconds(
    world: World, language: str
) -> None:
    """A figure that comes out is one message in Telegram and one in Slack, in one's language."""
    world.rules(RULES)
    quiet(world)
    async with world.running(at=NINE, EBBWATCH_LANGUAGE=language) as daemon:
        await daemon.polled(news=17)
        await daemon.until(world.summed_up, "the first message")
        world.effr[DAYS[-1]] = "3.68"
        await daemon.until(
            lambda: len(world.in_telegram) == len(world.in_slack) == 2, "both chats were told"
        )
        await daemon.until(
            lambda: len(world.telegram.chats[-1001]) == 3, "the chart followed the text"
        )
        await daemon.until(world.settled, "all was settled")
        assert await daemon.stop() == 0
    assert world.in_telegram[1].text == FIRED[language]
    assert world.in_slack[1].text == FIRED[language]
    assert [world.in_telegram[1].silent, len(world.outbox())] == [False, 4]


async def test_the_same_print_is_no_news_after_restarts_and_a_change_of_title(
    world: World,
) -> None:
    """Dying at once, starting again twice and a new title say nothing a second time."""
    world.rules(RULES)
    quiet(world)
    async with world.running(at=NINE) as daemon:
        await daemon.until(world.summed_up, "the first message")
        world.effr[DAYS[-1]] = "3.68"
        await daemon.polled(news=1)
        await daemon.until(world.settled, "both chats were told")
        await daemon.kill()
    told = world.outbox()
    assert len(told) == 4
    for restart in range(2):
        if restart:
            world.rules(RULES.replace("Repo trades above", "Repo stands above"))
        async with world.running(at=NINE.replace(hour=10 + restart)) as daemon:
            await daemon.polled(news=0)
            assert await daemon.stop() == 0
            assert "●  funding-spread  warning  25 bp" in daemon.shown.read_text("utf-8")
    assert world.outbox() == told
    assert [len(world.in_telegram), len(world.in_slack)] == [2, 2]


RESOLVED = """\
✅ RESOLVED · Repo trades above fed funds
SOFR − EFFR 3 bp for Mon 23 Nov 2026, down 9 bp on the day; watch ends at 7 bp or less
Entered at 25 bp (18 Nov 2026), highest 60 bp (19 Nov 2026), left at 3 bp (23 Nov 2026)
Lasted 5 days: Thu 19 Nov 2026, 09:00 to Tue 24 Nov 2026, 09:00 New York
Reserves are tight.
SOFR 3.71 %, EFFR 3.68 %. Next figure Wed 25 Nov, 09:00 New York"""


async def test_up_is_a_message_down_is_an_edit_and_the_end_tells_the_story(world: World) -> None:
    """Escalation rings again, easing changes what stands there, resolving says what it was."""
    world.rules(RULES)
    days = DAYS[-4:]
    world.sofr = dict.fromkeys(DAYS[:-4], "3.70")
    world.effr = dict.fromkeys(DAYS[:-4], "3.68")
    async with world.running(at=datetime.combine(days[0], NINE.time(), NEW_YORK)) as d:
        await d.until(world.summed_up, "the first message")
        assert await d.stop() == 0
    sounds = []
    for day, rate in zip(days, ("3.93", "4.28", "3.80", "3.71"), strict=True):
        world.sofr[day], world.effr[day] = rate, "3.68"
        morning = datetime.combine(day, NINE.time(), NEW_YORK)
        async with world.running(at=morning + timedelta(days=3 if day.weekday() == 4 else 1)) as d:
            await d.polled()
            await d.until(world.settled, f"{day} was told")
            assert await d.stop() == 0
        assert [m.text for m in world.in_telegram] == [m.text for m in world.in_slack]
        sounds.append(
            [
                (m.text.partition("\n")[0], *(old.partition("\n")[0] for old in m.edits))
                for m in world.in_telegram[1:]
            ]
        )
    fired = "🟠 WARNING · Repo trades above fed funds"
    escalated = "🔴 CRITICAL · Repo trades above fed funds"
    eased = "↘ EASED to watch · Repo trades above fed funds"
    resolved = "✅ RESOLVED · Repo trades above fed funds"
    assert sounds == [
        [(fired,)],
        [(fired,), (escalated,)],
        [(fired,), (eased, escalated)],
        [(fired,), (eased, escalated), (resolved,)],
    ]
    assert world.in_telegram[3].text == RESOLVED
    ids = [m.id for m in world.in_telegram]
    assert [m.answers for m in world.in_telegram[2:]] == ids[1:3]
