"""Addresses: which secrets stand in one, and how it is shown without them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

#: What stands for a secret where an address is shown.
MASK = "***"

#: Names of parameters, headers and options that carry a secret by their nature.
_SECRET_NAME = re.compile(
    r"authorization|token|secret|cookie|api[-_]?key|access[-_]?key|passw|signature|^(?:key|sig|auth)$",
    re.IGNORECASE,
)

#: The second group of each is the secret. Of a password everything up to the last @ counts:
#: people write its / and @ as they are.
_PASSWORD = re.compile(r"://([^:/?#@\s]*:)(.+)@", re.DOTALL)
#: A user alone is a token where the web is asked, and a name where a database is.
_USER = re.compile(r"(https?://)([^:/?#@\s]+)@", re.IGNORECASE)
_PARAMETER = re.compile(r"[?&;]([^=&;#]+)=([^&;#]+)")


def names_secret(name: str) -> bool:
    """Return whether what goes by a name is a secret by its nature."""
    return _SECRET_NAME.search(name) is not None


def secrets_in(address: str) -> tuple[str, ...]:
    """Return the passwords and keys of an address, as they stand there and as they are meant."""
    found = [text for match in _matches(address) for text in (match[2], unquote(match[2]))]
    return tuple(dict.fromkeys(found))


def masked(address: str) -> str:
    """Return an address as people may see it."""
    for match in reversed([*_matches(address)]):
        start, end = match.span(2)
        address = address[:start] + MASK + address[end:]
    return address


def _matches(address: str) -> Iterator[re.Match[str]]:
    """Yield what holds a secret, in order."""
    user = _PASSWORD.search(address) or _USER.search(address)
    if user is not None:
        yield user
    for parameter in _PARAMETER.finditer(address, user.end() if user is not None else 0):
        if names_secret(parameter[1]):
            yield parameter
