"""The command that sweeps a rule's settings over history: tune."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import typer

from ebbwatch.cli import common
from ebbwatch.cli.printing import aligned
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.lookback.evidence import BANKS, Listed, asked_of
from ebbwatch.model import alert as model
from ebbwatch.model.units import printed
from ebbwatch.runtime.lookback import replay as replaying

if TYPE_CHECKING:
    from ebbwatch.core.lookback.tuning import Score, Setting, Tuned

Since = Annotated[
    str | None,
    typer.Option("--since", "--from", metavar="T", help="First day, or instant with an offset; by "
                 "default the year of the first listed episode."),
]  # fmt: skip
Level = Annotated[
    str | None,
    typer.Option("--level", metavar="L", help="watch, warning or critical; by default warning, "
                 "or the lowest there is."),
]  # fmt: skip


def tune(
    rule: Annotated[str, typer.Argument(metavar="RULE")],
    level: Level = None,
    start: Since = None,
    rules: common.RulesOption = None,
    data: common.DataOption = None,
    store: common.StoreOption = None,
) -> None:
    """Show what other thresholds, waits and clears of a rule would have said over history."""
    from ebbwatch.core.lookback import tuning

    every = listed()
    episodes = [one.episode for one in every if one.kind != BANKS]
    # Of what came before the first of them, nobody here says whether it was stress.
    start = start or f"{min(one.onset for one in episodes).year}-01-01"
    since = common.instant_of(start)
    with common.faults_end_it():
        ruleset = common.valid(common.rules_directory(rules), data_only=True)
        known = common.known_rule(ruleset, rule)
        if known.value is None:
            common.stop(f"{rule} has no thresholds to sweep: it is true or false", common.WRONG_USE)
        judge = Judge(ruleset, common.history(ruleset, data, store))
        watched = judge.watched[rule]
        chosen = _level(rule, [rung.level for rung in watched.ladder.rungs], level)
        asked = [one.episode for one in asked_of(watched.rule, every)]
        found = tuning.tune(judge, watched, chosen, asked, since)
    print("\n".join(_tuned(rule, found, start, rising=watched.ladder.rising)))


def _level(rule: str, levels: list[model.Level], wanted: str | None) -> model.Level:
    """Return the level to sweep; end where the rule has no such one."""
    if wanted is None:
        return model.Level.WARNING if model.Level.WARNING in levels else levels[0]
    found = next((level for level in levels if level.word == wanted), None)
    if found is None:
        there = ", ".join(level.word for level in levels)
        common.stop(f"{rule} has no level {wanted}; it has {there}", common.WRONG_USE)
    return found


def listed() -> list[Listed]:
    """Return the listed episodes of stress, which the archive brings along."""
    from ebbwatch.core.lookback.tuning import Episode

    return [
        Listed(
            Episode(row["name"], date.fromisoformat(row["onset"]), date.fromisoformat(row["end"])),
            row["kind"],
            row["source"],
        )
        for row in common.archive_rows("episodes.csv")
    ]


_HEAD = ("ALERTS", "A YEAR", "FIRING", "SEEN", "LEAD", "FALSE")


def _tuned(rule: str, found: Tuned, start: str, *, rising: bool) -> Iterator[str]:
    from ebbwatch.core.lookback.tuning import FEW

    now = found.current
    side = "above" if rising else "below"
    yield f"{rule}, {found.level.word} {side} {_amount(now.setting.threshold, found.unit)}, since {start}"
    yield ""
    for title, scores in (
        ("THRESHOLD", found.thresholds),
        ("FOR", found.holds),
        ("CLEAR", found.clears),
    ):
        rows: list[tuple[str, ...]] = [("", title, *_HEAD)]
        for score in scores:
            mark = "→" if score.setting == now.setting else ""
            rows.append((mark, _swept(title, score.setting, found.unit), *_score(score)))
        yield aligned(rows, right=range(1, len(_HEAD) + 2))
        yield ""
    if now.leads:
        yield "As it is set, it spoke up:"
        yield aligned([(name, _days(lead)) for name, lead in now.leads.items()], indent="  ")
        yield ""
    yield "FIRING: share of the time. SEEN: episodes of stress it fired at, or in the 90 days before"
    yield "them. LEAD: median days before the onset. FALSE: alerts with no episode within 60 days."
    if now.episodes < FEW:
        yield f"Caution: this rests on {now.episodes} episodes; fewer than {FEW} prove little."


def _swept(title: str, setting: Setting, unit: str) -> str:
    """Return what is different from row to row of a table."""
    match title:
        case "THRESHOLD":
            return _amount(setting.threshold, unit)
        case "CLEAR":
            return _amount(setting.clear, unit)
    return "at once" if setting.hold is None else str(setting.hold)


def _score(score: Score) -> tuple[str, ...]:
    lead = "" if score.lead is None else f"{score.lead:g} d"
    seen = f"{score.seen} of {score.episodes}"
    return (
        str(score.alerts), f"{score.per_year:.1f}", f"{score.firing:.0%}", seen, lead,
        str(score.false),
    )  # fmt: skip


def _days(lead: int) -> str:
    if lead < 0:
        return f"{-lead} d after the onset"
    return "on the day" if lead == 0 else f"{lead} d before"


def _amount(value: Fraction, unit: str) -> str:
    return replaying.amount(printed(value, unit), unit)
