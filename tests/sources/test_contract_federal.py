"""What every source of the Federal Reserve does when the far side is difficult."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from ebbwatch.ports import (
    Source,
    SourceChanged,
    SourceError,
    SourceRefused,
    SourceSetup,
    SourceUnavailable,
    Wanted,
)
from ebbwatch.sources.fed_policy import FedPolicy
from ebbwatch.sources.fed_press import FedPress
from ebbwatch.sources.h41 import H41
from ebbwatch.sources.nyfed import NewYorkFed
from tests.sources.wanting import visited, wanting
from tests.standins.providers import EagerClock, StandIn

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Kind:
    """A source, and what it is asked for."""

    build: Callable[..., Source]
    wanted: list[Wanted]


KINDS = {
    "nyfed rates": Kind(NewYorkFed, wanting("nyfed", "sofr", "effr")),
    "nyfed operations": Kind(NewYorkFed, wanting("nyfed", "reverse_repo")),
    "nyfed portfolio": Kind(NewYorkFed, wanting("nyfed", "soma_total")),
    "h41": Kind(H41, wanting("h41", "RESH4R_N.WW", every="week ending Wednesday")),
    "fed_policy": Kind(FedPolicy, wanting("fed_policy", "iorb")),
    "fed_press": Kind(FedPress, []),
}


@dataclass(frozen=True)
class Difficulty:
    """What the far side does, and what must come of it."""

    arrange: Callable[[StandIn], None]
    kind: type[SourceError]
    after: timedelta | None = None


def _answer(body: bytes, content_type: str = "application/json") -> Callable[[StandIn], None]:
    return lambda provider: provider.serve("/", body, content_type=content_type)


DIFFICULTIES = {
    "a 429 with its patience": Difficulty(
        lambda provider: provider.refuse("/", 429, after="90"),
        SourceUnavailable,
        timedelta(seconds=90),
    ),
    "a 503 with a date": Difficulty(
        lambda provider: provider.refuse("/", 503, after="Tue, 24 Nov 2026 20:10:00 GMT"),
        SourceUnavailable,
        timedelta(minutes=10),
    ),
    "a 500": Difficulty(lambda provider: provider.refuse("/", 500), SourceUnavailable),
    "a 401": Difficulty(lambda provider: provider.refuse("/", 401), SourceRefused),
    "a 403": Difficulty(lambda provider: provider.refuse("/", 403), SourceRefused),
    "an empty 400": Difficulty(
        lambda provider: provider.serve("/", b"", status=400), SourceChanged
    ),
    "a page in place of data": Difficulty(
        _answer(b"<!DOCTYPE html><html><body>maintenance</body></html>", "text/html"),
        SourceChanged,
    ),
    "nothing at all": Difficulty(_answer(b""), SourceChanged),
    "a body cut short by its sender": Difficulty(_answer(b'{"refRates": [{"effec'), SourceChanged),
    "a list where a map was": Difficulty(_answer(b"[]"), SourceChanged),
    "a connection that breaks off": Difficulty(
        lambda provider: provider.serve("/", b'{"a":', cut=True), SourceUnavailable
    ),
    "a redirect to another host": Difficulty(
        lambda provider: provider.redirect("/", "http://127.0.0.1:1/s3cret"), SourceChanged
    ),
    "a flood": Difficulty(_answer(b" " * 61_000_000), SourceChanged),
}


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("name", KINDS)
async def test_difficulties_come_as_the_three_errors_and_tell_no_address(
    name: str, difficulty: str
) -> None:
    """Each has its type and its patience; neither text nor traceback holds address or key."""
    kind, difficult = KINDS[name], DIFFICULTIES[difficulty]
    async with StandIn() as provider:
        difficult.arrange(provider)
        setup = SourceSetup(clock=EagerClock(NOW), base_url=f"{provider.url}/s3cret")
        source = kind.build(setup, tries=1)
        with pytest.raises(SourceError) as caught:
            await visited(source, kind.wanted)
        await source.aclose()
    assert type(caught.value) is difficult.kind
    assert getattr(caught.value, "after", None) == difficult.after
    told = "".join(traceback.format_exception(caught.value))
    for secret in ("s3cret", "://", "127.0.0.1"):
        assert secret not in told, told
    assert str(caught.value).startswith(source.name)
    assert str(caught.value).isascii()


@pytest.mark.parametrize("name", KINDS)
async def test_a_closed_port_is_unavailable(name: str) -> None:
    """Nobody listens there."""
    setup = SourceSetup(clock=EagerClock(NOW), base_url="http://127.0.0.1:9")
    source = KINDS[name].build(setup, tries=1)
    with pytest.raises(SourceUnavailable, match=r"the connection failed \(ConnectError\)"):
        await visited(source, KINDS[name].wanted)
    await source.aclose()
