"""The default pack's texts in the Chinese that ``scripts/build_languages.py`` makes."""

from __future__ import annotations

import json
from importlib.resources import files

from ebbwatch.model.text import FALLBACKS


def pack_conversions() -> dict[str, dict[str, str]]:
    """Return, by language, each text of the pack by its Traditional Chinese."""
    folder = files("ebbwatch.locale") / "converted"
    return {
        language: json.loads((folder / f"{language}.json").read_text("utf-8"))
        for language in FALLBACKS
    }
