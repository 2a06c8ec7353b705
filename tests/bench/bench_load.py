"""Loading: `ebbwatch check` over 10,000 rules whose expressions all differ, cold."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.bench_tick import rules_text
from tests.bench.peers import ebbwatch, timed

RULES, ROUNDS = 10_000, 5


def distinct(text: str) -> str:
    """Return a rule file in which every value is one of its own."""
    lines = text.splitlines()
    first = lines.index("rules:") + 1
    for number in range(first, len(lines)):
        head, value, tail = lines[number].partition(", value: ")
        shape, comma, rest = tail.partition(",")
        lines[number] = f"{head}{value}{shape} + {number}{comma}{rest}"
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure from the start of the process to its end."""
    with tempfile.TemporaryDirectory() as name:
        rules = Path(name) / "rules"
        rules.mkdir()
        (rules / "rules.yaml").write_text(distinct(rules_text(RULES)))
        out = Path(name) / "out"
        found = [timed([ebbwatch(), "check", str(rules)], out) for _ in range(ROUNDS)]
        seconds = statistics.median(each[0] for each in found)
        print(
            f"check of {RULES:,} rules: {seconds:.2f} s, {max(each[1] for each in found):.0f} MiB"
        )
        print("    aim: under 5 s")
        print("    peers: reading such a file with ruamel.yaml alone takes 10.8 s, PyYAML 0.9 s")


if __name__ == "__main__":
    main()
