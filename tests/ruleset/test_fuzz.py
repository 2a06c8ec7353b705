"""Breaking the shipped pack: never a crash, and never a mistake that goes unnoticed.

Each token of each file is replaced, doubled or dropped, one at a time. Then either a problem
is told, or the model differs, or the token says nothing to the model (a comment, a place in
the order of a map).
"""

from __future__ import annotations

import random
import re

import pytest

from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.kinds import plain
from ebbwatch.ruleset.load import Loaded
from ebbwatch.ruleset.yaml import read_yaml
from tests.ruleset.loading import PACK, loaded
from tests.ruleset.test_shape import parts

_TOKEN = re.compile(r"[A-Za-z_][\w-]*|\d+(?:\.\d+)?|[^\w\s]|\n +")
_OTHERS = ("", "zzz", "0", "-", "{", "}", "[", "]", ":", ",", "'", '"', "#", "|", "&a", "*a", "\t",
           "\n", "!!str", "~", "true", "$", "%", "bp", "{rate}", "\x00", "準")  # fmt: skip

BASE = loaded(PACK)


def mutations(text: str, rng: random.Random, count: int) -> list[tuple[int, str]]:
    """Return mutated texts with the line on which they were changed."""
    tokens = [found for found in _TOKEN.finditer(text) if "#" not in _line(text, found.start())]
    made = []
    for found in rng.sample(tokens, min(count, len(tokens))):
        other = rng.choice((*_OTHERS, found[0] * 2))
        changed = text[: found.start()] + other + text[found.end() :]
        if changed != text:
            made.append((text.count("\n", 0, found.start()) + 1, changed))
    return made


def _line(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return text[start : end if end >= 0 else None]


@pytest.mark.parametrize("name", list(PACK))
def test_no_mutation_of_the_pack_crashes_or_goes_unnoticed(name: str) -> None:
    """A problem in that file, or a model that differs."""
    rng = random.Random(name)
    unnoticed = []
    for line, text in mutations(PACK[name], rng, 120):
        result = loaded({**PACK, name: text})
        for problem in result.problems:
            assert problem.span.line >= 1
            assert problem.render()
        if not _noticed(result, text, PACK[name]):
            unnoticed.append((line, _line(text, _offset(text, line))))
    assert unnoticed == []


def _offset(text: str, line: int) -> int:
    return sum(len(one) + 1 for one in text.split("\n")[: line - 1])


def _noticed(result: Loaded, text: str, original: str) -> bool:
    if result.problems or result.ruleset is None or BASE.ruleset is None:
        return True
    if parts(result.ruleset) != parts(BASE.ruleset):
        return True
    # The model is the same for good where only spaces, a comment or a zero in front differ.
    return _said(text) == _said(original)


def _said(text: str) -> str:
    node = read_yaml("a.yaml", text, Findings())
    said = re.sub(r"\b0+(?=\d)", "", str(None if node is None else plain(node)))
    return re.sub(r"\s|\\\\n", "", said)


def test_a_mistake_is_told_on_its_line() -> None:
    """A misspelt name in any expression is told on the line it stands on."""
    rng = random.Random(7)
    for name, text in PACK.items():
        found = [m for m in re.finditer(r"\b(?:sofr|effr|iorb|reserves|gold|avg|median)\b(?=[ (,\n)])", text)
                 if re.match(r"    (?:value|when|clear_when): [^|]", _line(text, m.start()))]  # fmt: skip
        for one in rng.sample(found, min(4, len(found))):
            line = text.count("\n", 0, one.start()) + 1
            result = loaded({**PACK, name: f"{text[: one.start()]}zzz{text[one.start() :]}"})
            assert line in [p.span.line for p in result.problems if p.span.file == name]


def test_the_same_files_give_the_same_problems() -> None:
    """Nothing depends on the order of a set or of a dictionary."""
    broken = {name: text.replace("bp", "bps") for name, text in PACK.items()}
    backwards = dict(reversed(broken.items()))
    assert loaded(broken).problems == loaded(backwards).problems
