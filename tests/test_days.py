"""Days that a desk remembers: all that the default pack says of each, read to the basis point.

`python -m tests.test_days` writes them anew; they are read by a person before they are kept.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from pathlib import Path

import pytest

from ebbwatch import app, archive
from ebbwatch.expr.functions import FUNCTIONS
from ebbwatch.model.periods import FREQUENCIES, day_of
from ebbwatch.model.text import FALLBACKS, LANGUAGES
from tests.cli import run
from tests.paths import ROOT

GOLDEN = Path(__file__).parent / "golden" / "days"

#: A day, and what made it one.
DAYS = {
    date(2019, 1, 2): "the turn of 2018: 60 bp",
    date(2019, 9, 17): "the morning on which repo broke",
    date(2019, 9, 18): "295 bp",
    date(2020, 3, 18): "the dash for cash",
    date(2024, 9, 20): "a cut of 50 bp was in effect",
    date(2024, 9, 30): "the facility's first real use",
    date(2025, 10, 15): "19 bp, and $6.75bn",
    date(2025, 10, 29): "$10.3bn",
    date(2025, 10, 31): "four lamps of six, and $50.35bn",
    date(2025, 11, 3): "36 bp",
    date(2025, 12, 31): "$74.6bn, all of it in the morning",
    date(2026, 8, 13): "reserves fall fast from a low level",
}
_HEADING = re.compile(r"(?m)^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\d{4}-\d\d-\d\d) \d\d:\d\d E[DS]T$")
_RECORD = {
    "en": re.compile(r"on record, since (?:the first observation on )?(?:week to )?"
                     r"((?:\d+ )?[A-Z][a-z]{2} \d{4})"),
    "zh-Hant": re.compile(r"(\d{4}年\d+月(?:\d+日)?)[^\n]*(?:有紀錄|首次觀測)以來最"),
    "zh-Hant-HK": re.compile(r"(\d{4}年\d+月(?:\d+日)?)[^\n]*(?:有紀錄|首次觀測)以來最"),
    "zh-Hans": re.compile(r"(\d{4}年\d+月(?:\d+日)?)[^\n]*(?:有记录|首次观测)以来最"),
}  # fmt: skip
#: How a record's beginning is written, by the format that reads it.
_DAYS_AS_WRITTEN = {
    "%d %b %Y": r"\d+ \w+ \d+", "%b %Y": r"[A-Z]\w+ \d+", "%Y年%m月%d日": r"\d+年\d+月\d+日",
    "%Y年%m月": r"\d+年\d+月",
}  # fmt: skip


@cache
def told(language: str) -> dict[str, list[str]]:
    """Return every message that the pack has told since 2018, by New York's day."""
    text = run(
        "replay", "--rules", ROOT / "rules", "--store", "none", "--messages",
        "--language", language, "--from", "2018-01-01",
    ).out  # fmt: skip
    found: dict[str, list[str]] = {}
    starts = list(_HEADING.finditer(text))
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        block = text[start.start() : len(text) if end is None else end.start()]
        found.setdefault(start[1], []).append(block.strip() + "\n")
    return found


def page(day: date, language: str) -> str:
    """Return the messages of one day."""
    return "\n".join(told(language).get(day.isoformat(), []))


#: Languages that somebody wrote, for which each day has a golden file.
WRITTEN = tuple(language for language in LANGUAGES if language not in FALLBACKS)
#: Days that are read in the languages that are made of those, in one file for each.
READ_AGAIN = (
    date(2019, 9, 17), date(2024, 9, 30), date(2025, 10, 29), date(2025, 12, 31),
    date(2026, 8, 13),
)  # fmt: skip


def read_again(language: str) -> str:
    """Return the messages of some days in a language that is made."""
    return "\n".join(page(day, language) for day in READ_AGAIN)


@pytest.mark.parametrize("language", FALLBACKS)
def test_days_of_a_language_that_is_made_read_as_they_were_read(language: str) -> None:
    """Messages of the pack in Simplified Chinese, and as Hong Kong writes it."""
    assert read_again(language) == (GOLDEN / f"{language}.txt").read_text("utf-8")


@pytest.mark.parametrize("language", WRITTEN)
@pytest.mark.parametrize("day", DAYS, ids=str)
def test_a_day_reads_as_it_was_read(day: date, language: str) -> None:
    """Every message of the day, in each language, word for word."""
    golden = GOLDEN / f"{day}.{language}.txt"
    assert page(day, language) == golden.read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_function_and_no_unit_twice_in_any_message(language: str) -> None:
    """Since 2018, in each language: nothing of the rule language, and no number said twice over."""
    for day, blocks in told(language).items():
        for block in blocks:
            names = [name for name in FUNCTIONS if re.search(rf"\b{name}\(", block)]
            assert names == [], (day, block)
            assert (
                re.search(r"(\bbp|%|美元|[個个]基[點点]|兆|[億亿]|[萬万])\s*\1", block) is None
            ), (day, block)
            assert re.search(r"\d releases?\b", block) is None, (day, block)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_record_is_longer_than_its_series(language: str) -> None:
    """A record begins with the first observation of the youngest series that was read."""
    ruleset = app.load_rules(app.rule_files(ROOT / "rules"), data_only=True).ruleset
    assert ruleset is not None
    first: dict[str, date] = {}
    for name, path in archive.files().items():
        every = FREQUENCIES[ruleset.series[name].every.name]
        rows = path.read_text("utf-8").splitlines()[1:]
        first[name] = day_of(every.parse(rows[0].partition(",")[0]))
    series = {
        rule.title.in_language(language): rule.value.series
        for rule in ruleset.rules
        if rule.value is not None
    }
    seen = 0
    for blocks in told(language).values():
        for block in blocks:
            if (record := _RECORD[language].search(block)) is None:
                continue
            title = block.splitlines()[1].partition(" · ")[2]
            claimed = next(
                datetime.strptime(record[1], form).date()  # noqa: DTZ007  a day has no zone
                for form, shape in _DAYS_AS_WRITTEN.items()
                if re.fullmatch(shape, record[1])
            )
            assert claimed >= max(first[name] for name in series[title]), block
            seen += 1
    assert seen == sum("on record" in block for blocks in told("en").values() for block in blocks)
    assert seen > 10


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for kept in GOLDEN.iterdir():
        kept.unlink()
    for one in DAYS:
        for spoken in WRITTEN:
            (GOLDEN / f"{one}.{spoken}.txt").write_text(page(one, spoken), "utf-8")
    for made in FALLBACKS:
        (GOLDEN / f"{made}.txt").write_text(read_again(made), "utf-8")
