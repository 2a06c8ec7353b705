"""Commands run as they are typed, within the process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from ebbwatch.cli import common
from ebbwatch.cli.commands import app


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return what it printed, read as JSON."""
        return json.loads(self.out)


def forget_settings() -> None:
    """Have the next command read its settings, as a process of its own would."""
    common.settings.cache_clear()


def run(*typed: object) -> Ran:
    """Run a command; what it raises by mistake passes."""
    forget_settings()
    words = [str(word) for word in typed]
    result = CliRunner().invoke(app(words), words, catch_exceptions=False)
    return Ran(result.exit_code, result.stdout, result.stderr)
