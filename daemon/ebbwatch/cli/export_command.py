"""The command that gives figures to other programs: export."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebbwatch.cli import common
from ebbwatch.cli.printing import plural
from ebbwatch.model.periods import MINUTE, Micros, day_of, instant
from ebbwatch.model.zones import NEW_YORK

if TYPE_CHECKING:
    from ebbwatch.core.answering.exporting import Exported, ExportedRow

_FORMATS = ("csv", "json", "parquet")


def export(
    what: Annotated[
        str,
        typer.Argument(metavar="SERIES|EXPR", help='A series, or an expression: "sofr - effr".'),
    ],
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            "--format", help="csv, json or parquet; by default as the name of FILE ends, or csv."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; by default, here.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", "--from", metavar="DATE", help="First period; by default all."),
    ] = None,
    at: common.AtOption = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
) -> None:
    """Give a series, with when each figure was known and by whom, or an expression by period."""
    shape = _format(format, out)
    first = None if since is None else _day(since)
    with common.faults_end_it():
        found = common.desk(rules, data, store, at=at).exported(
            what, common.moment(at), first=first
        )
        if isinstance(found, tuple):
            common.stop_with(found)
        content = _WRITTEN[shape](found)
        if out is None:
            sys.stdout.write(content.decode())
            return
        try:
            out.write_bytes(content)
        except OSError as error:
            common.stop(f"{out} cannot be written: {error.strerror}")
    print(f"{out}: {plural(len(found.rows), 'row')}")


def _format(given: str | None, out: Path | None) -> str:
    """Return the format that is asked for, or that a file's name tells."""
    if given is None:
        ending = "" if out is None else out.suffix.removeprefix(".")
        given = ending if ending in _FORMATS else "csv"
    if given not in _FORMATS:
        common.stop(f"expected --format csv, json or parquet, found {given}", common.WRONG_USE)
    if given == "parquet":
        if out is None:
            common.stop("parquet is for files: name one with --out FILE", common.WRONG_USE)
        try:
            import pyarrow.parquet  # noqa: F401  an extra
        except ImportError:
            common.stop("parquet wants a library that is not installed: "
                        "pip install 'ebbwatch[parquet]'")  # fmt: skip
    return given


def _day(text: str) -> date:
    return instant(common.instant_of(text)).astimezone(NEW_YORK).date()


# ---- formats -----------------------------------------------------------------------------


def _csv(found: Exported) -> bytes:
    """Return rows with a heading; those of a series can be read back with --data and import."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["period", "value", *(("known_at", "source") if found.figures else ())])
    for row in found.rows:
        known = [] if row.known_at is None else [_instant(row), row.source]
        writer.writerow([found.every.text(row.period), _written(row), *known])
    return text.getvalue().encode()


def _json(found: Exported) -> bytes:
    """Return an object with the rows in a list; a value that is exact in decimals is a number."""
    rows = []
    for row in found.rows:
        value = float(row.value) if isinstance(row.value, Decimal) else row.value
        one: dict[str, Any] = {"period": found.every.text(row.period), "value": value}
        if row.known_at is not None:
            one |= {"known_at": _instant(row), "assumed": row.assumed, "source": row.source}
        rows.append(one)
    whole = {
        "series" if found.figures else "expression": found.name,
        "unit": found.unit,
        "every": found.every.name,
        "rows": rows,
    }
    return f"{json.dumps(whole, ensure_ascii=False, indent=1)}\n".encode()


def _parquet(found: Exported) -> bytes:
    """Return a table: dates or instants, floats or truths, and instants in UTC."""
    import pyarrow as pa
    from pyarrow import parquet

    truths = found.unit is None
    of_period = pa.date32() if found.every.dated else pa.timestamp("us", tz="UTC")
    columns = {
        "period": pa.array([_period(found, row) for row in found.rows], of_period),
        "value": pa.array(
            [None if row.value is None else bool(row.value) if truths else float(row.value)
             for row in found.rows], pa.bool_() if truths else pa.float64(),
        ),
    }  # fmt: skip
    if found.figures:
        columns["known_at"] = pa.array(
            [row.known_at for row in found.rows], pa.timestamp("us", tz="UTC")
        )
        columns["assumed"] = pa.array([row.assumed for row in found.rows], pa.bool_())
        columns["source"] = pa.array([row.source for row in found.rows], pa.string())
    table = pa.table(columns).replace_schema_metadata(
        {"name": found.name, "unit": found.unit or "", "every": found.every.name}
    )
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


_WRITTEN = {"csv": _csv, "json": _json, "parquet": _parquet}


def _period(found: Exported, row: ExportedRow) -> Any:
    return day_of(row.period) if found.every.dated else instant(Micros(row.period * MINUTE))


def _instant(row: ExportedRow) -> str:
    assert row.known_at is not None
    return row.known_at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _written(row: ExportedRow) -> str:
    """Return a value with every digit it has; of a truth, its word; nothing for none."""
    if row.value is None:
        return ""
    if isinstance(row.value, bool):
        return "true" if row.value else "false"
    if isinstance(row.value, Decimal):
        return f"{row.value.normalize():f}"
    return f"{row.value:.12g}"
