"""A short, seeded round of hostile input; ``python -m tests.hostile`` goes on for longer."""

from __future__ import annotations

import random

import pytest

from ebbwatch.ports import SourceChanged
from ebbwatch.ruleset.patterns import fault_of_pattern
from ebbwatch.sources import csv, fed_press
from ebbwatch.sources.pages import article, plain_text
from tests import far_sides, hostile
from tests.hostile import TARGETS, Target

#: Far more than any input takes: a run on a busy machine is no hang.
PATIENCE_S = 20.0


@pytest.mark.parametrize("target", [pytest.param(one, id=one.name) for one in TARGETS])
def test_hostile_input_is_refused_and_breaks_nothing(target: Target) -> None:
    """Each is read, or refused in our words, in bounded time."""
    rng = random.Random(f"{target.name} 2026")
    rounds = 12 if target.name == "yaml" else 60
    for _ in range(rounds):
        text = hostile.hostile(rng.choice(target.seeds), rng)
        fault = hostile.fault_of(target, text, limit_s=PATIENCE_S)
        # Half characters in what is shown would end the run itself.
        assert ascii(fault) == "None", ascii(text[:400])


@pytest.mark.parametrize(
    "page",
    ["<a " * 100_000, "<!--" * 100_000, "<" * 200_000, "</" * 100_000, "<![CDATA[" * 30_000,
     "<? " * 100_000, "&#" + "9" * 100_000, "<a" + " a" * 50_000 + ">", "<a x='" * 50_000],
    ids=lambda page: page[:9],
)  # fmt: skip
def test_a_page_of_tags_without_end_is_read_in_no_time(page: str) -> None:
    """Python's own parser takes the square of their number, in the event loop."""
    with hostile.bounded(PATIENCE_S):
        plain_text(page)
        article(page)


def test_a_page_keeps_what_it_says() -> None:
    """Comments with tags in them, signs that begin no tag, characters by number."""
    page = "<p>2 < 3 <!-- <p>not this</p> --> and 4 &lt; 5 &#8217;<br>end</p>"
    assert plain_text(page) == "2 < 3 and 4 < 5 '\nend"


@pytest.mark.parametrize(
    ("date", "link"),
    [("Wed, 29 Oct 2025 18:2147483648:00 GMT", "https://www.federalreserve.gov/a.htm"),
     ("Wed, 29 Oct 2025 18:0 GMT", "https://www.federalr[/a.htm")],
)  # fmt: skip
def test_a_feed_with_a_date_or_an_address_that_cannot_be_is_a_changed_feed(
    date: str, link: str
) -> None:
    """Named as such, and no fault of ours."""
    feed = (
        f"<rss><channel><item><title>t</title><link>{link}</link><pubDate>{date}</pubDate>"
        "</item></channel></rss>"
    )
    with pytest.raises(SourceChanged, match="fed_press: expected a"):
        fed_press._items(feed)


def test_an_instant_before_the_first_is_none() -> None:
    """In the year 1, east of Greenwich."""
    table = b"period,value,known_at\n2026-01-02,1,0001-01-01T00:00:00+23:59\n"
    with pytest.raises(SourceChanged, match="expected an instant with its offset"):
        csv.parse(table, hostile._SERIES, hostile._LAYOUT)


NOWHERE = "HTTP/1.1 302 Found\r\nLocation: ction:x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("reader", "answer"),
    [
        ("source ofr", NOWHERE),
        ("heartbeat", NOWHERE),
        ("source fed_press feed", far_sides.HEAD.replace('"a1"', '"準"') + far_sides._PRESS),
        ("source http_json", far_sides.HEAD + '{"rows": "\ud800" !'),
        ("platform slack", far_sides.HEAD + "[" * 100_000),
        ("platform telegram", far_sides.HEAD + "[" * 100_000),
        ("source h41 within", '<?xml version="1.0" encoding="UTl8"?><x/>'),
        ("source h41 within", '<?xml version="1.0" encoding="big5"?><x/>'),
    ],
)
def test_an_answer_that_broke_something_once_does_so_no_more(reader: str, answer: str) -> None:
    """A redirect to no address, an `ETag` that no request can hold, half a character, ..."""
    far_sides.READERS[reader][1](answer)


def test_a_zip_that_points_beyond_its_end_is_none() -> None:
    """Its directory is read first, and says where everything lies."""
    (whole,), read = far_sides.READERS["source h41 packed"]
    middle = len(whole) // 2
    for cut in (
        whole[10:],
        whole[100:],
        whole[:middle] + whole[middle + 40 :],
        "2026-02-30" + whole,
    ):
        read(cut)


def test_a_number_of_very_many_digits_in_a_pattern_is_found_in_no_time() -> None:
    """Whether it ends in a brace or not."""
    with hostile.bounded(PATIENCE_S):
        assert fault_of_pattern("x{3" + "9" * 200_000) is None
        fault = fault_of_pattern("x{3" + "9" * 200_000 + "}")
    assert fault is not None
    assert fault.message == "RE2 repeats at most 1,000 times"
