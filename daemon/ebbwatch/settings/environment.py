"""Reading settings: from the environment, ``.env`` and files; the only reader of `os.environ`."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError

from ebbwatch.model.problem import Problem, Span
from ebbwatch.model.text import language_of
from ebbwatch.settings import (
    PREFIX,
    SECRETS_DIR,
    Settings,
    SettingsInvalid,
    SourceSettings,
    names,
    variable,
)

DOTENV = ".env"
DATABASE_FILE = "ebbwatch.db"

#: Sections whose next part is a name of the user's or a source's.
_BY_NAME = ("secret", "sources", "api_keys")

#: What the variable of a source's key ends in.
_API_KEY = "__api_key"

#: What Kubernetes puts into every container beside a Service called ``ebbwatch``.
#: Source: kubernetes.io, "Service", environment variables, as known in November 2026.
_KUBERNETES = re.compile(
    r"EBBWATCH_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


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
        name = self.name.removeprefix(PREFIX).lower()
        section, *rest = name.split("__", 1)
        if section == "secret":
            return (section, *(name.upper() for name in rest))
        if section == "sources" and rest:
            return (section, *rest[0].rsplit("__", 1))
        if name.endswith(_API_KEY):
            return ("api_keys", name.removesuffix(_API_KEY))
        return (section, *rest)


def read(keyed: Collection[str]) -> Settings:
    """Return the settings in force; takes and raises what `settings.load` does."""
    found = _read(keyed)
    problems = [_unknown(one, keyed) for one in found.values() if not _known(one, keyed)]
    if not problems:
        origins = {variable(one.path): one.origin for one in found.values()}
        try:
            return Settings(**_nested(found), origins=origins)
        except ValidationError as err:
            problems = [
                _invalid(found, *_place(error)) for error in err.errors(include_input=False)
            ]
    raise SettingsInvalid(tuple(dict.fromkeys(problems)))


def _nested(found: Mapping[str, _Found]) -> dict[str, Any]:
    """Return the texts that were found, nested as the fields are."""
    nested: dict[str, Any] = {}
    for one in found.values():
        *sections, leaf = one.path
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[leaf] = one.text
    if "database_url" not in nested:
        nested["database_url"] = _default_database()
    return nested


def _read(keyed: Collection[str]) -> dict[str, _Found]:
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
        layers.append(_secrets(folder, keyed))
    if (credentials := _credentials()) is not None:
        layers.append(_secrets(credentials, keyed))
    layers.append(_files(direct, keyed))
    found: dict[str, _Found] = {}
    for layer in reversed(layers):
        found |= {name: one for name, one in layer.items() if one.text.strip()}
    pointers = {f"{one.name}_FILE" for one in layers[-1].values()}
    return {n: one for n, one in found.items() if n not in pointers and n != SECRETS_DIR}


def _dotenv(path: Path) -> dict[str, _Found]:
    """Return what ``.env`` sets; empty without it."""
    if not path.is_file():
        return {}
    here = _Found(DOTENV, str(path), DOTENV, Span(DOTENV, 1, 1))
    lines = _text(path, here).splitlines()
    found = {}
    for name, text in dotenv_values(path, interpolate=False).items():
        if name.upper().startswith(PREFIX):
            line = next((n for n, line in enumerate(lines, 1) if name in line), 1)
            found[name.upper()] = _Found(name.upper(), text or "", DOTENV, Span(DOTENV, line, 1))
    return found


def _credentials() -> _Found | None:
    """Return the directory of a service's credentials, where systemd made one."""
    name = "CREDENTIALS_DIRECTORY"
    folder = os.environ.get(name, "")
    # A shell may have been started by a service, and hold what that one was given.
    readable = folder and os.access(folder, os.R_OK | os.X_OK)
    return _Found(name, folder, "environment", Span("environment", 1, 1)) if readable else None


def _secrets(folder: _Found, keyed: Collection[str]) -> dict[str, _Found]:
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
        if name == full or _known(one, keyed):
            found[full] = one
    return found


def _files(direct: Mapping[str, _Found], keyed: Collection[str]) -> dict[str, _Found]:
    """Return what the files set that ``<NAME>_FILE`` points to."""
    found = {}
    for pointer in direct.values():
        name = pointer.name.removesuffix("_FILE")
        path = Path(pointer.text)
        if name != pointer.name and pointer.text:
            one = _Found(name, _text(path, pointer), f"{path} ({pointer.name})", pointer.span)
            if _known(one, keyed):
                found[name] = one
    return found


def _text(path: Path, asked: _Found) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "not text"
        message = f"{path} cannot be read: {reason}"
        raise SettingsInvalid((_problem(asked, message, "unreadable-file"),)) from None


def _known(one: _Found, keyed: Collection[str]) -> bool:
    """Return whether a name stands for a setting."""
    match one.path:
        case ("api_keys", name):
            return name in keyed
        case ("secret", name):
            return bool(name)
        case ("sources", name, leaf):
            return bool(name) and leaf in names(SourceSettings)
        case (section,):
            return section in names(Settings) and section not in (*_BY_NAME, *_sections())
        case (section, leaf):
            return leaf in _sections().get(section, ())
    return False


def _sections() -> dict[str, list[str]]:
    """Return the names of the settings in each section."""
    return {
        name: names(each.annotation)
        for name, each in Settings.model_fields.items()
        if isinstance(each.annotation, type) and issubclass(each.annotation, BaseModel)
    }


def _every(keyed: Collection[str]) -> list[str]:
    """Return every variable that does not depend on the user's own names."""
    sections = _sections()
    paths = [
        path
        for name in names(Settings)
        if name not in _BY_NAME
        for path in ([(name, leaf) for leaf in sections[name]] if name in sections else [(name,)])
    ]
    paths += [("api_keys", name) for name in keyed]
    return [SECRETS_DIR, *map(variable, paths)]


def _unknown(one: _Found, keyed: Collection[str]) -> Problem:
    if len(one.path) == 1 and one.path[0] in (*_BY_NAME, *_sections()):
        return _problem(
            one, "no such setting", "unknown-setting", f"its settings begin with {one.name}__"
        )
    close = get_close_matches(one.name.removesuffix("_FILE"), _every(keyed), n=1)
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
    by_name = {variable(one.path): one for one in found.values()}
    while path and variable(path) not in by_name and len(path) > 1:
        path = path[:-1]
    name = variable(path)
    one = by_name.get(name) or _Found(name, "", "default", Span("environment", 1, 1))
    near = language_of(one.text) if path == ("language",) else None
    hint = f"did you mean {near}?" if near else ""
    return _problem(one, message, "invalid-setting", hint)


def _problem(one: _Found, message: str, code: str, hint: str = "") -> Problem:
    return Problem(one.span, "error", code, f"{one.name}: {message}", hint)


def _default_database() -> str:
    """Return the address of the embedded database in the user's (or service's) state directory.

    ``STATE_DIRECTORY`` is what systemd gives a service with ``StateDirectory=``.
    """
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return f"sqlite:///{Path(given) / DATABASE_FILE}"
    state = os.environ.get("XDG_STATE_HOME")
    try:
        if not state and os.environ.get("HOME") == "":
            raise RuntimeError  # noqa: TRY301  Python would take the root for it
        folder = Path(state) if state else Path.home() / ".local" / "state"
    except RuntimeError:
        name = variable(("database_url",))
        one = _Found(name, "", "default", Span("environment", 1, 1))
        message = "this user has no home directory where the database could be"
        hint = "set it to sqlite:////PATH/ebbwatch.db, or set XDG_STATE_HOME or HOME"
        raise SettingsInvalid((_problem(one, message, "no-home", hint),)) from None
    return f"sqlite:///{folder / 'ebbwatch' / DATABASE_FILE}"


def supervision() -> tuple[str, timedelta | None]:
    """Return the socket on which systemd listens, and how long we may be silent there.

    The socket is empty where there is none, and the time is None where it does not matter.
    """
    socket = os.environ.get("NOTIFY_SOCKET", "")
    silence, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    # What was meant for a process that started us is not ours to keep.
    ours = process in ("", str(os.getpid()))
    counts = ours and silence.isascii() and silence.isdigit() and int(silence) > 0
    return socket, timedelta(microseconds=int(silence)) if counts else None
