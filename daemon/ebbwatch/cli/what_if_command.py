"""The command that supposes figures: what-if."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from ebbwatch.cli import common
from ebbwatch.cli.printing import clock, fitted, wrapped

if TYPE_CHECKING:
    from ebbwatch.core.answering.what_if import WhatIf
    from ebbwatch.core.render import Translator

#: Rules that are listed of those that would not move; of more only the number.
LISTED = 100


def what_if(
    figures: Annotated[
        list[str],
        typer.Argument(
            metavar="SERIES[@PERIOD]=VALUE...",
            help="Such as sofr=4.40%, or 'reserves@2026-12-02=$2.9tn'; without a period, the "
            "next one due.",
        ),
    ],
    at: common.AtOption = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    format: common.FormatOption = "text",  # noqa: A002
    language: common.LanguageOption = None,
) -> None:
    """Show which rules the next figures would move, as one supposes them, and keep nothing."""
    from ebbwatch.core.answering.json_rows import what_if_row

    common.known_format(format)
    t = common.words(language)
    with common.faults_end_it():
        told = common.desk(rules, data, store, at=at).what_if(figures, common.moment(at))
    if isinstance(told, tuple):
        common.stop_with(told)
    if format == "json":
        print(json.dumps(what_if_row(told), indent=2))
    else:
        _show(told, t)


def _show(told: WhatIf, t: Translator) -> None:
    from ebbwatch.core.render.what_if_tables import (
        changes_table,
        others_table,
        supposed_table,
        what_if_footer,
    )
    from ebbwatch.core.render.words import and_more

    print(f"as known {clock(told.at)}\n")
    print(f"{fitted(supposed_table(t, told))}\n")
    if told.changes:
        print(f"{fitted(changes_table(t, told))}\n")
    shown = told.others[:LISTED]
    if shown:
        print(fitted(others_table(t, shown)))
        if len(shown) < len(told.others):
            print(and_more(t, len(told.others) - len(shown)))
        print()
    print(wrapped(what_if_footer(t, told)))
