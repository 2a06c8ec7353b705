"""Histories: the figures that rules are judged on, from the archive, the store or a folder."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ebbwatch import archive
from ebbwatch.app.loading import NoSuchDirectory, builtin_files
from ebbwatch.core.doubts import fits
from ebbwatch.core.facts.asof import Facts, History
from ebbwatch.core.facts.figure_tables import TableFault, Tables
from ebbwatch.core.facts.release_clock import ReleaseClock
from ebbwatch.expr.hints import series_hint
from ebbwatch.files import read_file
from ebbwatch.model.observation import TextItem
from ebbwatch.ruleset.load import load
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.spread import shares, spread

if TYPE_CHECKING:
    from ebbwatch.ports import Store

#: Longest table that is read of a folder.
TABLE_LIMIT_BYTES = 512_000_000

#: Tables that are worth a process of their own to read.
WORTH_A_PROCESS = 10


def empty_history(ruleset: Ruleset) -> History:
    """Return a history that knows the catalogue and nothing else."""
    return History(ruleset.series, ruleset.business, ReleaseClock(ruleset.business))


def known_texts(source: str, store: Store | None) -> list[TextItem]:
    """Return the texts of a source that are bundled or held, oldest first; None for no store."""
    found = {item.key: item for item in archive.texts() if item.source == source}
    # What a poll saw later is no second release: the bundled one has the publisher's instant.
    held = () if store is None else store.texts(source)
    found |= {item.key: item for item in held if item.key not in found}
    return sorted(found.values(), key=lambda item: item.known_at)


def history_from_data(ruleset: Ruleset, directory: Path) -> History:
    """Return a history of a ``--data`` directory: ``<series>.csv`` for each series.

    Raises:
        NoSuchDirectory: If there is no such directory.
        TableFault: If a table is wrong, or names a series that is not in the catalogue.
    """
    if not directory.is_dir():
        raise NoSuchDirectory(
            f"{directory} is a file: name the directory of <series>.csv files that it is in"
            if directory.exists() else f"there is no directory {directory}"
        )  # fmt: skip
    history = empty_history(ruleset)
    tables = Tables(history, "data")

    def read(path: Path) -> tuple[str, Facts]:
        series = ruleset.series.get(path.stem)
        if series is None:
            hint = series_hint(path.stem, ruleset.series)
            raise TableFault(
                f"{path.name}: there is no series {path.stem}: declare it under series, "
                f"or name the file after one that is{f'; {hint}' if hint else ''}"
            )
        try:
            return series.name, tables.facts(series, _table(path))
        except UnicodeDecodeError:
            raise TableFault(f"{path.name} is not UTF-8 text") from None

    parts = shares(sorted(directory.glob("*.csv")), worth=WORTH_A_PROCESS)
    for name, facts in chain.from_iterable(spread(lambda part: [*map(read, part)], parts)):
        history.add(name, facts)
    return history


def _table(path: Path) -> str:
    content = read_file(path, TABLE_LIMIT_BYTES)
    if len(content) > TABLE_LIMIT_BYTES:
        raise TableFault(f"{path.name} has more than {TABLE_LIMIT_BYTES:,} bytes")
    return content.decode("utf-8")


def history_from_archive(ruleset: Ruleset, store: Store | None) -> History:
    """Return a history of the bundled archive and what a store holds."""
    from ebbwatch import archive

    history = empty_history(ruleset)
    tables = Tables(history, None)
    entries = archive.files()
    for name in sorted(_archived(ruleset, entries)):
        tables.read(ruleset.series[name], entries[name].read_text("utf-8"))
    if store is not None:
        # What an earlier version let pass must not keep this one from starting.
        history.observe(o for o in store.observations() if o.series in ruleset.series and fits(o))
    return history


def _archived(ruleset: Ruleset, names: Collection[str]) -> set[str]:
    """Return which series the archive speaks of: as built in, or redeclared in the same unit."""
    own = ruleset.own_series & set(names)
    found = (set(names) & set(ruleset.series)) - own
    if own:
        builtin = load({}, builtin=builtin_files(), sources=None).ruleset
        assert builtin is not None
        found |= {
            name
            for name in own
            if name in builtin.series
            and (builtin.series[name].unit, builtin.series[name].every)
            == (ruleset.series[name].unit, ruleset.series[name].every)
        }
    return found
