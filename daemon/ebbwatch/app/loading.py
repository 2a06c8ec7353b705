"""Loading rules: the files people wrote, or the default pack, made into a ruleset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files as package_files
from pathlib import Path

from ebbwatch.app.plugins import Adapters
from ebbwatch.locale.pack import pack_conversions
from ebbwatch.ruleset.conversions import with_conversions
from ebbwatch.ruleset.load import Loaded, load
from ebbwatch.ruleset.yaml import Content
from ebbwatch.runtime.rulefiles import ENDINGS, read_rules


class NoSuchDirectory(Exception):
    """A directory that was asked for is not there."""


def default_rules() -> Path:
    """Return the directory of the default pack: in the package, or in the checkout."""
    packaged = Path(str(package_files("ebbwatch"))) / "pack"
    if packaged.is_dir():
        return packaged
    return packaged.parent.parent.parent / "rules"


def rule_files(directory: Path) -> dict[str, Content]:
    """Return the rule files of a directory and below, or one file, by path as shown to people.

    Raises:
        NoSuchDirectory: If there is no such place.
        OSError: If it cannot be one of rules.
    """
    try:
        return read_rules(directory)
    except NotADirectoryError:
        raise NoSuchDirectory(f"there is no directory {directory}") from None


def builtin_files() -> dict[str, str]:
    """Return the built-in catalogue, by name of its file."""
    folder = package_files("ebbwatch.ruleset") / "builtin"
    return {
        f"built-in {entry.name}": entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(ENDINGS)
    }


def load_rules(files: Mapping[str, Content], *, data_only: bool = False) -> Loaded:
    """Return a directory's ruleset, or what is wrong with it.

    Args:
        files: As `rule_files` returns them.
        data_only: True where no source will be asked: then sources are not checked.
    """
    found = load(
        files,
        builtin=builtin_files(),
        sources=None if data_only else Adapters("sources"),
        notifiers=Adapters("notifiers"),
    )
    if found.ruleset is None:
        return found
    return replace(found, ruleset=with_conversions(found.ruleset, pack_conversions()))
