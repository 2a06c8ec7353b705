"""The reader: which language and whose clocks."""

from __future__ import annotations

import pytest

from ebbwatch.web.reader import PageReader, reader_of

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("asked", "cookies", "wishes", "language"),
    [
        ("", {}, "", "en"),
        ("", {}, "zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("", {}, "zh-Hant-HK", "zh-Hant-HK"),
        ("", {}, "en;q=0.2, zh-HK;q=0.7", "zh-Hant-HK"),
        ("", {}, "zh-MO,zh;q=0.9", "zh-Hant-HK"),
        ("", {}, "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("", {}, "zh-Hans-HK", "zh-Hans"),
        ("", {}, "zh-SG", "zh-Hans"),
        ("", {}, "zh", "zh-Hant"),
        ("zh-Hans", {}, "zh-TW", "zh-Hans"),
        ("", {"ebbwatch_language": "zh-Hant-HK"}, "zh-TW", "zh-Hant-HK"),
        ("", {}, "en-GB, zh-TW", "en"),
        ("", {}, "zh-TW;q=0, fr", "en"),
        ("", {}, "zh-TW;q=none, en;q=0.1", "en"),
        ("", {}, "*", "en"),
        ("", {}, "," * 10_000, "en"),
        ("zh-Hant", {}, "en", "zh-Hant"),
        ("", {"ebbwatch_language": "zh-Hant"}, "en", "zh-Hant"),
        ("en", {"ebbwatch_language": "zh-Hant"}, "zh-TW", "en"),
        ("xx", {"ebbwatch_language": "../etc"}, "", "en"),
    ],
)
def test_a_reader_gets_the_language_wished_for(
    asked: str, cookies: dict[str, str], wishes: str, language: str
) -> None:
    """What was chosen counts before what the browser prefers; what nobody speaks counts not."""
    assert reader_of(asked=asked, cookies=cookies, wishes=wishes, default="en") == PageReader(
        language, NEW_YORK
    )


@pytest.mark.parametrize(
    ("cookie", "zone"),
    [
        ("Asia/Taipei", "Asia/Taipei"),
        ("UTC", "UTC"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("", NEW_YORK),
        ("Mars/Olympus", NEW_YORK),
        ("../../etc/passwd", NEW_YORK),
        ("/etc/localtime", NEW_YORK),
        ("Asia", NEW_YORK),
        ("Asia/" + "x" * 500, NEW_YORK),
        ("Asia/Tai\npei", NEW_YORK),
        ("\x00", NEW_YORK),
    ],
)
def test_instants_are_on_the_readers_clocks(cookie: str, zone: str) -> None:
    """The browser says which; what is no zone is New York."""
    found = reader_of(asked="", cookies={"ebbwatch_zone": cookie}, wishes="", default="en")
    assert found.zone == zone
