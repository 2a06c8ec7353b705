"""Doctor: looks whether all that a daemon needs is there, and changes nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ebbwatch.app.doctor import machine
from ebbwatch.app.doctor.asked_providers import providers_asked
from ebbwatch.app.doctor.asked_receivers import receivers_asked
from ebbwatch.app.doctor.diagnosis import Diagnosis, Verdict, doubtful, failing, fine
from ebbwatch.app.loading import NoSuchDirectory, default_rules, load_rules, rule_files
from ebbwatch.app.receivers import with_default_receivers

if TYPE_CHECKING:
    from ebbwatch.ports import Clock
    from ebbwatch.ruleset.rules import Ruleset
    from ebbwatch.settings import Settings

#: By how much our clock may differ: told beyond the first, wrong beyond the second.
_DRIFT, _WRONG = timedelta(seconds=20), timedelta(minutes=2)


async def examined(settings: Settings, rules: Path, clock: Clock) -> list[Diagnosis]:
    """Return how everything is, in the order in which it is read.

    Args:
        settings: What the surroundings say.
        rules: Directory of the rule files.
        clock: Ours, which is compared with those of the far sides.
    """
    ruleset, about_rules = _rules(rules)
    network = asyncio.create_task(_network(settings, ruleset, clock))
    local = [
        machine.versions(),
        machine.settings_found(settings),
        about_rules,
        *await asyncio.to_thread(machine.database_found, settings.database_url.reveal()),
        machine.zones_found(),
        await asyncio.to_thread(machine.fonts_found),
    ]
    return [*local, *await network]


def _rules(place: Path) -> tuple[Ruleset, Diagnosis]:
    """Return the rules of a directory, and how they are; where they are not, the pack's."""
    pack = default_rules()
    try:
        found = load_rules(rule_files(place))
    except (NoSuchDirectory, OSError) as error:
        said = str(error) if isinstance(error, NoSuchDirectory) else f"{place}: {error.strerror}"
        about = failing("rules", said, "Correct EBBWATCH_RULES_DIR.")
        ruleset = None
    else:
        about = machine.rules_found(found, place, default=place == pack)
        ruleset = found.ruleset
    if ruleset is None:
        ruleset = load_rules(rule_files(pack)).ruleset
        assert ruleset is not None
    return ruleset, about


async def _network(settings: Settings, ruleset: Ruleset, clock: Clock) -> list[Diagnosis]:
    """Return what is said of everything that is far away, after whether anything is reached."""
    differences: list[timedelta] = []

    def heard(said: datetime) -> None:
        # It was said in whole seconds: half of one is the best guess of the rest.
        differences.append(clock.now() - said - timedelta(milliseconds=500))

    told = with_default_receivers(ruleset, settings, settings.language)
    providers, receivers = await asyncio.gather(
        providers_asked(settings, ruleset, clock, heard),
        receivers_asked(settings, told, clock, heard),
    )
    found = [*providers, *receivers]
    failed = [finding for finding in found if finding.health is Verdict.FAIL]
    if failed and not differences:
        offline = failing(
            "network",
            "nobody was reached: this machine seems to be offline",
            "Look at its connection and name servers; behind a proxy set HTTPS_PROXY.",
        )
        # One cause, one failure: the others are told as what follows from it.
        away = ", ".join(finding.name for finding in providers if finding in failed)
        rest = [doubtful("providers", f"not reached: {away}")] if away else []
        rest += [finding for finding in providers if finding not in failed]
        rest += [doubtful(f.name, f.said) if f in failed else f for f in receivers]
        return [_clock(differences), offline, *rest]
    return [_clock(differences), *found]


def _clock(differences: list[timedelta]) -> Diagnosis:
    """Return how our clock differs from those of the far sides, most of which are right."""
    if not differences:
        return doubtful("clock", "compared with nobody's: nobody was reached")
    off = timedelta(seconds=median(each.total_seconds() for each in differences))
    if abs(off) <= _DRIFT:
        return fine("clock", f"agrees with that of {len(differences)} answers")
    word = "fast" if off > timedelta(0) else "slow"
    said = f"{abs(off).total_seconds():,.0f} s {word} of {len(differences)} answers"
    verdict = failing if abs(off) > _WRONG else doubtful
    return verdict("clock", said, "Set it by the network: timedatectl set-ntp true.")
