"""Break the code on purpose, one thing at a time, and say which test notices first.

Run by hand, from the checkout: ``python -m tests.mutations``, or with the names of some. Each
mutation is made in a copy of the tree; the tests run from the copy, quickest first, and stop
at the first that fails. A mutation that no test notices makes the exit code 1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

#: What is run, in this order.
QUICK = (
    "tests/test_lifecycle.py", "tests/test_asof.py", "tests/expr/test_numbers.py",
    "tests/test_delivery.py", "tests/test_replay.py", "tests/test_telling.py",
    "tests/scenarios/test_stories.py", "tests/test_one_path.py", "tests/expr/test_evaluate.py",
    "tests/test_faults.py", "tests/test_live_equals_replay.py",
)  # fmt: skip
#: A run that takes longer hangs, and that is noticed too.
LONGEST_S = 600.0


@dataclass(frozen=True)
class Mutation:
    """One thing that is done wrong.

    Attributes:
        name: What, in words.
        file: Of the package.
        old: Text that stands there once.
        new: What stands there instead.
    """

    name: str
    file: str
    old: str
    new: str

    def apply(self, package: Path) -> None:
        """Do it wrong.

        Raises:
            ValueError: If the text does not stand there once: the code has moved on.
        """
        path = package / self.file
        text = path.read_text("utf-8")
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: expected the text once in {self.file}, found {count}")
        path.write_text(text.replace(self.old, self.new), "utf-8")


MUTATIONS = (
    Mutation(
        "figures that are known only later are used", "expr/blocks.py",
        "edges = [*bounds, self._after_all]",
        "edges = [*bounds, FOREVER]",
    ),
    Mutation(
        "the last revision is used before it was known", "expr/blocks.py",
        "quanta = column.quanta if whole else column.quanta[facts]",
        "quanta = column.quanta[[np.flatnonzero(column.periods == p)[-1] for p in periods]]"
        " if len(periods) else column.quanta[facts]",
    ),
    Mutation(
        "a change of the past does not end a block", "expr/blocks.py",
        "inside = instants[(instants > self.after) & (instants <= self.upto)]",
        "inside = instants[(instants > self.after) & (instants <= self.upto)][1:]",
    ),
    Mutation(
        "the nearest period stands in for the same one", "expr/elements.py",
        "_, ia, ib = np.intersect1d(\n"
        "                    a.periods, b.periods, assume_unique=True, return_indices=True\n"
        "                )",
        "ia = np.arange(len(a.periods) if len(b.periods) else 0)\n"
        "                ib = np.clip(np.searchsorted(b.periods, a.periods[ia]), 0, "
        "len(b.periods) - 1)",
    ),
    Mutation(
        "the quarter that still runs is carried forward", "expr/elements.py",
        "ends = period_ends(slow_every, slow.periods)", "ends = slow.periods",
    ),
    Mutation(
        "unknown counts as false in a condition", "expr/logic.py",
        "np.where(unknown, UNKNOWN, 1 - decisive)", "np.where(unknown, FALSE, 1 - decisive)",
    ),
    Mutation(
        "an unknown value resolves", "core/alerting/signals.py",
        "        stay |= ~known\n", "",
    ),
    Mutation(
        "a level is entered a period late", "core/alerting/holds.py",
        "counted.run[row] >= rung.releases", "counted.run[row] > rung.releases",
    ),
    Mutation(
        "at the threshold is past the threshold", "expr/numbers.py",
        "return rational.num > whole if above", "return rational.num >= whole if above",
    ),
    Mutation(
        "at the edge of clear is not yet clear", "core/alerting/signals.py",
        "            stay[row] = numbers.beyond(rung.exit, above=ladder.rising)",
        "            stay[row] = ~numbers.beyond(rung.exit, above=not ladder.rising)",
    ),
    Mutation(
        "a second reading of a period counts twice", "core/alerting/holds.py",
        "continued = bool(axis[0] == state.period)", "continued = False",
    ),
    Mutation(
        "the pipeline reads the clock", "runtime/pipeline.py",
        "        known = self.judge.history\n        past =",
        '        event = replace(event, at=max(event.at, __import__("time").time_ns() // 1000))\n'
        "        known = self.judge.history\n        past =",
    ),
    Mutation(
        "a tick comes before what arrived at its instant", "runtime/feeds.py",
        "(due is None or first.event.at <= due)", "(due is None or first.event.at < due)",
    ),
    Mutation(
        "facts and decisions are committed apart", "runtime/ledger.py",
        "        with self.store.transaction():\n            if not portion.waited:",
        "        with self.store.transaction():\n"
        "            self.store.record(handled.event.observations)\n"
        "        with self.store.transaction():\n            if not portion.waited:",
    ),
    Mutation(
        "nothing is a transaction", "runtime/ledger.py",
        "        with self.store.transaction():\n            if not portion.waited:",
        "        if True:\n            if not portion.waited:",
    ),
    Mutation(
        "a row is settled before it is sent", "runtime/delivery.py",
        "            receipt = await self._send(row, target_now)",
        "            await self._keep(row, started, target_now, Receipt())\n"
        "            receipt = await self._send(row, target_now)",
    ),
    Mutation(
        "keys come from the wall clock", "runtime/telling/news.py",
        "        return news[0].key\n    members",
        '        return f"{news[0].key}/{__import__(\'time\').time_ns()}"\n    members',
    ),
    Mutation(
        "a restart forgets the reading that stood", "runtime/service.py",
        "pipeline.states.update(refreshed(pipeline.judge, before, pipeline.handled))",
        "pipeline.states.update(before)",
    ),
    Mutation(
        "a restart begins where the clock stands", "runtime/service.py",
        "self.pipeline.handled = micros(datetime.fromisoformat(handled))",
        "self.pipeline.handled = at",
    ),
)  # fmt: skip


def noticed_by(mutation: Mutation, tests: tuple[str, ...] = QUICK) -> str | None:
    """Return the first test that fails under a mutation; None where all pass."""
    with tempfile.TemporaryDirectory(prefix="ebbwatch-mutation-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(
            ROOT, tree, ignore=shutil.ignore_patterns(".*", "__pycache__", "history", "*.egg-info")
        )
        mutation.apply(tree / "daemon" / "ebbwatch")
        command = [
            sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p",
            "no:cacheprovider", "-m", "not slow and not postgres and not chromium", *tests,
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=tree, capture_output=True, text=True, check=False, timeout=LONGEST_S,
                env=os.environ | {"PYTHONPATH": f"{tree / 'daemon'}:{tree}",
                                  "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "the tests hang"
        if done.returncode == 0:
            return None
        found = re.search(r"^(?:FAILED|ERROR) ([^\[\s]+)", done.stdout, re.MULTILINE)
        return found[1] if found else done.stdout[-2000:] + done.stderr[-2000:]


def table(names: tuple[str, ...] = ()) -> Iterator[tuple[str, str | None]]:
    """Yield every mutation's name, or some, and the first test that notices it."""
    for mutation in MUTATIONS:
        if not names or mutation.name in names:
            yield mutation.name, noticed_by(mutation)


def main() -> int:
    """Print the table; return 1 where something went unnoticed."""
    missed = 0
    for name, test in table(tuple(sys.argv[1:])):
        missed += test is None
        print(f"| {name} | {'**nobody**' if test is None else f'`{test}`'} |", flush=True)
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
