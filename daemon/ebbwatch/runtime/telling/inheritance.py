"""Inheritance: takes over what the first version remembered of who was told what.

It kept that by the name of the receiver, all waiting groups in one text, and whoever was owed
anything as a list of alerts. After an upgrade each place of a receiver knows what the receiver
knew, so that nobody hears anything twice.
"""

from __future__ import annotations

import json

from ebbwatch.core.telling.grouping import from_json
from ebbwatch.runtime.telling.base import Floor
from ebbwatch.runtime.telling.memory import Owed

_TOLD = "nflog/"
_WAITING, _OWED, _REMINDERS = "waiting", "owed", "reminders"
#: Why somebody has yet to hear, where the first version did not say.
_PUT_OFF = "put off before an upgrade"


def inherit(floor: Floor) -> bool:
    """Take over what stands in the store from the first version; return whether there was any."""
    told = floor.store.memos(_TOLD)
    waiting, owed = floor.store.get(_WAITING), floor.store.get(_OWED)
    if not told and waiting is None and owed is None:
        return False
    for key, text in told.items():
        receiver, _, name = key.removeprefix(_TOLD).partition("/")
        for place in floor.audience.places(receiver):
            floor.memory.log.put(place.key, name, text)
            if name in json.loads(owed or "[]"):
                floor.memory.owe(place.key, name, Owed(_PUT_OFF))
    for group in json.loads(waiting or "[]"):
        floor.memory.wait(group["key"], from_json(json.dumps(group)))
    floor.store.put_all(dict.fromkeys((*told, _WAITING, _OWED, _REMINDERS)))
    return True
