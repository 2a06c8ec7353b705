"""Commands about setting up and telling: init, settings, silence, ack, notify test."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ebbwatch import app
from ebbwatch.cli import commands
from ebbwatch.clocks import SystemClock
from ebbwatch.core.alerting.ladder import AlertState
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Message, Receipt, Target
from ebbwatch.notifiers.chats import place_of
from ebbwatch.ports import AlertRecord, Undeliverable
from ebbwatch.runtime import silences
from ebbwatch.settings import load as load_settings
from ebbwatch.store.in_memory import MemoryStore
from ebbwatch.store.open import open_store
from tests.cli import run
from tests.paths import ROOT

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a database that is not there yet."""
    address = f"sqlite:///{tmp_path}/state/ebbwatch.db"
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", address)
    return address


def test_the_version_is_told() -> None:
    """As every program tells it."""
    ran = run("--version")
    assert (ran.code, ran.out, ran.err) == (0, "ebbwatch 0.1.0\n", "")


# ---- init --------------------------------------------------------------------------------


def test_init_writes_a_directory_that_is_fine_and_passes_its_tests(tmp_path: Path) -> None:
    """The pack, its tests, an example of receivers, and the schema that the files name."""
    mine = tmp_path / "new" / "mine"
    assert run("init", mine).out.startswith(f"{mine}: 15 files written\n")
    assert run("check", mine).out == run("check", ROOT / "rules").out
    assert run("test", mine).code == 0
    for path in mine.glob("*.yaml"):
        schema = path.read_text("utf-8").splitlines()[0].partition("$schema=")[2]
        assert json.loads((mine / schema).read_text("utf-8"))["title"] == "Ebbwatch rule file"


def test_the_example_of_receivers_is_right_when_it_is_not_commented_out(tmp_path: Path) -> None:
    """Whoever takes the marks away has receivers, routes and a digest."""
    mine = tmp_path / "mine"
    run("init", mine)
    file = mine / "receivers.yaml"
    head, *rest = file.read_text("utf-8").split("# receivers:", 1)
    body = "\n".join(line.removeprefix("# ").removeprefix("#") for line in rest[0].splitlines())
    file.write_text(head + "receivers:" + body)
    found = app.load_rules(app.rule_files(mine), data_only=True)
    assert found.problems == ()
    assert found.ruleset is not None
    assert (list(found.ruleset.receivers), len(found.ruleset.routes)) == (["desk", "oncall"], 2)


@pytest.mark.parametrize(
    ("there", "said"), [("dir/file", "is not empty, and nothing is overwritten"), ("dir", "a file")]
)
def test_init_overwrites_nothing(tmp_path: Path, there: str, said: str) -> None:
    """A directory with anything in it, or a file of that name, is left alone."""
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("mine")
    ran = run("init", tmp_path / "dir")
    assert (ran.code, said in ran.err) == (2, True)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / there]


# ---- settings ----------------------------------------------------------------------------


def test_settings_show_where_each_came_from_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long value stands on a line of its own, so that the columns stay readable."""
    monkeypatch.setenv("EBBWATCH_TELEGRAM__TOKEN", "123456:very-secret")
    monkeypatch.setenv("EBBWATCH_TELEGRAM__CHAT", "-100")
    monkeypatch.setenv("EBBWATCH_HEARTBEAT_URL", "https://example.org/" + "a" * 90)
    out = run("settings").out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert rows["EBBWATCH_TELEGRAM__TOKEN"] == ["***", "environment"]
    assert rows["EBBWATCH_TELEGRAM__CHAT"] == ["-100", "environment"]
    assert rows["EBBWATCH_LOG__LEVEL"] == ["INFO", "default"]
    assert "secret" not in out


def test_commands_learn_how_their_processes_ended_whoever_started_them(tmp_path: Path) -> None:
    """Some supervisors ignore SIGCHLD, and what they start takes that over."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        done = subprocess.Popen(
            [sys.executable, "-m", "ebbwatch", "settings"], stdout=subprocess.PIPE, text=True,
            stderr=subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert done.communicate()[0].startswith("SETTING")


def test_wrong_settings_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that needs them ends with what is wrong."""
    monkeypatch.setenv("EBBWATCH_LOG__LEVEL", "loud")
    ran = run("settings")
    assert (ran.code, "EBBWATCH_LOG__LEVEL" in ran.err) == (1, True)


# ---- silence -----------------------------------------------------------------------------


def test_a_silence_is_made_listed_and_ended() -> None:
    """Its id is what ends it."""
    assert run("silence").out == "nothing is silenced\n"
    made = run("silence", "funding-spread", "level=watch", "--for", "2d", "--comment", "known")
    id_ = made.out.split(":")[0]
    assert " funding-spread level=watch is quiet until " in made.out
    row = run("silence").out.splitlines()[1].split()
    assert (row[0], row[1], row[2], row[-1]) == (id_, "funding-spread", "level=watch", "known")
    assert run("silence", "--end", id_).out == f"{id_} ended: funding-spread level=watch\n"
    assert run("silence").out == "nothing is silenced\n"
    assert run("silence", "--end", id_).code == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("funding-spread",), "say for how long: --for 2d"),
        (("--for", "2d"), "say what to silence"),
        (("funding", "--for", "2d"), "there is no rule funding"),
        (("level=", "--for", "2d"), "expected label=value, found level="),
        (("funding-spread", "--for", "2 releases"), "expected a time such as"),
        (("funding-spread", "--for", "soon"), "--for: "),
        (("level=urgent", "--for", "2d"), "there is no level urgent; watch, warning or critical"),
    ],
)
def test_a_silence_that_means_nothing_is_refused(typed: tuple[str, ...], said: str) -> None:
    """Nothing is written, and the exit code is 2."""
    ran = run("silence", *typed)
    assert (ran.code, said in ran.err) == (2, True), ran.err
    assert run("silence").out == "nothing is silenced\n"


def test_a_silence_of_a_label_that_no_rule_has_says_so() -> None:
    """It is made nevertheless: the rule may come later."""
    made = run("silence", "theme=gardening", "--for", "2d")
    assert made.err == "ebbwatch: no rule has theme=gardening; it will hold when one does\n"
    assert " theme=gardening is quiet until " in made.out
    assert run("silence", "theme=funding", "--for", "2d").err == ""


def test_silences_in_force_are_sorted_by_their_end() -> None:
    """Ended ones are gone; equal words make one matcher, in any order."""
    store = MemoryStore()
    words = silences.matcher_of(["level=watch", "a"])
    assert words == silences.matcher_of(["name=a", "level=watch"]) == (
        ("level", "watch"), ("name", "a"),
    )  # fmt: skip
    later = silences.silence(store, words, at=AT, until=AT + timedelta(days=2), by="me")
    sooner = silences.silence(store, words, at=AT, until=AT + timedelta(days=1), by="you")
    assert silences.in_force(store, AT) == [sooner, later]
    assert silences.in_force(store, sooner.until) == [later]


# ---- ack ---------------------------------------------------------------------------------


def _firing(level: Level = Level.WARNING) -> AlertRecord:
    state = replace(AlertState(), level=level, begun_at=1_700_000_000_000_000)
    return AlertRecord(name="funding-spread", definition="d", ladder="l", state=state.to_json())


def test_an_alert_that_fires_is_acknowledged(database: str) -> None:
    """It is listed until its episode is over."""
    assert run("ack").out == "nothing that fires was acknowledged\n"
    assert run("ack", "funding-spread").code == 1
    store = open_store(database)
    with store.transaction():
        store.save_alerts([_firing()])
    store.close()
    assert run("ack", "funding-spread").out == "funding-spread is acknowledged until it is over\n"
    assert run("ack").out.splitlines()[1].startswith("funding-spread  ")
    assert run("ack", "repo-tail").code == 1


def test_an_acknowledgement_is_of_one_episode() -> None:
    """The next one is news again."""
    store = MemoryStore()
    with store.transaction():
        store.save_alerts([_firing()])
    made = silences.acknowledge(store, "funding-spread", at=AT, by="me")
    assert made.episode == "funding-spread@2023-11-14T22:13:20Z"
    assert list(silences.acks(store)) == [made]
    assert silences.acknowledged_episodes(store) == {made.episode}
    with store.transaction():
        store.save_alerts([replace(_firing(Level.NONE), version=1)])
    assert list(silences.acks(store)) == []
    with pytest.raises(silences.NothingToAck):
        silences.acknowledge(store, "funding-spread", at=AT, by="me")


# ---- notify test -------------------------------------------------------------------------


class PostOffice(dict[str, "Postman"]):
    """Has a postman for Telegram, and nobody else."""

    def __init__(self, *_: object) -> None:
        super().__init__(telegram=Postman())

    def equip(self, _kinds: object) -> None:
        """Do nothing: they are there."""

    async def aclose(self) -> None:
        """Do nothing."""


class Postman:
    """A notifier that reaches every target but one."""

    kind = "telegram"

    def place(self, target: Target) -> str:
        return f"telegram:{target.options['chat']}"

    async def send(self, message: Message, target: Target, *, key: str) -> Receipt:
        if target.number:
            raise Undeliverable("the chat is not there")
        assert key.startswith("test/")
        return Receipt()

    async def aclose(self) -> None: ...


def test_a_test_message_reaches_the_terminal() -> None:
    """With no receiver anywhere, that is where everything goes."""
    ran = run("notify", "test")
    assert ran.code == 0
    assert "default/0  terminal  delivered" in ran.out.splitlines()


def test_the_outcome_of_a_test_message_is_told_by_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that failed makes the exit code 1; a missing secret is named."""
    (tmp_path / "r.yaml").write_text(
        "receivers:\n"
        "  desk:\n    - telegram: {chat: 1}\n    - telegram: {chat: 2}\n"
        "  oncall:\n    - webhook: {url: {secret: ONCALL_URL}}\n"
        "rules: [{name: a, value: sofr, above: {watch: 1 %}}]\n"
        "routes: [{to: [desk, oncall]}]\n"
    )
    monkeypatch.setattr(app, "Notifiers", PostOffice)
    ran = run("notify", "test", "desk", "--rules", tmp_path)
    assert (ran.code, ran.out.splitlines()) == (
        1,
        ["desk/0  telegram  delivered",
         "desk/1  telegram  not delivered: the chat is not there"],
    )  # fmt: skip
    assert "receiver oncall names the secret ONCALL_URL" in ran.err
    assert run("notify", "test", "oncall", "--rules", tmp_path).out == (
        "oncall/0  webhook  nothing here can tell a webhook\n"
    )
    ran = run("notify", "test", "nobody", "--rules", tmp_path)
    said = "ebbwatch: there is no receiver nobody; there is desk, oncall\n"
    assert (ran.code, ran.err) == (2, said)


@pytest.mark.parametrize(
    ("surroundings", "said"),
    [
        ({"TELEGRAM__TOKEN": "1:a"}, ("EBBWATCH_TELEGRAM__TOKEN is set, and no chat: nothing goes to "
         "Telegram; set EBBWATCH_TELEGRAM__CHAT, or run ebbwatch setup telegram")),
        ({"TELEGRAM__CHAT": "-100"}, ("EBBWATCH_TELEGRAM__CHAT names a chat of Telegram, and there "
         "is no token: nothing goes there; set EBBWATCH_TELEGRAM__TOKEN, or run ebbwatch setup "
         "telegram")),
        ({"SLACK__BOT_TOKEN": "xoxb-1"}, ("EBBWATCH_SLACK__BOT_TOKEN is set, and no channel: "
         "nothing goes to Slack; set EBBWATCH_SLACK__CHANNEL, or run ebbwatch setup slack")),
        ({"SLACK__CHANNEL": "C0123456789"}, ("EBBWATCH_SLACK__CHANNEL names a channel of Slack, "
         "and there is no token: nothing goes there; set EBBWATCH_SLACK__BOT_TOKEN, or run "
         "ebbwatch setup slack")),
    ],
)  # fmt: skip
def test_a_token_without_a_place_or_a_place_without_a_token_is_said(
    monkeypatch: pytest.MonkeyPatch, surroundings: dict[str, str], said: str
) -> None:
    """By `notify test`, although the terminal was told; and by the daemon at every start."""
    for name, value in surroundings.items():
        monkeypatch.setenv(f"EBBWATCH_{name}", value)
    ran = run("notify", "test")
    assert (ran.code, ran.err) == (1, f"ebbwatch: {said}\n")
    assert "terminal  delivered" in ran.out
    ruleset = app.load_rules(app.rule_files(app.default_rules()), data_only=True).ruleset
    assert ruleset is not None
    settings = load_settings(app.keyed_sources())
    told = app.with_default_receivers(ruleset, settings, "en")
    assert app.half_set(told, settings) == [said]
    store = MemoryStore()
    store.lead("me")
    built = app.build(settings, told, store, clock=SystemClock(), owner="me", stop=asyncio.Event())
    assert built.warnings == [said]


def test_rule_files_may_name_the_places_of_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then no chat is missing; without a token the receiver is named."""
    (tmp_path / "r.yaml").write_text(
        "receivers: {desk: [telegram: {chat: 1}]}\n"
        "rules: [{name: a, value: sofr, above: {watch: 1 %}}]\n"
        "routes: [{to: [desk]}]\n"
    )
    monkeypatch.setattr(app, "Notifiers", PostOffice)
    ran = run("notify", "test", "--rules", tmp_path)
    assert (ran.code, ran.err.startswith("ebbwatch: receiver desk names a chat")) == (1, True)
    monkeypatch.setenv("EBBWATCH_TELEGRAM__TOKEN", "1:a")
    assert run("notify", "test", "--rules", tmp_path).code == 0


def test_a_topic_of_the_settings_is_where_alerts_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of a rule file would be: the same place has the same name."""
    for name, value in (("TOKEN", "1:a"), ("CHAT", "-100"), ("TOPIC", "7")):
        monkeypatch.setenv(f"EBBWATCH_TELEGRAM__{name}", value)
    ruleset = app.load_rules(app.rule_files(app.default_rules()), data_only=True).ruleset
    assert ruleset is not None
    told = app.with_default_receivers(ruleset, load_settings(app.keyed_sources()), "en")
    (target,) = told.receivers["default"]
    assert place_of(target, "chat", "topic") == "telegram:-100:7"


# ---- help --------------------------------------------------------------------------------


def test_the_help_lists_every_command_once_by_what_one_wants_to_do() -> None:
    """Each with a whole sentence, however narrow the terminal."""
    listed = [name for names in commands.SECTIONS.values() for name in names]
    assert sorted(listed) == sorted({name.split()[0] for name in commands.COMMANDS})
    shown = run("--help").out
    assert "..." not in shown.partition("Options:")[2]
    heads = [line[:-1] for line in shown.splitlines() if line.endswith(":") and line[0] != " "]
    assert heads == ["Options", *commands.SECTIONS]


def test_help_of_a_command_is_asked_for_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """`help why` and `why --help`; `help` alone lists all."""
    for typed, same in ((["help", "why"], ["why", "--help"]), (["help"], ["--help"])):
        monkeypatch.setattr(sys, "argv", ["ebbwatch", *typed])
        commands.app()
        assert sys.argv == ["ebbwatch", *same]
