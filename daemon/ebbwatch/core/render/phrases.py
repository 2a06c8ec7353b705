"""Expressions in words: what a rule measures, as a desk would say it.

No function of the language is ever shown to a reader: each has words in its row of the table
of functions, and what it is called with is put into them. A define with a title goes by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ebbwatch.core.render.message_contexts import Measure
from ebbwatch.core.render.words import Translator, level_word, series_label
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.expr.parse import parse
from ebbwatch.expr.tree import (
    Arithmetic,
    Call,
    Comparison,
    Literal,
    Logic,
    Minus,
    Name,
    Not,
    Quoted,
    Tree,
)
from ebbwatch.model.alert import LEVELS
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import Rank
from ebbwatch.model.series import Series
from ebbwatch.model.text import Text
from ebbwatch.model.units import printed

#: Characters of a formula, and of a phrase, above which the rule's title stands for it.
FORMULA_LIMIT_CHARS, PHRASE_LIMIT_CHARS = 60, 160
#: How comparisons are written for readers.
COMPARISONS = {">": ">", ">=": "≥", "<": "<", "<=": "≤", "==": "=", "!=": "≠"}
_SIGNS = {"+": "+", "-": "−", "*": "×", "/": "/"}
#: How closely signs bind; a phrase binds not at all, a name fully.
_PHRASE, _SUM, _PRODUCT, _NAME = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What the names in expressions are called.

    Attributes:
        series: By name.
        defines: Their expressions, by name.
        define_titles: Of those that have one.
        rules: Titles of rules, by name.
    """

    series: Mapping[str, Series] = field(default_factory=dict)
    defines: Mapping[str, str] = field(default_factory=dict)
    define_titles: Mapping[str, Text] = field(default_factory=dict)
    rules: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Says expressions in several languages.

    Attributes:
        naming: What names are called.
        translators: One for each language wanted.
    """

    naming: Naming
    translators: Sequence[Translator]

    def measure(self, text: str) -> Measure:
        """Return what an expression measures: ``SOFR − EFFR``.

        It is empty where it would be too long to be read in passing: a title says it better.
        """
        tree = parse(text)
        if isinstance(tree, Name) and tree.name in self.naming.define_titles:
            return Measure(self.naming.define_titles[tree.name], formula=False)
        formula = _is_formula(tree, self.naming)
        said = self.say(tree)
        limit = FORMULA_LIMIT_CHARS if formula else PHRASE_LIMIT_CHARS
        if any(len(words) > limit for _, words in said.by_language):
            return Measure(Text(), formula=formula)
        return Measure(said, formula=formula)

    def say(self, tree: Tree) -> Text:
        """Return a tree in words, beginning with a capital."""
        said = [(t.language, _Speaker(t, self.naming).say(tree)) for t in self.translators]
        return Text(tuple((language, words[:1].upper() + words[1:]) for language, words in said))


def _is_formula(tree: Tree, naming: Naming) -> bool:
    """Return whether an expression is made of names and signs alone."""
    match tree:
        case Literal():
            return True
        case Name(name=name):
            if name in naming.define_titles:
                return False
            if name in naming.defines:
                return _is_formula(parse(naming.defines[name]), naming)
            return True
        case Minus(operand=operand):
            return _is_formula(operand, naming)
        case Arithmetic(left=left, right=right):
            return _is_formula(left, naming) and _is_formula(right, naming)
    return False


@dataclass(frozen=True, slots=True)
class _Speaker:
    t: Translator
    naming: Naming

    def say(self, tree: Tree, least: int = _PHRASE) -> str:
        """Return a tree in words, in brackets where it binds less than its place needs."""
        words, binds = self._said(tree)
        return f"({words})" if binds < least else words

    def _said(self, tree: Tree) -> tuple[str, int]:
        match tree:
            case Literal():
                return self._literal(tree), _NAME
            case Name(name=name):
                return self._name(name)
            case Quoted(text=name):
                return self._rule(name), _NAME
            case Minus(operand=operand):
                return f"−{self.say(operand, _NAME)}", _PRODUCT
            case Arithmetic(operator=sign, left=left, right=right):
                binds = _SUM if sign in "+-" else _PRODUCT
                after = binds + (sign in "-/")
                words = f"{self.say(left, binds)} {_SIGNS[sign]} {self.say(right, after)}"
                return words, binds
            case Comparison(operator=sign, left=left, right=right):
                return f"{self.say(left)} {COMPARISONS[sign]} {self.say(right)}", _PHRASE
            case Logic(operator=operator, operands=operands):
                words = self._joined(operator, [self.say(o, _SUM) for o in operands])
                return words, _PHRASE
            case Not(operand=operand):
                return self.t.gettext("not {condition}").format(
                    condition=self.say(operand)
                ), _PHRASE
            case Call():
                return self._call(tree)

    def _literal(self, tree: Literal) -> str:
        if tree.duration is not None:
            return self._span(tree.duration, Rank.DAILY)
        assert tree.quantity is not None
        unit = tree.quantity.unit
        return self.t.number(printed(tree.quantity.value, unit), unit, short=True)

    def _name(self, name: str) -> tuple[str, int]:
        title = self.naming.define_titles.get(name)
        if title is not None:
            return title.in_language(self.t.language), _NAME
        if name in self.naming.defines:
            return self._said(parse(self.naming.defines[name]))
        titles = {one: series.title for one, series in self.naming.series.items() if one == name}
        return series_label(self.t, name, titles), _NAME

    def _rule(self, name: str) -> str:
        title = self.naming.rules.get(name, Text())
        return title.in_language(self.t.language) or name

    def _joined(self, operator: str, conditions: Sequence[str]) -> str:
        words = conditions[0]
        both = self.t.gettext("{one} and {other}")
        if operator == "or":
            both = self.t.gettext("{one} or {other}")
        for condition in conditions[1:]:
            words = both.format(one=words, other=condition)
        return words

    def _call(self, tree: Call) -> tuple[str, int]:
        function = FUNCTIONS[tree.function.name]
        arguments = tree.arguments
        words = function.words
        given: dict[str, str] = {}
        match function.name:
            case "count":
                given["n"] = self.t.count(len(arguments))
            case "breaches":
                level = arguments[1]
                assert isinstance(level, Name)
                given = {
                    "rule": self.say(arguments[0]), "level": level_word(self.t, LEVELS[level.name])
                }  # fmt: skip
            case "at":
                return self._said(arguments[0])
            case _:
                given = {"x": self.say(arguments[0]), "c": self.say(arguments[0])}
                if len(arguments) == 3:
                    given["level"] = self.say(arguments[1])
                window = arguments[-1]
                if len(arguments) > 1 and isinstance(window, Literal) and window.duration:
                    given["w"] = self._span(window.duration, self._rank(arguments[0]))
                elif function.words_of_all:
                    words = function.words_of_all
        return self.t.gettext(words).format(**given), _PHRASE

    def _rank(self, tree: Tree) -> Rank:
        """Return how fast an expression moves: as the fastest series in it."""
        match tree:
            case Name(name=name) if name in self.naming.defines:
                return self._rank(parse(self.naming.defines[name]))
            case Name(name=name) if name in self.naming.series:
                return self.naming.series[name].every.rank
            case Call(function=function, arguments=arguments):
                asked = arguments[1:] if function.name == "at" else arguments
                return min((self._rank(one) for one in asked), default=Rank.YEAR)
            case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
                return min(self._rank(left), self._rank(right))
            case Logic(operands=operands):
                return min(self._rank(one) for one in operands)
            case Minus(operand=operand) | Not(operand=operand):
                return self._rank(operand)
        return Rank.YEAR

    def _span(self, duration: Duration, rank: Rank) -> str:
        """Return a length of time: ``13 weeks``; releases as what they come by: ``5 days``."""
        unit = _RELEASES.get(rank, "") if duration.unit == "releases" else duration.unit
        n = duration.count
        number = self.t.count(int(n)) if n.denominator == 1 else f"{float(n):g}"
        return self._counted(unit, 1 if n == 1 else 2).format(n=number)

    def _counted(self, unit: str, n: int) -> str:
        match unit:
            case "min":
                return self.t.ngettext("{n} minute", "{n} minutes", n)
            case "h":
                return self.t.ngettext("{n} hour", "{n} hours", n)
            case "d":
                return self.t.ngettext("{n} day", "{n} days", n)
            case "bd":
                return self.t.ngettext("{n} business day", "{n} business days", n)
            case "w":
                return self.t.ngettext("{n} week", "{n} weeks", n)
            case "mo":
                return self.t.ngettext("{n} month", "{n} months", n)
            case "quarter":
                return self.t.ngettext("{n} quarter", "{n} quarters", n)
            case "y":
                return self.t.ngettext("{n} year", "{n} years", n)
        return self.t.ngettext("{n} reading", "{n} readings", n)


_RELEASES = {
    Rank.DAILY: "d",
    Rank.WEEK: "w",
    Rank.MONTH: "mo",
    Rank.QUARTER: "quarter",
    Rank.YEAR: "y",
}
