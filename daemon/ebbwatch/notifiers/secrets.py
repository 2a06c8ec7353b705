"""Secrets that rule files name, found at the moment they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ebbwatch.ports import Secret, Undeliverable


def revealed(value: Any, secrets: Mapping[str, Secret]) -> str:
    """Return an option's text, a ``{"secret": NAME}`` replaced by what it names.

    Raises:
        Undeliverable: If settings hold no secret of that name.
    """
    if not isinstance(value, Mapping):
        return str(value)
    name = str(value.get("secret", ""))
    if name not in secrets:
        raise Undeliverable(
            f"the secret {name} is not set; give it as EBBWATCH_SECRET__{name} or in its file"
        )
    return secrets[name].reveal()
