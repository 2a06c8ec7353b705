"""Press releases: the page and not the title, and the article and not its bytes."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from ebbwatch.ports import Poll, SourceChanged, SourceSetup
from ebbwatch.sources.fed_press import FedPress
from ebbwatch.sources.pages import article, normalised
from tests.paths import recording
from tests.standins.providers import EagerClock, StandIn

FEED = "/feeds/press_monetary.xml"
PAGES = "/newsevents/pressreleases/"
HOST = "https://www.federalreserve.gov"
NOW = datetime(2026, 12, 9, 19, 0, 30, tzinfo=UTC)


def item(
    page: str, published: datetime, title: str = "Federal Reserve issues FOMC statement"
) -> str:
    """Return an item of the feed, in CDATA as they come."""
    return (
        f"<item><title>{title}</title><link><![CDATA[{HOST}{PAGES}{page}]]></link>"
        f"<description><![CDATA[{title}]]></description>"
        f"<pubDate><![CDATA[{published:%a, %d %b %Y %H:%M:%S} GMT]]></pubDate></item>"
    )


def feed(*items: str) -> str:
    """Return a feed."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
        f"<title>FRB</title>{''.join(items)}</channel></rss>"
    )


def page(
    text: str, *, token: str = "a", title: str = "Federal Reserve issues FOMC statement"
) -> str:
    """Return a press release as the site builds it, with what changes on every load."""
    return f"""<html><head><title>poison</title><script>poison</script></head><body>
      <div class="breadcrumb">poison</div>
      <div id="article">
        <div class="heading col-xs-12 col-sm-8 col-md-8">
          <p class="article__time">December 9, 2026</p>
          <h3 class="title">{title}</h3>
          <p class="releaseTime">For release at 2:00 p.m. EST
          <ul><li><a href="/share?{token}">Share</a></li></ul>
        </div>
        <div class="col-xs-12 col-sm-4 col-md-4 hidden-sm"></div>
        <div class="col-xs-12 col-sm-8 col-md-8"><!-- {token} -->
          {text}
          <p>Ask <a href="/cdn-cgi/l/email-protection#{token}"><span class="__cf_email__"
             data-cfemail="{token}">[email&#160;protected]</span></a> or call.</p>
        </div>
        <div class="col-xs-12 col-sm-4">poison</div>
      </div><div id="lastUpdate">poison {token}</div></body></html>"""


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def clock() -> EagerClock:
    return EagerClock(NOW)


@pytest_asyncio.fixture
async def source(provider: StandIn, clock: EagerClock) -> AsyncIterator[FedPress]:
    own = FedPress(SourceSetup(clock=clock, base_url=provider.url), tries=1)
    yield own
    await own.aclose()


def said(poll: Poll) -> list[tuple[str, str, str]]:
    """Return page, title and body of what was read."""
    return [(text.key.rpartition("/")[2], text.title, text.body) for text in poll.texts]


STATEMENT = "<p>The Committee decided to conclude the reduction of its holdings.</p>"
LINKED = STATEMENT + '<p><a href="/newsevents/pressreleases/monetary20261209a1.htm">Note</a></p>'
TAIL = "Ask [email protected] or call."


async def test_a_statement_comes_with_its_text_and_its_implementation_note(
    provider: StandIn, source: FedPress, clock: EagerClock
) -> None:
    """The note is in no feed; it is found by the statement's link."""
    published = datetime(2026, 12, 9, 19, 0, tzinfo=UTC)
    provider.serve(FEED, feed(item("monetary20261209a.htm", published)), content_type="text/xml")
    provider.serve(f"{PAGES}monetary20261209a.htm", page(LINKED), content_type="text/html")
    provider.serve(
        f"{PAGES}monetary20261209a1.htm",
        page("<ul><li>Increase holdings.</li></ul>", title="Implementation Note"),
        content_type="text/html",
    )
    poll = await source.read("", cursor=None)
    sentence = "The Committee decided to conclude the reduction of its holdings."
    assert said(poll) == [
        (
            "monetary20261209a.htm",
            "Federal Reserve issues FOMC statement",
            f"{sentence}\nNote\n{TAIL}",
        ),
        ("monetary20261209a1.htm", "Implementation Note", f"Increase holdings.\n{TAIL}"),
    ]
    first = poll.texts[0]
    assert first.key == f"{HOST}{PAGES}monetary20261209a.htm"
    assert (first.source, first.published_at, first.known_at) == (
        "fed_press",
        published,
        clock.now(),
    )
    assert (poll.published, poll.note) == ((), "")


async def test_bytes_that_change_on_every_load_change_nothing(
    provider: StandIn, source: FedPress
) -> None:
    """A token for an e-mail address is no news."""
    provider.serve(FEED, feed(item("a.htm", NOW)), content_type="text/xml")
    provider.serve(f"{PAGES}a.htm", page(STATEMENT, token="one"), content_type="text/html")
    first = await source.read("", cursor=None)
    provider.serve(f"{PAGES}a.htm", page(STATEMENT, token="two"), content_type="text/html")
    second = await source.read("", cursor=first.cursor)
    assert said(first) == said(second)


async def test_what_is_read_is_not_fetched_again_and_an_unchanged_feed_not_sent(
    provider: StandIn, source: FedPress, clock: EagerClock
) -> None:
    """Only a new item, or one whose title or date changed, costs a request."""
    old = NOW - timedelta(days=30)
    provider.serve(FEED, feed(item("a.htm", old)), content_type="text/xml", etag=True)
    provider.serve(PAGES, page(STATEMENT), content_type="text/html")
    first = await source.read("", cursor=None)
    again = await source.read("", cursor=first.cursor)
    assert (again.texts, again.note, again.cursor) == ((), "not modified", first.cursor)
    provider.serve(
        FEED, feed(item("b.htm", NOW), item("a.htm", old)), content_type="text/xml", etag=True
    )
    more = await source.read("", cursor=again.cursor)
    assert [name for name, _, _ in said(more)] == ["b.htm"]
    provider.serve(FEED, feed(item("a.htm", old, "Corrected")), content_type="text/xml", etag=True)
    changed = await source.read("", cursor=more.cursor)
    assert [(name, title) for name, title, _ in said(changed)] == [("a.htm", "Corrected")]
    assert provider.paths.count(f"{PAGES}a.htm") == 2


async def test_a_young_page_is_looked_at_again_for_a_day(
    provider: StandIn, source: FedPress, clock: EagerClock
) -> None:
    """A correction within hours is a new text; after a day the page rests."""
    provider.serve(FEED, feed(item("a.htm", NOW)), content_type="text/xml", etag=True)
    provider.serve(PAGES, page("<p>Frist.</p>"), content_type="text/html")
    first = await source.read("", cursor=None)
    provider.serve(PAGES, page("<p>First.</p>"), content_type="text/html")
    second = await source.read("", cursor=first.cursor)
    assert [body for _, _, body in said(second)] == [f"First.\n{TAIL}"]
    clock.advance(timedelta(days=2))
    third = await source.read("", cursor=second.cursor)
    assert len(third.texts) == 1
    rest = await source.read("", cursor=third.cursor)
    assert rest.note == "not modified"


async def test_a_page_that_is_not_up_yet_is_an_empty_body_and_asked_again(
    provider: StandIn, source: FedPress
) -> None:
    """The feed may be seconds ahead of the page."""
    provider.serve(FEED, feed(item("a.htm", NOW)), content_type="text/xml", etag=True)
    first = await source.read("", cursor=None)
    assert [body for _, _, body in said(first)] == [""]
    provider.serve(PAGES, page(STATEMENT), content_type="text/html")
    second = await source.read("", cursor=first.cursor)
    assert [bool(body) for _, _, body in said(second)] == [True]


async def test_an_empty_implementation_note_is_a_changed_source(
    provider: StandIn, source: FedPress
) -> None:
    """While it is merely not up yet, it is empty and asked again."""
    provider.serve(FEED, feed(item("a.htm", NOW)), content_type="text/xml")
    provider.serve(f"{PAGES}a.htm", page(LINKED), content_type="text/html")
    poll = await source.read("", cursor=None)
    assert [(name, bool(body)) for name, _, body in said(poll)] == [
        ("a.htm", True),
        ("monetary20261209a1.htm", False),
    ]
    provider.serve(f"{PAGES}monetary", "<main>new design</main>", content_type="text/html")
    with pytest.raises(SourceChanged, match="expected text in the implementation note"):
        await source.read("", cursor=None)


async def test_a_document_counts_by_its_title_and_another_host_is_not_visited(
    provider: StandIn, source: FedPress
) -> None:
    """An odd link must not blind us for the statements beside it."""
    old = NOW - timedelta(days=9)
    away = item("x.htm", old, "Elsewhere").replace(HOST, "https://elsewhere.example")
    provider.serve(
        FEED,
        feed(item("minutes.pdf", old, "Minutes"), away, item("a.htm", old)),
        content_type="text/xml",
    )
    provider.serve(f"{PAGES}a.htm", page(STATEMENT), content_type="text/html")
    poll = await source.read("", cursor=None)
    assert [(title, bool(body)) for _, title, body in said(poll)] == [
        ("Minutes", False),
        ("Elsewhere", False),
        ("Federal Reserve issues FOMC statement", True),
    ]
    assert provider.paths == [FEED, f"{PAGES}a.htm"]
    again = await source.read("", cursor=poll.cursor)
    assert (again.texts, again.note) == ((), "no rows")


async def test_a_statement_without_article_is_a_changed_source_and_another_page_is_not(
    provider: StandIn, source: FedPress
) -> None:
    """A page of another kind must not hide the next statement."""
    provider.serve(
        FEED, feed(item("a.htm", NOW), item("b.htm", NOW, "Other")), content_type="text/xml"
    )
    provider.serve(f"{PAGES}a.htm", page(STATEMENT), content_type="text/html")
    provider.serve(f"{PAGES}b.htm", "<main>new design</main>", content_type="text/html")
    poll = await source.read("", cursor=None)
    assert [bool(body) for _, _, body in said(poll)] == [True, False]
    provider.serve(f"{PAGES}a.htm", "<main>new design</main>", content_type="text/html")
    with pytest.raises(SourceChanged, match="expected an article in the FOMC statement"):
        await source.read("", cursor=None)


async def test_history_reads_the_items_since_an_instant_again(
    provider: StandIn, source: FedPress
) -> None:
    """Whatever the cursor says."""
    old = NOW - timedelta(days=30)
    provider.serve(
        FEED,
        feed(item("b.htm", NOW - timedelta(days=2)), item("a.htm", old)),
        content_type="text/xml",
        etag=True,
    )
    provider.serve(PAGES, page(STATEMENT), content_type="text/html")
    first = await source.read("", cursor=None)
    poll = await source.read("", cursor=first.cursor, since=NOW - timedelta(days=5))
    assert [name for name, _, _ in said(poll)] == ["b.htm"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<html><p>Sorry</html>", "found no whole XML"),
        (feed(item("a.htm", NOW))[:-40], "found no whole XML"),
        ("<html></html>", "expected a feed with items"),
        (feed(), "expected a feed with items"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><rss/>', "found a DOCTYPE or an entity"),
        (feed("<item><title>x</title></item>"), "expected a title and a link"),
        (
            feed(item("a.htm", NOW).replace("pubDate", "date")),
            "expected a pubDate in each item",
        ),
    ],
)
async def test_another_shape_is_a_changed_source(
    provider: StandIn, source: FedPress, body: str, message: str
) -> None:
    """A feed that cannot be read says so."""
    provider.serve(FEED, body, content_type="text/xml")
    with pytest.raises(SourceChanged, match=message):
        await source.read("", cursor=None)


def test_text_has_one_kind_of_hyphen_quote_and_space() -> None:
    """Patterns are written with the keys of a keyboard."""
    assert normalised("3\u20111/2 \u2013 \u201cample\u201d\u00a0 the\u2019s\n\n \n x") == (
        '3-1/2 - "ample" the\'s\nx'
    )


def test_a_page_without_article_is_empty() -> None:
    """And says so by being empty."""
    assert article("<p>text</p>") == article("")


STATEMENTS = {
    "20251029": [r"conclude the reduction of its aggregate securities holdings on December 1\."],
    "20251210": [r"3-1/2 to 3-3/4 percent", r"initiate purchases of shorter-term Treasury sec"],
    "20260916": [r"by a 12 - 0 vote", r"by 1/4 percentage point to 3-3/4 to 4 percent"],
}


@pytest.mark.parametrize("day", STATEMENTS)
def test_recorded_statements_are_read(day: str) -> None:
    """What they said can be found, nothing around them can, and the note is linked."""
    read = article(recording(f"more/fed_board/page_monetary{day}a_excerpt.htm").decode())
    assert read.title == "Federal Reserve issues FOMC statement"
    for pattern in STATEMENTS[day]:
        assert re.search(pattern, read.body), pattern
    assert "Share" not in read.body
    assert "Last Update" not in read.body
    assert "For release" not in read.body
    assert read.links[-1].href == f"/newsevents/pressreleases/monetary{day}a1.htm"
    assert read.links[-1].text.startswith("Implementation Note issued ")


@pytest.mark.parametrize("day", ["20251029", "20251210"])
def test_recorded_notes_are_read(day: str) -> None:
    """They have no article element, and their title is a plain heading."""
    read = article(recording(f"more/fed_board/page_monetary{day}a1_excerpt.htm").decode())
    assert read.title.startswith("Implementation Note issued ")
    assert re.search(r"interest rate paid on reserve balances to 3\.\d\d percent, eff", read.body)
    assert re.search(r"reverse repurchase agreement operations at an offering rate", read.body)


async def test_the_recorded_feed_is_read(provider: StandIn, source: FedPress) -> None:
    """Entities in titles, links in CDATA."""
    provider.serve(
        FEED,
        recording("more/fed_board/feed_press_monetary_2026-09-25_excerpt.xml"),
        content_type="text/xml",
    )
    provider.serve(PAGES, page(STATEMENT), content_type="text/html")
    poll = await source.read("", cursor=None)
    assert [(text.title, str(text.published_at)) for text in poll.texts] == [
        (
            "Minutes of the Board's discount rate meetings on July 20 and July 29, 2026",
            "2026-08-25 18:00:00+00:00",
        ),
        ("Federal Reserve issues FOMC statement", "2026-09-16 18:00:00+00:00"),
    ]
    assert poll.cursor is not None
    assert len(json.loads(poll.cursor)["read"]) == 2
