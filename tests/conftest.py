"""What every test gets: nothing of the surroundings, and logs out of the way."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog

from ebbwatch.model import redaction
from tests.cli import forget_settings


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own settings out of the tests."""
    for name in [name for name in os.environ if name.startswith("EBBWATCH_")]:
        monkeypatch.delenv(name)
    forget_settings()
    redaction.forget()


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Undo whatever a test set up for logging."""
    yield
    structlog.reset_defaults()
