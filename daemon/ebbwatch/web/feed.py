"""The feed: what changed, for feed readers, as Atom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET

from ebbwatch.core.render import ToldChange, Translator
from ebbwatch.core.render.alert_messages import move_line, move_text
from ebbwatch.model.alert import QUIET
from ebbwatch.runtime.desk import Desk

#: Changes that a feed holds.
ENTRIES = 50
_ATOM = "http://www.w3.org/2005/Atom"
#: What no XML may hold.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def feed(desk: Desk, at: datetime, t: Translator) -> bytes:
    """Return the newest changes as an Atom feed; armed and disarmed are left out.

    Args:
        desk: Is asked.
        at: Stands for when it was updated where nothing ever changed.
        t: The reader's language.
    """
    found = [told for told in desk.moves(t) if told.transition.change not in QUIET][:ENTRIES]
    return written(found, at, t)


def written(changes: Sequence[ToldChange], at: datetime, t: Translator) -> bytes:
    """Return changes, newest first, as an Atom feed."""
    ET.register_namespace("", _ATOM)
    root = ET.Element(
        f"{{{_ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": t.language}
    )
    _text(root, "title", "Ebbwatch")
    _text(root, "id", "urn:ebbwatch:transitions")
    newest = max((told.transition.at for told in changes), default=at)
    _text(root, "updated", _stamp(newest))
    ET.SubElement(_child(root, "author"), f"{{{_ATOM}}}name").text = "Ebbwatch"
    _child(root, "link", rel="self", href="feed.atom")
    _child(root, "link", rel="alternate", href="./", type="text/html")
    for told in changes:
        move = told.transition
        entry = _child(root, "entry")
        _text(entry, "title", move_line(t, told, titled=True))
        parts = (move.rule, move.change.value, _stamp(move.at), move.period)
        _text(entry, "id", "urn:ebbwatch:" + ":".join(quote(part, safe="") for part in parts))
        _text(entry, "updated", _stamp(move.at))
        _child(entry, "link", rel="alternate", href=f"rules/{quote(move.rule)}", type="text/html")
        note = told.note.in_language(t.language)
        _text(entry, "summary", "\n".join(filter(None, (move_text(t, told), note))))
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def _child(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)


def _text(parent: ET.Element, name: str, text: str) -> None:
    _child(parent, name).text = _FORBIDDEN.sub("\ufffd", text)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
