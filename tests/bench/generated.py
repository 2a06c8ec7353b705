"""The input that replays are compared on: 50 daily series of 7,500 days, and ratio and difference rules.

Each series wanders about a level of its own; each rule's threshold lies where it is crossed on
four to fifteen days in a hundred, and half of the rules wait 3 or 10 days first, which is one
release more: a peer's ``for`` begins to run with the first of them. The same
seed gives the same input, for us and for peers.
"""

from __future__ import annotations

import json
import math
import random
from datetime import date, timedelta
from pathlib import Path

SERIES, POINTS = 50, 7_500
FIRST = date(1996, 1, 1)


def generate(folder: Path, rules: int, points: int = POINTS) -> None:
    """Write ``data/sNN.csv``, ``rules/rules.yaml``, and the same rules for peers in ``rules.json``."""
    chance = random.Random(20240229)
    values = {f"s{i:02d}": _walk(chance, 50.0 + 37.0 * i, points) for i in range(SERIES)}
    days = [str(FIRST + timedelta(days=n)) for n in range(points)]
    (folder / "data").mkdir(parents=True)
    (folder / "rules").mkdir()
    for name, column in values.items():
        rows = "\n".join(f"{day},{value:.6f}" for day, value in zip(days, column, strict=True))
        (folder / "data" / f"{name}.csv").write_text(f"period,value\n{rows}\n")
    ours = ["series:"]
    ours += [
        f'  {name}: {{source: {{csv: "{name}.csv"}}, unit: number, every: day, '
        'released: {after: 1 day, at: "00:00", zone: UTC, calendar: sifma}}'
        for name in values
    ]
    ours.append("rules:")
    theirs = []
    for number in range(rules):
        a, b = chance.sample(sorted(values), 2)
        ratio = number % 2 == 0
        readings = sorted(
            x / y if ratio else x - y for x, y in zip(values[a], values[b], strict=True)
        )
        share = chance.uniform(0.04, 0.15)
        place = int((share if ratio else 1 - share) * points)
        threshold = round(readings[place], 6) + 5e-7
        hold = chance.choice((0, 0, 3, 10))
        sign, side, compares = ("/", "below", "<") if ratio else ("-", "above", ">")
        held = f", for: {hold + 1} releases" if hold else ""
        ours.append(
            f"  - {{name: r{number:04d}, value: {a} {sign} {b}, "
            f"{side}: {{warning: {threshold:.7f}}}{held}}}"
        )
        expr = f"{a} {sign} {b} {compares} {threshold:.7f}"
        theirs.append({"name": f"r{number:04d}", "expr": expr, "days": hold})
    (folder / "rules" / "rules.yaml").write_text("\n".join(ours) + "\n")
    (folder / "rules.json").write_text(json.dumps(theirs))


def _walk(chance: random.Random, level: float, points: int) -> list[float]:
    away, found = 0.0, []
    for _ in range(points):
        away = 0.97 * away + chance.gauss(0, 0.03)
        found.append(round(level * math.exp(away), 6))
    return found
