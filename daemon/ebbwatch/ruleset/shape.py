"""The shape of rule files: every section and key, once.

The loader checks keys against this table, the JSON Schema for editors is generated from
it, and a test walks it to prove that each key changes what is loaded.
"""

from __future__ import annotations

import re
from typing import Any

from ebbwatch.model.address import names_secret
from ebbwatch.model.alert import LEVELS
from ebbwatch.model.periods import FREQUENCIES, WEEKDAYS
from ebbwatch.model.text import LANGUAGES, Text, language_of
from ebbwatch.model.units import UNITS
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ruleset import values as v
from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.kinds import (
    INVALID,
    ByForm,
    DeferredMap,
    Key,
    ListOf,
    MapOf,
    Misread,
    Plain,
    ScalarKind,
    Schema,
    Shape,
    ValueKind,
    Whole,
)
from ebbwatch.ruleset.nodes import Mapping, Node, Scalar, quoted
from ebbwatch.ruleset.rules import TurnPolicy
from ebbwatch.ruleset.secrets import USE_SECRET
from ebbwatch.ruleset.source_arguments import ARGUMENTS
from ebbwatch.ruleset.suggestions import either

#: Formats in which a webhook can be told.
WEBHOOK_FORMATS = ("alertmanager", "ebbwatch")
#: What of an alert may be among its labels there.
WEBHOOK_LABELS = ("constant", "per level")

_CHINESE_PLACES = ("tw", "hk", "mo", "cn", "sg")


def _language(text: str) -> str | Misread:
    if text in LANGUAGES:
        return text
    near = language_of(f"zh-{text}" if text.lower() in _CHINESE_PLACES else text)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(LANGUAGES)}"
    return Misread(f"there is no language {quoted(text)}", hint, "unknown-language")


LANGUAGE = ScalarKind(f"a language: {either(LANGUAGES)}", _language, {"enum": list(LANGUAGES)})


class TextByLanguage(ByForm):
    """A text for people, or a map of it by language; its value is a `Text`."""

    def __init__(self) -> None:
        """Take a text or a map by language."""
        super().__init__(
            "a text, or a map of it by language",
            scalar=v.some_text,
            mapping=MapOf(LANGUAGE, v.some_text, "a map by language", least=1),
        )

    def read(self, node: Node, findings: Findings) -> Any:
        """Return the text by language."""
        value = super().read(node, findings)
        if value is INVALID:
            return value
        if isinstance(node, Mapping):
            return Text(tuple((key.text, text) for key, _, text in value))
        return Text((("en", value),))

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        by_language = {name: {"type": "string"} for name in LANGUAGES}
        mapping = {"type": "object", "properties": by_language, "additionalProperties": False}
        return {"anyOf": [{"type": "string"}, mapping]}


TOLD = TextByLanguage()
LEVEL = v.choice("a level: watch, warning or critical", LEVELS)
EXPRESSION = Whole("an expression", {"type": ["string", "number"]})
DEFINE = Shape(
    "define",
    "An expression with a name, and what people call it.",
    (
        Key("is", EXPRESSION, "What it stands for.", "sofr - effr", required=True,
            also=("value", "expr", "expression", "when")),
        Key("title", TOLD, "What people call it.", "{en: SOFR over fed funds}", also=("name", "summary")),
    ),
)  # fmt: skip
DURATION = v.duration
LABELS = MapOf(v.label_name, v.some_text, "a map of labels", least=1, pattern=v.LABEL_NAME)


def by_level(kind: ScalarKind, what: str) -> MapOf:
    """Return a map of one kind by level."""
    by_key: dict[str, ValueKind] = dict.fromkeys(LEVELS, kind)
    return MapOf(LEVEL, kind, what, least=1, by_key=by_key, single="write {warning: {}}")


LADDER = by_level(v.quantity, "thresholds by level, such as {warning: 20 bp}")

SOURCE = MapOf(
    v.some_text,
    Plain(),
    "a source with its argument, such as {nyfed: sofr}",
    least=1,
    by_key=dict(ARGUMENTS),
)


def _zone(text: str, example: str) -> Key:
    return Key("zone", v.zone, text, example, required=True, also=("timezone", "tz"))


RELEASED = Shape(
    "release rule",
    "When a period's figure comes out.",
    (
        Key("after", v.delay, "Days after the period's end.", "1 business day"),
        Key(
            "on",
            v.weekly,
            "Instead of after: the first such weekday after the period's end.",
            "third Thursday",
        ),
        Key("at", v.time_of_day, "Time of day of the release.", '"08:00"', required=True),
        _zone("Time zone of that time.", NEW_YORK.key),
        Key(
            "calendar",
            v.choice("a business calendar", ("federal-reserve", "sifma")),
            "Business days by which a release moves.",
            "sifma",
            required=True,
        ),
        Key("from", v.day, "First period that it holds for.", "2025-06-26"),
        Key(
            "part",
            v.part_name,
            "Which part of a period comes out, where it is published in parts.",
            "morning",
        ),
    ),
)

SERIES = Shape(
    "declaration of a series",
    "One named sequence of numbers from one publisher.",
    (
        Key(
            "title",
            TOLD,
            "What people call it.",
            "{en: SOFR, zh-Hant: 擔保隔夜融資利率}",
            also=("name", "description"),
        ),
        Key("source", SOURCE, "Where it is had, first choice.", "{nyfed: sofr}", required=True),
        Key("fallback", SOURCE, "Asked when the first choice is down.", "{fred: SOFR}"),
        Key(
            "unit",
            v.choice("a unit", UNITS),
            "The unit it is published in.",
            "percent per year",
            required=True,
            also=("units",),
        ),
        Key(
            "every",
            v.choice("a frequency", FREQUENCIES),
            "How often it has a period.",
            "business day",
            required=True,
            also=("frequency", "freq", "interval"),
        ),
        Key(
            "released",
            ByForm(
                "a release rule, or a list of them",
                mapping=RELEASED,
                sequence=ListOf(RELEASED, "a list of release rules", least=1),
            ),
            "When a period's figure comes out.",
            '{after: 1 business day, at: "08:00", zone: America/New_York, calendar: sifma}',
            also=("release",),
        ),
        Key(
            "plausible",
            ListOf(v.quantity, "the lowest and the highest value that can be true"),
            "Values outside are held back.",
            "[-1 %, 20 %]",
            also=("range", "bounds"),
        ),
        Key(
            "scale_check",
            v.choice("level", ("level",)),
            "Hold back a value more than 50 times from the last.",
            "level",
        ),
        Key("stale_after", v.time_span, "Age after which it is stale.", "100 d"),
        Key("history_from", v.day, "Date of its first period.", "2018-04-02"),
        Key("before", v.quantity, "Value of the periods before its first.", "0 %"),
        Key(
            "also",
            ListOf(v.some_text, "a list of names", least=1),
            "What else people call it; who types one of these is led here.",
            "[TGA]",
            also=("alias", "aliases"),
        ),
    ),
)

CALENDAR = Shape(
    "calendar",
    "Days around which funding is known to be dear; or changes to a business calendar.",
    (
        Key(
            "anchor",
            ByForm(
                "an anchor or a list of anchors",
                scalar=v.some_text,
                sequence=ListOf(v.some_text, "a list of anchors", least=1),
            ),
            "The day, or days, of the month that the window hangs on.",
            "last business day",
        ),
        Key(
            "of",
            ByForm(
                "all, or a list of months",
                scalar=v.all_months,
                sequence=ListOf(v.month, "a list of months", least=1),
            ),
            "In which months; all without it.",
            "[Mar, Jun, Sep]",
            also=("months",),
        ),
        Key("before", v.business_days, "Business days before the anchor.", "3 bd"),
        Key("after", v.business_days, "Business days after it.", "2 bd"),
        Key(
            "dates",
            ListOf(v.day, "a list of dates"),
            "Further anchors, by date.",
            "[2020-07-15]",
            also=("exceptions",),
        ),
        Key(
            "closed",
            ListOf(v.day, "a list of dates"),
            "Of a business calendar: days closed beyond its holidays.",
            "[2018-12-05]",
        ),
        Key(
            "opened",
            ListOf(v.day, "a list of dates"),
            "Of a business calendar: holidays that are business days all the same.",
            "[2021-06-18]",
        ),
        Key(
            "moved",
            MapOf(v.day, v.day, "a map from date to date", pattern=v.DAY),
            "Of a business calendar: the day on which a scheduled release came out instead.",
            "{2020-12-24: 2020-12-28}",
        ),
    ),
)

FOREACH = MapOf(
    v.variable_name,
    ListOf(v.variable_value, "a list of values", least=1),
    "lists of values by variable",
    least=1,
)

RULE = Shape(
    "rule",
    "One condition, or one ladder of thresholds, that people are told about.",
    (
        Key(
            "name",
            v.rule_name,
            "The alert's identity.",
            "funding-spread",
            required=True,
            also=("alert", "id"),
        ),
        Key(
            "title",
            TOLD,
            "What people read first.",
            "Repo trades above fed funds",
            also=("summary",),
        ),
        Key(
            "value",
            EXPRESSION,
            "What the ladder measures.",
            "sofr - effr",
            also=("expr", "expression", "query", "metric"),
        ),
        Key(
            "measure",
            TOLD,
            "What people call the number; without it, words are made of value.",
            "{en: Days until reserves fall to 9 % of GDP}",
            also=("value_title", "quantity", "label"),
        ),
        Key(
            "above",
            LADDER,
            "Thresholds by level; breached by a greater reading.",
            "{watch: 10 bp, warning: 20 bp, critical: 50 bp}",
            also=("threshold", "thresholds", "over", "greater", "gt"),
        ),
        Key(
            "below",
            LADDER,
            "Thresholds by level; breached by a smaller reading.",
            "{warning: 10 %}",
            also=("under", "less", "lt"),
        ),
        Key("when", EXPRESSION, "The condition.", "sofr > target_upper", also=("if", "condition")),
        Key(
            "clear_when",
            EXPRESSION,
            "What must be true for it to resolve.",
            "sofr < target_upper",
            also=("clear_if",),
        ),
        Key(
            "level",
            LEVEL,
            "Of when and text rules; warning without it.",
            "critical",
            also=("severity", "priority"),
        ),
        Key("text", v.some_text, "A source of texts.", "fed_press", also=("feed",)),
        Key(
            "matches",
            v.pattern,
            "Regular expression that a text must match.",
            "'(?i)conclude the runoff'",
            also=("match", "regex", "pattern"),
        ),
        Key(
            "new",
            v.truth,
            "Of text rules: only where the previous text of the same kind did not match.",
            "true",
            also=("first", "changed"),
        ),
        Key(
            "scheduled",
            v.truth,
            "Of text rules, false: only FOMC statements outside the FOMC's plan, never minutes.",
            "false",
            also=("planned",),
        ),
        Key(
            "clear",
            ByForm(
                "a quantity, or a map of it by level",
                scalar=v.quantity,
                mapping=by_level(v.quantity, "clear by level"),
            ),
            "How far inside a threshold its level is left.",
            "3 bp",
            also=("reset", "hysteresis", "recovery"),
        ),
        Key(
            "for",
            ByForm(
                "a duration, or a map of it by level",
                scalar=DURATION,
                mapping=by_level(DURATION, "durations by level"),
            ),
            "How long a breach must last.",
            "{watch: 2 releases}",
            also=("hold", "duration"),
        ),
        Key(
            "turns",
            MapOf(
                v.calendar_name,
                v.choice("annotate or hold", [p.value for p in TurnPolicy]),
                "policies by calendar, such as {quarter-end: annotate}",
            ),
            "What to do with readings in a turn.",
            "{quarter-end: annotate}",
        ),
        Key(
            "repeat", DURATION, "Reminder while firing.", "7 d", also=("remind", "repeat_interval")
        ),
        Key("labels", LABELS, "For routes.", "{theme: funding}", also=("tags",)),
        Key(
            "note",
            TOLD,
            "Why it matters.",
            "Reserves are tight.",
            also=("notes", "description", "annotations", "why"),
        ),
        Key(
            "link",
            v.link,
            "Address for readers.",
            "https://example.org/repo",
            also=("url", "runbook_url"),
        ),
        Key(
            "foreach",
            FOREACH,
            "One alert per value; {variable} stands for it.",
            "{rate: [sofr, effr]}",
            also=("for_each", "each", "with_items"),
        ),
    ),
)

INHIBITION = Shape(
    "pair of while and mute",
    "While an alert fires, others are not told.",
    (
        Key(
            "while",
            LABELS,
            "Labels of the alert that fires.",
            "{name: repo-spike}",
            required=True,
            also=("source_match", "source", "when"),
        ),
        Key(
            "mute",
            LABELS,
            "Labels of those that are not told.",
            "{name: sofr-above-range}",
            required=True,
            also=("target_match", "target"),
        ),
    ),
)

SECRET = Shape(
    "reference to a secret",
    "The name of a secret, kept in the environment or a file.",
    (
        Key(
            "secret",
            v.secret_name,
            "Read from EBBWATCH_SECRET__<name>.",
            "ONCALL_URL",
            required=True,
        ),
    ),
)


def _chat(text: str) -> int | str | Misread:
    number = v.whole_number.parse(text)
    if isinstance(number, int):
        return number
    return text if text.startswith("@") and len(text) > 1 else Misread()


#: Slack writes ids of channels, groups and persons in capitals and digits.
_CHANNEL_ID = re.compile(r"[A-Z][A-Z0-9]+")


def _channel(text: str) -> str | Misread:
    if _CHANNEL_ID.fullmatch(text):
        return text
    hint = "a name can change, and files are sent to ids only: in Slack, open the channel's details"
    return Misread(hint=f"{hint}, at the end of which its id stands")


class _SecretOnly(ByForm):
    """The name of a secret; whatever else stands there is taken for the secret itself."""

    def __init__(self) -> None:
        """Take a map only."""
        super().__init__("{secret: NAME}", mapping=SECRET)

    def read(self, node: Node, findings: Findings) -> Any:
        """Return the reference."""
        if isinstance(node, Scalar) and not node.nothing:
            findings.secret(node, "a secret is written out", USE_SECRET)
            return INVALID
        return super().read(node, findings)


class _Headers(MapOf):
    """Headers, of which those that carry secrets are given by name only."""

    def read(self, node: Node, findings: Findings) -> Any:
        """Return the headers."""
        if isinstance(node, Mapping):
            for key, value in node.entries:
                if names_secret(key.text) and isinstance(value, Scalar) and not value.nothing:
                    findings.secret(value, f"the header {key.text} is written out", USE_SECRET)
        return super().read(node, findings)


def _severity(text: str) -> str | Misread:
    if text.strip().lower() in ("", "none", "null"):
        return Misread(hint="what has no severity is refused by those that receive it")
    return text


_SEVERITY = ScalarKind("what a severity is called", _severity, {"type": "string"})

_SECRET_ONLY = _SecretOnly()
_SECRET_OR_TEXT = ByForm("a text or {secret: NAME}", scalar=v.some_text, mapping=SECRET)
_LANGUAGE = Key(
    "language",
    LANGUAGE,
    "In which it is written; en without it.",
    "zh-Hant",
    also=("lang", "locale"),
)

TARGETS = {
    "telegram": Shape(
        "telegram target",
        "A Telegram chat.",
        (
            Key(
                "chat",
                ScalarKind(
                    "the number of a chat, or @name", _chat, {"type": ["integer", "string"]}
                ),
                "Number of the chat, or @name of a public one.",
                "-1001234567890",
                required=True,
                also=("chat_id",),
            ),
            Key(
                "topic",
                v.whole_number,
                "Topic of a group with topics.",
                "7",
                also=("thread", "message_thread_id", "thread_id"),
            ),
            _LANGUAGE,
            Key(
                "token",
                _SECRET_ONLY,
                "Another bot's token.",
                "{secret: SECOND_BOT}",
                also=("bot_token",),
            ),
        ),
    ),
    "slack": Shape(
        "slack target",
        "A Slack channel.",
        (
            Key(
                "channel",
                ScalarKind("the id of a channel such as C0123456789", _channel),
                "Id of the channel.",
                "C0123456789",
                required=True,
                also=("channel_id",),
            ),
            _LANGUAGE,
            Key(
                "token",
                _SECRET_ONLY,
                "Another workspace's token.",
                "{secret: SECOND_WORKSPACE}",
                also=("bot_token",),
            ),
        ),
    ),
    "webhook": Shape(
        "webhook target",
        "An address that is sent JSON.",
        (
            Key(
                "url",
                ByForm("an address or {secret: NAME}", scalar=v.address, mapping=SECRET),
                "Where to.",
                "{secret: ONCALL_URL}",
                required=True,
                also=("address",),
            ),
            Key(
                "headers",
                _Headers(v.some_text, _SECRET_OR_TEXT, "headers by name"),
                "Sent with each request.",
                "{Authorization: {secret: ONCALL_AUTH}}",
            ),
            Key(
                "format",
                v.choice("a format", WEBHOOK_FORMATS),
                "Of the JSON; alertmanager without it.",
                "ebbwatch",
            ),
            Key(
                "labels",
                v.choice("constant or per level", WEBHOOK_LABELS),
                "Whether level and severity are labels of Alertmanager's format, each level an "
                "alert of its own; constant without it: they are annotations.",
                "per level",
            ),
            Key(
                "severities",
                by_level(_SEVERITY, "severities by level"),
                "What severities are called; info, warning and critical without it.",
                "{watch: low, critical: page}",
            ),
            Key(
                "summaries",
                v.truth,
                "Whether summaries, digests and other notices are sent that are no alert's state; "
                "false without it.",
                "true",
                also=("digests",),
            ),
            _LANGUAGE,
        ),
    ),
    "terminal": Shape("terminal target", "The terminal, or the log.", (_LANGUAGE,)),
}

QUIET = Shape(
    "quiet time",
    "Hours in which messages are held, and told after.",
    (
        Key("from", v.time_of_day, "Where they begin.", '"22:00"', required=True, also=("start",)),
        Key(
            "to", v.time_of_day, "Where they end.", '"07:00"', required=True, also=("end", "until")
        ),
        _zone("Time zone of the hours.", "Asia/Taipei"),
        Key(
            "below",
            LEVEL,
            "This level and higher are told at once; critical without it.",
            "warning",
        ),
    ),
)

_TO = ListOf(v.some_text, "a list of receivers", least=1)

ROUTE = Shape(
    "route",
    "Which alerts go where; the first that matches wins.",
    (
        Key(
            "match",
            LABELS,
            "Labels that an alert must have; all without it.",
            "{level: critical}",
            also=("matchers", "match_labels"),
        ),
        Key("to", _TO, "Receivers.", "[desk]", required=True, also=("receiver", "receivers")),
        Key(
            "group_by",
            ListOf(v.label_name, "a list of labels", least=1),
            "Alerts alike in these are told together.",
            "[theme]",
        ),
        Key("group_wait", v.seconds, "How long to wait for others of the group.", "30 s"),
        Key(
            "resolved",
            v.truth,
            "Whether resolutions are told; true without it.",
            "false",
            also=("send_resolved",),
        ),
        Key(
            "quiet",
            QUIET,
            "Hours in which messages are held.",
            '{from: "22:00", to: "07:00", zone: Asia/Taipei}',
            also=("mute_time_intervals",),
        ),
        Key("continue", v.truth, "Whether later routes are looked at too.", "true"),
    ),
)

DIGEST_DAYS = ("business days", "days", *WEEKDAYS)

DIGEST = Shape(
    "digest",
    "A message at a time of day that says how things stand.",
    (
        Key("at", v.time_of_day, "When.", '"08:45"', required=True, also=("time",)),
        _zone("Time zone of that time.", NEW_YORK.key),
        Key(
            "on",
            ByForm(
                "business days, days, or a list of weekdays",
                scalar=v.choice("business days, days or a weekday", DIGEST_DAYS),
                sequence=ListOf(v.choice("a weekday", WEEKDAYS), "a list of weekdays", least=1),
            ),
            "On which days; business days without it.",
            "[Monday, Friday]",
            also=("days",),
        ),
        Key("to", _TO, "Receivers.", "[desk]", required=True, also=("receiver", "receivers")),
        Key(
            "show",
            ListOf(v.some_text, "a list of names", least=1),
            "Defines, series and rules with a value whose numbers are told each time.",
            "[net_liquidity, reserves-level]",
            also=("values", "states"),
        ),
    ),
)

TARGET = MapOf(
    v.some_text,
    Plain(),
    "a receiver of one kind, such as {telegram: {chat: -1001234567890}}",
    least=1,
    by_key=dict(TARGETS),
)

FILE = Shape(
    "rule file",
    "A rule file of Ebbwatch.",
    (
        Key(
            "series",
            MapOf(v.series_name, SERIES, "series by name", pattern=v.SERIES_NAME),
            "The catalogue: what is watched, and where it comes from.",
            "{}",
        ),
        Key(
            "define",
            MapOf(
                v.define_name,
                ByForm(
                    "an expression, or a map with is and title", scalar=EXPRESSION, mapping=DEFINE
                ),
                "expressions by name",
                pattern=v.SERIES_NAME,
            ),
            "Names for expressions.",
            "{funding_spread: sofr - effr}",
            also=("defines",),
        ),
        Key(
            "calendars",
            MapOf(v.calendar_name, CALENDAR, "calendars by name", pattern=v.RULE_NAME),
            "Days that strain funding, and changes to business calendars.",
            "{}",
            also=("calendar",),
        ),
        Key(
            "rules",
            ListOf(DeferredMap(RULE), "a list of rules"),
            "What is told.",
            "[]",
            also=("rule", "alerts", "groups"),
        ),
        Key(
            "inhibit",
            ListOf(INHIBITION, "a list of {while, mute}"),
            "Which alerts keep others quiet.",
            "[]",
            also=("inhibit_rules", "inhibitions"),
        ),
        Key(
            "receivers",
            MapOf(
                v.receiver_name,
                ListOf(TARGET, "a list such as [{slack: {channel: C0123456789}}]", least=1),
                "receivers by name",
            ),
            "Places that messages go to.",
            "{}",
            also=("receiver", "notifiers"),
        ),
        Key(
            "routes",
            ListOf(ROUTE, "a list of routes"),
            "Which alerts go where.",
            "[]",
            also=("route",),
        ),
        Key(
            "digests",
            ListOf(DIGEST, "a list of digests"),
            "Messages at a time of day.",
            "[]",
            also=("digest",),
        ),
    ),
)
