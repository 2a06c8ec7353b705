"""The command setup: a way to be told, from nothing to a test message in the chat."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ebbwatch import app as root
from ebbwatch.cli import common
from ebbwatch.cli.conversation import Conversation, nobody_to_ask
from ebbwatch.cli.setup_platform import ChosenPlace, Given, SetupStopped
from ebbwatch.ports import Secret
from ebbwatch.settings.env_file import check, put
from ebbwatch.settings.environment import DOTENV

if TYPE_CHECKING:
    from ebbwatch.settings import Settings

PLATFORMS = ("telegram", "slack")


def setup(
    platform: Annotated[
        str | None, typer.Argument(metavar="[telegram|slack]", help="Asked for where left out.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Holds the bot's token; by default it "
                     "is that of the settings, or asked for."),
    ] = None,
    chat: Annotated[
        str | None, typer.Option("--chat", metavar="CHAT", help="Telegram: number of the chat, or "
                                 "@name of a public one; by default it is found.")
    ] = None,
    topic: Annotated[
        int | None, typer.Option("--topic", metavar="NUMBER", help="Telegram: of that chat.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="CHANNEL", help="Slack: name or id.")
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait for people: what is not done yet ends "
                           "the command.")
    ] = False,
    remove_webhook: Annotated[
        bool, typer.Option("--remove-webhook", help="Telegram: have the bot's news wait for us, "
                           "where they go to a web address.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--print", help="Show what to export instead of writing .env.")
    ] = False,
    language: common.LanguageOption = None,
) -> None:  # fmt: skip
    """Set up Telegram or Slack: find the chat, send a test message, write .env."""
    settings = common.settings()
    common.words(language)
    talk = Conversation(aside=show)
    given = Given(token_file, chat, topic, channel, no_wait, remove_webhook,
                  language or settings.language)  # fmt: skip
    try:
        chosen = platform or _platform(talk)
        _fits(chosen, given)
        if not show:
            # Whoever went all the way must not hear at its end that it was for nothing.
            _written(check)
        place = _set_up(chosen, talk, settings, given)
        if not show:
            _written(lambda path: put(path, place.values))
    except SetupStopped as error:
        common.stop(f"{error}; nothing was written")
    except (KeyboardInterrupt, EOFError):
        print()
        common.stop("stopped; nothing was written")
    _end(talk, place, show=show)


def _platform(talk: Conversation) -> str:
    """Return the platform that somebody wants."""
    if not talk.asks:
        nobody_to_ask("the platform", "its name: ebbwatch setup telegram, or slack")
    talk.say("Where are alerts to be told?", indent="")
    chosen = talk.choose("Which?", ["Telegram", "Slack"])
    assert chosen is not None
    return PLATFORMS[chosen]


def _fits(platform: str, given: Given) -> None:
    """End where an option is another platform's."""
    if platform not in PLATFORMS:
        common.stop(f"expected telegram or slack, found {platform}", common.WRONG_USE)
    others: dict[str, dict[str, object]] = {
        "telegram": {"--channel": given.channel},
        "slack": {"--chat": given.chat, "--topic": given.topic,
                  "--remove-webhook": given.remove_webhook or None},
    }  # fmt: skip
    for option, value in others[platform].items():
        if value is not None:
            common.stop(f"{option} means nothing for {platform}", common.WRONG_USE)
    if given.topic is not None and given.chat is None:
        common.stop("--topic wants its --chat", common.WRONG_USE)


def _set_up(platform: str, talk: Conversation, settings: Settings, given: Given) -> ChosenPlace:
    """Return a place that took a test message."""
    if platform == "telegram":
        from ebbwatch.cli.setup_telegram import TelegramSetup

        return TelegramSetup(talk, settings.telegram, given).place()
    from ebbwatch.cli.setup_slack import SlackSetup

    return SlackSetup(talk, settings.slack, given).place()


def _end(talk: Conversation, place: ChosenPlace, *, show: bool) -> None:
    """Say what was written, or show how to export it; and what to run."""
    written = {name: value for name, value in place.values.items() if value is not None}
    if show:
        talk.step("To be exported where Ebbwatch runs:")
        for name, value in written.items():
            print(_export(name, value, place))
    else:
        talk.step(f"Written to {DOTENV} in this directory, which only you can read:")
        talk.say(", ".join(written))
        _say_what_counts_for_more(talk, place)
    talk.step("Now run, in this directory:" if not show else "Then run:")
    talk.show("   ebbwatch run")


def _written(work: Callable[[Path], None]) -> None:
    """Do something to ``.env``, or say why that cannot be.

    Raises:
        SetupStopped: If it cannot.
    """
    path = Path(DOTENV)
    try:
        work(path)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SetupStopped(
            f"{path.absolute()} cannot be written ({said}): go to a directory of yours, or use "
            "--print"
        ) from None


def _say_what_counts_for_more(talk: Conversation, place: ChosenPlace) -> None:
    """Say what else is set that keeps alerts from the place."""
    common.settings.cache_clear()
    settings = common.settings()
    platform = settings.platforms[place.kind]
    told = platform.bot == Secret(place.values[place.secret] or "")
    if not (told and platform.place == place.options):
        for name in place.values:
            if settings.origins.get(name) == "environment":
                talk.say(f"{name} is set in the environment, which counts for more: unset it.")
    if settings.rules_dir is not None:
        ruleset = root.load_rules(common.files_of(settings.rules_dir)).ruleset
        if ruleset is not None and ruleset.receivers:
            talk.say(f"The rules in {settings.rules_dir} name receivers, which count for more: "
                     "alerts come here only where one of those is this place.")  # fmt: skip


def _export(name: str, value: str, place: ChosenPlace) -> str:
    """Return a line for a shell, without the secret itself."""
    if name != place.secret:
        return f"export {name}={shlex.quote(value)}"
    if place.token_file is not None:
        return f"export {name}_FILE={shlex.quote(str(place.token_file.absolute()))}"
    return f"export {name}=...    # the token, which is not shown"
