"""The table of keys: each is read, and editors are told the same as the loader knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from ebbwatch.ruleset import shape as s
from ebbwatch.ruleset.json_schema import json_schema, schema_of_tests
from ebbwatch.ruleset.kinds import Key, Shape, ValueKind
from tests.paths import ROOT
from tests.ruleset import golden
from tests.ruleset.loading import PACK, SOURCES, valid

#: For each shape, a file with a hole for one more key; ``{}`` takes ``key: example``.
HOLES = {
    s.SERIES.name: "series:\n  x:\n    source: {{csv: {{path: a.csv}}}}\n    unit: basis points\n"
    "    every: day\n    {}\n",
    s.RELEASED.name: "series:\n  x:\n    source: {{csv: {{path: a.csv}}}}\n    unit: number\n"
    "    every: day\n    released:\n      after: 3 days\n      at: 09:15\n      zone: Asia/Taipei\n"
    "      calendar: federal-reserve\n      {}\n",
    s.RULE.name: None,
    s.CALENDAR.name: "calendars:\n  x:\n    anchor: 3 or next\n    {}\n",
    s.INHIBITION.name: "inhibit:\n  - while: {{a: b}}\n    mute: {{c: d}}\n    {}\n",
    s.SECRET.name: "receivers:\n  x:\n    - webhook:\n        url:\n          secret: OTHER\n"
    "          {}\n",
    "telegram target": "receivers:\n  x:\n    - telegram:\n        chat: 1\n        {}\n",
    "slack target": "receivers:\n  x:\n    - slack:\n        channel: C1\n        {}\n",
    "webhook target": "receivers:\n  x:\n    - webhook:\n        url: {{secret: OTHER}}\n        {}\n",
    "terminal target": "receivers:\n  x:\n    - terminal:\n        other: x\n        {}\n",
    s.QUIET.name: "receivers: {{desk: [{{terminal: {{}}}}]}}\nroutes:\n  - to: [desk]\n    quiet:\n"
    "      from: 21:00\n      to: 05:00\n      zone: America/New_York\n      {}\n",
    s.ROUTE.name: "receivers: {{desk: [{{terminal: {{}}}}], ops: [{{terminal: {{}}}}]}}\nroutes:\n"
    "  - to: [ops]\n    {}\n",
    s.DEFINE.name: "define:\n  x:\n    is: effr - iorb\n    {}\n",
    s.DIGEST.name: "receivers: {{desk: [{{terminal: {{}}}}], ops: [{{terminal: {{}}}}]}}\ndigests:\n"
    "  - at: 07:00\n    zone: Asia/Taipei\n    to: [ops]\n    {}\n",
}

#: Rules by which of their keys can stand.
LADDER = "rules:\n  - name: x\n    value: effr - iorb\n    above: {{warning: 7 bp}}\n    {}\n"
CONDITION = "rules:\n  - name: x\n    when: effr > iorb\n    {}\n"
TEXT = "rules:\n  - name: x\n    text: fed_press\n    matches: other\n    {}\n"
RULE_HOLES = {
    "new": TEXT, "scheduled": TEXT, "clear_when": CONDITION, "level": CONDITION, "when": CONDITION, "matches": TEXT,
    "below": LADDER.replace("above", "below"),
}  # fmt: skip

#: Keys whose examples need another example beside them.
SPECIAL = {
    ("release rule", "on"): (
        HOLES[s.RELEASED.name].format(""),
        HOLES[s.RELEASED.name].format("").replace("after: 3 days", "on: third Thursday")),
    ("define", "is"): ("define: {x: {is: effr - iorb}}\n", "define: {x: {is: sofr - effr}}\n"),
    ("release rule", "part"): (
        HOLES[s.RELEASED.name].format(""),
        HOLES[s.RELEASED.name].format("").replace("released:\n      after:", """released:
      - {at: 08:15, part: noon, after: 3 days, zone: Asia/Taipei, calendar: federal-reserve}
      - part: morning
        after:""").replace("\n      at:", "\n        at:").replace(
            "\n      zone:", "\n        zone:").replace("\n      calendar:", "\n        calendar:")),
    ("rule", "text"): ("rules:\n  - {name: x, text: fed_press, matches: other}\n",
                       "rules:\n  - {name: x, text: other_press, matches: other}\n"),
    ("rule", "for"): (LADDER.format("").replace("warning", "watch"),
                      LADDER.format("for: {watch: 2 releases}").replace("warning", "watch")),
    ("rule", "foreach"): (LADDER.format(""),
                          LADDER.format("foreach: {rate: [sofr, effr]}").replace(
                              "name: x", 'name: "x-{rate}"')),
    ("terminal target", "language"): ("receivers: {x: [{terminal: {}}]}\n",
                                      "receivers: {x: [{terminal: {language: zh-Hant}}]}\n"),
    ("rule file", "series"): ("", "series: {x: {source: {fred: X}, unit: USD, every: day}}\n"),
    ("rule file", "calendars"): ("", "calendars: {x: {anchor: 15 or next}}\n"),
    ("rule file", "rules"): ("", LADDER.format("")),
    ("rule file", "receivers"): ("", "receivers: {x: [{terminal: {}}]}\n"),
    ("rule file", "inhibit"): ("", "inhibit: [{while: {a: b}, mute: {c: d}}]\n"),
    ("rule file", "routes"): ("receivers: {x: [{terminal: {}}]}\n",
                              "receivers: {x: [{terminal: {}}]}\nroutes: [{to: [x]}]\n"),
    ("rule file", "digests"): (
        "receivers: {x: [{terminal: {}}]}\n",
        "receivers: {x: [{terminal: {}}]}\ndigests: [{at: 08:00, zone: UTC, to: [x]}]\n"),
    ("digest", "show"): (
        "define: {wide: sofr - effr}\n" + HOLES[s.DIGEST.name].format(""),
        "define: {wide: sofr - effr}\n" + HOLES[s.DIGEST.name].format("show: [wide, tgcr]")),
    ("rule file", "define"): ("", "define: {x: sofr - effr}\n"),
}  # fmt: skip


def shapes(kind: ValueKind) -> Iterator[Shape]:
    """Yield every shape below a kind, and itself."""
    if isinstance(kind, Shape):
        yield kind
    for below in kind.below():
        yield from shapes(below)


ALL = {shape.name: shape for shape in shapes(s.FILE)}
KEYS = [(shape, key) for shape in ALL.values() for key in shape.keys]


def texts(shape: Shape, key: Key) -> tuple[str, str]:
    """Return a file without the key's example, and one with it."""
    if (shape.name, key.name) in SPECIAL:
        return SPECIAL[shape.name, key.name]
    hole = RULE_HOLES.get(key.name, LADDER) if shape is s.RULE else HOLES[shape.name]
    assert hole is not None
    if shape is s.CALENDAR and key.name in ("closed", "opened", "moved"):
        hole = "calendars:\n  sifma:\n    closed: [2031-01-02]\n    {}\n"
    line = f"{key.name}: {key.example}"
    without = [one for one in hole.format("").splitlines() if one.strip()]
    start = next(
        (n for n, one in enumerate(without) if one.strip().startswith(f"{key.name}:")), None
    )
    start = next((n for n, one in enumerate(without) if one.strip(" -").startswith(f"{key.name}:")),
                 None) if start is None else start  # fmt: skip
    if start is None:
        return "\n".join(without), hole.format(line)
    indent = without[start][: without[start].index(key.name)]
    changed = [*without[:start], indent + line, *without[start + 1 :]]
    return "\n".join(without), "\n".join(changed)


@pytest.mark.parametrize(
    ("shape", "key"), [pytest.param(sh, k, id=f"{sh.name}: {k.name}") for sh, k in KEYS]
)
def test_every_key_is_read(shape: Shape, key: Key) -> None:
    """Writing the key's example changes what is loaded: no key is accepted and ignored."""
    without, with_it = texts(shape, key)
    options = {"sources": {**SOURCES, "other_press": SOURCES["fed_press"]}}
    assert parts(valid(without, **options)) != parts(valid(with_it, **options))


def parts(ruleset: Any) -> list[Any]:
    """Return what a ruleset says, without where it was written."""
    rules = [
        {
            f: getattr(rule, f)
            for f in rule.__dataclass_fields__
            if f not in ("span", "value", "when", "clear_when")
        }
        for rule in ruleset.rules
    ]
    return [
        rules,
        *(
            getattr(ruleset, f)
            for f in ruleset.__dataclass_fields__
            if f not in ("rules", "origin")
        ),
    ]


def test_every_key_says_what_it_does() -> None:
    """A sentence each, and no name is another key's nickname in the same shape."""
    for shape in ALL.values():
        names = {key.name for key in shape.keys}
        for key in shape.keys:
            assert key.doc.endswith("."), (shape.name, key.name)
            assert not names & set(key.also), (shape.name, key.name)


# ---- the schema ----------------------------------------------------------------------

SCHEMA = json_schema()


def as_editors_see(text: str) -> Any:
    """Return a file as an editor's YAML reader has it: dates and numbers as text or number."""
    loader = yaml.SafeLoader(text)
    loader.yaml_implicit_resolvers = {
        first: [(tag, rx) for tag, rx in resolvers if "timestamp" not in tag and "bool" not in tag]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    truth = ("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"))
    for first in "tf":  # as YAML 1.2 has it: "on" and "yes" are texts
        loader.yaml_implicit_resolvers.setdefault(first, []).append(truth)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def test_the_schema_is_a_schema() -> None:
    """It holds to its own standard."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_shipped_schema_is_the_generated_one() -> None:
    """``docs/rules.schema.json`` is written from the table, and not by hand."""
    written = (ROOT / "docs/rules.schema.json").read_text("utf-8")
    assert json.loads(written) == SCHEMA, "write it again: python -m tests.ruleset.test_shape"


def test_the_shipped_schema_of_tests_is_the_generated_one() -> None:
    """``docs/tests.schema.json`` is written from the table as well."""
    written = (ROOT / "docs/tests.schema.json").read_text("utf-8")
    assert json.loads(written) == schema_of_tests(), "python -m tests.ruleset.test_shape writes it"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "rules/tests").glob("*.yaml")), ids=lambda p: p.name
)
def test_the_packs_tests_hold_to_their_schema_and_name_it(path: Path) -> None:
    """An editor completes keys in rule tests, too."""
    text = path.read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=../../docs/tests.schema.json\n")
    jsonschema.Draft202012Validator(schema_of_tests()).validate(as_editors_see(text))


@pytest.mark.parametrize("name", list(PACK))
def test_the_default_pack_holds_to_the_schema(name: str) -> None:
    """An editor underlines nothing in what we ship."""
    jsonschema.Draft202012Validator(SCHEMA).validate(as_editors_see(PACK[name]))


@pytest.mark.parametrize("table", ["keys"])
def test_editors_find_misspelt_keys_too(table: str) -> None:
    """What the loader calls an unknown key, the schema refuses as well."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for case in golden.cases(golden.TABLES / f"{table}.txt"):
        if "[unknown-key]" in case.says:
            assert not validator.is_valid(as_editors_see(case.text)), case.name


if __name__ == "__main__":
    for name, schema in (("rules", SCHEMA), ("tests", schema_of_tests())):
        (ROOT / f"docs/{name}.schema.json").write_text(
            json.dumps(schema, ensure_ascii=False, indent=2) + "\n", "utf-8"
        )
