"""Kinds of values: a text, a number, a list, a map, and how each is read from a rule file.

A kind reads a node into a value, or says what it expected and what it found; and it
describes itself as JSON Schema. `shape` combines kinds into the table of sections and
keys, from which the loader and the schema for editors both follow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ebbwatch.ruleset.findings import LITERAL_SECRET, Findings
from ebbwatch.ruleset.nodes import Mapping, Node, Scalar, Sequence, described, quoted
from ebbwatch.ruleset.suggestions import LISTED, closest, listed

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Misread:
    """Why a text is not what its place expects.

    Attributes:
        message: Says what is wrong with it; empty for "expected ..., found ...".
        hint: The way out.
        code: Stable short name.
        part: Where in the text the culprit stands, as start and end; None for all of it.
    """

    message: str = ""
    hint: str = ""
    code: str = "wrong-value"
    part: tuple[int, int] | None = None


class Invalid:
    """Stands for a value that could not be read; its problem is among the findings."""


INVALID: Final = Invalid()


class ValueKind(ABC):
    """What may stand in a place."""

    what: str
    """In words, after "expected"."""

    @abstractmethod
    def read(self, node: Node, findings: Findings) -> Any:
        """Return the value of a node, or INVALID with a problem added."""

    @abstractmethod
    def schema(self) -> Schema:
        """Return it as JSON Schema."""

    def mismatch(self, node: Node, findings: Findings) -> Invalid:
        """Add that something else was expected here."""
        findings.error(
            node, "wrong-kind", f"expected {self.what}, found {described(node)}", self.hint(node)
        )
        return INVALID

    def hint(self, node: Node) -> str:  # noqa: ARG002  kinds that know better use it
        """Return what to do where something else was found."""
        return ""

    def below(self) -> Iterator[ValueKind]:
        """Yield the kinds that it is made of."""
        return iter(())


@dataclass(frozen=True, slots=True)
class ScalarKind(ValueKind):
    """One piece of text with a meaning.

    Attributes:
        what: In words.
        parse: Gives its value, or why it has none.
        json: Its JSON Schema.
    """

    what: str
    parse: Callable[[str], Any]
    json: Schema = field(default_factory=lambda: {"type": "string"})

    def read(self, node: Node, findings: Findings) -> Any:
        """Return what the text means."""
        if not isinstance(node, Scalar) or node.nothing:
            return self.mismatch(node, findings)
        value = self.parse(node.text)
        if not isinstance(value, Misread):
            return value
        if value.code == LITERAL_SECRET:
            findings.secret(node, value.message, value.hint)
        else:
            message = value.message or f"expected {self.what}, found {described(node)}"
            place = node if value.part is None else node.part(*value.part)
            findings.error(place, value.code, message, value.hint)
        return INVALID

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return dict(self.json)


@dataclass(frozen=True, slots=True)
class Whole(ValueKind):
    """A piece of text kept with its place, because its meaning is found out later.

    Attributes:
        what: In words.
        json: Its JSON Schema.
    """

    what: str
    json: Schema = field(default_factory=lambda: {"type": "string"})

    def read(self, node: Node, findings: Findings) -> Any:
        """Return the scalar itself."""
        if not isinstance(node, Scalar) or node.nothing:
            return self.mismatch(node, findings)
        return node

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return dict(self.json)


@dataclass(frozen=True, slots=True)
class ListOf(ValueKind):
    """A list of one kind of thing; its value is a list of (node, value)."""

    item: ValueKind
    what: str
    least: int = 0

    def read(self, node: Node, findings: Findings) -> Any:
        """Return the items that could be read, or INVALID."""
        if not isinstance(node, Sequence):
            return self.mismatch(node, findings)
        if len(node.items) < self.least:
            findings.error(node, "empty", f"expected {self.what}, found an empty list")
            return INVALID
        read = [(item, self.item.read(item, findings)) for item in node.items]
        return [(item, value) for item, value in read if value is not INVALID]

    def hint(self, node: Node) -> str:
        """Return how a single value becomes a list."""
        if isinstance(node, Scalar) and not node.nothing:
            return f"write [{node.text}]"
        return "begin each item with '- '" if isinstance(node, Mapping) else ""

    def below(self) -> Iterator[ValueKind]:
        """Yield the kind of its items."""
        yield self.item

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"type": "array", "items": self.item.schema(), "minItems": self.least}


@dataclass(frozen=True, slots=True)
class MapOf(ValueKind):
    """A map whose keys are free; its value is a list of (key, value node, value).

    Attributes:
        key: Reads a key.
        value: Of every key; or, where `by_key` is given, of those it does not know.
        what: In words.
        least: How many entries there must be.
        pattern: Of the keys, in the JSON Schema.
        by_key: Kinds of the values of single keys.
        single: How a single value is made such a map, in a hint, with ``{}`` for it.
    """

    key: ScalarKind
    value: ValueKind
    what: str
    least: int = 0
    pattern: str = ""
    by_key: dict[str, ValueKind] = field(default_factory=dict)
    single: str = ""

    def read(self, node: Node, findings: Findings) -> Any:
        """Return the entries that could be read, or INVALID."""
        if not isinstance(node, Mapping):
            return self.mismatch(node, findings)
        if len(node.entries) < self.least:
            findings.error(node, "empty", f"expected {self.what}, found an empty map")
            return INVALID
        entries = []
        for key, below in node.entries:
            name = self.key.read(key, findings)
            value = self.by_key.get(key.text, self.value).read(below, findings)
            if name is not INVALID and value is not INVALID:
                entries.append((key, below, value))
        return entries

    def hint(self, node: Node) -> str:
        """Return how a single value becomes a map."""
        if isinstance(node, Scalar) and not node.nothing and self.single:
            return self.single.replace("{}", node.text)
        return ""

    def below(self) -> Iterator[ValueKind]:
        """Yield the kinds of its values."""
        yield self.value
        yield from self.by_key.values()

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        schema: Schema = {"type": "object", "minProperties": self.least}
        if self.pattern:
            schema["propertyNames"] = {"pattern": self.pattern}
        if self.by_key:
            schema["properties"] = {name: kind.schema() for name, kind in self.by_key.items()}
        schema["additionalProperties"] = self.value.schema()
        return schema


@dataclass(frozen=True, slots=True)
class ByForm(ValueKind):
    """One of several kinds, told apart by form: text, map or list."""

    what: str
    scalar: ValueKind | None = None
    mapping: ValueKind | None = None
    sequence: ValueKind | None = None

    def read(self, node: Node, findings: Findings) -> Any:
        """Return the value by the kind for the node's form."""
        kind: ValueKind | None
        match node:
            case Scalar():
                kind = None if node.nothing else self.scalar
            case Mapping():
                kind = self.mapping
            case Sequence():
                kind = self.sequence
        if kind is None:
            return self.mismatch(node, findings)
        return kind.read(node, findings)

    def below(self) -> Iterator[ValueKind]:
        """Yield the kinds there are."""
        return (kind for kind in (self.scalar, self.mapping, self.sequence) if kind)

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        return {"anyOf": [kind.schema() for kind in self.below()]}


@dataclass(frozen=True, slots=True)
class Plain(ValueKind):
    """Anything: text, maps and lists, as they are; for arguments that others check."""

    what: str = "a text, a map or a list"

    def read(self, node: Node, findings: Findings) -> Any:  # noqa: ARG002  nothing is wrong here
        """Return it as text, dict and list."""
        return plain(node)

    def schema(self) -> Schema:
        """Return a schema that accepts everything."""
        return {}


def plain(node: Node) -> Any:
    """Return a node as text, dict and list; None for no value."""
    match node:
        case Scalar():
            return None if node.nothing else node.text
        case Mapping():
            return {key.text: plain(value) for key, value in node.entries}
        case Sequence():
            return [plain(item) for item in node.items]


@dataclass(frozen=True, slots=True)
class DeferredMap(ValueKind):
    """A map that is read by its shape later, when variables are filled in."""

    shape: Shape

    @property
    def what(self) -> str:  # type: ignore[override]
        """Return it in words."""
        return self.shape.what

    def read(self, node: Node, findings: Findings) -> Any:
        """Return the map itself."""
        return node if isinstance(node, Mapping) else self.mismatch(node, findings)

    def below(self) -> Iterator[ValueKind]:
        """Yield the shape."""
        yield self.shape

    def schema(self) -> Schema:
        """Return the JSON Schema of its shape."""
        return self.shape.schema()


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a shape.

    Attributes:
        name: As it is written.
        kind: What may stand after it.
        doc: What it does, in a sentence.
        example: A value for it, as YAML.
        required: Whether it must stand.
        also: What people call it who come from other tools.
    """

    name: str
    kind: ValueKind
    doc: str
    example: str
    required: bool = False
    also: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Fields:
    """What was read of a shape.

    Attributes:
        node: The map.
        values: By key; a key that does not stand or could not be read is absent.
        nodes: The value nodes, by key, readable or not.
        keys: The key nodes.
        meant: Keys that a misspelt one was probably meant to be.
    """

    node: Mapping
    values: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)
    meant: set[str] = field(default_factory=set)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a key, or a default where there is none to be had."""
        return self.values.get(name, default)

    def __contains__(self, name: str) -> bool:
        """Return whether the key was written, readable or not."""
        return name in self.nodes


@dataclass(frozen=True)
class Shape(ValueKind):
    """A map with fixed keys.

    Attributes:
        name: Of the shape: ``rule``.
        doc: What it is, in a sentence.
        keys: All it may hold.
    """

    name: str
    doc: str
    keys: tuple[Key, ...]

    def __post_init__(self) -> None:
        """Prepare the look-up of keys."""
        by_name = {key.name: key for key in self.keys}
        object.__setattr__(self, "_by_name", by_name)
        names = f"with {listed(by_name)}" if len(by_name) <= LISTED else f"as for a {self.name}"
        object.__setattr__(self, "what", f"a map {names}")

    def read(self, node: Node, findings: Findings) -> Any:
        """Return the fields that could be read, or INVALID for no map at all."""
        if not isinstance(node, Mapping):
            return self.mismatch(node, findings)
        by_name: dict[str, Key] = self.__dict__["_by_name"]
        fields = Fields(node)
        for name, below in node.entries:
            key = by_name.get(name.text)
            if key is None:
                fields.meant.add(self._unknown(name, findings))
                continue
            fields.nodes[key.name] = below
            fields.keys[key.name] = name
            value = key.kind.read(below, findings)
            if value is not INVALID:
                fields.values[key.name] = value
        for key in self._missing(fields):
            findings.error(
                node,
                "missing-key",
                f"expected {key.name} in a {self.name}, found none",
                f"add {key.name}: {key.example}" if "\n" not in key.example else f"add {key.name}",
            )
        return fields

    def _missing(self, fields: Fields) -> Iterator[Key]:
        there = fields.nodes.keys() | fields.meant
        return (key for key in self.keys if key.required and key.name not in there)

    def _unknown(self, name: Scalar, findings: Findings) -> str:
        """Add a problem for a key that is not known; return the one that is meant."""
        names = [key.name for key in self.keys]
        meant = next((key.name for key in self.keys if name.text in key.also), None)
        meant = meant or closest(name.text, names)
        hint = f"did you mean {meant}?" if meant else f"known: {', '.join(names)}"
        message = f"unknown key {quoted(name.text)} in a {self.name}"
        findings.error(name, "unknown-key", message, hint)
        return meant or ""

    def below(self) -> Iterator[ValueKind]:
        """Yield the kinds of its keys."""
        return (key.kind for key in self.keys)

    def schema(self) -> Schema:
        """Return a reference to its definition."""
        return {"$ref": f"#/$defs/{self.name.replace(' ', '-')}"}

    def definition(self) -> Schema:
        """Return its JSON Schema in full."""
        properties: Schema = {}
        for key in self.keys:
            properties[key.name] = {**_with_doc(key.kind.schema(), key.doc)}
        schema: Schema = {
            "type": "object",
            "description": self.doc,
            "properties": properties,
            "additionalProperties": False,
        }
        if required := [key.name for key in self.keys if key.required]:
            schema["required"] = required
        return schema


def _with_doc(schema: Schema, doc: str) -> Schema:
    return {**schema, "description": doc}
