"""The catalogue: from what was read of ``series`` and ``calendars`` to values."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from collections.abc import Mapping as MappingType
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any, Protocol

from ebbwatch.expr import fitted
from ebbwatch.model.calendars import (
    FEDERAL_RESERVE,
    SIFMA,
    BusinessCalendar,
    TurnCalendar,
    business_calendar,
)
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import FREQUENCIES
from ebbwatch.model.series import Released, Series, SourceRef
from ebbwatch.model.source import ArgumentFault, Gives, SourceFacts
from ebbwatch.model.text import Text
from ebbwatch.model.units import UNITS, Quantity, Unit
from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.kinds import Fields
from ebbwatch.ruleset.nodes import Node, Scalar, Sequence, quoted, scalars
from ebbwatch.ruleset.secrets import secret_in_address
from ebbwatch.ruleset.suggestions import did_you_mean


class Adapter(Protocol):
    """What is asked of a source's adapter when rules are loaded."""

    facts: SourceFacts

    def fault(self, argument: Any, /) -> str | None:
        """Return why an argument cannot be asked, or None; called where it gives figures."""
        ...


class Unusable(Exception):
    """Raised by a mapping of sources for an adapter that cannot be loaded; says why."""


#: Adapters by name of the source.
Sources = MappingType[str, Adapter]

BUSINESS = (FEDERAL_RESERVE, SIFMA)
_TURN_KEYS = ("anchor", "of", "before", "after", "dates")
_BUSINESS_KEYS = ("closed", "opened", "moved")

#: Enough digits for any quantity a person writes; a Decimal holds them exactly.
_EXACT = Context(prec=100)


def series_of(
    name: str, fields: Fields, sources: Sources | None, findings: Findings
) -> Series | None:
    """Return one entry of the catalogue, or None with its problems added."""
    source = _source(fields, "source", sources, findings)
    fallback = _source(fields, "fallback", sources, findings)
    unit = UNITS.get(fields.get("unit", ""))
    if source is None or unit is None or "every" not in fields.values:
        return None
    stale_after: Duration | None = fields.get("stale_after")
    return Series(
        name=name,
        source=source,
        unit=unit,
        every=FREQUENCIES[fields.values["every"]],
        fallback=fallback,
        released=_released(fields.get("released"), findings),
        plausible=_plausible(fields, unit, findings),
        scale_check=fields.get("scale_check") == "level",
        stale_after=_timedelta(stale_after) if stale_after is not None else None,
        history_from=fields.get("history_from"),
        before=_before(fields, unit, findings),
        title=fields.get("title", Text()),
        also=tuple(text for _, text in fields.get("also", ())),
    )


def _timedelta(duration: Duration) -> timedelta:
    assert duration.days is not None
    return timedelta(seconds=float(duration.days * 86_400))


def _released(written: Any, findings: Findings) -> tuple[Released, ...]:
    """Return the release rules of a series, which may be one map or a list of them."""
    if written is None:
        return ()
    several = [written] if isinstance(written, Fields) else [fields for _, fields in written]
    found = [(fields, rule) for fields in several if (rule := _rule(fields, findings)) is not None]
    _check_together(found, findings)
    return tuple(rule for _, rule in found)


def _rule(fields: Fields, findings: Findings) -> Released | None:
    if ("after" in fields) == ("on" in fields) and "after" not in fields.meant:
        findings.error(
            fields.node, "missing-key",
            f"expected either after or on in a release rule, found {'both' if 'on' in fields else 'none'}",
            "keep one" if "on" in fields else "add after: 1 business day",
        )  # fmt: skip
        return None
    if any(key not in fields.values for key in ("at", "zone", "calendar")):
        return None
    count, business = fields.get("after", (0, False))
    at, zone, calendar = (fields.values[key] for key in ("at", "zone", "calendar"))
    return Released(
        count, business, at, zone, calendar, fields.get("on"), fields.get("from"),
        fields.get("part", ""),
    )  # fmt: skip


def _check_together(found: list[tuple[Fields, Released]], findings: Findings) -> None:
    """Add what is wrong between the release rules of one series."""
    for fields, rule in found[1:]:
        if rule.calendar != found[0][1].calendar:
            findings.error(
                fields.nodes["calendar"], "wrong-value",
                f"expected the calendar {found[0][1].calendar} in each release rule of a series, "
                f"found {rule.calendar}",
                "its periods are the days of one calendar",
            )  # fmt: skip
    for since in sorted({rule.since for _, rule in found}, key=lambda day: day or date.min):
        same = [(fields, rule) for fields, rule in found if rule.since == since]
        when = "at the same time" if since is None else f"from {since}"
        names = [rule.part for _, rule in same]
        for place, (fields, rule) in enumerate(same):
            if len(same) > 1 and "part" not in fields:
                findings.error(
                    fields.node, "missing-key",
                    f"expected part in each of the {len(same)} release rules that hold {when}",
                    "add part: morning, or from: with the day from which it holds",
                )  # fmt: skip
            elif rule.part in names[:place]:
                findings.error(
                    fields.nodes["part"], "duplicate-name",
                    f"there are two release rules for the part {rule.part} that hold {when}",
                )  # fmt: skip
            elif rule.part and len(same) == 1:
                findings.error(
                    fields.nodes["part"], "wrong-value",
                    f"expected a release rule for another part as well, found {rule.part} alone",
                    "leave part out where a period is published whole",
                )  # fmt: skip


def _source(
    fields: Fields, key: str, sources: Sources | None, findings: Findings
) -> SourceRef | None:
    entries = fields.get(key)
    if not entries:  # none, or one whose name cannot be read, which was said
        return None
    if len(entries) > 1:
        hint = "a second one is given as fallback" if key == "source" else "keep one"
        findings.error(entries[1][0], "wrong-value", f"expected one source in {key}", hint)
        return None
    name, node, argument = entries[0]
    adapter = None if sources is None else _adapter(name, sources, findings)
    if (adapter is None and sources is not None) or not _clean(node, findings):
        return None
    if not isinstance(argument, str | dict):
        findings.error(node, "source-argument", f"expected a text or a map for {name.text}")
        return None
    if adapter is None:
        return SourceRef(name.text, argument)
    if adapter.facts.gives is Gives.TEXTS:
        findings.error(
            name, "source-argument", f"{name.text} gives texts and has no series",
            f"use it in a rule: text: {name.text}, with matches",
        )  # fmt: skip
        return None
    if (fault := adapter.fault(argument)) is not None:
        message, _, hint = fault.partition("; did you mean ")
        hint = f"did you mean {hint}" if hint else ""
        place = _place(node, fault) if isinstance(fault, ArgumentFault) else node
        findings.error(place, "source-argument", f"{name.text}: {message}", hint)
        return None
    return SourceRef(name.text, _placed(argument, adapter.facts.paths, node))


def _place(node: Node, fault: ArgumentFault) -> Node:
    """Return the part of an argument that a fault is about, as far as it is there."""
    for depth, wanted in enumerate(fault.keys, 1):
        found = next((e for e in getattr(node, "entries", ()) if e[0].text == wanted), None)
        if found is None:
            break
        node = found[0] if fault.name and depth == len(fault.keys) else found[1]
    return node


def _adapter(name: Scalar, sources: Sources, findings: Findings) -> Adapter | None:
    """Return the adapter of a source, or None with its problem added."""
    if name.text not in sources:
        hint = did_you_mean(name.text, sources)
        findings.error(name, "unknown-source", f"there is no source {quoted(name.text)}", hint)
        return None
    try:
        return sources[name.text]
    except Unusable as err:
        findings.error(name, "unusable-source", f"the source {name.text} cannot be used: {err}")
        return None


def text_source(name: Scalar, sources: Sources | None, findings: Findings) -> str | None:
    """Return the name of a source of texts, or None with its problem added."""
    if sources is None:
        return name.text
    if name.text in sources:
        adapter = _adapter(name, sources, findings)
        if adapter is None or adapter.facts.gives is Gives.TEXTS:
            return None if adapter is None else name.text
    findings.error(
        name, "unknown-source", f"there is no source of texts {quoted(name.text)}",
        did_you_mean(name.text, sources_of_texts(sources)),
    )  # fmt: skip
    return None


def sources_of_texts(sources: Sources | None) -> list[str]:
    """Return the names of the sources that give texts; each source is loaded for it."""
    found = []
    for name in sources or ():
        with suppress(Unusable):
            if sources is not None and sources[name].facts.gives is Gives.TEXTS:
                found.append(name)
    return found


_NO_SECRETS = (
    "sources in rule files take no secrets; a source of your own takes a key (docs/sources.md)"
)


def _clean(node: Node, findings: Findings) -> bool:
    """Return whether no address below a node holds a secret."""
    clean = True
    for scalar in scalars(node):
        if "://" in scalar.text and (what := secret_in_address(scalar.text)) is not None:
            findings.secret(scalar, f"the address holds {what}", _NO_SECRETS)
            clean = False
    return clean


def _placed(
    argument: str | dict[str, Any], paths: Iterable[str], node: Node
) -> str | dict[str, Any]:
    """Return an argument whose relative paths start from where its file is."""
    if not isinstance(argument, dict):
        return argument
    folder = posixpath.dirname(node.source.file)
    placed = {
        key: posixpath.normpath(posixpath.join(folder, argument[key]))
        for key in paths
        if key in argument
    }
    return {**argument, **placed}


def _plausible(fields: Fields, unit: Unit, findings: Findings) -> tuple[Decimal, Decimal] | None:
    if "plausible" not in fields.values:
        return None
    node = fields.nodes["plausible"]
    read: list[tuple[Node, Quantity]] = fields.values["plausible"]
    if isinstance(node, Sequence) and len(node.items) != 2:
        findings.error(
            node, "wrong-value", f"expected two values in plausible, found {len(node.items)}",
            "write the lowest and the highest: [-1 %, 20 %]",
        )  # fmt: skip
        return None
    values = [in_base(place, quantity, unit, findings) for place, quantity in read]
    if len(values) != 2 or values[0] is None or values[1] is None:
        return None
    if values[0] >= values[1]:
        findings.error(
            node, "wrong-value", "the lowest value that can be true is not below the highest",
            "write [lowest, highest]",
        )  # fmt: skip
        return None
    return values[0], values[1]


def _before(fields: Fields, unit: Unit, findings: Findings) -> Decimal | None:
    if "before" not in fields.values:
        return None
    return in_base(fields.nodes["before"], fields.values["before"], unit, findings)


def in_base(node: Node, quantity: Quantity, unit: Unit, findings: Findings) -> Decimal | None:
    """Return a quantity in base units, if it measures what the unit does."""
    found = base_value(quantity, unit)
    if isinstance(found, tuple):
        message, hint = found
        findings.error(node, "units", f"the unit is {unit.name}: {message}", hint)
        return None
    return found


def base_value(quantity: Quantity, unit: Unit) -> Decimal | tuple[str, str]:
    """Return a quantity in base units, or (message, hint) where it measures something else."""
    found = fitted(quantity, unit.dimension)
    if isinstance(found, tuple):
        return found
    return _EXACT.divide(Decimal(found.value.numerator), Decimal(found.value.denominator))


@dataclass(slots=True, eq=False)
class Changes:
    """Single days changed in a business calendar, from all files together."""

    closed: list[date] = field(default_factory=list)
    opened: list[date] = field(default_factory=list)
    moved: list[tuple[date, date]] = field(default_factory=list)

    def add(self, fields: Fields) -> None:
        """Take what one file says."""
        self.closed += [day for _, day in fields.get("closed", ())]
        self.opened += [day for _, day in fields.get("opened", ())]
        self.moved += [
            (date.fromisoformat(key.text), day) for key, _, day in fields.get("moved", ())
        ]


def business_calendars(changes: MappingType[str, Changes]) -> dict[str, BusinessCalendar]:
    """Return the business calendars with their single days."""
    return {
        name: business_calendar(
            name, tuple(changed.closed), tuple(changed.moved), tuple(changed.opened)
        )
        for name, changed in ((name, changes.get(name, Changes())) for name in BUSINESS)
    }


def is_business(name: str, fields: Fields, findings: Findings) -> bool:
    """Return whether a calendar changes business days; keys of the other sort are problems."""
    business = name in BUSINESS
    wrong = _TURN_KEYS if business else _BUSINESS_KEYS
    for key in wrong:
        if key in fields:
            findings.error(
                fields.keys[key],
                "misplaced-key",
                f"{key} has no meaning in the calendar {name}",
                f"{name} takes {', '.join(_BUSINESS_KEYS)}" if business else
                f"business calendars are {' and '.join(BUSINESS)}",
            )  # fmt: skip
    return business


def turn_calendar(name: str, fields: Fields, findings: Findings) -> TurnCalendar | None:
    """Return a turn calendar, or None with its problems added."""
    if "anchor" not in fields and "dates" not in fields:
        findings.error(
            fields.node, "missing-key", "expected anchor in a calendar, found none",
            "add anchor: last business day",
        )  # fmt: skip
        return None
    anchors = tuple(_anchors(fields, findings))
    months = fields.get("of", "all")
    return TurnCalendar(
        name,
        anchors,
        tuple(range(1, 13)) if months == "all" else tuple(number for _, number in months),
        fields.get("before", 0),
        fields.get("after", 0),
        tuple(day for _, day in fields.get("dates", ())),
    )


def _anchors(fields: Fields, findings: Findings) -> Iterable[str]:
    value = fields.get("anchor", [])
    node = fields.nodes.get("anchor")
    assert node is not None or not value
    items = [(node, value)] if isinstance(node, Scalar) and value else value
    for place, anchor in items:
        if (fault := TurnCalendar("", (anchor,)).fault()) is not None:
            findings.error(place, "wrong-value", fault)
        else:
            yield anchor
