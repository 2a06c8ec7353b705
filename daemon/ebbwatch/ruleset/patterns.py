"""Patterns: regular expressions that people write, matched by RE2.

RE2 looks at each character of a text once for each state of the pattern, whatever the pattern:
there is none that runs without end. What it leaves out for that is said with the way out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

#: What RE2 says, by its beginning, as a person would put it, with the way out.
_FAULTS = (
    ("invalid perl operator: (?=", "RE2 has no look-ahead", "write what follows into the pattern"),
    ("invalid perl operator: (?!", "RE2 has no look-ahead", "write what may follow, as in [^.]*"),
    ("invalid perl operator: (?<=", "RE2 has no look-behind", "write what precedes into the pattern"),
    ("invalid perl operator: (?<!", "RE2 has no look-behind", "write what may precede into the pattern"),
    ("invalid perl operator: (?>", "RE2 has no atomic groups", "write (?:...): nothing is tried twice"),
    ("invalid perl operator", "the pattern has an unknown group",
     "groups are (...), (?:...), (?P<name>...) and (?i)"),
    ("bad repetition operator", "the pattern repeats a repeat sign",
     "write one of *, + and ?, or put the inner part into (...)"),
    ("invalid repetition size", "RE2 repeats at most 1,000 times", "write * or +, or a smaller number"),
    ("missing )", "the pattern misses a closing )", "close it, or write \\( for the character"),
    ("unexpected )", "the pattern has a ) too many", "write \\) for the character"),
    ("missing ]", "the pattern misses a closing ]", "close it, or write \\[ for the character"),
    ("invalid character class range", "the pattern has a range that cannot be read",
     "write its lower end first, as in [a-z]"),
    ("no argument for repetition", "the pattern has nothing before a repeat sign",
     "write \\*, \\+ or \\? for the character"),
    ("trailing \\", "the pattern ends in a lone backslash", "write \\\\ for the character"),
)  # fmt: skip

#: A repetition, each number taken whole: a pattern may hold very long ones.
_REPEAT = re.compile(r"\{([0-9]*+)(?:,([0-9]*+))?\}")
_MOST_DIGITS = 4

_ESCAPES = {
    "\\Z": "write \\z for the end of the text",
    "\\u": "write the character itself, or \\x{20ac}",
    "\\U": "write the character itself, or \\x{20ac}",
    "\\N": "write the character itself",
}


@dataclass(frozen=True, slots=True)
class PatternFault:
    """Why a pattern cannot be used.

    Attributes:
        message: What is wrong.
        hint: The way out; may be empty.
        start: Where the culprit stands in the pattern.
        end: After its last character.
    """

    message: str
    hint: str
    start: int
    end: int


def fault_of_pattern(pattern: str) -> PatternFault | None:
    """Return why a pattern cannot be used, or None."""
    import re2  # noqa: PLC0415  only text rules want it

    for repeat in _REPEAT.finditer(pattern):
        if max(map(len, repeat.groups(""))) > _MOST_DIGITS:  # RE2 would take it for characters
            return _fault(pattern, f"invalid repetition size: {repeat[0]}")
    try:
        compiled = _compiled(pattern)
    except UnicodeEncodeError:
        return PatternFault("the pattern holds half a character", "", 0, len(pattern))
    except re2.error as error:
        return _fault(pattern, error.args[0].decode("utf-8", "replace"))
    if compiled.search("") is not None:
        return PatternFault("the pattern matches every text", "", 0, len(pattern))
    return None


def match_in(pattern: str, text: str) -> tuple[int, int] | None:
    """Return where a usable pattern first matches in a text, as start and end, or None."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    match = _compiled(pattern).search(whole)
    return None if match is None else match.span()


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    import re2  # noqa: PLC0415  only text rules want it

    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _fault(pattern: str, said: str) -> PatternFault:
    """Return what RE2 complains about, with the place that it quotes."""
    what, _, culprit = said.partition(": ")
    start = pattern.find(culprit) if culprit else -1
    start, end = (start, start + len(culprit)) if start >= 0 else (0, len(pattern))
    if what == "invalid escape sequence" and culprit[1:].isdigit():
        return PatternFault("RE2 has no references back to a group", "write it out", start, end)
    if what == "invalid escape sequence":
        hint = _ESCAPES.get(culprit, "write \\\\ for a backslash")
        return PatternFault(f"the pattern has the unknown escape {culprit}", hint, start, end)
    for beginning, message, hint in _FAULTS:
        if said.startswith(beginning):
            return PatternFault(message, hint, start, end)
    return PatternFault(f"cannot read the pattern: {said}", "", start, end)
