"""The terminal: lines of text, coloured where a person looks on."""

from __future__ import annotations

import pytest

from ebbwatch.markup.plain import plain
from ebbwatch.model.message import Receipt, Target
from ebbwatch.notifiers.terminal import TerminalNotifier
from ebbwatch.ports import NotifierSetup, Undeliverable
from tests.fakes import ManualClock
from tests.markup.samples import ENGLISH, nasty

SETUP = NotifierSetup(ManualClock())
TARGET = Target("terminal", "terminal")


async def test_a_message_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Plain where nobody looks on, with an empty line behind it."""
    notifier = TerminalNotifier(SETUP)
    receipt = await notifier.send(ENGLISH, TARGET, key="k")
    await notifier.attach(b"PNG", ENGLISH, TARGET, to=receipt)
    await notifier.aclose()
    assert (receipt, capsys.readouterr().out) == (Receipt(), f"{plain(ENGLISH)}\n\n")


async def test_a_headline_is_coloured_by_its_level() -> None:
    """And only the headline."""
    written: list[str] = []
    await TerminalNotifier(SETUP, write=written.append, colour=True).send(ENGLISH, TARGET, key="k")
    head, _, rest = "".join(written).partition("\n")
    assert head == f"\x1b[1;38;5;208m{ENGLISH.headline}\x1b[0m"
    assert "\x1b" not in rest


async def test_no_escape_code_of_the_data_reaches_the_terminal() -> None:
    """A title cannot clear the screen."""
    written: list[str] = []
    await TerminalNotifier(SETUP, write=written.append).send(nasty(), TARGET, key="k")
    assert "\x1b" not in "".join(written)


async def test_a_closed_pipe_is_undeliverable() -> None:
    """``ebbwatch run | head`` ends like that."""

    def broken(text: str) -> None:
        raise BrokenPipeError

    with pytest.raises(Undeliverable, match="nobody reads standard output any more"):
        await TerminalNotifier(SETUP, write=broken).send(ENGLISH, TARGET, key="k")
