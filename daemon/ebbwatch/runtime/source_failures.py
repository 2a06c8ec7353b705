"""Failures of sources: which hosts fail, for what, and how long each is left alone.

After a failure a host rests for a pause that doubles with each further one, or for as long as
it asks. An answer of another shape is no failure of the host: only what was asked for rests,
and is then asked for apart from the rest until it is well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ebbwatch.ports import SourceUnavailable

#: After a failure, the first pause, which doubles, and the longest.
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=15)

QuestionKey = tuple[str, str]


class Asked(Protocol):
    """What was asked for, as far as failures go (`following.Question`)."""

    @property
    def source(self) -> str:
        """Return the name of the source."""
        ...

    @property
    def whom(self) -> str:
        """Return which host of it was asked."""
        ...

    @property
    def key(self) -> QuestionKey:
        """Return what tells it from other questions."""
        ...


@dataclass(slots=True)
class HostFailure:
    """A host that fails.

    Attributes:
        source: Name of its source.
        whom: The source, or one host of it.
        since: First failure.
        last_at: Newest failure.
        count: Failures so far.
        keys: What was asked for in vain.
        reached: Whether anything was heard of it the last time; else the fault may be ours.
    """

    source: str
    whom: str
    since: datetime
    last_at: datetime
    count: int = 0
    keys: set[QuestionKey] = field(default_factory=set)
    reached: bool = True


class Failures:
    """Remembers which hosts fail and until when they rest."""

    def __init__(self) -> None:
        """Begin with everybody well."""
        #: When anybody last answered.
        self.answered_at: datetime | None = None
        #: When anybody was last heard of over the network.
        self.reached_at: datetime | None = None
        self._by_whom: dict[str, HostFailure] = {}
        self._hosts_rest: dict[str, datetime] = {}
        self._rests: dict[QuestionKey, datetime] = {}
        self._sick: set[QuestionKey] = set()

    def __iter__(self) -> Iterator[HostFailure]:
        """Return those who fail now."""
        return iter(self._by_whom.values())

    def of(self, question: Asked) -> HostFailure | None:
        """Return the failure on which a question was asked in vain, or None."""
        failure = self._by_whom.get(question.whom)
        return failure if failure is not None and question.key in failure.keys else None

    def rest(self, question: Asked) -> datetime | None:
        """Return until when a question is not to be asked; None for no rest, may have passed."""
        rests = self._rests.get(question.key), self._hosts_rest.get(question.whom)
        return max((rest for rest in rests if rest is not None), default=None)

    def is_sick(self, question: Asked) -> bool:
        """Return whether the last answer to a question had another shape than we know."""
        return question.key in self._sick

    def failed(
        self,
        questions: Collection[Asked],
        error: Exception,
        *,
        sick: bool,
        whole: bool = True,
        began_at: datetime,
        at: datetime,
    ) -> HostFailure:
        """Note that one host was asked in vain for some things; return how it fails by now.

        Args:
            questions: What was asked for, all of one host.
            error: Why in vain.
            sick: Whether the answer had another shape.
            whole: Whether the host answered nothing at all of what it was asked.
            began_at: When the visit began; what fails in one visit counts once.
            at: When.
        """
        first = next(iter(questions))
        failure = self._by_whom.setdefault(
            first.whom, HostFailure(first.source, first.whom, at, at)
        )
        failure.count += failure.count == 0 or began_at > failure.last_at
        failure.last_at = at
        failure.keys |= {question.key for question in questions}
        pause = min(_FIRST_PAUSE * 2 ** min(failure.count - 1, 10), _LONGEST_PAUSE)
        if sick:
            self._sick |= {question.key for question in questions}
            pause = _LONGEST_PAUSE
        failure.reached = not isinstance(error, SourceUnavailable) or error.reached
        if failure.reached:
            self.reached_at = at
        asked_for = error.after if isinstance(error, SourceUnavailable) else None
        until = at + max(pause, asked_for or pause)
        for question in questions:
            self._rests[question.key] = until
        if not sick and (whole or asked_for is not None):
            # The host as a whole rests, not only what it was asked for this time.
            self._hosts_rest[first.whom] = until
        return failure

    def unreached(self) -> list[HostFailure]:
        """Return the hosts that cannot be reached, where nothing at all can; else none."""
        found = [failure for failure in self if not failure.reached]
        first = min((failure.since for failure in found), default=None)
        heard = self.reached_at is not None and first is not None and self.reached_at >= first
        return [] if heard or len(found) < 2 else found

    def answered(
        self, questions: Collection[Asked], *, at: datetime, local: bool = False
    ) -> HostFailure | None:
        """Note that a host answered some questions; return its failure if that is over now.

        With `local`, it is this machine, which says nothing about the network.
        """
        self.answered_at = at
        if not local:
            self.reached_at = at
        keys = {question.key for question in questions}
        self._sick -= keys
        for key in keys:
            self._rests.pop(key, None)
        first = next(iter(questions))
        self._hosts_rest.pop(first.whom, None)
        failure = self._by_whom.get(first.whom)
        if failure is None:
            return None
        failure.keys -= keys
        return self._ended(failure)

    def keep(self, asked: Callable[[str], Iterable[Asked]]) -> list[HostFailure]:
        """Forget what nobody asks for any more; return the failures that are over thereby.

        Args:
            asked: Returns what a source is asked for now.
        """
        ended = []
        for failure in [*self._by_whom.values()]:
            still = {each.key for each in asked(failure.source) if each.whom == failure.whom}
            failure.keys &= still
            if self._ended(failure) is not None:
                ended.append(failure)
        return ended

    def _ended(self, failure: HostFailure) -> HostFailure | None:
        """Return a failure with nothing left that was asked for in vain, and forget it."""
        if failure.keys:
            return None
        del self._by_whom[failure.whom]
        return failure
