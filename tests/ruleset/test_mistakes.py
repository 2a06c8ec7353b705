"""Every mistake in the tables is told exactly as it stands there."""

from __future__ import annotations

import pytest

from tests.ruleset import golden
from tests.ruleset.golden import Case

CASES = [case for table in sorted(golden.TABLES.glob("*.txt")) for case in golden.cases(table)]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_mistake_is_told_exactly(case: Case) -> None:
    """The message, the place and the hint are those that a person reviewed."""
    said = golden.said_of(case)
    assert said == case.says
    assert not any(secret[:16] in said for secret in golden.secrets())


def test_the_tables_are_long() -> None:
    """There are some two hundred cases, each with a name of its own."""
    assert len(CASES) >= 200
    assert len({case.name for case in CASES}) == len(CASES)
