"""Setting up Slack, as a person at a terminal and as a script, against the strict stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from ebbwatch.platforms.slack_channels import FINDING, NEEDED, manifest
from tests.standins.slack import SlackStandIn, ratelimited, refusing
from tests.terminal import files_of, golden, same_everywhere, terminal, without_terminal

DESK = "C0DESK00001"


@pytest_asyncio.fixture(name="app")
async def _app() -> AsyncIterator[SlackStandIn]:
    others = [f"C0OTHER{number:04}" for number in range(30)]
    async with SlackStandIn(channels=(*others, DESK)) as app:
        app.names, app.page = {"#funding": DESK}, 7
        yield app


def base(app: SlackStandIn, **more: str) -> dict[str, str]:
    """Return the settings that lead to the stand-in."""
    return {"EBBWATCH_SLACK__API_BASE": app.api_base, **more}


def scripted(app: SlackStandIn, folder: Path, *more: str) -> list[str]:
    """Return the command of a script, whose token stands in a file."""
    (folder / "token").write_text(f"{app.token}\n")
    return ["setup", "slack", "--token-file", "token", *more]


def test_the_manifest_asks_for_just_what_is_used() -> None:
    """Messages, charts, and finding the channel."""
    assert yaml.safe_load(manifest())["oauth_config"]["scopes"]["bot"] == [*NEEDED, *FINDING]


async def test_a_person_goes_from_nothing_to_a_message(app: SlackStandIn, tmp_path: Path) -> None:
    """Manifest, token, channel by name on the fifth page, the invitation; word by word."""
    app.outside = {DESK}
    async with terminal("setup", "slack", folder=tmp_path, environment=base(app)) as screen:
        await screen.shows("not shown): ")
        await screen.type("xapp-1-not-the-bots")
        await screen.shows("not shown): ")
        await screen.type(app.token)
        await screen.shows("Channel:")
        await screen.type("#fundings")
        await screen.shows("Channel:")
        await screen.type("#funding")
        await screen.shows("(Ctrl-C ends).")
        app.outside = set()
        await screen.type("")
        assert await screen.ended() == 0, screen.transcript
    golden("slack", same_everywhere(screen.transcript, tmp_path))
    text, chart = app.channels[DESK]
    assert text.text.startswith("🔔 Test · Slack")
    assert (chart.files[0][:4], chart.thread_ts) == (b"\x89PNG", text.ts)
    written = (tmp_path / ".env").read_text()
    assert written == f"EBBWATCH_SLACK__BOT_TOKEN={app.token}\nEBBWATCH_SLACK__CHANNEL={DESK}\n"
    assert app.token not in screen.transcript


async def test_a_script_needs_no_terminal(app: SlackStandIn, tmp_path: Path) -> None:
    """By name, by id or by link; what .env held besides is still there."""
    (tmp_path / ".env").write_text("# mine\nEBBWATCH_SLACK__CHANNEL=COLD\nMINE=1\n")
    for channel in ("funding", DESK, f"https://desk.slack.com/archives/{DESK}"):
        typed = scripted(app, tmp_path, "--channel", channel)
        code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(app))
        assert (code, err) == (0, "")
        assert (tmp_path / ".env").read_text() == (
            f"# mine\nEBBWATCH_SLACK__CHANNEL={DESK}\nMINE=1\n"
            f"EBBWATCH_SLACK__BOT_TOKEN={app.token}\n"
        )


@pytest.mark.parametrize(
    ("method", "error", "remedy"),
    [
        ("auth.test", "invalid_auth", "copy it again from OAuth & Permissions"),
        ("auth.test", "account_inactive", "removed from the workspace: reinstall it"),
        ("auth.test", "token_revoked", "reinstall the app to the workspace"),
        ("conversations.list", "missing_scope", "the app lacks a scope (missing_scope)"),
        ("chat.postMessage", "not_in_channel", "write /invite and the bot's name"),
        ("chat.postMessage", "restricted_action", "have an owner of the workspace"),
        ("files.getUploadURLExternal", "file_uploads_disabled", "let apps upload files"),
        ("chat.postMessage", "brand_new_refusal", "refused the message: brand_new_refusal"),
    ],
)
async def test_each_refusal_has_its_way_out(
    app: SlackStandIn, tmp_path: Path, method: str, error: str, remedy: str
) -> None:
    """And nothing is written."""
    app.faults = [refusing(error)]
    app.faults[0].method = method
    typed = scripted(app, tmp_path, "--channel", "#funding")
    code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(app))
    assert (code, remedy in err, "nothing was written" in err) == (1, True, True), err
    assert files_of(tmp_path) == ["token"]


@pytest.mark.parametrize("scope", ["chat:write", "files:write", "channels:read"])
async def test_a_scope_that_is_missing_is_named(
    app: SlackStandIn, tmp_path: Path, scope: str
) -> None:
    """Before anything is sent, with what to do: add it, and reinstall."""
    app.scopes -= {scope}
    typed = scripted(app, tmp_path, "--channel", "#funding")
    code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(app))
    assert code == 1
    assert f"the app lacks the scope {scope} (missing_scope)" in err
    assert "reinstall the app" in err
    assert app.channels[DESK] == []


async def test_what_is_wrong_with_the_channel_is_said(app: SlackStandIn, tmp_path: Path) -> None:
    """Not invited, archived, private and unseen."""
    typed = scripted(app, tmp_path, "--channel", DESK)
    app.outside = {DESK}
    _, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(app))
    assert "is not in #funding (not_in_channel); write /invite @ebbwatch there" in err
    app.private = {DESK}
    _, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(app))
    assert "channel_not_found; check the channel's id; a private one needs /invite" in err
    app.outside, app.private, app.archived = set(), set(), {DESK}
    _, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(app))
    assert "is_archived; unarchive the channel, or name another" in err
    assert files_of(tmp_path) == ["token"]


async def test_slack_that_wants_patience_or_is_away_is_one_line(
    app: SlackStandIn, tmp_path: Path
) -> None:
    """No traceback, and nothing is written."""
    typed = scripted(app, tmp_path, "--channel", "#funding")
    app.faults = [ratelimited(30)]
    code, _, err = await without_terminal(*typed, folder=tmp_path, environment=base(app))
    assert (code, len(err.splitlines()), "try again in 30 s" in err) == (1, 1, True), err
    nobody = {"EBBWATCH_SLACK__API_BASE": "http://127.0.0.1:9/api/"}
    code, out, err = await without_terminal(*typed, folder=tmp_path, environment=nobody)
    assert (code, out, len(err.splitlines())) == (1, "", 1), err
    assert "slack was not reached" in err
    assert app.token not in err
    assert files_of(tmp_path) == ["token"]
