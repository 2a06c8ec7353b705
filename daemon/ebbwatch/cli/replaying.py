"""What `replay` prints beside transitions: messages, the page, and where the figures come from."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path

import structlog

from ebbwatch.charts.svg import svg_chart
from ebbwatch.cli import common, printing
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.facts.asof import History
from ebbwatch.core.lookback.hindsight import Provenance, provenance
from ebbwatch.locale import BabelTranslator
from ebbwatch.markup.plain import plain
from ebbwatch.model.alert import Transition
from ebbwatch.model.message import OutboxRow
from ebbwatch.model.observation import TextItem
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.runtime.lookback import replay_messages
from ebbwatch.runtime.lookback.replay import Journal, WantedSpan
from ebbwatch.runtime.lookback.replay_page import report
from ebbwatch.store.in_memory import MemoryStore

# ---- messages ---------------------------------------------------------------------------


def judge_for_one_reader(ruleset: Ruleset, history: History, language: str) -> Judge:
    """Return what judges the rules, all of their receivers being one reader."""
    return Judge(replay_messages.to_one_reader(ruleset, language), history)


def letters(
    judge: Judge,
    journal: Journal,
    span: WantedSpan,
    t: BabelTranslator,
    texts: Sequence[TextItem] = (),
) -> tuple[Iterator[OutboxRow], Callable[[], list[Transition]]]:
    """Return the wanted messages as they come, and what returns every transition after them."""
    # What the ledger logs of a running daemon is what is printed here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    store = MemoryStore()

    def wanted(at: datetime) -> bool:
        return (span.start is None or micros(at) >= span.start) and (
            span.end is None or micros(at) < span.end
        )

    def of_rules() -> Iterator[OutboxRow]:
        words = {t.language: t}
        for row in replay_messages.messages(judge, journal, store, words, wanted, texts):
            if not span.rules or any(one["rule"] in span.rules for one in row.message.alerts):
                yield row

    return of_rules(), store.transitions


def write_messages(rows: Iterable[OutboxRow], write: Callable[[str], object]) -> None:
    """Write messages as a terminal shows them, each under the instant at which it was sent.

    What several receivers are told in the same words at the same instant is written once.
    """
    for (at, text), same in groupby(rows, key=lambda row: (row.created_at, plain(row.message))):
        names = dict.fromkeys(row.target.receiver for row in same)
        to = "" if list(names) == [replay_messages.TERMINAL] else f"  to {', '.join(names)}"
        write(f"{printing.clock(at)}{to}\n{text}\n\n")


# ---- the page ---------------------------------------------------------------------------


def page(
    judge: Judge,
    journal: Journal,
    span: WantedSpan,
    t: BabelTranslator,
    texts: Sequence[TextItem] = (),
    *,
    hindsight: bool,
) -> str:
    """Return the replay as one HTML page."""
    rows, told = letters(judge, journal, span, t, texts)
    return report(
        judge, journal, span, letters=list(rows), told=told(), t=t,
        draw=svg_chart, hindsight=hindsight,
    )  # fmt: skip


def write_page(text: str, out: Path | None) -> None:
    """Write the page to a file, whole or not at all, or to standard output."""
    if out is None:
        sys.stdout.write(text)
        return
    try:
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(out)
    except OSError as error:
        common.stop(f"{out} cannot be written: {error.strerror}", common.WRONG_USE)


# ---- where figures come from ---------------------------------------------------------------


def say_origin(judge: Judge, journal: Journal, span: WantedSpan) -> None:
    """Say on stderr, in one paragraph, what is known and what is assumed of each series."""
    names = {
        name
        for rule in judge.watched.values()
        if not span.rules or rule.name in span.rules
        for name in rule.series
    }
    found = provenance(judge.history, names)
    end = max((judged.evaluation.upto for judged in journal.judged), default=Micros(0))
    text = origin(found, names - {one.series for one in found}, instant(end))
    print(printing.wrapped(text, hanging=""), file=sys.stderr)


def origin(found: Iterable[Provenance], without: Iterable[str], end: datetime) -> str:
    """Return what is known and what is assumed of each series, as one paragraph.

    Args:
        found: Of the series that have figures.
        without: Names of those that have none.
        end: UTC instant of the newest figure.
    """
    known, mixed, assumed = [], [], []
    for one in found:
        if one.assumed == 0:
            known.append(one.series)
        elif one.known == 0:
            assumed.append(one.series)
        else:
            mixed.append(f"{one.series} ({one.assumed} of {one.known + one.assumed} assumed)")
    parts = [f"Figures known to {printing.clock(end)}."]
    if known:
        parts.append(f"When they became known is recorded for {', '.join(known)}.")
    if mixed:
        parts.append(f"It is recorded in part for {', '.join(mixed)}.")
    if assumed:
        parts.append(f"It is assumed from the release rule for {', '.join(assumed)}.")
    if rest := sorted(without):
        parts.append(f"There are no figures for {', '.join(rest)}.")
    return " ".join(parts)
