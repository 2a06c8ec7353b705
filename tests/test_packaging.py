"""The package carries everything it needs to run away from the checkout."""

from __future__ import annotations

import tomllib

from tests.paths import ROOT


def test_every_package_of_the_source_is_listed():
    """A folder of code that is not in pyproject.toml would be missing from the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    listed = set(project["tool"]["setuptools"]["packages"])
    source = ROOT / "daemon"
    found = {
        ".".join(path.parent.relative_to(source).parts) for path in source.rglob("__init__.py")
    }
    assert listed == found | {"ebbwatch.pack"}


def test_every_kind_of_data_file_is_packaged():
    """A data file that no pattern of pyproject.toml covers would be missing from the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["ebbwatch"]
    package = ROOT / "daemon" / "ebbwatch"
    covered = {path for pattern in patterns for path in package.glob(pattern)}
    data = {
        path
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
    }
    assert data - covered == set()
