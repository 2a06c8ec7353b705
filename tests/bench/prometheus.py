"""Prometheus as a peer: its own backfill of the same figures, asked rule by rule.

`query_range` knows no alert states: what holds and what fires, its client must work out. What
`promtool test rules` needs for a day is found at ten seconds a day: its test database cuts
blocks of 24 hours, and true days would cost it the cube of their number.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.generated import FIRST, POINTS

#: Seconds of its clock that promtool is given for a day.
PACE_S = 10
_DAY_S = 86_400
_START = int(datetime.combine(FIRST, datetime.min.time(), UTC).timestamp())
_END = _START + (POINTS - 1) * _DAY_S
#: Queries at once: as many as the machine has processors.
_AT_ONCE = 2


@contextmanager
def served(folder: Path, prometheus: str, promtool: str) -> Iterator[int]:
    """Backfill a folder's figures, serve them on loopback, and yield the port."""
    text = folder / "series.om"
    with text.open("w") as file:
        for path in sorted((folder / "data").glob("*.csv")):
            file.write(f"# TYPE {path.stem} gauge\n")
            rows = path.read_text().splitlines()[1:]
            file.writelines(
                f"{path.stem} {row.split(',')[1]} {_START + _DAY_S * n}\n"
                for n, row in enumerate(rows)
            )
        file.write("# EOF\n")
    blocks = folder / "blocks"
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "--max-block-duration=87600h", "openmetrics",
         str(text), str(blocks)], check=True, capture_output=True,
    )  # fmt: skip
    (folder / "empty.yml").write_text("global: {}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        [prometheus, f"--config.file={folder / 'empty.yml'}", f"--storage.tsdb.path={blocks}",
         "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}",
         "--log.level=error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    for _ in range(200):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/-/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    message = "Prometheus was not ready within ten seconds"
    raise TimeoutError(message)


def episodes(folder: Path, port: int) -> tuple[float, int]:
    """Ask for every rule over all days; return the seconds, and how often one fired."""
    rules = json.loads((folder / "rules.json").read_text())
    counts = [0] * _AT_ONCE

    def work(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for rule in rules[number::_AT_ONCE]:
            query = {"query": rule["expr"], "start": _START, "end": _END, "step": _DAY_S}
            connection.request("GET", f"/api/v1/query_range?{urllib.parse.urlencode(query)}")
            found = json.loads(connection.getresponse().read())["data"]["result"]
            instants = [int(at) for at, _ in found[0]["values"]] if found else []
            counts[number] += _fired(instants, rule["days"] * _DAY_S)
        connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(n,)) for n in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, sum(counts)


def _fired(instants: list[int], hold_s: int) -> int:
    """Return how many runs of days last as long as a rule waits."""
    count, since, before = 0, 0, -_DAY_S
    done = False
    for at in instants:
        if at != before + _DAY_S:
            since, done = at, False
        if not done and at - since >= hold_s:
            count, done = count + 1, True
        before = at
    return count


def promtool_test(folder: Path, days: int = POINTS, pace_s: int = PACE_S) -> Path:
    """Write what ``promtool test rules`` wants of the first days; return its path."""
    rules = json.loads((folder / "rules.json").read_text())
    written = [f"groups: [{{name: g, interval: {pace_s}s, rules: ["]
    written += [
        json.dumps({"alert": rule["name"], "expr": rule["expr"],
                    "for": f"{rule['days'] * pace_s}s"}) + ","
        for rule in rules
    ]  # fmt: skip
    (folder / f"promtool-rules-{pace_s}.yml").write_text("\n".join(written) + "\n]}]\n")
    lines = [f"rule_files: [promtool-rules-{pace_s}.yml]", f"evaluation_interval: {pace_s}s",
             "tests:", f"- interval: {pace_s}s", "  input_series:"]  # fmt: skip
    for path in sorted((folder / "data").glob("*.csv")):
        rows = path.read_text().splitlines()[1 : days + 1]
        joined = " ".join(row.split(",")[1] for row in rows)
        lines += [f"  - series: {path.stem}", f"    values: '{joined}'"]
    # It evaluates only as far as something is asked of it.
    lines += [
        "  alert_rule_test:",
        f"  - {{eval_time: {(days - 1) * pace_s}s, alertname: none, exp_alerts: []}}",
    ]
    test = folder / f"promtool-{days}-{pace_s}.yml"
    test.write_text("\n".join(lines) + "\n")
    return test
