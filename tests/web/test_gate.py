"""The gate: who may read the page, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ebbwatch.ports import Secret
from ebbwatch.web.gate import SESSION, TRIES, WHILE, Gate
from tests.web.serving import NOW, TOKEN


def gate(token: str = TOKEN, **more: object) -> Gate:
    """Return a gate with a token."""
    return Gate(Secret(token), **{"loopback": False, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "on_loopback", "elsewhere"),
    [
        ("localhost:8077", True, True),
        ("LOCALHOST", True, True),
        ("127.0.0.1:8077", True, True),
        ("127.8.8.8", True, True),
        ("[::1]:8077", True, True),
        ("10.1.2.3:8077", False, True),
        ("[2001:db8::1]:80", False, True),
        ("desk.example.org", True, True),
        ("desk.example.org.:443", True, True),
        ("Desk.Example.org:443", True, True),
        ("evil.example.org", False, False),
        ("desk.example.org.evil.example", False, False),
        ("localhost.evil.example", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("", False, False),
        ("[", False, False),
        (":", False, False),
    ],
)
def test_who_is_asked_for_is_checked(host: str, on_loopback: bool, elsewhere: bool) -> None:
    """A name that is not ours was looked up by somebody who wants to read us in a browser."""
    hosts = ("desk.example.org",)
    assert gate(loopback=True, hosts=hosts).knows(host) is on_loopback
    assert gate(loopback=False, hosts=hosts).knows(host) is elsewhere


@pytest.mark.parametrize(
    ("authorization", "admitted"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN}", True),
        (TOKEN, False),
        (f"Basic {TOKEN}", False),
        (f"Bearer {TOKEN[:-1]}", False),
        (f"Bearer {TOKEN}x", False),
        ("Bearer ", False),
        ("Bearer \udcff", False),
        ("", False),
    ],
)
def test_a_program_gives_the_token(authorization: str, admitted: bool) -> None:
    """As a Bearer header, whole and exact."""
    assert gate().admits(authorization=authorization, session="", at=NOW) is admitted


def test_without_a_token_everybody_who_reaches_it_may_read() -> None:
    """Which is whoever is on the machine: elsewhere settings refuse to do without one."""
    assert Gate(None, loopback=True).admits(authorization="", session="", at=NOW)


def test_who_signed_in_is_admitted_for_a_while() -> None:
    """The cookie ends by itself, and says nothing of the token."""
    ours = gate()
    session = ours.session(NOW)
    assert TOKEN not in session
    for at, admitted in (
        (NOW, True),
        (NOW + SESSION - timedelta(seconds=2), True),
        (NOW + SESSION + timedelta(seconds=1), False),
    ):
        assert ours.admits(authorization="", session=session, at=at) is admitted


def test_nobody_makes_a_session_of_their_own() -> None:
    """Neither with another date, nor with the signature of another token."""
    ours, until = gate(), gate().session(NOW).partition(".")[0]
    forged = [
        gate("another-token-of-more-than-32-characters").session(NOW),
        f"{int(until) + 86_400}.{ours.session(NOW).partition('.')[2]}",
        "999999999999." + "0" * 64,
        f"{until}.",
        until,
        ".",
        "١٢٣.4",
        "1e9." + "0" * 64,
        "9" * 400,
        "\udcff.\udcff",
    ]
    assert [s for s in forged if ours.admits(authorization="", session=s, at=NOW)] == []


def test_too_many_wrong_tokens_shut_an_address_out_for_a_while() -> None:
    """Each address by itself, and only as long as it goes on."""
    ours = gate()
    for n in range(TRIES):
        assert not ours.is_shut("10.0.0.1", NOW)
        ours.note_wrong("10.0.0.1", NOW + timedelta(seconds=n))
    assert ours.is_shut("10.0.0.1", NOW + timedelta(seconds=TRIES))
    assert not ours.is_shut("10.0.0.2", NOW)
    assert not ours.is_shut("10.0.0.1", NOW + WHILE + timedelta(seconds=TRIES))


def test_ten_thousand_addresses_with_wrong_tokens_take_no_room() -> None:
    """Only the last of them are remembered."""
    ours = gate()
    for n in range(10_000):
        ours.note_wrong(f"10.0.{n // 256}.{n % 256}", NOW)
    assert len(ours._wrong) <= 1024
