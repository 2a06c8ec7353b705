"""Any address that answers JSON, read by JMESPath: series that people add without code.

``rows`` selects a list; ``period``, ``value`` and ``known_at`` are asked of each of its rows::

    source:
      http_json:
        url: https://example.org/stablecoins.json
        rows: "history[?kind == 'total']"
        period: date
        value: circulating.usd

The expressions select and do not calculate: numbers stay as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import jmespath
from jmespath.exceptions import JMESPathError, LexerError, ParseError, UnknownFunctionError

from ebbwatch.model.observation import Published
from ebbwatch.model.series import Series
from ebbwatch.ports import SourceChanged, Wanted
from ebbwatch.sources.addresses import fault_of_url
from ebbwatch.sources.arguments import fault_of_map, fault_of_texts
from ebbwatch.sources.cells import Cell, in_order, published
from ebbwatch.sources.pointed import PointedSource, host_of
from ebbwatch.sources.replies import LIMIT_BYTES, Reply, Validators

_REQUIRED = ("url", "rows", "period", "value")
_OPTIONAL = ("known_at", "headers")
_EXPRESSIONS = ("rows", "period", "value", "known_at")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,4000}")


class HttpJson(PointedSource):
    """Series from JSON that some address answers."""

    name: ClassVar[str] = "http_json"

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument cannot be asked, or None; a wrong expression with its place."""
        if isinstance(argument, str):
            return f"expected a map with {', '.join(_REQUIRED)}, found a text"
        if fault := fault_of_map(argument, required=_REQUIRED, optional=_OPTIONAL):
            return fault
        if fault := fault_of_texts(argument, ("url", *_EXPRESSIONS)):
            return fault
        for key in _EXPRESSIONS:
            if key in argument and (fault := _fault_of_expression(key, argument[key])):
                return fault
        return fault_of_url(argument["url"]) or _fault_of_headers(argument.get("headers", {}))

    @classmethod
    def host(cls, argument: str | Mapping[str, Any]) -> str:
        """Return the host of the address."""
        return host_of(argument["url"]) if isinstance(argument, Mapping) else ""

    async def _ask(self, item: Wanted, validators: Validators) -> Reply:
        assert isinstance(item.argument, Mapping)
        return await self._addresses.get(
            item.series.name,
            item.argument["url"],
            validators=validators,
            headers=item.argument.get("headers"),
            limit_bytes=LIMIT_BYTES,
        )

    def _read(self, answer: Reply, item: Wanted) -> tuple[Published, ...]:
        assert isinstance(item.argument, Mapping)
        return parse(answer, item.series, item.argument)


def parse(answer: Reply, series: Series, argument: Mapping[str, Any]) -> tuple[Published, ...]:
    """Return an answer's figures, oldest first.

    Raises:
        SourceChanged: If `rows` finds no list, a row has no period, or no row has a value:
            then a key was renamed, and nobody published "no value".
    """
    of = f"http_json {series.name}"
    rows = _search(argument["rows"], answer.json(), f"{of}, rows")
    if not isinstance(rows, list):
        raise SourceChanged(
            f"{of}: expected `{argument['rows']}` to find a list, found {_kind(rows)}"
        )
    found = [_row(series, argument, row, f"{of}, row {place}") for place, row in enumerate(rows, 1)]
    if found and all(figure.value is None for figure in found):
        raise SourceChanged(f"{of}: expected `{argument['value']}` to find values, found none")
    return in_order(series, found, of=of)


def _row(series: Series, argument: Mapping[str, Any], row: object, of: str) -> Published:
    cells = {
        key: Cell(_search(argument[key], row, f"{of}, {key}"), f"{of}, {key} `{argument[key]}`")
        for key in ("period", "value", "known_at")
        if key in argument
    }
    return published(
        series, period=cells["period"], value=cells["value"], known_at=cells.get("known_at")
    )


def _search(expression: str, data: object, of: str) -> object:
    try:
        return jmespath.search(expression, data)
    except JMESPathError as error:
        raise SourceChanged(
            f"{of}: `{expression}` does not fit what was answered ({type(error).__name__})"
        ) from None


def _fault_of_expression(key: str, expression: str) -> str | None:
    """Return why a text is no JMESPath expression, with the place where it breaks off."""
    try:
        jmespath.compile(expression).search(None)
    except (LexerError, ParseError) as error:
        return f"{key}: `{expression}` is no JMESPath expression, at character {error.lex_position + 1}"
    except UnknownFunctionError as error:
        return f"{key}: `{expression}` is no JMESPath expression: {str(error).lower()}"
    except JMESPathError:
        return None  # a function that does not like null; real rows are something else
    return None


def _fault_of_headers(headers: object) -> str | None:
    if not isinstance(headers, Mapping):
        return "expected a map of names and texts for headers, found something else"
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            return f"expected the name of a header, found {name!r:.40}"
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            return f"expected a plain text for the header {name}, found something else"
    return None


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
