"""The unit for systemd: scored and verified by it, and run as it would with a stand-in socket."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.daemon import World
from tests.e2e.test_running import RULES, stressed
from tests.paths import ROOT

UNIT = ROOT / "deploy" / "systemd" / "ebbwatch.service"

systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)


def said(name: str) -> list[str]:
    """Return what the unit sets a name to, each time."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)


def analyzed(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@systemd
def test_the_unit_is_hardened() -> None:
    """At most 1.5 of 10 on systemd's scale of exposure."""
    done = analyzed("security", "--offline=true", UNIT)
    found = re.search(r"exposure level for ebbwatch.service: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= 1.5


@systemd
def test_the_unit_is_valid(tmp_path: Path) -> None:
    """systemd has nothing to say of it, once there is what it starts."""
    program = Path(sys.executable).with_name("ebbwatch")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text("utf-8").replace("/opt/ebbwatch/bin/ebbwatch", str(program)))
    done = analyzed("verify", copy)
    complaints = [line for line in done.stderr.splitlines() if "ebbwatch" in line]
    assert (done.returncode, complaints) == (0, [])


async def test_it_runs_as_the_unit_says(world: World) -> None:
    """Its command, environment, state and credentials; ready, alive, silent when stuck, ended.

    Nothing but the credentials names the token, and there is no home.
    """
    world.rules(RULES)
    stressed(world)
    assert said("Type") == ["notify"]
    assert said("ExecStart") == ["/opt/ebbwatch/bin/ebbwatch run"]
    [(prefix, _)] = [each.split(":") for each in said("LoadCredential")]
    credentials = world.folder / "credentials"
    credentials.mkdir()
    # systemd names a file of a directory after both.
    token = world.environment.pop("EBBWATCH_TELEGRAM__TOKEN")
    (credentials / f"{prefix}_telegram__token").write_text(f"{token}\n")
    del world.environment["EBBWATCH_DATABASE_URL"]
    state = world.folder / "state"
    state.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(world.folder / "notify"))
        listener.setblocking(False)
        told: list[str] = []

        def hear() -> list[str]:
            while True:
                try:
                    told.append(listener.recv(4096).decode())
                except BlockingIOError:
                    return told

        async with world.running(
            HOME="/", NOTIFY_SOCKET=str(world.folder / "notify"), WATCHDOG_USEC="600000",
            STATE_DIRECTORY=str(state), CREDENTIALS_DIRECTORY=str(credentials),
        ) as daemon:  # fmt: skip
            await daemon.until(lambda: "WATCHDOG=1" in hear(), "it lives")
            assert told[0] == "READY=1\nSTATUS=watching"
            await daemon.until(lambda: world.in_telegram, "the first summary")
            count = len(hear())
            await daemon.until(lambda: len(hear()) > count, "it still lives")
            daemon.process.send_signal(signal.SIGSTOP)
            hear()
            count = len(told)
            time.sleep(0.7)  # noqa: ASYNC251  nothing else is to happen
            assert len(hear()) == count
            daemon.process.send_signal(signal.SIGCONT)
            begun = time.monotonic()
            assert await daemon.stop() == 0
            assert time.monotonic() - begun < 2
        assert hear().count("STOPPING=1") == 1
    assert (state / "ebbwatch.db").exists()
