"""How alerts of two sets of rules are laid side by side: what an edit adds, loses and shifts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from ebbwatch.cli.printing import aligned, clock, width
from ebbwatch.core.lookback.comparing import Compared, ComparedAlert, Shift, per_year
from ebbwatch.core.render.words import Translator, and_more, level_word
from ebbwatch.model.text import width_of
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.runtime.lookback.replay import amount

#: Columns in front of a year's number, and of one year.
_SIDE, _YEAR = 14, 6


def comparison_lines(
    t: Translator, rows: Sequence[Compared], *, most: int | None = None
) -> Iterator[str]:
    """Yield the alerts of each rule that an edit changes.

    Args:
        t: The reader's language.
        rows: Of all rules that were compared.
        most: Alerts that are listed of a rule; None for all.
    """
    for row in rows:
        if row.same:
            continue
        yield _heading(t, row)
        lines = list(_alert_lines(t, row))
        shown = lines if most is None else lines[:most]
        yield from shown
        if len(shown) < len(lines):
            yield f"    {and_more(t, len(lines) - len(shown))}"
        if table := _years(t, row):
            yield table
        yield ""


def _alert_lines(t: Translator, row: Compared) -> Iterator[str]:
    added, lost, shifted = t.gettext("added"), t.gettext("lost"), t.gettext("shifted")
    room = max(map(width_of, (added, lost, shifted)))

    def beside(sign: str, word: str, one: ComparedAlert) -> str:
        return f"  {sign} {word}{' ' * (room - width_of(word))}  {_alert(t, one)}"

    for alert in row.added:
        yield beside("+", added, alert)
    for alert in row.lost:
        yield beside("-", lost, alert)
    for shift in row.shifted:
        yield f"{beside('~', shifted, shift.new)}\n{' ' * (room + 6)}{_shift(t, shift)}"


def totals_line(t: Translator, rows: Sequence[Compared], same: int) -> str:
    """Return how many alerts came, went and moved: ``2 alerts added, 1 lost, 0 shifted``.

    Args:
        t: The reader's language.
        rows: Of all rules that were compared.
        same: How many rules say the same as before.
    """
    added = sum(len(row.added) for row in rows)
    changed = t.ngettext(
        "{n} alert added, {lost} lost, {shifted} shifted",
        "{n} alerts added, {lost} lost, {shifted} shifted",
        added,
    ).format(
        n=t.count(added),
        lost=t.count(sum(len(row.lost) for row in rows)),
        shifted=t.count(sum(len(row.shifted) for row in rows)),
    )
    rest = t.ngettext("{n} rule the same", "{n} rules the same", same)
    return t.gettext("{changed}; {same}").format(changed=changed, same=rest.format(n=t.count(same)))


def _heading(t: Translator, row: Compared) -> str:
    old, new = (None if one is None else len(one) for one in (row.old, row.new))
    if old is None:
        new = new or 0
        said = t.ngettext("new rule, {n} alert", "new rule, {n} alerts", new)
        return f"{row.rule}  {said.format(n=t.count(new))}"
    if new is None:
        said = t.ngettext("removed, had {n} alert", "removed, had {n} alerts", old)
        return f"{row.rule}  {said.format(n=t.count(old))}"
    said = t.ngettext("{old} -> {n} alert", "{old} -> {n} alerts", new)
    return f"{row.rule}  {said.format(old=t.count(old), n=t.count(new))}"


def _alert(t: Translator, one: ComparedAlert) -> str:
    level = level_word(t, one.level)
    if one.value is not None:
        level = t.gettext("{level} at {value}").format(
            level=level, value=amount(one.value, one.unit)
        )
    parts = [level]
    if one.top is not one.level:
        parts.append(t.gettext("up to {level}").format(level=level_word(t, one.top)))
    if one.ended_at != one.begun_at:
        parts.append(_end(t, one.ended_at))
    return "  ".join((clock(one.begun_at), t.gettext(", ").join(parts)))


def _end(t: Translator, ended_at: datetime | None) -> str:
    if ended_at is None:
        return t.gettext("still firing")
    day = ended_at.astimezone(NEW_YORK).date().isoformat()
    return t.gettext("until {day}").format(day=day)


def _shift(t: Translator, shift: Shift) -> str:
    """Return in what an alert differs from what it was."""
    old, new, parts = shift.old, shift.new, []
    if shift.by:
        said = (
            t.gettext("fires {length} later")
            if shift.by > timedelta()
            else t.gettext("fires {length} earlier")
        )
        parts.append(said.format(length=_length(t, abs(shift.by))))
    if old.level is not new.level:
        said = t.gettext("at {level}, was {before}")
        parts.append(said.format(level=level_word(t, new.level), before=level_word(t, old.level)))
    if old.top is not new.top:
        said = t.gettext("reaches {level}, was {before}")
        parts.append(said.format(level=level_word(t, new.top), before=level_word(t, old.top)))
    if old.ended_at != new.ended_at:
        parts.append(t.gettext("was {end}").format(end=_end(t, old.ended_at)))
    return t.gettext(", ").join(parts)


def _length(t: Translator, length: timedelta) -> str:
    if length >= timedelta(days=2):
        return t.gettext("{n} d").format(n=length.days)
    if hours := length // timedelta(hours=1):
        return t.gettext("{n} h").format(n=hours)
    return t.gettext("{n} min").format(n=length // timedelta(minutes=1))


def _years(t: Translator, row: Compared) -> str:
    """Return the alerts a year before and after; years that leave no room are summed in front."""
    sides = [
        (word, per_year(alerts))
        for word, alerts in ((t.gettext("old"), row.old), (t.gettext("new"), row.new))
        if alerts is not None
    ]
    years = sorted({year for _, counts in sides for year in counts})
    if not years:
        return ""
    room = max(1, (width() - _SIDE) // _YEAR)
    early, late = (years[: len(years) - room], years[-room:]) if len(years) > room else ([], years)
    head = [f"-{early[-1]}"] if early else []
    table = [["", *head, *(str(year) for year in late)]]
    for word, counts in sides:
        summed = [_number(sum(counts.get(year, 0) for year in early))] if early else []
        table.append([word, *summed, *(_number(counts.get(year, 0)) for year in late)])
    return aligned(table, right=range(1, len(table[0])), indent="    ")


def _number(count: int) -> str:
    return str(count) if count else "·"
