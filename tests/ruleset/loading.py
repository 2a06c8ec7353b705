"""Loads texts as the program does, with sources that accept what the catalogue asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ebbwatch.model.source import Gives, SourceFacts
from ebbwatch.ruleset.load import Loaded, load
from ebbwatch.ruleset.rules import Ruleset
from tests.paths import ROOT

#: The built-in catalogue, as it is shipped.
BUILTIN = {
    f"builtin/{path.name}": path.read_text("utf-8")
    for path in sorted((ROOT / "daemon/ebbwatch/ruleset/builtin").glob("*.yaml"))
}

#: The default pack, as it is shipped.
PACK = {
    f"rules/{path.name}": path.read_text("utf-8")
    for path in sorted((ROOT / "rules").glob("*.yaml"))
}


@dataclass(frozen=True)
class Taking:
    """An adapter as the loader sees it, which takes every argument."""

    facts: SourceFacts = field(default_factory=SourceFacts)

    def fault(self, argument: Any) -> str | None:
        """Return None."""
        return None


class _NewYorkFed(Taking):
    def fault(self, argument: Any) -> str | None:
        """Check as a source does, with a hint of its own that the loader must tell apart."""
        if not isinstance(argument, str):
            return "expected a text, found a map"
        if f"{{nyfed: {argument}}}" in "".join(BUILTIN.values()):
            return None
        return f"expected one of sofr, effr, found {argument}; did you mean sofr?"


#: Sources by name. All but one take everything, so that the catalogue may grow.
SOURCES: dict[str, Taking] = {
    "nyfed": _NewYorkFed(),
    **dict.fromkeys(
        ("h41", "fed_policy", "fiscaldata", "bea", "ofr", "coinbase", "kraken", "fred",
         "http_json"),
        Taking(),
    ),
    "csv": Taking(SourceFacts(paths=("path",))),
    "fed_press": Taking(SourceFacts(gives=Gives.TEXTS)),
}  # fmt: skip


def loaded(files: str | bytes | Mapping[str, str | bytes], **options: Any) -> Loaded:
    """Return what loading texts gives; a single text is ``rules/desk.yaml``."""
    texts = files if isinstance(files, Mapping) else {"rules/desk.yaml": files}
    given: dict[str, Any] = {
        "builtin": BUILTIN,
        "sources": SOURCES,
        "check_builtin": True,
        **options,
    }
    return load(texts, **given)


def valid(files: str | bytes | Mapping[str, str | bytes], **options: Any) -> Ruleset:
    """Return the ruleset of texts that have nothing wrong with them."""
    result = loaded(files, **options)
    assert result.ruleset is not None, rendered(result)
    return result.ruleset


def rendered(result: Loaded) -> str:
    """Return all problems as they are printed."""
    return "\n".join(problem.render() for problem in result.problems)


def codes(result: Loaded) -> list[str]:
    """Return the codes of the problems, in order."""
    return [problem.code for problem in result.problems]
