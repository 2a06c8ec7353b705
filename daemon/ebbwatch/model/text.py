"""Text that people wrote in one language or several."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

#: Languages that Ebbwatch speaks, the first being the fallback.
LANGUAGES = ("en", "zh-Hant", "zh-Hans", "zh-Hant-HK")
#: What a reader of a language is shown where nothing is written in it, best first.
FALLBACKS = {"zh-Hans": ("zh-Hant",), "zh-Hant-HK": ("zh-Hant",)}
#: Parts of a locale's name that say which Chinese is meant, the weightiest first.
_CHINESE = (
    (("hans",), "zh-Hans"),
    (("hk", "mo"), "zh-Hant-HK"),
    (("hant", "tw"), "zh-Hant"),
    (("cn", "sg"), "zh-Hans"),
)


def language_of(name: str) -> str | None:
    """Return the language of ours that a locale's name means: ``zh_TW.UTF-8`` is ``zh-Hant``.

    Chinese of no place is ``zh-Hant``, which the others are made from.
    """
    parts = re.split("[-_]", re.split("[.@]", name.strip().lower())[0])
    if parts[0] == "zh":
        means = (language for tags, language in _CHINESE if any(tag in parts for tag in tags))
        return next(means, "zh-Hant")
    return parts[0] if parts[0] in LANGUAGES else None


@dataclass(frozen=True, slots=True)
class Text:
    """A title or a note, by language.

    Attributes:
        by_language: Pairs of language and text; a text without a language is ``en``.
    """

    by_language: tuple[tuple[str, str], ...] = ()

    def in_language(self, language: str) -> str:
        """Return the text in a language, in the nearest, or in whatever there is; may be empty."""
        texts = dict(self.by_language)
        nearest = (language, *FALLBACKS.get(language, ()), LANGUAGES[0])
        return next(filter(None, map(texts.get, nearest)), next(iter(texts.values()), ""))

    def converted(self, conversions: Mapping[str, Mapping[str, str]]) -> Text:
        """Return the text with what was made of it for languages that it is not written in.

        Args:
            conversions: By language: its text by the one in `FALLBACKS` that it is made from.
        """
        texts = dict(self.by_language)
        for language, made in conversions.items():
            if language not in texts:
                written = next((texts[one] for one in FALLBACKS[language] if one in texts), "")
                if written in made:
                    texts[language] = made[written]
        return Text(tuple(texts.items()))

    def __bool__(self) -> bool:
        """Return whether anything was written."""
        return bool(self.by_language)


def marked(message: str) -> str:
    """Mark a message for the catalogues that is translated where it is used."""
    return message


#: What no line shows as itself: control characters, and those that turn the reading direction
#: round. Line ends are left alone.
ODD_SIGNS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return a text of somebody else's without signs that would make it look like another."""
    whole = _HALF_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    return ODD_SIGNS.sub(" ", whole.replace("\u2028", "\n").replace("\u2029", "\n"))


def is_wide(character: str) -> bool:
    """Return whether a character takes the room of two: Chinese ones do."""
    return unicodedata.east_asian_width(character) in "WF"


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(1 + is_wide(char) for char in text if not unicodedata.combining(char))
