"""Settings: what the surroundings say, read once and frozen.

A name is looked for in the environment, then in ``.env`` of the working directory, then in
the secrets directory (``EBBWATCH_SECRETS_DIR``: a file per name, ``telegram__token`` or
``EBBWATCH_TELEGRAM__TOKEN``), then likewise among the credentials that systemd hands a service
(``CREDENTIALS_DIRECTORY``), then in the file that ``<NAME>_FILE`` points to; else its
default holds. A name that is set to nothing counts as not set, because that is how compose
files pass on what they were not given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ebbwatch.model.address import masked, secrets_in
from ebbwatch.model.problem import Problem
from ebbwatch.model.redaction import learn
from ebbwatch.model.source import in_variables
from ebbwatch.ports import EbbwatchError, Secret

PREFIX = "EBBWATCH_"
SECRETS_DIR = "EBBWATCH_SECRETS_DIR"
_DATABASE = ("database_url",)
#: Characters of the page's token below which it might be guessed.
SHORTEST_TOKEN_CHARS = 32


class SettingsInvalid(EbbwatchError):
    """Something in the settings is wrong.

    Attributes:
        problems: Everything that is, each naming its variable.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Take all complaints at once."""
        lines = (f"{p.message}\n  hint: {p.hint}" if p.hint else p.message for p in problems)
        super().__init__("\n".join(lines))
        self.problems = problems


def _hidden(value: object) -> object:
    return Secret(value) if isinstance(value, str) else value


def _split(value: object) -> object:
    return (
        tuple(part for part in re.split(r"[,\s]+", value) if part)
        if isinstance(value, str)
        else value
    )


def _base(value: object) -> object:
    """Check an address that others are appended to; its text may hold a password."""
    if not isinstance(value, str):
        return value
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its text repeats the address
        usable = False
    if not usable or "@" in parts.path:
        message = "expected an address that begins with http:// or https://"
        if "@" in value:
            message += "; in a user or a password write / as %2F, @ as %40, : as %3A, # as %23"
        raise ValueError(message)
    return value.rstrip("/")


Hidden = Annotated[Secret, BeforeValidator(_hidden)]
Base = Annotated[str, BeforeValidator(_base)]
Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
Numbers = Annotated[tuple[int, ...], BeforeValidator(_split)]


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class TelegramSettings(_Section):
    """Telegram.

    Attributes:
        pair: Names of the settings that are of no use without each other.
        token: Of the bot; without it there is no Telegram.
        chat: Where messages go when no rule file names receivers; also a chat that may ask.
        topic: Of that chat, by its number, where it has topics.
        api_base: Of the Bot API, where it is not Telegram's own.
        chats: Further chats that may ask.
        readers: Numeric ids of people who may ask.
        admins: Numeric ids of people who may ask and change.
    """

    pair: ClassVar[tuple[str, str]] = ("token", "chat")

    token: Hidden | None = None
    chat: str | None = None
    topic: int | None = None
    api_base: Base | None = None
    chats: Words = ()
    readers: Numbers = ()
    admins: Numbers = ()

    @property
    def bot(self) -> Secret | None:
        """Return the token that messages are sent with."""
        return self.token

    @property
    def place(self) -> dict[str, str] | None:
        """Return where messages go by default, as a rule file would give it; None for nowhere."""
        if self.token is None or self.chat is None:
            return None
        topic = {} if self.topic is None else {"topic": str(self.topic)}
        return {"chat": self.chat, **topic}


class SlackSettings(_Section):
    """Slack.

    Attributes:
        pair: Names of the settings that are of no use without each other.
        bot_token: ``xoxb-...``; without it there is no Slack.
        app_token: ``xapp-...``, for Socket Mode: commands and buttons.
        channel: Where messages go when no rule file names receivers; also one that may ask.
        api_base: Of the Web API, where it is not Slack's own.
        channels: Further channels that may ask.
        readers: Ids of people who may ask.
        admins: Ids of people who may ask and change.
    """

    pair: ClassVar[tuple[str, str]] = ("bot_token", "channel")

    bot_token: Hidden | None = None
    app_token: Hidden | None = None
    channel: str | None = None
    api_base: Base | None = None
    channels: Words = ()
    readers: Words = ()
    admins: Words = ()

    @property
    def bot(self) -> Secret | None:
        """Return the token that messages are sent with."""
        return self.bot_token

    @property
    def place(self) -> dict[str, str] | None:
        """Return where messages go by default, as a rule file would give it; None for nowhere."""
        return None if self.bot_token is None or self.channel is None else {"channel": self.channel}


class SourceSettings(_Section):
    """A source.

    Attributes:
        base_url: Asked instead of the provider's own address.
    """

    base_url: Base | None = None


class WebSettings(_Section):
    """The status page.

    Attributes:
        bind: Host and port it listens on; ``off`` for no page and no metrics.
        token: What it asks for, at least 32 characters; needed beyond loopback.
        hosts: Names it is asked by, where they are not the host it listens on: those of a
            reverse proxy.
        url: Address by which readers reach it, such as https://desk.example.org: webhooks link
            to it.
    """

    bind: str = "127.0.0.1:8077"
    token: Hidden | None = None
    hosts: Words = ()
    url: Base | None = None

    @property
    def local(self) -> str:
        """Return the address by which this machine reaches it, or, without a page, itself."""
        return f"http://{self.bind}" if self.on and self.loopback else "http://localhost"

    @property
    def on(self) -> bool:
        """Return whether there is a page at all."""
        return self.bind != "off"

    @property
    def host(self) -> str:
        """Return the host to listen on, without brackets."""
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Return the port to listen on; 0 for any that is free."""
        return int(self.bind.rpartition(":")[2])

    @property
    def loopback(self) -> bool:
        """Return whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        """Refuse what is no address, and a page for others without a token."""
        if not self.on:
            return self
        host, _, port = self.bind.rpartition(":")
        if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            message = "bind: expected host:port, such as 127.0.0.1:8077, or off"
            raise ValueError(message)
        if self.token is not None and len(self.token.reveal()) < SHORTEST_TOKEN_CHARS:
            message = (
                f"token: expected at least {SHORTEST_TOKEN_CHARS} characters, such as "
                "`openssl rand -hex 32` prints"
            )
            raise ValueError(message)
        if self.token is None and not self.loopback:
            message = (
                f"bind: {self.host} can be reached by others, and then the page wants "
                "a token: set EBBWATCH_WEB__TOKEN"
            )
            raise ValueError(message)
        if self.token is None and self.hosts:
            message = (
                f"hosts: whoever reaches {self.hosts[0]} reaches the page, and then it wants "
                "a token: set EBBWATCH_WEB__TOKEN"
            )
            raise ValueError(message)
        return self


class LogSettings(_Section):
    """The log.

    Attributes:
        level: Least urgent level that is written.
        format: ``auto`` is pretty on a terminal and JSON elsewhere.
    """

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(lambda v: v.upper() if isinstance(v, str) else v),
    ] = "INFO"
    format: Annotated[
        Literal["auto", "json", "pretty"],
        BeforeValidator(lambda v: v.lower() if isinstance(v, str) else v),
    ] = "auto"


class Settings(BaseSettings):
    """Everything the surroundings say.

    Attributes:
        rules_dir: Where the user's rules stand; None for the default pack.
        database_url: Of the store; hidden, as it may hold a password.
        language: Of whatever names none itself.
        heartbeat_url: Asked while polling and delivery work; hidden, as it is a key.
        api_keys: Of providers that take one, by name of the source; the variable of each is
            ``EBBWATCH_<NAME>__API_KEY``.
        secret: By the names that rule files use, in capitals.
        sources: By name.
        origins: Where each value that is not a default came from, by the variable's name.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    rules_dir: Path | None = None
    database_url: Hidden
    language: Literal["en", "zh-Hant", "zh-Hans", "zh-Hant-HK"] = "en"
    heartbeat_url: Annotated[Hidden | None, BeforeValidator(_base)] = None
    telegram: TelegramSettings = TelegramSettings()
    slack: SlackSettings = SlackSettings()
    api_keys: Mapping[str, Hidden] = Field(default_factory=dict)
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()
    secret: Mapping[str, Hidden] = Field(default_factory=dict)
    sources: Mapping[str, SourceSettings] = Field(default_factory=dict)

    origins: Mapping[str, str] = Field(default_factory=dict, repr=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the library's signature
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `reading` found: it knows of every value where it stands."""
        return (init_settings,)

    @property
    def platforms(self) -> Mapping[str, TelegramSettings | SlackSettings]:
        """Return what there is on chat platforms, by kind of notifier."""
        return {"telegram": self.telegram, "slack": self.slack}

    def api_key(self, source: str) -> Secret | None:
        """Return the key of a source; None where it wants none, or none is set."""
        return self.api_keys.get(in_variables(source))

    def base_url(self, source: str) -> str | None:
        """Return the address to ask instead of a source's own; None for its own."""
        section = self.sources.get(in_variables(source))
        return None if section is None else section.base_url

    def secrets(self) -> tuple[Secret, ...]:
        """Return every secret, the passwords of addresses included, to be kept out of sight."""
        found: list[Secret] = []
        for path, value in _leaves(self):
            # An address may hold a password, and is then no secret itself.
            if isinstance(value, Secret) and path != _DATABASE:
                found.append(value)
            text = value.reveal() if isinstance(value, Secret) else value
            if isinstance(text, str) and "://" in text:
                found += map(Secret, secrets_in(text))
        return tuple(found)


def load(keyed: Collection[str] = ()) -> Settings:
    """Return the settings in force.

    Args:
        keyed: Names of the sources that take a key, as `in_variables` writes them.

    Raises:
        SettingsInvalid: If a name is unknown, or a value is not what its name expects.
    """
    from ebbwatch.settings.environment import read  # noqa: PLC0415  it knows these names

    settings = read(keyed)
    learn(secret.reveal() for secret in settings.secrets())
    return settings


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting, for people.

    Attributes:
        name: Of its variable.
        value: In force; secrets are masked; empty where nothing is set.
        origin: Where it came from: ``environment``, ``.env``, a file, ``default``.
    """

    name: str
    value: str
    origin: str


def describe(settings: Settings, keyed: Collection[str] = ()) -> list[SettingRow]:
    """Return every setting with its value, secrets masked, and where it came from.

    Args:
        settings: In force.
        keyed: As `load` took it; keys that are not set have rows too.
    """
    rows = []
    for path, value in _leaves(settings, unset={"api_keys": keyed}):
        name = variable(path)
        match value:
            case None:
                text = ""
            case Secret() if path == _DATABASE:
                text = masked(value.reveal())
            case tuple():
                text = ", ".join(map(str, value))
            case str() if "://" in value:
                text = masked(value)
            case _:
                text = str(value)
        rows.append(SettingRow(name, text, settings.origins.get(name, "default")))
    return rows


def _leaves(
    section: BaseModel,
    path: tuple[str, ...] = (),
    unset: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every setting with its path, in the order of the fields.

    Args:
        section: Whose settings.
        path: Of the section.
        unset: Names that a map of settings has rows for although they are not set.
    """
    for name in names(section):
        value = getattr(section, name)
        branches = None
        if isinstance(value, Mapping):
            branches = sorted({**dict.fromkeys(unset.get(name, ())), **value}.items())
        if isinstance(value, BaseModel):
            yield from _leaves(value, (*path, name))
        elif branches is not None:
            for key, branch in branches:
                if isinstance(branch, BaseModel):
                    yield from _leaves(branch, (*path, name, key))
                else:
                    yield (*path, name, key), branch
        else:
            yield (*path, name), value


def names(section: BaseModel | type[BaseModel]) -> list[str]:
    """Return the names of a section's settings."""
    kind = section if isinstance(section, type) else type(section)
    return [name for name in kind.model_fields if name != "origins"]


def variable(path: tuple[str, ...]) -> str:
    """Return the name of the variable that a setting is read from."""
    if path[0] == "api_keys":
        path = (*path[1:], "api_key")
    return PREFIX + "__".join(path).upper()
