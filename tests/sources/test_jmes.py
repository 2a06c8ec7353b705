"""JMESPath with bounds: what fits is found, and what would have no end is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ebbwatch.sources.jmes import Budget, CannotSearch, fault_of_expression, search

DATA = {"rows": [{"d": f"2026-01-{n % 28 + 1:02}", "v": Decimal(n)} for n in range(1_000)]}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("length(rows)", 1_000),
        ("rows[?d == '2026-01-02'] | [0].v", Decimal(1)),
        ("rows[-1].[d, v]", ["2026-01-20", Decimal(999)]),
        ("to_string(rows[0])", '{"d":"2026-01-01","v":"0"}'),
        ("to_string('as it is')", "as it is"),
        ("join('/', rows[:2].d)", "2026-01-01/2026-01-02"),
        ("sort_by(rows, &d)[0].d", "2026-01-01"),
        ("nowhere", None),
    ],
)
def test_what_fits_is_found(expression: str, found: object) -> None:
    """As the library finds it."""
    assert fault_of_expression(expression) is None
    assert search(expression, DATA, Budget()) == found


@pytest.mark.parametrize(
    "expression",
    [
        "|".join(["[@,@]"] * 60),
        "|".join(["[@,@][]"] * 50),
        "|".join(["[@,@]"] * 60 + ["to_string(@)"]),
        "|".join(["[@,@]"] * 35) + "==" + "|".join(["[@,@]"] * 35),
        "|".join(["{a:@,b:@}"] * 35),
        "to_string(rows)",
        "'xxxxxxxxxxxxxxxxxxxx' | " + " | ".join(["join('', [@, @, @, @])"] * 18),
        "|".join(["rows[*]", *["[*].[@,@]"] * 35]),
    ],
)
def test_what_grows_without_end_is_refused(expression: str) -> None:
    """Doubled fifty times, compared, flattened or written out."""
    assert fault_of_expression(expression) is None
    with pytest.raises(CannotSearch, match=r"takes more than|makes a text of more"):
        search(expression, DATA, Budget())


@pytest.mark.parametrize(
    "expression", ["sum(rows)", "rows[?v > 'x']", "max_by(rows, &nowhere)", "abs(rows)", "sort(@)"]
)
def test_what_does_not_fit_says_so(expression: str) -> None:
    """Whatever the library raises of it."""
    with pytest.raises(CannotSearch, match=r"does not fit what was answered \(\w+\)"):
        search(expression, DATA, Budget())


def test_all_expressions_over_one_answer_share_what_they_may_take() -> None:
    """A hundred thousand rows cost each of their cells."""
    budget = Budget(5_000)
    search("rows[*].v", DATA, budget)
    with pytest.raises(CannotSearch):
        search("rows[*].v", DATA, budget)
