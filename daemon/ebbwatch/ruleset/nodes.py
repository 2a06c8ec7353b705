"""Nodes: what a YAML file says, every piece with its place in the file.

All scalars are text. Whether ``08:00`` is a time or ``2 releases`` a span is decided by
the place it stands in, never by how it looks: so ``on``, ``no`` and ``1_000`` stay what
was written.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from functools import cached_property

from ebbwatch.model.problem import Span
from ebbwatch.ruleset.places import offsets_of
from ebbwatch.ruleset.secrets import masked

#: How much of a line is shown.
SHOWN_CHARS = 200

_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(eq=False)
class Source:
    """One file's text.

    Attributes:
        file: Its name, as given to the loader.
        text: What it says.
        secrets: Ranges of the text that no output may show.
    """

    file: str
    text: str
    secrets: list[tuple[int, int]] = field(default_factory=list)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _BREAK.finditer(self.text))]

    @cached_property
    def _ends(self) -> list[int]:
        return [*(found.start() for found in _BREAK.finditer(self.text)), len(self.text)]

    def line_of(self, offset: int) -> int:
        """Return the number of the line that an offset lies on, from 1."""
        return bisect.bisect_right(self._starts, offset)

    def span(self, start: int, end: int) -> Span:
        """Return a range of the text as a span, cut at the end of its first line."""
        line = self.line_of(start)
        room = self._ends[line - 1] - start
        return Span(
            self.file, line, start - self._starts[line - 1] + 1, max(1, min(end - start, room))
        )

    def line(self, number: int) -> str:
        """Return a line as written, secrets masked; of a long one its beginning."""
        first = self._starts[number - 1]
        last = min(self._ends[number - 1], first + SHOWN_CHARS)
        characters = list(self.text[first:last])
        for start, end in self.secrets:
            for place in range(max(start, first), min(end, last)):
                characters[place - first] = "*"
        return "".join(characters)


@dataclass(frozen=True, slots=True)
class FileRange:
    """A range of a file's text, end excluded."""

    source: Source
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Return it by line and column."""
        return self.source.span(self.start, self.end)


@dataclass(slots=True, eq=False)
class Scalar:
    """A piece of text.

    Attributes:
        source: The file it stands in.
        start: Offset of its first character, quotes included.
        end: Offset after its last.
        text: What it says, escapes undone.
        style: Empty for plain, else ``'``, ``"``, ``|`` or ``>``.
        template: The text before values were filled in; None where none were.
        fills: Where values stand: (start, end in the template, start, end in the text).
    """

    source: Source
    start: int
    end: int
    text: str
    style: str = ""
    template: str | None = None
    fills: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def place(self) -> FileRange:
        """Return the whole of it."""
        return FileRange(self.source, self.start, self.end)

    @property
    def nothing(self) -> bool:
        """Return whether it says that there is no value."""
        return not self.style and self.text in _NOTHING

    def part(self, start: int, end: int) -> FileRange:
        """Return where a range of its text stands in the file."""
        written = self.text if self.template is None else self.template
        offsets = offsets_of(self.source.text[self.start : self.end], written, self.style)
        first = offsets[min(self._unfilled(start, last=False), len(written))]
        stop = self._unfilled(end, last=True)
        after = offsets[min(stop, len(written)) - 1] + 1 if stop > 0 else first + 1
        return FileRange(self.source, self.start + first, self.start + max(after, first + 1))

    def _unfilled(self, offset: int, *, last: bool) -> int:
        """Return the offset in the template that an offset in the text came from."""
        shift = 0
        for was_start, was_end, start, end in self.fills:
            if offset < start + last:
                break
            if offset < end or (last and offset == end):
                return was_end if last else was_start
            shift = was_end - end
        return offset + shift

    def filled(self, values: MappingType[str, str]) -> Scalar:
        """Return it with ``{name}`` replaced by the values that there are."""
        if "{" not in self.text:
            return self
        pieces: list[str] = []
        fills: list[tuple[int, int, int, int]] = []
        length = done = 0
        for found in VARIABLE.finditer(self.text):
            value = values.get(found[1])
            if value is None:
                continue
            pieces += [self.text[done : found.start()], value]
            length += found.start() - done
            fills.append((found.start(), found.end(), length, length + len(value)))
            length += len(value)
            done = found.end()
        pieces.append(self.text[done:])
        return Scalar(
            self.source,
            self.start,
            self.end,
            "".join(pieces),
            self.style,
            self.text,
            tuple(fills),
        )


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys with values, in the order of the file, each key once."""

    source: Source
    start: int
    end: int
    entries: list[tuple[Scalar, Node]]

    @property
    def place(self) -> FileRange:
        """Return its beginning, up to the end of its first key."""
        end = self.entries[0][0].end if self.entries else self.end
        return FileRange(self.source, self.start, end)

    def get(self, key: str) -> Node | None:
        """Return the value of a key, or None."""
        return next((value for name, value in self.entries if name.text == key), None)

    def filled(self, values: MappingType[str, str]) -> Mapping:
        """Return it with the values of variables filled into all values."""
        entries = [(key, value.filled(values)) for key, value in self.entries]
        return Mapping(self.source, self.start, self.end, entries)


@dataclass(slots=True, eq=False)
class Sequence:
    """Nodes, in the order of the file."""

    source: Source
    start: int
    end: int
    items: list[Node]

    @property
    def place(self) -> FileRange:
        """Return its beginning."""
        return FileRange(self.source, self.start, min(self.end, self.start + 1))

    def filled(self, values: MappingType[str, str]) -> Sequence:
        """Return it with the values of variables filled into all items."""
        return Sequence(
            self.source, self.start, self.end, [item.filled(values) for item in self.items]
        )


Node = Scalar | Mapping | Sequence

#: A variable of ``foreach`` in a text.
VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

#: Plain scalars by which YAML 1.2 says "no value".
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})

#: Longest excerpt of a value that a message quotes.
_QUOTED_CHARS = 40


def described(node: Node) -> str:
    """Return a node in words, for "found ...", in messages."""
    match node:
        case Mapping():
            return "a map"
        case Sequence():
            return "a list"
        case Scalar() if node.nothing:
            return "nothing"
        case Scalar():
            return quoted(node.text)


def quoted(text: str) -> str:
    """Return a text in quotes, on one line, tokens masked, cut where it is long."""
    line = " ".join(masked(text).split())  # cut first, a token would not be recognised any more
    return f"'{line}'" if len(line) <= _QUOTED_CHARS else f"'{line[: _QUOTED_CHARS - 1]}…'"


def scalars(node: Node) -> Iterator[Scalar]:
    """Yield every scalar value below a node, keys apart."""
    match node:
        case Scalar():
            yield node
        case Mapping():
            for _, value in node.entries:
                yield from scalars(value)
        case Sequence():
            for item in node.items:
                yield from scalars(item)
