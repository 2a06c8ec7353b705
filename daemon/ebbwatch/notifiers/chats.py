"""Chats and channels: the text by which one is told from another."""

from __future__ import annotations

from collections.abc import Mapping

from ebbwatch.model.message import Target


def place_of(target: Target, *options: str) -> str:
    """Return a target's place: its kind and the options that say where, ``telegram:-100123:7``.

    A token of its own means another bot or workspace; the name of that secret stands for it.
    """
    parts = [str(target.options[name]).strip() for name in options if name in target.options]
    token = target.options.get("token")
    own = f" by {token.get('secret', '')}" if isinstance(token, Mapping) else ""
    return ":".join([target.kind, *parts]) + own
