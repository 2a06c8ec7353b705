"""Claims: what somebody wrote, against the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.answering.answers import Answer, answer, compiled
from ebbwatch.expr import Expression
from ebbwatch.model.periods import Micros
from ebbwatch.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Point:
    """One figure of a claim.

    Attributes:
        at: µs as of which it is asked.
        figure: Expression.
        holds: Condition under which the claim holds; empty where the figure is told only.
        near: Condition under which it is nearly so; empty for none.
    """

    at: Micros
    figure: str
    holds: str = ""
    near: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that was written.

    Attributes:
        text: What.
        points: The figures it is held against; none where nobody may pass them on.
        remark: What else there is to say.
        numbers: Its place among all that was written; of several, a blank between.
    """

    text: str
    points: tuple[Point, ...] = ()
    remark: str = ""
    numbers: str = ""


class Finding(StrEnum):
    """What the figures say of a claim."""

    HOLDS = "holds"
    NEAR = "imprecise"
    FAILS = "does not hold"
    UNKNOWN = "not in the figures"


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim with what the figures say.

    Attributes:
        claim: It.
        answers: One for each point.
        finding: The worst of what its points say.
    """

    claim: Claim
    answers: tuple[Answer, ...]
    finding: Finding


#: From good to bad.
_ORDER = (Finding.HOLDS, Finding.NEAR, Finding.FAILS, Finding.UNKNOWN)


def check(judge: Judge, claim: Claim) -> Checked | tuple[Problem, ...]:
    """Return what the figures say of a claim, or what is wrong with its expressions."""
    answers = []
    findings = []
    for point in claim.points:
        figure = _ask(judge, point.figure, point.at)
        if not isinstance(figure, Answer):
            return figure
        answers.append(figure)
        if not point.holds:
            continue
        finding = _found(judge, point)
        if not isinstance(finding, Finding):
            return finding
        findings.append(finding)
    worst = max(findings, key=_ORDER.index, default=Finding.UNKNOWN)
    return Checked(claim, tuple(answers), worst)


def _found(judge: Judge, point: Point) -> Finding | tuple[Problem, ...]:
    for condition, finding in ((point.holds, Finding.HOLDS), (point.near, Finding.NEAR)):
        if not condition:
            continue
        said = _ask(judge, condition, point.at)
        if not isinstance(said, Answer):
            return said
        if said.reading.truth is None:
            return Finding.UNKNOWN
        if said.reading.truth:
            return finding
    return Finding.FAILS


def _ask(judge: Judge, text: str, at: Micros) -> Answer | tuple[Problem, ...]:
    found = compiled(text, judge.ruleset, file="claim")
    return answer(judge, found, at) if isinstance(found, Expression) else found


def claims_of(rows: Sequence[dict[str, str]], at: dict[str, Micros]) -> tuple[Claim, ...]:
    """Return claims from the rows of a table; a row without a text goes on with the last claim.

    Args:
        rows: With ``number``, ``claim``, ``at``, ``figure``, ``holds``, ``near`` and ``remark``.
        at: µs by what stands under ``at``.
    """
    found: list[Claim] = []
    for row in rows:
        if row["claim"]:
            found.append(Claim(row["claim"], (), row["remark"], row["number"]))
        if row["figure"]:
            last = found[-1]
            point = Point(at[row["at"]], row["figure"], row["holds"], row["near"])
            found[-1] = replace(last, points=(*last.points, point))
    return tuple(found)
