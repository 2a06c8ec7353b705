"""The bundled archive: figures that may be passed on, by series.

Each file has the format of ``--data`` (``period,value`` or ``period,value,known_at``, in the
catalogue's unit); `README.md` beside the data says whose they are and what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable

from ebbwatch.model.observation import TextItem

_SUFFIX = ".csv"
#: The source that the bundled texts are of.
TEXT_SOURCE = "fed_press"


def files() -> Mapping[str, Traversable]:
    """Return the bundled files by name of the series, sorted; none of them is opened."""
    data = package_files(__name__) / "data"
    entries = sorted(data.iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(_SUFFIX): entry for entry in entries if entry.name.endswith(_SUFFIX)
    }


@cache
def texts() -> tuple[TextItem, ...]:
    """Return the bundled press releases of the Board, oldest first.

    Each was known when it was published.
    """
    folder = package_files(__name__) / "texts"
    found = []
    for path in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if path.name.endswith(".txt"):
            title, address, published, _, body = path.read_text("utf-8").split("\n", 4)
            at = datetime.fromisoformat(published).astimezone(UTC)
            found.append(
                TextItem(
                    source=TEXT_SOURCE, key=address, title=title, body=body.rstrip("\n"),
                    published_at=at, known_at=at,
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda item: item.published_at))
