"""What is wrong with an expression, word for word; and what a right one means."""

from __future__ import annotations

import sys
from fractions import Fraction

import pytest

from ebbwatch.expr import Expression, Fault, RuleRef, Scope, compile_expression
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.parse import LIMIT_CHARS, parse
from ebbwatch.expr.tree import Arithmetic, Comparison, Literal, Logic, Minus, Name, Not, Tree
from ebbwatch.model.units import RATE, Quantity
from tests.naive.tapes import CATALOGUE

_SPREAD = RuleRef(
    "sofr - effr",
    thresholds={
        "watch": Quantity(Fraction(1, 1000), RATE, "bp"),
        "warning": Quantity(Fraction(2, 1000), RATE, "bp"),
    },
)


def scope() -> Scope:
    """Return a scope with a define in a circle, and two rules to ask about."""
    return Scope(
        CATALOGUE,
        {"circle": "circle + 1 %", "spread": "sofr - effr"},
        {"spread": _SPREAD, "text": RuleRef(None)},
    )


#: Text, and every fault: (start, end, code, message, hint).
MISTAKES: list[tuple[str, list[tuple[int, int, str, str, str]]]] = [
    ("", [(0, 1, "syntax", "expected an expression, found nothing", "")]),
    ("   ", [(0, 3, "syntax", "expected an expression, found nothing", "")]),
    ("sofr +", [(6, 7, "syntax", "the expression ends too early", "")]),
    ("(sofr", [(5, 6, "syntax", "the expression ends too early", "")]),
    ("sofr)", [(4, 5, "syntax", ") has no place here", "expected the end")]),
    ("sofr sofr", [(5, 9, "syntax", "sofr has no place here", "an operator is missing before it")]),
    ("sofr 3", [(5, 6, "syntax", "3 has no place here", "an operator is missing before it")]),
    ("* sofr", [(0, 1, "syntax", "* has no place here", "")]),
    ("+sofr", [(0, 5, "syntax", "a leading + says nothing", "leave it out")]),
    ("sofr = 5 %", [(5, 6, "syntax", "= has no place here", "equality is written ==")]),
    ("sofr & effr", [(5, 6, "syntax", "& has no place here", "write and")]),
    ("sofr | effr", [(5, 6, "syntax", "| has no place here", "write or")]),
    ("!sofr", [(0, 1, "syntax", "! has no place here", "write not, or != for unequal")]),
    ("sofr ^ 2", [(5, 6, "syntax", "^ has no place here", "there is no power: write x * x")]),
    ("sofr[4]", [(4, 5, "syntax", "[ has no place here", "windows are arguments: avg(x, 4 w)")]),
    ("{rate}", [(0, 1, "syntax", "{ has no place here", "{names} are filled in by foreach only")]),
    ("€5", [(0, 1, "syntax", "€ has no place here", "money is in dollars: $")]),
    (
        "sofr < effr < 5 %",
        [
            (
                12,
                13,
                "syntax",
                "< has no place here",
                "comparisons do not chain: write a < b and b < c",
            )
        ],
    ),
    (
        "sofr and effr",
        [
            (
                0,
                4,
                "not-a-condition",
                "expected a condition, found a number (rate)",
                "compare it with something: x > 10 bp",
            ),
            (
                9,
                13,
                "not-a-condition",
                "expected a condition, found a number (rate)",
                "compare it with something: x > 10 bp",
            ),
        ],
    ),
    (
        "not sofr",
        [
            (
                4,
                8,
                "not-a-condition",
                "expected a condition, found a number (rate)",
                "compare it with something: x > 10 bp",
            )
        ],
    ),
    ("sofr > 5 % or", [(13, 14, "syntax", "the expression ends too early", "")]),
    (
        "sofr > 5 m",
        [
            (
                7,
                10,
                "ambiguous-unit",
                "5 m is ambiguous",
                "write 5 min for minutes, 5 mo for months, $5mn for millions",
            )
        ],
    ),
    (
        "sofr > 5 xy",
        [
            (
                7,
                11,
                "unknown-unit",
                "xy is no unit",
                "units are %, bp, min, h, d, w, bd, mo, y, release, releases",
            )
        ],
    ),
    (
        "sofr > $5q",
        [
            (
                7,
                10,
                "unknown-unit",
                "expected k, mn, bn or tn after $5, found q",
                "write $2.8tn, $150bn, $500mn",
            )
        ],
    ),
    (
        "sofr > $5/kg",
        [
            (
                7,
                12,
                "unknown-unit",
                "expected a price per oz or BTC, found /kg",
                "write $4000/oz or $100000/BTC",
            )
        ],
    ),
    ("sofr > $5", [(0, 9, "units", "cannot compare a rate and an amount of money", "")]),
    ("sofr + reserves", [(0, 15, "units", "cannot add a rate and an amount of money", "")]),
    (
        "reserves / assets < 20 bp",
        [
            (
                0,
                25,
                "units",
                "cannot compare a ratio and a rate",
                "bp fits rates only; a ratio is compared with %: 10 %",
            )
        ],
    ),
    (
        "sofr > 5",
        [
            (
                0,
                8,
                "units",
                "cannot compare a rate and a number without a unit",
                "put the unit on the number: 5 % or 20 bp",
            )
        ],
    ),
    (
        "reserves > 5",
        [
            (
                0,
                12,
                "units",
                "cannot compare an amount of money and a number without a unit",
                "put the unit on the number: $2.8tn",
            )
        ],
    ),
    (
        "soffr > 5 %",
        [(0, 5, "unknown-name", "there is no series or define soffr", "did you mean sofr?")],
    ),
    (
        "avrg(sofr, 4 w)",
        [(0, 4, "unknown-function", "there is no function avrg", "did you mean avg?")],
    ),
    (
        "avg(sofr)",
        [
            (
                0,
                9,
                "arguments",
                "avg takes 2 arguments, found 1",
                "avg(value, window), for example avg(sofr - effr, 13 w) > 5 bp",
            )
        ],
    ),
    (
        "avg(sofr, 4 w, 2)",
        [(0, 17, "arguments", "avg takes 2 arguments, found 3", "avg(value, window)")],
    ),
    (
        "avg(sofr, 4)",
        [
            (
                10,
                11,
                "not-a-window",
                "expected a window",
                "put a unit on it: 4 releases, 4 bd, 4 d or 4 w",
            )
        ],
    ),
    (
        "avg(sofr, 20 bp)",
        [
            (
                10,
                15,
                "not-a-window",
                "expected a window",
                "write 4 w, 13 w, 1 y, 20 bd or 5 releases",
            )
        ],
    ),
    ("avg(4 %, 4 w)", [(4, 7, "constant", "expected a series, found a number", "")]),
    ("avg(sofr > 1 %, 4 w)", [(4, 14, "not-a-number", "expected a number, found a condition", "")]),
    ("lag(sofr, 0 d)", [(10, 13, "not-a-window", "a window is longer than nothing", "")]),
    (
        "sofr + 1 y",
        [
            (
                7,
                10,
                "misplaced-duration",
                "1 y is a span, not a quantity",
                "spans stand in windows, for and repeat only",
            )
        ],
    ),
    (
        "sofr > 2 releases",
        [
            (
                7,
                17,
                "misplaced-duration",
                "2 releases is a span, not a quantity",
                "spans stand in windows, for and repeat only",
            )
        ],
    ),
    ("lag(sofr, 1.5 bd)", [(10, 16, "bad-duration", "bd are counted in whole numbers from 1", "")]),
    ("5 % > 4 %", [(0, 9, "constant", "this compares two numbers that never change", "")]),
    ("5 %", [(0, 3, "constant", "this is the same at all times", "name a series")]),
    ("1 + 2", [(0, 5, "constant", "this is the same at all times", "name a series")]),
    ("sofr / 0", [(7, 8, "division-by-zero", "this divides by zero", "")]),
    (
        "reserves - mondays",
        [
            (
                0,
                18,
                "periods",
                "one side is week ending Wednesday, the other week ending Monday",
                "put one on the other's periods: at(x, y)",
            )
        ],
    ),
    (
        '"x" > 5 %',
        [(0, 3, "misplaced-text", "a quoted text has no place here", "only breaches takes one")],
    ),
    (
        "count(sofr)",
        [
            (
                6,
                10,
                "not-a-condition",
                "expected a condition, found a number (rate)",
                "compare it with something: x > 10 bp",
            )
        ],
    ),
    (
        "count()",
        [(0, 7, "arguments", "count takes at least 1 argument, found 0", "count(conditions)")],
    ),
    (
        "streak(sofr)",
        [
            (
                7,
                11,
                "not-a-condition",
                "expected a condition, found a number (rate)",
                "compare it with something: x > 10 bp",
            )
        ],
    ),
    (
        "streak(count(sofr > 1 %) > 1)",
        [
            (
                7,
                28,
                "no-past",
                "streak looks back, and count and breaches have no past periods",
                "put the window inside, around what is compared",
            )
        ],
    ),
    (
        "avg(count(sofr > 1 %), 4 w)",
        [
            (
                4,
                21,
                "no-past",
                "avg looks back, and count and breaches have no past periods",
                "put the window inside, around what is compared",
            )
        ],
    ),
    (
        "breaches(spread, warning)",
        [
            (
                9,
                15,
                "arguments",
                "expected a rule's name in quotes",
                'write breaches("funding-spread", warning)',
            )
        ],
    ),
    (
        'breaches("spread", high)',
        [(19, 23, "arguments", "expected a level", "levels are watch, warning and critical")],
    ),
    ('breaches("nope", watch)', [(9, 15, "unknown-rule", "there is no rule nope", "")]),
    (
        'breaches("spread", critical)',
        [(19, 27, "arguments", "spread has no level critical", "it has watch, warning")],
    ),
    (
        'breaches("text", watch)',
        [
            (
                9,
                15,
                "arguments",
                "text has no value and no levels",
                "breaches asks rules with above or below",
            )
        ],
    ),
    (
        "until_below(sofr, effr, 4 w)",
        [(18, 22, "not-constant", "the level is a fixed quantity", "write 9 %, $3tn")],
    ),
    (
        "until_below(sofr, $5, 4 w)",
        [(18, 20, "units", "cannot compare a rate and an amount of money", "")],
    ),
    (
        "slope(slope(sofr, 4 w), 4 w)",
        [(0, 28, "units", "a slope of a rate per time has no unit", "")],
    ),
    (
        "slope(sofr, 4 w) > 5 bp",
        [
            (
                0,
                23,
                "units",
                "cannot compare a rate per time and a rate",
                "a slope is a change per time: multiply it by a duration, slope(x, 13 w) * 30 d",
            )
        ],
    ),
    ("at(sofr, 5 %)", [(9, 12, "constant", "expected a series, found a number", "")]),
    ("at(5 %, sofr)", [(3, 6, "constant", "expected a series, found a number", "")]),
    ("sofr * effr", [(0, 11, "units", "a rate times a rate has no unit", "")]),
    (
        "reserves * reserves",
        [(0, 19, "units", "an amount of money times an amount of money has no unit", "")],
    ),
    ("reserves / sofr", [(0, 15, "units", "an amount of money divided by a rate has no unit", "")]),
    (
        "coin / reserves",
        [(0, 15, "units", "a price per BTC divided by an amount of money has no unit", "")],
    ),
    ("sofr - effr > - ", [(16, 17, "syntax", "the expression ends too early", "")]),
    (
        "min",
        [
            (
                0,
                3,
                "unknown-name",
                "there is no series or define min",
                "min is a function: min(value, window)",
            )
        ],
    ),
    ("circle", [(0, 6, "circular-define", "circle is defined by itself: circle -> circle", "")]),
    (
        "reserves / 4 w",
        [
            (
                0,
                14,
                "units",
                "an amount of money divided by a time has no unit",
                "only slope makes a change per time: slope(x, 13 w)",
            )
        ],
    ),
    (
        "count(sofr > 1 %) > 5 %",
        [
            (
                0,
                23,
                "units",
                "cannot compare a count and a ratio",
                "a count is compared with a plain number: 3",
            )
        ],
    ),
    ("sofr > 5%%", [(9, 10, "syntax", "% has no place here", "")]),
    ("sofr > 5 % # no", [(11, 12, "syntax", "# has no place here", "")]),
    ("sofr;effr", [(4, 5, "syntax", "; has no place here", "")]),
    (
        "breaches('spread', warning) and sofr",
        [
            (
                32,
                36,
                "not-a-condition",
                "expected a condition, found a number (rate)",
                "compare it with something: x > 10 bp",
            )
        ],
    ),
]


@pytest.mark.parametrize(
    ("text", "faults"), MISTAKES, ids=[text or "nothing" for text, _ in MISTAKES]
)
def test_a_mistake_is_named_where_it_stands(
    text: str, faults: list[tuple[int, int, str, str, str]]
) -> None:
    """Each malformed expression gives exactly these faults."""
    assert compile_expression(text, scope()) == [Fault(*fault) for fault in faults]


def shown(tree: Tree) -> str:
    """Return a tree with every grouping in parentheses."""
    match tree:
        case Name(name=name):
            return name
        case Literal(quantity=quantity):
            assert quantity is not None
            return str(quantity.value)
        case Minus(operand=operand):
            return f"(-{shown(operand)})"
        case Not(operand=operand):
            return f"(not {shown(operand)})"
        case Arithmetic(operator=o, left=a, right=b) | Comparison(operator=o, left=a, right=b):
            return f"({shown(a)} {o} {shown(b)})"
        case Logic(operator=o, operands=operands):
            return "(" + f" {o} ".join(map(shown, operands)) + ")"
    raise AssertionError(tree)


PRECEDENCE = [
    ("a + b * c", "(a + (b * c))"),
    ("a - b - c", "((a - b) - c)"),
    ("a / b / c", "((a / b) / c)"),
    ("a / b * c", "((a / b) * c)"),
    ("(a + b) * c", "((a + b) * c)"),
    ("-a * b", "((-a) * b)"),
    ("a - -b", "(a - (-b))"),
    ("--a", "(-(-a))"),
    ("a + b < c * 2", "((a + b) < (c * 2))"),
    ("a < b and c > b or c == a", "(((a < b) and (c > b)) or (c == a))"),
    ("a < b or c > b and c == a", "((a < b) or ((c > b) and (c == a)))"),
    ("not a < b and c > b", "((not (a < b)) and (c > b))"),
    ("not not a < b", "(not (not (a < b)))"),
    ("not (a < b or c < b)", "(not ((a < b) or (c < b)))"),
    ("a < b and c < b and a < c", "((a < b) and (c < b) and (a < c))"),
    ("a and_b", None),
    ("order or android", "(order or android)"),
    ("nothing and notes", "(nothing and notes)"),
]


@pytest.mark.parametrize(("text", "grouped"), PRECEDENCE, ids=[text for text, _ in PRECEDENCE])
def test_operators_bind_as_people_expect(text: str, grouped: str | None) -> None:
    """Or is loosest, then and, not, comparison, sums, products, minus."""
    if grouped is None:
        assert isinstance(compile_expression(text, scope()), list)
    else:
        assert shown(parse(text)) == grouped


#: One series for each dimension, and how the dimension is called.
_DIMENSIONS = {
    "sofr": "rate", "reserves": "money", "sofr / effr": "ratio", "coin": "price per BTC",
    "until_below(sofr, 1 %, 4 w)": "time", "streak(sofr > 1 %)": "count",
    "slope(sofr, 4 w)": "rate per time", "slope(reserves, 4 w)": "money per time",
    "slope(sofr / effr, 4 w)": "ratio per time", "slope(coin, 4 w)": "price per BTC per time",
}  # fmt: skip


def _product(a: str, b: str) -> str | None:
    if "ratio" in (a, b) or "count" in (a, b):
        other = b if a in ("ratio", "count") else a
        return "ratio" if {a, b} == {"ratio", "count"} else other
    for one, other in ((a, b), (b, a)):
        if one.endswith(" per time") and other == "time":
            return one.removesuffix(" per time")
    return None


def _quotient(a: str, b: str) -> str | None:
    if b in ("ratio", "count"):
        return "ratio" if a in ("ratio", "count") else a
    if a == b:
        return "ratio"
    return "time" if b == f"{a} per time" else None


@pytest.mark.parametrize("left", _DIMENSIONS)
@pytest.mark.parametrize("right", _DIMENSIONS)
def test_units_of_every_pair(left: str, right: str) -> None:
    """Sums want one dimension; products and quotients give what the table of units says."""
    a, b = _DIMENSIONS[left], _DIMENSIONS[right]
    wanted = {"+": a if a == b else None, "*": _product(a, b), "/": _quotient(a, b)}
    for operator, dimension in wanted.items():
        found = compile_expression(f"({left}) {operator} ({right})", scope())
        if dimension is None:
            assert isinstance(found, list), (operator, found)
            assert [fault.code for fault in found] == ["units"]
        else:
            assert isinstance(found, Expression), (operator, found)
            assert str(found.dimension) == dimension, operator


PRINTED = [
    ("sofr", "%"), ("sofr - effr", "bp"), ("spread", "bp"), ("change(sofr, 1 releases)", "bp"),
    ("avg(sofr - effr, 13 w)", "bp"), ("avg(sofr, 13 w)", "%"), ("abs(sofr - effr)", "bp"),
    ("(sofr - effr) * 2", "bp"), ("sofr * 2", "%"), ("(sofr - effr) / 2", "bp"),
    ("sofr + effr", "%"), ("-(sofr - effr)", "bp"), ("at(sofr - effr, reserves)", "bp"),
    ("reserves / gdp", "%"), ("sofr / effr", "%"), ("zscore(sofr, 4 w)", ""),
    ("percentile(sofr, 4 w)", "%"), ("drawdown(coin)", "%"), ("streak(sofr > 1 %)", ""),
    ("count(sofr > 1 %)", ""), ("reserves", "USD"), ("reserves - assets", "USD"),
    ("coin", "USD/BTC"), ("slope(reserves, 13 w)", "USD/d"), ("slope(sofr - effr, 13 w)", "bp/d"),
    ("slope(sofr, 13 w)", "%/d"), ("slope(reserves / gdp, 13 w)", "%/d"),
    ("slope(reserves, 13 w) * 30 d", "USD"), ("until_below(sofr, 1 %, 4 w)", "d"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "unit"), PRINTED, ids=[text for text, _ in PRINTED])
def test_values_are_printed_in_the_unit_readers_expect(text: str, unit: str) -> None:
    """Differences of rates in bp, other rates and ratios in %, money in dollars, slopes per day."""
    found = compile_expression(text, scope())
    assert isinstance(found, Expression), found
    assert found.unit == unit


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_every_function_can_be_used(name: str) -> None:
    """What the reference shows compiles under the built-in catalogue."""
    from ebbwatch import app  # noqa: PLC0415  it reads the catalogue's files

    loaded = app.load_rules({})
    assert loaded.ruleset is not None
    series = dict(loaded.ruleset.series)
    series.setdefault("gold", series["bitcoin"])
    rules = {"funding-spread": _SPREAD}
    found = compile_expression(FUNCTIONS[name].example, Scope(series, {}, rules))
    assert isinstance(found, Expression), found
    assert name in FUNCTIONS[name].example


HOSTILE = {
    "a hundred thousand characters": "sofr+" * 20_000 + "sofr",
    "parentheses": "(" * 3000 + "sofr" + ")" * 3000,
    "parentheses that never close": "(" * 7000,
    "negations": "not " * 1900 + "sofr > 1 %",
    "minus signs": "-" * 7000 + "sofr",
    "minus and parentheses": "-(" * 2000 + "sofr" + ")" * 2000,
    "a sum of thousands": "+".join(["sofr"] * 1500),
    "a product of thousands": "sofr" + "*1" * 3900,
    "double minus": "sofr" + " - -sofr" * 900,
    "conditions": " and ".join(["sofr>0 %"] * 600),
    "calls": "abs(" * 1200 + "sofr" + ")" * 1200,
    "digits": "9" * 7900 + " % + sofr",
    "decimals": "0." + "1" * 7900 + " % + sofr",
    "windows upon windows": "avg(" * 50 + "sofr" + ", 1 y)" * 50,
    "averages in a sum, one over the other": "avg(sofr + " * 13 + "sofr" + ", 4 w)" * 13,
    "a product of large numbers": "sofr" + f" * {'9' * 39}" * 100,
    "a quotient by large numbers": "sofr" + f" / {'9' * 39}" * 100,
    "a large number made of large ones": f"sofr / ({' * '.join(['9' * 39] * 100)})",
    "centuries": "avg(sofr, 9999999999 d)",
    "more centuries": f"avg(sofr, {'9' * 39} y)",
    "more business days than there are": "avg(sofr, 9999999999 bd)",
    "more releases than there are": f"lag(sofr, {'9' * 39} releases)",
    "a window of no length": "avg(sofr, 0.0000000001 min)",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_expression_cannot_run_away(text: str) -> None:
    """Whatever is written, one clear fault comes, and no recursion without end."""
    found = compile_expression(text, scope())
    assert isinstance(found, list)
    codes = {fault.code for fault in found}
    assert codes <= {"too-long", "too-deep", "too-large", "bad-quantity", "bad-duration"}
    assert len(text) > LIMIT_CHARS or found[0].code != "too-long"


@pytest.mark.parametrize(
    "form", ["{} + 1 %", "{} + {}", "avg({}, 2 w)", "pct_change({}, 2 w) * 1 %"]
)
def test_defines_on_defines_cannot_run_away(form: str) -> None:
    """A thousand defines, each on the one before, are a fault and no crash."""
    defines = {f"d{n}": form.replace("{}", f"d{n - 1}") for n in range(1, 1000)}
    found = compile_expression("d999", Scope(CATALOGUE, {"d0": "sofr", **defines}))
    assert isinstance(found, list)
    assert sys.getrecursionlimit() <= 3000


#: One past a bound, and the bound itself: what is told of the one, and that the other is taken.
BOUNDS = [
    ("avg(sofr, 73051 d)", "expected a duration of at most 73050 d, found 73051 d",
     "avg(sofr, 73050 d)"),
    ("avg(sofr, 201 y)", "expected a duration of at most 200 y, found 201 y", "avg(sofr, 200 y)"),
    ("avg(sofr, 1000001 releases)",
     "expected a duration of at most 1000000 releases, found 1000001 releases",
     "avg(sofr, 1000000 releases)"),
    ("avg(sofr, 0.5 min)", "a window is at least 1 min long", "avg(sofr, 1 min)"),
    ("until_below(sofr, 1 %, 4 w) > 0.01 min",
     "expected a duration of at least a second, found 0.01 min",
     "until_below(sofr, 1 %, 4 w) > 0.02 min"),
    (f"sofr * {'9' * 30} * {'9' * 31}", "a number computed here has 61 digits, at most 60 may be",
     f"sofr * {'9' * 30} * {'9' * 30}"),
    ("avg(" * 13 + "sofr" + ", 1 d)" * 13, "13 windows lie one over the other, at most 12 may",
     "avg(" * 12 + "sofr" + ", 1 d)" * 12),
]  # fmt: skip


@pytest.mark.parametrize(("beyond", "message", "within"), BOUNDS, ids=[row[1] for row in BOUNDS])
def test_what_is_just_within_a_bound_is_taken(beyond: str, message: str, within: str) -> None:
    """The bound itself is inside, and what lies beyond is told with it."""
    found = compile_expression(beyond, scope())
    assert isinstance(found, list)
    assert [fault.message for fault in found] == [message]
    assert isinstance(compile_expression(within, scope()), Expression)


def test_an_expression_takes_a_bounded_number_of_computations() -> None:
    """However many defines it is spread over."""
    defines = {
        f"d{n}": "count(" + ", ".join(f"sofr>{n}.{k:03}1 %" for k in range(500)) + ")"
        for n in range(5)
    }
    whole = Scope(CATALOGUE, defines)
    assert isinstance(compile_expression("d0 + d1 + d2", whole), Expression)
    (fault,) = compile_expression("d0 + d1 + d2 + d3 + d4", whole)  # type: ignore[misc]
    assert fault == Fault(0, 22, "too-large", "this takes more than 5000 computations")


def test_many_conditions_may_be_counted() -> None:
    """A count of hundreds is wide, not deep."""
    text = "count(" + ", ".join(["sofr > 1 %"] * 500) + ") > 3"
    assert isinstance(compile_expression(text, scope()), Expression)


def test_equal_parts_of_any_rules_are_one_node() -> None:
    """However it is written, one computation is one node of the graph."""
    shared = scope()
    one = compile_expression("avg(sofr - effr, 4 w) > 5 bp", shared)
    two = compile_expression("avg( spread , 4 w)>0.05 %", shared)
    assert isinstance(one, Expression)
    assert isinstance(two, Expression)
    assert one.node is two.node
