"""JMESPath with bounds: what an expression may do to one answer ends, whatever it says.

An expression of eighty characters can make a list of a billion parts out of any answer. So
steps are counted, and how large what they make would be if it were written out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import (
    ArityError,
    EmptyExpressionError,
    IncompleteExpressionError,
    JMESPathError,
    LexerError,
    ParseError,
    UnknownFunctionError,
    VariadictArityError,
)
from jmespath.functions import Functions, signature
from jmespath.visitor import Options, TreeInterpreter

#: Longest expression that is read, and steps that all expressions together may take over one
#: answer: about twice what an answer of the largest size has cells.
EXPRESSION_LIMIT_CHARS = 500
STEPS = 5_000_000
#: Longest text that an expression may make of an answer.
TEXT_LIMIT_CHARS = 10_000

#: What jmespath lets through from below: its functions check little of what they are given.
_BELOW = (TypeError, ValueError, AttributeError, ArithmeticError, LookupError, RecursionError)


class CannotSearch(Exception):
    """An expression does not fit what it is asked of; says why."""


@dataclass(slots=True)
class Budget:
    """How many steps may still be taken over one answer."""

    left: int = STEPS

    def take(self, steps: int) -> None:
        """Take some of them.

        Raises:
            CannotSearch: If there are not as many left.
        """
        self.left -= steps
        if self.left < 0:
            raise CannotSearch(f"takes more than {STEPS:,} steps")


def search(expression: str, data: object, budget: Budget) -> Any:
    """Return what an expression finds; null is None.

    Raises:
        CannotSearch: If it does not fit the data, or takes too many steps.
    """
    try:
        return _Counted(budget).visit(_compiled(expression).parsed, data)
    except (JMESPathError, *_BELOW) as error:
        raise CannotSearch(f"does not fit what was answered ({type(error).__name__})") from None


def fault_of_expression(expression: str) -> str | None:
    """Return why a text is no JMESPath expression, with the place where it breaks off."""
    what = f"`{expression}` is no JMESPath expression"
    if len(expression) > EXPRESSION_LIMIT_CHARS:
        return (
            f"the expression has {len(expression)} characters; "
            f"at most {EXPRESSION_LIMIT_CHARS} are read"
        )
    try:
        _Counted(Budget()).visit(_compiled(expression).parsed, None)
    except (ArityError, VariadictArityError) as error:
        return f"{what}: {error}"
    except (EmptyExpressionError, IncompleteExpressionError):
        return f"{what}: it breaks off at its end"
    except (LexerError, ParseError) as error:
        return f"{what}, at character {error.lex_position + 1}"
    except UnknownFunctionError as error:
        return f"{what}: {str(error).lower()}"
    except RecursionError:
        return f"{what}: nested too deep"
    except (JMESPathError, CannotSearch, *_BELOW):
        return None  # a function that does not like null; real rows are something else
    return None


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


class _Functions(Functions):
    """The functions of JMESPath; those that write text write no more than a cell can hold."""

    @signature({"types": []})
    def _func_to_string(self, given: Any) -> str:
        if isinstance(given, str):
            return given
        text = ""
        for piece in json.JSONEncoder(separators=(",", ":"), default=str).iterencode(given):
            text = _short(text + piece)
        return text

    @signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, texts: list[str]) -> str:
        text = ""
        for number, piece in enumerate(texts):
            text = _short(text + (separator if number else "") + piece)
        return text


def _short(text: str) -> str:
    if len(text) > TEXT_LIMIT_CHARS:
        raise CannotSearch(f"makes a text of more than {TEXT_LIMIT_CHARS:,} characters")
    return text


class _Counted(TreeInterpreter):
    """Walks an expression over data, and counts.

    What is made of the same parts several times is small in memory and huge where it is
    compared, flattened or written out: so each thing made has the size of its parts together.
    """

    def __init__(self, budget: Budget) -> None:
        super().__init__(Options(custom_functions=_Functions()))
        self._budget = budget
        self._sizes: dict[int, int] = {}
        self._made: list[object] = []  # an identity stands for one thing while that is there

    def visit(self, node: Any, *args: Any, **options: Any) -> Any:
        """Return what a node of the expression finds."""
        result = super().visit(node, *args, **options)
        self._budget.take(1)
        if isinstance(result, list | dict):
            parts = result if isinstance(result, list) else result.values()
            self._keep(result, 1 + sum(self._sizes.get(id(part), 1) for part in parts))
        return result

    def _keep(self, result: object, size: int) -> None:
        if id(result) in self._sizes:
            return
        self._budget.take(size)
        self._sizes[id(result)] = size
        self._made.append(result)
