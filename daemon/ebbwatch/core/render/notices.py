"""What the program tells of itself: data health, new rules, a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ebbwatch.core.render.alert_messages import alert_for_programs, move_line
from ebbwatch.core.render.lists import firing_lines
from ebbwatch.core.render.message_contexts import Health, ReloadContext, ToldChange, Trouble
from ebbwatch.core.render.reasons import reason_words
from ebbwatch.core.render.words import (
    LIST_LIMIT,
    RESOLVED,
    Translator,
    and_more,
    fingerprint,
    heading,
    listed,
)
from ebbwatch.model.alert import Level
from ebbwatch.model.message import GroupState, Message, Reason
from ebbwatch.model.text import marked


def reload_message(reload: ReloadContext, *, t: Translator) -> Message:
    """Return what a change of the rule files changed."""
    lines = []
    for words, names in (
        (t.gettext("Added: {names}"), reload.added),
        (t.gettext("Changed: {names}"), reload.changed),
        (t.gettext("Removed: {names}"), reload.removed),
        (t.gettext("Renamed: {names}"), [f"{old} → {new}" for old, new in reload.renamed]),
    ):
        if names:
            lines.append(words.format(names=listed(t, names)))
    if reload.over:
        lines += [t.gettext("No longer told:"), *_over_lines(t, reload.over)]
    if reload.firing:
        lines += [t.gettext("Firing now:"), *firing_lines(t, reload.firing, reload.zone)]
    return Message(
        headline=heading(
            "🔄", t.gettext("New rules are in force"), t.clock(reload.at, reload.zone)
        ),
        lines=tuple(lines) or (t.gettext("No alert changed"),),
        language=t.language,
        level=max((one.level for one in reload.firing), default=Level.NONE),
        reason=Reason.HEALTH,
        alerts=tuple(alert_for_programs(t, one) for one in reload.told),
    )


def _over_lines(t: Translator, over: Sequence[ToldChange]) -> list[str]:
    lines = [move_line(t, one, titled=True) for one in over[:LIST_LIMIT]]
    return [*lines, and_more(t, len(over) - LIST_LIMIT)] if len(over) > LIST_LIMIT else lines


def test_message(receiver: str, *, t: Translator) -> Message:
    """Return the message that proves a receiver can be reached."""
    return Message(
        headline=heading("🔔", t.gettext("Test"), receiver),
        lines=(t.gettext("Ebbwatch reaches you here. No threshold was crossed."),),
        language=t.language,
        level=Level.NONE,
        reason=Reason.TEST,
    )


def test_for_programs(message: Message, *, at: datetime) -> tuple[Message, Message]:
    """Return the test as programs are sent it: as an alert that begins, and at once is over.

    Args:
        message: The test in words.
        at: UTC instant.
    """
    labels = {"alertname": "Ebbwatch", "reason": Reason.TEST.value}
    begins, ends = (
        replace(message, state=GroupState(labels=labels, at=at, why=why))
        for why in ("first notification", "all alerts resolved")
    )
    return begins, ends


def plain_message(names: Sequence[str], *, level: Level, t: Translator) -> Message:
    """Return what a message is about by name alone, where no better words were found for it."""
    return Message(
        headline=heading("⚠️", "Ebbwatch", t.gettext("a message could not be put into words")),
        lines=tuple(names),
        language=t.language,
        level=level,
        reason=Reason.HEALTH,
        note=t.gettext("How things stand: {command}").format(command="ebbwatch status"),
    )


_HEALTH_TITLES = {
    Trouble.SOURCE_FAILING: marked("{name} does not answer"),
    Trouble.SOURCE_REFUSED: marked("{name} refuses to answer"),
    Trouble.SOURCE_CHANGED: marked("{name} answers in a shape we do not know"),
    Trouble.SOURCE_RECOVERED: marked("{name} answers again"),
    Trouble.OFFLINE: marked("this machine seems to be offline"),
    Trouble.ONLINE: marked("this machine is online again"),
    Trouble.SERIES_LATE: marked("figures of {name} are late"),
    Trouble.SERIES_STALE: marked("figures of {name} are stale"),
    Trouble.SERIES_CURRENT: marked("{name} is up to date again"),
    Trouble.QUARANTINED: marked("a value of {name} is held back"),
    Trouble.VALUES_FIT: marked("figures of {name} can be used again"),
    Trouble.SCALE_CHANGED: marked("{name} is published in another unit"),
    Trouble.PERIOD_MOVED: marked("{name} is dated otherwise than usual"),
    Trouble.ROWS_UNREAD: marked("rows of {name} cannot be used"),
    Trouble.RECEIVER_BROKEN: marked("{name} cannot be told"),
    Trouble.RECEIVER_RECOVERED: marked("{name} can be told again"),
    Trouble.OUTBOX_STUCK: marked("messages are stuck"),
    Trouble.OUTBOX_MOVES: marked("messages go out again"),
    Trouble.RELOAD_INVALID: marked("the new rules have problems"),
    Trouble.RELOAD_VALID: marked("the rules are right again"),
    Trouble.RULE_BROKEN: marked("{name} cannot be evaluated"),
    Trouble.RULE_RECOVERED: marked("{name} can be evaluated again"),
    Trouble.DATABASE_REFUSING: marked("the database refuses: alerts wait"),
    Trouble.DATABASE_ANSWERS: marked("the database answers again"),
}
#: What programs know notices by.
HEALTH_ALERT = "EbbwatchDataHealth"

_WELL = (
    Trouble.SOURCE_RECOVERED,
    Trouble.ONLINE,
    Trouble.SERIES_CURRENT,
    Trouble.VALUES_FIT,
    Trouble.RECEIVER_RECOVERED,
    Trouble.OUTBOX_MOVES,
    Trouble.RELOAD_VALID,
    Trouble.RULE_RECOVERED,
    Trouble.DATABASE_ANSWERS,
)
_OVERDUE = (Trouble.SERIES_LATE, Trouble.SERIES_STALE)
#: What only informs; the rest wants a person.
_MILD = (Trouble.SERIES_LATE, Trouble.SCALE_CHANGED, Trouble.PERIOD_MOVED, Trouble.ROWS_UNREAD)


def health_message(health: Health, *, t: Translator) -> Message:
    """Return a notice of the self-watch: what is wrong, since when, and what to do."""
    well = health.kind in _WELL
    title = _title(t, health)
    if well:
        level = Level.NONE
    else:
        level = Level.WATCH if health.kind in _MILD else Level.WARNING
    lines = _well_lines(t, health) if well else _ill_lines(t, health)
    return Message(
        headline=heading(RESOLVED if well else "⚠️", t.gettext("Data health"), title),
        lines=tuple(line for line in lines if line),
        language=t.language,
        level=level,
        reason=Reason.HEALTH,
        note=_remedy(t, health),
    )


def health_for_programs(health: Health, message: Message, *, at: datetime) -> Message:
    """Return the message of a notice as programs are sent it: as an alert that begins and ends.

    Args:
        health: What is wrong, or well again; known as a trouble.
        message: The notice in words.
        at: UTC instant at which it is told.
    """
    well, labels = health.kind in _WELL, {"alertname": HEALTH_ALERT, "trouble": health.trouble}
    began = min(health.began or at, at)
    why = "all alerts resolved" if well else "first notification"
    if health.again and not well:
        why = "repeat interval elapsed"
    alert = {
        "rule": HEALTH_ALERT,
        "trouble": health.trouble,
        "status": "resolved" if well else "firing",
        # One level throughout, whatever becomes of it.
        "labels": {**labels, "theme": "data-health", "level": Level.WARNING.word},
        "annotations": {"summary": message.headline, "kind": health.kind.value},
        "starts_at": began.isoformat(),
        "ends_at": at.isoformat() if well else None,
        "fingerprint": fingerprint(f"trouble/{health.trouble}"),
    }
    return replace(message, alerts=(alert,), state=GroupState(labels=labels, at=at, why=why))


def _title(t: Translator, health: Health) -> str:
    """Return what a notice is about, in a few words."""
    if health.kind is Trouble.QUARANTINED and health.count > 1:
        words = t.ngettext(
            "{n} value of {name} is held back", "{n} values of {name} are held back", health.count
        )
        return words.format(n=t.count(health.count), name=health.name)
    return t.gettext(_HEALTH_TITLES[health.kind]).format(name=health.name)


def _well_lines(t: Translator, health: Health) -> list[str]:
    lines = []
    if health.lasted is not None:
        lines.append(t.gettext("After {length}").format(length=t.duration(health.lasted)))
    if health.held:
        held = t.period(health.held, health.every)
        lines.append(t.gettext("Newest figure: {period}").format(period=held))
    return lines or [t.gettext("Nothing more to do")]


def _ill_lines(t: Translator, health: Health) -> list[str]:
    kind = health.kind
    since = t.clock(health.since, health.zone) if health.since is not None else ""
    lines = []
    if kind is Trouble.QUARANTINED and health.value is not None:
        value = t.number(health.value, health.unit)
        period = t.period(health.period, health.every)
        reading = t.gettext("{reading} for {period}").format(reading=value, period=period)
        several = health.count > 1
        lines.append(
            t.gettext("The first: {reading}").format(reading=reading) if several else reading
        )
    elif kind in _OVERDUE:
        lines += _overdue_lines(t, health, since)
    elif kind is Trouble.OUTBOX_STUCK:
        lines.append(
            t.ngettext(
                "{n} message waits since {since}", "{n} messages wait since {since}", health.count
            ).format(n=t.count(health.count), since=since)
        )
    elif since:
        lines.append(t.gettext("Since {since}").format(since=since))
    if kind is Trouble.OFFLINE:
        lines.append(
            t.ngettext(
                "{n} source cannot be reached", "{n} sources cannot be reached", health.count
            ).format(n=t.count(health.count))
        )
    if kind is Trouble.ROWS_UNREAD and health.count > 1:
        lines.append(
            t.ngettext("{n} row, the newest:", "{n} rows, the newest:", health.count).format(
                n=t.count(health.count)
            )
        )
    if health.reason:
        lines.append(t.gettext("Reason: {reason}").format(reason=reason_words(t, health.reason)))
    for problem in health.problems[:LIST_LIMIT]:
        where = f"{problem.span.file}:{problem.span.line}:{problem.span.column}"
        hint = f" ({problem.hint})" if problem.hint else ""
        lines.append(f"{where}: {problem.message}{hint}")
    if len(health.problems) > LIST_LIMIT:
        lines.append(and_more(t, len(health.problems) - LIST_LIMIT))
    if health.affected and kind not in _OVERDUE:
        names = listed(t, health.affected)
        lines.append(t.gettext("Waiting for it: {names}").format(names=names))
    if health.frozen:
        names = listed(t, health.frozen)
        lines.append(t.gettext("No new reading until then: {names}").format(names=names))
    if kind is Trouble.RECEIVER_BROKEN and health.count:
        lines.append(
            t.ngettext("{n} message is parked", "{n} messages are parked", health.count).format(
                n=t.count(health.count)
            )
        )
    return lines


def _overdue_lines(t: Translator, health: Health, since: str) -> list[str]:
    """Return what is missing: in full for the figure due first, the others by name."""
    lines = []
    first, *others = health.affected
    if health.period:
        period = t.period(health.period, health.every)
        lines.append(
            t.gettext("{series}: the figure for {period} was due {since}").format(
                series=first, period=period, since=since
            )
        )
    else:
        lines.append(t.gettext("{series}: no new figure for too long").format(series=first))
    if health.held:
        held = t.period(health.held, health.every)
        lines.append(t.gettext("Newest figure: {period}").format(period=held))
    if others:
        lines.append(t.gettext("Missing too: {names}").format(names=listed(t, others)))
    return lines


def _remedy(t: Translator, health: Health) -> str:
    match health.kind:
        case Trouble.SOURCE_FAILING:
            return t.gettext("Alerts rest where they are; polling goes on. Nothing to do yet.")
        case Trouble.OFFLINE:
            return t.gettext("Look at its network. Polling goes on; alerts rest where they are.")
        case Trouble.SOURCE_REFUSED:
            return t.gettext("Check its key and its quota; polling resumes by itself.")
        case Trouble.SOURCE_CHANGED:
            return t.gettext("Its series stand still until this program is taught the new shape.")
        case Trouble.SERIES_LATE:
            return t.gettext("Late is not resolved: alerts move again when the figures come.")
        case Trouble.SERIES_STALE:
            return t.gettext("A second release was missed: look at the publisher's page.")
        case Trouble.QUARANTINED:
            command = f"ebbwatch series accept {health.name} {health.period}"
            if health.count > 1:
                return t.gettext(
                    "No rule has seen them. All of them: {listing}. If one is right: {command}"
                ).format(listing=f"ebbwatch series list {health.name}", command=command)
            return t.gettext("No rule has seen it. If it is right: {command}").format(
                command=command
            )
        case Trouble.SCALE_CHANGED:
            return t.gettext("It is converted; the rules see what they always saw.")
        case Trouble.PERIOD_MOVED:
            return t.gettext("It counts as that week's figure.")
        case Trouble.ROWS_UNREAD:
            return t.gettext("The other rows are used; the rules see nothing of these.")
        case Trouble.RECEIVER_BROKEN:
            command = f"ebbwatch notify test {health.name}"
            return t.gettext("Repair it, then try: {command}").format(command=command)
        case Trouble.OUTBOX_STUCK:
            return t.gettext("Look at the log of the delivery and at the network.")
        case Trouble.RELOAD_INVALID:
            return t.gettext("The old rules stay in force until the files are right.")
        case Trouble.RULE_BROKEN:
            return t.gettext("It stays where it is; other rules go on. Ask: {command}").format(
                command=f"ebbwatch why {health.name}"
            )
        case Trouble.DATABASE_REFUSING:
            return t.gettext(
                "Free space on its disk, or end what holds it; what waits is told afterwards. "
                "This notice stands in no record."
            )
        case _:
            return ""
