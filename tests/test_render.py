"""What people are told, word by word: golden messages in both languages.

``python -m tests.test_render`` writes the files anew; the difference is then reviewed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ebbwatch import app
from ebbwatch.core.answering.reading import Found, Reading
from ebbwatch.core.answering.status import Standing
from ebbwatch.core.render import (
    DigestContext,
    Firing,
    Health,
    Late,
    Measure,
    Naming,
    Outstanding,
    Phrases,
    Quote,
    ReloadContext,
    Reset,
    Revised,
    Single,
    ToldChange,
    Trouble,
    Working,
    alert_message,
    digest_message,
    fingerprint,
    health_message,
    reload_message,
    summary_message,
)
from ebbwatch.core.render import test_message as probe_message
from ebbwatch.core.telling.history_rank import Unusual
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.parse import parse
from ebbwatch.locale import BabelTranslator, translator
from ebbwatch.model.alert import Cause, Change, Input, Level, Transition
from ebbwatch.model.message import Button, Message, Reason
from ebbwatch.model.periods import FREQUENCIES, Every, period_of
from ebbwatch.model.problem import Problem, Span
from ebbwatch.model.text import FALLBACKS, LANGUAGES, Text
from ebbwatch.ruleset.rules import Rule

GOLDEN = Path(__file__).parent / "golden" / "messages"
DAILY, WEEKLY = FREQUENCIES["business day"], FREQUENCIES["week ending Wednesday"]
QUARTER, MINUTES = FREQUENCIES["quarter"], FREQUENCIES["15 min"]
NEW_YORK = ZoneInfo("America/New_York")


def text(en: str, zh: str) -> Text:
    return Text((("en", en), ("zh-Hant", zh)))


def ny(year: int, month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


TITLES = {
    "sofr": text("Secured Overnight Financing Rate", "擔保隔夜融資利率"),
    "effr": text("Effective federal funds rate", "有效聯邦資金利率"),
    "reserves": text("Bank reserves", "銀行準備金"),
    "gdp": text("Nominal GDP", "名目 GDP"),
    "target_upper": text("Top of the target range", "目標區間上限"),
}
BOTH = [translator(language) for language in LANGUAGES]
BUILTIN = app.load_rules({}).ruleset
assert BUILTIN is not None
PHRASES = Phrases(
    Naming(
        series={name: replace(BUILTIN.series[name], title=title) for name, title in TITLES.items()}
        | {name: BUILTIN.series[name] for name in ("sofr_p99", "standing_repo", "deficit")},
        defines={
            "ratio": "reserves / gdp",
            "low": "reserves / gdp < 10 %",
            "spread": "sofr - effr",
        },
        define_titles={"low": Text((("en", "Reserves below 10 % of GDP"),))},
        rules={"tight": text("Repo is dear", "回購利率偏高")},
    ),
    BOTH,
)


def rate(series: str, period: str, value: float, at: datetime, source: str = "nyfed") -> Input:
    return Input(
        series=series, period=period, value=value, unit="%", known_at=at, assumed=False,
        source=source,
    )  # fmt: skip


FIRED = Transition(
    at=ny(2025, 11, 3),
    rule="funding-spread",
    change=Change.FIRED,
    level=Level.WARNING,
    before=Level.NONE,
    value=36.0,
    unit="bp",
    threshold=20.0,
    period="2025-10-31",
    episode="e1",
    cause=Cause.NEW_PERIOD,
    inputs=(
        rate("sofr", "2025-10-31", 4.22, ny(2025, 11, 3, 8)),
        rate("effr", "2025-10-31", 3.86, ny(2025, 11, 3)),
    ),
    previous=17.0,
    extreme=36.0,
    entered_at=ny(2025, 11, 3),
    entry=36.0,
    turns=("month-end",),
)
WARNED = ToldChange(
    transition=FIRED,
    title=text("Repo trades above fed funds", "SOFR 高於有效聯邦資金利率"),
    note=text(
        "Cash lent against Treasuries costs more than unsecured cash: reserves are tight.",
        "拿公債抵押借錢，反而比無擔保拆借還貴：準備金吃緊。",
    ),
    labels={"theme": "funding"},
    measure=PHRASES.measure("sofr - effr"),
    every=DAILY,
    titles=TITLES,
    everies={"sofr": DAILY, "effr": DAILY},
    unusual=Unusual(
        begun=False,
        rising=True,
        since=period_of(date(2019, 9, 30)),
        first=period_of(date(2018, 4, 2)),
        years=5,
        count=1250,
        rank=1,
        share=1.0,
    ),
    next_due=ny(2025, 11, 4),
    turn_days={"month-end": date(2025, 10, 31)},
)


def moved(told: ToldChange = WARNED, /, **changes: object) -> ToldChange:
    """Return a telling with fields of itself or of its transition changed."""
    own = {key: value for key, value in changes.items() if key in ToldChange.__dataclass_fields__}
    rest = {key: value for key, value in changes.items() if key not in own}
    return replace(told, **own, transition=replace(told.transition, **rest))


CRITICAL_2019 = moved(
    at=ny(2019, 9, 18),
    change=Change.ESCALATED,
    level=Level.CRITICAL,
    before=Level.WATCH,
    value=295.0,
    threshold=50.0,
    period="2019-09-17",
    previous=18.0,
    entered_at=ny(2019, 9, 17),
    entry=18.0,
    extreme=295.0,
    inputs=(
        rate("sofr", "2019-09-17", 5.25, ny(2019, 9, 18, 8)),
        rate("effr", "2019-09-17", 2.30, ny(2019, 9, 18)),
    ),
    turns=("tax-date", "coupon-settlement"),
    turn_days={"tax-date": date(2019, 9, 16), "coupon-settlement": date(2019, 9, 16)},
    unusual=Unusual(
        begun=False,
        rising=True, since=None, first=period_of(date(2018, 4, 2)), years=1, count=250, rank=1,
        share=1.0,
    ),
    next_due=ny(2019, 9, 19),
)  # fmt: skip
WITHDRAWN = moved(at=ny(2025, 11, 5, 12), change=Change.WITHDRAWN, cause=Cause.RULE_CHANGED)
EASED = moved(
    at=ny(2025, 11, 5),
    change=Change.EASED,
    level=Level.WATCH,
    before=Level.WARNING,
    value=13.0,
    threshold=15.0,
    period="2025-11-04",
    previous=26.0,
    entered_at=ny(2025, 10, 28),
    entry=15.0,
    entry_period="2025-10-27",
    extreme_period="2025-10-31",
    inputs=(
        rate("sofr", "2025-11-04", 4.00, ny(2025, 11, 5, 8)),
        rate("effr", "2025-11-04", 3.87, ny(2025, 11, 5)),
    ),
    next_due=ny(2025, 11, 6),
    turn_days={"month-end": date(2025, 10, 31)},
)
RESOLVED = moved(
    EASED,
    at=ny(2025, 11, 6),
    change=Change.RESOLVED,
    level=Level.WATCH,
    before=Level.WATCH,
    value=4.0,
    threshold=5.0,
    period="2025-11-05",
    previous=13.0,
    turns=(),
    inputs=(
        rate("sofr", "2025-11-05", 3.91, ny(2025, 11, 6, 8)),
        rate("effr", "2025-11-05", 3.87, ny(2025, 11, 6)),
    ),
    next_due=ny(2025, 11, 7),
)
RATIO = ToldChange(
    transition=Transition(
        at=ny(2025, 10, 30, 16, 30),
        rule="reserves-to-gdp",
        change=Change.FIRED,
        level=Level.WARNING,
        before=Level.NONE,
        value=9.9983,
        unit="%",
        threshold=10.0,
        period="2025-10-29",
        episode="e2",
        cause=Cause.NEW_PERIOD,
        inputs=(
            Input(
                series="reserves", period="2025-10-29", value=2.848e12, unit="USD",
                known_at=ny(2025, 10, 30, 16, 30), assumed=False, source="fred",
            ),
            Input(
                series="gdp", period="2025-04-01", value=30.4857e12, unit="USD",
                known_at=ny(2025, 9, 25, 8, 30), assumed=False, source="bea",
            ),
        ),
        previous=10.12,
    ),
    title=text("Bank reserves as a share of GDP", "銀行準備金占 GDP 比重"),
    measure=PHRASES.measure("reserves / gdp"),
    rising=False,
    every=WEEKLY,
    titles=TITLES,
    everies={"reserves": WEEKLY, "gdp": QUARTER},
    unusual=Unusual(
        begun=False,
        rising=False, since=period_of(date(2020, 3, 4)), first=period_of(date(2002, 12, 18)),
        years=5, count=260, rank=3, share=0.988,
    ),
    next_due=ny(2025, 11, 6, 16, 30),
    fallbacks={"reserves": "h41"},
    late=(
        Late(
            series="gdp", held="2025-04-01", missing="2025-07-01", every=QUARTER,
            since=ny(2025, 10, 30, 8, 30),
        ),
    ),
)  # fmt: skip
SPIKE = ToldChange(
    transition=replace(
        FIRED,
        at=ny(2019, 9, 17, 8),
        rule="repo-spike",
        level=Level.CRITICAL,
        value=None,
        unit=None,
        threshold=None,
        previous=None,
        extreme=None,
        entry=None,
        period="2019-09-16",
        entered_at=ny(2019, 9, 17, 8),
        turns=("tax-date",),
        inputs=(
            rate("sofr", "2019-09-16", 2.43, ny(2019, 9, 17, 8)),
            rate("target_upper", "2019-09-16", 2.25, ny(2019, 9, 17, 9)),
        ),
    ),
    title=text("Repo jumps overnight", "回購利率一夜飆升"),
    every=DAILY,
    titles=TITLES,
    everies={"sofr": DAILY, "target_upper": DAILY},
    working=(
        Working(
            measure=PHRASES.measure("sofr - target_upper").text, value=18.0,
            comparison=">", bound=15.0, unit="bp", holds=True,
        ),
        Working(
            measure=PHRASES.measure("change(sofr, 1 release)").text, value=23.0,
            comparison=">", bound=15.0, unit="bp", holds=True,
        ),
    ),
    next_due=ny(2019, 9, 18, 8),
)  # fmt: skip
STATEMENT = ToldChange(
    transition=replace(
        SPIKE.transition,
        at=ny(2025, 10, 29, 14, 1),
        rule="qt-ends",
        level=Level.WARNING,
        period="2025-10-29",
        cause=Cause.TEXT,
        inputs=(),
        turns=(),
        entered_at=ny(2025, 10, 29, 14, 1),
    ),
    title=text("The Fed announces the end of runoff", "聯準會宣布停止縮表"),
    note=text("Reserves stop falling by design.", "準備金不再因縮表而減少。"),
    link="https://example.org/press",
    quote=Quote(
        title="Federal Reserve issues FOMC statement",
        passage="The Committee decided to conclude the reduction of its aggregate securities "
        "holdings on December 1.",
        published_at=ny(2025, 10, 29, 14),
        address="https://example.org/statement",
    ),
)
RUNWAY = moved(
    RATIO,
    rule="reserves-runway",
    title=text("Time until reserves reach 9 % of GDP", "準備金幾天後跌到 GDP 的 9 %"),
    measure=Measure(),
    change=Change.RESOLVED,
    level=Level.WATCH,
    before=Level.WATCH,
    value=float("inf"),
    unit="d",
    threshold=210.0,
    previous=167.0,
    entry=172.4,
    extreme=17.0,
    entered_at=ny(2025, 8, 21, 16, 30),
    unusual=None,
    late=(),
    fallbacks={},
)


def standing(
    name: str,
    level: Level,
    since: datetime,
    *,
    title: Text,
    reading: Reading | None = None,
    frozen: bool = False,
) -> Standing:
    """Return how a rule that fires stands."""
    return Standing(
        rule=Rule(name=name, title=title), at=ny(2025, 11, 6), state="firing", level=level,
        since=since, reading=reading, near=None, frozen=frozen, late=(), overdue_since=None,
        next_due=None,
    )  # fmt: skip


def found(period: str, value: float | None, truth: bool | None = None) -> Found:
    """Return what was found for a period."""
    return Found(period=period, value=value, most=None, truth=truth, ended_at=ny(2025, 11, 1))


def reading(
    unit: str | None, every: Every, known: Found | None, last: Found | None = None
) -> Reading:
    """Return a reading; one that is not known is stale."""
    newest = known or last
    return Reading(
        unit=unit, every=every, period="" if newest is None else newest.period, found=known,
        reason="" if known else "an input is stale", culprits=() if known else ("sofr",), last=last,
    )  # fmt: skip


FIRING = (
    Firing(
        standing=standing(
            "funding-spread",
            Level.WARNING,
            ny(2025, 11, 3),
            title=WARNED.title,
            reading=reading("bp", DAILY, found("2025-10-31", 36.0)),
        ),
        measure=WARNED.measure,
    ),
    Firing(
        standing=standing(
            "reserves-level",
            Level.WATCH,
            ny(2024, 4, 25, 16, 30),
            frozen=True,
            title=text("Bank reserves against the ample range", "銀行準備金水位（充裕區間）"),
            reading=reading("USD", WEEKLY, found("2025-10-29", 2.848e12)),
        ),
    ),
    Firing(
        standing=standing(
            "repo-spike",
            Level.CRITICAL,
            ny(2025, 11, 3),
            title=SPIKE.title,
            reading=reading(None, DAILY, found("2025-10-31", None, truth=True)),
        ),
    ),
)
STALE = (
    Firing(
        standing=standing(
            "funding-spread",
            Level.WARNING,
            ny(2025, 11, 3),
            title=WARNED.title,
            frozen=True,
            reading=reading("bp", DAILY, None, last=found("2025-10-31", 36.0)),
        ),
        measure=WARNED.measure,
    ),
    Firing(
        standing=standing(
            "repo-spike",
            Level.CRITICAL,
            ny(2025, 11, 3),
            title=SPIKE.title,
            frozen=True,
            reading=reading(None, DAILY, None, last=found("2025-10-31", None, truth=False)),
        ),
    ),
    Firing(
        standing=standing(
            "gold-price",
            Level.WATCH,
            ny(2025, 11, 3),
            title=text("Gold price", "金價"),
            reading=reading("USD/oz", DAILY, None),
        ),
    ),
)


def alert(*told: ToldChange, reason: Reason = Reason.FIRST):
    return lambda t: alert_message(told, reason=reason, t=t, group="desk/name=funding-spread")


def health(**fields: object):
    return lambda t: health_message(Health(**fields), t=t)


MESSAGES = {
    "fired": alert(WARNED),
    "escalated": alert(CRITICAL_2019, reason=Reason.ESCALATED),
    "eased": alert(EASED, reason=Reason.EASED),
    "resolved": alert(RESOLVED, reason=Reason.RESOLVED),
    "fired-below": alert(RATIO),
    "never": alert(RUNWAY, reason=Reason.RESOLVED),
    "reminder": alert(
        moved(
            at=ny(2025, 11, 10), period="2025-11-07", value=22.0, previous=20.5, unusual=None,
            turns=(), inputs=(),
        ),
        reason=Reason.REMINDER,
    ),
    "revision": alert(
        moved(
            RESOLVED,
            cause=Cause.REVISION,
            period="2025-10-31",
            previous=17.0,
            revised=(
                Revised(
                    series="sofr", period="2025-10-31", every=DAILY, old=4.22, new=3.90, unit="%"
                ),
            ),
            told_value=36.0,
        ),
        reason=Reason.CORRECTION,
    ),
    "rule-changed": alert(
        WITHDRAWN, reason=Reason.RESOLVED
    ),
    "history-added": alert(moved(cause=Cause.HISTORY_ADDED, unusual=None, flapping=True)),
    "caught-up": alert(
        moved(
            period="2025-10-28", level=Level.WATCH, value=19.0, threshold=10.0, previous=15.0,
            at=ny(2025, 11, 3),
        ),
        moved(change=Change.ESCALATED, before=Level.WATCH),
    ),
    "group": alert(WARNED, RATIO, moved(SPIKE, cause=Cause.REVISION), RESOLVED_OTHER := moved(
        RESOLVED, rule="sofr-above-range",
        title=text("SOFR above the target range", "SOFR 突破聯準會目標區間上限"),
    )),
    "group-resolved": alert(
        RESOLVED, RESOLVED_OTHER, reason=Reason.RESOLVED
    ),
    "count": alert(
        moved(
            rule="stress-lamps", title=text("Several warning lamps at once", "多盞警示燈同時亮起"),
            measure=Measure(), value=4.0, unit="", threshold=3.0, previous=4.0, at_least=True,
            unusual=None, inputs=(), turns=(), note=Text(),
        )
    ),
    "condition": alert(SPIKE),
    "condition-over": alert(
        moved(
            SPIKE, change=Change.RESOLVED, before=Level.CRITICAL, at=ny(2019, 9, 20, 8),
            period="2019-09-19", turns=(), inputs=(),
            working=(
                replace(SPIKE.working[0], value=-5.0, holds=False),
                replace(SPIKE.working[1], value=None, holds=None),
            ),
        ),
        reason=Reason.RESOLVED,
    ),
    "text": alert(STATEMENT),
    "price": alert(
        moved(
            rule="gold-price", title=text("Gold price", "金價"), measure=Measure(), value=4012.3,
            unit="USD/oz", threshold=4000.0, previous=3990.0, every=MINUTES,
            period="2025-10-08T11:45:00Z", inputs=(), turns=(), note=Text(),
            unusual=Unusual(
        begun=False,
                rising=True, since=None, first=period_of(date(2020, 3, 2)), years=5, count=9999,
                rank=1, share=1.0,
            ),
        )
    ),
    "summary": lambda t: summary_message(FIRING, rules=26, t=t),
    "summary-stale": lambda t: summary_message(STALE, rules=26, t=t),
    "summary-quiet": lambda t: summary_message((), rules=1, t=t),
    "summary-offline": lambda t: summary_message(
        STALE, rules=26, t=t, outstanding=Outstanding(sources=("h41", "nyfed"), offline=True)
    ),
    "summary-outstanding": lambda t: summary_message(
        FIRING, rules=26, t=t, outstanding=Outstanding(sources=("h41",), late=RATIO.late)
    ),
    "digest": lambda t: digest_message(
        DigestContext(
            at=ny(2025, 11, 6, 8, 45), rules=26, firing=FIRING[:2], moves=(EASED, RATIO),
            late=RATIO.late,
        ),
        t=t,
    ),
    "digest-quiet": lambda t: digest_message(DigestContext(at=ny(2025, 11, 6, 8, 45), rules=26), t=t),
    "reload": lambda t: reload_message(
        ReloadContext(
            at=ny(2025, 11, 6, 10), added=("gold-price", "gold-year"),
            changed=("funding-spread",), removed=("repo-tail",),
            renamed=(("qe-restarts", "reserve-purchases"),), firing=FIRING[:1], over=(WITHDRAWN,),
            told=(WITHDRAWN,),
        ),
        t=t,
    ),
    "reload-nothing": lambda t: reload_message(ReloadContext(at=ny(2025, 11, 6, 10)), t=t),
    "test": lambda t: probe_message("desk", t=t),
    "health-source-failing": health(
        kind=Trouble.SOURCE_FAILING, name="nyfed", since=ny(2025, 11, 4, 9, 5),
        reason="nyfed: no whole answer within 20 s", affected=("sofr", "effr"),
        frozen=("funding-spread", "repo-spike"),
    ),
    "health-source-refused": health(
        kind=Trouble.SOURCE_REFUSED, name="fred", since=ny(2025, 11, 4, 9, 5),
        reason="fred: refused with HTTP 429; check the key, the quota and where we ask from",
    ),
    "health-source-changed": health(
        kind=Trouble.SOURCE_CHANGED, name="h41", since=ny(2025, 11, 6, 16, 31),
        reason="h41 reserves: expected a series RESPPMA_N.WW, found none among 412", affected=("reserves",),
    ),
    "health-source-recovered": health(
        kind=Trouble.SOURCE_RECOVERED, name="nyfed", lasted=timedelta(hours=3, minutes=2)
    ),
    "health-series-late": health(
        kind=Trouble.SERIES_LATE, name="bea", since=ny(2025, 10, 30, 8, 30), every=QUARTER,
        held="2025-04-01", period="2025-07-01", affected=("gdp",),
    ),
    "health-series-stale": health(
        kind=Trouble.SERIES_STALE, name="nyfed", since=ny(2025, 11, 4, 8), every=DAILY,
        held="2025-10-31", period="2025-11-03", affected=("sofr", "sofr_p99", "effr"),
        frozen=("funding-spread", "repo-spike"),
    ),
    "health-series-lapsed": health(
        kind=Trouble.SERIES_STALE, name="fed_policy", every=DAILY, held="2025-10-29",
        affected=("iorb",), frozen=("repo-over-iorb",),
    ),
    "health-series-current": health(
        kind=Trouble.SERIES_CURRENT, name="bea", lasted=timedelta(days=54)
    ),
    "health-quarantined": health(
        kind=Trouble.QUARANTINED, name="reserves", period="2025-11-05", every=WEEKLY,
        value=2.848e9, unit="USD",
        reason="2848 USD millions looks like the last value, 2848000 USD millions, in another unit",
    ),
    "health-scale-changed": health(
        kind=Trouble.SCALE_CHANGED, name="treasury_account",
        reason="fred gives USD millions; expected USD billions",
    ),
    "health-receiver-broken": health(
        kind=Trouble.RECEIVER_BROKEN, name="desk", since=ny(2025, 11, 4, 9, 5), count=2,
        reason="telegram: forbidden: bot was kicked from the group chat",
    ),
    "health-receiver-recovered": health(
        kind=Trouble.RECEIVER_RECOVERED, name="desk", lasted=timedelta(minutes=50)
    ),
    "health-outbox-stuck": health(
        kind=Trouble.OUTBOX_STUCK, since=ny(2025, 11, 4, 9, 5), count=12
    ),
    "health-reload-invalid": health(
        kind=Trouble.RELOAD_INVALID, since=ny(2025, 11, 6, 10),
        problems=(
            Problem(
                span=Span("rules/funding.yaml", 12, 9), severity="error", code="unknown-series",
                message="no series is called 'sofrr'", hint="did you mean 'sofr'?",
            ),
            Problem(
                span=Span("rules/assets.yaml", 3, 5), severity="error", code="unknown-key",
                message="a rule has no key 'abov'",
            ),
        ),
    ),
    "health-rule-broken": health(
        kind=Trouble.RULE_BROKEN, name="gold-year", since=ny(2025, 11, 6, 10),
        reason="division by zero",
    ),
    "health-rule-recovered": health(kind=Trouble.RULE_RECOVERED, name="gold-year"),
}  # fmt: skip


def as_text(message: Message) -> str:
    """Return everything a reader sees of a message."""
    parts = [message.headline, *message.lines]
    parts += [message.note] if message.note else []
    parts += message.footer
    parts += [f"<{message.link}>"] if message.link else []
    if message.buttons:
        parts.append(" ".join(f"[{button.label}]" for button in message.buttons))
    return "\n".join(parts) + "\n"


#: Languages that somebody wrote: each message has a golden file. The others are made of these.
WRITTEN = tuple(language for language in LANGUAGES if language not in FALLBACKS)
#: Messages that are read in the languages that are made, one file for each.
READ_AGAIN = (
    "fired", "escalated", "resolved", "revision", "group", "digest-quiet", "never",
    "health-source-failing", "health-quarantined", "health-receiver-broken",
    "health-scale-changed", "health-series-late",
)  # fmt: skip


def read_again(language: str) -> str:
    """Return the messages of a language that is made, with their names."""
    t = translator(language)
    return "\n".join(f"== {name}\n{as_text(MESSAGES[name](t))}" for name in READ_AGAIN)


@pytest.mark.parametrize("language", FALLBACKS)
def test_messages_of_a_language_that_is_made_read_as_reviewed(language: str) -> None:
    """The commonest messages say what their language's golden file says; titles are the user's."""
    assert read_again(language) == (GOLDEN / f"{language}.txt").read_text("utf-8")


@pytest.mark.parametrize("language", WRITTEN)
@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_reads_as_reviewed(name: str, language: str) -> None:
    """Every kind of message says what its golden file says."""
    golden = GOLDEN / f"{name}.{language}.txt"
    assert as_text(MESSAGES[name](translator(language))) == golden.read_text("utf-8")


def test_no_golden_file_is_left_over() -> None:
    """Every golden file belongs to a message."""
    wanted = {f"{name}.{language}.txt" for name in MESSAGES for language in WRITTEN}
    wanted |= {f"{language}.txt" for language in FALLBACKS}
    assert {path.name for path in GOLDEN.iterdir()} == wanted


class Strict(BabelTranslator):
    """A translator that knows of no fallback."""

    def gettext(self, message: str) -> str:
        translated = super().gettext(message)
        assert translated != message or message in ("{number} %", "{day} {time} UTC"), message
        return translated


@pytest.mark.parametrize("name", MESSAGES)
def test_nothing_stays_english_in_another_language(name: str) -> None:
    """Whatever a message says was looked up in the catalogue and found there."""
    strict = translator("zh-Hant")
    strict.__class__ = Strict
    MESSAGES[name](strict)


def test_the_message_of_a_fired_alert_is_whole() -> None:
    """All fields of a message, the programs' part included, follow from the context."""
    message = alert_message([WARNED], reason=Reason.FIRST, t=translator("en"), group="g")
    assert message == Message(
        headline="🟠 WARNING · Repo trades above fed funds",
        lines=(
            "SOFR − EFFR 36 bp for Fri 31 Oct 2025, up 19 bp on the day; threshold 20 bp",
            "Highest since 30 Sep 2019; above every day of the last 5 years",
        ),
        language="en",
        level=Level.WARNING,
        reason=Reason.FIRST,
        note="Cash lent against Treasuries costs more than unsecured cash: reserves are tight.",
        footer=(
            "Month end (31 Oct). SOFR 4.22 %, EFFR 3.86 %. Next figure Tue 4 Nov, 09:00 New York",
        ),
        buttons=(
            Button("Ack", "ack", "funding-spread"),
            Button("Snooze", "snooze", "funding-spread"),
            Button("Chart", "chart", "funding-spread"),
            Button("Why", "why", "funding-spread"),
        ),
        alerts=(
            {
                "rule": "funding-spread",
                "status": "firing",
                "labels": {"theme": "funding", "name": "funding-spread", "level": "warning"},
                "annotations": {
                    "summary": "Repo trades above fed funds",
                    "description": "SOFR − EFFR 36 bp for Fri 31 Oct 2025, up 19 bp on the day; "
                    "threshold 20 bp",
                    "note": "Cash lent against Treasuries costs more than unsecured cash: "
                    "reserves are tight.",
                },
                "starts_at": "2025-11-03T14:00:00+00:00",
                "ends_at": None,
                "fingerprint": fingerprint("funding-spread"),
                "value": 36.0,
                "unit": "bp",
                "threshold": 20.0,
                "period": "2025-10-31",
                "link": "",
            },
        ),
        group="g",
    )


def test_a_resolved_alert_tells_programs_when_it_ended() -> None:
    """The payload of an alert that is over has its end, and the level it left."""
    (payload,) = alert_message([RESOLVED], reason=Reason.RESOLVED, t=translator("en")).alerts
    assert (payload["status"], payload["ends_at"], payload["labels"]["level"]) == (
        "resolved", "2025-11-06T14:00:00+00:00", "watch",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "english", "chinese"),
    [
        ("sofr - effr", "SOFR − EFFR", "SOFR − EFFR"),
        ("reserves / gdp", "Bank reserves / GDP", "銀行準備金 / GDP"),
        (
            "sofr_p99 - target_upper",
            "SOFR P99 − Top of the target range",
            "SOFR P99 − 目標區間上限",
        ),
        (
            "avg(sofr - effr, 13 w)",
            "Average over 13 weeks of SOFR − EFFR",
            "SOFR − EFFR近 13 週平均",
        ),
        (
            "(sofr - effr) / (sofr + effr)",
            "(SOFR − EFFR) / (SOFR + EFFR)",
            "(SOFR − EFFR) / (SOFR + EFFR)",
        ),
        ("-spread", "−(SOFR − EFFR)", "−(SOFR − EFFR)"),
        ("sofr - (effr - 10 bp)", "SOFR − (EFFR − 10 bp)", "SOFR − (EFFR − 10 個基點)"),
        ("low", "Reserves below 10 % of GDP", "Reserves below 10 % of GDP"),
        ("ratio", "Bank reserves / GDP", "銀行準備金 / GDP"),
        (
            "max(standing_repo, 5 releases)",
            "Highest of the last 5 days of Standing repo facility (SRF), lent that day",
            "常設回購機制（SRF）當日動用近 5 天最高",
        ),
        (
            "sum(deficit, 12 releases)",
            "Total over 12 months of Federal deficit of the month",
            "美國聯邦單月赤字近 12 個月合計",
        ),
        (
            "pct_change(sofr, 4 w) - lag(effr, 1 release)",
            "(change in percent over 4 weeks of SOFR) − (1 day earlier: EFFR)",
            "(SOFR近 4 週的漲跌幅) − (1 天前的EFFR)",
        ),
        ("at(avg(sofr, 4 w), reserves)", "Average over 4 weeks of SOFR", "SOFR近 4 週平均"),
        (
            "drawdown(reserves)",
            "Distance from the record high of Bank reserves",
            "銀行準備金距歷史高點的幅度",
        ),
        (
            "until_below(ratio, 9 %, 26 w)",
            "Time until Bank reserves / GDP falls below 9 % at the pace of the last 26 weeks",
            "照近 26 週的速度，距銀行準備金 / GDP跌破 9 % 的時間",
        ),
        ("count(sofr > 1 %, low)", "How many of 2 conditions hold", "2 項條件中成立的項數"),
        (
            'breaches("tight", warning)',
            "Repo is dear: past its threshold for warning",
            "回購利率偏高：越過「警告」門檻",
        ),
        (
            "sofr > 1 % and not low or effr >= 2 %",
            "((SOFR > 1 %) and (not Reserves below 10 % of GDP)) or (EFFR ≥ 2 %)",
            "((SOFR > 1 %) 與 (並非 Reserves below 10 % of GDP)) 或 (EFFR ≥ 2 %)",
        ),
        ("sofr" + " + sofr" * 30, "", ""),
    ],
)
def test_an_expression_is_written_as_readers_write_it(
    expression: str, english: str, chinese: str
) -> None:
    """Series go by their letters or titles; what is too long is left to the rule's title."""
    said = PHRASES.measure(expression).text
    assert (said.in_language("en"), said.in_language("zh-Hant")) == (english, chinese)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_function_is_ever_shown_to_a_reader(name: str) -> None:
    """Whatever is asked for, in each language, no name of a function with a bracket is left."""
    function = FUNCTIONS[name]
    tree = parse(function.example)
    for said in dict(PHRASES.say(tree).by_language).values():
        assert re.search(r"[a-z_]+\(", said) is None, said


def rare(rising: bool = True, **changes: object) -> Unusual:
    """Return a reading that stands out among five years of days."""
    fields: dict[str, object] = {
        "since": period_of(date(2019, 9, 30)), "first": period_of(date(2018, 4, 2)),
        "begun": False, "years": 5, "count": 1250, "rank": 1, "share": 1.0, **changes,
    }  # fmt: skip
    return Unusual(rising=rising, **fields)  # type: ignore[arg-type]


LINES = [
    ("a low is the lowest", moved(unusual=rare(False)),
     "Lowest since 30 Sep 2019; below every day of the last 5 years"),
    ("nothing was ever as high", moved(unusual=rare(since=None)),
     "Highest on record, since 2 Apr 2018"),
    ("what was filled in before the first observation is no record",
     moved(unusual=rare(since=None, begun=True)),
     "Highest on record, since the first observation on 2 Apr 2018"),
    ("of a window it is told what it was before, not a change that is not the day's",
     moved(over_window=True),
     "SOFR − EFFR 36 bp for Fri 31 Oct 2025, 17 bp the day before; threshold 20 bp"),
    ("and the day by itself", moved(over_window=True, single=Single(value=50.0, previous=20.0)),
     "The day by itself: 50 bp, up 30 bp on the day"),
    ("a rate that was set anew", moved(resets=(Reset(
        series="target_upper", old=5.5, new=5.0, unit="%"),)),
     "Top of the target range was lowered that day, from 5.50 % to 5.00 %"),
    ("words are set off from the number", moved(measure=Measure(text("Days to 9 %", "天數"), formula=False)),
     "Days to 9 %: 36 bp for Fri 31 Oct 2025, up 19 bp on the day; threshold 20 bp"),
    ("nothing was ever as low", moved(unusual=rare(False, since=None)),
     "Lowest on record, since 2 Apr 2018"),
    ("a reading among others has its share", moved(unusual=rare(rank=30, share=0.9769)),
     "Higher than 97 % of the last 5 years"),
    ("one year is a year", moved(unusual=rare(False, rank=30, share=0.9769, years=1)),
     "Lower than 97 % of the last year"),
    ("history shorter than a year has its own beginning only",
     moved(unusual=rare(years=0)), "Highest since 30 Sep 2019"),
    ("an alert may rest on a changed rule", moved(cause=Cause.RULE_CHANGED),
     "Cause: the rule was changed; no new figure came"),
    ("a hold says that it has held", moved(cause=Cause.HOLD_ELAPSED),
     "Cause: it has held for as long as the rule asks"),
    ("a revision is said without its figures where they are unknown",
     moved(cause=Cause.REVISION), "Cause: a published figure was revised"),
    ("a withdrawn figure is no value",
     moved(cause=Cause.REVISION, revised=(Revised(
         series="sofr", period="2025-10-31", every=DAILY, old=4.22, new=None, unit="%"),)),
     "Cause: SOFR for 31 Oct 2025 was revised from 4.22 % to no value"),
    ("figures revised by little are told apart",
     moved(cause=Cause.REVISION, revised=(Revised(
         series="gdp", period="2025-04-01", every=QUARTER, old=30485.7e9, new=30486.3e9,
         unit="USD"),)),
     "Cause: GDP for Q2 2025 was revised from $30.4857tn to $30.4863tn"),
    ("an escalation without an entry names the level only",
     moved(change=Change.ESCALATED, before=Level.WATCH, entered_at=None), "Up from watch"),
    ("a reading without a threshold stands alone", moved(threshold=None, previous=None),
     "SOFR − EFFR 36 bp for Fri 31 Oct 2025"),
    ("a step from never is no step", moved(unit="d", threshold=90.0, value=80.0,
     previous=float("inf")), "SOFR − EFFR 80 days for Fri 31 Oct 2025; threshold 90 days"),
    ("a user's turn goes by its name", moved(turns=("bill-settlement",), turn_days={}, inputs=(),
     next_due=None), "Bill settlement"),
    ("a fallback whose input is not told is another source",
     moved(inputs=(), fallbacks={"sofr": "nyfed"}),
     "SOFR taken from another source: nyfed did not answer"),
    ("of several figures of a series the newest is listed",
     moved(inputs=(rate("sofr", "2025-10-31", 4.22, ny(2025, 11, 3)),
                   rate("sofr", "2025-10-30", 4.04, ny(2025, 10, 31))),
           turns=(), next_due=None), "SOFR 4.22 %"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "told", "line"), LINES, ids=[row[0] for row in LINES])
def test_a_circumstance_is_told_in_a_line_of_its_own(
    name: str, told: ToldChange, line: str
) -> None:
    """Each circumstance has its words."""
    message = alert_message([told], reason=Reason.FIRST, t=translator("en"))
    assert line in (*message.lines, *message.footer)


def test_an_episode_of_which_little_is_known_has_no_story() -> None:
    """Without entry, extreme and begin, a resolution tells its reading only."""
    bare = moved(RESOLVED, entry=None, extreme=None, entered_at=None, value=None, unit=None)
    assert alert_message([bare], reason=Reason.RESOLVED, t=translator("en")).lines == (
        "The condition no longer holds, Wed 5 Nov 2025",
    )
    told = moved(RESOLVED, entry=None, extreme=None, entered_at=None)
    assert alert_message([told], reason=Reason.RESOLVED, t=translator("en")).lines == (
        "SOFR − EFFR 4 bp for Wed 5 Nov 2025, down 9 bp on the day; watch ends at 5 bp or less",
        "Left at 4 bp (5 Nov 2025)",
    )


@pytest.mark.parametrize(
    ("passage", "expected"),
    [
        ("", 0),
        ("It ends. " * 60, 402),
    ],
)
def test_a_quotation_is_as_long_as_it_may_be(passage: str, expected: int) -> None:
    """A passage is left out where there is none, and cut where it is long."""
    assert STATEMENT.quote is not None
    told = replace(STATEMENT, quote=replace(STATEMENT.quote, passage=passage))
    lines = alert_message([told], reason=Reason.FIRST, t=translator("en")).lines
    quoted = [line for line in lines if line.startswith("“")]
    assert sum(map(len, quoted)) == pytest.approx(expected, abs=2)
    assert all(line.endswith("…”") for line in quoted)


def test_a_text_without_a_link_of_its_rule_leads_to_its_page() -> None:
    """The publisher's page is where the reader wants to go."""
    message = alert_message([replace(STATEMENT, link="")], reason=Reason.FIRST, t=translator("en"))
    assert message.link == "https://example.org/statement"


def test_long_lists_are_cut_and_say_so() -> None:
    """Twenty are named, the rest counted: of firing alerts, moves, names and problems."""
    en = translator("en")
    many = tuple(
        Firing(
            standing=standing(f"rule-{n:02}", Level.CRITICAL, ny(2025, 11, 3), title=SPIKE.title)
        )
        for n in range(25)
    )
    assert summary_message(many, rules=30, t=en).lines[20:] == ("and 5 more",)
    digest = DigestContext(at=ny(2025, 11, 6), rules=30, moves=(EASED,) * 22)
    assert digest_message(digest, t=en).lines[-1] == "and 2 more"
    names = tuple(f"r{n}" for n in range(21))
    added = reload_message(ReloadContext(at=ny(2025, 11, 6), added=names), t=en).lines[0]
    assert added.endswith("r19, and 1 more")
    problem = Problem(span=Span("a.yaml", 1, 1), severity="error", code="x", message="m")
    health = Health(kind=Trouble.RELOAD_INVALID, problems=(problem,) * 23)
    assert health_message(health, t=en).lines[-1] == "and 3 more"


def test_a_series_that_never_came_is_late_all_the_same() -> None:
    """There is no newest figure to name."""
    health = Health(
        kind=Trouble.SERIES_LATE, name="bea", since=ny(2025, 10, 30, 8, 30), every=QUARTER,
        period="2025-07-01", affected=("gdp",),
    )  # fmt: skip
    assert health_message(health, t=translator("en")).lines == (
        "gdp: the figure for Q3 2025 was due Thu 30 Oct, 08:30 New York",
    )


def test_a_group_without_a_next_figure_has_no_footer() -> None:
    """Nothing is promised that nobody knows."""
    told = [moved(next_due=None), replace(RATIO, next_due=None)]
    assert alert_message(told, reason=Reason.FIRST, t=translator("en")).footer == ()


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    for name, make in MESSAGES.items():
        for language in WRITTEN:
            written = as_text(make(translator(language)))
            (GOLDEN / f"{name}.{language}.txt").write_text(written, "utf-8")
    for language in FALLBACKS:
        (GOLDEN / f"{language}.txt").write_text(read_again(language), "utf-8")
