"""All commands, by name; each family has a module of its own."""

from __future__ import annotations

import typer

from ebbwatch.cli import daemon, figures, history, rules, setup, telling

app = typer.Typer(
    name="ebbwatch",
    help="Watch dollar liquidity and tell people in Telegram and Slack.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

notify = typer.Typer(help="Try receivers.", no_args_is_help=True, rich_markup_mode=None)
series = typer.Typer(help="Look after series.", no_args_is_help=True, rich_markup_mode=None)

app.command("run")(daemon.run)
app.command("status")(daemon.status)
app.command("poll")(daemon.poll)
app.command("check")(rules.check)
app.command("test")(rules.test)
app.command("diff")(rules.diff)
app.command("schema")(rules.schema)
app.command("replay")(history.replay)
app.command("tune")(history.tune)
app.command("value")(figures.value)
app.command("why")(figures.why)
app.command("chart")(figures.chart)
app.command("backfill")(figures.backfill)
app.command("import")(figures.import_)
app.command("silence")(telling.silence)
app.command("ack")(telling.ack)
app.command("init")(setup.init)
app.command("settings")(setup.settings)
notify.command("test")(telling.notify_test)
series.command("list")(figures.series_list)
series.command("accept")(figures.series_accept)
app.add_typer(notify, name="notify")
app.add_typer(series, name="series")
