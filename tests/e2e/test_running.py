"""The daemon among other things that go wrong: sources down, rules half written, a power cut."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.e2e.daemon import EFFR, SOFR, World, business_days
from tests.standins.providers import Seen, StandIn
from tests.standins.serving import Fault
from tests.standins.webhook import WebhookStandIn

NEW_YORK = ZoneInfo("America/New_York")
NINE = datetime(2026, 11, 24, 9, 0, 1, tzinfo=NEW_YORK)
DAYS = business_days(9, before=NINE.date())

RULES = """
rules:
  - name: funding-spread
    title: Repo trades above fed funds
    value: sofr - effr
    above: {warning: 20 bp, critical: 50 bp}
    clear: 3 bp
"""

FIRED = """\
🟠 WARNING · Repo trades above fed funds
SOFR − EFFR 25 bp for Mon 23 Nov 2026, up 23 bp on the day; threshold 20 bp
Higher than 99 % of the last 5 years
SOFR 3.93 %, EFFR 3.68 %. Next figure Wed 25 Nov, 09:00 New York"""


def stressed(world: World) -> None:
    """Publish two quiet weeks that end with 25 bp."""
    world.sofr = dict.fromkeys(DAYS[:-1], "3.70") | {DAYS[-1]: "3.93"}
    world.effr = dict.fromkeys(DAYS, "3.68")


def before_the_print(world: World) -> None:
    """Publish the same without the last EFFR: 25 bp come out once it is there (`stressed`)."""
    stressed(world)
    del world.effr[DAYS[-1]]


async def test_it_runs_by_the_real_clock(world: World) -> None:
    """The installed command, today: the newest business day's print is in the first message."""
    world.rules(RULES)
    days = business_days(9, before=datetime.now(NEW_YORK).date())
    world.sofr = dict.fromkeys(days[:-1], "3.70") | {days[-1]: "3.93"}
    world.effr = dict.fromkeys(days, "3.68")
    async with world.running() as daemon:
        await daemon.until(world.summed_up, "both were told")
        assert await daemon.stop() == 0
    [told] = world.in_telegram
    assert "\n🟠 Repo trades above fed funds: SOFR − EFFR 25 bp (" in told.text
    assert [posted.text for posted in world.in_slack] == [told.text]


async def test_one_visit_shows_how_every_rule_stands(world: World) -> None:
    """`run --once` polls, tells what is due, prints the table and ends well."""
    world.rules(RULES)
    stressed(world)
    async with world.running(at=NINE, arguments=("run", "--once")) as daemon:
        assert await daemon.process.wait() == 0
    assert daemon.shown.read_text("utf-8").splitlines() == [
        "   RULE            LEVEL    VALUE  PERIOD      AGE  NEXT FIGURE",
        "●  funding-spread  warning  25 bp  2026-11-23  9 h  25 Nov 09:00",
        "1 rule, 1 firing. Times are New York's.",
    ]
    assert [len(world.in_telegram), len(world.in_slack), world.settled()] == [1, 1, True]
    assert "\n🟠 Repo trades above fed funds: SOFR − EFFR 25 bp (" in world.in_telegram[0].text


async def test_one_visit_ends_well_where_nothing_can_be_reached(world: World) -> None:
    """A source that is down is said on stderr, and is no failure of ours."""
    world.rules(RULES)
    world.nyfed.refuse("/", 503)
    world.nyfed.refuse(SOFR, 503)
    world.nyfed.refuse(EFFR, 503)
    async with world.running(at=NINE, arguments=("run", "--once")) as daemon:
        assert await daemon.process.wait() == 0
    assert "ebbwatch: nyfed: " in daemon.log.read_text("utf-8")
    assert daemon.shown.read_text("utf-8").splitlines()[-2:] == [
        "·  funding-spread         unknown  2 bp  2026-10-06  48 d  late since 8 Oct",
        "1 rule, 0 firing, 1 unknown, 1 late. Times are New York's.",
    ]


async def test_a_fallback_that_stood_in_is_named(world: World) -> None:
    """With the New York Fed down and FRED opted in, the message says where SOFR came from."""
    world.rules(RULES)
    before_the_print(world)
    world.nyfed.refuse(SOFR, 500)
    world.nyfed.refuse(EFFR, 500)

    def observed(seen: Seen) -> bytes:
        by_day = world.sofr if seen.query["series_id"] == "SOFR" else world.effr
        rows = [
            {"realtime_start": "2026-11-24", "realtime_end": "9999-12-31", "date": str(day),
             "value": value}
            for day, value in sorted(by_day.items(), reverse=True)
        ]  # fmt: skip
        return json.dumps({"units": "lin", "count": len(rows), "observations": rows}).encode()

    def described(_: Seen) -> bytes:
        minute = 3 if DAYS[-1] in world.effr else 2
        series = {
            "id": "X", "realtime_start": "2026-11-24", "realtime_end": "9999-12-31",
            "units": "Percent", "last_updated": f"2026-11-24 07:0{minute}:16-06",
        }  # fmt: skip
        return json.dumps({"seriess": [series]}).encode()

    async with StandIn() as fred:
        fred.serve("/series", described)
        fred.serve("/series/observations", observed)
        async with world.running(
            at=NINE,
            EBBWATCH_FRED__API_KEY="abcdefghijklmnopqrstuvwxyz012345",
            EBBWATCH_SOURCES__FRED__BASE_URL=fred.url,
        ) as daemon:
            await daemon.until(world.summed_up, "the first message")
            stressed(world)
            await daemon.until(
                lambda: any("WARNING" in shown.text for shown in world.in_telegram),
                "Telegram was told",
            )
            assert await daemon.stop() == 0
    (told,) = [shown.text for shown in world.in_telegram if "WARNING" in shown.text]
    assert "SOFR taken from fred: nyfed did not answer" in told


async def test_a_broken_rule_file_is_told_and_the_old_rules_stay(world: World) -> None:
    """While a file is wrong the rules in force go on; once it is right, they are others."""
    world.rules(RULES)
    stressed(world)
    world.effr.pop(DAYS[-1])
    async with world.running(at=NINE) as daemon:
        await daemon.polled(news=17)
        await daemon.until(world.summed_up, "the first message")
        world.rules(RULES.replace("sofr - effr", "sofrr - effr"))
        await daemon.until(lambda: len(world.in_telegram) == 2, "the problem was told")
        world.effr[DAYS[-1]] = "3.68"
        await daemon.until(lambda: len(world.in_telegram) == 3, "the old rule fired")
        world.rules(RULES.replace("{warning: 20 bp, critical: 50 bp}", "{warning: 30 bp}"))
        await daemon.until(lambda: len(world.in_telegram) >= 4, "the new rules were told")
        await daemon.until(world.settled, "all was told")
        assert await daemon.stop() == 0
    problem, fired, reloaded = [shown.text for shown in world.in_telegram[1:]]
    assert problem.startswith("⚠️ Data health · the new rules have problems\n")
    assert "desk.yaml:5:12: there is no series or define sofrr (did you mean sofr?)" in problem
    assert fired == FIRED
    assert reloaded.splitlines()[1:] == [
        "Changed: funding-spread",
        "No longer told:",
        "⚪ Repo trades above fed funds: withdrawn, 25 bp (Mon 23 Nov 2026)",
    ]


async def test_what_an_edit_adds_is_built_without_a_restart(world: World) -> None:
    """A source that no rule used before is asked, and a kind of receiver nobody was told by tells."""
    world.rules(RULES)
    stressed(world)
    for name in ("TELEGRAM__TOKEN", "SLACK__BOT_TOKEN"):
        del world.environment[f"EBBWATCH_{name}"]
    async with StandIn() as board, WebhookStandIn() as hook, world.running(at=NINE) as daemon:
        board.serve("/load.json", json.dumps([{"day": "2026-11-23", "load": 7}]))
        await daemon.polled(news=18)
        world.rules(
            RULES.replace(
                "rules:",
                f"""
series:
  load:
    source: {{http_json: {{url: "{board.url}/load.json", rows: "@", period: day, value: load}}}}
    unit: number
    every: business day
receivers:
  oncall: [{{webhook: {{url: "{hook.origin}/hook/1"}}}}]
routes:
  - {{to: [oncall]}}
rules:
  - name: heavy-load
    title: The load is heavy
    value: load
    above: {{warning: 5}}""",
            )
        )
        await daemon.until(lambda: "/load.json" in board.paths, "the new source was asked")
        await daemon.until(
            lambda: any("The load is heavy" in json.dumps(taken.body) for taken in hook.taken),
            "the new receiver was told",
        )
        assert await daemon.stop() == 0
    assert daemon.lines("delivery.settled")[-1]["outcome"] == "delivered"


async def test_a_storm_of_edits_ends_on_the_last_rules_that_are_right(world: World) -> None:
    """1,000 edits within ten seconds, every second one broken: nothing is lost or repeated."""
    world.rules(RULES)
    before_the_print(world)
    async with world.running(at=NINE) as daemon:
        await daemon.until(world.summed_up, "the first message")
        stressed(world)
        await daemon.until(lambda: len(world.in_telegram) == 2, "the alert was told")
        for edit in range(1_000):
            below = f"warning: {10 + edit % 14} bp"
            world.rules(RULES.replace("warning: 20 bp", below if edit % 2 else "warning: 20 bpx"))
            await asyncio.sleep(0.005)
        world.rules(RULES.replace("{warning: 20 bp, critical: 50 bp}", "{watch: 30 bp}"))
        await daemon.until(
            lambda: any("No longer told" in shown.text for shown in world.in_telegram),
            "the last rules hold",
        )
        await daemon.until(world.settled, "all was told")
        assert await daemon.stop() == 0
    alerts = [shown.text for shown in world.in_telegram if "Repo trades above" in shown.text]
    # It fires once and ends once, however many rulesets it lived through.
    assert ["withdrawn" in text for text in alerts] == [False, True]


async def test_a_power_cut_between_sending_and_settling_repeats_it_once_and_says_so(
    world: World,
) -> None:
    """The one duplicate there can be is marked, and comes after the lease, not at once."""
    world.rules(RULES)
    before_the_print(world)
    async with world.running(at=NINE) as daemon:
        await daemon.until(world.summed_up, "the summary was told")
        stressed(world)
        world.telegram.faults.append(Fault("stall", "sendMessage"))
        await daemon.until(lambda: len(world.in_telegram) == 2, "Telegram has it")
        # Both summaries, and the alert in Slack: its own row must not be cut off, too.
        told = ["delivered"] * 3
        await daemon.until(
            lambda: [state for _, state in world.outbox() if state == "delivered"] == told,
            "Slack has it, and the store knows",
        )
        await daemon.kill()
    async with world.running(at=NINE.replace(minute=2)) as daemon:
        await daemon.until(lambda: len(world.in_telegram) == 3, "it was sent again")
        await daemon.until(world.settled, "all was settled")
        assert await daemon.stop() == 0
    headline, rest = FIRED.split("\n", 1)
    marked = f"{headline}\nPossibly a repeat: an earlier copy may have reached you\n{rest}"
    assert [shown.text for shown in world.in_telegram[1:]] == [FIRED, marked]
    assert [posted.text for posted in world.in_slack[1:]] == [FIRED]


DIGEST = """
receivers: {desk: [{telegram: {chat: -1001}}]}
routes: [{to: [desk]}]
digests:
  - {at: "08:30", zone: America/New_York, on: business days, to: [desk]}
"""
EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=NEW_YORK)
ASLEEP = 13 * 3600 + 120


async def test_a_machine_that_slept_visits_first_and_then_tells(world: World) -> None:
    """From 20:00 to 09:02: the night's figure is told at once, and the digest knows of it."""
    world.rules(RULES + DIGEST)
    world.sofr, world.effr = dict.fromkeys(DAYS[:-1], "3.70"), dict.fromkeys(DAYS[:-1], "3.68")
    async with world.running(at=EVENING, JUMP_S=str(ASLEEP)) as daemon:
        await daemon.until(lambda: len(daemon.lines("source.polled")) >= 1, "the first visit")
        await daemon.until(world.settled, "the summary")
        stressed(world)
        daemon.process.send_signal(signal.SIGUSR1)
        await daemon.until(lambda: len(world.in_telegram) >= 3, "the alert and the digest")
        assert len(daemon.lines("clock.jumped")) == 1
        assert await daemon.stop() == 0
    alert, digest = (shown.text for shown in world.in_telegram[1:3])
    assert alert.splitlines()[0] == "🟠 WARNING · Repo trades above fed funds"
    assert "Repo trades above fed funds" in digest


async def test_a_restart_in_the_morning_visits_first_and_then_tells(world: World) -> None:
    """The digest that fell due while nobody ran says what the sources had by then."""
    world.rules(RULES + DIGEST)
    world.sofr, world.effr = dict.fromkeys(DAYS[:-1], "3.70"), dict.fromkeys(DAYS[:-1], "3.68")
    async with world.running(at=EVENING) as daemon:
        await daemon.until(lambda: len(daemon.lines("source.polled")) >= 1, "the first visit")
        await daemon.until(world.settled, "the summary")
        assert await daemon.stop() == 0
    stressed(world)
    async with world.running(at=NINE) as daemon:
        await daemon.until(lambda: len(world.in_telegram) >= 3, "the alert and the digest")
        assert await daemon.stop() == 0
    assert world.in_telegram[1].text.splitlines()[0] == "🟠 WARNING · Repo trades above fed funds"
