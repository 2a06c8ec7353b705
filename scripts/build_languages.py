"""Write the other Chinese languages, from the Traditional Chinese of Taiwan.

OpenCC gives the characters and everyday words of the other place; the terms that a desk there
would use stand in a glossary beside this script, and come before OpenCC's. What is written is
checked in, so that the program needs no OpenCC, and a test holds that it is what this makes.
With ``--check``, nothing is written, and what is stale is named.

    python scripts/build_languages.py

- ``daemon/ebbwatch/locale/catalogues/LANGUAGE``: the program's own words.
- ``daemon/ebbwatch/locale/converted/LANGUAGE.json``: titles, notes and measures of the default pack
  and of the built-in catalogue, by their Traditional Chinese. Rule files stay as they are.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from opencc import OpenCC

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "daemon" / "ebbwatch" / "locale"
GLOSSARIES = Path(__file__).resolve().parent / "glossaries"
#: What everything else is made from.
FROM = "zh-Hant"
#: Conversions of OpenCC by language, one after the other, and Babel's name of the language.
LANGUAGES = {
    "zh-Hans": (("tw2sp",), "zh_Hans_CN"),
    "zh-Hant-HK": (("tw2t", "t2hk"), "zh_Hant_HK"),
}
#: Files with texts of the default pack.
PACK = (
    *sorted((ROOT / "rules").glob("*.yaml")),
    *sorted((ROOT / "daemon" / "ebbwatch" / "ruleset" / "builtin").glob("*.yaml")),
)
_HEAD = "# Made from {name} by scripts/build_languages.py; not edited by hand.\n"
_QUOTED = re.compile(r'^(msgstr(?:\[\d+\])? |)"(.*)"$')


@dataclass
class Converter:
    """From the Chinese of Taiwan to another.

    Attributes:
        language: The other.
        terms: Of the glossary: the other's by Taiwan's.
    """

    language: str
    terms: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Read the glossary and the tables of OpenCC."""
        self.terms = glossary(self.language)
        longest_first = sorted(self.terms, key=len, reverse=True)
        self._term = re.compile("|".join(map(re.escape, longest_first)))
        self._steps = [OpenCC(name) for name in LANGUAGES[self.language][0]]

    def __call__(self, text: str) -> str:
        """Return a text as it is written in the other language."""
        made, at = [], 0
        for found in self._term.finditer(text):
            made += [self.plain(text[at : found.start()]), self.terms[found[0]]]
            at = found.end()
        return "".join([*made, self.plain(text[at:])])

    def plain(self, text: str) -> str:
        """Return what OpenCC alone makes of a text."""
        for step in self._steps:
            text = step.convert(text)
        return text


def glossary(language: str) -> dict[str, str]:
    """Return the terms of a language by those of Taiwan.

    Raises:
        ValueError: If a line is no pair of terms, or a term stands twice.
    """
    terms: dict[str, str] = {}
    for line in (GLOSSARIES / f"{language}.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        term, arrow, other = line.partition(" → ")
        if not arrow or not term or not other or term in terms:
            message = f"expected each term once, as TAIWAN → {language}, found {line!r}"
            raise ValueError(message)
        terms[term] = other
    return terms


def catalogue(text: str, name: str, convert: Converter) -> str:
    """Return a ``.po`` file in another language, its messages as they are."""
    lines = [_HEAD.format(name=f"{FROM}/{name}")]
    translation = False
    for line in text.splitlines():
        found = _QUOTED.match(line)
        if line.startswith("#") and not line.startswith("#,"):
            continue
        translation = line.startswith("msgstr") or (translation and line.startswith('"'))
        if found and translation:
            babel = LANGUAGES[convert.language][1]
            words = found[2].replace("Language: zh_Hant_TW", f"Language: {babel}")
            lines.append(f'{found[1]}"{convert(words)}"\n')
        else:
            lines.append(f"{line}\n")
    return "".join(lines)


def texts(node: Any) -> Iterator[str]:
    """Yield every text in Traditional Chinese below a node of a rule file."""
    if isinstance(node, dict):
        if FROM in node:
            yield node[FROM]
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def files() -> dict[Path, str]:
    """Return what each written file should hold."""
    made = {}
    pack = [text for path in PACK for text in texts(yaml.safe_load(path.read_text("utf-8")))]
    for language in LANGUAGES:
        convert = Converter(language)
        for path in sorted((LOCALE / "catalogues" / FROM).glob("*.po")):
            place = LOCALE / "catalogues" / language / path.name
            made[place] = catalogue(path.read_text("utf-8"), path.name, convert)
        conversions = {text: convert(text) for text in pack}
        written = json.dumps(conversions, ensure_ascii=False, indent=0)
        made[LOCALE / "converted" / f"{language}.json"] = f"{written}\n"
    return made


def stale() -> list[Path]:
    """Return the files that are not what they should be, and those that should not be."""
    wanted = files()
    there = {
        path for language in LANGUAGES for path in (LOCALE / "catalogues" / language).glob("*")
    }
    return sorted(
        {
            path
            for path, text in wanted.items()
            if not path.exists() or path.read_text("utf-8") != text
        }
        | (there - set(wanted))
    )


def main() -> None:
    """Write the files, or with ``--check`` name those that are stale."""
    if "--check" in sys.argv:
        names = [str(path.relative_to(ROOT)) for path in stale()]
        sys.exit("".join(f"{name} is stale\n" for name in names) or 0)
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
