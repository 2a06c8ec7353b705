"""All commands, by name, and where each stands; only the one that was typed is loaded."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ebbwatch import __version__

#: Module and function of each command; a group's commands have its name in front.
COMMANDS = {
    "run": "daemon:run",
    "healthcheck": "health_command:healthcheck",
    "status": "daemon:status",
    "poll": "daemon:poll",
    "check": "rule_commands:check",
    "test": "rule_commands:test",
    "diff": "rule_commands:diff",
    "try": "try_command:try_",
    "schema": "rule_commands:schema",
    "replay": "history:replay",
    "tune": "tune_command:tune",
    "evidence": "evidence_command:evidence",
    "value": "figures:value",
    "why": "figures:why",
    "what-if": "what_if_command:what_if",
    "chart": "figures:chart",
    "export": "export_command:export",
    "backfill": "figures:backfill",
    "import": "figures:import_",
    "silence": "telling_commands:silence",
    "ack": "telling_commands:ack",
    "outbox": "outbox_command:outbox",
    "backup": "backup_commands:backup",
    "restore": "backup_commands:restore",
    "init": "setup:init",
    "setup": "setup_command:setup",
    "doctor": "doctor_command:doctor",
    "settings": "setup:settings",
    "notify test": "telling_commands:notify_test",
    "series list": "figures:series_list",
    "series accept": "figures:series_accept",
}
GROUPS = {"notify": "Try receivers.", "series": "Look after series."}

#: What one wants to do, and the commands for it, in the order of the help.
SECTIONS = {
    "First steps": ("setup", "init", "doctor"),
    "Watch": ("run", "status", "why", "poll"),
    "Rules": ("check", "test", "try", "diff", "tune", "schema"),
    "Figures": ("value", "chart", "what-if", "series", "export", "import", "backfill"),
    "History": ("replay", "evidence"),
    "Telling": ("notify", "silence", "ack", "outbox"),
    "Upkeep": ("settings", "backup", "restore", "healthcheck"),
}


class _Grouped(TyperGroup):
    """A help that lists commands by what one wants to do, each with a whole sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands that there are, section by section."""
        for title, names in SECTIONS.items():
            rows = [
                (name, " ".join((command.help or "").partition("\n\n")[0].split()))
                for name in names
                if (command := self.get_command(ctx, name)) is not None
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=12)


def _version(asked: bool) -> None:
    if asked:
        print(f"ebbwatch {__version__}")
        raise typer.Exit


def _whole(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Watch dollar liquidity and tell people in Telegram and Slack."""


def app(arguments: list[str] | None = None) -> typer.Typer:
    """Return the command line, with the command that was asked for, or else with all of them.

    Args:
        arguments: As typed; by default those of this process.
    """
    typed = sys.argv[1:] if arguments is None else arguments
    if typed[:1] == ["help"] and arguments is None:
        # `ebbwatch help why` is what `ebbwatch why --help` is.
        sys.argv[1:] = typed = [*typed[1:], "--help"]
    first = next((word for word in typed if not word.startswith("-")), "")
    asked = [name for name in COMMANDS if name.split()[0] == first] or list(COMMANDS)
    whole = typer.Typer(
        name="ebbwatch",
        cls=_Grouped,
        no_args_is_help=True,
        add_completion=not first,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # A second command keeps typer from leaving the only one's name out.
    whole.callback()(_whole)
    groups: dict[str, typer.Typer] = {}
    for name in asked:
        module, function = COMMANDS[name].split(":")
        command = getattr(import_module(f"ebbwatch.cli.{module}"), function)
        group, _, own = name.rpartition(" ")
        if not group:
            # An expression may begin with a minus: `value "-sofr"`.
            asked_by_hand = name in ("value", "export")
            whole.command(name, context_settings={"ignore_unknown_options": asked_by_hand})(command)
            continue
        if group not in groups:
            groups[group] = typer.Typer(
                help=GROUPS[group], no_args_is_help=True, rich_markup_mode=None
            )
            groups[group].callback()(lambda: None)
            whole.add_typer(groups[group], name=group)
        groups[group].command(own)(command)
    return whole
