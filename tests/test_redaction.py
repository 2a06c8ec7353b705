"""No secret, and no sign that makes a line look like another, in what is told or kept."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from telegram.error import Forbidden

from ebbwatch.model.redaction import SAID_LIMIT_CHARS, learn, redacted, said
from ebbwatch.model.text import clean
from ebbwatch.platforms.slack import refusal
from ebbwatch.platforms.telegram import failure
from ebbwatch.ports import SourceUnavailable, StoreError, Undeliverable
from ebbwatch.runtime.silences import silence
from ebbwatch.settings import load
from ebbwatch.sources.strict_numbers import shown
from ebbwatch.store.in_memory import MemoryStore
from tests.ruleset.loading import codes, loaded

TOKEN = "123456:" + "A" * 35


@pytest.mark.parametrize("kind", [SourceUnavailable, StoreError, Undeliverable])
def test_an_error_holds_no_secret(kind: type[Exception]) -> None:
    """Neither one in force, nor one that a platform repeats and only looks like one."""
    learn(["correct horse/battery"])
    error = kind(f"it said: correct%20horse%2Fbattery is wrong, and so is {TOKEN}")
    assert str(error) == "it said: *** is wrong, and so is ***"


def test_an_error_is_one_that_a_terminal_can_show() -> None:
    """No escape code, no line that reads backwards, and not without end."""
    error = SourceUnavailable("a\x1b[31mb\u202ec\ud800" + "x" * 5_000)
    assert str(error).startswith("a [31mb c\N{REPLACEMENT CHARACTER}xxx")
    assert len(str(error)) == SAID_LIMIT_CHARS


def test_the_passwords_of_addresses_are_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in force are known as soon as settings are read."""
    monkeypatch.setenv("EBBWATCH_DATABASE_URL", "postgresql://ebb:sesame-street@db/ebb")
    monkeypatch.setenv("EBBWATCH_SECRET__HOOK", "https://hooks.example/T0/planted")
    load()
    assert redacted("sesame-street at https://hooks.example/T0/planted") == "*** at ***"


def test_what_looks_like_a_word_is_masked_by_itself_only() -> None:
    """A short secret is a part of many words."""
    learn(["pass"])
    assert said("pass was passed to a bypass") == "*** was passed to a bypass"


@pytest.mark.parametrize(
    ("secret", "repeated"),
    [
        ("Bearer hunter2-hunter2", "hunter2-hunter2"),
        ("https://hooks.example/T0/planted", "/T0/planted"),
        ("https://hooks.example/planted-of-16-signs?x=1", "planted-of-16-signs"),
        ("https://hooks.example/T0/planted-of-16-signs/", "planted-of-16-signs"),
    ],
)
def test_a_secret_is_one_without_what_stands_before_it(secret: str, repeated: str) -> None:
    """Servers repeat a header without its scheme, and an address without its host."""
    learn([secret])
    assert said(f"no {repeated} here") == "no *** here"


def test_the_words_of_an_address_are_none() -> None:
    """Masked, they would make texts unreadable."""
    learn(["https://alerts.example/alertmanager", "https://alerts.example/", "https://x.example"])
    assert said("alertmanager of alerts.example") == "alertmanager of alerts.example"


def test_what_is_cut_short_was_masked_before() -> None:
    """Of half a secret nobody would know that it is one."""
    learn(["correct-horse-battery-staple"])
    text = "x" * 30 + " correct-horse-battery-staple"
    for told in (
        shown(text), str(refusal("x" * 80 + text)), said(text, 40),
        str(failure(Forbidden("Forbidden: " + "x" * 160 + text))),
    ):  # fmt: skip
        assert "correct" not in told


def test_a_webhook_of_discord_is_recognised_by_its_looks() -> None:
    """As rule files refuse it."""
    assert (
        redacted("https://discord.com/api/webhooks/123/planted said no")
        == "https://discord.com/api/webhooks/*** said no"
    )


def test_texts_of_others_are_cleaned() -> None:
    """Lines and letters stay."""
    given = "one\r\ntwo\u2028three\x00\x9b\u2066four\ufeff 準備金\ttab"
    assert clean(given) == "one\ntwo\nthree   four  準備金\ttab"


def test_a_comment_is_one_plain_line() -> None:
    """Whoever lists silences sees what was meant."""
    now = datetime(2026, 11, 30, tzinfo=UTC)
    made = silence(
        MemoryStore(), (("name", "a"),), at=now, until=now + timedelta(days=1), by="ann\x1b[2J",
        comment="quarter\n\u202eend",
    )  # fmt: skip
    assert (made.by, made.comment) == ("ann [2J", "quarter end")


@pytest.mark.parametrize("escape", ["\\e", "\\u202e", "\\x00", "\\x9b"])
def test_an_escape_for_a_control_character_is_refused(escape: str) -> None:
    """A rule's title is what it looks like."""
    text = f'rules:\n  - {{name: a, title: "x{escape}y", value: sofr, above: {{watch: 9 %}}}}\n'
    result = loaded(text)
    assert codes(result) == ["control-character"]
    assert result.problems[0].span.column == 24


def test_a_traceback_of_a_command_is_masked(tmp_path: Path) -> None:
    """Whatever a fault of ours carries in its text."""
    code = (
        "import sys\nfrom ebbwatch.cli import commands, main\n"
        f"def app(): raise RuntimeError('token={TOKEN} of https://u:hunter22@h/')\n"
        "commands.app = lambda: app\nsys.argv = ['ebbwatch', 'check']\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 1
    assert "RuntimeError: token=*** of https://u:***@h/" in done.stderr
    assert "this is a fault of Ebbwatch, please report it" in done.stderr
