"""Syntax errors: what is wrong in an expression that cannot be read, and what was meant."""

from __future__ import annotations

import re
from typing import cast

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from ebbwatch.expr.hints import function_hint
from ebbwatch.expr.misspelt import phrase_fault
from ebbwatch.expr.signs import foreign_signs
from ebbwatch.expr.tree import Fault

_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "MONEY": "an amount",
    "MEASURE": "a quantity",
    "STRING": "a quoted name",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "SIGN": "+ or -",
    "FACTOR": "* or /",
    "COMPARISON": "a comparison",
    "AND": "and",
    "OR": "or",
    "NOT": "not",
    "$END": "the end",
}
_OPERANDS = ("NAME", "MEASURE", "NUMBER", "MONEY")

#: Signs of other languages, as a pattern, and what they are here.
_SIGNS = [
    (re.compile(pattern), hint)
    for pattern, hint in (
        (r"&&?", "write and"),
        (r"\|\|?", "write or"),
        (r"=>", "write >="),
        (r"=<", "write <="),
        (r"<>|!==", "unequal is written !="),
        (r"[<>!=]\s+=", "its two signs stand together"),
        (r"(?<![=!<>])(?:===|=)(?!=)", "equality is written =="),
        (r"!(?!=)", "write not, or != for unequal"),
        (r"\*\*|\^", "there is no power: write x * x"),
        (r"\[", "windows are arguments: avg(x, 4 w)"),
        (r"\{", "{names} are filled in by foreach only"),
        (r"€|£|¥", "money is in dollars: $"),
        (r"(?<=\d)\.", "digits follow a point: 5.0"),
        (r"\"(?=[^\"]*$)|'(?=[^']*$)", "the quote is not closed"),
    )
]
#: Words of speech between two numbers or conditions, and the signs they are here.
_SPOKEN = {
    "above": ">", "below": "<", "equals": "==", "plus": "+", "minus": "-", "times": "*",
}  # fmt: skip


def complaints(text: str, error: UnexpectedInput) -> list[Fault]:
    """Return what is wrong in a text that the parser gave up on; at least one fault.

    Args:
        text: Of the expression.
        error: Where the parser gave up, and what it would have taken.
    """
    if signs := foreign_signs(text):
        return signs
    low, high = _place(text, error)
    found = _word(text, low, high) or phrase_fault(text, low, high) or _sign(text, low)
    return [found or _plain(text, error, low, high)]


def _place(text: str, error: UnexpectedInput) -> tuple[int, int]:
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        token = cast("Token", error.token)
        assert token.start_pos is not None
        assert token.end_pos is not None
        return token.start_pos, token.end_pos
    if isinstance(error, UnexpectedCharacters):
        at = cast("int", error.pos_in_stream)
        return at, at + 1
    return len(text), len(text) + 1


def _word(text: str, low: int, high: int) -> Fault | None:
    """Return the fault in a word that an operator was written with."""
    word = text[low:high]
    # Where no operator can stand, its word is read as a name, and what follows is one too many.
    before = re.search(r"\b((?i:not)|and|or)\s+$", text[:low])
    if word.lower() in ("and", "or", "not") and not word.islower():
        return Fault(low, high, "syntax", f"{word} has no place here",
                     f"write {word.lower()} in lower case")  # fmt: skip
    if before is not None:
        said = before[1]
        return Fault(before.start(1), before.end(1), "syntax", f"{said} has no place here",
                     "" if said.islower() else "write not in lower case")  # fmt: skip
    hint = f"write {_SPOKEN[word.lower()]}" if word.lower() in _SPOKEN else ""
    if word.lower() == "offset":
        hint = function_hint(word)
    after = re.match(r"\.\s*([A-Za-z_]\w*)", text[low:])
    if after is not None and re.search(r"[\w)]$", text[:low]):
        high = low + after.end()
        word, hint = text[low:high], function_hint(after[1]) or "a name has no point in it"
    return Fault(low, high, "syntax", f"{word} has no place here", hint) if hint else None


def _sign(text: str, at: int) -> Fault | None:
    """Return the fault in a sign of another language, told whole: ``&&``."""
    for pattern, hint in _SIGNS:
        for match in pattern.finditer(text):
            if match.start() <= at < match.end():
                begins = match[0] == "=" and not text[:at].strip()
                return Fault(
                    match.start(), match.end(), "syntax", f"{match[0]} has no place here",
                    "an expression begins without it" if begins else hint,
                )  # fmt: skip
    return None


def _plain(text: str, error: UnexpectedInput, low: int, high: int) -> Fault:
    if low >= len(text):
        return Fault(low, high, "syntax", "the expression ends too early")
    hint = "write a comma between arguments" if text[low] == ";" and _in_call(text[:low]) else ""
    if isinstance(error, UnexpectedToken):
        expected = error.expected
        if error.token.type == "COMPARISON" and "AND" in expected:
            hint = "comparisons do not chain: write a < b and b < c"
        elif error.token.type in _OPERANDS and "SIGN" in expected:
            missing = "an operator or a comma" if _in_call(text[:low]) else "an operator"
            hint = f"{missing} is missing before it"
        words = sorted({_WORDS.get(name, name) for name in expected} - {"a name"})
        if not hint and len(words) <= 4:
            hint = f"expected {' or '.join(words)}"
    return Fault(low, high, "syntax", f"{text[low:high]} has no place here", hint)


def _in_call(before: str) -> bool:
    """Return whether a text ends between the parentheses of a call."""
    opened: list[bool] = []
    for match in re.finditer(r"(\w\s*)?\(|\)", before):
        if match[0] != ")":
            opened.append(match[1] is not None)
        elif opened:
            opened.pop()
    return any(opened[-1:])
