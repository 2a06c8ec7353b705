"""Cursors of sources that serve several series: one entry for each, kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def load(cursor: str | None) -> dict[str, Any]:
    """Return the entries by key; empty on the first visit, and for a cursor not ours.

    A cursor is a convenience: without it the source reads more than it would have to.
    """
    try:
        entries = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return entries if isinstance(entries, dict) else {}


def dump(entries: Mapping[str, Any]) -> str:
    """Return entries as the text that the next visit gets back."""
    return json.dumps(entries, sort_keys=True, separators=(",", ":"))
