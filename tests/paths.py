"""Where tests find recorded bodies of providers, if they are beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

#: The checkout.
ROOT = Path(__file__).resolve().parent.parent

_RECORDINGS = ROOT.parent / "shared" / "recordings"

#: Folder of recorded bodies, which are not passed on with the project; None without it.
RECORDINGS: Path | None = _RECORDINGS if _RECORDINGS.is_dir() else None


def recording(name: str) -> bytes:
    """Return a recorded body, or skip the test where the recordings are not here."""
    if RECORDINGS is None:
        pytest.skip("the recorded bodies are not beside this checkout")
    return (RECORDINGS / name).read_bytes()
