"""The tables of mistakes: what a person wrote, and exactly what is said about it.

A table is a text file of cases::

    === a sentence that names the case
    the file as written
    --- says
    every problem, as it is printed

``python -m tests.ruleset.golden`` writes what is said now into the tables, to be reviewed as
a difference before it is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ruleset.loading import loaded, rendered

TABLES = Path(__file__).parent / "mistakes"

#: Made of pieces, so that no file of ours looks as if it gave a secret away.
_STANDINS = {
    "@telegram-token@": "123456789" + ":" + "AA" + "x" * 33,
    "@slack-token@": "xox" + "b-" + "1" * 12 + "-" + "a" * 12,
    "@slack-hook@": "https://hooks.slack" + ".com/services/T0/B0/" + "x" * 12,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a table."""

    name: str
    text: str
    says: str


def cases(table: Path) -> Iterator[Case]:
    """Yield the cases of a table."""
    for block in table.read_text("utf-8").split("=== ")[1:]:
        head, _, says = block.partition("--- says\n")
        name, _, text = head.partition("\n")
        yield Case(name, text, says.rstrip("\n"))


def said_of(case: Case) -> str:
    """Return what is said about a case now."""
    text = case.text
    for standin, secret in _STANDINS.items():
        text = text.replace(standin, secret)
    return rendered(loaded(text))


def secrets() -> list[str]:
    """Return the secrets that stand in cases."""
    return [secret.removeprefix("https://hooks.slack.com") for secret in _STANDINS.values()]


def accept() -> None:
    """Write what is said now into the tables."""
    for table in sorted(TABLES.glob("*.txt")):
        blocks = [f"=== {c.name}\n{c.text}--- says\n{said_of(c)}\n" for c in cases(table)]
        table.write_text("\n".join(blocks), "utf-8")


if __name__ == "__main__":
    accept()
