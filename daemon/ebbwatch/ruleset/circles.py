"""Circles: defines and rules that in the end use themselves, which cannot be evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def groups(uses: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Yield the names in groups, what is used before what uses it.

    Names that use each other come as one group, all others alone. This is Tarjan's algorithm,
    without recursion: a chain may be as long as a file allows.

    Args:
        uses: For each name, those it uses; names without an entry are left out.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for root in uses:
        if root in index:
            continue
        work = [(root, iter(uses[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            name, below = work[-1]
            for other in below:
                if other not in uses:
                    continue
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(uses[other])))
                    break
                if other in on_stack:
                    low[name] = min(low[name], index[other])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[name])
                if low[name] == index[name]:
                    at = stack.index(name)
                    group = tuple(stack[at:])
                    del stack[at:]
                    on_stack.difference_update(group)
                    yield group


def circle_in(group: Sequence[str], uses: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return a way round through a group, its first name at both ends; empty for none.

    Args:
        group: As `groups` gives it.
        uses: The same.
    """
    first = group[0]
    members = set(group)
    came: dict[str, str] = {}
    queue = [first]
    for name in queue:
        for other in uses[name]:
            if other == first:
                way = [first]
                while name != first:
                    way.append(name)
                    name = came[name]  # noqa: PLW2901  the way back begins here, and the search ends
                return (first, *reversed(way[1:]), first)
            if other in members and other not in came:
                came[other] = name
                queue.append(other)
    return ()
