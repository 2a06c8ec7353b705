"""The expression language: small, total, and checked before any data exists."""

from ebbwatch.expr.check import compile_expression
from ebbwatch.expr.graph import Expression, Graph, Node
from ebbwatch.expr.literals import parse_duration, parse_quantity
from ebbwatch.expr.parts import fitted
from ebbwatch.expr.scope import RuleRef, Scope
from ebbwatch.expr.tree import Fault

__all__ = [
    "Expression",
    "Fault",
    "Graph",
    "Node",
    "RuleRef",
    "Scope",
    "compile_expression",
    "fitted",
    "parse_duration",
    "parse_quantity",
]
