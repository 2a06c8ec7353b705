"""A package of somebody else's: its source and its notifier work through their entry points alone.

It stands in ``tests/foreign``, as ``pip`` would have put it there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.daemon import World
from tests.paths import ROOT
from tests.standins.providers import Seen, StandIn
from tests.standins.webhook import WebhookStandIn

FOREIGN = ROOT / "tests" / "foreign"
NINE = datetime(2026, 11, 24, 9, 0, 1, tzinfo=ZoneInfo("America/New_York"))

RULES = """
rules:
  - name: rate-decision
    title: A central bank raises rates
    text: {source}
    matches: '(?i)raises rates'
    level: critical
receivers:
  oncall:
    - pager: {{number: 117, url: {url}, code: {{secret: PAGER_CODE}}}}
routes:
  - {{to: [oncall]}}
"""


def command(folder: Path, *arguments: str, foreign: bool = True, **more: str) -> tuple[int, str]:
    """Run a command with the package beside ours, or without; return its end and its words."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "XDG_STATE_HOME": str(folder), **more,
    }  # fmt: skip
    if foreign:
        environment["PYTHONPATH"] = str(FOREIGN)
    done = subprocess.run(
        [Path(sys.executable).with_name("ebbwatch"), *arguments], cwd=folder, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Return a directory of rules that use the package."""
    folder = tmp_path / "rules"
    folder.mkdir()
    text = RULES.format(source="central_banks", url="https://pager.example")
    (folder / "desk.yaml").write_text(text)
    return folder


def test_its_rules_are_right_where_it_is_installed(rules: Path, tmp_path: Path) -> None:
    """Text source and kind of receiver are known by their entry points."""
    code, said = command(tmp_path, "check", str(rules))
    assert (code, said.startswith("1 rule, "), said.endswith(": fine\n")) == (0, True, True)
    code, said = command(tmp_path, "check", str(rules), foreign=False)
    assert code == 1
    assert "there is no source of texts 'central_banks'" in said
    assert "there is no kind of receiver 'pager'" in said


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "torn_bank",
            (
                "torn_bank:TornBank cannot be loaded "
                "(ModuleNotFoundError: No module named 'torn_bank')"
            ),
        ),
        (
            "old_bank",
            "central_banks:Pager has no facts: it was written for another version",
        ),
    ],
)
def test_an_adapter_that_cannot_be_loaded_is_a_problem_at_its_place(
    rules: Path, tmp_path: Path, source: str, why: str
) -> None:
    """And not the end of the command, nor of anything that does not use it."""
    (rules / "desk.yaml").write_text(f"rules:\n  - {{name: a, text: {source}, matches: x}}\n")
    code, said = command(tmp_path, "check", str(rules))
    assert code == 1
    problem = f"desk.yaml:2:21: error: the source {source} cannot be used: {why}"
    assert f"{problem} [unusable-source]" in said
    assert command(tmp_path, "settings")[0] == 0


def test_an_adapter_that_cannot_be_built_is_said_in_a_line(rules: Path, tmp_path: Path) -> None:
    """Which one, and what it raised."""
    (rules / "desk.yaml").write_text("receivers: {r: [{torn: {x: y}}]}\nroutes: [{to: [r]}]\n")
    code, said = command(tmp_path, "notify", "test", "--rules", str(rules))
    assert code == 1
    assert said == (
        "ebbwatch: the adapter torn cannot be used: central_banks:CentralBanks cannot be built "
        "(AttributeError: 'NotifierSetup' object has no attribute 'api_key')\n"
    )


def test_a_series_cannot_be_asked_of_a_source_of_texts(rules: Path, tmp_path: Path) -> None:
    """It says how such a source is used."""
    (rules / "desk.yaml").write_text(
        "series: {a: {source: {central_banks: x}, unit: number, every: day}}\n"
    )
    code, said = command(tmp_path, "check", str(rules))
    assert code == 1
    assert "central_banks gives texts and has no series" in said
    assert "hint: use it in a rule: text: central_banks, with matches" in said


def test_its_key_is_a_setting(rules: Path, tmp_path: Path) -> None:
    """Masked where settings are shown, wanted where the source is asked, unknown without it."""
    key = {"EBBWATCH_CENTRAL_BANKS__API_KEY": "PLANTED"}
    code, said = command(tmp_path, "settings", **key)
    (row,) = [line for line in said.splitlines() if "CENTRAL_BANKS" in line]
    assert (code, row.split()) == (0, ["EBBWATCH_CENTRAL_BANKS__API_KEY", "***", "environment"])
    code, said = command(tmp_path, "poll", "--rules", str(rules))
    assert (code, said) == (1, "central_banks: left out: it wants a key of yours\n")
    code, said = command(tmp_path, "settings", foreign=False, **key)
    assert code == 1
    assert "EBBWATCH_CENTRAL_BANKS__API_KEY: no such setting" in said
    assert "PLANTED" not in said


async def test_its_texts_are_told_through_its_pager(world: World) -> None:
    """Polled host by host at its own hours, with its key; matched, fired, paged once."""
    news: list[dict[str, str]] = []

    def north(seen: Seen) -> bytes:
        after = seen.query["after"].rpartition("/")[2]
        return json.dumps([item for item in news if item["id"] > after]).encode()

    async with StandIn() as banks, WebhookStandIn() as pager:
        banks.serve("/north", north)
        banks.refuse("/south", 503)
        world.rules(RULES.format(source="central_banks", url=pager.url))
        async with world.running(
            at=NINE,
            PYTHONPATH=os.pathsep.join((str(ROOT), str(FOREIGN))),
            EBBWATCH_CENTRAL_BANKS__API_KEY="PLANTED-key",
            EBBWATCH_SOURCES__CENTRAL_BANKS__BASE_URL=banks.url,
            EBBWATCH_SECRET__PAGER_CODE="PLANTED-code",
        ) as daemon:
            await daemon.polled(news=0)
            news.append({"id": "1", "title": "Statement", "body": "The bank raises rates.",
                         "at": "2026-11-24T14:00:00+00:00"})  # fmt: skip
            pages = pager.taken
            await daemon.until(
                lambda: any("CRITICAL" in page.body["text"] for page in pages), "it was paged"
            )
            await daemon.until(
                lambda: any(line["source"] == "central_banks south"
                            for line in daemon.lines("source.failed")),
                "the south failed",
            )  # fmt: skip
            asked = len(banks.requests)
            await daemon.until(lambda: len(banks.requests) > asked + 2, "it was asked again")
            assert await daemon.stop() == 0
        log = daemon.log.read_text("utf-8")
    (page,) = [page for page in pages if "CRITICAL" in page.body["text"]]
    assert page.body["text"].startswith("🔴 CRITICAL · A central bank raises rates")
    assert (page.body["number"], page.body["code"]) == ("117", "PLANTED-code")
    assert {seen.headers["X-Api-Key"] for seen in banks.requests} == {"PLANTED-key"}
    assert {line["source"] for line in daemon.lines("source.failed")} == {"central_banks south"}
    assert world.rows("SELECT DISTINCT source FROM texts") == [("central_banks",)]
    assert "PLANTED" not in log
