"""The documents say everything, and nothing that is not so."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer.main

from ebbwatch import app
from ebbwatch.cli.commands import COMMANDS
from ebbwatch.cli.commands import app as command_line
from ebbwatch.core.render.message_contexts import Trouble
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.model.units import UNITS
from ebbwatch.ruleset import shape
from ebbwatch.ruleset.kinds import Shape, ValueKind
from ebbwatch.ruleset.load import load
from ebbwatch.settings import environment
from tests.paths import ROOT


def _build_docs() -> ModuleType:
    """Return the script that writes the documents."""
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "scripts" / "build_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


build_docs = _build_docs()
NAMES = [str(path) for path in build_docs.DOCUMENTS]


def text(name: str) -> str:
    """Return a document."""
    return (ROOT / name).read_text("utf-8")


# ---- nothing is missing --------------------------------------------------------------------


def _options() -> Iterator[tuple[str, str]]:
    whole = typer.main.get_command(command_line([]))
    for name in COMMANDS:
        command = whole
        for word in name.split():
            command = command.commands[word]  # type: ignore[attr-defined]
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("-"):
                    yield name, option


def _section(name: str) -> str:
    """Return what docs/commands.md says of a command."""
    found = re.search(
        rf"^## `ebbwatch {name}`\n(.*?)(?=^## |\Z)",
        text("docs/commands.md"),
        re.DOTALL | re.MULTILINE,
    )
    return found[1] if found else ""


def test_every_command_has_a_section_with_help() -> None:
    """A command without a sentence of its own is not documented."""
    assert [name for name in COMMANDS if len(_section(name).strip().splitlines()) < 5] == []


def test_every_option_is_documented() -> None:
    """Each option stands in the section of its command."""
    assert [f"{name} {option}" for name, option in _options() if option not in _section(name)] == []


def test_every_setting_is_documented() -> None:
    """Each variable has a row of its own."""
    said = text("docs/settings.md")
    names = [
        *environment._every(app.keyed_sources()),
        "EBBWATCH_SECRET__<NAME>",
        "EBBWATCH_SOURCES__<NAME>__BASE_URL",
    ]
    assert [name for name in names if f"| `{name}` |" not in said] == []


def test_every_function_and_unit_is_documented() -> None:
    """Each has a row in the reference of the language."""
    said = text("docs/language.md")
    calls = [row.signature for row in FUNCTIONS.values()]
    assert [name for name in (*calls, *UNITS) if f"| `{name}` |" not in said] == []


def _shapes(kind: ValueKind) -> Iterator[Shape]:
    if isinstance(kind, Shape):
        yield kind
    for below in kind.below():
        yield from _shapes(below)


def test_every_key_of_rule_files_is_documented() -> None:
    """Each key of each map stands in the table of its map."""
    said = text("docs/rule-files.md")
    missing = []
    for one in {found.name: found for found in _shapes(shape.FILE)}.values():
        begin, end = f"<!-- begin keys of a {one.name} -->", f"<!-- end keys of a {one.name} -->"
        passage = said.partition(begin)[2].partition(end)[0]
        missing += [f"{one.name}: {k.name}" for k in one.keys if f"| `{k.name}`" not in passage]
    assert missing == []


def test_every_source_and_notifier_is_documented() -> None:
    """Each adapter that the package brings has its words."""
    sources, files = text("docs/sources.md"), text("docs/rule-files.md")
    assert [name for name in app.Adapters("sources") if f"\n### `{name}`\n" not in sources] == []
    assert [
        name for name in app.Adapters("notifiers") if f"\n### {name.capitalize()}\n" not in files
    ] == []


def test_every_series_is_documented() -> None:
    """Each series of the catalogue has a row."""
    ruleset = load({}, builtin=app.builtin_files(), sources=None).ruleset
    assert ruleset is not None
    said = text("docs/sources.md")
    assert [name for name in ruleset.series if f"| `{name}` |" not in said] == []


def test_every_default_rule_is_documented() -> None:
    """Each rule of the pack has a section, and the number of them is right where it is told."""
    ruleset = app.load_rules(app.rule_files(ROOT / "rules"), data_only=True).ruleset
    assert ruleset is not None
    said = text("docs/rules.md")
    assert [rule.name for rule in ruleset.rules if f"\n### {rule.name}\n" not in said] == []
    counted = f"{len(ruleset.rules)} rules"
    assert [name for name in ("README.md", "docs/rules.md") if counted not in text(name)] == []


def test_every_notice_about_data_is_documented() -> None:
    """Each trouble has a row that says what it means and what to do; that it is over needs none."""
    over = {Trouble.SOURCE_RECOVERED, Trouble.SERIES_CURRENT, Trouble.RECEIVER_RECOVERED,
            Trouble.RULE_RECOVERED, Trouble.VALUES_FIT, Trouble.OUTBOX_MOVES,
            Trouble.RELOAD_VALID}  # fmt: skip
    said = text("docs/operating.md")
    assert [
        one.value for one in Trouble if one not in over and f"| {one.value} |" not in said
    ] == []


# ---- what is said is so ----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_passages_are_those_that_would_be_written_now(name: str) -> None:
    """Generated passages agree with the program; `scripts/build_docs.py` writes them anew."""
    assert build_docs.with_passages(text(name)) == text(name)


@pytest.mark.parametrize("name", [name for name in NAMES if "```console\n" in text(name)])
def test_commands_print_what_is_shown(name: str) -> None:
    """Every command of a document is run, and prints what stands below it."""
    assert build_docs.with_output(text(name)) == text(name)


@pytest.mark.parametrize("name", NAMES)
def test_commands_that_are_only_shown_exist(name: str) -> None:
    """Every `ebbwatch ...`, in a block or in a sentence, is a command with those options."""
    said = re.sub(r"```text.*?```", "", text(name), flags=re.DOTALL)
    unknown = []
    for typed in re.findall(r"(?:^\$ |`)ebbwatch ([a-z][^`\n#]*)", said, re.MULTILINE):
        words = typed.split()
        command = next((c for c in (" ".join(words[:2]), words[0]) if c in COMMANDS), None)
        options = [word for word in words if word.startswith("--")]
        if command is None or not set(options) <= {o for c, o in _options() if c == command}:
            unknown.append(typed)
    assert unknown == []


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n...\nc\n", "a\nb\nb\nc\n", True),
        ("a\n...\nc\n", "a\nc\n", True),
        ("a\n...\n", "b\nb\n", False),
        ("a\n", "a\nb\n", False),
        ("a.c\n", "abc\n", False),
        ("", "", True),
    ],
)
def test_dots_stand_for_any_lines_and_nothing_else_does(
    shown: str, printed: str, fits: bool
) -> None:
    """What is shown is compared to the letter, apart from lines of three dots."""
    assert build_docs.fits(shown, printed) is fits


YAML = [
    pytest.param(block, id=f"{name}:{i}")
    for name in NAMES
    for i, block in enumerate(b for b in build_docs.blocks(text(name)) if b.language == "yaml")
]


@pytest.mark.parametrize("block", YAML)
def test_examples_of_rule_files_load(block: build_docs.Block) -> None:  # type: ignore[name-defined]
    """Each is a valid rule file by itself; those marked invalid are not."""
    if block.text.startswith("tests:"):
        pytest.skip("a rule test: `ebbwatch test` is run on it in its document")
    found = app.load_rules({"example.yaml": block.text.encode()})
    said = [problem.render() for problem in found.problems if problem.severity == "error"]
    assert bool(said) is ("invalid" in block.marks), said


_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def _links(name: str) -> Iterator[tuple[str, Path, str]]:
    plain = re.sub(r"^```.*?^```", "", text(name), flags=re.DOTALL | re.MULTILINE)
    for link in _LINK.findall(re.sub(r"`[^`\n]*`", "", plain)):
        if not link.startswith(("https://", "http://")):
            target, _, anchor = link.partition("#")
            path = (ROOT / name).parent / target if target else ROOT / name
            yield link, path, anchor


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    """Links within the project name a file that exists, and a heading that it has."""
    broken = [
        link
        for link, path, anchor in _links(name)
        if not path.is_file() or (anchor and anchor not in _anchors(path))
    ]
    assert broken == []


@pytest.mark.parametrize("name", NAMES)
def test_tests_and_files_that_are_named_exist(name: str) -> None:
    """`tests/x.py::test_y` is a test, and a path in the code or the tests is a file or folder."""
    plain = re.sub(r"^```.*?^```", "", text(name), flags=re.DOTALL | re.MULTILINE)
    missing = [
        f"{path}::{test}"
        for path, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", plain)
        if f"def {test}(" not in (ROOT / path).read_text("utf-8")
    ]
    missing += [
        path
        for path in re.findall(r"`((?:daemon|tests|docs|scripts|rules|deploy)/[\w./-]*)`", plain)
        if "NAME" not in path and not (ROOT / path).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_no_machine_and_no_package_index_is_named(name: str) -> None:
    """Documents hold no path of a developer's machine and no host that serves packages."""
    assert re.findall(r"/(?:root|work|home|tmp)/\w*|pypi\S*|index-url|simple/", text(name)) == []


def _modules(package: str) -> list[Path]:
    folder = ROOT / "daemon" / "ebbwatch" / package
    return [path for path in folder.glob("*.py") if path.name != "__init__.py"]


#: What README.md says is not there yet, and what shows that it is.
NOT_YET: dict[str, Callable[[], list[Path]]] = {
    "commands and buttons in chats": lambda: _modules("chat"),
    "the status page, metrics": lambda: _modules("web"),
    "files for containers": lambda: list((ROOT / "deploy").rglob("Containerfile")),
}


def test_what_is_said_to_be_missing_is_missing() -> None:
    """When something comes to be there, README.md and docs/settings.md must say so."""
    line = next(line for line in text("README.md").splitlines() if "Not there yet" in line)
    assert {what: what not in line for what in NOT_YET} == {
        what: bool(there()) for what, there in NOT_YET.items()
    }


@pytest.mark.parametrize("name", ["telegram", "slack", "doctor-fine"])
def test_the_transcripts_that_are_shown_are_those_that_are_tested(name: str) -> None:
    """People at a terminal see what docs/setup.md shows them."""
    golden = (ROOT / "tests" / "golden" / "setup" / f"{name}.txt").read_text("utf-8")
    assert golden.strip() in text("docs/setup.md")
