"""Every way in which the code is broken on purpose is noticed by a test."""

from __future__ import annotations

import pytest

from tests.mutations import MUTATIONS, Mutation, noticed_by
from tests.paths import ROOT


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_a_mutation_changes_stands_there_once(mutation: Mutation) -> None:
    """Code that moves on takes its mutations along."""
    text = (ROOT / "daemon" / "ebbwatch" / mutation.file).read_text("utf-8")
    assert text.count(mutation.old) == 1
    assert mutation.new not in text or mutation.new in mutation.old


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_is_noticed(mutation: Mutation) -> None:
    """The quick tests, run over a copy that is wrong in one place, fail."""
    assert noticed_by(mutation) is not None


def test_the_table_of_what_notices_what_names_every_mutation() -> None:
    """docs/architecture.md keeps up with the list."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    section = text.split("## What notices what", 1)[1].split("\n## ", 1)[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in section.splitlines()
            if line.startswith("| ")]  # fmt: skip
    assert rows[2:] == [mutation.name for mutation in MUTATIONS]
