"""A look at a server's database: who works on it, with nothing changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ebbwatch.app.doctor.machine import database_found
from ebbwatch.store.looking import look_at
from ebbwatch.store.open import open_store


@pytest.mark.postgres
def test_replicas_are_seen(postgres_url: str) -> None:
    """Who leads, and how many others deliver; nothing is migrated."""
    assert look_at(postgres_url).version is None
    first, second = open_store(postgres_url), open_store(postgres_url)
    assert first.lead("machine-a/1/x")
    now = datetime.now(UTC)
    second.beat("machine-b/2/y", ts=now)
    look = look_at(postgres_url)
    assert (look.leader, look.others, look.version) == ("machine-a/1", 1, look.newest)
    assert look.size_bytes > 0
    first.close()
    second.close()
    assert look_at(postgres_url).leader == ""
    finding = database_found(postgres_url)
    assert [row.health for row in finding] == ["ok", "warn", "ok"]
