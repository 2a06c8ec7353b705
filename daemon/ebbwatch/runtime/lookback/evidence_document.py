"""The evidence as a document: what each rule said of past stress, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from ebbwatch.core.answering.reading import Reading
from ebbwatch.core.lookback.claims import Checked
from ebbwatch.core.lookback.evidence import (
    BANKS,
    MORNING,
    PATIENCE_DAYS,
    STRAIN,
    Aftermath,
    AlertSpell,
    Evidence,
    Half,
    Lead,
    Record,
    Rival,
    Said,
    Stance,
)
from ebbwatch.core.lookback.tuning import Score
from ebbwatch.model.alert import Change, Level
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.model.units import printed
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.runtime.lookback.replay import amount

_LETTERS = {Level.WATCH: "w", Level.WARNING: "W", Level.CRITICAL: "C"}


def document(
    evidence: Evidence,
    rivals: Sequence[Rival],
    checked: Sequence[Checked],
    remarks: Mapping[str, str],
    unchecked: Sequence[Mapping[str, str]] = (),
    desks: Sequence[Mapping[str, str]] = (),
) -> str:
    """Return the document.

    Args:
        evidence: What the rules said.
        rivals: Their levels against other thresholds; empty to leave that out.
        checked: Claims with what the figures say; empty to leave that out.
        remarks: What somebody says of a rule that does badly, by its name.
        unchecked: Claims that no figure can be held against: ``number``, ``claim`` and ``why``.
        desks: What desks watch: ``gauge``, ``rules`` (names) and ``remark``.
    """
    parts = [
        ["# Evidence: what the rules said, and how often they were wrong"],
        _method(evidence),
        _episodes(evidence),
        _overview(evidence),
        _leads(evidence),
        _badly(evidence, rivals, remarks),
        _article(checked, unchecked) if checked else [],
        _desks(desks) if desks else [],
        _caution(evidence),
        _each(evidence),
    ]
    return "\n".join("\n".join(part) + "\n" for part in parts if part)


# ---- how it was counted ---------------------------------------------------------------


def _method(evidence: Evidence) -> list[str]:
    window = evidence.window
    last = window.split - timedelta(days=1)
    return [
        f"""This was written by `ebbwatch evidence`; `ebbwatch evidence --rules DIR` writes the same of
your own rules. Every number comes from a replay of the bundled figures, and of those that your
own store has beside them, through the code that runs live, from {_day(window.start)} to {_day(_local(window.end).date())}.

## How it was counted

- **As known at the time.** No figure is used before it was published: a revision, or a rate that
  came out an hour later than another, moves nothing earlier. Where a publisher does not record
  the instant of release, the series' release rule gives it.
- **An alert** is a message that breaks in: the rule fired, or went on to a higher level. Easing
  and resolving are quiet. An **episode** of a rule is one stay outside inactive; it may hold
  several alerts.
- **False.** A day of strain is one on which SOFR stands more than 15 bp over the effective rate
  (`{STRAIN}`); there are {len(evidence.strained)} of them. An episode of a rule is false when no strain was
  seen from its firing until it ended, or until {PATIENCE_DAYS} days after it had fired, whichever is
  later. For rules with the theme `backstop`, which tell of borrowing that repo may not show, it is
  false when none of the listed episodes lies in that time. Rules with the themes `assets` and
  `balance-sheet` report what a market or the Federal Reserve does: they are not judged.
  *Open* is what may still be followed, the figures ending before; what had passed before SOFR was
  first published (April 2018) cannot be judged.
- **Lead** is asked at {MORNING:%H:%M} in New York on the day of the onset, when the morning's rates are
  out: at which level the rule then stood, and for how many days it had been there or higher.
- **Two halves.** *To {last.year}* is the time by which thresholds may be fixed; what came *since
  {window.split.year}* is kept apart, to see how they do on figures that fixed none of them."""
    ]


def _episodes(evidence: Evidence) -> list[str]:
    rows = [
        (
            one.episode.name,
            _day(one.episode.onset),
            _day(one.episode.end),
            "runs on banks" if one.kind == BANKS else "funding",
            one.source,
        )
        for one in evidence.listed
    ]
    return [
        "## The episodes",
        "",
        "Times of stress that the public record agrees on. The first day is the one on which it broke",
        "out, not the one on which it was published.",
        "",
        *_table(("episode", "onset", "last day", "kind", "source"), rows),
    ]


# ---- all rules ------------------------------------------------------------------------


def _overview(evidence: Evidence) -> list[str]:
    window = evidence.window
    rows = []
    for record in evidence.records:
        if not record.figures:
            rows.append((f"`{record.rule.name}`", "no figures in the archive", *[""] * 7))
            continue
        rows.append((f"`{record.rule.name}`", *_half(record.before), *_half(record.since)))
    totals = [
        sum(half.alerts for record in evidence.records if (half := part(record)) is not None)
        for part in (_before, _since)
    ]
    before, since = f"to {window.split.year - 1}", f"since {window.split.year}"
    head = [
        "rule",
        *(f"{what}, {when}" for when in (before, since)
          for what in ("alerts", "a year", "firing", "false")),
    ]  # fmt: skip
    years = [
        (b - a).days / 365.2425
        for a, b in ((window.start, window.split), (window.split, _local(window.end).date()))
    ]
    return [
        "## All rules",
        "",
        "*Firing*: share of the time. *False*: episodes of the rule that nothing followed, of those that",
        "can be judged. Text rules are tried on the press releases that are bundled, a small part of all.",
        f"Together {totals[0]} alerts {before} ({totals[0] / years[0]:.0f} a year) and {totals[1]} {since}",
        f"({totals[1] / years[1]:.0f} a year).",
        "",
        *_table(head, rows, right=range(1, 9)),
        *_without(evidence),
    ]


def _without(evidence: Evidence) -> list[str]:
    """Return which rules have no evidence here, and how to come by it."""
    names = [f"`{record.rule.name}`" for record in evidence.records if not record.figures]
    if not names:
        return []
    return [
        "",
        f"Without evidence as yet: {', '.join(names)}.",
        "Their figures cannot be bundled, or were not found; `ebbwatch backfill` brings them to your own",
        "machine, where `ebbwatch evidence` counts them too.",
    ]


def _before(record: Record) -> Half | None:
    return record.before


def _since(record: Record) -> Half | None:
    return record.since


def _half(half: Half | None) -> tuple[str, str, str, str]:
    if half is None:
        return "", "", "", ""
    false = f"{half.false} of {half.judged}" if half.judged else ""
    firing = "" if half.firing is None else f"{half.firing:.0%}"
    return str(half.alerts), f"{half.per_year:.1f}", firing, false


def _leads(evidence: Evidence) -> list[str]:
    names = [one.episode.name for one in evidence.listed]
    rows = [
        (f"`{record.rule.name}`", *(_lead(record.leads.get(name)) for name in names))
        for record in evidence.records
        if record.figures and not record.rule.text_source
    ]
    return [
        "## What had been said when it broke out",
        "",
        "`C 11`: stood at critical, and had for 11 days (`w` watch, `W` warning). `(W 25)`: had fired 25",
        f"days before, within {PATIENCE_DAYS}, and was over. `+1 C`: fired on the day after, within the episode.",
        "`–`: said nothing. Empty: had no figures yet, or is not asked.",
        "",
        *_table(("rule", *names), rows),
    ]


def _lead(lead: Lead | None) -> str:
    if lead is None:
        return ""
    letter = _LETTERS.get(lead.level, "")
    match lead.stance:
        case Stance.STOOD:
            return f"{letter} {lead.days}"
        case Stance.OVER:
            return f"({letter} {lead.days})"
        case Stance.AFTER:
            return f"+{lead.days} {letter}"
        case Stance.SILENT:
            return "–"
        case Stance.ABSENT:
            return ""


# ---- what does badly ------------------------------------------------------------------


def _badly(evidence: Evidence, rivals: Sequence[Rival], remarks: Mapping[str, str]) -> list[str]:
    lines = ["## What does badly, and what was done", ""]
    lines += _mostly_false(evidence)
    lines += ["", *_muted(evidence)]
    if rivals:
        lines += ["", *_beaten(rivals, evidence)]
    told = [(record.rule.name, remarks[record.rule.name]) for record in evidence.records
            if record.rule.name in remarks]  # fmt: skip
    if told:
        lines += ["", "What was changed, or why it was not:", ""]
        lines += [f"- `{name}`: {text}" for name, text in told]
    return lines


def _mostly_false(evidence: Evidence) -> list[str]:
    found = []
    for record in evidence.records:
        judged = [s for s in record.stays if s.outcome in (Aftermath.FALSE, Aftermath.FOLLOWED)]
        false = [s for s in judged if s.outcome is Aftermath.FALSE]
        if judged and 2 * len(false) >= len(judged):
            dates = ", ".join(_day(_local(stay.begun).date()) for stay in false)
            found.append(
                f"- `{record.rule.name}`: {len(false)} of {len(judged)} episodes, begun {dates}."
            )
    if not found:
        return ["No rule was wrong as often as right."]
    return ["Wrong at least as often as right:", "", *found]


def _muted(evidence: Evidence) -> list[str]:
    found = [
        f"- `{record.rule.name}`: {_clock(said.at)}, {_reading(record, said)}."
        for record in evidence.records
        for stay in record.stays
        for said in stay.said
        if said.muted
    ]
    if not found:
        return ["No alert at watch was muted as flapping, which would have left it to the digest."]
    return ["Muted as flapping, and so told in the digest only:", "", *found]


def _beaten(rivals: Sequence[Rival], evidence: Evidence) -> list[str]:
    split = evidence.window.split.year
    rows = [
        (
            f"`{rival.rule}` {rival.level.word}",
            _threshold(rival.score, rival.unit), *_score(rival.score),
            _threshold(rival.better, rival.unit), *_score(rival.better),
        )
        for rival in rivals
        if rival.better is not None
    ]  # fmt: skip
    intro = [
        f"On the figures to {split - 1} alone, each of {len(rivals)} levels was held against other thresholds, from",
        "half of its own to twice it and through its readings, as `ebbwatch tune` does. Better is a",
        "threshold that sees as many listed episodes, with no more alerts, no more that none of them",
        "followed within 60 days, no shorter lead and no more time firing, and gains on one of the first",
        "two. (*Not followed* goes by listed episodes and is harsher than *false* above: a month end of 2018",
        "or 2019 that strained repo and is not listed counts against a rule here.)",
    ]
    if not rows:
        return [*intro, "No level is bettered."]
    head = (
        "level", "set at", "alerts", "not followed", "seen", "better at", "alerts", "not followed",
        "seen",
    )  # fmt: skip
    return [
        *intro, f"{len(rows)} levels are bettered:", "",
        *_table(head, rows, right=(1, 2, 3, 4, 5, 6, 7, 8)),
    ]  # fmt: skip


def _threshold(score: Score, unit: str) -> str:
    return amount(printed(score.setting.threshold, unit), unit)


def _score(score: Score) -> tuple[str, str, str]:
    return str(score.alerts), str(score.false), f"{score.seen} of {score.episodes}"


# ---- the article ----------------------------------------------------------------------


def _article(checked: Sequence[Checked], unchecked: Sequence[Mapping[str, str]]) -> list[str]:
    rows = []
    for one in checked:
        figures = "<br>".join(
            f"{_figure(a.reading)} for {a.reading.period}: `{a.text}`" for a in one.answers
        )
        numbers = one.claim.numbers.replace(" ", ", ")
        rows.append((numbers, one.claim.text, figures, one.finding.value, one.claim.remark))
    others = [(row["number"], row["claim"], row["why"]) for row in unchecked]
    left = [
        "",
        "And what it says that no bundled figure can be held against:",
        "",
        *_table(("no.", "the article says", "why it is not checked"), others),
    ]
    return [
        "## The founding article, verified",
        "",
        "What the article of October 2025 says, against the figures as they were known at the time, each",
        "through the language that rules are written in. The verdict is that of a condition beside it:",
        "*imprecise* is near, by a condition of its own.",
        "",
        *_table(("no.", "the article says", "the figures say", "verdict", "remark"), rows),
        *(left if others else []),
    ]


def _desks(desks: Sequence[Mapping[str, str]]) -> list[str]:
    rows = [
        (row["gauge"], ", ".join(f"`{name}`" for name in row["rules"].split()), row["remark"])
        for row in desks
    ]
    return [
        "## What desks watch",
        "",
        "Gauges that professionals go by and the article does not name, each with its rule, or with why",
        "it has none.",
        "",
        *_table(("gauge", "rule", "remark"), rows),
    ]


# ---- caution --------------------------------------------------------------------------


def _caution(evidence: Evidence) -> list[str]:
    years = sorted({day.year for day in evidence.strained})
    spread = ", ".join(
        f"{sum(day.year == year for day in evidence.strained)} in {year}" for year in years
    )
    return [
        "## Caution",
        "",
        "- There are about five independent spells of stress in these years (the middle of 2018, the turn",
        "  of that year, April to October 2019, March 2020, September 2024 to January 2026), whatever the",
        f"  number of episodes listed. Days of strain: {spread}.",
        "- The thresholds that the article names (11, 10 and 7 % of GDP; $3.4tn, $3.05tn and $2.8tn; -99 %;",
        "  -$1tn; 10 and 20 bp; $25bn a month; $2tn; $4000; 70 %) were taken as they are. Every `clear`,",
        "  `for` and window, and the other levels, were fitted. The pack was drawn up when the figures of",
        "  2025 and 2026 could be seen; that is why the table above holds each level against others on",
        f"  the figures to {evidence.window.split.year - 1} alone.",
        "- A rule that says nothing before an onset is not thereby useless, and one that stood for years",
        "  before it foretold nothing by it: reserves are a state, prices are an alarm.",
    ]


# ---- rule by rule ---------------------------------------------------------------------


def _each(evidence: Evidence) -> list[str]:
    lines = ["## Rule by rule", ""]
    for record in evidence.records:
        lines += [f"### {record.rule.name}", ""]
        title = record.rule.title.in_language("en")
        if title:
            lines += [f"{title}.", ""]
        if not record.figures:
            lines += ["No figures in the archive.", ""]
        elif record.texts:
            rows = list(_texts(record, evidence.window.split))
            lines += [*_table(("New York", "alert", "text", "half"), rows), ""]
        elif not record.stays:
            lines += ["No alert.", ""]
        else:
            rows = list(_rows(record, evidence.window.split))
            lines += [*_table(("New York", "alert", "reading", "episode", "half"), rows), ""]
    return lines[:-1]


def _texts(record: Record, split: date) -> Iterator[tuple[str, ...]]:
    for move in record.texts:
        address = move.episode.partition("/")[2]
        yield _clock(micros(move.at)), move.level.word, address, _side(move.at, split)


def _side(at: datetime, split: date) -> str:
    year = split.year
    return f"to {year - 1}" if at.astimezone(NEW_YORK).date() < split else f"since {year}"


def _rows(record: Record, split: date) -> Iterator[tuple[str, ...]]:
    for stay in record.stays:
        for said in stay.said:
            first = said.change is Change.FIRED
            half = _side(instant(said.at), split)
            level = said.level.word + ("" if first else ", up") + (", digest" if said.muted else "")
            yield (
                _clock(said.at), level, _reading(record, said),
                _stay(stay) if first else "", half,
            )  # fmt: skip


def _reading(record: Record, said: Said) -> str:
    value = "" if record.unit is None else f"{amount(said.value, record.unit)} "
    return f"{value}for {said.period}"


def _stay(stay: AlertSpell) -> str:
    outcome = "" if stay.outcome is Aftermath.UNJUDGED else f", {stay.outcome.value}"
    if stay.ended is None:
        return f"goes on{outcome}"
    days = max(1, round((stay.ended - stay.begun) / 86_400_000_000))
    return f"{days} d{outcome}"


# ---- text -----------------------------------------------------------------------------


def _table(
    head: Iterable[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()
) -> list[str]:
    head, numbers = list(head), set(right)
    marks = ["---:" if i in numbers else "---" for i in range(len(head))]
    lines = ([cell.replace("|", "\\|") for cell in row] for row in (head, marks, *rows))
    return [f"| {' | '.join(line)} |" for line in lines]


def _figure(reading: Reading) -> str:
    """Return what a claim is held against, or why it is unknown; trillions to the billion."""
    if not reading.known:
        return reading.reason
    value, unit = reading.value, reading.unit
    if value is None:
        return "true" if reading.truth else "false"
    if unit == "USD" and abs(value) >= 1e12:
        return f"{'-' if value < 0 else ''}${abs(value) / 1e12:.3f}tn"
    return amount(value, unit)


def _local(at: Micros) -> datetime:
    return instant(at).astimezone(NEW_YORK)


def _clock(at: Micros) -> str:
    return f"{_local(at):%Y-%m-%d %H:%M}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
