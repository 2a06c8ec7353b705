"""Plugins: the adapters of sources and notifiers, ours and others', by their entry points."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ebbwatch.model.source import KeyPolicy, SourceFacts, in_variables
from ebbwatch.ports import EbbwatchError
from ebbwatch.ruleset.catalogue import Unusable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Adapters(Mapping[str, Any]):
    """The adapters of a group by name; looked for, and each loaded, when first asked for.

    A source's is a class with `SourceFacts`, a notifier's one with a `kind`; both are called
    with their setup.
    """

    def __init__(self, group: str) -> None:
        """Take the group: ``sources`` or ``notifiers``."""
        self._group = group
        self._found: dict[str, EntryPoint] | None = None

    @property
    def _points(self) -> dict[str, EntryPoint]:
        if self._found is None:
            from importlib.metadata import entry_points

            points = entry_points(group=f"ebbwatch.{self._group}")
            self._found = {point.name: point for point in points}
        return self._found

    def __getitem__(self, name: str) -> Any:
        """Return an adapter.

        Raises:
            Unusable: If its package cannot be loaded, or was written for something else.
        """
        point = self._points[name]
        try:
            adapter = point.load()
        except Exception as err:
            raise Unusable(f"{point.value} cannot be loaded ({type(err).__name__}: {err})") from err
        if self._group == "sources" and not isinstance(
            getattr(adapter, "facts", None), SourceFacts
        ):
            raise Unusable(f"{point.value} has no facts: it was written for another version")
        return adapter

    def built(self, name: str, setup: object) -> Any:
        """Return an adapter, built with a setup.

        Raises:
            EbbwatchError: If it cannot be loaded or built; or what it says itself.
        """
        try:
            return self[name](setup)
        except EbbwatchError:
            raise
        except Unusable as err:
            said = str(err)
        except Exception as err:  # noqa: BLE001  as above
            said = f"{self._points[name].value} cannot be built ({type(err).__name__}: {err})"
        raise EbbwatchError(f"the adapter {name} cannot be used: {said}")

    def __contains__(self, name: object) -> bool:
        """Return whether there is such an adapter, without loading it."""
        return name in self._points

    def __iter__(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._points)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._points)


def keyed_sources() -> Collection[str]:
    """Return the names, as settings write them, of the sources that take a key."""
    return _KeyedSources(Adapters("sources"))


class _KeyedSources(Collection[str]):
    """Asks each source only when it is asked about: loading all takes a while."""

    def __init__(self, sources: Adapters) -> None:
        self._sources = sources

    def __contains__(self, name: object) -> bool:
        return any(in_variables(each) == name and self._takes_key(each) for each in self._sources)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(in_variables(each) for each in self._sources if self._takes_key(each)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _takes_key(self, name: str) -> bool:
        try:
            return self._sources[name].facts.key is not KeyPolicy.NONE
        except Unusable:
            return False
