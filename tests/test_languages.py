"""Languages that are made from Taiwan's Chinese: what is checked in is what the script makes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from opencc import OpenCC
from scripts import build_languages as script

from ebbwatch import app
from ebbwatch.core.render.words import Translator
from ebbwatch.locale import translator
from ebbwatch.locale.pack import pack_conversions
from ebbwatch.markup.layout import _POSSIBLE_REPEAT
from ebbwatch.model.periods import FREQUENCIES
from ebbwatch.model.text import FALLBACKS, LANGUAGES, Text, language_of
from ebbwatch.ruleset.rules import Ruleset
from ebbwatch.web.rendering import _OWN_NAMES
from tests.paths import ROOT

MADE = list(FALLBACKS)
#: What no text of a language may hold: Taiwan's terms and signs, as they are and as converted.
FORBIDDEN = {
    "zh-Hans": re.compile("[「」『』]|兆|公债|联准|附卖回|帐户|常设回购|换汇|串行|程式|登入|信息"),
    "zh-Hant-HK": re.compile("兆|公債|聯準|附賣回|帳戶|換匯|資金利率|貼現窗口|資料庫|網路"),
}


def texts_of(language: str) -> list[str]:
    """Return all that is said in a language: the program's words and the pack's."""
    found = list(pack_conversions()[language].values())
    for path in sorted((script.LOCALE / "catalogues" / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if message.id:
                    said = message.string
                    found += [said] if isinstance(said, str) else list(said)
    return [*found, _POSSIBLE_REPEAT[language]]


def shipped() -> Ruleset:
    """Return the default pack as it is loaded."""
    loaded = app.load_rules(app.rule_files(ROOT / "rules"), data_only=True).ruleset
    assert loaded is not None
    return loaded


def test_what_is_checked_in_is_what_the_script_makes() -> None:
    """`python scripts/build_languages.py` writes it anew after a change of words."""
    assert script.stale() == []


def test_a_stale_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check compares contents, and knows a file that belongs to no catalogue."""
    files = {tmp_path / "a.po": "one", tmp_path / "b.po": "two"}
    for path in files:
        path.write_text("one", "utf-8")
    left_over = tmp_path / "catalogues" / "zh-Hans" / "old.po"
    left_over.parent.mkdir(parents=True)
    left_over.touch()
    monkeypatch.setattr(script, "files", lambda: files)
    monkeypatch.setattr(script, "LOCALE", tmp_path)
    assert script.stale() == [tmp_path / "b.po", left_over]


@pytest.mark.parametrize("language", MADE)
def test_no_term_of_taiwan_is_left(language: str) -> None:
    """Each term of the glossary is given, and nothing of what it stands for stays."""
    found = texts_of(language)
    assert [text for text in found if FORBIDDEN[language].search(text)] == []
    convert = script.Converter(language)
    for term, other in convert.terms.items():
        assert convert(f"：{term}：") == f"：{other}：", term
        left = {term, convert.plain(term)} - {other}
        kept = [text for text in found if any(one in text.replace(other, "") for one in left)]
        longer = [each for each in convert.terms.values() if any(one in each for one in left)]
        assert [text for text in kept if not any(each in text for each in longer)] == [], term


def test_simplified_chinese_has_no_traditional_characters() -> None:
    """To simplify it once more changes nothing."""
    simplify = OpenCC("t2s")
    found = texts_of("zh-Hans")
    assert [text for text in found if simplify.convert(text) != text] == []
    assert simplify.convert("準備金") == "准备金"


def test_a_glossary_names_each_term_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is no pair, or a term that stands twice, is refused with the line."""
    monkeypatch.setattr(script, "GLOSSARIES", tmp_path)
    for lines in ("公債 = 国债\n", "公債 → 国债\n公債 → 公债\n"):
        (tmp_path / "zh-Hans.txt").write_text(lines, "utf-8")
        with pytest.raises(ValueError, match="expected each term once"):
            script.glossary("zh-Hans")


def test_the_longer_term_counts_and_names_stay() -> None:
    """A term inside a longer one is not converted by itself; placeholders are left alone."""
    convert = script.Converter("zh-Hans")
    assert convert("準備金利率（IORB）高於準備金") == "准备金余额利率（IORB）高于准备金"
    assert convert("{name} 有 {n} 筆數值") == "{name} 有 {n} 个数值"
    assert script.Converter("zh-Hant-HK")("3.05 兆美元") == "3.05 萬億美元"


def test_the_whole_pack_speaks_every_language() -> None:
    """Titles, notes and measures of the shipped rules and series; rule files hold two languages."""
    ruleset = shipped()
    texts = [series.title for series in ruleset.series.values()]
    texts += ruleset.define_titles.values()
    for rule in ruleset.rules:
        texts += [text for text in (rule.title, rule.note, rule.measure) if text]
    assert len(texts) > 150
    for text in texts:
        assert [language for language, _ in text.by_language] == list(LANGUAGES)
    assert "zh-Hans" not in "".join(path.read_text("utf-8") for path in script.PACK)
    spread = next(rule for rule in ruleset.rules if rule.name == "funding-spread")
    assert spread.title.in_language("zh-Hans") == "SOFR 高于有效联邦基金利率"
    assert spread.title.in_language("zh-Hant-HK") == "SOFR 高於有效聯邦基金利率"


def test_a_users_own_texts_are_shown_as_they_are(tmp_path: Path) -> None:
    """A title that was edited has no conversion, and the nearest language is shown."""
    (tmp_path / "desk.yaml").write_text(
        """\
rules:
  - name: mine
    title: {en: Mine, zh-Hant: 我的公債}
    note: {en: Only English}
    value: sofr - effr
    above: {warning: 20 bp}
  - name: theirs
    title: {zh-Hant: SOFR 高於有效聯邦資金利率, zh-Hans: 我写的}
    value: sofr - effr
    above: {warning: 20 bp}
""",
        "utf-8",
    )
    loaded = app.load_rules(app.rule_files(tmp_path), data_only=True).ruleset
    assert loaded is not None
    mine, theirs = loaded.rules
    assert [mine.title.in_language(one) for one in LANGUAGES] == [
        "Mine", "我的公債", "我的公債", "我的公債",
    ]  # fmt: skip
    assert [mine.note.in_language(one) for one in LANGUAGES] == ["Only English"] * 4
    assert theirs.title.in_language("zh-Hans") == "我写的"
    assert theirs.title.in_language("zh-Hant-HK") == "SOFR 高於有效聯邦基金利率"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ({"en": "e", "zh-Hant": "t", "zh-Hans": "s"}, ("e", "t", "s", "t")),
        ({"en": "e", "zh-Hans": "s"}, ("e", "e", "s", "e")),
        ({"zh-Hant-HK": "h"}, ("h", "h", "h", "h")),
        ({"en": "e", "zh-Hant": ""}, ("e", "e", "e", "e")),
        ({}, ("", "", "", "")),
    ],
)
def test_a_text_falls_back_to_the_nearest_language(
    written: dict[str, str], shown: tuple[str, ...]
) -> None:
    """Simplified and Hong Kong's Chinese fall back to Taiwan's, then to English."""
    text = Text(tuple(written.items()))
    assert tuple(text.in_language(language) for language in LANGUAGES) == shown


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("zh", "zh-Hant"), ("zh_TW.UTF-8", "zh-Hant"), ("zh-Hant-TW", "zh-Hant"),
        ("zh-CN", "zh-Hans"), ("zh_CN.GB18030", "zh-Hans"), ("zh-Hans-HK", "zh-Hans"),
        ("zh-SG", "zh-Hans"), ("zh-HK", "zh-Hant-HK"), ("zh_HK.UTF-8@x", "zh-Hant-HK"),
        ("zh-Hant-MO", "zh-Hant-HK"), ("ZH-HANT-HK", "zh-Hant-HK"), ("en_GB.UTF-8", "en"),
        ("C.UTF-8", None), ("tw", None), ("", None), ("-", None), ("zhx", None),
    ],
)  # fmt: skip
def test_a_locale_means_the_nearest_language(name: str, language: str | None) -> None:
    """What systems and browsers call languages is understood."""
    assert language_of(name) == language


@pytest.mark.parametrize(
    ("value", "unit", "simplified", "hong_kong"),
    [
        (2.97e12, "USD", "2.97 万亿美元", "2.97 萬億美元"),
        (50.35e9, "USD", "503.5 亿美元", "503.5 億美元"),
        (999.96e9, "USD", "1 万亿美元", "1 萬億美元"),
        (3e6, "USD", "300 万美元", "300 萬美元"),
        (-840e6, "USD/d", "每天 −8.4 亿美元", "每天 −8.4 億美元"),
        (36.0, "bp", "36 个基点", "36 個基點"),
        (17.3, "d", "17 天", "17 天"),
    ],
)
def test_amounts_are_written_as_each_place_does(
    value: float, unit: str, simplified: str, hong_kong: str
) -> None:
    """A trillion is 万亿 in Shanghai and 萬億 in Hong Kong."""
    assert translator("zh-Hans").number(value, unit) == simplified
    assert translator("zh-Hant-HK").number(value, unit) == hong_kong


def test_dates_are_written_as_each_place_does() -> None:
    """Weekdays and quarters have their own words; so have the places of clocks."""

    def said(t: Translator) -> list[str]:
        at = datetime(2025, 11, 4, 14, tzinfo=UTC)
        return [
            t.day(date(2025, 10, 31)),
            t.period("2025-04-01", FREQUENCIES["quarter"]),
            t.clock(at, "Asia/Shanghai"),
            t.clock(at, "Asia/Hong_Kong"),
        ]

    assert said(translator("zh-Hans")) == [
        "2025年10月31日 周五", "2025年第2季度", "上海时间 11月4日 周二 22:00",
        "香港时间 11月4日 周二 22:00",
    ]  # fmt: skip
    assert said(translator("zh-Hant-HK")) == [
        "2025年10月31日 週五", "2025年第2季", "上海時間 11月4日 週二 22:00",
        "香港時間 11月4日 週二 22:00",
    ]  # fmt: skip


def test_nothing_speaks_fewer_languages_than_the_program() -> None:
    """Whatever keeps a table of its own by language has them all."""
    assert set(_POSSIBLE_REPEAT) == set(_OWN_NAMES) == set(LANGUAGES)
    assert set(pack_conversions()) == set(script.LANGUAGES) == set(MADE)
    for language in MADE:
        convert = script.Converter(language)
        assert _POSSIBLE_REPEAT[language] == convert(_POSSIBLE_REPEAT["zh-Hant"])
