"""Reasons: what went wrong is told in the reader's language, wherever the words are ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

import ebbwatch
from ebbwatch.core.render import reasons
from ebbwatch.core.render.reasons import REASONS, reason_words
from ebbwatch.locale import translator

PACKAGE = Path(ebbwatch.__file__).parent
#: Where reasons arise that notices give.
PLACES = (
    "sources", "notifiers", "platforms", "net", "ports.py", "runtime/visits.py",
    "runtime/delivery.py", "core/doubts.py",
)  # fmt: skip
RAISED = {"SourceUnavailable", "SourceRefused", "SourceChanged"}
RAISED |= {"RetryLater", "Undeliverable", "Uncertain", "ProxyUnusable"}
#: What stands for an expression in a reason: each is tried, and some expressions are told apart.
FILLINGS = ("7", "2026-10-07")
SPECIAL = {
    "expected": "expected a period of `every: day`",
    "changed": "x: expected a number, found 7",
    "_hint(value)": "; if it counts seconds since 1970, say date: epoch",
    "WEEKDAYS[every.weekday]": "Wednesday",
    "what": "one that is cut off",
    "guess": "",
    "encoding": "UTF-8",
    "_kind(found)": "nothing",
}
#: Reasons that are somebody else's words, or an expression, after who said them.
OF_OTHERS = {
    "sources/csv.py: {of}: {error}",
    "sources/http_json.py: {of}: `{expression}` {error}",
}
#: Words that are left where a reason was not understood whole.
ENGLISH = re.compile(
    r"\b(expected|found|the|an?|of|in|is|are|not|with|each|every|no|none|another|it|its)\b"
)

ZH = translator("zh-Hant")


def written(node: ast.AST) -> list[str] | None:
    """Return a text in code as its parts, every second one an expression; None if it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = [""]
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts[-1] += str(value.value)
        else:
            assert isinstance(value, ast.FormattedValue)
            parts += [ast.unparse(value.value), ""]
    return parts


def raised() -> Iterator[tuple[str, list[str]]]:
    """Yield every reason that is written where one is raised, with its place."""
    for place in PLACES:
        root = PACKAGE / place
        for path in [root] if root.suffix else sorted(root.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                if called and node.func.id in RAISED and node.args:
                    found = written(node.args[0])
                elif path.name == "doubts.py" and isinstance(node, ast.Return):
                    found = written(node.value) if isinstance(node.value, ast.JoinedStr) else None
                    found = None if found == ["", "written", " ", "series.unit.name", ""] else found
                else:
                    continue
                if found is not None:
                    yield str(path.relative_to(PACKAGE)), found


def filled(parts: list[str]) -> Iterator[str]:
    """Yield a reason as people may see it."""
    holes = parts[1::2]
    for fillings in product(FILLINGS, repeat=min(len(holes), 4)):
        given = [*fillings, *("7" for _ in holes[4:])]
        said = [SPECIAL.get(hole, one) for hole, one in zip(holes, given, strict=True)]
        yield "".join(text for pair in zip(parts[::2], [*said, ""], strict=True) for text in pair)


def understood(reason: str) -> bool:
    """Return whether a reason is told in Chinese, with no English word of ours left."""
    told = reason_words(ZH, reason)
    return told != reason and ENGLISH.search(re.sub(r"`[^`]*`", "", told)) is None


def test_every_reason_that_is_raised_is_told_in_the_readers_language() -> None:
    """A reason that no message fits would be told in English to everybody."""
    seen, missing = 0, []
    for place, parts in raised():
        holed = [f"{{{part}}}" if n % 2 else part for n, part in enumerate(parts)]
        name = f"{place}: {''.join(holed)}"
        if name in OF_OTHERS:
            continue
        seen += 1
        if not any(map(understood, filled(parts))):
            missing.append(name)
    assert missing == []
    assert seen > 150


@pytest.mark.parametrize(
    ("reason", "chinese"),
    [
        ("nyfed: no whole answer within 20 s", "nyfed：20 秒內沒有完整回應"),
        ("h41 reserves: expected a series RESPPMA_N.WW, found none among 412",
         "h41 reserves：應為：序列 RESPPMA_N.WW；實際：412 個之中沒有"),
        ("fred: refused with HTTP 429; check the key, the quota and where we ask from",
         "fred：以 HTTP 429 拒絕；請檢查金鑰、配額與查詢的來源位置"),
        ("telegram: forbidden: bot was kicked from the group chat",
         "Telegram：forbidden: bot was kicked from the group chat"),
        ("the database refused: disk I/O error", "資料庫拒絕：disk I/O error"),
        ("fred gives USD millions; expected USD billions",
         "fred：USD millions（目錄所載：USD billions）"),
        ("nyfed gives 1000 times smaller; expected USD billions",
         "nyfed：小 1000 倍（目錄所載：USD billions）"),
        ("h41 gives 2026-11-03 is a Tuesday, not a Wednesday; expected week ending Wednesday",
         "h41：2026-11-03 是週二，不是週三（目錄所載：week ending Wednesday）"),
        ("2848 USD millions looks like the last value, 2848000 USD millions, in another unit",
         "2848 USD millions 像是前值 2848000 USD millions 換了單位"),
        ("division by zero", "除數為零"),
        ("its message: ValueError", "訊息：ValueError"),
        (("csv desk, line 7: expected a period of `every: day` like 2026-09-30, found '7'; "
          "if it counts seconds since 1970, say date: epoch"),
         ("csv desk, line 7：應為：如 2026-09-30 的期間（`every: day`）；實際：'7'；"
          "如為 1970 年起的秒數，請寫 date: epoch")),
        ("a provider of somebody's own says so", "a provider of somebody's own says so"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_reason_is_told_in_words_and_a_providers_own_words_stay(
    reason: str, chinese: str
) -> None:
    """Names, numbers and the words of others are left as they are; English is left alone."""
    assert reason_words(ZH, reason) == chinese
    assert reason_words(translator("en"), reason) == reason


@pytest.mark.parametrize(
    "reason",
    [
        "x: " * 300, "; " * 400, "answered " * 100, "expected , found " * 50,
        "expected expected a, found b: expected a, found b; " * 18, "a" * 5000, "{0} {of} {}",
        "expected {0}, found {__class__}",
    ],
    ids=range(8),
)  # fmt: skip
def test_a_hostile_reason_is_told_at_once(reason: str) -> None:
    """Nothing that a far side writes takes long, or is taken for a placeholder."""
    rounds = []
    original = re.Pattern.fullmatch

    class Counting:
        def __init__(self, pattern: re.Pattern[str]) -> None:
            self.pattern = pattern

        def fullmatch(self, text: str) -> re.Match[str] | None:
            rounds.append(len(text))
            return original(self.pattern, text)

    patterns = tuple((message, Counting(pattern)) for message, pattern in reasons._patterns())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reasons, "_patterns", lambda: patterns)
        reason_words(ZH, reason)
    assert len(rounds) < 1000 * len(REASONS)
    assert "expected {0}" not in reason or "{0}" in reason_words(ZH, reason)
