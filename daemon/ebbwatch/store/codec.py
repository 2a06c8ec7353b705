"""Values as JSON text and back: messages, targets, receipts, transitions.

The dataclass is the format: a field's name is its key. A key that is missing takes the
field's default and one that is unknown is passed over, so that replicas of two versions can
share an outbox while one of them is being upgraded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ebbwatch.model.periods import instant, micros


def encode(value: object) -> str:
    """Return a value as JSON text.

    Tuples become lists, enums their value, instants ISO texts in UTC. Everything beyond
    ASCII is escaped, because PostgreSQL takes no NUL in a text and no engine half a
    surrogate pair, and both can come from a provider.

    Raises:
        TypeError: For a type that JSON and this module have no form for, and for an
            instant without a time zone.
    """
    return _ENCODER.encode(value)


def decode(kind: Any, text: str) -> Any:
    """Return the value of a type that a JSON text stands for.

    Args:
        kind: A dataclass, or a tuple type. What lies below ``Any`` comes back in JSON's own
            types: lists and dicts.
        text: As `encode` wrote it.
    """
    return _reader(kind)(json.loads(text))


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {name: getattr(value, name) for name in _names(value.__class__)}
    if isinstance(value, datetime):
        return instant(micros(value)).isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    message = f"expected something that JSON can hold, found {type(value).__name__}"
    raise TypeError(message)


_ENCODER = json.JSONEncoder(default=_plain, separators=(",", ":"))


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """Return the names of a dataclass's fields."""
    return tuple(field.name for field in fields(kind))


def _same(value: Any) -> Any:
    return value


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Return the function that makes a value of a type from what JSON gave."""
    arguments = get_args(kind)
    if get_origin(kind) is tuple:
        return _tuple_reader(arguments)
    if isinstance(kind, UnionType):
        (some,) = (argument for argument in arguments if argument is not NoneType)
        read_some = _reader(some)
        return lambda value: None if value is None else read_some(value)
    if kind is datetime:
        return datetime.fromisoformat
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
        return lambda value: kind(
            **{name: readers[name](part) for name, part in value.items() if name in readers}
        )
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return _same


def _tuple_reader(arguments: tuple[Any, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if arguments[-1] is Ellipsis:
        read = _reader(arguments[0])
        return lambda value: tuple(map(read, value))
    readers = [_reader(argument) for argument in arguments]
    return lambda value: tuple(read(part) for read, part in zip(readers, value, strict=True))
