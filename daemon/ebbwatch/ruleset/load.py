"""Load: texts of rule files in, a ruleset or everything that is wrong with them out.

1. Every file is read into nodes, and by its shape into fields.
2. Names are claimed: one of each, the second is the culprit.
3. The catalogue and the calendars are made; the user's lie over the built-in ones.
4. Defines and rules are compiled in one scope.
5. Receivers, routes and digests are made, and matched against the rules.

Nothing is raised for what a person wrote: all problems are returned at once. A fault of ours,
or of an adapter's, is a problem too, at the place that was being read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ebbwatch.expr import Expression
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.model.alert import LEVELS
from ebbwatch.model.calendars import TurnCalendar
from ebbwatch.model.problem import Problem
from ebbwatch.model.redaction import redacted
from ebbwatch.model.series import Series
from ebbwatch.model.text import Text
from ebbwatch.ruleset.alerts import LADDERS, Builder, form_of, reference
from ebbwatch.ruleset.catalogue import (
    Changes,
    Sources,
    business_calendars,
    is_business,
    series_of,
    turn_calendar,
)
from ebbwatch.ruleset.compiling import Compiler, compiler
from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.foreach import Room, expanded
from ebbwatch.ruleset.kinds import INVALID, Fields
from ebbwatch.ruleset.nodes import FileRange, Node, Scalar, Source
from ebbwatch.ruleset.nodes import Mapping as Map
from ebbwatch.ruleset.routes import (
    Labels,
    digest_of,
    inhibition_of,
    route_of,
    shown_of,
    targets_of,
    warn_of_unreached,
)
from ebbwatch.ruleset.rules import Route, Rule, Ruleset
from ebbwatch.ruleset.secrets import USE_SECRET, tokens_in
from ebbwatch.ruleset.shape import FILE, RULE
from ebbwatch.ruleset.yaml import Content, Unread, read_yaml

#: Words of the expression language that no series or define may be called.
_RESERVED = frozenset({*FUNCTIONS, *LEVELS, "and", "or", "not"})

#: How much is told of what an adapter, or we, raised.
FAULT_CHARS = 200

_BUILTIN_SECTIONS = ("series", "calendars")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading gave.

    Attributes:
        ruleset: None where any problem is an error.
        problems: In the order of files and lines; warnings too.
    """

    ruleset: Ruleset | None
    problems: tuple[Problem, ...]


def load(
    files: Mapping[str, Content],
    *,
    builtin: Mapping[str, str],
    sources: Sources | None,
    check_builtin: bool = False,
    notifiers: Collection[str] = (),
) -> Loaded:
    """Return the ruleset that texts describe, or everything that is wrong with them.

    Args:
        files: The user's rule files, contents by name; names are only told, and what relative
            paths in them start from.
        builtin: The built-in catalogue, the same way; only ``series`` and ``calendars``.
        sources: Adapters by name; each is looked up only where a file names it. None where
            nobody will be asked: then every source and every argument will do.
        check_builtin: Whether the built-in catalogue's sources are looked up, too; it is held
            against them by a test.
        notifiers: Kinds of receivers beyond the built-in ones.
    """
    loader = _Loader(Findings(), sources, sources if check_builtin else None, notifiers)
    for name in sorted(builtin):
        loader.read(name, builtin[name], builtin=True)
    for name in sorted(files):
        loader.read(name, files[name], builtin=False)
    ruleset = None
    with loader.guarded(_beginning(files)):
        ruleset = loader.ruleset(_origin(files, builtin))
    problems = loader.findings.problems()
    return Loaded(None if loader.findings.failed else ruleset, problems)


def _beginning(files: Iterable[str]) -> FileRange:
    """Return where the first file begins: the place of what has no other."""
    return FileRange(Source(min(files, default=""), ""), 0, 1)


def _origin(*groups: Mapping[str, Content]) -> str:
    """Return a hash over all files, names included."""
    digest = hashlib.sha256()
    for group in groups:
        for name in sorted(group):
            text = group[name]
            if isinstance(text, Unread):
                continue
            content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
            digest.update(f"{len(name)} {name} {len(content)} ".encode("utf-8", "surrogatepass"))
            digest.update(content)
    return digest.hexdigest()


@dataclass(slots=True, eq=False)
class _Named:
    """Something with a name, as read."""

    key: Scalar
    node: Node
    value: Any
    builtin: bool


@dataclass(eq=False)
class _Loader:
    findings: Findings
    sources: Sources | None
    builtin_sources: Sources | None
    notifiers: Collection[str]
    _named: dict[str, dict[str, _Named]] = field(default_factory=dict)
    _changes: dict[str, Changes] = field(default_factory=dict)
    _listed: dict[str, list[tuple[Node, Any]]] = field(default_factory=dict)

    @contextmanager
    def guarded(self, at: Node | FileRange) -> Iterator[None]:
        """Turn whatever reading raises into a problem at the place that is read."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  no file may end the daemon that reads it
            what = redacted(" ".join(f"{type(error).__name__}: {error}".split()))[:FAULT_CHARS]
            self.findings.error(
                at, "fault", f"cannot read this ({what})",
                "this is a fault of Ebbwatch or of an adapter, please report it; "
                "until then write it in another way",
            )  # fmt: skip

    # ---- 1 and 2: read, and claim names ----------------------------------------------

    def read(self, file: str, text: Content, *, builtin: bool) -> None:
        """Read one file and keep what it says, by section and name."""
        with self.guarded(FileRange(Source(file, ""), 0, 1)):
            self._read(file, text, builtin=builtin)

    def _read(self, file: str, text: Content, *, builtin: bool) -> None:
        root = read_yaml(file, text, self.findings)
        if root is None:
            if isinstance(text, str | bytes) and not text.strip():
                self.findings.warn(
                    FileRange(Source(file, ""), 0, 1), "empty-file", "this file is empty",
                    "write rules: and what it should watch, or delete it",
                )  # fmt: skip
            return
        for start, end, kind in tokens_in(root.source.text):
            self.findings.secret(
                FileRange(root.source, start, end), f"{kind} is written out", USE_SECRET
            )
        if isinstance(root, Map):
            # A section whose entries are all commented out says nothing, and means it.
            said = [e for e in root.entries if not (isinstance(e[1], Scalar) and e[1].nothing)]
            root = Map(root.source, root.start, root.end, said)
        fields = FILE.read(root, self.findings)
        if fields is INVALID:
            return
        for section in ("series", "define", "calendars", "receivers"):
            for key, node, value in fields.get(section, ()):
                self._claim(section, _Named(key, node, value, builtin))
        for section in ("rules", "inhibit", "routes", "digests"):
            self._listed.setdefault(section, []).extend(fields.get(section, ()))
        for section in fields.keys:
            if builtin and section not in _BUILTIN_SECTIONS:
                key = fields.keys[section]
                self.findings.error(key, "misplaced-key", f"{section} cannot be built in")

    def _claim(self, section: str, entry: _Named) -> None:
        name = entry.key.text
        if section == "calendars" and is_business(name, entry.value, self.findings):
            self._changes.setdefault(name, Changes()).add(entry.value)
            return
        names = self._named.setdefault(section, {})
        first = names.get(name)
        if first is not None and first.builtin == entry.builtin:
            self._duplicate(entry.key, section, first.key)
            return
        names[name] = entry  # the user's replaces the built-in one whole

    def _duplicate(self, second: Scalar, section: str, first: Scalar) -> None:
        noun = {"series": "series", "define": "define", "calendars": "calendar"}.get(section)
        noun = noun or ("receiver" if section == "receivers" else "rule")
        span = first.place.span
        self.findings.error(
            second,
            "duplicate-name",
            f"there is a {noun} {second.text} already",
            f"the first stands at {span.file}:{span.line}",
        )  # fmt: skip

    # ---- 3: catalogue and calendars --------------------------------------------------

    def _series(self, broken: set[str]) -> dict[str, Series]:
        catalogue = {}
        for name, entry in self._named.get("series", {}).items():
            self._check_word(entry.key, "series")
            sources = self.builtin_sources if entry.builtin else self.sources
            series = None
            with self.guarded(entry.key):
                series = series_of(name, entry.value, sources, self.findings)
            if series is None:
                broken.add(name)
            else:
                catalogue[name] = series
        return catalogue

    def _check_word(self, key: Scalar, noun: str) -> None:
        if key.text in _RESERVED:
            self.findings.error(
                key, "reserved-name", f"{key.text} is a word of the expression language",
                f"call the {noun} something else",
            )  # fmt: skip

    def _calendars(self, broken: set[str]) -> dict[str, TurnCalendar]:
        calendars = {}
        for name, entry in self._named.get("calendars", {}).items():
            calendar = None
            with self.guarded(entry.key):
                calendar = turn_calendar(name, entry.value, self.findings)
            if calendar is None:
                broken.add(name)
            else:
                calendars[name] = calendar
        return calendars

    # ---- 4: defines and rules --------------------------------------------------------

    def _defines(
        self, catalogue: Collection[str], broken: set[str]
    ) -> tuple[dict[str, Scalar], dict[str, Text]]:
        """Return the expressions of the defines, and the titles of those that have one."""
        defines, titles = {}, {}
        for name, entry in self._named.get("define", {}).items():
            self._check_word(entry.key, "define")
            if name in catalogue:
                first = self._named["series"][name].key
                self._duplicate(entry.key, "series", first)
                continue
            written = entry.value
            if isinstance(written, Fields):
                if title := written.get("title"):
                    titles[name] = title
                written = written.get("is")
            if written is None:
                broken.add(name)
            else:
                defines[name] = written
        return defines, titles

    def _drafts(self, broken: set[str]) -> Iterator[tuple[Fields, str | None]]:
        """Yield every rule, foreach filled in, with its form; each name once."""
        first: dict[str, Scalar] = {}
        room = Room()
        for node, _ in self._listed.get("rules", ()):
            assert isinstance(node, Map)
            for rule in expanded(node, room, self.findings):
                fields = RULE.read(rule, self.findings)
                name = fields.nodes.get("name")
                if isinstance(name, Scalar) and "name" in fields.values:
                    if name.text in first:
                        self._duplicate(name, "rules", first[name.text])
                        continue
                    first[name.text] = name
                form = form_of(fields, self.findings)
                if isinstance(name, Scalar) and form is None:
                    broken.add(name.text)
                yield fields, form

    # ---- the whole -------------------------------------------------------------------

    def ruleset(self, origin: str) -> Ruleset:
        """Return what could be made of everything that was read."""
        findings = self.findings
        broken: set[str] = set()
        broken_calendars: set[str] = set()
        catalogue = self._series(broken)
        calendars = self._calendars(broken_calendars)
        defines, define_titles = self._defines({*catalogue, *broken}, broken)
        drafts = list(self._drafts(broken))
        named = {
            fields.values["name"]: (fields, form)
            for fields, form in drafts
            if "name" in fields.values and form is not None
        }
        made = compiler(
            catalogue,
            defines,
            {
                name: fields.values["value"]
                for name, (fields, form) in named.items()
                if form in LADDERS and "value" in fields.values
            },
            {name: reference(fields, form) for name, (fields, form) in named.items()},
            findings,
            broken,
        )
        builder = Builder(made, findings, calendars, broken_calendars, self.sources)
        rules: list[Rule] = []
        for fields, form in drafts:
            if form is not None:
                with self.guarded(fields.node):
                    rule = builder.rule(fields, form)
                    rules += [rule] if rule is not None else []
        whole = tuple(rules)
        labels = Labels(findings, complete=bool(drafts) and len(whole) == len(drafts))
        labels.learn(whole)
        return self._told(
            Ruleset(
                series=catalogue,
                business=business_calendars(self._changes),
                calendars=calendars,
                defines={name: scalar.text for name, scalar in defines.items()},
                define_titles=define_titles,
                rules=whole,
                origin=origin,
                own_series=frozenset(
                    name
                    for name, entry in self._named.get("series", {}).items()
                    if not entry.builtin
                ),
            ),
            labels,
            made,
        )

    # ---- 5: telling ------------------------------------------------------------------

    def _told(self, ruleset: Ruleset, labels: Labels, made: Compiler) -> Ruleset:
        """Return a ruleset with who is told."""
        findings = self.findings
        receivers = {
            name: targets_of(name, entry.value, self.notifiers, findings)
            for name, entry in self._named.get("receivers", {}).items()
        }
        routes: list[tuple[Fields, Route]] = [
            (fields, route_of(fields, receivers, labels, findings))
            for _, fields in self._listed.get("routes", ())
        ]
        warn_of_unreached(routes, findings)
        digests = [
            digest_of(fields, receivers, findings) for _, fields in self._listed.get("digests", ())
        ]
        rules = {rule.name: rule for rule in ruleset.rules}
        shown: dict[str, Expression] = {}
        for _, fields in self._listed.get("digests", ()):
            shown |= shown_of(fields, rules, made, findings)
        inhibitions = [
            inhibition_of(fields, labels) for _, fields in self._listed.get("inhibit", ())
        ]
        return replace(
            ruleset,
            receivers=receivers,
            routes=tuple(route for _, route in routes),
            digests=tuple(digest for digest in digests if digest is not None),
            shown=shown,
            inhibit=tuple(inhibition for inhibition in inhibitions if inhibition is not None),
        )
