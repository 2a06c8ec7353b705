"""The expression language of rule files: from a text to its readings.

A text goes this way: `parse` makes a tree of it, `check` looks up its names and units and makes
nodes of the `graph`, which all expressions of a ruleset share, and `evaluate` computes nodes
from the facts that a `view` gives. Everything is checked before any data exists. What functions
there are, and how each is computed, stands in one table: `functions`.
"""

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
