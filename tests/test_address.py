"""Addresses: what in them is a secret, and what is left when it is masked."""

from __future__ import annotations

import pytest

from ebbwatch.model.address import masked, secrets_in

ADDRESSES = [
    ("http://user:PW@host", "http://user:***@host", {"PW"}),
    ("http://user:p/w@host:80/x", "http://user:***@host:80/x", {"p/w"}),
    ("http://u:%40p@h", "http://u:***@h", {"%40p", "@p"}),
    ("HTTPS://t0ken@h/x", "HTTPS://***@h/x", {"t0ken"}),
    ("postgresql://me@host/db", "postgresql://me@host/db", set()),
    (
        "postgresql://me:a@b/c@host/db?password=x&sslmode=require",
        "postgresql://me:***@host/db?password=***&sslmode=require",
        {"a@b/c", "x"},
    ),
    ("https://h/x?n=1&api_key=K#f", "https://h/x?n=1&api_key=***#f", {"K"}),
    ("http://host:8080/api", "http://host:8080/api", set()),
    ("http://[::1]:9/", "http://[::1]:9/", set()),
    ("sqlite:////var/lib/a.db", "sqlite:////var/lib/a.db", set()),
    ("http://u:@h", "http://u:@h", set()),
]


@pytest.mark.parametrize(("address", "shown", "secrets"), ADDRESSES)
def test_no_secret_of_an_address_is_shown(address: str, shown: str, secrets: set[str]) -> None:
    """Passwords, tokens for users, and keys among the parameters; nothing else is hidden."""
    assert masked(address) == shown
    assert set(secrets_in(address)) == secrets
