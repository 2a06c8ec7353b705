"""The command doctor: one screen that says how everything is, and what to do about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from ebbwatch import app as root
from ebbwatch.cli import common
from ebbwatch.cli.printing import width
from ebbwatch.markup.columns import wrapped
from ebbwatch.model.redaction import said

if TYPE_CHECKING:
    from ebbwatch.app.doctor.diagnosis import Diagnosis

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}
#: Columns of how a thing is, and most of its name.
_HEALTH, _MOST_NAME = 6, 20


def doctor(
    rules: common.RulesOption = None,
    format: common.FormatOption = "text",  # noqa: A002
) -> None:
    """Look whether all that the daemon needs is there; change nothing, send nothing.

    It holds no secret, and can be shown to whoever helps.
    """
    from ebbwatch.app.doctor import examined, machine
    from ebbwatch.clocks import SystemClock
    from ebbwatch.settings import SettingsInvalid, load

    common.known_format(format)
    try:
        settings = load(root.keyed_sources())
    except SettingsInvalid as error:
        findings = [machine.versions(), machine.settings_wrong(error.problems)]
    else:
        place = rules or settings.rules_dir or root.default_rules()
        if rules is not None:
            common.files_of(rules)
        with common.faults_end_it():
            findings = asyncio.run(examined(settings, place, SystemClock()))
    if format == "json":
        print(json.dumps([_row(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    if any(finding.health == "fail" for finding in findings):
        raise typer.Exit(common.PROBLEMS)


def _row(finding: Diagnosis) -> dict[str, str]:
    """Return a finding for programs."""
    return {
        "name": finding.name,
        "health": finding.health.value,
        "said": said(finding.said),
        "remedy": said(finding.remedy),
    }


def _show(findings: Sequence[Diagnosis]) -> None:
    """Print findings, a line each, in colour where that is a terminal that wants it."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    names = min(_MOST_NAME, max(len(finding.name) for finding in findings))
    indent = " " * (_HEALTH + names + 2)
    for finding in findings:
        room = max(width(), len(indent) + 20)
        lines = wrapped(said(finding.said), room, indent=indent, hanging=indent)
        if finding.remedy:
            lines += wrapped(said(finding.remedy), room, indent=indent, hanging=indent)
        name = f"{finding.name:<{names}}  "
        word = Text(f"{finding.health:<{_HEALTH}}", _COLOURS[finding.health])
        console.print(word + Text(f"{name}{lines[0].removeprefix(indent)}"))
        for line in lines[1:]:
            console.print(Text(line))
    console.print(Text(_verdict(findings)))


def _verdict(findings: Sequence[Diagnosis]) -> str:
    """Return the last line: how many things are not as they should be."""
    failing = sum(finding.health == "fail" for finding in findings)
    doubtful = sum(finding.health == "warn" for finding in findings)
    if not failing and not doubtful:
        return "all is fine"
    failed = f"{failing} of {len(findings)} fails" if failing else "nothing fails"
    return f"{failed}, {doubtful} to look at" if doubtful else failed
