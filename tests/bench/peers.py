"""Peers' figures, the aims, and how a figure is shown beside them.

The peers were measured 2026-11-22 on a like machine (2 shared cores), where absolute figures
drift by half from hour to hour: ratios of one run say more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

WHEN = "measured 2026-11-22 on a like machine"

#: By what is measured: aim, and what peers need.
FIGURES = {
    "replay of 1,000 rules": (
        "at most 1.5 s and 400 MiB",
        (
            "Prometheus query_range 6.3 s (no alert states), vmalert -replay 33 s and 1,660 MiB, "
            "promtool test rules 281 s, plain Python loops 1.8 s, numpy alone 0.47 s"
        ),
    ),
    "replay of the default pack": ("under 2 s", "none has one"),
    "ready": ("1 s", "Prometheus 93 ms, Alertmanager 75 ms, ElastAlert2's import alone 634 ms"),
    "idle memory": ("under 100 MiB", "Prometheus 66, Alertmanager 33, vmalert 17, ElastAlert2 66"),
    "idle processor": ("under 0.5 % of a core", "not measured"),
    "tick touching 10,000 rules": ("under 10 ms", "Prometheus 706-768 ms, vmalert 1,617-1,920 ms"),
    "a storm of alerts": (
        "2,000 a second, nothing lost and nothing twice",
        "Alertmanager 3.3 s one by one (3,039 a second), 1.3 s in one group",
    ),
    "stretch without the event loop": ("at most 250 ms", "none asks that of itself"),
    "memory in a storm": ("flat", "Alertmanager 260 MiB after 10,000 one by one"),
    "publication to message": ("median under 5 s", "none polls a publisher"),
}


def show(name: str, found: str) -> None:
    """Print a figure with its aim and the peers'."""
    aim, peers = FIGURES[name]
    print(f"{name}: {found}\n    aim: {aim}\n    peers: {peers} ({WHEN})", flush=True)


def timed(command: Sequence[str], output: Path) -> tuple[float, float]:
    """Run a command into a file; return its seconds, start and end included, and peak MiB."""
    with output.open("wb") as file:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
        lasted = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return lasted, usage.ru_maxrss / 1024


def ebbwatch() -> str:
    """Return the command that is installed beside this Python."""
    return str(Path(sys.executable).with_name("ebbwatch"))


def peer(name: str) -> str | None:
    """Return a peer's program from the folder in ``PEERS``, or None."""
    folder = os.environ.get("PEERS")
    return None if folder is None else shutil.which(name, path=folder)
