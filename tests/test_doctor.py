"""Doctor: what it says of each thing, and that it changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import create_engine

from ebbwatch import app
from ebbwatch.app.doctor import examined, machine
from ebbwatch.app.doctor.diagnosis import Diagnosis
from ebbwatch.clocks import SystemClock
from ebbwatch.settings import load
from ebbwatch.store.leader import FileLock
from ebbwatch.store.looking import holder_of
from ebbwatch.store.open import database_at, open_store
from ebbwatch.store.upgrading import upgrade
from tests.cli import forget_settings
from tests.e2e.daemon import CHANNEL, CHAT, EFFR, SOFR, World, business_days, rates
from tests.e2e.daemon import world as new_world
from tests.standins.telegram import _member
from tests.terminal import files_of, golden, terminal, without_terminal

RULES = """
receivers:
  desk: [{telegram: {chat: -1001}}]
  ops: [{slack: {channel: C0DESK00001}}]
  oncall: [{webhook: {url: {secret: ONCALL_URL}}}]
  screen: [{terminal: {}}]
rules:
  - {name: funding-spread, value: sofr - effr, above: {warning: 20 bp}}
routes: [{to: [desk, ops, oncall, screen]}]
"""
NOW = datetime.now(UTC)
DAYS = business_days(5, before=NOW.date())


@pytest_asyncio.fixture(name="world")
async def _world(tmp_path: Path) -> AsyncIterator[World]:
    async with new_world(tmp_path) as world:
        world.rules(RULES)
        world.sofr = world.effr = dict.fromkeys(DAYS, "3.70")
        world.environment["EBBWATCH_SECRET__ONCALL_URL"] = "http://127.0.0.1:9/a-secret-path"
        # As short on every machine, so that lines break where they do.
        world.environment["EBBWATCH_RULES_DIR"] = "rules"
        yield world


async def found(
    world: World, monkeypatch: pytest.MonkeyPatch, *, clock: Callable[[], datetime] | None = None
) -> dict[str, Diagnosis]:
    """Return what is found, by name."""
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    forget_settings()
    own = SystemClock()
    if clock is not None:
        own.now = clock  # type: ignore[method-assign]
    findings = await examined(load(app.keyed_sources()), world.folder / "rules", own)
    return {finding.name: finding for finding in findings}


def said(finding: Diagnosis) -> tuple[str, str, str]:
    """Return how a thing is, in words."""
    return finding.health.value, finding.said, finding.remedy


def same_everywhere(text: str) -> str:
    """Return a screen with what differs from machine to machine as on one of them."""
    for pattern, instead in (
        (r"Ebbwatch \S+, Python \S+, .*", "Ebbwatch 0.1.0, Python 3.13.1, Linux x86_64"),
        (r"\d+ series in rules", "46 series in rules"),
        (r"as of .*", "as of 2026b"),
        (r"[\d.]+ GB free", "77.1 GB free"),
        (r"[\d.]+ MB,", "0.3 MB,"),
        (r"process \d+", "process 4711"),
        (r"[\d.]+ s, (\d+) figures", r"0.2 s, \1 figures"),
        (r"to \d{4}-\d\d-\d\d", "to 2026-11-27"),
        (
            r"(?m)^(?:ok|warn) +charts .*\n(?: .*\n)?",
            "ok    charts      Chinese in Noto Sans CJK TC\n",
        ),
        (r"agrees with that of \d+", "agrees with that of 7"),
        # Whether there is a font for Chinese is the machine's matter.
        (r"nothing fails, 1 to look at", "all is fine"),
        (r"fails, \d to look at", "fails, 5 to look at"),
    ):
        text = re.sub(pattern, instead, text)
    return text


async def screen(world: World, *typed: str) -> tuple[int, str]:
    """Return exit code and screen of the command."""
    code, out, err = await without_terminal(
        "doctor", *typed, folder=world.folder, environment=world.environment
    )
    assert err == ""
    return code, out


async def test_all_is_fine(world: World) -> None:
    """While a daemon runs: the screen, word by word, in 80 columns."""
    url = world.environment["EBBWATCH_DATABASE_URL"]
    open_store(url).close()
    world.environment["EBBWATCH_DATABASE_URL"] = "sqlite:///ebbwatch.db"
    lock = database_at(url).leadership()
    assert isinstance(lock, FileLock)
    lock.hold()
    code, out = await screen(world)
    lock.drop()
    golden("doctor-fine", same_everywhere(out))
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    methods = {method for method, _ in world.telegram.calls}
    assert methods == {"getMe", "getChat", "getChatMember"}
    assert world.telegram.chats[CHAT] == world.slack.channels[CHANNEL] == []


async def test_offline_is_one_failure(world: World) -> None:
    """With what follows from it beside it."""
    nobody = "http://127.0.0.1:9"
    world.environment |= {
        "EBBWATCH_SOURCES__NYFED__BASE_URL": nobody,
        "EBBWATCH_TELEGRAM__API_BASE": nobody,
        "EBBWATCH_SLACK__API_BASE": f"{nobody}/api/",
        "EBBWATCH_DATABASE_URL": "sqlite:///ebbwatch.db",
    }
    code, out = await screen(world)
    golden("doctor-offline", same_everywhere(out))
    assert code == 1


@pytest.mark.parametrize("plain", [False, True])
async def test_a_terminal_shows_colours_unless_it_is_told_not_to(world: World, plain: bool) -> None:
    """The words say the same."""
    more = {"TERM": "xterm"} | ({"NO_COLOR": "1"} if plain else {})
    environment = world.environment | more
    async with terminal("doctor", folder=world.folder, environment=environment) as shown:
        await shown.ended()
    assert ("\x1b[32mok" in shown.transcript) is not plain
    assert re.search(r"ok\W.* +version ", shown.transcript)


async def test_programs_get_json(world: World) -> None:
    """The same, a map for each thing."""
    code, out = await screen(world, "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert [set(row) for row in rows] == [{"name", "health", "said", "remedy"}] * len(rows)
    assert {row["name"]: row["health"] for row in rows}["nyfed"] == "ok"
    assert "a-secret-path" not in out


async def test_settings_that_are_wrong_are_a_finding(world: World) -> None:
    """Nothing else can be looked at then."""
    world.environment["EBBWATCH_LOG__LEVEL"] = "loud"
    code, out = await screen(world)
    assert (code, "fail  settings  EBBWATCH_LOG__LEVEL: input should be" in out) == (1, True), out


async def test_rules_that_are_not_there_are_a_finding(world: World) -> None:
    """Of the settings; what was typed wrongly is wrong use."""
    world.environment["EBBWATCH_RULES_DIR"] = "nowhere"
    code, out = await screen(world)
    assert code == 1
    assert re.search(r"fail  rules +.*nowhere.*\n +Correct EBBWATCH_RULES_DIR\.", out), out
    code, _, err = await without_terminal("doctor", "--rules", "no", folder=world.folder)
    assert (code, "no" in err) == (2, True)


# ---- providers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"refRates": {}}', "expected a list"),
        ("<html>", "expected JSON, found a page"),
        ('{"refRates": [{"effectiveDate": "2026-11-20", "type": "SOFR"}]}', "percentRate"),
    ],
)
async def test_an_answer_of_another_shape_is_shown_as_a_difference(
    world: World, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    """What was expected, what was found, and where; the other series is none the worse."""
    world.nyfed.serve(SOFR, body)
    finding = (await found(world, monkeypatch))["nyfed"]
    assert finding.health == "fail"
    assert finding.said.startswith("sofr: ")
    assert words in finding.said
    assert "please report this line" in finding.remedy


async def test_a_provider_is_asked_once_and_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails is not asked again, one that never answers costs the time limit."""
    world.nyfed.refuse(SOFR, 503)
    finding = (await found(world, monkeypatch))["nyfed"]
    assert said(finding) == ("fail", "sofr: answered HTTP 503", "Try again later.")
    assert sum(path.startswith(SOFR) for path in world.nyfed.paths) == 1
    monkeypatch.setattr("ebbwatch.app.doctor.asked_providers.PATIENCE_S", 0.2)
    world.nyfed.serve(EFFR, stuck=True)
    finding = (await found(world, monkeypatch))["nyfed"]
    assert said(finding) == ("fail", "no whole answer within 0.2 s", "Try again later.")


async def test_a_key_that_is_missing_is_named_where_it_is_needed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that is nobody's first choice is no worry."""
    world.rules(
        "series:\n  mine: {source: {fred: SOFR}, unit: percent per year, every: business day}\n"
        "rules: [{name: a, value: mine, above: {watch: 1 %}}]\n"
    )
    finding = (await found(world, monkeypatch))["fred"]
    assert said(finding) == (
        "warn", "not asked: it wants a key of yours", "Set EBBWATCH_FRED__API_KEY.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ahead", "health", "words"),
    [
        (timedelta(seconds=2), "ok", "agrees with that of 2 answers"),
        (timedelta(seconds=60), "warn", " s fast of 2 answers"),
        (timedelta(hours=-1), "fail", " s slow of 2 answers"),
    ],
)
async def test_the_clock_is_compared_with_those_of_the_far_sides(
    world: World, monkeypatch: pytest.MonkeyPatch, ahead: timedelta, health: str, words: str
) -> None:
    """By the dates of their answers; what a cache repeats is as old as it says."""
    world.rules("rules: [{name: a, value: sofr - effr, above: {watch: 1 bp}}]\n")
    for name in ("TELEGRAM__TOKEN", "TELEGRAM__CHAT", "SLACK__BOT_TOKEN", "SLACK__CHANNEL"):
        del world.environment[f"EBBWATCH_{name}"]
    there = datetime.now(UTC)
    old = {"Date": format_datetime(there - timedelta(seconds=600), usegmt=True), "Age": "600"}
    world.nyfed.serve(SOFR, rates("SOFR", world.sofr), headers=old)
    world.nyfed.serve(
        EFFR, rates("EFFR", world.effr), headers={"Date": format_datetime(there, usegmt=True)}
    )
    finding = (await found(world, monkeypatch, clock=lambda: datetime.now(UTC) + ahead))["clock"]
    assert (finding.health, words in finding.said) == (health, True), finding


# ---- receivers -----------------------------------------------------------------------------


async def test_what_keeps_each_receiver_from_hearing_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without sending anything, with the way out."""
    bot = {"id": 1, "is_bot": True, "first_name": "Ebbwatch", "username": "ebbwatch_bot"}
    world.telegram.members[CHAT] = _member("kicked", bot)
    world.slack.outside = {CHANNEL}
    del world.environment["EBBWATCH_SECRET__ONCALL_URL"]
    findings = await found(world, monkeypatch)
    assert said(findings["desk/0"]) == (
        "fail", "telegram: bot was kicked from the supergroup chat",
        "Add the bot to the group again.",
    )  # fmt: skip
    assert said(findings["ops/0"]) == (
        "fail", "slack: not_in_channel", "Write /invite and the bot's name in the channel.",
    )  # fmt: skip
    assert said(findings["oncall"]) == (
        "fail", "names the secret ONCALL_URL, which is not set",
        "Set EBBWATCH_SECRET__ONCALL_URL.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"status": "left"}, "bot is not a member of the channel chat"),
        ({"status": "administrator", "can_post_messages": False}, "administrator rights"),
        ({"status": "member"}, "administrator rights"),
    ],
)
async def test_a_channel_wants_rights(
    world: World, monkeypatch: pytest.MonkeyPatch, member: dict[str, object], words: str
) -> None:
    """Membership is not enough."""
    world.telegram.channels = {CHAT}
    assert (await found(world, monkeypatch))["desk/0"].health == "ok"
    bot = {"id": 1, "is_bot": True, "first_name": "Ebbwatch"}
    world.telegram.members[CHAT] = _member(str(member["status"]), bot) | member
    finding = (await found(world, monkeypatch))["desk/0"]
    assert (finding.health, words in finding.said) == ("fail", True), finding


async def test_a_group_may_keep_its_members_from_writing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its permissions, which do not bind administrators."""
    world.telegram.permissions[CHAT] = {"can_send_messages": True, "can_send_photos": False}
    finding = (await found(world, monkeypatch))["desk/0"]
    assert (finding.health, "rights to send photos" in finding.said) == ("fail", True), finding
    bot = {"id": 1, "is_bot": True, "first_name": "Ebbwatch"}
    world.telegram.members[CHAT] = _member("administrator", bot)
    assert (await found(world, monkeypatch))["desk/0"].health == "ok"


async def test_scopes_are_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that messages need is a failure; one that only looking needs is none."""
    world.slack.scopes -= {"channels:read"}
    finding = (await found(world, monkeypatch))["ops/0"]
    assert (finding.health, "the scope channels:read (missing_scope), so" in finding.said) == (
        "warn", True,
    ), finding  # fmt: skip
    world.slack.scopes -= {"files:write"}
    finding = (await found(world, monkeypatch))["ops/0"]
    assert (finding.health, "the scope files:write (missing_scope)" in finding.said) == (
        "fail", True,
    ), finding  # fmt: skip


async def test_a_webhook_nobody_knows_is_said_without_its_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its host is looked up, and nothing is sent."""
    world.environment["EBBWATCH_SECRET__ONCALL_URL"] = "http://nobody.invalid/a-secret-path"
    finding = (await found(world, monkeypatch))["oncall/0"]
    assert finding.health == "fail"
    assert "invalid" not in finding.said
    world.environment["EBBWATCH_SECRET__ONCALL_URL"] = "a-secret"
    finding = (await found(world, monkeypatch))["oncall/0"]
    assert said(finding) == ("fail", "the address of the webhook is malformed", "Correct it.")


async def test_a_platform_that_is_half_set_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at every start."""
    world.rules("rules: [{name: a, value: sofr - effr, above: {watch: 1 bp}}]\n")
    del world.environment["EBBWATCH_TELEGRAM__CHAT"]
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    forget_settings()
    findings = await examined(load(app.keyed_sources()), world.folder / "rules", SystemClock())
    assert ("warn", "EBBWATCH_TELEGRAM__TOKEN is set, and no chat: nothing goes to Telegram",
            "Set EBBWATCH_TELEGRAM__CHAT, or run ebbwatch setup telegram.",
    ) in map(said, findings)  # fmt: skip


# ---- the database, and leaving everything alone ---------------------------------------------


def contents(folder: Path) -> dict[str, str]:
    """Return what the files of a folder hold, but for those that SQLite's readers share."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file() and not path.name.endswith("-shm")
    }


def test_an_older_database_is_not_brought_up_to_date(tmp_path: Path) -> None:
    """That is for the daemon, after a backup."""
    url = f"sqlite:///{tmp_path}/ebbwatch.db"
    engine = create_engine(url)
    with engine.connect() as connection, connection.begin():
        upgrade(connection, "it", "0001")
    engine.dispose()
    before = contents(tmp_path)
    finding = machine.database_found(url)[0]
    assert (finding.health, "schema 0001" in finding.said) == ("warn", True)
    assert finding.remedy == "The next start brings it to 0002; ebbwatch backup first."
    assert contents(tmp_path) == before


def test_a_newer_database_and_one_that_is_none_are_failures(tmp_path: Path) -> None:
    """With the way out."""
    file = tmp_path / "ebbwatch.db"
    url = f"sqlite:///{file}"
    open_store(url).close()
    engine = create_engine(url)
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    finding = machine.database_found(url)[0]
    assert (finding.health, "belongs to a newer Ebbwatch" in finding.said) == ("fail", True)
    file.write_bytes(b"not a database, and long enough to be read as one" * 50)
    finding = machine.database_found(url)[0]
    assert (finding.health, "file is not a database" in finding.said) == ("fail", True), finding
    finding = machine.database_found("mysql://me:hunter2@host/db")[0]
    assert (finding.health, "hunter2" in str(finding)) == ("fail", False)


def test_a_database_nobody_may_look_at_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder belongs to somebody else."""

    def denied(_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", denied)
    (finding,) = machine.database_found(f"sqlite:///{tmp_path}/ebbwatch.db")
    assert said(finding) == (
        "fail", "it cannot be looked at: Permission denied",
        "Run this as the user that Ebbwatch runs as.",
    )  # fmt: skip


def test_a_database_that_is_not_there_stays_so(tmp_path: Path) -> None:
    """Neither file nor folder is made."""
    findings = machine.database_found(f"sqlite:///{tmp_path}/state/ebbwatch.db")
    assert findings[0].said.endswith("none yet, the first start makes it")
    assert findings[1].said == "none runs on this database"
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_written_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file, or the folder above it, belongs to somebody else."""
    url = f"sqlite:///{tmp_path}/state/ebbwatch.db"
    asked: list[Path] = []

    def denied(path: Path, mode: int) -> bool:
        asked.append(Path(path))
        return False

    monkeypatch.setattr(os, "access", denied)
    assert machine.database_found(url)[0].said.endswith("cannot be written to")
    assert asked == [tmp_path]


async def test_a_daemon_that_runs_is_seen_and_not_disturbed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leads on, its rows are as they were, and no file is new."""
    world.rules("rules: [{name: a, value: sofr - effr, above: {watch: 900 bp}}]\n")
    async with world.running() as daemon:
        await daemon.until(lambda: bool(world.in_telegram) and world.settled(), "all was told")
        before, names = world.outbox(), files_of(world.folder)
        findings = await found(world, monkeypatch)
        assert findings["daemon"].said == f"process {daemon.process.pid} watches"
        assert (world.outbox(), files_of(world.folder)) == (before, names)
        assert daemon.lines("lead.lost") == daemon.lines("database.refused") == []
        await daemon.kill()
    assert holder_of(world.folder / "ebbwatch.db.lock") is None
    names = files_of(world.folder)
    assert "ebbwatch.db-wal" in names
    before_bytes = contents(world.folder)
    findings = await found(world, monkeypatch)
    assert findings["database"].health == "ok"
    assert (contents(world.folder), files_of(world.folder)) == (before_bytes, names)


def test_a_lock_is_seen_without_being_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds it, and where the system does not list its locks."""
    database = database_at(f"sqlite:///{tmp_path}/ebbwatch.db")
    lock = database.leadership()
    assert isinstance(lock, FileLock)
    file = tmp_path / "ebbwatch.db.lock"
    assert holder_of(file) is None
    lock.hold()
    assert holder_of(file) == os.getpid()
    monkeypatch.setattr("ebbwatch.store.looking._LOCKS", tmp_path / "nowhere")
    assert holder_of(file) == os.getpid()
    monkeypatch.undo()
    lock.drop()
    assert holder_of(file) is None


def test_room_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scarce is told, and hardly any is a failure."""
    url = f"sqlite:///{tmp_path}/ebbwatch.db"
    for free, health in ((5 << 30, "ok"), (500 << 20, "warn"), (5 << 20, "fail")):
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr("shutil.disk_usage", lambda _, usage=usage: usage)
        assert machine.database_found(url)[2].health == health


def test_zones_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slim image may have none."""
    assert machine.zones_found().health == "ok"
    monkeypatch.setattr(machine, "_ZONES", ("UTC", "Mars/Olympus"))
    finding = machine.zones_found()
    assert (finding.health, finding.said) == ("fail", "Mars/Olympus is not known here")


def test_rules_with_mistakes_are_a_failure(tmp_path: Path) -> None:
    """The first is shown, with the command that shows all."""
    (tmp_path / "r.yaml").write_text("rules: [{name: a, value: sofrr, above: {watch: 1 %}}]\n")
    finding = machine.rules_found(app.load_rules(app.rule_files(tmp_path)), tmp_path, default=False)
    assert finding.health == "fail"
    assert "r.yaml:1: " in finding.said
    assert finding.remedy == f"See all of it: ebbwatch check {tmp_path}."
