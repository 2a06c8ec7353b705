"""The command `outbox`: what did not get through, and what is to become of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ebbwatch.cli import common
from ebbwatch.cli.printing import fitted
from ebbwatch.cli.telling_commands import user

if TYPE_CHECKING:
    from ebbwatch.core.render import Translator
    from ebbwatch.model.message import OutboxRow

_NOTHING = "every message got through"


def outbox(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WHICH]...", help="Ids, states (parked), receivers or rules, any "
                       "of which must fit. None means all."),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Have the daemon tell what is still news, now.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Give these messages up.")] = False,
    comment: Annotated[str, typer.Option("--comment", help="Why they are given up.")] = "",
    form: common.FormatOption = "text",
    language: common.LanguageOption = None,
) -> None:  # fmt: skip
    """List the messages that did not get through; tell them again, or drop them."""
    from ebbwatch.runtime import undelivered as held

    common.known_format(form)
    if retry and drop:
        common.stop("--retry and --drop exclude each other", common.WRONG_USE)
    if drop and not which:
        common.stop("say what to drop: ids, a state, a receiver or a rule", common.WRONG_USE)
    with common.faults_end_it():
        store = common.existing_store()
        rows = [] if store is None else held.undelivered(store, which or ())
        if which and not rows:
            common.stop(f"nothing that did not get through fits {' '.join(which)}")
        if store is not None and retry:
            places = dict.fromkeys(row.place for row in rows)
            held.works(store, list(places), at=common.now())
            print(_retried(rows))
        elif store is not None and drop:
            why = f"dropped by {user()}" + (f": {comment}" if comment else "")
            dropped = held.drop(store, rows, at=common.now(), why=why)
            print(f"{_messages(len(dropped))} dropped")
            if len(dropped) < len(rows):
                print("the others are expired, or being sent just now", file=sys.stderr)
        else:
            print(_json(rows) if form == "json" else _table(rows, common.words(language)))


def _retried(rows: Sequence[OutboxRow]) -> str:
    if not rows:
        return _NOTHING
    receivers = ", ".join(dict.fromkeys(row.target.receiver for row in rows))
    return f"{receivers}: what is still news is told as soon as the daemon runs"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def _table(rows: Sequence[OutboxRow], t: Translator) -> str:
    from ebbwatch.core.render.outbox_table import outbox_table
    from ebbwatch.runtime.undelivered import id_of

    if not rows:
        return _NOTHING
    return fitted(outbox_table(t, {id_of(row): row for row in rows}))


def _json(rows: Sequence[OutboxRow]) -> str:
    from ebbwatch.core.answering.json_rows import outbox_row
    from ebbwatch.runtime.undelivered import id_of

    return json.dumps([outbox_row(row, id_=id_of(row)) for row in rows], ensure_ascii=False)
