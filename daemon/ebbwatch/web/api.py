"""The API: what the pages say, as JSON for programs, and as CSV where it is a table.

Rows have the keys that the commands' ``--format json`` has. Each question is one row of
`QUESTIONS`, from which the routes and the description in OpenAPI are made alike.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ebbwatch.core.answering.json_rows import (
    held_row,
    input_row,
    outbox_row,
    release_row,
    series_row,
    standing_row,
    transition_row,
)
from ebbwatch.core.render import Translator
from ebbwatch.core.render.why import why_sections
from ebbwatch.model.alert import LEVELS, QUIET, Change
from ebbwatch.runtime.desk import LISTED, Desk
from ebbwatch.runtime.undelivered import id_of
from ebbwatch.web.listings import AHEAD

ROOT = "/api/v1"

Row = dict[str, Any]
Schema = dict[str, Any]


class BadQuestion(ValueError):
    """A parameter is not what its name expects; the text says what is expected."""


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question as it was put.

    Attributes:
        desk: Answers it.
        at: The instant.
        t: Words where there are any.
        name: From the path; or empty.
        query: Parameters, each as its schema wants it.
    """

    desk: Desk
    at: datetime
    t: Translator
    name: str
    query: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiQuestion:
    """A kind of question.

    Attributes:
        path: Below the root; ``{name}`` stands for a rule.
        what: What is answered, in a sentence.
        key: Under which the rows stand; empty where the answer is one object.
        schema: Of a row, or of the object.
        answer: Makes rows, or the object.
        parameters: Schemas of those of the query, by name.
    """

    path: str
    what: str
    key: str
    schema: Schema
    answer: Callable[[AskedQuestion], Sequence[Row] | Row]
    parameters: Mapping[str, Schema]

    @property
    def is_table(self) -> bool:
        """Return whether the answer is rows, and can be had as CSV."""
        return bool(self.key)


# ---- shapes --------------------------------------------------------------------------------


def _object(**properties: Schema) -> Schema:
    """Return the shape of an object with all of its keys; those in ``_maybe`` may be missing."""
    maybe = set(properties.pop("_maybe", {}))
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in maybe],
        "additionalProperties": False,
    }


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_TRUTH: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_LEVEL: Schema = {"type": "string", "enum": list(LEVELS)}
_CHANGE: Schema = {"type": "string", "enum": [change.value for change in Change]}
_FORM: Schema = {"type": "string", "enum": ["json", "csv"], "default": "json"}

_INPUT = _object(
    series=_TEXT, period=_TEXT, value=_NUMBER, unit=_TEXT, known_at=_INSTANT, assumed=_TRUTH,
    source=_TEXT,
)  # fmt: skip
_STANDING: dict[str, Schema] = {
    "rule": _TEXT,
    "state": {"type": "string", "enum": ["inactive", "pending", "firing", "broken"]},
    "level": {"type": ["string", "null"], "enum": [*LEVELS, None]},
    "value": _or_null(_NUMBER),
    "unit": _or_null(_TEXT),
    "period": _or_null(_TEXT),
    "since": _or_null(_INSTANT),
    "frozen": _TRUTH,
    "next_due": _or_null(_INSTANT),
    "never": _TRUTH,
    "at_least": _TRUTH,
}
_SOMETIMES: Schema = {"never": {}, "at_least": {}}
_RULE = _object(
    **_STANDING,
    title=_TEXT,
    labels={"type": "object", "additionalProperties": _TEXT},
    file=_TEXT,
    line=_COUNT,
    inputs={"type": "array", "items": _INPUT},
    why={
        "type": "array",
        "items": _object(title=_TEXT, lines={"type": "array", "items": _TEXT}),
    },
    _maybe=_SOMETIMES,
)
_TRANSITION = _object(
    at=_INSTANT, rule=_TEXT, change=_CHANGE,
    level={"type": "string", "enum": ["none", *LEVELS]},
    value=_or_null(_NUMBER), never=_TRUTH, unit=_or_null(_TEXT), threshold=_or_null(_NUMBER),
    period=_TEXT, episode=_TEXT, cause=_TEXT, inputs={"type": "array", "items": _INPUT},
    told=_TRUTH, untold_because=_or_null(_TEXT), _maybe={"never": {}},
)  # fmt: skip
_SERIES = _object(
    series=_TEXT, state={"type": "string", "enum": ["fresh", "due", "late", "stale", "empty"]},
    every=_TEXT, source=_TEXT, period=_or_null(_TEXT), value=_or_null(_NUMBER), unit=_TEXT,
    known_at=_or_null(_INSTANT), assumed=_or_null(_TRUTH), given_by=_or_null(_TEXT),
    due=_or_null(_INSTANT),
)  # fmt: skip
_HELD = _object(series=_TEXT, period=_TEXT, reason=_TEXT, known_at=_INSTANT, source=_TEXT)
_MESSAGE = _object(
    id=_TEXT, receiver=_TEXT, kind=_TEXT, state=_TEXT, rules={"type": "array", "items": _TEXT},
    headline=_TEXT, created_at=_INSTANT, not_before=_INSTANT, expires_at=_INSTANT,
    attempts=_COUNT, possible_repeat=_TRUTH, error=_TEXT,
)  # fmt: skip
_RELEASE = _object(at=_INSTANT, series=_TEXT, period=_TEXT, source=_TEXT)


# ---- answers -------------------------------------------------------------------------------


def _rules(asked: AskedQuestion) -> Sequence[Row]:
    return [standing_row(row) for row in asked.desk.standings(asked.at)]


def _rule(asked: AskedQuestion) -> Row:
    told = asked.desk.explanation(asked.name, asked.at, asked.t)
    rule = told.standing.rule
    return {
        **standing_row(told.standing),
        "title": rule.title.in_language(asked.t.language) or rule.name,
        "labels": dict(rule.labels),
        "file": rule.span.file,
        "line": rule.span.line,
        "inputs": [input_row(given.input) for given in told.given],
        "why": [
            {"title": part.title, "lines": list(part.lines)} for part in why_sections(asked.t, told)
        ],
    }


def _transitions(asked: AskedQuestion) -> Sequence[Row]:
    query = asked.query
    moves = [
        told.transition
        for told in asked.desk.moves(asked.t, rule=query.get("rule"), since=query.get("since"))
    ]
    fits = [
        move
        for move in moves
        if (move.change.value == query["change"] if "change" in query else move.change not in QUIET)
        and ("level" not in query or move.level.word == query["level"])
    ]
    return [
        {**transition_row(move), "told": move.muted is None, "untold_because": move.muted}
        for move in fits[: query["limit"]]
    ]


def _series(asked: AskedQuestion) -> Sequence[Row]:
    return [series_row(row) for row in asked.desk.watched_series(asked.at)]


def _held(asked: AskedQuestion) -> Sequence[Row]:
    catalogue = asked.desk.judge().ruleset.series
    names = {row.series.name for row in asked.desk.watched_series(asked.at)}
    return [held_row(one, catalogue[one.observation.series]) for one in asked.desk.held_back(names)]


def _outbox(asked: AskedQuestion) -> Sequence[Row]:
    return [outbox_row(row, id_=id_of(row)) for row in asked.desk.unsettled()]


def _calendar(asked: AskedQuestion) -> Sequence[Row]:
    return [release_row(one) for one in asked.desk.due(asked.at, asked.at + AHEAD)]


_TABLE = {"format": _FORM}
QUESTIONS = (
    ApiQuestion(
        "/rules", "How every rule stands, in the order of the files.", "rules",
        _object(**_STANDING, _maybe=_SOMETIMES), _rules, _TABLE,
    ),
    ApiQuestion("/rules/{name}", "How one rule stands, and why.", "", _RULE, _rule, {}),
    ApiQuestion(
        "/transitions", "What changed, newest first, and whether anybody was told.", "transitions",
        _TRANSITION, _transitions,
        {
            "rule": {**_TEXT, "description": "Name of the alert."},
            "level": _LEVEL,
            "change": {
                **_CHANGE, "description": "Without it, armed and disarmed are left out."
            },
            "since": {**_INSTANT, "description": "Only what is as new as this, with its offset."},
            "limit": {"type": "integer", "minimum": 1, "maximum": LISTED, "default": 100},
            **_TABLE,
        },
    ),
    ApiQuestion(
        "/series", "How fresh the figures are that the rules read.", "series", _SERIES, _series,
        _TABLE,
    ),
    ApiQuestion(
        "/quarantine", "Figures that are held back because they cannot be right.", "figures",
        _HELD, _held, _TABLE,
    ),
    ApiQuestion(
        "/outbox", "Messages that wait, and those that did not get through.", "messages", _MESSAGE,
        _outbox, _TABLE,
    ),
    ApiQuestion(
        "/calendar", "Which figures are expected within a week, soonest first.", "releases",
        _RELEASE, _calendar, _TABLE,
    ),
)  # fmt: skip


# ---- parameters ----------------------------------------------------------------------------


def parameters(question: ApiQuestion, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of a query, each as its schema wants it, with those by default.

    Raises:
        BadQuestion: If one is not known, or not what its name expects.
    """
    unknown = sorted(set(query) - set(question.parameters))
    if unknown:
        known = ", ".join(question.parameters) or "none"
        raise BadQuestion(f"there is no parameter {unknown[0]!r}; there are: {known}")
    found = {
        name: schema["default"]
        for name, schema in question.parameters.items()
        if "default" in schema
    }
    for name, text in query.items():
        found[name] = _read(name, text, question.parameters[name])
    return found


def _read(name: str, text: str, schema: Schema) -> Any:
    if "enum" in schema:
        if text not in schema["enum"]:
            raise BadQuestion(f"{name}: expected one of {', '.join(schema['enum'])}")
        return text
    if schema["type"] == "integer":
        least, most = schema["minimum"], schema["maximum"]
        if not (
            text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most
        ):
            raise BadQuestion(f"{name}: expected a whole number from {least} to {most}")
        return int(text)
    if schema.get("format") == "date-time":
        if (at := _instant(text)) is None:
            raise BadQuestion(
                f"{name}: expected an instant with its offset, such as 2026-11-24T09:00:00-05:00"
            )
        return at
    return text


def _instant(text: str) -> datetime | None:
    """Return an instant in UTC; None where the text is none, or has no offset."""
    try:
        at = datetime.fromisoformat(text)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# ---- forms ---------------------------------------------------------------------------------


def as_json(question: ApiQuestion, asked: AskedQuestion) -> str:
    """Return an answer as JSON."""
    found = question.answer(asked)
    whole = {"at": asked.at.isoformat(), question.key: found} if question.is_table else found
    return json.dumps(whole, ensure_ascii=False, allow_nan=False)


def as_csv(question: ApiQuestion, asked: AskedQuestion) -> str:
    """Return a table as CSV with a header; what is no single value is JSON in its cell."""
    out = io.StringIO()
    names = list(question.schema["properties"])
    writer = csv.DictWriter(out, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in question.answer(asked):
        writer.writerow({name: _cell(value) for name, value in row.items()})  # type: ignore[union-attr]
    return out.getvalue()


def _cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return json.dumps(value, ensure_ascii=False)
        case str() if value[:1] in "=+@\t\r-" and value:
            # A spreadsheet would take it for a formula.
            return f"'{value}"
        case _:
            return value


# ---- OpenAPI -------------------------------------------------------------------------------


def description(version: str) -> dict[str, Any]:
    """Return the description of the whole API, as OpenAPI 3.1."""
    problem = {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    }
    paths = {}
    for question in QUESTIONS:
        answer: Schema = question.schema
        if question.is_table:
            answer = _object(
                at=_INSTANT, **{question.key: {"type": "array", "items": question.schema}}
            )
        content: Schema = {"application/json": {"schema": answer}}
        if question.is_table:
            content["text/csv"] = {"schema": _TEXT}
        listed = [
            {"name": name, "in": "query", "required": False, "schema": _bare(schema),
             "description": schema.get("description", "")}
            for name, schema in question.parameters.items()
        ]  # fmt: skip
        answers = {
            "200": {"description": "The answer.", "content": content},
            "400": {"description": "A parameter is not what its name expects.", **problem},
            "401": {"description": "The token is missing or wrong.", **problem},
            "503": {"description": "Another process leads, or the database is away.", **problem},
        }
        if "{name}" in question.path:
            listed.append(
                {"name": "name", "in": "path", "required": True,
                 "schema": {**_TEXT, "minLength": 1}, "description": "Name of the rule."}
            )  # fmt: skip
            answers["404"] = {"description": "There is no such rule.", **problem}
        paths[ROOT + question.path] = {
            "get": {
                "summary": question.what,
                "operationId": question.path.strip("/").replace("/{", "-").rstrip("}"),
                "parameters": listed,
                "responses": answers,
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ebbwatch",
            "version": version,
            "description": "What the page says, for programs. Everything can only be read.",
        },
        "servers": [{"url": "../.."}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _object(error=_TEXT)},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _bare(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "description"}
