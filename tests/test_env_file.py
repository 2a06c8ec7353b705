"""The file .env: what is put into it, and that nothing else of it changes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from ebbwatch.settings.env_file import put, with_values


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "NEW=1\n"),
        ("# mine\n\nA=2\n", "# mine\n\nA=2\nNEW=1\n"),
        ("A=2", "A=2\nNEW=1\n"),
        ("NEW=0\nA=2\n", "NEW=1\nA=2\n"),
        ("export new = 'of\nold' # why\nA=2\n", "NEW=1\nA=2\n"),
        ("NEW=0\nA=2\nNEW=5\n", "NEW=1\nA=2\n"),
        ("NEWER=0\n", "NEWER=0\nNEW=1\n"),
        ("GONE=7\r\nA=2\r\n", "A=2\r\nNEW=1\n"),
        ("what is this?\nA=2\n", "what is this?\nA=2\nNEW=1\n"),
    ],
)
def test_settings_are_replaced_where_they_stand(before: str, after: str) -> None:
    """Comments, other programs' settings and lines that nobody understands stay."""
    assert with_values(before, {"NEW": "1", "GONE": None}) == after


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_what_is_put_in_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """Quotes, backslashes, dollars and hashes included."""
    path = tmp_path_factory.mktemp("env") / ".env"
    put(path, {"NAME": text})
    assert dotenv_values(path, interpolate=False) == {"NAME": text}


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """Also where everybody could before."""
    path = tmp_path / ".env"
    path.write_text("A=2\n")
    path.chmod(0o644)
    put(path, {"NEW": "1"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_goes_on_leading_where_it_led(tmp_path: Path) -> None:
    """What it points to is changed."""
    (tmp_path / "kept").mkdir()
    real = tmp_path / "kept" / "settings"
    real.write_text("A=2\n")
    (tmp_path / ".env").symlink_to(real)
    put(tmp_path / ".env", {"NEW": "1"})
    assert (tmp_path / ".env").is_symlink()
    assert real.read_text() == "A=2\nNEW=1\n"


@pytest.mark.parametrize("fails", ["replace", "fsync"])
def test_a_write_that_fails_leaves_it_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """A full disk or a Ctrl-C in the middle: no half file, and none left over."""
    path = tmp_path / ".env"
    path.write_text("A=2\n")

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*((Path, "replace") if fails == "replace" else (os, "fsync")), broken)
    with pytest.raises(KeyboardInterrupt):
        put(path, {"NEW": "1"})
    assert path.read_text() == "A=2\n"
    assert [file.name for file in tmp_path.iterdir()] == [".env"]


def test_what_is_no_text_is_left_alone(tmp_path: Path) -> None:
    """It is somebody else's."""
    path = tmp_path / ".env"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        put(path, {"NEW": "1"})
    assert path.read_bytes() == b"\xff\xfe"
