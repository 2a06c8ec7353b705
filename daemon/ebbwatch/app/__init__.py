"""The composition root: puts together what the commands need, and nothing they do not.

Everything heavy is imported where it is first needed: ``ebbwatch check`` loads no database,
``ebbwatch replay --data`` neither that nor the settings. The rooms, in the order of a start:
`loading` reads the rules people wrote, `histories` the figures, `plugins` finds adapters,
`providers` and `receivers` build them, and `assembly` makes a daemon of it all.
"""

from __future__ import annotations

from ebbwatch.app.assembly import Built, build, new_owner
from ebbwatch.app.figureless import figureless
from ebbwatch.app.histories import (
    empty_history,
    history_from_archive,
    history_from_data,
    known_texts,
)
from ebbwatch.app.in_force import InForce, RulesInvalid
from ebbwatch.app.loading import (
    NoSuchDirectory,
    builtin_files,
    default_rules,
    load_rules,
    rule_files,
)
from ebbwatch.app.plugins import Adapters, keyed_sources
from ebbwatch.app.providers import followed, sources, wanted_sources
from ebbwatch.app.receivers import (
    Notifiers,
    half_set,
    missing_secrets,
    with_default_receivers,
)
from ebbwatch.app.serving import leading_store, serve

__all__ = [
    "Adapters",
    "Built",
    "InForce",
    "NoSuchDirectory",
    "Notifiers",
    "RulesInvalid",
    "build",
    "builtin_files",
    "default_rules",
    "empty_history",
    "figureless",
    "followed",
    "half_set",
    "history_from_archive",
    "history_from_data",
    "keyed_sources",
    "known_texts",
    "leading_store",
    "load_rules",
    "missing_secrets",
    "new_owner",
    "rule_files",
    "serve",
    "sources",
    "wanted_sources",
    "with_default_receivers",
]
