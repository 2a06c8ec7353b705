"""What doctor looks at on this machine: versions, settings, rules, database, disk, zones, fonts."""

from __future__ import annotations

import platform
import shutil
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError

from ebbwatch import __version__
from ebbwatch.app.doctor.diagnosis import Diagnosis, doubtful, failing, fine
from ebbwatch.model.problem import Problem
from ebbwatch.ports import StoreError
from ebbwatch.ruleset.load import Loaded
from ebbwatch.settings import Settings
from ebbwatch.store.looking import DatabaseLook, look_at

#: Room on disk below which it is told, and below which nothing can be expected to work.
_SCARCE_BYTES, _FULL_BYTES = 1 << 30, 100 << 20

#: The clocks that the pack's sources and people's quiet hours go by.
_ZONES = ("America/New_York", "America/Chicago", "Europe/London", "Asia/Taipei", "UTC")


def versions() -> Diagnosis:
    """Return what runs on what."""
    system = f"{platform.system()} {platform.machine()}"
    return fine("version", f"Ebbwatch {__version__}, Python {platform.python_version()}, {system}")


def settings_found(settings: Settings) -> Diagnosis:
    """Return how many settings are set, and where."""
    where = Counter(settings.origins.values())
    if not where:
        return fine("settings", "none is set")
    shown = [
        f"{count} in {'the environment' if origin == 'environment' else origin}"
        for origin, count in sorted(where.items())
        if origin in ("environment", ".env")
    ]
    files = sum(count for origin, count in where.items() if origin not in ("environment", ".env"))
    if files:
        shown.append(f"{files} in {'a file' if files == 1 else 'files'}")
    return fine("settings", f"{', '.join(shown)}")


def settings_wrong(problems: tuple[Problem, ...]) -> Diagnosis:
    """Return what is wrong with the settings."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return failing("settings", f"{first.message}{more}", first.hint or "See ebbwatch settings.")


def rules_found(found: Loaded, place: Path, *, default: bool) -> Diagnosis:
    """Return whether the rules are valid, and how many there are."""
    where = "the default pack" if default else str(place)
    if found.ruleset is None:
        first = next((p for p in found.problems if p.severity == "error"), found.problems[0])
        return failing(
            "rules",
            f"{where}: {first.span.file}:{first.span.line}: {first.message}",
            f"See all of it: ebbwatch check {'' if default else place}".rstrip() + ".",
        )
    rules = len(found.ruleset.rules)
    said = f"{rules} rule{'s' * (rules != 1)}, {len(found.ruleset.series)} series in {where}"
    if found.problems:
        count = len(found.problems)
        return doubtful("rules", f"{said}, {count} warning{'s' if count > 1 else ''}",
                        f"See ebbwatch check {place}.")  # fmt: skip
    return fine("rules", f"{said}: valid")


def database_found(url: str) -> list[Diagnosis]:
    """Return how the database is, who works on it, and how much room there is for it."""
    try:
        look = look_at(url)
    except StoreError as error:
        said, _, remedy = str(error).partition("; ")
        return [failing("database", said, _sentence(remedy))]
    except OSError as error:
        return [failing("database", f"it cannot be looked at: {error.strerror}",
                        "Run this as the user that Ebbwatch runs as.")]  # fmt: skip
    return [_database(look), _daemon(look), _disk(look)]


def _database(look: DatabaseLook) -> Diagnosis:
    said = look.where.removeprefix("the ")
    if not look.writable:
        return failing("database", f"{said} cannot be written to",
                       "Let the user that Ebbwatch runs as write there.")  # fmt: skip
    if look.version is None:
        return fine("database", f"{said}: none yet, the first start makes it")
    size = f"{look.size_bytes / 1e6:.1f} MB"
    if look.version != look.newest:
        return doubtful("database", f"{said}: {size}, schema {look.version}",
                        f"The next start brings it to {look.newest}; ebbwatch backup first.")  # fmt: skip
    return fine("database", f"{said}: {size}, schema {look.version}")


def _daemon(look: DatabaseLook) -> Diagnosis:
    if not look.leader:
        return doubtful("daemon", "none runs on this database", "Start it: ebbwatch run.")
    others = f", {look.others} more deliver" if look.others else ""
    return fine("daemon", f"{look.leader} watches{others}")


def _disk(look: DatabaseLook) -> Diagnosis:
    if look.file is None:
        return fine("disk", "the database is on a server")
    folder = look.file.parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:.1f} GB free for the database"
    remedy = "Make room: a full disk stops all that is new."
    if free < _FULL_BYTES:
        return failing("disk", said, remedy)
    return doubtful("disk", said, remedy) if free < _SCARCE_BYTES else fine("disk", said)


def zones_found() -> Diagnosis:
    """Return whether the clocks of the world are known, and as of when."""
    missing = []
    for name in _ZONES:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError):
            missing.append(name)
    if missing:
        return failing("time zones", f"{', '.join(missing)} is not known here",
                       "Install the system's tzdata, or: pip install --upgrade tzdata.")  # fmt: skip
    return fine("time zones", f"as of {_zones_of()}")


def _zones_of() -> str:
    """Return the version of the time zones in use: the system's count before the package's."""
    for folder in TZPATH:
        table = Path(folder) / "tzdata.zi"
        if table.is_file():
            with table.open("r", encoding="utf-8", errors="replace") as opened:
                return opened.readline().removeprefix("# version").strip()[:20]
        if Path(folder).is_dir():
            return f"the system ({folder})"
    try:
        return f"the package tzdata {version('tzdata')}"
    except PackageNotFoundError:
        return "this machine"


def fonts_found() -> Diagnosis:
    """Return whether charts can be drawn, in Chinese too."""
    try:
        from ebbwatch.charts.worker import cjk_font

        font = cjk_font("zh-Hant")
    except Exception as error:  # noqa: BLE001  whatever matplotlib lacks here
        return failing("charts", f"matplotlib cannot be loaded ({type(error).__name__})",
                       "Install Ebbwatch anew; messages go without charts meanwhile.")  # fmt: skip
    if font is None:
        return doubtful("charts", "no font here has Chinese characters: titles in it are left out",
                        "Install one, such as the system's package fonts-noto-cjk.")  # fmt: skip
    return fine("charts", f"Chinese in {font}")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
