"""The bundled archive: figures that may be passed on, by series.

Each file has the format of ``--data`` (``period,value`` or ``period,value,known_at``, in the
catalogue's unit); `README.md` beside the data says whose they are and what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable

_SUFFIX = ".csv"


def files() -> Mapping[str, Traversable]:
    """Return the bundled files by name of the series, sorted; none of them is opened."""
    data = package_files(__name__) / "data"
    entries = sorted(data.iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(_SUFFIX): entry for entry in entries if entry.name.endswith(_SUFFIX)
    }
