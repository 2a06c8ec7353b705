"""Arguments of sources that people describe in maps: their JSON Schema, for editors.

Each adapter checks its own arguments when rules are loaded; this says the same to an editor, and
a test holds the two together.
"""

from __future__ import annotations

from ebbwatch.ruleset.kinds import Plain, Schema

_TEXT: Schema = {"type": "string", "minLength": 1}

_FORMATS: dict[str, Schema] = {
    "date": {
        "description": "How dates are written: a format such as %m/%d/%Y, or roc, epoch, epoch-ms.",
        "anyOf": [{"enum": ["roc", "epoch", "epoch-ms"]}, {"type": "string", "pattern": "%"}],
    },
    "decimal": {"description": "Between units and tenths.", "enum": [".", ","]},
    "thousands": {
        "description": "Between thousands.",
        "enum": [",", ".", " ", "'", "\u2019", "_"],
    },
    "encoding": {"description": "Of the text; UTF-8 without it.", **_TEXT},
    "reduce": {
        "description": "What becomes of several rows of a period.",
        "enum": ["sum", "first", "last"],
    },
}


def _map(required: list[str], keys: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": keys,
        "required": required,
        "additionalProperties": False,
    }


_CSV = _map(
    [],
    {
        "path": {"description": "Of a file; relative to the file that names it.", **_TEXT},
        "url": {"description": "Of a table at an address.", **_TEXT},
        "period": {"description": "Column of periods; period without it.", **_TEXT},
        "value": {"description": "Column of values; value without it.", **_TEXT},
        "known_at": {"description": "Column of instants at which each was known.", **_TEXT},
        "delimiter": {"description": "Between cells.", **_TEXT, "maxLength": 1},
        **_FORMATS,
    },
)

_ROWS_BY_KEY = _map(
    ["by", "at"],
    {
        "by": {"description": "What rows are told apart by.", "enum": ["key"]},
        "at": {"description": "JMESPath of the object whose keys are the periods.", **_TEXT},
    },
)

_HTTP_JSON = _map(
    ["url", "rows", "value"],
    {
        "url": {"description": "Address that answers JSON.", **_TEXT},
        "rows": {
            "description": "JMESPath of the list of rows, or {by: key, at: PATH}.",
            "anyOf": [_TEXT, _ROWS_BY_KEY],
        },
        "period": {"description": "JMESPath of a row's period.", **_TEXT},
        "value": {"description": "JMESPath of a row's value.", **_TEXT},
        "known_at": {"description": "JMESPath of the instant at which it was known.", **_TEXT},
        "headers": {
            "description": "Sent with the request.",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
        **_FORMATS,
    },
)

_H41 = _map(
    [],
    {
        "release": {"description": "Of the Board, as its address has it; h41 without it.", **_TEXT},
        "name": {"description": "SERIES_NAME in the release's file.", **_TEXT},
        "description": {"description": "Of the line, whole or its parts in order.", **_TEXT},
    },
)


class Argument(Plain):
    """The argument of one source, which its adapter checks."""

    def __init__(self, described: Schema, *, text: bool = True) -> None:
        """Take its schema as a map, and whether a text will do."""
        super().__init__()
        object.__setattr__(self, "_schema", {"anyOf": [_TEXT, described]} if text else described)

    def schema(self) -> Schema:
        """Return its JSON Schema."""
        schema: Schema = self.__dict__["_schema"]
        return schema


#: By source; what others take is their own affair.
ARGUMENTS = {
    "csv": Argument(_CSV),
    "http_json": Argument(_HTTP_JSON, text=False),
    "h41": Argument(_H41),
}
