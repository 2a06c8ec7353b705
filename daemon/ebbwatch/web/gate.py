"""The gate: who may read the page.

A page on loopback is open to whoever is on the machine, unless a token is set; elsewhere the
token is asked for, as a Bearer header by programs and in a form by people. What the form leaves
in the browser is no token: it is a date and a signature, and ends with the date or the token.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from ebbwatch.ports import Secret

#: How long somebody who signed in need not do so again.
SESSION = timedelta(days=30)
#: Wrong tokens that one address may give within a while.
TRIES, WHILE = 10, timedelta(minutes=1)
#: Addresses whose wrong tokens are remembered; the one heard of longest ago is forgotten first.
_REMEMBERED = 1024


@dataclass(slots=True)
class Gate:
    """Says who may read.

    Attributes:
        token: What is asked for; None for nothing.
        loopback: Whether only this machine can reach the page.
        hosts: Names that it may be asked by, beside addresses.
    """

    token: Secret | None
    loopback: bool
    hosts: Collection[str] = ()
    _wrong: OrderedDict[str, list[datetime]] = field(default_factory=OrderedDict)

    def knows(self, host: str) -> bool:
        """Return whether a Host header names us.

        A page of somebody else can have a browser look its own name up as our address, and
        would then read what we answer; it cannot make the browser name us otherwise.
        """
        name = _name_of(host)
        if name in {each.lower().rstrip(".") for each in self.hosts}:
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return name == "localhost"
        return address.is_loopback or not self.loopback

    def admits(self, *, authorization: str, session: str, at: datetime) -> bool:
        """Return whether a request may read.

        Args:
            authorization: Its ``Authorization`` header.
            session: Its cookie, as `session` made it.
            at: Wall time.
        """
        if self.token is None:
            return True
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return True
        until, _, signature = session.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) <= 12):
            return False
        fits = hmac.compare_digest(
            self._signed(until).encode(), signature.encode("utf-8", "replace")
        )
        return fits and at < datetime.fromtimestamp(int(until), UTC)

    def is_token(self, text: str) -> bool:
        """Return whether a text is the token; how long that takes says nothing of where it differs."""
        if self.token is None:
            return False
        ours, theirs = (
            hashlib.sha256(each.encode("utf-8", "replace")).digest()
            for each in (self.token.reveal(), text)
        )
        return hmac.compare_digest(ours, theirs)

    def session(self, at: datetime) -> str:
        """Return what a browser keeps to be admitted for a while."""
        until = str(int((at + SESSION).timestamp()))
        return f"{until}.{self._signed(until)}"

    def _signed(self, until: str) -> str:
        assert self.token is not None
        key = self.token.reveal().encode()
        return hmac.new(key, f"ebbwatch page until {until}".encode(), "sha256").hexdigest()

    # ---- wrong tokens ----------------------------------------------------------------

    def is_shut(self, address: str, at: datetime) -> bool:
        """Return whether an address gave too many wrong tokens of late."""
        tries = self._wrong.get(address, [])
        return sum(at - each < WHILE for each in tries) >= TRIES

    def note_wrong(self, address: str, at: datetime) -> None:
        """Remember that an address gave a wrong token."""
        tries = [each for each in self._wrong.pop(address, []) if at - each < WHILE]
        self._wrong[address] = [*tries, at][-TRIES:]
        while len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)


def _name_of(host: str) -> str:
    """Return the name or address of a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")
