"""Languages: every message is translated, and numbers and dates are written as readers do."""

from __future__ import annotations

import re
import string
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

import ebbwatch
from ebbwatch.locale import catalogue as load
from ebbwatch.locale import translator
from ebbwatch.model.periods import FREQUENCIES, period_of
from ebbwatch.model.text import LANGUAGES

PACKAGE = Path(ebbwatch.__file__).parent
CATALOGUES = PACKAGE / "locale" / "catalogues"
#: How code asks for a message, and `marked`, which marks one that is asked for elsewhere.
KEYWORDS = {"gettext": None, "ngettext": (1, 2), "marked": None}
OTHERS = [language for language in LANGUAGES if language != "en"]

MessageId = str | tuple[str, ...]


def in_code() -> set[MessageId]:
    """Return every message that the code asks for."""
    found: set[MessageId] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        for _, message, _, _ in extract_from_file("python", path, keywords=KEYWORDS):
            found.add(message if isinstance(message, str) else tuple(message))
    for path in sorted(PACKAGE.rglob("*.j2")):
        found |= {
            message for _, message, _, _ in extract_from_file("jinja2", path, keywords={"_": None})
        }
    return found


def catalogue(language: str) -> dict[MessageId, tuple[str, ...]]:
    """Return all translations of a language, its files together."""
    found: dict[MessageId, tuple[str, ...]] = {}
    for path in sorted((CATALOGUES / language).glob("*.po")):
        with path.open("rb") as file:
            read: Catalog = read_po(file)
        for message in read:
            if message.id:
                assert not message.fuzzy, f"{message.id!r} is marked fuzzy"
                key = message.id if isinstance(message.id, str) else tuple(message.id)
                texts = message.string
                assert key not in found, f"{message.id!r} stands in two files"
                found[key] = (texts,) if isinstance(texts, str) else tuple(texts)
    return found


def names(message: str) -> set[str]:
    """Return the placeholders of a message."""
    return {name for _, name, _, _ in string.Formatter().parse(message) if name}


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated_and_no_translation_is_left_over(language: str) -> None:
    """The catalogue holds the messages of the code, all of them and no others."""
    wanted, held = in_code(), catalogue(language)
    assert sorted(map(str, wanted - set(held))) == [], "not translated"
    assert sorted(map(str, set(held) - wanted)) == [], "nobody asks for it"
    assert [message for message, texts in held.items() if not all(texts)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_placeholders_of_its_message(language: str) -> None:
    """No number or name is lost or invented in translation; a plural form may omit a one."""
    for message, texts in catalogue(language).items():
        wanted = names(message if isinstance(message, str) else message[-1])
        assert {frozenset(names(text)) for text in texts} == {frozenset(wanted)}, message


def test_no_message_hides_in_an_f_string() -> None:
    """A message inside an f-string would be asked for but never collected."""
    hidden = [
        f"{path.name}: {line.strip()}"
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"""\bf["'][^"']*\{[^}]*gettext\(""", line)
    ]
    assert hidden == []


def test_a_language_may_have_several_files(tmp_path: Path) -> None:
    """Each layer keeps its words in a file; anything else in the folder is left alone."""
    for name, message, text in (("a.po", "one", "一"), ("b.po", "two", "二")):
        (tmp_path / name).write_text(
            f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
            f'msgid "{message}"\nmsgstr "{text}"\n',
            "utf-8",
        )
    (tmp_path / "README").write_text("not a catalogue")
    words = load(tmp_path, "zh_Hant_TW")
    assert [words.gettext(word) for word in ("one", "two", "three")] == ["一", "二", "three"]
    assert load(tmp_path / "none", "en").gettext("one") == "one"


def test_a_language_nobody_speaks_is_refused() -> None:
    """An unknown language is an error that names the known ones."""
    with pytest.raises(
        ValueError,
        match=r"expected one of the languages en, zh-Hant, zh-Hans, zh-Hant-HK, found 'fr'",
    ):
        translator("fr")


@pytest.mark.parametrize(
    ("value", "unit", "english", "chinese"),
    [
        (36.0, "bp", "36 bp", "36 個基點"),
        (3.27, "bp", "3.3 bp", "3.3 個基點"),
        (-14.0, "bp", "−14 bp", "−14 個基點"),
        (-0.01, "bp", "0 bp", "0 個基點"),
        (4.22, "%", "4.22 %", "4.22 %"),
        (4.3, "%", "4.30 %", "4.30 %"),
        (2.97e12, "USD", "$2.97tn", "2.97 兆美元"),
        (2.848e12, "USD", "$2.848tn", "2.848 兆美元"),
        (50.35e9, "USD", "$50.35bn", "503.5 億美元"),
        (-150e9, "USD", "−$150bn", "−1,500 億美元"),
        (999.96e9, "USD", "$1tn", "1 兆美元"),
        (3e6, "USD", "$3mn", "300 萬美元"),
        (0.0, "USD", "$0", "0 美元"),
        (412.5, "USD", "$412.5", "412.5 美元"),
        (4012.3, "USD/oz", "$4,012.30/oz", "每盎司 4,012.30 美元"),
        (100000.0, "USD/BTC", "$100,000/BTC", "每枚比特幣 100,000 美元"),
        (17.3, "d", "17 days", "17 天"),
        (1.0, "d", "1 day", "1 天"),
        (1.5, "d", "1.5 days", "1.5 天"),
        (float("inf"), "d", "not on this trend", "照目前趨勢不會發生"),
        (float("nan"), "bp", "–", "–"),
        (5.0, "", "5", "5"),
        (-840e6, "USD/d", "−$840mn a day", "每天 −8.4 億美元"),
        (0.25, "bp/d", "0.2 bp a day", "每天 0.2 個基點"),
        (2.5, "1/d", "2.5 a day", "每天 2.5"),
    ],
)
def test_a_number_is_written_with_its_unit(
    value: float, unit: str, english: str, chinese: str
) -> None:
    """Numbers are scaled and signed as readers of each language write them."""
    assert translator("en").number(value, unit) == english
    assert translator("zh-Hant").number(value, unit) == chinese


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (10.0, "%", "10 %"),
        (0.5, "%", "0.5 %"),
        (4000.0, "USD/oz", "$4,000/oz"),
        (3.05e12, "USD", "$3.05tn"),
    ],
)
def test_a_threshold_is_written_as_short_as_in_the_rule(value: float, unit: str, text: str) -> None:
    """Thresholds carry no trailing zeros."""
    assert translator("en").number(value, unit, short=True) == text


@pytest.mark.parametrize(
    ("value", "other", "unit", "text"),
    [
        (9.9998, 10.0, "%", "9.9998 %"),
        (20.04, 20.0, "bp", "20.04 bp"),
        (2.80001e12, 2.8e12, "USD", "$2.80001tn"),
        (89.9, 90.0, "d", "89.9 days"),
        (20.0, 20.0, "bp", "20 bp"),
        (20.000000001, 20.0, "bp", "20 bp"),
        (36.0, 20.0, "bp", "36 bp"),
    ],
)
def test_a_reading_never_looks_like_a_threshold_it_differs_from(
    value: float, other: float, unit: str, text: str
) -> None:
    """Decimals are added until the two can be told apart, within reason."""
    assert translator("en").number(value, unit, apart_from=other) == text


@pytest.mark.parametrize(
    ("value", "unit", "english", "chinese"),
    [
        (-0.12, "%", "0.12 pp", "0.12 個百分點"),
        (-19.0, "bp", "19 bp", "19 個基點"),
        (0.5, "%/d", "0.5 pp a day", "每天 0.5 個百分點"),
        (-12e9, "USD", "$12bn", "120 億美元"),
    ],
)
def test_a_difference_has_no_sign_and_percentages_differ_by_points(
    value: float, unit: str, english: str, chinese: str
) -> None:
    """A change is given by its size."""
    assert translator("en").difference(value, unit) == english
    assert translator("zh-Hant").difference(value, unit) == chinese


@pytest.mark.parametrize(
    ("text", "every", "english", "chinese"),
    [
        ("2025-10-31", "business day", "Fri 31 Oct 2025", "2025年10月31日 週五"),
        ("2025-10-22", "week ending Wednesday", "week to Wed 22 Oct 2025",
         "2025年10月22日 週三當週"),
        ("2025-09-01", "month", "Sep 2025", "2025年9月"),
        ("2025-04-01", "quarter", "Q2 2025", "2025年第2季"),
        ("2025-01-01", "year", "2025", "2025年"),
        ("2026-11-24T11:45:00Z", "15 min", "24 Nov 2026 11:45 UTC", "2026年11月24日 11:45 UTC"),
    ],
)  # fmt: skip
def test_a_period_is_named_as_readers_name_it(
    text: str, every: str, english: str, chinese: str
) -> None:
    """Days, weeks, months, quarters, years and instants each have their form."""
    frequency = FREQUENCIES[every]
    assert translator("en").period(text, frequency) == english
    assert translator("zh-Hant").period(text, frequency) == chinese
    assert translator("en").period_at(frequency.parse(text), frequency) == english


def test_a_period_without_a_frequency_is_a_day_or_an_instant() -> None:
    """Text rules have no frequency: their period is the day."""
    en = translator("en")
    assert en.period("2025-10-29", None, short=True) == "29 Oct 2025"
    assert en.period_at(period_of(date(2025, 10, 29)), None) == "Wed 29 Oct 2025"
    assert en.period_at(period_of(date(2025, 10, 29)) + 75, None) == "29 Oct 2025 01:15 UTC"


@pytest.mark.parametrize(
    ("at", "zone", "english", "chinese"),
    [
        (datetime(2025, 11, 4, 14, tzinfo=UTC), "America/New_York",
         "Tue 4 Nov, 09:00 New York", "紐約時間 11月4日 週二 09:00"),
        (datetime(2025, 10, 31, 12, tzinfo=UTC), "America/New_York",
         "Fri 31 Oct, 08:00 New York", "紐約時間 10月31日 週五 08:00"),
        (datetime(2025, 11, 4, 23, tzinfo=UTC), "Asia/Taipei",
         "Wed 5 Nov, 07:00 Taipei", "台北時間 11月5日 週三 07:00"),
        (datetime(2025, 11, 4, 23, tzinfo=UTC), "America/Los_Angeles",
         "Tue 4 Nov, 15:00 Los Angeles", "Los Angeles時間 11月4日 週二 15:00"),
    ],
)  # fmt: skip
def test_an_instant_is_told_on_the_clocks_of_a_place(
    at: datetime, zone: str, english: str, chinese: str
) -> None:
    """Summer time and the date line are the zone's business."""
    assert translator("en").clock(at, zone) == english
    assert translator("zh-Hant").clock(at, zone) == chinese


@pytest.mark.parametrize(
    ("length", "english", "chinese"),
    [
        (timedelta(minutes=1), "1 minute", "1 分鐘"),
        (timedelta(minutes=90), "90 minutes", "90 分鐘"),
        (timedelta(hours=5), "5 hours", "5 小時"),
        (timedelta(hours=47), "47 hours", "47 小時"),
        (timedelta(days=9, hours=1), "9 days", "9 天"),
        (timedelta(days=1300), "1,300 days", "1,300 天"),
    ],
)
def test_a_length_of_time_is_given_in_one_unit(
    length: timedelta, english: str, chinese: str
) -> None:
    """Precision that nobody reads is left out."""
    assert translator("en").duration(length) == english
    assert translator("zh-Hant").duration(length) == chinese
