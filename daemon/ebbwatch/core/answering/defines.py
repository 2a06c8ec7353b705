"""Writes out the names that a rule file defined, so that an expression can be read without it."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: A quoted name, which is left alone, or a plain one.
_NAMES = re.compile(r"\"[^\"]*\"|'[^']*'|[A-Za-z_][A-Za-z0-9_]*")
#: A define that reads well where it is put: a name, or a call.
_CLOSED = re.compile(r"[a-z0-9_]+(\([^()]*\))?")

#: Characters above which a define keeps its name: nobody reads further, and defines that
#: name each other twice would double with every step.
_READABLE_CHARS = 400


def filled_in(text: str, defines: Mapping[str, str]) -> str:
    """Return an expression with the defines in it written out, on one line.

    A define that would be too long to read keeps its name. Circles are refused at load, so
    that this ends.
    """
    return _filled_in(text, defines, {})


def _filled_in(text: str, defines: Mapping[str, str], known: dict[str, str]) -> str:
    def written(match: re.Match[str]) -> str:
        name = match[0]
        if name not in defines:
            return name
        if name not in known:
            known[name] = _filled_in(defines[name], defines, known)
        inner = known[name]
        if len(inner) > _READABLE_CHARS:
            return name
        before, after = text[: match.start()].rstrip()[-1:], text[match.end() :].lstrip()[:1]
        if _CLOSED.fullmatch(inner) or (before in ("", "(", ",") and after in ("", ")", ",")):
            return inner
        return f"({inner})"

    return " ".join(_NAMES.sub(written, text).split())
