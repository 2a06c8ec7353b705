"""YAML, read strictly: a tree of text with places, or problems.

Only what rule files need is let in: one document of maps, lists and text. Anchors,
aliases, merge keys and tags are refused, each key may stand once, and size, depth and
number of pieces are bounded, so that no file can make the reader work without end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml import events

from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.nodes import FileRange, Mapping, Node, Scalar, Sequence, Source, quoted

#: Bounds on one file. 10,000 rules take 1.7 MB and 300,000 pieces.
SIZE_LIMIT_BYTES = 8_000_000
NODE_LIMIT = 1_000_000
DEPTH_LIMIT = 32

_TOO_DEEP = f"maps and lists nest deeper than {DEPTH_LIMIT}"

#: Characters that YAML does not allow, and those that turn the reading direction round:
#: a line must say what it seems to say.
_FORBIDDEN = re.compile(
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    r"|[\u202a-\u202e\u2066-\u2069]"
)

#: What the scanner says, by a piece of it, as a person would put it, with the way out.
_SYNTAX = {
    "mapping values are not allowed": (
        "found a colon where none can stand",
        "put a text that holds ': ' in quotes, and indent keys of one map alike",
    ),
    "found a tab": ("found a tab where spaces must stand", "indent with spaces"),
    "cannot start any token": (
        "found a character that cannot begin a text",
        "put the text in quotes",
    ),
    "expected node content": (
        "found something that cannot stand between brackets",
        "close the bracket before it, or put the text in quotes",
    ),
    "while parsing a flow mapping": (
        "expected ',' or '}' in a map",
        "close the map with '}', and put a text that holds ',' or '}' in quotes",
    ),
    "while parsing a flow sequence": (
        "expected ',' or ']' in a list",
        "close the list with ']', and put a text that holds ',' or ']' in quotes",
    ),
    "while parsing a block": (
        "found something that fits nothing above it",
        "indent keys of one map alike, and the '- ' of one list alike",
    ),
    "found a closing bracket": (
        "found a closing bracket without an opening one",
        "remove it, or put the text in quotes",
    ),
    "could not find expected ':'": (
        "expected ':' after a key",
        "write 'key: value', with a space after the colon",
    ),
    "while scanning a quoted scalar": (
        "a quoted text does not end, or holds an unknown escape",
        "close the quote; in double quotes a backslash is written twice",
    ),
    "while parsing a quoted scalar": (
        "a quoted text holds an escape that does not exist",
        "use single quotes, in which a backslash is a backslash",
    ),
}


@dataclass(frozen=True, slots=True)
class Unread:
    """Stands for the contents of a file that could not be read.

    Attributes:
        reason: Why, in words, as it is told.
        hint: The way out; may be empty.
    """

    reason: str
    hint: str = ""


#: What a rule file holds: text, bytes that must be UTF-8, or why it could not be read.
Content = str | bytes | Unread


@dataclass(slots=True, eq=False)
class _Open:
    """A map or list that has not ended yet."""

    start: int
    items: list[Node]
    entries: list[tuple[Scalar, Node]]
    seen: dict[str, Scalar] | None  # None for a list
    key: Scalar | None = None


def read_yaml(file: str, text: Content, findings: Findings) -> Node | None:
    """Return what a file says, or None where it says nothing or cannot be read.

    Args:
        file: Its name, for problems.
        text: Its content.
        findings: Where problems go.
    """
    source = _decoded(file, text, findings)
    if source is None:
        return None
    try:
        return _TreeBuilder(source, findings).read()
    except yaml.MarkedYAMLError as err:
        _syntax_problem(source, err, findings)
    return None


def _decoded(file: str, text: Content, findings: Findings) -> Source | None:
    """Return a file's text, if its size and characters allow to look at it at all."""
    empty = Source(file, "")
    if isinstance(text, Unread):
        findings.error(FileRange(empty, 0, 1), "unreadable", text.reason, text.hint)
        return None
    if len(text) > SIZE_LIMIT_BYTES:
        findings.error(
            FileRange(empty, 0, 1),
            "too-large",
            f"the file has more than {SIZE_LIMIT_BYTES:,} bytes",
            "split it into several files",
        )
        return None
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
    except UnicodeDecodeError as err:
        line = err.object[: err.start].count(b"\n") + 1
        findings.error(
            FileRange(empty, 0, 1),
            "encoding",
            f"the file is not UTF-8: byte 0x{err.object[err.start]:02x} on line {line}",
            "save it as UTF-8",
        )
        return None
    source = Source(file, decoded.removeprefix("\ufeff"))
    if (found := _FORBIDDEN.search(source.text)) is not None:
        findings.error(
            FileRange(source, found.start(), found.end()),
            "control-character",
            f"found the control character U+{ord(found[0]):04X}",
            "remove it: nobody sees it, and it may make a line look like another",
        )
        return None
    return source


def _syntax_problem(source: Source, err: yaml.MarkedYAMLError, findings: Findings) -> None:
    """Add what the scanner found wrong, in words that say what to do."""
    mark = err.problem_mark or err.context_mark
    at = min(mark.index, len(source.text)) if mark is not None else 0
    said = f"{err.context or ''} {err.problem or ''}"
    if "nesting" in said:  # the scanner has a limit of its own, which it may reach first
        findings.error(FileRange(source, at, at + 1), "yaml-bounds", _TOO_DEEP)
        return
    found = source.text[at : at + 1]
    if found == "\t":
        said = "found a tab"
    elif found in ("}", "]") and "flow" not in said:
        said = "found a closing bracket"
    message, hint = next(
        (words for piece, words in _SYNTAX.items() if piece in said),
        (f"cannot read this as YAML: {(err.problem or 'syntax error').strip()}", ""),
    )
    opened = err.context_mark.index if err.context_mark is not None else at
    if opened < at and not source.text[at:].strip():
        at = opened  # the end of the file says less than what was never closed
    elif opened < at and " in a " in message:
        message += f" that begins on line {source.line_of(opened)}"
    findings.error(FileRange(source, at, at + 1), "yaml-syntax", message, hint)


def _start(event: Any) -> int:
    """Return where an event begins; the stubs do not know that there is always a mark."""
    start: int = event.start_mark.index
    return start


def _end(event: Any) -> int:
    """Return where an event ends."""
    end: int = event.end_mark.index
    return end


class _TreeBuilder:
    """Builds the tree from the parser's events, without recursion."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._nodes = 0

    def read(self) -> Node | None:
        """Return the document's root; None where there is none, or it was refused."""
        documents = 0
        for event in yaml.parse(self._source.text, Loader=yaml.CBaseLoader):
            match event:
                case events.ScalarEvent():
                    self._refuse(event)
                    node = Scalar(
                        self._source,
                        _start(event),
                        _end(event),
                        event.value,
                        event.style or "",
                    )
                    self._look_at(node)
                    self._place(node)
                case events.MappingStartEvent() | events.SequenceStartEvent():
                    self._refuse(event)
                    is_map = isinstance(event, events.MappingStartEvent)
                    self._open.append(_Open(_start(event), [], [], {} if is_map else None))
                    if len(self._open) > DEPTH_LIMIT:
                        self._error(event, "yaml-bounds", _TOO_DEEP, "")
                        return None
                case events.MappingEndEvent() | events.SequenceEndEvent():
                    self._close(_end(event))
                case events.AliasEvent():
                    self._error(event, "alias", "aliases are not read", "write the value out")
                    self._place(Scalar(self._source, _start(event), _end(event), ""))
                case events.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self._error(
                            event, "yaml-bounds", "found a second document in the file",
                            "put it into a file of its own",
                        )  # fmt: skip
                        return None
                case _:
                    pass
            if self._nodes > NODE_LIMIT:
                hint = "split it into several files"
                message = f"the file has more than {NODE_LIMIT:,} pieces"
                self._error(event, "yaml-bounds", message, hint)
                return None
        if isinstance(self._root, Scalar) and self._root.nothing:
            return None
        return self._root

    def _look_at(self, node: Scalar) -> None:
        """Add a problem for a control character that an escape stands for."""
        if node.style == '"' and (found := _FORBIDDEN.search(node.text)) is not None:
            self._findings.error(
                node.part(found.start(), found.end()), "control-character",
                f"found an escape for the control character U+{ord(found[0]):04X}", "remove it",
            )  # fmt: skip

    def _refuse(self, event: Any) -> None:
        """Add a problem for what rule files may not hold."""
        if event.anchor is not None:
            self._error(event, "anchor", "anchors are not read", "write the value where it is used")
        if event.tag is not None and event.tag != "!":
            self._error(event, "tag", "tags are not read", "remove the tag")

    def _error(self, event: Any, code: str, message: str, hint: str) -> None:
        place = FileRange(self._source, _start(event), _end(event))
        self._findings.error(place, code, message, hint)

    def _close(self, end: int) -> None:
        done = self._open.pop()
        if done.seen is None:
            self._place(Sequence(self._source, done.start, end, done.items))
        else:
            self._place(Mapping(self._source, done.start, end, done.entries))

    def _place(self, node: Node) -> None:
        """Put a finished node where it belongs: a key, a value, an item or the root."""
        self._nodes += 1
        if not self._open:
            self._root = node
            return
        top = self._open[-1]
        if top.seen is None:
            top.items.append(node)
        elif top.key is None:
            top.key = self._key(node)
        else:
            self._enter(top, top.key, node)
            top.key = None

    def _key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar):
            return node
        hint = "put a text that begins with '{' or '[' in quotes"
        self._findings.error(node, "yaml-key", "expected a text as key", hint)
        return Scalar(self._source, node.start, node.end, "", "?")

    def _enter(self, top: _Open, key: Scalar, value: Node) -> None:
        if key.style == "?":
            return
        if key.text == "<<" and not key.style:
            self._findings.error(key, "merge-key", "merge keys are not read", "write the keys out")
            return
        assert top.seen is not None
        if (first := top.seen.get(key.text)) is not None:
            self._findings.error(
                key,
                "duplicate-key",
                f"the key {quoted(key.text)} stands twice in one map",
                f"it stands on line {self._source.line_of(first.start)} already: keep one",
            )
            return
        top.seen[key.text] = key
        top.entries.append((key, value))
