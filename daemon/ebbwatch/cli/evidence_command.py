"""The command that says what the rules said of past stress: evidence."""

from __future__ import annotations

import difflib
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from ebbwatch import app as root
from ebbwatch.cli import common
from ebbwatch.cli.replaying import write_page
from ebbwatch.cli.tune_command import listed
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.lookback.claims import Checked, check, claims_of
from ebbwatch.core.lookback.evidence import evidence as found_by
from ebbwatch.core.lookback.evidence import rivals
from ebbwatch.core.lookback.hindsight import known_by
from ebbwatch.model.periods import Micros
from ebbwatch.runtime.lookback import replay as replaying
from ebbwatch.runtime.lookback.evidence_document import document

#: The first day looked at, and the first of the half that fixes no threshold.
START, SPLIT = date(2018, 1, 1), date(2025, 1, 1)
#: Lines that `--check` shows of what differs.
_SHOWN = 40

Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where it goes, not stdout.")
]
Check = Annotated[
    Path | None,
    typer.Option("--check", metavar="FILE", help="Write nothing; say whether FILE is this."),
]


def evidence(
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
    out: Out = None,
    check: Check = None,
) -> None:
    """Show what the rules said of past stress, how long before, and every false alarm."""
    if out is not None and check is not None:
        common.stop("--out and --check exclude each other", common.WRONG_USE)
    there = "" if check is None else _read(check)
    with common.faults_end_it():
        text = written(common.rules_directory(rules), data, store)
    if check is None:
        write_page(text, out)
        return
    if there == text:
        return
    different = difflib.unified_diff(
        there.splitlines(), text.splitlines(), str(check), "as it should be", lineterm="", n=0
    )
    print("\n".join(islice(different, _SHOWN)))
    common.stop(f"{check} is not what the rules said; write it anew with --out {check}")


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        common.stop(f"{file} cannot be read: {reason}", common.WRONG_USE)


def written(directory: Path, data: Path | None, store: str | None) -> str:
    """Return the document about the rules of a directory."""
    ruleset = common.valid(directory, data_only=data is not None)
    history = common.history(ruleset, data, store)
    judge = Judge(ruleset, history)
    texts = common.texts(ruleset, store)
    journal = replaying.replay(judge, texts=texts)
    for name, error in journal.failures:
        common.stop(f"{name} could not be evaluated: {error}")
    episodes = listed()
    said = found_by(
        judge, journal.judged, episodes, START, SPLIT, journal.texts,
        {item.source for item in texts},
    )  # fmt: skip
    early = Judge(ruleset, known_by(history, Micros(common.instant_of(SPLIT.isoformat()) - 1)))
    # Remarks are on the rules that are shipped, not on others of the same name.
    ours = directory.resolve() == root.default_rules().resolve()
    remarks = (
        {row["rule"]: row["remark"] for row in common.archive_rows("remarks.csv")} if ours else {}
    )
    return document(
        said, rivals(early, episodes, said.window), _checked(judge), remarks,
        common.archive_rows("unchecked.csv"), common.archive_rows("desks.csv") if ours else (),
    )  # fmt: skip


def _checked(judge: Judge) -> list[Checked]:
    """Return the article's claims with what the figures say."""
    rows = common.archive_rows("article.csv")
    instants = {row["at"]: common.instant_of(row["at"], end=True) for row in rows if row["at"]}
    found = []
    for claim in claims_of(rows, instants):
        one = check(judge, claim)
        if not isinstance(one, Checked):
            common.stop_with(one)
        found.append(one)
    return found
