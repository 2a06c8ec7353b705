"""The architecture, as far as a machine can see it: who imports whom, and what nobody does."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGE = ROOT / "daemon" / "ebbwatch"
PURE = ("model", "expr", "ruleset", "core", "markup")

#: What nobody writes, why, and where it may stand all the same.
FORBIDDEN = [
    (
        "only clocks.py asks what time it is",
        r"datetime\.(now|utcnow)\(|date\.today\(|\btime\.(time|monotonic|sleep)\(|asyncio\.sleep\(",
        {"clocks.py"},
    ),
    ("there is one path, for live and replay", r"\bif\s+(self\.)?_?(is_)?replay\w*\b", set()),
    (
        "only settings read the environment",
        r"\bos\.(environ|getenv)\b",
        {"settings/environment.py"},
    ),
    ("only the command line prints", r"^\s*print\(", {"cli"}),
    (
        "every HTTP client is made in net, which reads no netrc and honours proxies",
        r"httpx\.(Async)?Client\(|httpx\.(get|post|request|stream)\(|ClientSession\(|trust_env=True",
        {"net"},
    ),
    ("nothing is left unfinished", r"NotImplementedError|\bTODO\b|\bFIXME\b|\bXXX\b", set()),
    ("status errors carry addresses, and addresses secrets", r"raise_for_status\(", set()),
    ("New York's zone is declared once", r"ZoneInfo\(\W?America/New_York", {"model/zones.py"}),
    (
        "sets of changes are declared once",
        r"\(Change\.(ARMED, Change\.DISARMED|FIRED, Change\.ESCALATED|RESOLVED, Change\.WITHDRAWN)\)",
        {"model/alert.py"},
    ),
]


def modules() -> Iterator[tuple[str, str]]:
    """Yield every module's path below the package, and its text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), path.read_text("utf-8")


def test_imports_point_downwards() -> None:
    """The contracts of pyproject.toml hold."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("pattern", "allowed"), [row[1:] for row in FORBIDDEN], ids=[row[0] for row in FORBIDDEN]
)
def test_what_nobody_writes(pattern: str, allowed: set[str]) -> None:
    """Each habit that would break a promise is absent from the whole package."""
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in modules()
        if not allowed & {name, name.split("/")[0]}
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == []


def test_telling_can_be_read_piece_by_piece() -> None:
    """No function of telling is longer than 40 lines, no class of it has more than 15 methods."""
    functions, classes = [], []
    for name, text in modules():
        if not name.startswith(("runtime/telling/", "core/telling/hearing")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                head = node.body[0]
                documented = isinstance(head, ast.Expr) and isinstance(head.value, ast.Constant)
                first = head.end_lineno if documented else node.lineno
                assert first is not None
                assert node.end_lineno is not None
                functions.append((node.end_lineno - first, f"{name} {node.name}"))
            elif isinstance(node, ast.ClassDef):
                methods = sum(isinstance(part, ast.FunctionDef) for part in node.body)
                classes.append((methods, f"{name} {node.name}"))
    assert [one for one in functions if one[0] > 40] == []
    assert [one for one in classes if one[0] > 15] == []


#: File names that stand more than once: each platform's own in the folder of each role.
SAME_ROLE_ELSEWHERE = {"slack", "telegram"}


def test_a_name_means_one_thing() -> None:
    """No two classes, and no two files, have the same name."""
    classes: dict[str, list[str]] = {}
    files: dict[str, list[str]] = {}
    for name, text in modules():
        stem = Path(name).stem
        if stem != "__init__" and stem not in SAME_ROLE_ELSEWHERE:
            files.setdefault(stem, []).append(name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, []).append(name)
    assert [(name, where) for name, where in classes.items() if len(where) > 1] == []
    assert [(name, where) for name, where in files.items() if len(where) > 1] == []


def test_what_is_pure_starts_nothing() -> None:
    """Model, language, rules, decisions and markup are plain functions: none is a coroutine."""
    found = [
        name
        for name, text in modules()
        if name.split("/")[0] in PURE and re.search(r"^\s*(async def|await )", text, re.MULTILINE)
    ]
    assert found == []


def test_replaying_a_folder_does_not_pay_for_the_network() -> None:
    """What the offline commands are made of loads no HTTP client, chat library or settings."""
    heavy = ("ebbwatch.settings", "httpx", "telegram", "slack_sdk", "aiohttp", "matplotlib")
    code = (
        "import sys, ebbwatch.core.facts.edge, ebbwatch.core.facts.release_clock\n"
        "import ebbwatch.ruleset.load\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_daemon_carries_nothing_that_it_does_not_use() -> None:
    """What only charts and commands need is loaded by them, and let go with their process."""
    idle = ("matplotlib", "PIL", "typer", "jmespath")
    code = (
        "import sys, asyncio, tempfile\n"
        "from ebbwatch import app\n"
        "from ebbwatch.clocks import SystemClock\n"
        "from ebbwatch.settings import load\n"
        "from ebbwatch.store.open import open_store\n"
        "settings = load()\n"
        "rules = app.load_rules(app.rule_files(app.default_rules())).ruleset\n"
        "rules = app.with_default_receivers(rules, settings, 'en')\n"
        "async def start():\n"
        "    store = open_store(settings.database_url.reveal())\n"
        "    built = app.build(settings, rules, store, clock=SystemClock(), owner='me',\n"
        "                      stop=asyncio.Event())\n"
        "    first = built.service.begin()\n"
        "    print(first, sorted(built.notifiers.built))\n"
        "    await built.aclose()\n"
        "asyncio.run(start())\n"
        f"print([name for name in {idle!r} if name in sys.modules])"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "EBBWATCH_DATABASE_URL": f"sqlite:///{folder}/ebbwatch.db",
            "EBBWATCH_TELEGRAM__TOKEN": "1:a", "EBBWATCH_TELEGRAM__CHAT": "1",
            "EBBWATCH_SLACK__BOT_TOKEN": "xoxb-1", "EBBWATCH_SLACK__CHANNEL": "C1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder,
            env=environment,
        )  # fmt: skip
    assert done.stdout.splitlines()[-2:] == ["True ['slack', 'telegram']", "[]"], done.stderr
