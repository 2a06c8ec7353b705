"""What people type who know other tools, other keyboards and other units, and what they are told.

The table is a text file of cases. Above each dashed line stands an expression, or after
``threshold`` or ``for`` a quantity or duration alone, with invisible characters written as
escapes; below it what is said: from which column to which, the message, and the hint.
``python -m tests.expr.test_hints`` writes what is said now, to be reviewed as a difference.
"""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.expr import Fault, compile_expression, parse_duration, parse_quantity
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.misspelt import _SCALES, _UNITS
from ebbwatch.expr.signs import _INSTEAD, _SPACES, _UNSEEN
from tests.expr.test_check import scope

TABLE = Path(__file__).parent / "hints.txt"
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})")


def said(written: str) -> str:
    """Return what is said about one case."""
    text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), written)
    kind, _, alone = text.partition(": ")
    reads = {"threshold": parse_quantity, "for": parse_duration}.get(kind)
    found = compile_expression(text, scope()) if reads is None else [reads(alone)]
    if not isinstance(found, list) or not all(isinstance(one, Fault) for one in found):
        return "  fine"
    lines = []
    for fault in found:
        assert isinstance(fault, Fault)
        lines.append(f"  {fault.start + 1}-{fault.end}  {fault.message}")
        lines += [f"       {fault.hint}"] if fault.hint else []
    return "\n".join(lines)


def told() -> str:
    """Return the table as it is said now."""
    return "\n".join(
        line if line.startswith("#") or not line else f"{line}\n{said(line)}"
        for line in TABLE.read_text("utf-8").splitlines()
        if not line.startswith(" ")
    )


def test_what_people_type_is_answered_word_for_word() -> None:
    """Each case has its message, its hint and its place."""
    assert TABLE.read_text("utf-8") == told() + "\n"


def test_every_alias_of_a_function_leads_to_it() -> None:
    """What other tools call a function is named, and never taken for it."""
    for name, row in FUNCTIONS.items():
        for alias in row.aliases:
            assert alias not in FUNCTIONS
            (fault,) = compile_expression(f"{alias}(sofr, 4 w)", scope())  # type: ignore[misc]
            assert fault.code == "unknown-function"
            assert f"{name} " in fault.hint or f"{name}?" in fault.hint, (alias, fault.hint)


def test_every_unit_of_others_is_answered_by_one_of_ours() -> None:
    """The hint is a quantity that can be read."""
    for words in (*_UNITS, *_SCALES):
        found = parse_quantity(f"3 {words}")
        if isinstance(found, Fault) and not found.message.endswith("is a span, not a quantity"):
            meant = found.hint.removeprefix("write ")
            read = [parse_quantity(meant), parse_duration(meant)]
            assert not all(isinstance(one, Fault) for one in read), (words, found)


def test_every_foreign_sign_is_named_where_it_stands() -> None:
    """Each is told with its number, wherever in an expression."""
    for sign in (*_INSTEAD, *_SPACES, *_UNSEEN, *map(chr, range(0xFF01, 0xFF5F))):
        if sign.isalnum():
            continue
        for text in (f"sofr {sign} effr", f"{sign}sofr", f"avg(sofr{sign} 4 w)"):
            found = compile_expression(text, scope())
            assert isinstance(found, list), text
            assert [fault.start for fault in found] == [text.index(sign)]
            assert f"U+{ord(sign):04X}" in found[0].message
            assert found[0].hint


def test_what_stands_in_quotes_is_left_alone() -> None:
    """The name of a rule may hold any sign; only the rule is not there."""
    (fault,) = compile_expression('breaches("ＳＯＦＲ", warning)', scope())  # type: ignore[misc]
    assert fault.code == "unknown-rule"


_PIECES = st.sampled_from(
    ["sofr", "reserves", "(", ")", "avg(", "times(", "count(", "breaches(", ",", "4 w", "20 bp",
     "10 %", "$2.8tn", "$", "+", "-", "*", "<", ">=", "=", "!", "&&", "and", "or", "not", "AND",
     "NOT", "'spread'", "warning", "1e9", "2 days", "2.8 trillion", "＞", "％", "\u00a0", ".5",
     "5,5", "1,000", "per", "/oz", "{", "[", '"', "'", "x", "9999999999 d", "USD", "#", " "]
)  # fmt: skip


@given(st.lists(_PIECES, min_size=1, max_size=9), st.sampled_from(["", " "]))
def test_whatever_is_typed_is_fine_or_told_at_a_place_in_it(pieces: list[str], by: str) -> None:
    """No text ends in an exception, and every fault lies in the text or just behind it."""
    text = by.join(pieces)
    found = compile_expression(text, scope())
    for fault in found if isinstance(found, list) else []:
        assert 0 <= fault.start < fault.end <= len(text) + 1
        assert fault.message
    assert found
    assert parse_quantity(text) is not None
    assert parse_duration(text) is not None


if __name__ == "__main__":
    TABLE.write_text(told() + "\n", "utf-8")
