"""Figures that a command such as `import` adds while a daemon runs: noted for it, and taken up.

A command notes the series in the transaction that records them; the daemon takes the note
when it next looks, or when it starts, and judges the alerts concerned once more.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from ebbwatch.core.doubts import fits
from ebbwatch.core.facts.asof import History
from ebbwatch.ports import Store

_KEY = "added"


def note_added(store: Store, series: Collection[str]) -> None:
    """Note that figures of some series were added; called inside the transaction."""
    if series:
        names = {*json.loads(store.get(_KEY) or "[]"), *series}
        store.put(_KEY, json.dumps(sorted(names)))


def added(store: Store) -> tuple[str, ...]:
    """Return the series that figures were added to since a daemon last looked."""
    return tuple(json.loads(store.get(_KEY) or "[]"))


def settled() -> tuple[str, str | None]:
    """Return the key and value that clear the note, to be written once alerts were judged anew."""
    return _KEY, None


def learn(history: History, store: Store, series: Collection[str]) -> None:
    """Take what the store holds of some series, and the history does not, into the history."""
    for name in series:
        if name in history.catalogue:
            known = history.known(name)
            history.observe(
                o
                for o in store.observations(name)
                if (o.period, o.known_at) not in known and fits(o)
            )
