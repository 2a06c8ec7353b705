"""Rule files become a ruleset: what each part of them means."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from ebbwatch.model.alert import Level
from ebbwatch.model.calendars import TurnCalendar
from ebbwatch.model.durations import Duration
from ebbwatch.model.message import Target
from ebbwatch.model.periods import FREQUENCIES
from ebbwatch.model.series import Released, Series, SourceRef
from ebbwatch.model.text import Text
from ebbwatch.model.units import RATE, UNITS, Quantity
from ebbwatch.ruleset.rules import Digest, Inhibition, Quiet, Route, Rule, TurnPolicy
from tests.ruleset.loading import PACK, codes, loaded, rendered, valid


def one_rule(text: str) -> Rule:
    """Return the only rule of a file."""
    rules = valid(text).rules
    assert len(rules) == 1
    return rules[0]


def bp(number: int) -> Quantity:
    """Return basis points as a threshold has them."""
    return Quantity(Fraction(number, 10_000), RATE, "bp")


LADDER = """
define:
  funding_spread: sofr - effr
rules:
  - name: funding-spread
    title: {en: Repo trades above fed funds, zh-Hant: SOFR 高於有效聯邦資金利率}
    value: funding_spread
    above: {critical: 50 bp, watch: 10 bp, warning: 20 bp}
    clear: 3 bp
    for: {watch: 2 releases}
    turns: {quarter-end: annotate, year-end: hold}
    repeat: 7 d
    labels: {theme: funding}
    note: Reserves are tight.
    link: https://example.org/repo?a=b
"""


def test_a_ladder_has_all_its_parts() -> None:
    """Levels are in order however they are written, and one clear is for all of them."""
    rule = one_rule(LADDER)
    assert rule.value is not None
    assert (rule.name, rule.rising, rule.when, rule.pattern) == ("funding-spread", True, None, "")
    assert rule.value.text == "funding_spread"
    assert rule.value.series == {"sofr", "effr"}
    assert rule.thresholds == (
        (Level.WATCH, bp(10)), (Level.WARNING, bp(20)), (Level.CRITICAL, bp(50)),
    )  # fmt: skip
    assert rule.clear == {level: bp(3) for level in (Level.WATCH, Level.WARNING, Level.CRITICAL)}
    assert rule.hold == {Level.WATCH: Duration(Fraction(2), "releases")}
    assert rule.turns == {"quarter-end": TurnPolicy.ANNOTATE, "year-end": TurnPolicy.HOLD}
    assert rule.repeat == Duration(Fraction(7), "d")
    assert rule.labels == {"theme": "funding"}
    assert rule.title.in_language("zh-Hant") == "SOFR 高於有效聯邦資金利率"
    assert rule.note == Text((("en", "Reserves are tight."),))
    assert rule.link == "https://example.org/repo?a=b"
    assert (rule.span.file, rule.span.line, rule.span.column) == ("rules/desk.yaml", 5, 11)


def test_one_duration_is_for_all_levels() -> None:
    """Without levels, ``for`` holds each of them back."""
    rule = one_rule(LADDER.replace("{watch: 2 releases}", "6 h"))
    six = Duration(Fraction(6), "h")
    assert rule.hold == {Level.WATCH: six, Level.WARNING: six, Level.CRITICAL: six}


def test_a_percentage_takes_the_dimension_of_the_value() -> None:
    """Percent fits ratios and rates: the threshold becomes what it is compared with."""
    rule = one_rule("rules:\n  - {name: a, value: sofr, above: {warning: 5 %}}\n")
    assert rule.thresholds == ((Level.WARNING, Quantity(Fraction(1, 20), RATE, "%")),)


def test_a_condition_has_a_level_and_a_way_out() -> None:
    """Warning is the level where none is written."""
    text = """
rules:
  - name: repo-spike
    when: sofr - target_upper > 25 bp and change(sofr, 1 releases) > 25 bp
    level: critical
    clear_when: sofr < target_upper
    for: 2 releases
  - name: plain
    when: sofr > effr
"""
    spike, plain = valid(text).rules
    assert spike.when is not None
    assert spike.clear_when is not None
    assert (spike.level, spike.value, spike.thresholds) == (Level.CRITICAL, None, ())
    assert spike.hold == {Level.CRITICAL: Duration(Fraction(2), "releases")}
    assert (plain.level, plain.clear_when, plain.hold) == (Level.WARNING, None, {})


def test_a_text_rule_has_a_source_and_a_pattern() -> None:
    """Backslashes in single quotes are the pattern's own."""
    rule = one_rule(
        "rules:\n  - {name: a, text: fed_press, matches: '(?i)runoff\\s[^.]{0,9}', level: watch}\n"
    )
    assert (rule.text_source, rule.pattern) == ("fed_press", r"(?i)runoff\s[^.]{0,9}")
    assert rule.level is Level.WATCH


FOREACH = """
rules:
  - name: "{rate}-above-{what}"
    foreach: {rate: [sofr, tgcr, bgcr], what: [iorb, effr]}
    title: "{rate} above {what}"
    value: "{rate} - {what}"
    above: {watch: 5 bp}
    labels: {theme: "{rate}"}
    note: {en: "{rate}", zh-Hant: "{rate} 利率"}
    link: "https://example.org/{rate}"
"""


def test_foreach_fills_every_text() -> None:
    """The product of the lists, first list slowest, each with its values everywhere."""
    rules = valid(FOREACH).rules
    assert [rule.name for rule in rules] == [
        "sofr-above-iorb", "sofr-above-effr", "tgcr-above-iorb", "tgcr-above-effr",
        "bgcr-above-iorb", "bgcr-above-effr",
    ]  # fmt: skip
    last = rules[-1]
    assert last.title.in_language("en") == "bgcr above effr"
    assert last.value is not None
    assert last.value.text == "bgcr - effr"
    assert last.labels == {"theme": "bgcr"}
    assert last.note.in_language("zh-Hant") == "bgcr 利率"
    assert last.link == "https://example.org/bgcr"
    assert len({rule.definition for rule in rules}) == len(rules)
    assert len({rule.ladder for rule in rules}) == 1


def test_braces_of_a_pattern_are_its_own() -> None:
    """A repetition such as {0,120} is no variable, and one by name is filled in."""
    text = """
rules:
  - name: "says-{word}"
    foreach: {word: [runoff]}
    text: fed_press
    matches: '{word}[^.]{0,120}end{x}'
"""
    assert one_rule(text).pattern == "runoff[^.]{0,120}end{x}"


def test_rules_may_ask_about_each_other_in_any_order() -> None:
    """`breaches` sees rules that stand in later files."""
    ruleset = valid(
        {
            "a.yaml": 'rules:\n  - {name: a, when: "breaches(\\"b\\", watch) and sofr > effr"}\n',
            "b.yaml": "rules:\n  - {name: b, value: sofr - effr, above: {watch: 5 bp}}\n",
        }
    )
    assert [rule.name for rule in ruleset.rules] == ["a", "b"]


def test_a_define_may_name_a_number() -> None:
    """A constant is no rule, but a fine define."""
    rule = one_rule("define: {limit: 10 bp}\nrules:\n  - {name: a, when: sofr - effr > limit}\n")
    assert rule.when is not None


# ---- catalogue -----------------------------------------------------------------------

SERIES = """
series:
  my_rate:
    title: {en: Mine, zh-Hant: 我的}
    source: {csv: {path: data/mine.csv, delimiter: ";"}}
    fallback: {fred: MINE}
    unit: percent per year
    every: week ending Friday
    released: {after: 2 business days, at: "16:30", zone: Europe/London, calendar: federal-reserve}
    plausible: [-1.25 %, 20 %]
    scale_check: level
    stale_after: 36 h
    history_from: 2018-04-02
    before: 0 %
"""


def test_a_series_has_all_its_parts() -> None:
    """Values are exact and in base units; a relative path starts from the file's folder."""
    assert valid({"rules/own/a.yaml": SERIES}).series["my_rate"] == Series(
        name="my_rate",
        source=SourceRef("csv", {"path": "rules/own/data/mine.csv", "delimiter": ";"}),
        unit=UNITS["percent per year"],
        every=FREQUENCIES["week ending Friday"],
        fallback=SourceRef("fred", "MINE"),
        released=(Released(2, True, time(16, 30), "Europe/London", "federal-reserve"),),
        plausible=(Decimal("-0.0125"), Decimal("0.20")),
        scale_check=True,
        stale_after=timedelta(hours=36),
        history_from=date(2018, 4, 2),
        before=Decimal(0),
        title=Text((("en", "Mine"), ("zh-Hant", "我的"))),
    )


@pytest.mark.parametrize(
    ("file", "path", "placed"),
    [
        ("rules/a.yaml", "x.csv", "rules/x.csv"),
        ("rules/a.yaml", "../x.csv", "x.csv"),
        ("a.yaml", "x.csv", "x.csv"),
        ("rules/a.yaml", "/data/x.csv", "/data/x.csv"),
    ],
)
def test_a_path_starts_from_the_file_that_names_it(file: str, path: str, placed: str) -> None:
    """Paths are joined as text; nothing is looked up."""
    text = f"series:\n  x: {{source: {{csv: {{path: {path}}}}}, unit: number, every: day}}\n"
    source = valid({file: text}).series["x"].source
    assert source == SourceRef("csv", {"path": placed})


def test_a_series_of_the_user_replaces_the_built_in_one_whole() -> None:
    """What the user leaves out is not taken from the built-in declaration."""
    text = "series:\n  sofr: {source: {fred: SOFR}, unit: percent per year, every: business day}\n"
    assert valid("").series["sofr"].released
    assert valid(text).series["sofr"] == Series(
        name="sofr",
        source=SourceRef("fred", "SOFR"),
        unit=UNITS["percent per year"],
        every=FREQUENCIES["business day"],
    )


def test_calendars_are_made_and_changed() -> None:
    """A turn calendar is replaced whole; days of business calendars are added."""
    text = """
calendars:
  quarter-end: {anchor: [15 or next, last calendar day or next], of: [Mar, Dec], before: 1 bd}
  fomc: {dates: [2025-10-29], after: 1 bd}
  all-year: {anchor: last business day, of: all}
  sifma: {closed: [2030-01-02], opened: [2030-01-01], moved: {2030-01-03: 2030-01-04}}
"""
    before, ruleset = valid(""), valid(text)
    assert ruleset.calendars["quarter-end"] == TurnCalendar(
        "quarter-end", ("15 or next", "last calendar day or next"), (3, 12), 1, 0
    )
    assert ruleset.calendars["fomc"] == TurnCalendar(
        "fomc", (), after=1, dates=(date(2025, 10, 29),)
    )
    assert ruleset.calendars["all-year"].months == tuple(range(1, 13))
    assert ruleset.calendars["month-end"] == before.calendars["month-end"]
    sifma = ruleset.business["sifma"]
    assert not sifma.is_open(date(2030, 1, 2))
    assert sifma.is_open(date(2030, 1, 1))
    assert sifma.landing(date(2030, 1, 3)) == date(2030, 1, 4)
    assert ruleset.business["federal-reserve"] == before.business["federal-reserve"]


# ---- telling -------------------------------------------------------------------------

TELLING = """
rules:
  - {name: repo-spike, when: sofr > effr, labels: {theme: funding}}
  - {name: sofr-above-range, when: sofr > target_upper}
inhibit:
  - {while: {name: repo-spike}, mute: {name: sofr-above-range, level: watch}}
receivers:
  desk:
    - telegram: {chat: -1001234567890, topic: 7, language: zh-Hant}
    - slack: {channel: C0123456789, language: en, token: {secret: SECOND_WORKSPACE}}
  oncall:
    - webhook: {url: {secret: ONCALL_URL}, headers: {Authorization: {secret: ONCALL_AUTH}, X-From: ebb}, format: alertmanager}
  public:
    - telegram: {chat: "@ebbwatch"}
    - terminal: {}
    - pager: {service: {key_of: [a, b]}, token: {secret: PAGER}}
routes:
  - match: {level: critical}
    to: [desk, oncall]
    continue: true
  - match: {theme: data-health}
    to: [oncall]
    resolved: false
  - to: [desk]
    group_by: [theme]
    group_wait: 30 s
    quiet: {from: "22:00", to: "07:00", zone: Asia/Taipei, below: warning}
digests:
  - {at: "08:45", zone: America/New_York, on: business days, to: [desk]}
  - {at: 18:00, zone: Asia/Taipei, on: [Monday, Friday], to: [public, desk]}
  - {at: 18:00, zone: Asia/Taipei, on: Sunday, to: [desk]}
"""


def test_telling_has_all_its_parts() -> None:
    """Receivers, routes, digests and inhibitions, as the delivery side reads them."""
    ruleset = valid(TELLING, notifiers=["pager"])
    assert ruleset.inhibit == (
        Inhibition({"name": "repo-spike"}, {"name": "sofr-above-range", "level": "watch"}),
    )
    assert ruleset.receivers == {
        "desk": (
            Target(
                "desk", "telegram", {"chat": -1001234567890, "topic": 7, "language": "zh-Hant"}, 0
            ),
            Target(
                "desk",
                "slack",
                {
                    "channel": "C0123456789",
                    "language": "en",
                    "token": {"secret": "SECOND_WORKSPACE"},
                },
                1,
            ),
        ),
        "oncall": (
            Target(
                "oncall",
                "webhook",
                {
                    "url": {"secret": "ONCALL_URL"},
                    "headers": {"Authorization": {"secret": "ONCALL_AUTH"}, "X-From": "ebb"},
                    "format": "alertmanager",
                },
                0,
            ),
        ),
        "public": (
            Target("public", "telegram", {"chat": "@ebbwatch"}, 0),
            Target("public", "terminal", {}, 1),
            Target(
                "public",
                "pager",
                {"service": {"key_of": ["a", "b"]}, "token": {"secret": "PAGER"}},
                2,
            ),
        ),
    }
    assert ruleset.routes == (
        Route(match={"level": "critical"}, to=("desk", "oncall"), proceed=True),
        Route(match={"theme": "data-health"}, to=("oncall",), resolved=False),
        Route(
            to=("desk",),
            group_by=("theme",),
            group_wait_s=30,
            quiet=Quiet(time(22), time(7), "Asia/Taipei", Level.WARNING),
        ),
    )
    assert ruleset.digests == (
        Digest(at=time(8, 45), zone="America/New_York", on="business days", to=("desk",)),
        Digest(at=time(18), zone="Asia/Taipei", on="monday friday", to=("public", "desk")),
        Digest(at=time(18), zone="Asia/Taipei", on="sunday", to=("desk",)),
    )


def test_a_secret_of_a_third_party_is_kept_by_name_too() -> None:
    """Options nobody checks must not carry a secret either."""
    text = "receivers:\n  desk: [{pager: {routing: {api_key: abc}, at: 'https://a:b@c.org'}}]\n"
    result = loaded(text, notifiers=["pager"])
    assert codes(result) == ["literal-secret", "literal-secret"]
    assert "abc" not in rendered(result)
    assert "a:b@" not in rendered(result)


def test_kinds_of_receivers_are_listed_once() -> None:
    """The program names the built-in ones too when it says what is installed."""
    kinds = ["telegram", "slack", "webhook", "terminal", "pager"]
    result = loaded("receivers:\n  desk: [{fax: {}}]\n", notifiers=kinds)
    assert [p.hint for p in result.problems] == ["known: telegram, slack, webhook, terminal, pager"]


def test_a_list_of_a_third_party_may_hold_addresses_but_no_secrets() -> None:
    """Every address is looked at, however deep it stands."""
    text = "receivers:\n  desk: [{pager: [https://a.org/, 'https://b.org/?token=abc', plain]}]\n"
    assert codes(loaded(text, notifiers=["pager"])) == ["literal-secret"]
    fine = "receivers:\n  desk: [{pager: [https://a.org/]}]\n"
    assert valid(fine, notifiers=["pager"]).receivers == {"desk": (Target("desk", "pager", {}, 0),)}


@pytest.mark.parametrize(
    ("written", "seconds"), [("0 s", 0), ("30s", 30), ("5 min", 300), ("2 h", 7200), ("1 d", 86400)]
)
def test_a_wait_is_kept_in_seconds(written: str, seconds: int) -> None:
    """Seconds are written for waits only."""
    text = f"receivers: {{d: [{{terminal: {{}}}}]}}\nroutes: [{{to: [d], group_wait: {written}}}]\n"
    assert valid(text).routes[0].group_wait_s == seconds


@pytest.mark.parametrize("address", ["http://[::1", "https://", "https://a b.org/", "https:///x"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    """Whatever a library would make of it."""
    result = loaded(f"rules:\n  - {{name: a, when: sofr > effr, link: '{address}'}}\n")
    assert codes(result) == ["wrong-value"]


def test_a_turn_calendar_that_is_broken_is_told_once() -> None:
    """Not again at every rule that names it."""
    text = """
calendars: {fomc: {after: 1 bd}}
rules:
  - {name: a, value: sofr - effr, above: {watch: 1 bp}, turns: {fomc: annotate}}
"""
    assert codes(loaded(text)) == ["missing-key"]


# ---- several files -------------------------------------------------------------------


def test_the_second_of_one_name_is_the_culprit_across_files() -> None:
    """Files are taken by name; the hint says where the first one stands."""
    result = loaded(
        {
            "b.yaml": "define: {x: sofr - effr}\nreceivers: {d: [{terminal: {}}]}\n",
            "a.yaml": "receivers: {d: [{terminal: {}}]}\n\ndefine: {x: sofr}\n",
        }
    )
    assert [(p.span.file, p.message, p.hint) for p in result.problems] == [
        ("b.yaml", "there is a define x already", "the first stands at a.yaml:3"),
        ("b.yaml", "there is a receiver d already", "the first stands at a.yaml:1"),
    ]
    assert result.ruleset is None


def test_all_problems_of_all_files_come_at_once_in_order() -> None:
    """A mistake in one place hides none in another, not even behind broken YAML."""
    result = loaded(
        {
            "c.yaml": "rules:\n  - {name: a, when: soffr > effr}\n  - {name: A, when: sofr}\n",
            "a.yaml": "rules: [",
            "b.yaml": "series:\n  x: {unit: EUR}\n",
        }
    )
    assert [(p.span.file, p.span.line, p.code) for p in result.problems] == [
        ("a.yaml", 1, "yaml-syntax"),
        ("b.yaml", 2, "missing-key"),
        ("b.yaml", 2, "missing-key"),
        ("b.yaml", 2, "wrong-value"),
        ("c.yaml", 2, "unknown-name"),
        ("c.yaml", 3, "bad-name"),
    ]


def test_a_warning_does_not_keep_the_ruleset_from_being_used() -> None:
    """It is told, and the rules are in force."""
    result = loaded(LADDER)
    assert codes(result) == ["critical-holds"]
    assert result.ruleset is not None


def test_a_route_behind_one_that_goes_on_is_reached() -> None:
    """Only a route that takes everything and does not continue ends the list."""
    text = "receivers: {d: [{terminal: {}}]}\nroutes:\n  - {to: [d], continue: true}\n  - to: [d]\n"
    assert codes(loaded(text)) == []


def test_sections_that_are_commented_out_say_nothing() -> None:
    """A heading without entries is no mistake."""
    assert valid("rules:\n  # - {name: a}\nroutes:\nseries: ~\n").rules == ()


def test_nothing_but_the_catalogue_may_be_built_in() -> None:
    """Rules, receivers and routes are the user's alone."""
    result = loaded("rules: []\n", builtin={"b.yaml": "rules: []\n"})
    assert codes(result) == ["misplaced-key"]


def test_the_origin_tells_whether_anything_changed() -> None:
    """Content and names count; nothing else does."""
    assert valid({"a": "# x"}).origin == valid({"a": b"# x"}).origin
    assert valid({"a": "# x"}).origin != valid({"a": "# y"}).origin
    assert valid({"a": "# x"}).origin != valid({"b": "# x"}).origin


# ---- hashes --------------------------------------------------------------------------


def hashes(text: str) -> tuple[str, str]:
    """Return the two hashes of the only rule of a file."""
    rule = one_rule(text)
    return rule.definition, rule.ladder


SAME = [
    ("another title", ("Repo trades above fed funds", "Other")),
    ("another note", ("Reserves are tight.", "Other")),
    ("other labels", ("{theme: funding}", "{theme: other}")),
    ("a comment", ("    clear: 3 bp", "    # why\n    clear: 3 bp")),
    ("another way to write it", ("value: funding_spread", 'value: "(sofr  -  effr)"')),
    ("another unit of the same", ("watch: 10 bp", "watch: 0.1 %")),
    ("another order", ("{critical: 50 bp, watch: 10 bp, warning: 20 bp}",
                       "{watch: 10 bp, warning: 20 bp, critical: 50 bp}")),
    ("clear by level", ("clear: 3 bp", "clear: {watch: 3 bp, warning: 3 bp, critical: 3 bp}")),
    ("annotating another turn", ("quarter-end: annotate", "tax-date: annotate")),
    ("another reminder", ("repeat: 7 d", "repeat: 9 d")),
]  # fmt: skip


@pytest.mark.parametrize("change", [pytest.param(c, id=n) for n, c in SAME])
def test_hashes_do_not_see(change: tuple[str, str]) -> None:
    """What changes neither readings nor levels is no change."""
    assert change[0] in LADDER
    assert hashes(LADDER.replace(*change)) == hashes(LADDER)


MEASURE = [
    ("another expression", ("value: funding_spread", "value: sofr - iorb")),
    ("another define", ("funding_spread: sofr - effr", "funding_spread: sofr - iorb")),
    ("holding in another turn", ("quarter-end: annotate", "quarter-end: hold")),
    ("another window of a turn that holds", ("rules:", "calendars:\n  year-end: {anchor: last business day, of: [Dec]}\nrules:")),
]  # fmt: skip


@pytest.mark.parametrize("change", [pytest.param(c, id=n) for n, c in MEASURE])
def test_the_definition_sees(change: tuple[str, str]) -> None:
    """What changes the readings changes the definition, and not the ladder."""
    assert change[0] in LADDER
    definition, ladder = hashes(LADDER.replace(change[0], change[1], 1))
    assert definition != hashes(LADDER)[0]
    assert ladder == hashes(LADDER)[1]


STEPS = [
    ("a threshold", ("watch: 10 bp", "watch: 11 bp")),
    ("a level less", ("critical: 50 bp, ", "")),
    ("the clear", ("clear: 3 bp", "clear: 4 bp")),
    ("the hold", ("2 releases", "3 releases")),
]


@pytest.mark.parametrize("change", [pytest.param(c, id=n) for n, c in STEPS])
def test_the_ladder_sees(change: tuple[str, str]) -> None:
    """What changes the levels changes the ladder, and not the definition."""
    assert change[0] in LADDER
    definition, ladder = hashes(LADDER.replace(*change))
    assert definition == hashes(LADDER)[0]
    assert ladder != hashes(LADDER)[1]


# ---- the default pack ----------------------------------------------------------------


def test_the_default_pack_is_valid_and_bilingual() -> None:
    """Not even a warning; every rule says what it is in both languages."""
    result = loaded(PACK)
    assert rendered(result) == ""
    assert result.ruleset is not None
    assert len(result.ruleset.rules) >= 26
    for rule in result.ruleset.rules:
        for text in (rule.title, rule.note):
            assert [language for language, _ in text.by_language] == ["en", "zh-Hant"], rule.name


def test_every_shipped_file_names_the_schema() -> None:
    """Editors find it by the first line."""
    for name, text in PACK.items():
        first = text.partition("\n")[0]
        assert first == "# yaml-language-server: $schema=../docs/rules.schema.json", name
