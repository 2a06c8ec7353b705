"""Write what the documents say of the program from the program itself.

A passage between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` is written here; everything
around it is written by hand. What stands under a command in a ``console`` block is what the
command printed. With ``--check``, nothing is written, and what is not true any more is named.

How blocks of code are read:

- ``console``: every line that begins with ``$`` is run, in an empty directory of the document's
  own that holds ``rules``, the default pack; the lines below it are its output. ``...`` stands for
  any number of lines. Blocks marked ``console norun`` are shown only.
- ``yaml file=PATH``: is put there first, so that commands can work on it.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import typer
import typer.main
import yaml
from pydantic import BaseModel

from ebbwatch import app, archive
from ebbwatch.cli.commands import COMMANDS
from ebbwatch.cli.commands import app as command_line
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.model.units import UNITS, printed_unit
from ebbwatch.ruleset import shape as s
from ebbwatch.ruleset.kinds import Shape, ValueKind
from ebbwatch.ruleset.load import load
from ebbwatch.settings import PREFIX, SECRETS_DIR, Settings, SourceSettings, names

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "daemon" / "ebbwatch"
#: Documents that hold passages or commands; others write docs/evidence.md.
DOCUMENTS = (
    Path("README.md"),
    Path("CHANGELOG.md"),
    Path("CONTRIBUTING.md"),
    *(
        path.relative_to(ROOT)
        for path in sorted((ROOT / "docs").glob("*.md"))
        if path.name != "evidence.md"
    ),
)
WIDTH = 100

_PASSAGE = re.compile(r"(<!-- begin ([\w -]+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def code(text: str) -> str:
    """Return a text as code; nothing for nothing."""
    return f"`{text}`" if text else ""


def doc_of(path: Path) -> str:
    """Return a module's docstring."""
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""


def attributes(cls: type) -> dict[str, str]:
    """Return what a class's docstring says of its attributes, by name."""
    found: dict[str, str] = {}
    name = ""
    for line in (cls.__doc__ or "").partition("Attributes:")[2].splitlines():
        if (start := re.match(r" {8}(\w+): (.*)", line)) is not None:
            name = start[1]
            found[name] = start[2].strip()
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def plain(text: str) -> str:
    """Return a docstring's text as Markdown."""
    return text.replace("``", "`")


# ---- the language ------------------------------------------------------------------------


def functions() -> str:
    """Return the table of functions."""
    return table(
        ("call", "gives", "looks back", "value at period *p*", "for example"),
        (
            (code(f.signature), f.gives, f.looks_back, f.doc, code(f.example))
            for f in FUNCTIONS.values()
        ),
    )


def function_aliases() -> str:
    """Return the table of what functions are called elsewhere."""
    return table(
        ("here", "elsewhere"),
        ((code(f.name), ", ".join(map(code, f.aliases))) for f in FUNCTIONS.values() if f.aliases),
    )


def units() -> str:
    """Return the table of units that a series may be published in."""
    return table(
        ("`unit:`", "measures", "one of it is", "printed in"),
        (
            (
                code(unit.name),
                str(unit.dimension),
                f"{unit.factor.normalize():,f}" if unit.factor < 1 else f"{unit.factor:,f}",
                code(printed_unit(unit.dimension)) or "a bare number",
            )
            for unit in UNITS.values()
        ),
    )


# ---- rule files --------------------------------------------------------------------------


def keys(shape: Shape) -> str:
    """Return the table of a shape's keys."""

    def stands(kind: ValueKind) -> str:
        return f"a map: {kind.name}" if isinstance(kind, Shape) else kind.what

    return table(
        ("key", "what stands there", "what it does", "for example"),
        (
            (
                code(key.name) + (" (required)" if key.required else ""),
                stands(key.kind),
                key.doc,
                code(key.example),
            )
            for key in shape.keys
        ),
    )


def shapes() -> dict[str, Callable[[], str]]:
    """Return the passages about keys, by name: ``keys of a rule``."""
    every = (
        s.FILE, s.SERIES, s.RELEASED, s.CALENDAR, s.DEFINE, s.RULE, s.INHIBITION, s.SECRET,
        *s.TARGETS.values(), s.ROUTE, s.QUIET, s.DIGEST,
    )  # fmt: skip
    return {f"keys of a {one.name}": partial(keys, one) for one in every}


# ---- the default pack --------------------------------------------------------------------


def pack() -> str:
    """Return the default rules, one section each, from their files."""
    parts = []
    for path in sorted((ROOT / "rules").glob("*.yaml")):
        text = path.read_text("utf-8")
        parts.append(f"## `rules/{path.name}`")
        said = " ".join(_comment(text.split("\n\n")[0].splitlines()[2:]))
        parts.append(said.partition(" Each comment says")[0])
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  it makes texts only
        if defines := content.get("define"):
            parts.append(
                table(
                    ("define", "is"),
                    (
                        (code(n), code(e if isinstance(e, str) else e["is"]))
                        for n, e in defines.items()
                    ),
                )
            )
        parts += [_rule(rule, text) for rule in content["rules"]]
    return "\n\n".join(parts)


def _comment(lines: Iterable[str]) -> list[str]:
    return [text for line in lines if (text := line.strip().removeprefix("#").strip())]


def _rule(rule: dict[str, Any], text: str) -> str:
    """Return what is to be said of one rule."""
    above = text[: text.index(f"\n  - name: {rule['name']}\n")].splitlines()
    said: list[str] = []
    while above and above[-1].startswith("  #"):
        said.insert(0, above.pop())
    rows = []
    for key in ("value", "when", "clear_when", "text", "matches", "above", "below", "level",
                "clear", "for", "turns", "repeat"):  # fmt: skip
        if (value := rule.get(key)) is None:
            continue
        if isinstance(value, dict):
            shown = ", ".join(f"{name} `{one}`" for name, one in value.items())
        else:
            shown = code(re.sub(r"\s+", " ", value).strip())
        rows.append((code(key), shown))
    return "\n\n".join(
        (
            f"### {rule['name']}",
            f"**{rule['title']['en']}** ({rule['title']['zh-Hant']}).\n{rule['note']['en']}",
            table(("key", "is"), rows),
            f"Over history: {' '.join(_comment(said))}",
        )
    )


# ---- series and sources ------------------------------------------------------------------


def plugins(group: str) -> dict[str, str]:
    """Return the adapters of a group: ``module:class`` by name, in the order they are listed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found: dict[str, str] = project["entry-points"][f"ebbwatch.{group}"]
    return found


def series() -> str:
    """Return the catalogue, by source."""
    ruleset = load({}, builtin=app.builtin_files(), sources=None).ruleset
    assert ruleset is not None
    held = {name: _held(file.read_text("utf-8")) for name, file in archive.files().items()}
    parts = []
    for source in plugins("sources"):
        own = [one for one in ruleset.series.values() if one.source.name == source]
        if not own:
            continue
        rows = (
            (
                code(one.name),
                one.title.in_language("en"),
                one.unit.name,
                one.every.name,
                _released(one),
                one.fallback.name if one.fallback else "",
                held.get(one.name, "not bundled"),
            )
            for one in own
        )
        head = ("series", "what", "published in", "every", "comes out", "fallback", "archive")
        parts.append(f"### Series of `{source}`\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def _held(text: str) -> str:
    periods = sorted(line.split(",")[0] for line in text.splitlines()[1:] if line)
    return f"{periods[0]} to {periods[-1]}"


def _released(one: Any) -> str:
    """Return when a series comes out now, in words."""
    newest = max((rule.since or date.min for rule in one.released), default=None)
    rules = [rule for rule in one.released if (rule.since or date.min) == newest]
    return " and ".join(map(_release, rules)) or "when it is seen"


def _release(rule: Any) -> str:
    if rule.on is not None:
        day = f"the {rule.on} after" if rule.on.nth else f"the next {rule.on}"
        return f"{day}, {rule.at:%H:%M}"
    noun = ("business day" if rule.business else "day") + "s" * (rule.count != 1)
    after = f"{rule.count} {noun} after" if rule.count else "the same day"
    return f"{after}, {rule.at:%H:%M}" + (f" ({rule.part})" if rule.part else "")


def sources() -> str:
    """Return what each adapter says of its provider."""
    parts = []
    for name, point in plugins("sources").items():
        module = point.partition(":")[0].rpartition(".")[2]
        text = re.split(r"\n\n(?= )|::\n", doc_of(SOURCES / "sources" / f"{module}.py"))[0]
        paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
        parts.append("\n\n".join((f"### `{name}`", *map(plain, paragraphs))))
    return "\n\n".join(parts)


# ---- settings ----------------------------------------------------------------------------


def settings() -> str:
    """Return every setting, from its model."""
    top, rows = attributes(Settings), []
    for name in names(Settings):
        field = Settings.model_fields[name]
        full = PREFIX + name.upper()
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            said = attributes(section)
            title = (section.__doc__ or "").partition(".")[0]
            rows += [
                (
                    f"{full}__{leaf.upper()}",
                    _default(section.model_fields[leaf].default),
                    f"{title}: {_lower(said[leaf])}",
                )
                for leaf in names(section)
            ]
        elif name == "api_keys":
            rows += [
                (f"{PREFIX}{key.upper()}__API_KEY", "", f"{key.upper()}: your own key.")
                for key in app.keyed_sources()
            ]
            said_of = "The same of any other source that takes a key, by name."
            rows.append((f"{PREFIX}<NAME>__API_KEY", "", said_of))
        elif name == "secret":
            rows.append((f"{full}__<NAME>", "", "A secret that rule files name, in capitals."))
        elif name == "sources":
            said = attributes(SourceSettings)
            rows += [(f"{full}__<NAME>__{leaf.upper()}", "", f"A source, by name: {_lower(said[leaf])}")
                     for leaf in names(SourceSettings)]  # fmt: skip
        elif name == "database_url":
            rows.append(
                (full, "SQLite under the state directory", f"Database: {_lower(top[name])}")
            )
        else:
            title = name.replace("_", " ").capitalize()
            rows.append((full, _default(field.default), f"{title}: {_lower(top[name])}"))
    rows.append((SECRETS_DIR, "", "A directory of secret files, one per setting."))
    return table(
        ("setting", "default", "what it is"),
        ((code(name), default, plain(said)) for name, default, said in rows),
    )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _default(value: object) -> str:
    return "" if value is None or value == () else code(str(value))


# ---- commands ----------------------------------------------------------------------------


def commands() -> str:
    """Return the help of every command."""
    whole = typer.main.get_command(command_line([]))
    parts = []
    for name in COMMANDS:
        command: Any = whole
        context = typer.Context(command, info_name="ebbwatch", **command.context_settings)
        for word in name.split():
            command = command.commands[word]
            context = typer.Context(command, info_name=word, parent=context)
        context.terminal_width = 80
        parts.append(f"## `ebbwatch {name}`\n\n```text\n{command.get_help(context)}\n```")
    return "\n\n".join(parts)


# ---- architecture ------------------------------------------------------------------------


#: The rooms in the order in which a number, a rule and a person walk through them, and the
#: modules of each; a package stands for those of its own that are named nowhere else.
TOUR: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Words that everybody uses",
        "Values without behaviour. Begin with the first five; the others can wait.",
        ("model/observation", "model/periods", "model/series", "model/alert", "model/message",
         "model", "ports"),
    ),
    (
        "1. A source is visited",
        "When, what for, and what if it fails; each adapter knows one provider's ways.",
        ("runtime/following", "runtime/polling", "core/facts/poll_plan", "runtime/trigger",
         "runtime/visits", "runtime/source_failures", "runtime/holes", "runtime/backfill",
         "sources/nyfed", "sources/provider", "sources/http", "sources", "net"),
    ),
    (
        "2. A published number becomes a fact",
        "Admitted or held back, dated, and kept as it became known.",
        ("core/facts/edge", "core/facts/doubts", "core/facts/release_clock", "core/facts/asof",
         "core/facts", "core"),
    ),
    (
        "3. One event at a time",
        "Whatever became known at an instant goes through one pipeline, live and replayed.",
        ("runtime/feeds", "runtime/pipeline", "runtime/recording", "runtime/ledger"),
    ),
    (
        "4. Expressions are evaluated",
        "From a text to a checked graph, and from the graph to readings.",
        ("expr/tree", "expr/parse", "expr/check", "expr/parts", "expr/definition",
         "expr/functions", "expr/calls", "expr/graph", "expr/view", "expr/elements",
         "expr/blocks", "expr/windows", "expr/evaluate", "expr/readings", "expr/numbers",
         "expr/exact", "expr"),
    ),
    (
        "5. Readings move alerts",
        "Pure decisions: thresholds, waits, levels, transitions.",
        ("core/alerting/ladder", "core/alerting/signals", "core/alerting/holds",
         "core/alerting/lifecycle", "core/alerting/judging", "core/alerting"),
    ),
    (
        "6. Who hears of it",
        "Deciding is pure (`core/telling`); `runtime/telling` remembers what was decided.",
        ("core/telling/hearing", "core/telling/routing", "core/telling/dedup",
         "core/telling/muting", "core/telling/grouping", "core/telling",
         "runtime/telling/heard", "runtime/telling/deciding", "runtime/telling/programs", "runtime/telling/groups", "runtime/telling/looking_again",
         "runtime/telling/edits", "runtime/telling", "runtime/silences", "runtime/attendant"),
    ),
    (
        "7. It is put into words",
        "Contexts first, then a message, then each platform's markup.",
        ("core/render/message_contexts", "core/render/alert_messages", "core/render/words",
         "core/render", "locale", "markup", "charts"),
    ),
    (
        "8. It is delivered",
        "A worker takes what is to be sent from the store; each notifier knows one kind of place.",
        ("runtime/delivery", "runtime/whereabouts", "runtime/place_failures", "runtime/drawing",
         "notifiers", "platforms", "runtime/undelivered"),
    ),
    (
        "Where all of it is kept",
        "One schema for SQLite and PostgreSQL, one interface for both and for memory.",
        ("store/open", "store/schema", "store/sql", "store/in_memory", "store",
         "store/migrations", "store/migrations/versions", "archive"),
    ),
    (
        "How rules are read",
        "Rule files in, a ruleset or everything that is wrong with them out.",
        ("ruleset/load", "ruleset/yaml", "ruleset/nodes", "ruleset/shape", "ruleset/kinds",
         "ruleset/values", "ruleset/catalogue", "ruleset/compiling", "ruleset/alerts",
         "ruleset/routes", "ruleset/rules", "ruleset", "runtime/rulefiles", "runtime/reload",
         "runtime/revisions"),
    ),
    (
        "How questions are answered",
        "Every command, and whoever asks within the daemon, goes to the desk.",
        ("runtime/desk", "core/answering/reading", "core/answering/status",
         "core/answering/expected", "core/answering/explaining", "core/answering"),
    ),
    (
        "How the past is looked at",
        "Replay and what is made of it.",
        ("runtime/lookback/replay", "runtime/lookback/transcript", "runtime/lookback",
         "core/lookback"),
    ),
    (
        "The daemon and the commands",
        "`app` puts everything together; `runtime/service` starts and stops it.",
        ("app/assembly", "app", "runtime/service", "runtime/selfwatch", "runtime", "cli/commands",
         "cli", "settings", "web", "chat", ""),
    ),
    (
        "Setting up, and looking whether all is well",
        "A conversation to the first message; and one screen that says how everything is.",
        ("cli/setup_command", "cli/setup_platform", "cli/setup_telegram", "cli/setup_slack",
         "cli/conversation", "cli/trial_message", "platforms/telegram_chats",
         "platforms/slack_channels", "settings/env_file", "cli/doctor_command", "app/doctor",
         "store/looking"),
    ),
)  # fmt: skip


def modules() -> str:
    """Return every module with the first line of its docstring, in the order of the tour."""
    every = {
        path.relative_to(SOURCES).with_suffix("").as_posix(): path
        for path in sorted(SOURCES.rglob("*.py"))
        if path.name not in ("__init__.py", "__main__.py")
    }
    named = {name for _, _, rooms in TOUR for name in rooms if name in every}
    packages = {name for _, _, rooms in TOUR for name in rooms if name not in every}
    strangers = {name.rpartition("/")[0] for name in every} - packages
    elsewhere = [("Elsewhere", "", tuple(sorted(strangers)))] if strangers else []
    parts = []
    for heading, said, rooms in (*TOUR, *elsewhere):
        found: list[str] = []
        for name in rooms:
            inside = [n for n in every if n.rpartition("/")[0] == name and n not in named]
            found += [name] if name in every else inside
        rows = [(code(room), _summary(every[room])) for room in found]
        parts.append(f"### {heading}\n\n{said}\n\n{table(('room', 'what it does'), rows)}")
    return "\n\n".join(parts)


def _summary(path: Path) -> str:
    return plain(" ".join(doc_of(path).split("\n\n")[0].split()))


def contracts() -> str:
    """Return the import contracts that are checked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    rows = []
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            layers = " > ".join(code(layer) for layer in contract["layers"])
            said = f"each imports only what stands right of it: {layers}"
        else:
            said = (
                f"{', '.join(map(code, contract['source_modules']))} import none of "
                f"{', '.join(map(code, contract['forbidden_modules']))}"
            )
        rows.append((contract["name"], said.replace("ebbwatch.", "")))
    return table(("contract", "says"), rows)


# ---- counts ------------------------------------------------------------------------------


def counts() -> str:
    """Return how often each default rule speaks up over the archive, by a replay."""
    ruleset = app.load_rules(app.rule_files(ROOT / "rules"), data_only=True).ruleset
    assert ruleset is not None
    first, bundled = 2018, set(archive.files())
    command = f"ebbwatch replay --store none --from {first}-01-01 --format jsonl"
    with _place() as place:
        moves = [json.loads(line) for line in _run(command, place).stdout.splitlines()]
    seen = Counter((move["rule"], move["change"]) for move in moves)
    rows = []
    for rule in ruleset.rules:
        asked = [e for e in (rule.value, rule.when, rule.clear_when) if e is not None]
        if not rule.pattern and (
            not asked or not set().union(*(e.series for e in asked)) <= bundled
        ):
            rows.append((code(rule.name), "no figures bundled", ""))
            continue
        rows.append(
            (code(rule.name), str(seen[rule.name, "fired"]), str(seen[rule.name, "escalated"]))
        )
    total = Counter(move["change"] for move in moves)
    rows.append(("all", str(total["fired"]), str(total["escalated"])))
    return table(("rule", f"fired since {first}", "escalated"), rows)


PASSAGES: dict[str, Callable[[], str]] = {
    "functions": functions,
    "function aliases": function_aliases,
    "units": units,
    **shapes(),
    "default pack": pack,
    "series": series,
    "sources": sources,
    "settings": settings,
    "commands": commands,
    "modules": modules,
    "contracts": contracts,
    "counts": counts,
}


def with_passages(text: str) -> str:
    """Return a document with its passages as they should be."""
    return _PASSAGE.sub(lambda m: f"{m[1]}\n{PASSAGES[m[2]]()}\n\n{m[3]}", text)


# ---- console -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code in a document.

    Attributes:
        language: ``console``, ``yaml``.
        marks: What stands behind it: ``norun``, ``file=PATH``.
        text: What it holds.
    """

    language: str
    marks: tuple[str, ...]
    text: str

    @property
    def path(self) -> str:
        """Return where it is put; empty for nowhere."""
        return next((m.removeprefix("file=") for m in self.marks if m.startswith("file=")), "")


def blocks(text: str) -> Iterator[Block]:
    """Yield a document's blocks of code."""
    for found in _BLOCK.finditer(text):
        yield _block(found)


def _block(found: re.Match[str]) -> Block:
    return Block(found[1], tuple(found[2].split()), found[3])


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command printed, all together and on standard output alone."""

    whole: str
    stdout: str


@contextmanager
def _place() -> Iterator[Path]:
    """Make a directory to run commands in, with the default pack; nothing is left of it."""
    with tempfile.TemporaryDirectory() as held:
        shutil.copytree(ROOT / "rules", Path(held) / "rules")
        yield Path(held)


def _run(command: str, place: Path) -> Printed:
    """Run a command as a reader would, without a reader's settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EBBWATCH_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}",
        "XDG_STATE_HOME": str(place / ".state"),
        "COLUMNS": "80",
        "PYTHONUTF8": "1",
    }
    environment.pop("STATE_DIRECTORY", None)
    done = subprocess.run(  # noqa: S602  the documents are ours
        command, shell=True, cwd=place, env=environment, check=False, timeout=120,
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    if "Traceback (most recent call last)" in done.stderr:
        raise RuntimeError(f"expected {command} to end in an orderly way, found\n{done.stderr}")
    return Printed((done.stderr + done.stdout).replace(str(place), "."), done.stdout)


def with_output(text: str) -> str:
    """Return a document with the output of its commands as they print it now."""
    with _place() as place:

        def renewed(found: re.Match[str]) -> str:
            block = _block(found)
            if block.path:
                target = place / block.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text, "utf-8")
            if block.language != "console" or "norun" in block.marks:
                return found[0]
            return f"```console{found[2]}\n{_renewed(block.text, place)}```"

        return _BLOCK.sub(renewed, text)


def _renewed(text: str, place: Path) -> str:
    parts = []
    for part in re.split(r"^(?=\$ )", text, flags=re.MULTILINE):
        if not part.startswith("$ "):
            parts.append(part)
            continue
        command, _, shown = part.partition("\n")
        printed = _run(command.removeprefix("$ "), place).whole.rstrip() + "\n"
        parts.append(part if fits(shown, printed) else f"{command}\n{printed}")
    return "".join(parts)


def fits(shown: str, printed: str) -> bool:
    """Return whether what is shown is what was printed, ``...`` standing for any lines."""
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line.strip() == "..." else re.escape(line) + r"\n"
        for line in shown.rstrip().splitlines()
    )
    lines = "".join(f"{line}\n" for line in printed.lstrip("\n").rstrip().splitlines())
    return re.fullmatch(pattern, lines) is not None


# ---- all ---------------------------------------------------------------------------------


def main() -> int:
    """Write the documents, or name what is stale in them; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = 0
    for document in DOCUMENTS:
        text = (ROOT / document).read_text("utf-8")
        true = with_output(with_passages(text))
        if true == text:
            continue
        stale += 1
        if check:
            sys.stdout.writelines(
                difflib.unified_diff(
                    text.splitlines(keepends=True), true.splitlines(keepends=True),
                    str(document), "as it should be",
                )
            )  # fmt: skip
        else:
            (ROOT / document).write_text(true, "utf-8")
            print(f"{document} written")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
