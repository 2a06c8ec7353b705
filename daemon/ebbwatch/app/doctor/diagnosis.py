"""Diagnoses: what doctor says of one thing it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How one thing is.

    Attributes:
        name: Of the thing, short: ``database``, ``nyfed``.
        health: How it is.
        said: What was found.
        remedy: What to do about it; empty where nothing is to be done.
    """

    name: str
    health: Verdict
    said: str
    remedy: str = ""


def fine(name: str, said: str) -> Diagnosis:
    """Return that a thing is as it should be."""
    return Diagnosis(name, Verdict.OK, said)


def doubtful(name: str, said: str, remedy: str = "") -> Diagnosis:
    """Return that a thing works, or may work, and is not as it should be."""
    return Diagnosis(name, Verdict.WARN, said, remedy)


def failing(name: str, said: str, remedy: str = "") -> Diagnosis:
    """Return that a thing does not work."""
    return Diagnosis(name, Verdict.FAIL, said, remedy)
