"""Replays, cold: from the start of the process to its end, into a file. Median of five."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.generated import generate, promtool_test
from tests.bench.peers import ebbwatch, peer, show, timed

ROUNDS = 5


def main() -> None:
    """Measure the default pack, and rules by the thousand."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "out.jsonl"
        pack = [ebbwatch(), "replay", "--store", "none", "--format", "jsonl"]
        found = [timed(pack, out) for _ in range(ROUNDS)]
        show("replay of the default pack", _words(found, out))
        for rules in (10, 100, 1000):
            place = folder / str(rules)
            generate(place, rules)
            command = [
                ebbwatch(), "replay", "--rules", str(place / "rules"),
                "--data", str(place / "data"), "--format", "jsonl",
            ]  # fmt: skip
            found = [timed(command, out) for _ in range(ROUNDS)]
            if rules == 1000:
                show("replay of 1,000 rules", _words(found, out))
            else:
                print(f"replay of {rules} rules: {_words(found, out)}")
        promtool = peer("promtool")
        if promtool is None:
            print("promtool: not in PEERS=folder, so not measured in this run")
            return
        for days in (250, 500):
            test = promtool_test(folder / "10", days)
            began = time.perf_counter()
            subprocess.run([promtool, "test", "rules", str(test)], check=True, capture_output=True)
            lasted = time.perf_counter() - began
            print(f"promtool, 10 rules over {days} days, in this run: {lasted:.2f} s")


def _words(found: list[tuple[float, float]], out: Path) -> str:
    seconds = statistics.median(each[0] for each in found)
    lines = out.read_bytes().count(b"\n")
    return f"{seconds:.2f} s, {max(each[1] for each in found):.0f} MiB, {lines} transitions"


if __name__ == "__main__":
    main()
