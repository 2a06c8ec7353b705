"""Commands about telling people: silence, ack, notify test."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ebbwatch import app as root
from ebbwatch.cli import common, trial_message
from ebbwatch.cli.printing import aligned, clock, fitted
from ebbwatch.model.alert import LEVELS
from ebbwatch.ruleset.routes import OWN_LABELS
from ebbwatch.ruleset.suggestions import either

if TYPE_CHECKING:
    from ebbwatch.core.render import Translator
    from ebbwatch.model.message import Target
    from ebbwatch.ports import Ack, Clock, Notifier, Silence
    from ebbwatch.settings import Settings


def silence(
    match: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MATCH]...", help="A rule's name, or label=value (level=watch); "
                       "several must all fit. None lists the silences in force."),
    ] = None,
    length: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="30 min, 6 h, 2 d, 1 w.")
    ] = None,
    comment: Annotated[str, typer.Option("--comment", help="Why.")] = "",
    end: Annotated[
        str | None, typer.Option("--end", metavar="ID", help="End this silence now.")
    ] = None,
    rules: common.RulesOption = None,
    language: common.LanguageOption = None,
) -> None:  # fmt: skip
    """Keep alerts quiet for a while, or list what is kept quiet."""
    from ebbwatch.core.render.silence_tables import matcher_text
    from ebbwatch.runtime import silences

    now = common.now()
    if end is not None:
        with common.faults_end_it():
            ended = silences.end_silence(common.opened_store(), end, at=now)
        if ended is None:
            common.stop(f"there is no silence {end} in force")
        print(f"{ended.id} ended: {matcher_text(ended.matcher)}")
        return
    if not match:
        if length is not None:
            common.stop("say what to silence: a rule's name, or label=value", common.WRONG_USE)
        with common.faults_end_it():
            print(_silences(common.desk(rules).silences(now), common.words(language)))
        return
    if length is None:
        common.stop("say for how long: --for 2d", common.WRONG_USE)
    until = now + _length(length)
    matcher = silences.matcher_of(match)
    with common.faults_end_it():
        _check_matcher(matcher, common.rules_directory(rules))
        made = silences.silence(
            common.opened_store(), matcher, at=now, until=until, by=user(), comment=comment
        )
    print(f"{made.id}: {matcher_text(matcher)} is quiet until {clock(until)}")


def _check_matcher(matcher: tuple[tuple[str, str], ...], directory: Path) -> None:
    """End where a silence names a rule that there is not, or says nothing."""
    for label, value in matcher:
        if not label or not value:
            common.stop(f"expected label=value, found {label}={value}", common.WRONG_USE)
        if label == "name":
            common.known_rule(common.valid(directory, data_only=True), value)
        elif label == "level":
            if value not in LEVELS:
                common.stop(f"there is no level {value}; {either(LEVELS)}", common.WRONG_USE)
        elif OWN_LABELS.get(label) != value and not any(
            rule.labels.get(label) == value
            for rule in common.valid(directory, data_only=True).rules
        ):
            print(f"ebbwatch: no rule has {label}={value}; it will hold when one does",
                  file=sys.stderr)  # fmt: skip


def _length(text: str) -> timedelta:
    from ebbwatch.expr import Fault, parse_duration

    found = parse_duration(text)
    if isinstance(found, Fault):
        common.stop(f"--for: {found.message}", common.WRONG_USE)
    if found.days is None or found.days <= 0:
        common.stop(f"--for: expected a time such as 30 min, 6 h, 2 d or 1 w, found {text}",
                    common.WRONG_USE)  # fmt: skip
    return timedelta(days=float(found.days))


def _silences(rows: Sequence[Silence], t: Translator) -> str:
    from ebbwatch.core.render.silence_tables import silences_table

    return fitted(silences_table(t, rows)) if rows else "nothing is silenced"


def ack(
    rule: Annotated[
        str | None, typer.Argument(metavar="[RULE]", help="None lists what was acknowledged.")
    ] = None,
    language: common.LanguageOption = None,
) -> None:
    """Note that an alert was seen: no reminder comes until it is over."""
    from ebbwatch.runtime import silences

    with common.faults_end_it():
        if rule is None:
            print(_acks(common.desk(None).acks(), common.words(language)))
            return
        store = common.existing_store()
        if store is None:
            common.stop(f"{rule} does not fire: there is no database yet")
        try:
            made = silences.acknowledge(store, rule, at=common.now(), by=user())
        except silences.NothingToAck as error:
            common.stop(str(error))
    print(f"{made.rule} is acknowledged until it is over")


def _acks(rows: Sequence[Ack], t: Translator) -> str:
    from ebbwatch.core.render.silence_tables import acks_table

    if not rows:
        return "nothing that fires was acknowledged"
    return fitted(acks_table(t, rows))


def user() -> str:
    """Return who typed, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


# ---- notify test -------------------------------------------------------------------------


def notify_test(
    receiver: Annotated[
        str | None, typer.Argument(metavar="[RECEIVER]", help="By default, every one.")
    ] = None,
    rules: common.RulesOption = None,
) -> None:
    """Send a test message, and say what became of it at each place."""
    from ebbwatch.clocks import SystemClock

    with common.faults_end_it():
        settings = common.settings()
        ruleset = common.valid(common.rules_directory(rules))
        ruleset = root.with_default_receivers(ruleset, settings, settings.language)
        if receiver is not None and receiver not in ruleset.receivers:
            there = ", ".join(sorted(ruleset.receivers))
            common.stop(f"there is no receiver {receiver}; there is {there}", common.WRONG_USE)
        for missing in root.missing_secrets(ruleset, settings):
            print(
                f"ebbwatch: receiver {missing.receiver} names the secret {missing.name}, which "
                f"is not set: set EBBWATCH_SECRET__{missing.name.upper()}",
                file=sys.stderr,
            )
        half = root.half_set(ruleset, settings)
        for said in half:
            print(f"ebbwatch: {said}", file=sys.stderr)
        targets = [
            target
            for name, of_receiver in ruleset.receivers.items()
            if receiver in (None, name)
            for target in of_receiver
        ]
        outcomes = asyncio.run(_tried(targets, settings, SystemClock()))
    rows = [(target.key, target.kind, said or "delivered") for target, said, _ in outcomes]
    print(aligned(rows))
    _note_that_they_work([place for _, said, place in outcomes if not said])
    if half or any(said for _, said, _ in outcomes):
        raise typer.Exit(common.PROBLEMS)


async def _tried(
    targets: list[Target], settings: Settings, clock_: Clock
) -> list[tuple[Target, str, str]]:
    """Send a test message to every target; return what went wrong at each, or nothing; and where."""
    notifiers = root.Notifiers(settings, clock_)
    found = []
    try:
        notifiers.equip({target.kind for target in targets})
        for target in targets:
            notifier = notifiers.get(target.kind)
            said = await _sent(notifier, target, clock_)
            found.append((target, said, "" if notifier is None else notifier.place(target)))
        return found
    finally:
        await notifiers.aclose()


async def _sent(notifier: Notifier | None, target: Target, clock_: Clock) -> str:
    from ebbwatch.ports import DeliveryError

    if notifier is None:
        return f"nothing here can tell a {target.kind}"
    try:
        await trial_message.send(notifier, target, clock_)
    except DeliveryError as error:
        return f"not delivered: {error}"
    return ""


def _note_that_they_work(places: Sequence[str]) -> None:
    """Have the daemon tell places that took the test what they were kept from hearing."""
    from ebbwatch.runtime import undelivered

    with common.faults_end_it():
        store = common.existing_store()
        if store is not None and places:
            undelivered.works(store, places, at=common.now())
