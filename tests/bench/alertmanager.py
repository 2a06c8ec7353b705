"""Alertmanager as a peer: the same number of alerts, told to the same kind of webhook."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.peers import peer

#: Alerts in one request, as Prometheus sends them.
_TOGETHER = 256


def program() -> str | None:
    """Return Alertmanager's program: from the folder in ``PEERS``, or as Debian installs it."""
    return peer("prometheus-alertmanager") or shutil.which("prometheus-alertmanager")


@contextmanager
def running(folder: Path, command: str, url: str, *, grouped: bool) -> Iterator[tuple[int, int]]:
    """Run it, and yield its port and process id.

    Args:
        folder: For its data.
        command: The program.
        url: Of the webhook.
        grouped: Whether all alerts are one group, or each is one by itself.
    """
    config = folder / "alertmanager.yml"
    config.write_text(
        "global: {resolve_timeout: 1h}\n"
        f"route: {{receiver: w, group_by: {[] if grouped else ['...']}, group_wait: 0s, "
        f"group_interval: {'1s' if grouped else '10s'}, repeat_interval: 24h}}\n"
        f"receivers: [{{name: w, webhook_configs: [{{url: '{url}/', max_alerts: 0}}]}}]\n"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    templates = [
        f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(
        [command, *templates], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(folder)},
    )  # fmt: skip
    try:
        _wait(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    for _ in range(400):
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
    message = "Alertmanager was not ready within twenty seconds"
    raise TimeoutError(message)


async def raise_alerts(port: int, alerts: int) -> float:
    """Raise alerts, and return the instant at which the first was sent."""
    return await asyncio.to_thread(_raise_alerts, port, alerts)


def _raise_alerts(port: int, alerts: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    starts = datetime.now(UTC).isoformat()
    began = time.monotonic()
    for first in range(0, alerts, _TOGETHER):
        some = [
            {
                "labels": {"alertname": f"r-{n:05d}", "severity": "warning"},
                "annotations": {"summary": f"Repo over fed funds {n}: 25 bp, above 20 bp"},
                "startsAt": starts,
            }
            for n in range(first, min(first + _TOGETHER, alerts))
        ]
        connection.request(
            "POST", "/api/v2/alerts", json.dumps(some), {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    connection.close()
    return began
