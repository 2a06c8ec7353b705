"""The JSON Schema of rule files, for editors; generated from `shape`."""

from __future__ import annotations

from collections.abc import Iterator

from ebbwatch.ruleset.kinds import Kind, Schema, Shape
from ebbwatch.ruleset.shape import FILE


def json_schema() -> Schema:
    """Return the schema of a rule file, as plain data in a fixed order."""
    shapes = {shape.schema()["$ref"].rpartition("/")[2]: shape for shape in _shapes(FILE)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ebbwatch rule file",
        **FILE.definition(),
        "$defs": {name: shape.definition() for name, shape in sorted(shapes.items())},
    }


def _shapes(kind: Kind) -> Iterator[Shape]:
    for below in kind.below():
        if isinstance(below, Shape):
            yield below
        yield from _shapes(below)
