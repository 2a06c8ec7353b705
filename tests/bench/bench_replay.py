"""Replays, cold: from the start of the process to its end, into a file. Median of five."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import prometheus as prom
from tests.bench.generated import generate
from tests.bench.peers import ebbwatch, peer, show, timed

ROUNDS = 5


def main() -> None:
    """Measure the default pack, rules by the thousand, and peers on the same input."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "out.jsonl"
        pack = [ebbwatch(), "replay", "--store", "none", "--format", "jsonl"]
        found = [timed(pack, out) for _ in range(ROUNDS)]
        show("replay of the default pack", _words(found, out))
        for rules in (10, 100, 1000):
            generate(folder / str(rules), rules)
            found = [timed(_replay(folder / str(rules)), out) for _ in range(ROUNDS)]
            if rules == 1000:
                show("replay of 1,000 rules", _words(found, out))
            else:
                print(f"replay of {rules} rules: {_words(found, out)}", flush=True)
        for points in (1875, 3750):
            place = folder / f"1000 of {points}"
            generate(place, 1000, points)
            found = [timed(_replay(place), out) for _ in range(ROUNDS)]
            print(f"the same over {points:,} days: {_words(found, out)}", flush=True)
        prometheus, promtool = peer("prometheus"), peer("promtool")
        if prometheus is None or promtool is None:
            print("prometheus, promtool: not in PEERS=folder, so not measured in this run")
            return
        _beside(folder / "1000", out, prometheus, promtool)


def _beside(place: Path, out: Path, prometheus: str, promtool: str) -> None:
    """Measure peers and us on the thousand rules, one after the other, round by round."""
    ratios = []
    with prom.served(place, prometheus, promtool) as port:
        for _ in range(ROUNDS):
            ours, _ = timed(_replay(place), out)
            theirs, fired = prom.episodes(place, port)
            ratios.append(theirs / ours)
            print(f"1,000 rules, this round: ours {ours:.2f} s, query_range {theirs:.2f} s")
    mine = out.read_bytes().count(b'"change": "fired"')
    print(f"fired: {mine:,} times by our lines, {fired:,} by Prometheus and its client")
    assert mine == fired
    print(f"query_range / ours: {statistics.median(ratios):.1f} (aim: at least 4)", flush=True)
    ours, _ = timed(_replay(place), out)
    test = prom.promtool_test(place)
    began = time.perf_counter()
    subprocess.run([promtool, "test", "rules", str(test)], check=True, capture_output=True)
    lasted = time.perf_counter() - began
    print(f"promtool test rules, 1,000 rules, {prom.PACE_S} s a day: {lasted:.0f} s")
    print(f"promtool / ours: {lasted / ours:.0f} (aim: at least 150)", flush=True)


def _replay(place: Path) -> list[str]:
    return [
        ebbwatch(), "replay", "--rules", str(place / "rules"), "--data", str(place / "data"),
        "--format", "jsonl",
    ]  # fmt: skip


def _words(found: list[tuple[float, float]], out: Path) -> str:
    seconds = statistics.median(each[0] for each in found)
    lines = out.read_bytes().count(b"\n")
    return f"{seconds:.2f} s, {max(each[1] for each in found):.0f} MiB, {lines} transitions"


if __name__ == "__main__":
    main()
