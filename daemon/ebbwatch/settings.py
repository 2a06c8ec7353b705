"""Settings: what the surroundings say, read once and frozen; the only reader of `os.environ`.

A name is looked for in the environment, then in ``.env`` of the working directory, then in
the secrets directory (``EBBWATCH_SECRETS_DIR``: a file per name, ``telegram__token`` or
``EBBWATCH_TELEGRAM__TOKEN``), then in the file that ``<NAME>_FILE`` points to; else its
default holds. A name that is set to nothing counts as not set, because that is how compose
files pass on what they were not given.

Importing this module costs about 150 ms, so commands that need no settings do not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ebbwatch.model.problem import Problem, Span
from ebbwatch.ports import EbbwatchError, Secret

PREFIX = "EBBWATCH_"
DOTENV = ".env"
SECRETS_DIR = "EBBWATCH_SECRETS_DIR"
DATABASE_FILE = "ebbwatch.db"

#: Sections whose next part is a name of the user's or a source's.
_BY_NAME = ("secret", "sources")

#: What Kubernetes puts into every container beside a Service called ``ebbwatch``.
#: Source: kubernetes.io, "Service", environment variables, as known in November 2026.
_KUBERNETES = re.compile(
    r"EBBWATCH_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


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
    if isinstance(value, str):
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            message = "expected an address that begins with http:// or https://"
            raise ValueError(message)
        return value.rstrip("/")
    return value


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
        token: Of the bot; without it there is no Telegram.
        chat: Where messages go when no rule file names receivers; also a chat that may ask.
        api_base: Of the Bot API, where it is not Telegram's own.
        chats: Further chats that may ask.
        readers: Numeric ids of people who may ask.
        admins: Numeric ids of people who may ask and change.
    """

    token: Hidden | None = None
    chat: str | None = None
    api_base: Base | None = None
    chats: Words = ()
    readers: Numbers = ()
    admins: Numbers = ()


class SlackSettings(_Section):
    """Slack.

    Attributes:
        bot_token: ``xoxb-...``; without it there is no Slack.
        app_token: ``xapp-...``, for Socket Mode: commands and buttons.
        channel: Where messages go when no rule file names receivers; also one that may ask.
        api_base: Of the Web API, where it is not Slack's own.
        channels: Further channels that may ask.
        readers: Ids of people who may ask.
        admins: Ids of people who may ask and change.
    """

    bot_token: Hidden | None = None
    app_token: Hidden | None = None
    channel: str | None = None
    api_base: Base | None = None
    channels: Words = ()
    readers: Words = ()
    admins: Words = ()


class KeySettings(_Section):
    """A provider that wants a key.

    Attributes:
        api_key: The user's own.
    """

    api_key: Hidden | None = None


class SourceSettings(_Section):
    """A source.

    Attributes:
        base_url: Asked instead of the provider's own address.
    """

    base_url: Base | None = None


class WebSettings(_Section):
    """The status page.

    Attributes:
        bind: Host and port it listens on.
        token: What it asks for; needed beyond loopback.
    """

    bind: str = "127.0.0.1:8077"
    token: Hidden | None = None

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
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @model_validator(mode="after")
    def _checked(self) -> WebSettings:
        host, _, port = self.bind.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            message = "bind: expected host:port, such as 127.0.0.1:8077"
            raise ValueError(message)
        if not self.loopback and self.token is None:
            message = (
                f"bind: {self.host} can be reached by others, and then the page wants "
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


@dataclass(frozen=True, slots=True)
class _Found:
    """A name that was found.

    Attributes:
        name: In full: ``EBBWATCH_TELEGRAM__TOKEN``.
        text: What it is set to.
        origin: Where, for people.
        span: Where, for problems.
    """

    name: str
    text: str
    origin: str
    span: Span

    @property
    def path(self) -> tuple[str, ...]:
        """Return where it belongs: ``("telegram", "token")``."""
        section, *rest = self.name.removeprefix(PREFIX).lower().split("__", 1)
        if section == "secret":
            return (section, *(name.upper() for name in rest))
        if section == "sources" and rest:
            return (section, *rest[0].rsplit("__", 1))
        return (section, *rest)


class _Everywhere(PydanticBaseSettingsSource):
    """All places at once, because each value's origin is to be known."""

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002  # the library's signature
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """Return a field's value as found; everything that is nested stands in it."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what was found, nested as the fields are."""
        nested: dict[str, Any] = {}
        for found in _read().values():
            *sections, leaf = found.path
            place = nested
            for section in sections:
                place = place.setdefault(section, {})
            place[leaf] = found.text
        return nested


class Settings(BaseSettings):
    """Everything the surroundings say.

    Attributes:
        rules_dir: Where the user's rules stand; None for the default pack.
        database_url: Of the store; hidden, as it may hold a password.
        language: Of whatever names none itself.
        heartbeat_url: Asked while polling and delivery work; hidden, as it is a key.
        secret: By the names that rule files use, in capitals.
        sources: By name.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    rules_dir: Path | None = None
    database_url: Hidden = Field(default_factory=lambda: Secret(_default_database()))
    language: Literal["en", "zh-Hant"] = "en"
    heartbeat_url: Annotated[Hidden | None, BeforeValidator(_base)] = None
    telegram: TelegramSettings = TelegramSettings()
    slack: SlackSettings = SlackSettings()
    fred: KeySettings = KeySettings()
    bea: KeySettings = KeySettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()
    secret: Mapping[str, Hidden] = Field(default_factory=dict)
    sources: Mapping[str, SourceSettings] = Field(default_factory=dict)

    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read from our one source of sources."""
        return (_Everywhere(settings_cls),)

    def api_key(self, source: str) -> Secret | None:
        """Return the key of a source; None where it wants none, or none is set."""
        section = getattr(self, source, None)
        return section.api_key if isinstance(section, KeySettings) else None

    def base_url(self, source: str) -> str | None:
        """Return the address to ask instead of a source's own; None for its own."""
        section = self.sources.get(source)
        return None if section is None else section.base_url

    def secrets(self) -> tuple[Secret, ...]:
        """Return every secret text, for whoever must keep them out of sight."""
        hidden = [value for _, value in _leaves(self) if isinstance(value, Secret)]
        password = urlsplit(self.database_url.reveal()).password
        hidden.remove(self.database_url)
        return (*hidden, *([Secret(password)] if password else []))


def load() -> Settings:
    """Return the settings in force.

    Raises:
        SettingsInvalid: If a name is unknown, or a value is not what its name expects.
    """
    found = _read()
    problems = [_unknown(one) for one in found.values() if not _known(one)]
    if not problems:
        try:
            settings = Settings()
        except ValidationError as err:
            problems = [
                _invalid(found, *_place(error)) for error in err.errors(include_input=False)
            ]
        else:
            settings._origins = {_name(one.path): one.origin for one in found.values()}  # noqa: SLF001
            return settings
    raise SettingsInvalid(tuple(dict.fromkeys(problems)))


@dataclass(frozen=True, slots=True)
class Row:
    """One setting, for people.

    Attributes:
        name: Of its variable.
        value: In force; secrets are masked; empty where nothing is set.
        origin: Where it came from: ``environment``, ``.env``, a file, ``default``.
    """

    name: str
    value: str
    origin: str


def describe(settings: Settings) -> list[Row]:
    """Return every setting with its value, secrets masked, and where it came from."""
    origins = settings._origins  # noqa: SLF001
    rows = []
    for path, value in _leaves(settings):
        name = _name(path)
        match value:
            case None:
                text = ""
            case Secret() if path == ("database_url",):
                text = _without_password(value.reveal())
            case tuple():
                text = ", ".join(map(str, value))
            case _:
                text = str(value)
        rows.append(Row(name, text, origins.get(name, "default")))
    return rows


def _leaves(model: BaseModel, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every setting with its path, in the order of the fields."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        branches = sorted(value.items()) if isinstance(value, Mapping) else None
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


def _read() -> dict[str, _Found]:
    """Return every name that is set anywhere, from the place that counts."""
    environment = {
        name.upper(): _Found(name.upper(), text, "environment", Span("environment", 1, 1))
        for name, text in sorted(os.environ.items())
        if name.upper().startswith(PREFIX) and not _KUBERNETES.fullmatch(name.upper())
    }
    layers = [environment, _dotenv(Path(DOTENV))]
    direct = {**layers[1], **{k: v for k, v in environment.items() if v.text}}
    folder = direct.pop(SECRETS_DIR, None)
    if folder is not None and folder.text:
        layers.append(_secrets(folder))
    layers.append(_files(direct))
    found: dict[str, _Found] = {}
    for layer in reversed(layers):
        found |= {name: one for name, one in layer.items() if one.text.strip()}
    pointers = {f"{one.name}_FILE" for one in layers[-1].values()}
    return {n: one for n, one in found.items() if n not in pointers and n != SECRETS_DIR}


def _dotenv(path: Path) -> dict[str, _Found]:
    """Return what ``.env`` sets; empty without it."""
    if not path.is_file():
        return {}
    lines = path.read_text("utf-8").splitlines()
    found = {}
    for name, text in dotenv_values(path, interpolate=False).items():
        if name.upper().startswith(PREFIX):
            line = next((n for n, line in enumerate(lines, 1) if name in line), 1)
            found[name.upper()] = _Found(name.upper(), text or "", DOTENV, Span(DOTENV, line, 1))
    return found


def _secrets(folder: _Found) -> dict[str, _Found]:
    """Return what the files of the secrets directory set.

    Other programs' secrets may lie there too: a file without our prefix counts only where
    its name is one of ours.
    """
    root = Path(folder.text)
    if not root.is_dir():
        raise SettingsInvalid((_problem(folder, f"{root} is no directory", "no-directory"),))
    found = {}
    for file in sorted(root.iterdir()):
        if file.name.startswith(".") or not file.is_file():
            continue
        name = file.name.upper()
        full = name if name.startswith(PREFIX) else PREFIX + name
        one = _Found(full, _text(file, folder), str(file), Span(str(file), 1, 1))
        if name == full or _known(one):
            found[full] = one
    return found


def _files(direct: Mapping[str, _Found]) -> dict[str, _Found]:
    """Return what the files set that ``<NAME>_FILE`` points to."""
    found = {}
    for pointer in direct.values():
        name = pointer.name.removesuffix("_FILE")
        path = Path(pointer.text)
        if name != pointer.name and pointer.text:
            one = _Found(name, _text(path, pointer), f"{path} ({pointer.name})", pointer.span)
            if _known(one):
                found[name] = one
    return found


def _text(path: Path, asked: _Found) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "not text"
        message = f"{path} cannot be read: {reason}"
        raise SettingsInvalid((_problem(asked, message, "unreadable-file"),)) from None


def _known(one: _Found) -> bool:
    """Return whether a name stands for a setting."""
    match one.path:
        case ("secret", name):
            return bool(name)
        case ("sources", name, leaf):
            return bool(name) and leaf in SourceSettings.model_fields
        case (section,):
            field = Settings.model_fields.get(section)
            return field is not None and section not in _BY_NAME and not _is_section(field)
        case (section, leaf):
            field = Settings.model_fields.get(section)
            return (
                field is not None
                and _is_section(field)
                and leaf in type(field.default).model_fields
            )
    return False


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.default, BaseModel)


def _names() -> list[str]:
    """Return every name that does not depend on the user's own."""
    paths: list[tuple[str, ...]] = []
    for section, field in Settings.model_fields.items():
        if _is_section(field):
            paths += [(section, leaf) for leaf in type(field.default).model_fields]
        elif section not in _BY_NAME:
            paths.append((section,))
    return [SECRETS_DIR, *map(_name, paths)]


def _name(path: tuple[str, ...]) -> str:
    return PREFIX + "__".join(path).upper()


def _unknown(one: _Found) -> Problem:
    field = Settings.model_fields.get(one.path[0])
    if len(one.path) == 1 and field is not None:
        return _problem(
            one, "no such setting", "unknown-setting", f"its settings begin with {one.name}__"
        )
    close = get_close_matches(one.name.removesuffix("_FILE"), _names(), n=1)
    hint = f"did you mean {close[0]}?" if close else "ebbwatch settings lists every name"
    return _problem(one, "no such setting", "unknown-setting", hint)


def _place(error: Any) -> tuple[tuple[str, ...], str]:
    """Return where an error of the library's belongs, and what it says."""
    path = tuple(str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    leaf, colon, rest = message.partition(": ")
    if colon and path == ("web",):
        return (*path, leaf), rest
    return path, message[:1].lower() + message[1:]


def _invalid(found: Mapping[str, _Found], path: tuple[str, ...], message: str) -> Problem:
    by_name = {_name(one.path): one for one in found.values()}
    while path and _name(path) not in by_name and len(path) > 1:
        path = path[:-1]
    name = _name(path)
    one = by_name.get(name) or _Found(name, "", "default", Span("environment", 1, 1))
    return _problem(one, message, "invalid-setting")


def _problem(one: _Found, message: str, code: str, hint: str = "") -> Problem:
    return Problem(one.span, "error", code, f"{one.name}: {message}", hint)


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@") if password else url


def _default_database() -> str:
    """Return the address of the embedded database in the user's (or service's) state directory.

    ``STATE_DIRECTORY`` is what systemd gives a service with ``StateDirectory=``.
    """
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    folder = Path(given) if given else Path(state) / "ebbwatch"
    return f"sqlite:///{folder / DATABASE_FILE}"
