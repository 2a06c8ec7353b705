"""Parsing: from an expression's text to its tree, or to what is wrong and where."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from ebbwatch.expr.complaints import complaints
from ebbwatch.expr.literals import literal
from ebbwatch.expr.signs import foreign_signs
from ebbwatch.expr.tree import (
    Arithmetic,
    Call,
    CharRange,
    Comparison,
    Faulty,
    Literal,
    Logic,
    Minus,
    Name,
    Not,
    Quoted,
    Tree,
)

#: Longest expression; a rule that needs more wants a define.
LIMIT_CHARS = 8_000
#: Deepest nesting of parentheses, calls and signs.
LIMIT_DEPTH = 64


class _Builder(Transformer[Token, Tree]):
    """Builds the tree bottom up; one method per rule of the grammar."""

    def start(self, items: list[Tree]) -> Tree:
        return items[0]

    group = start

    def disjunction(self, items: list[Any]) -> Tree:
        return _logic("or", items)

    def conjunction(self, items: list[Any]) -> Tree:
        return _logic("and", items)

    def negation(self, items: list[Any]) -> Tree:
        return Not(CharRange(items[0].start_pos, items[1].place.end), items[1])

    def comparison(self, items: list[Any]) -> Tree:
        left, operator, right = items
        return Comparison(CharRange(left.place.start, right.place.end), str(operator), left, right)

    def sum(self, items: list[Any]) -> Tree:
        left, operator, right = items
        return Arithmetic(CharRange(left.place.start, right.place.end), str(operator), left, right)

    product = sum  # noqa: A003  the rule of the grammar above, not the builtin

    def minus(self, items: list[Any]) -> Tree:
        sign, operand = items
        place = CharRange(sign.start_pos, operand.place.end)
        if str(sign) == "+":
            raise place.fault("syntax", "a leading + says nothing", "leave it out")
        return Minus(place, operand)

    def call(self, items: list[Any]) -> Tree:
        function = items[0]
        arguments = tuple(item for item in items[1:] if item is not None)
        end = arguments[-1].place.end if arguments else function.end_pos + 1
        return Call(
            CharRange(function.start_pos, end + 1),
            Name(CharRange(function.start_pos, function.end_pos), str(function)),
            arguments,
        )

    def name(self, items: list[Token]) -> Tree:
        return Name(_place(items[0]), str(items[0]))

    def text(self, items: list[Token]) -> Tree:
        return Quoted(_place(items[0]), str(items[0])[1:-1])

    def quantity(self, items: list[Token]) -> Literal:
        return literal(str(items[0]), _place(items[0]))


def _place(token: Token) -> CharRange:
    start, end = token.start_pos, token.end_pos
    assert start is not None
    assert end is not None
    return CharRange(start, end)


def _logic(operator: str, items: list[Any]) -> Tree:
    operands = tuple(item for item in items if not isinstance(item, Token))
    return Logic(CharRange(operands[0].place.start, operands[-1].place.end), operator, operands)


@cache
def _grammar() -> Lark:
    text = files("ebbwatch.expr").joinpath("grammar.lark").read_text("utf-8")
    return Lark(text, parser="lalr", maybe_placeholders=False, transformer=_Builder())


def parse(text: str) -> Tree:
    """Return an expression's tree.

    Raises:
        Faulty: With the first mistake in its grammar or its literals, or with every sign in it
            that should be another.
    """
    if len(text) > LIMIT_CHARS:
        raise CharRange(0, len(text)).fault(
            "too-long",
            f"an expression has at most {LIMIT_CHARS} characters, this one {len(text)}",
            "put parts of it into define",
        )
    if not text.strip():
        raise CharRange(0, max(1, len(text))).fault(
            "syntax", "expected an expression, found nothing"
        )
    _bound_depth(text)
    try:
        # The builder runs inside the parser: no tree of Lark's own is made.
        return cast("Tree", _grammar().parse(text))
    except UnexpectedInput as error:
        raise Faulty(*complaints(text, error)) from None
    except VisitError as error:
        if isinstance(error.orig_exc, Faulty):
            raise Faulty(*(foreign_signs(text) or error.orig_exc.faults)) from None
        raise


def _bound_depth(text: str) -> None:
    depth = chain = 0
    for at, char in enumerate(text):
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        chain = chain + 1 if char in "-+" else (chain if char.isspace() else 0)
        if depth > LIMIT_DEPTH or chain > LIMIT_DEPTH:
            raise CharRange(at, at + 1).fault(
                "too-deep", f"nested deeper than {LIMIT_DEPTH}", "put the inner part into define"
            )
