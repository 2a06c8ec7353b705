"""How things stand: the summary of a first start, and the digest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from ebbwatch.core.render.alert_messages import move_line
from ebbwatch.core.render.message_contexts import DigestContext, DigestFigure, Firing, Outstanding
from ebbwatch.core.render.reading_words import found_text, reading_text, reason_text
from ebbwatch.core.render.words import (
    ICONS,
    LIST_LIMIT,
    Translator,
    and_more,
    heading,
    late_line,
    listed,
    series_label,
    title_of,
)
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Message, Reason
from ebbwatch.model.zones import NEW_YORK


def _firing_line(t: Translator, one: Firing, zone: str) -> str:
    stands = one.standing
    line = f"{ICONS[one.level]} {title_of(t, stands.rule, one.name)}"
    if reading := _reading(t, one):
        line = t.gettext("{what}: {verb}").format(what=line, verb=reading)
    if stands.since is not None:
        since = t.day(stands.since.astimezone(ZoneInfo(zone)).date())
        more = t.gettext("since {since}").format(since=since)
        line = t.gettext("{line}, {more}").format(line=line, more=more)
    if stands.frozen:
        line = t.gettext("{line}, {more}").format(
            line=line, more=t.gettext("frozen: its figures are late")
        )
    return line


def _reading(t: Translator, one: Firing) -> str:
    """Return what an alert reads, or last read; nothing of a condition that is known."""
    reading, near = one.standing.reading, one.standing.near
    newest = None if reading is None else reading.newest
    if reading is None or (reading.known and reading.unit is None):
        return ""
    if newest is None:
        return reading_text(t, reading)
    text = found_text(t, newest, reading.unit, near)
    measure = one.measure.text.in_language(t.language)
    # A plain spread says more than its title; words beside it would say the same again.
    if measure and one.measure.formula and reading.known:
        text = f"{measure} {text}"
    period = t.period(newest.period, reading.every)
    text = t.gettext("{reading} ({period})").format(reading=text, period=period)
    if reading.known:
        return text
    return t.gettext("unknown, last {reading}").format(reading=text)


def firing_lines(t: Translator, firing: Sequence[Firing], zone: str) -> list[str]:
    """Return a line for each alert, the most severe first."""
    ordered = sorted(firing, key=lambda one: (-one.level, one.name))
    lines = [_firing_line(t, one, zone) for one in ordered[:LIST_LIMIT]]
    if len(ordered) > LIST_LIMIT:
        lines.append(and_more(t, len(ordered) - LIST_LIMIT))
    return lines


_NOTHING = Outstanding()


def summary_message(
    firing: Sequence[Firing],
    *,
    rules: int,
    t: Translator,
    outstanding: Outstanding = _NOTHING,
    zone: str = NEW_YORK.key,
) -> Message:
    """Return what is said once, at the first start: what fires now, and what is outstanding.

    Args:
        firing: In any order; the most severe are named first.
        rules: How many alerts are watched.
        t: The reader's language.
        outstanding: What the first visits did not bring.
        zone: IANA name of the zone that instants are written in.
    """
    firing_of = _firing_of(t, len(firing), rules)
    lines = firing_lines(t, firing, zone) or [t.gettext("All quiet")]
    late = [late_line(t, one, {}, zone) for one in outstanding.late[:LIST_LIMIT]]
    if len(outstanding.late) > LIST_LIMIT:
        late.append(and_more(t, len(outstanding.late) - LIST_LIMIT))
    return Message(
        headline=heading("👁", t.gettext("Ebbwatch is watching"), firing_of),
        lines=(*_unreached(t, outstanding), *lines, *late),
        language=t.language,
        level=max((one.level for one in firing), default=Level.NONE),
        reason=Reason.SUMMARY,
        footer=(t.gettext("From now on each change is told once"),),
    )


def _unreached(t: Translator, outstanding: Outstanding) -> list[str]:
    """Return one line of the sources that did not answer, where there are any."""
    count, names = len(outstanding.sources), listed(t, outstanding.sources)
    if outstanding.offline:
        said = t.ngettext(
            "This machine seems to be offline: {n} source cannot be reached. "
            "Below stands what was known before",
            "This machine seems to be offline: {n} sources cannot be reached. "
            "Below stands what was known before",
            count,
        )  # fmt: skip
    elif count:
        said = t.ngettext(
            "{n} source has not answered yet: {names}",
            "{n} sources have not answered yet: {names}",
            count,
        )
    else:
        return []
    return ["⚠️ " + said.format(n=t.count(count), names=names)]


def _firing_of(t: Translator, firing: int, rules: int) -> str:
    return t.ngettext("{firing} of {n} rule fires", "{firing} of {n} rules fire", rules).format(
        firing=t.count(firing), n=t.count(rules)
    )


def _shown_line(t: Translator, one: DigestFigure) -> str:
    """Return a line of what a digest shows: ``• Net liquidity: $5.78tn (4 Mar 2026), up $20bn``."""
    reading, newest = one.reading, one.reading.newest
    text = ""
    if newest is not None:
        text = t.gettext("{reading} ({period})").format(
            reading=found_text(t, newest, reading.unit),
            period=t.period(newest.period, reading.every),
        )
    if not reading.known:
        why = reason_text(t, reading, lambda name: series_label(t, name, one.titles))
        unknown = t.gettext("unknown")
        if why:
            unknown = t.gettext("unknown: {reason}").format(reason=why)
        last = t.gettext("last {reading}").format(reading=text) if text else ""
        text = t.gettext("{line}, {more}").format(line=unknown, more=last) if last else unknown
    elif moved := _since_the_last(t, one):
        text = t.gettext("{line}, {more}").format(line=text, more=moved)
    title = one.title.in_language(t.language)
    return t.gettext("• {title}: {reading}").format(title=title, reading=text)


def _since_the_last(t: Translator, one: DigestFigure) -> str:
    """Return how far a known number went since the last digest."""
    now, before, unit = one.reading.found, one.before.found, one.reading.unit
    assert now is not None
    if before is None:
        return t.gettext("unknown before")
    if (now.value, now.most, now.truth) == (before.value, before.most, before.truth):
        return t.gettext("unchanged")
    if (
        unit is None
        or now.value is None
        or before.value is None
        or not (now.most is None and before.most is None)
        or not math.isfinite(now.value - before.value)
    ):
        return t.gettext("{reading} before").format(reading=found_text(t, before, unit))
    step = now.value - before.value
    if abs(step) < 1e-9 * max(1.0, abs(now.value)):
        return t.gettext("unchanged")
    amount = t.difference(step, unit)
    if step > 0:
        return t.gettext("up {amount}").format(amount=amount)
    return t.gettext("down {amount}").format(amount=amount)


def digest_message(digest: DigestContext, *, t: Translator) -> Message:
    """Return how things stand: what fires, what is shown, what changed since, what is late."""
    clock = t.clock(digest.at, digest.zone)
    lines = [_firing_of(t, len(digest.firing), digest.rules)]
    lines += firing_lines(t, digest.firing, digest.zone)
    if digest.shown:
        lines.append(t.gettext("Where things stand, and the change since the last digest:"))
        lines += [_shown_line(t, one) for one in digest.shown[:LIST_LIMIT]]
        if len(digest.shown) > LIST_LIMIT:
            lines.append(and_more(t, len(digest.shown) - LIST_LIMIT))
    if digest.moves:
        lines.append(t.gettext("Since the last digest:"))
        lines += [move_line(t, one, titled=True) for one in digest.moves[-LIST_LIMIT:]]
        if len(digest.moves) > LIST_LIMIT:
            lines.append(and_more(t, len(digest.moves) - LIST_LIMIT))
    else:
        lines.append(t.gettext("Nothing changed since the last digest"))
    named = [*(one.titles for one in digest.moves), *(one.titles for one in digest.shown)]
    titles = {name: text for titles in named for name, text in titles.items()}
    return Message(
        headline=heading("🗒", t.gettext("Digest"), clock),
        lines=tuple(lines),
        language=t.language,
        level=max((one.level for one in digest.firing), default=Level.NONE),
        reason=Reason.DIGEST,
        footer=tuple(late_line(t, late, titles, digest.zone) for late in digest.late),
    )
