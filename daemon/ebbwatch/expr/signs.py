"""Full-width, typographic and invisible characters, and what to write instead."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

from ebbwatch.expr.tree import Fault

#: What to write instead of a sign that is met in texts and on other keyboards.
_INSTEAD = {
    "≥": ">=", "≤": "<=", "≧": ">=", "≦": "<=", "⩾": ">=", "⩽": "<=", "≠": "!=", "≈": "==",
    "×": "*", "∗": "*", "⋅": "*", "·": "*", "•": "*", "✕": "*",
    "÷": "/", "⁄": "/", "∕": "/",
    "−": "-", "–": "-", "—": "-", "―": "-", "‒": "-", "‐": "-", "‑": "-", "﹣": "-",
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "「": '"', "」": '"', "『": '"', "』": '"',
    "‘": "'", "’": "'", "‚": "'",
    "∧": "and", "∨": "or", "¬": "not", "、": ",", "。": ".", "【": "(", "】": ")",
}  # fmt: skip

#: Full-width signs, and pairs of signs, whose plain form is not what the language writes.
_WIDE_INSTEAD = {"=": "==", "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not"}
#: What the language is written with, apart from letters and digits.
_ALPHABET = frozenset("<>=!+-*/(),.%$_\"'")

#: White space other than the plain one, and characters that nobody sees.
_SPACES = {
    "\u00a0": "no-break space", "\u202f": "narrow no-break space", "\u3000": "ideographic space",
    "\u2007": "figure space", "\u2009": "thin space", "\u200a": "hair space",
    "\u2002": "en space", "\u2003": "em space", "\u2008": "punctuation space", "\u205f": "space",
    "\u0085": "next-line mark", "\u2028": "line separator", "\u2029": "paragraph separator",
}  # fmt: skip
_UNSEEN = {
    "\u200b": "zero-width space", "\u200c": "zero-width non-joiner",
    "\u200d": "zero-width joiner", "\u2060": "word joiner", "\ufeff": "byte order mark",
    "\u00ad": "soft hyphen", "\u200e": "left-to-right mark", "\u200f": "right-to-left mark",
}  # fmt: skip

#: What stands in quotes is left alone; of the rest, what is not ASCII is looked at.
_FOREIGN = re.compile(
    r"\"[^\"\n]*\"|'[^'\n]*'|[＞＜！＝][=＝]|[<>!=]＝|＆[&＆]|&＆|｜[|｜]|\|｜|[^\x00-\x7f]"
)


#: How many signs of one text are told.
_TOLD = 20


def foreign_signs(text: str) -> list[Fault]:
    """Return a fault for each sign of a text that should be another, the first ones only."""
    return list(islice(_faults(text), _TOLD))


def _faults(text: str) -> Iterator[Fault]:
    for match in _FOREIGN.finditer(text):
        if match[0].isascii() or (len(match[0]) > 2 and match[0][0] in "\"'"):
            continue
        found = named(match[0])
        if found is not None:
            yield Fault(match.start(), match.end(), "syntax", *found)


def named(sign: str) -> tuple[str, str] | None:
    """Return message and hint for a sign that should be another; None for any other sign."""
    marks = ", ".join(f"U+{ord(char):04X}" for char in sign if not char.isascii())
    if sign in _SPACES:
        return f"{_article(_SPACES[sign])} ({marks}) stands here", "write a plain space"
    if sign in _UNSEEN:
        return f"{_article(_UNSEEN[sign])} ({marks}) stands here, unseen", "take it out"
    wide = unicodedata.normalize("NFKC", sign)
    if sign in _INSTEAD:
        hint = f"write {_INSTEAD[sign]}"
    elif any("\uff00" <= char <= "\uffef" for char in sign) and wide.isascii():
        known = wide.isalnum() or set(wide) <= _ALPHABET or wide in _WIDE_INSTEAD
        hint = f"write {_WIDE_INSTEAD.get(wide, wide)}" if known else f"expressions have no {wide}"
    else:
        return None
    name = f"{_name(sign)}, " if len(sign) == 1 else ""
    return f"{sign} ({name}{marks}) has no place here", hint


def _name(sign: str) -> str:
    return unicodedata.name(sign).lower().replace("fullwidth", "full-width")


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
