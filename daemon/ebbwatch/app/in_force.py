"""Rules in force: those that a daemon goes by, the files that were read last, and what is wrong there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ebbwatch.app.loading import load_rules
from ebbwatch.app.receivers import with_default_receivers
from ebbwatch.ports import LeadLost, StoreError
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.ruleset.yaml import Content, Unread
from ebbwatch.runtime.rulefiles import read_or_why

if TYPE_CHECKING:
    from ebbwatch.model.problem import Problem
    from ebbwatch.ports import Store
    from ebbwatch.settings import Settings

#: Where the rule files are kept that were in force last.
_KEPT = "rules-in-force"

log = structlog.get_logger()


class RulesInvalid(Exception):
    """The rule files have mistakes, and no others are known that were in force before.

    Attributes:
        problems: What is wrong.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Take what is wrong."""
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


@dataclass(slots=True)
class InForce:
    """Rules that are gone by, and the files that were read last.

    Attributes:
        place: Directory where they stand, or a file.
        files: Contents that were read last, by path: what a change is compared with.
        ruleset: Made of them, or of those before them, with somewhere to tell; None before any
            were valid.
        problems: What is wrong with the files, which then are not in force.
    """

    place: Path
    files: Mapping[str, Content]
    ruleset: Ruleset | None
    problems: tuple[Problem, ...] = ()

    def take(self, files: Mapping[str, Content], ruleset: Ruleset) -> None:
        """Go by files that are valid from now on."""
        self.files, self.ruleset, self.problems = files, ruleset, ()

    def refuse(self, files: Mapping[str, Content], problems: Sequence[Problem]) -> None:
        """Know of files that are wrong; the rules stay as they are."""
        self.files, self.problems = files, tuple(problems)

    def read_again(self, settings: Settings, store: Store) -> Ruleset:
        """Return the rules to lead by: of the files as they are now, where they are valid.

        Else those that were in force last, whoever led by them, as the store has them.

        Raises:
            RulesInvalid: If there are none.
            StoreError: If the store does not answer.
        """
        files = read_or_why(self.place)
        if files != self.files:
            found = load_rules(files)
            self.refuse(files, found.problems)
            if found.ruleset is not None:
                language = settings.language
                self.take(files, with_default_receivers(found.ruleset, settings, language))
        if self.problems and (kept := self._kept(store)) is not None:
            self.ruleset = with_default_receivers(kept, settings, settings.language)
        if self.ruleset is None:
            raise RulesInvalid(self.problems)
        return self.ruleset

    def keep(self, store: Store) -> None:
        """Have the store remember the files in force, for a start when they have mistakes."""
        if self.problems:
            return
        files = {
            path: content if isinstance(content, str) else content.decode("utf-8")
            for path, content in self.files.items()
            if not isinstance(content, Unread)
        }
        text = json.dumps({"place": str(self.place.resolve()), "files": files})
        try:
            if store.get(_KEPT) != text:
                with store.transaction():
                    store.put(_KEPT, text)
        except LeadLost:
            raise
        except StoreError as error:
            log.warning("rules.unkept", reason=str(error))

    def _kept(self, store: Store) -> Ruleset | None:
        text = store.get(_KEPT)
        kept = {} if text is None else json.loads(text)
        if kept.get("place") != str(self.place.resolve()):
            return None
        return load_rules({path: one.encode() for path, one in kept["files"].items()}).ruleset
