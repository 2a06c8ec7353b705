"""The expression language: small, total, and checked before any data exists."""

from ebbwatch.expr.check import RuleRef, Scope, compile_expression, fitted, suggestion
from ebbwatch.expr.graph import Expression, Graph, Node
from ebbwatch.expr.literals import parse_duration, parse_quantity
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
    "suggestion",
]
