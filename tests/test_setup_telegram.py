"""Setting up Telegram, as a person at a terminal and as a script, against the strict stand-in."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.standins.serving import Fault
from tests.standins.telegram import TelegramStandIn, refusing
from tests.terminal import files_of, golden, same_everywhere, terminal, without_terminal

GROUP, CHANNEL, PERSON = -1001, -1002, 42


@pytest_asyncio.fixture(name="bot")
async def _bot() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn(chats=(PERSON, GROUP, CHANNEL)) as bot:
        bot.titles = {PERSON: "Ann", GROUP: "Funding desk", CHANNEL: "Liquidity"}
        bot.channels, bot.topics = {CHANNEL}, {GROUP: {7}}
        yield bot


def base(bot: TelegramStandIn, **more: str) -> dict[str, str]:
    """Return the settings that lead to the stand-in."""
    return {"EBBWATCH_TELEGRAM__API_BASE": bot.origin, **more}


def scripted(bot: TelegramStandIn, folder: Path) -> list[str]:
    """Return the command of a script, whose token stands in a file."""
    (folder / "token").write_text(f"{bot.token}\n")
    return ["setup", "telegram", "--token-file", "token"]


def said(bot: TelegramStandIn, chat: int) -> list[tuple[str, bool, int | None]]:
    """Return what a chat was told: first line, whether it is a picture, topic."""
    return [(m.text.split("\n")[0], bool(m.photo), m.topic) for m in bot.chats[chat]]


TRIED = [("🔔 Test · Telegram", False), ("🔔 Test · Telegram", True)]


async def test_a_person_goes_from_nothing_to_a_message(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """A token with a slip in it, a private chat found by itself, .env written; word by word."""
    async with terminal("setup", folder=tmp_path, environment=base(bot)) as screen:
        await screen.shows("Which?")
        await screen.type("1")
        await screen.shows("not shown): ")
        await screen.type("123456:a-slip")
        await screen.shows("not shown): ")
        await screen.type(bot.token)
        await screen.shows("Waiting")
        bot.say(PERSON, "/start")
        await screen.shows("[Y/n]")
        await screen.type("")
        assert await screen.ended() == 0, screen.transcript
    golden("telegram", same_everywhere(screen.transcript, tmp_path))
    assert "\x1b" not in screen.transcript
    assert [row[:2] for row in said(bot, PERSON)] == TRIED
    env = tmp_path / ".env"
    assert env.read_text() == f"EBBWATCH_TELEGRAM__TOKEN={bot.token}\nEBBWATCH_TELEGRAM__CHAT=42\n"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert bot.token not in screen.transcript


async def test_among_several_chats_one_is_chosen(bot: TelegramStandIn, tmp_path: Path) -> None:
    """A group's topic, a channel and a person; the bot was removed from a fourth."""
    bot.chats[-1003] = []
    bot.join(-1003)
    bot.join(-1003, status="left")
    bot.join(GROUP)
    bot.say(GROUP, "/start@ebbwatch_bot", topic=7)
    bot.join(CHANNEL)
    bot.say(PERSON, "/start")
    token = {"EBBWATCH_TELEGRAM__TOKEN": bot.token}
    async with terminal("setup", "telegram", folder=tmp_path, environment=base(bot, **token)) as s:
        await s.shows("Use this one? [Y/n]")
        await s.type("y")
        await s.shows("another)")
        await s.type("9")
        await s.shows("another)")
        await s.type("1")
        assert await s.ended() == 0, s.transcript
    golden("telegram-several", same_everywhere(s.transcript, tmp_path))
    assert said(bot, GROUP) == [(*row, 7) for row in TRIED]
    assert "EBBWATCH_TELEGRAM__TOPIC=7\n" in (tmp_path / ".env").read_text()


async def test_waiting_goes_on_for_the_chat_that_is_meant(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """What was found first may be somebody else."""
    bot.say(PERSON, "hello")
    token = {"EBBWATCH_TELEGRAM__TOKEN": bot.token}
    async with terminal("setup", "telegram", folder=tmp_path, environment=base(bot, **token)) as s:
        await s.shows("Use this one? [Y/n]")
        await s.type("")
        await s.shows("chat with Ann")
        await s.shows("[Y/n]")
        await s.type("n")
        await s.shows("Waiting")
        bot.join(CHANNEL)
        await s.shows("2  the channel Liquidity")
        await s.shows("another)")
        await s.type("2")
        assert await s.ended() == 0, s.transcript
    assert [row[:2] for row in said(bot, CHANNEL)] == TRIED
    assert said(bot, PERSON) == []


@pytest.mark.parametrize(
    ("status", "words", "remedy"),
    [
        (403, "Forbidden: bot was blocked by the user", "unblock the bot in the chat"),
        (403, "Forbidden: bot was kicked from the supergroup chat", "add the bot to the group"),
        (400, "Bad Request: chat not found", "check its number"),
        (400, "Bad Request: need administrator rights in the channel chat", "let the bot post"),
        (400, "Bad Request: not enough rights to send photos to the chat", "send photos"),
        (400, "Bad Request: TOPIC_CLOSED", "open the topic again"),
    ],
)
async def test_each_refusal_has_its_way_out(
    bot: TelegramStandIn, tmp_path: Path, status: int, words: str, remedy: str
) -> None:
    """A script ends, and nothing is written."""
    typed = [*scripted(bot, tmp_path), "--chat", str(GROUP)]
    method = "sendPhoto" if "photos" in words else "sendMessage"
    bot.faults = [refusing(status, words)]
    bot.faults[0].method = method
    code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, remedy in err, "nothing was written" in err) == (1, True, True), err
    assert not (tmp_path / ".env").exists()


async def test_a_person_mends_what_is_in_the_way_and_tries_again(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """Nothing has to be typed twice."""
    bot.faults = [refusing(403, "Forbidden: bot was blocked by the user")]
    bot.faults[0].method = "sendMessage"
    typed = [*scripted(bot, tmp_path), "--chat", str(GROUP)]
    async with terminal(*typed, folder=tmp_path, environment=base(bot)) as screen:
        await screen.shows("to try again (Ctrl-C ends).")
        assert "unblock the bot in the chat with it" in " ".join(screen.transcript.split())
        await screen.type("")
        assert await screen.ended() == 0, screen.transcript
    assert "EBBWATCH_TELEGRAM__CHAT=-1001\n" in (tmp_path / ".env").read_text()


async def test_a_script_takes_the_only_chat_and_never_guesses_among_several(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """With --no-wait nobody is waited for."""
    typed = [*scripted(bot, tmp_path), "--no-wait"]
    code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, "https://t.me/ebbwatch_bot and press Start" in err) == (1, True), err
    bot.say(PERSON, "/start")
    (tmp_path / ".env").write_text("EBBWATCH_TELEGRAM__TOPIC=9\nMINE=1\n")
    code, out, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, err) == (0, ""), err
    # The topic was one of another chat.
    assert (tmp_path / ".env").read_text() == (
        f"MINE=1\nEBBWATCH_TELEGRAM__TOKEN={bot.token}\nEBBWATCH_TELEGRAM__CHAT=42\n"
    )
    bot.say(GROUP, "/start", topic=7)
    code, out, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, "--chat -1001 --topic 7" in out) == (1, True), out
    assert "several chats" in err


async def test_a_webhook_is_said_and_taken_away_only_where_that_is_allowed(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """Its address may hold a secret: only its host is shown."""
    bot.webhook = "https://hooks.example.org/very-secret-path"
    typed = [*scripted(bot, tmp_path), "--no-wait"]
    bot.say(PERSON, "/start")
    code, out, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, "hooks.example.org (a webhook): use --remove-webhook" in err) == (1, True), err
    assert "secret" not in out + err
    assert bot.webhook
    typed.append("--remove-webhook")
    assert (await without_terminal(*typed, folder=tmp_path, environment=base(bot)))[0] == 0
    assert not bot.webhook


async def test_another_poller_is_said(bot: TelegramStandIn, tmp_path: Path) -> None:
    """A daemon that answers commands takes the bot's news."""
    conflict = "Conflict: terminated by other getUpdates request; make sure that only one bot"
    bot.faults = [refusing(409, conflict)]
    bot.faults[0].method = "getUpdates"
    typed = [*scripted(bot, tmp_path), "--no-wait"]
    code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, "another program takes this bot's news" in err) == (1, True), err
    assert "--chat" in err


async def test_a_group_that_moved_is_followed(bot: TelegramStandIn, tmp_path: Path) -> None:
    """The number that is written is the one that works."""
    bot.chats[-55] = []
    bot.moved = {-55: GROUP}
    bot.say(-55, "/start")
    typed = [*scripted(bot, tmp_path), "--no-wait"]
    code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, err) == (0, "")
    assert "EBBWATCH_TELEGRAM__CHAT=-1001\n" in (tmp_path / ".env").read_text()


async def test_an_outage_while_waiting_is_waited_out(bot: TelegramStandIn, tmp_path: Path) -> None:
    """A page of a proxy, a server that is away for a moment; then the chat is found."""
    bot.faults = [Fault(status=502, body="<html>", method="getUpdates"),
                  Fault("refuse", method="getUpdates")]  # fmt: skip
    bot.say(PERSON, "/start")
    typed = [*scripted(bot, tmp_path), "--no-wait"]
    code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, err) == (0, "")


async def test_a_title_cannot_write_over_the_screen(bot: TelegramStandIn, tmp_path: Path) -> None:
    """Whoever names a group writes into the terminal of whoever sets up."""
    bot.titles[GROUP] = "Desk\x1b[2J\u202e\n   1  evil" + "x" * 500
    bot.say(GROUP, "/start")
    typed = [*scripted(bot, tmp_path), "--no-wait"]
    code, out, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert max(map(len, out.splitlines())) <= 80


async def test_a_token_that_is_set_and_no_longer_works_is_asked_for_anew(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """What counts for more than the file that was written is named."""
    old = {"EBBWATCH_TELEGRAM__TOKEN": "123456:revoked"}
    async with terminal(
        "setup", "telegram", "--chat", "42", folder=tmp_path, environment=base(bot, **old)
    ) as screen:
        await screen.shows("The token that is set: telegram refused the token.")
        await screen.shows("not shown): ")
        await screen.type(bot.token)
        assert await screen.ended() == 0, screen.transcript
    shown = " ".join(screen.transcript.split())
    assert "EBBWATCH_TELEGRAM__TOKEN is set in the environment, which counts for more" in shown


async def test_rules_that_name_receivers_are_mentioned(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """For them the chat of the settings counts for nothing."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yaml").write_text(
        "receivers: {desk: [telegram: {chat: 1}]}\n"
        "rules: [{name: a, value: sofr, above: {watch: 1 %}}]\n"
        "routes: [{to: [desk]}]\n"
    )
    typed = [*scripted(bot, tmp_path), "--chat", "42"]
    own = base(bot, EBBWATCH_RULES_DIR="rules")
    code, out, err = await without_terminal(*typed, folder=tmp_path, environment=own)
    assert (code, err) == (0, "")
    assert "The rules in rules name receivers, which count for more" in " ".join(out.split())


async def test_a_file_that_cannot_be_written_is_said_before_anything_is_sent(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """With the other way."""
    (tmp_path / ".env").mkdir()
    typed = [*scripted(bot, tmp_path), "--chat", "42"]
    code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert (code, "cannot be written (Is a directory)" in err, "--print" in err) == (1, True, True)
    assert said(bot, PERSON) == []


async def test_a_message_that_may_have_arrived_is_not_called_refused(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """The connection broke after it was sent."""
    bot.faults = [Fault("drop", method="sendMessage")]
    typed = [*scripted(bot, tmp_path), "--chat", "42"]
    async with terminal(*typed, folder=tmp_path, environment=base(bot)) as screen:
        await screen.shows("It may have arrived: telegram gave no answer")
        await screen.shows("(Ctrl-C ends).")
        await screen.type("")
        assert await screen.ended() == 0, screen.transcript


async def test_offline_is_one_line(tmp_path: Path) -> None:
    """No traceback, and nothing is written."""
    (tmp_path / "token").write_text("123456:a-token")
    nobody = {"EBBWATCH_TELEGRAM__API_BASE": "http://127.0.0.1:9"}
    typed = ["setup", "telegram", "--token-file", "token"]
    code, out, err = await without_terminal(*typed, folder=tmp_path, environment=nobody)
    assert (code, out, len(err.splitlines())) == (1, "", 1), err
    assert "telegram was not reached" in err
    assert "a-token" not in err


async def test_ctrl_c_leaves_everything_as_it_was(bot: TelegramStandIn, tmp_path: Path) -> None:
    """While it asks, and while it waits."""
    (tmp_path / ".env").write_text("MINE=1\n")
    for moment in ("not shown): ", "Waiting"):
        async with terminal("setup", "telegram", folder=tmp_path, environment=base(bot)) as screen:
            await screen.shows("not shown): ")
            if moment == "Waiting":
                await screen.type(bot.token)
                await screen.shows(moment)
            screen.interrupt()
            assert await screen.ended() == 1
        assert screen.transcript.endswith("ebbwatch: stopped; nothing was written\n")
        assert "Traceback" not in screen.transcript
    assert files_of(tmp_path) == [".env"]
    assert (tmp_path / ".env").read_text() == "MINE=1\n"


async def test_what_is_printed_for_a_shell_holds_no_token(
    bot: TelegramStandIn, tmp_path: Path
) -> None:
    """Nothing else is on standard output, and no file is written."""
    typed = [*scripted(bot, tmp_path), "--chat", "42", "--print"]
    code, out, err = await without_terminal(*typed, folder=tmp_path, environment=base(bot))
    assert code == 0, err
    assert same_everywhere(out, tmp_path).splitlines() == [
        "export EBBWATCH_TELEGRAM__TOKEN_FILE=HERE/token",
        "export EBBWATCH_TELEGRAM__CHAT=42",
    ]
    assert bot.token not in out + err
    assert not (tmp_path / ".env").exists()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("setup",), "give the platform by its name"),
        (("setup", "irc"), "expected telegram or slack, found irc"),
        (("setup", "telegram"), "give the token by --token-file"),
        (("setup", "telegram", "--channel", "x"), "--channel means nothing for telegram"),
        (("setup", "slack", "--chat", "1"), "--chat means nothing for slack"),
        (("setup", "telegram", "--topic", "1"), "--topic wants its --chat"),
    ],
)
async def test_wrong_use_is_said(tmp_path: Path, typed: tuple[str, ...], words: str) -> None:
    """Before anybody is asked anything."""
    code, _, err = await without_terminal(*typed, folder=tmp_path)
    assert (code, words in err) == (2, True), err


async def test_a_token_file_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """Not there, or empty."""
    typed = ["setup", "telegram", "--token-file", "token"]
    code, _, err = await without_terminal(*typed, folder=tmp_path)
    assert (code, "token cannot be read: No such file" in err) == (1, True), err
    (tmp_path / "token").write_text("\n")
    code, _, err = await without_terminal(*typed, folder=tmp_path)
    assert (code, "the token is empty" in err) == (1, True), err
