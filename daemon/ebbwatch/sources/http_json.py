"""Any address that answers JSON, read by JMESPath: series that people add without code.

``rows`` selects a list; ``period``, ``value`` and ``known_at`` are asked of each of its rows.
Where figures stand under their dates, ``rows: {by: key, at: PATH}`` selects the object whose
keys are the periods::

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
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from ebbwatch.model.observation import Published
from ebbwatch.model.series import Series
from ebbwatch.model.source import ArgumentFault, SourceFacts
from ebbwatch.ports import SourceChanged, Wanted
from ebbwatch.sources.addresses import fault_of_url
from ebbwatch.sources.arguments import fault_of_map, fault_of_texts
from ebbwatch.sources.cells import Cell, Rows, each_alone, in_order, published
from ebbwatch.sources.formats import KEYS, Formats, fault_of_formats
from ebbwatch.sources.jmes import Budget, CannotSearch, fault_of_expression, search
from ebbwatch.sources.pointed import PointedSource, host_of
from ebbwatch.sources.replies import LIMIT_BYTES, Reply, Validators
from ebbwatch.sources.strict_numbers import shown

_REQUIRED = ("url", "rows", "period", "value")
_OPTIONAL = ("known_at", "headers", *KEYS)
_OF_A_ROW = ("period", "value", "known_at")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,4000}")


class HttpJson(PointedSource):
    """Series from JSON that some address answers."""

    name: ClassVar[str] = "http_json"
    facts: ClassVar[SourceFacts] = SourceFacts(
        whole=True, asked="Any address that answers JSON, with {url, rows, period, value}."
    )

    @classmethod
    def fault(cls, argument: str | Mapping[str, Any]) -> str | None:
        """Return why an argument cannot be asked, or None; a wrong expression with its place."""
        if isinstance(argument, str):
            return f"expected a map with {', '.join(_REQUIRED)}, found a text"
        keyed = isinstance(argument.get("rows"), Mapping)
        required = [key for key in _REQUIRED if not (keyed and key == "period")]
        if keyed and "period" in argument:
            return ArgumentFault(
                "rows by key have their periods as keys; leave period out", "period"
            )
        if fault := fault_of_map(argument, required=required, optional=_OPTIONAL):
            return fault
        if fault := fault_of_texts(argument, ("url", *_OF_A_ROW)) or fault_of_formats(argument):
            return fault
        if fault := _fault_of_rows(argument["rows"]):
            return fault
        for key in _OF_A_ROW:
            if key in argument and (fault := _fault_of_expression(argument[key], key)):
                return fault
        if (why := fault_of_url(argument["url"])) is not None:
            return ArgumentFault(why, "url")
        return _fault_of_headers(argument.get("headers", {}))

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

    def _read(self, answer: Reply, item: Wanted) -> Rows:
        assert isinstance(item.argument, Mapping)
        return parse(answer, item.series, item.argument)


def parse(answer: Reply, series: Series, argument: Mapping[str, Any]) -> Rows:
    """Return an answer's figures, and the complaints about rows that cannot be read.

    Raises:
        SourceChanged: If `rows` finds no list, most rows cannot be read, or none has a value:
            then a key was renamed, and nobody published "no value".
    """
    of = f"http_json {series.name}"
    formats = Formats.of(argument)
    budget = Budget()
    found, unread = each_alone(
        partial(_row, series, argument, formats, row, budget)
        for row in _rows(argument["rows"], answer.json(formats.encoding), budget, of)
    )
    if found and all(figure.value is None for figure in found):
        raise SourceChanged(f"{of}: expected `{argument['value']}` to find values, found none")
    return Rows(in_order(formats, found), tuple(unread))


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of an answer.

    Attributes:
        of: What complaints call it.
        data: What stands in it.
        key: What it stands under, where rows are keyed by their periods.
    """

    of: str
    data: object
    key: Cell | None = None


def _rows(rows: str | Mapping[str, Any], data: object, budget: Budget, of: str) -> list[_Row]:
    path = rows if isinstance(rows, str) else str(rows["at"])
    found = _search(path, data, budget, f"{of}, rows")
    if isinstance(rows, str):
        if not isinstance(found, list):
            raise SourceChanged(f"{of}: expected `{path}` to find a list, found {_kind(found)}")
        return [_Row(f"{of}, row {place}", row) for place, row in enumerate(found, 1)]
    if not isinstance(found, dict):
        raise SourceChanged(
            f"{of}: expected `{path}` to find an object with periods as keys, found {_kind(found)}"
        )
    return [
        _Row(f"{of}, key {shown(key)}", row, Cell(key, f"{of}, keys of `{path}`"))
        for key, row in found.items()
    ]


def _row(
    series: Series, argument: Mapping[str, Any], formats: Formats, row: _Row, budget: Budget
) -> Published:
    cells = {
        key: Cell(
            _search(argument[key], row.data, budget, f"{row.of}, {key}"),
            f"{row.of}, {key} `{argument[key]}`",
        )
        for key in _OF_A_ROW
        if key in argument
    }
    return published(
        series,
        formats,
        period=row.key or cells["period"],
        value=cells["value"],
        known_at=cells.get("known_at"),
    )


def _search(expression: str, data: object, budget: Budget, of: str) -> object:
    try:
        return search(expression, data, budget)
    except CannotSearch as error:
        raise SourceChanged(f"{of}: `{expression}` {error}") from None


def _fault_of_rows(rows: object) -> ArgumentFault | None:
    """Return why rows cannot be selected so: by an expression, or by key at one."""
    if isinstance(rows, str) and rows:
        return _fault_of_expression(rows, "rows")
    if not isinstance(rows, Mapping):
        return ArgumentFault(
            f"expected a text or {{by: key, at: PATH}} for rows, found {rows!r:.40}", "rows"
        )
    if fault := fault_of_map(rows, required=("by", "at")) or fault_of_texts(rows, ("by", "at")):
        return ArgumentFault(f"rows: {fault}", "rows", *fault.keys, name=fault.name)
    if rows["by"] != "key":
        return ArgumentFault(f"rows: expected by: key, found {rows['by']!r:.40}", "rows", "by")
    return _fault_of_expression(rows["at"], "rows", "at")


def _fault_of_expression(expression: str, *keys: str) -> ArgumentFault | None:
    """Return why a text is no JMESPath expression, with the place where it breaks off."""
    fault = fault_of_expression(expression)
    return None if fault is None else ArgumentFault(f"{'.'.join(keys)}: {fault}", *keys)


def _fault_of_headers(headers: object) -> ArgumentFault | None:
    if not isinstance(headers, Mapping):
        return ArgumentFault(
            "expected a map of names and texts for headers, found something else", "headers"
        )
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            return ArgumentFault(
                f"expected the name of a header, found {name!r:.40}", "headers", str(name)
            )
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            return ArgumentFault(
                f"expected a plain text for the header {name}, found something else",
                "headers",
                str(name),
            )
    return None


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
