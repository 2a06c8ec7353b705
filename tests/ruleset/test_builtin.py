"""What is built in holds against the sources that are built in."""

from __future__ import annotations

from ebbwatch.app import Adapters
from tests.ruleset.loading import BUILTIN, PACK, loaded, rendered


def test_the_sources_take_what_the_catalogue_asks_of_them() -> None:
    """Every argument of every built-in series, checked by the source itself."""
    result = loaded(PACK, builtin=BUILTIN, sources=Adapters("sources"))
    assert rendered(result) == ""


def test_every_built_in_series_has_a_title_in_both_languages() -> None:
    """People read titles, never names."""
    ruleset = loaded("").ruleset
    assert ruleset is not None
    for series in ruleset.series.values():
        assert [language for language, _ in series.title.by_language] == ["en", "zh-Hant"]
