"""The JSON Schemas of rule files and rule tests, for editors; generated from their shapes."""

from __future__ import annotations

from collections.abc import Iterator

from ebbwatch.ruleset.kinds import Schema, Shape, ValueKind
from ebbwatch.ruleset.shape import FILE
from ebbwatch.ruleset.tapes import TESTS


def json_schema() -> Schema:
    """Return the schema of a rule file, as plain data in a fixed order."""
    return _schema(FILE, "Ebbwatch rule file")


def schema_of_tests() -> Schema:
    """Return the schema of a file of rule tests, the same way."""
    return _schema(TESTS, "Ebbwatch rule tests")


def _schema(file: Shape, title: str) -> Schema:
    shapes = {shape.schema()["$ref"].rpartition("/")[2]: shape for shape in _shapes(file)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **file.definition(),
        "$defs": {name: shape.definition() for name, shape in sorted(shapes.items())},
    }


def _shapes(kind: ValueKind) -> Iterator[Shape]:
    for below in kind.below():
        if isinstance(below, Shape):
            yield below
        yield from _shapes(below)
