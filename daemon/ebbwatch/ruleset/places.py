"""Places: where each character of a scalar's value stands in the file as written.

Quotes, escapes, folding and indentation make the two differ. Whitespace may be added,
dropped or joined by folding, but the other characters stand in the same order in both;
walking along the two together therefore finds every one of them, whatever the style.
"""

from __future__ import annotations

#: Length of the hexadecimal escapes of a double-quoted scalar.
_HEX = {"x": 2, "u": 4, "U": 8}

#: Letters of the escapes that stand for whitespace.
_SPACE_ESCAPES = frozenset(" \tntrvfNLP_\n\r")


def offsets_of(raw: str, value: str, style: str) -> list[int]:
    """Return, for each character of a value and for its end, its offset in the raw text.

    Args:
        raw: The scalar as written, quotes and block header included.
        value: What it says.
        style: Empty for plain, else ``'``, ``"``, ``|`` or ``>``.
    """
    if style in ("", "'", '"') and raw == f"{style}{value}{style}":
        return list(range(len(style), len(style) + len(value) + 1))
    at = raw.find("\n") + 1 if style in ("|", ">") else len(style)
    offsets: list[int] = []
    for character in value:
        if not character.isspace():
            at = _past_space(raw, at, style)
        offsets.append(min(at, len(raw) - 1))
        if not character.isspace() or _is_space(raw, at, style):
            at += _width(raw, at, style)
    offsets.append(min(at, len(raw)))
    return offsets


def _escaped(raw: str, at: int, style: str) -> bool:
    return style == '"' and raw[at : at + 1] == "\\"


def _is_space(raw: str, at: int, style: str) -> bool:
    """Return whether whitespace stands at an offset, as itself or as an escape."""
    if not _escaped(raw, at, style):
        return raw[at : at + 1].isspace()
    letter = raw[at + 1 : at + 2]
    if letter in _HEX:
        return chr(int(raw[at + 2 : at + 2 + _HEX[letter]], 16)).isspace()
    return letter in _SPACE_ESCAPES


def _past_space(raw: str, at: int, style: str) -> int:
    """Return the offset of the next character that is no whitespace."""
    while _is_space(raw, at, style):
        at += _width(raw, at, style)
    return at


def _width(raw: str, at: int, style: str) -> int:
    """Return how many characters of the raw text one of the value takes."""
    if _escaped(raw, at, style):
        return 2 + _HEX.get(raw[at + 1 : at + 2], 0)
    return 2 if style == "'" and raw[at : at + 2] == "''" else 1
