"""What the commands share: ends, options, instants, the rules and figures they work on."""

from __future__ import annotations

import csv
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ebbwatch import app as root
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.core.facts.asof import History
from ebbwatch.core.facts.figure_tables import TableFault
from ebbwatch.model.observation import TextItem
from ebbwatch.model.periods import Micros, instant, micros
from ebbwatch.model.problem import Problem
from ebbwatch.model.redaction import redacted, said
from ebbwatch.model.series import Series
from ebbwatch.model.text import LANGUAGES, language_of
from ebbwatch.model.zones import NEW_YORK
from ebbwatch.ports import EbbwatchError
from ebbwatch.ruleset.load import Loaded
from ebbwatch.ruleset.problem_report import as_text
from ebbwatch.ruleset.rules import Rule, Ruleset
from ebbwatch.ruleset.suggestions import either, no_such, no_such_series
from ebbwatch.ruleset.yaml import Content
from ebbwatch.runtime.desk import Desk, NoSuchRule, kept_states, walked_states

if TYPE_CHECKING:
    from ebbwatch.locale import BabelTranslator
    from ebbwatch.settings import Settings
    from ebbwatch.store.sql import SqlStore

#: Exit codes: problems were found; the command was used wrongly.
PROBLEMS, WRONG_USE = 1, 2

RulesOption = Annotated[
    Path | None,
    typer.Option("--rules", metavar="DIR", help="Rule files; by default the settings' directory, "
                 "or the default pack."),
]  # fmt: skip
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Figures to use instead of the archive and the "
                 "store: <series>.csv with period,value or period,value,known_at."),
]  # fmt: skip
StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="none", help="'none' leaves the store out: the archive alone."),
]


AtOption = Annotated[
    str | None,
    typer.Option("--at", metavar="T", help="As known then: a date (its end in New York), or an "
                 "instant with an offset; by default now."),
]  # fmt: skip
LanguageOption = Annotated[
    str | None,
    typer.Option("--language", metavar="LANG", help=f"{either(LANGUAGES)}; by default "
                 "EBBWATCH_LANGUAGE, or en."),
]  # fmt: skip
FormatOption = Annotated[str, typer.Option("--format", help="text or json.")]


def say(text: str = "") -> None:
    """Print a line."""
    print(text)


def stop(message: str, code: int = PROBLEMS) -> NoReturn:
    """Say what is wrong and end."""
    print(f"ebbwatch: {said(message)}", file=sys.stderr)
    raise typer.Exit(code)


def stop_with(problems: Sequence[Problem]) -> NoReturn:
    """Show what is wrong in something a person wrote, and end."""
    print(redacted(as_text(problems)), file=sys.stderr)
    raise typer.Exit(PROBLEMS)


@contextmanager
def faults_end_it() -> Iterator[None]:
    """Turn what Ebbwatch raises on purpose into a message and an exit code."""
    try:
        yield
    except root.NoSuchDirectory as error:
        stop(str(error), WRONG_USE)
    except NoSuchRule as error:
        stop(str(error), WRONG_USE)
    except TableFault as error:
        stop(str(error))
    except EbbwatchError as error:
        stop(str(error))
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        raise typer.Exit(0) from None


# ---- instants --------------------------------------------------------------------------


def instant_of(text: str, *, end: bool = False) -> Micros:
    """Return a bare date or an instant with an offset as µs.

    Args:
        text: ``2019-09-01`` is that day in New York; ``2025-10-15T12:00Z``.
        end: For a date, the end of that day instead of its start.
    """
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            # Weeks are read too, and nobody means them: 2019-W36-1.
            if day.isoformat() != text:
                raise ValueError  # noqa: TRY301  said once, below
            day += timedelta(days=1 if end else 0)
            return micros(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        stop(f"expected a date (2019-09-01) or an instant (2019-09-18T09:00-04:00), found {text}",
             WRONG_USE)  # fmt: skip
    if moment.tzinfo is None:
        stop(f"{text} has no offset: write {text}Z or {text}-04:00", WRONG_USE)
    return micros(moment)


def now() -> datetime:
    """Return what time it is."""
    from ebbwatch.clocks import SystemClock

    return SystemClock().now()


def moment(at: str | None) -> datetime:
    """Return the instant that is asked about: of a date, the last of its day in New York."""
    if at is None:
        return now()
    return instant(Micros(instant_of(at, end=True) - 1) if len(at) == 10 else instant_of(at))


def known_format(given: str) -> None:
    """End where a format is asked for that there is not."""
    if given not in ("text", "json"):
        stop(f"expected --format text or json, found {given}", WRONG_USE)


# ---- rules and figures -----------------------------------------------------------------


@cache
def settings() -> Settings:
    """Return what the surroundings say, read once, or end with what is wrong in it."""
    from ebbwatch.settings import SettingsInvalid

    try:
        return _read_settings()
    except SettingsInvalid as error:
        stop(as_text(error.problems))


def _read_settings() -> Settings:
    from ebbwatch.settings import load

    return load(root.keyed_sources())


def words(language: str | None) -> BabelTranslator:
    """Return the translator of the language asked for, or of the settings' one."""
    from ebbwatch.locale import translator

    language = language or settings().language
    if language not in LANGUAGES:
        near = language_of(language)
        hint = f": did you mean {near}?" if near else ""
        stop(f"expected --language {either(LANGUAGES)}, found {language}{hint}", WRONG_USE)
    return translator(language)


def rules_directory(given: Path | None) -> Path:
    """Return the directory asked for, the settings' one, or the default pack's."""
    if given is not None:
        return given
    return settings().rules_dir or root.default_rules()


def files_of(directory: Path) -> dict[str, Content]:
    """Return a directory's rule files, or one file; end where there are none."""
    try:
        return root.rule_files(directory)
    except root.NoSuchDirectory as error:
        stop(str(error), WRONG_USE)
    except OSError as error:
        stop(f"{error.filename or directory}: {error.strerror}", WRONG_USE)


def loaded(directory: Path, *, data_only: bool = False) -> Loaded:
    """Return a directory's rules and problems; end where there is no such directory."""
    return root.load_rules(files_of(directory), data_only=data_only)


def valid(directory: Path, *, data_only: bool = False) -> Ruleset:
    """Return a directory's rules; end with their problems where they have any."""
    found = loaded(directory, data_only=data_only)
    if found.ruleset is None:
        stop_with(found.problems)
    return found.ruleset


def in_vain(ruleset: Ruleset, files: Mapping[str, Content]) -> tuple[Problem, ...]:
    """Return a warning for each series that rules read and of which no figure can come.

    Where the surroundings or the database do not say what is held, nobody is warned.
    """
    from ebbwatch.ports import StoreError
    from ebbwatch.settings import SettingsInvalid

    def held() -> Collection[str]:
        kept = _kept_at(_read_settings())
        try:
            return root.history_from_archive(ruleset, kept).held
        finally:
            if kept is not None:
                kept.close()

    try:
        return root.figureless(ruleset, files, _read_settings, held)
    except (SettingsInvalid, StoreError):
        return ()


def known_rule(ruleset: Ruleset, name: str) -> Rule:
    """Return the rule of an alert; end where there is no such one."""
    found = next((rule for rule in ruleset.rules if rule.name == name), None)
    if found is None:
        stop(no_such("rule", name, [rule.name for rule in ruleset.rules]), WRONG_USE)
    return found


def known_series(ruleset: Ruleset, name: str) -> Series:
    """Return a series of the catalogue; end where there is no such one."""
    if name not in ruleset.series:
        stop(no_such_series(name, ruleset.series), WRONG_USE)
    return ruleset.series[name]


def history(ruleset: Ruleset, data: Path | None, store: str | None) -> History:
    """Return the figures to work on: a folder's, or the archive's and the store's."""
    if data is not None:
        try:
            return root.history_from_data(ruleset, data)
        except OSError as error:
            stop(f"{error.filename or data} cannot be read: {error.strerror}")
    if store not in (None, "none"):
        stop(f"expected --store none, found {store}", WRONG_USE)
    return root.history_from_archive(ruleset, None if store == "none" else existing_store())


def texts(ruleset: Ruleset, store: str | None) -> list[TextItem]:
    """Return the texts that are bundled, and those that the store holds, oldest first."""
    wanted = {rule.text_source for rule in ruleset.rules if rule.pattern}
    kept = existing_store() if wanted and store != "none" else None
    found = [item for source in sorted(wanted) for item in root.known_texts(source, kept)]
    if kept is not None:
        kept.close()
    return sorted(found, key=lambda item: item.known_at)


def desk(
    rules: Path | None,
    data: Path | None = None,
    store: str | None = None,
    *,
    at: str | None = None,
) -> Desk:
    """Return whom to ask about the rules and figures of the options.

    Alerts stand as the daemon left them; where another instant or other figures are asked
    about, as if those had been watched from their beginning.
    """
    kept = None if data is not None or store is not None else existing_store()

    @cache
    def judge() -> Judge:
        ruleset = valid(rules_directory(rules), data_only=True)
        if kept is not None:
            return Judge(ruleset, root.history_from_archive(ruleset, kept))
        return Judge(ruleset, history(ruleset, data, store))

    return Desk(judge, walked_states(judge) if at is not None else kept_states(judge, kept), kept)


def archive_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table that the archive brings along."""
    text = (package_files("ebbwatch.archive") / name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def opened_store() -> SqlStore:
    """Return the store of the settings, made where there was none."""
    from ebbwatch.store.open import open_store

    return open_store(settings().database_url.reveal())


def existing_store() -> SqlStore | None:
    """Return the store of the settings, or None where no database was made yet."""
    return _kept_at(settings())


def _kept_at(found: Settings) -> SqlStore | None:
    from ebbwatch.store.open import open_store

    url = found.database_url.reveal()
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        return None
    return open_store(url)
