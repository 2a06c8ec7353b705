"""Breaks daemons by chance and says what it came to: ``python -m tests.chaos --help``."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from pathlib import Path

from tests.chaos.run import run
from tests.postgres import server


def main() -> int:
    """Run as the command line says; return 1 where the promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, help="end after so many kills")
    parser.add_argument("--seconds", type=float, help="end after so long; without either, 120")
    parser.add_argument("--replicas", type=int, default=1, help="more than one use PostgreSQL")
    parser.add_argument("--seed", type=int, help="of all chance; printed at the end")
    parser.add_argument("--keep", type=Path, help="a new folder to keep the logs in")
    asked = parser.parse_args()
    if asked.kills is None and asked.seconds is None:
        asked.seconds = 120.0
    seed = random.SystemRandom().randrange(10**9) if asked.seed is None else asked.seed

    def say(text: str) -> None:
        sys.stderr.write(f"\r{text}    ")
        sys.stderr.flush()

    def made(url: str | None) -> bool:
        found = asyncio.run(
            run(seed=seed, replicas=asked.replicas, server=url, kills=asked.kills,
                seconds=asked.seconds, keep=asked.keep, say=say)
        )  # fmt: skip
        sys.stderr.write("\n")
        sys.stdout.write("\n".join(found.lines()) + "\n")
        return found.kept

    if asked.replicas == 1:
        return 0 if made(None) else 1
    with server() as url:
        return 0 if made(f"{url}/postgres") else 1


if __name__ == "__main__":
    sys.exit(main())
