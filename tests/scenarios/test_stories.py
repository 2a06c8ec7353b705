"""Stories on tape: each is lived through, and what people heard is compared with what they should."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.tapes import read, tell

TAPES = sorted(Path(__file__).parent.glob("*.tape"))


@pytest.mark.parametrize("tape", TAPES, ids=lambda path: path.stem)
async def test_a_tape_tells_its_story(tape: Path) -> None:
    """All that was heard, in order; ACCEPT_STORIES=1 writes it anew, to be reviewed as a diff."""
    heard = "\n".join(await tell(read(tape))) + "\n"
    expected = tape.with_suffix(".expected")
    if os.environ.get("ACCEPT_STORIES"):
        expected.write_text(heard, "utf-8")
    assert heard == expected.read_text("utf-8")
