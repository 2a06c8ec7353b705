"""The page of a replay: whole, honest, and in need of nothing else."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ebbwatch.cli.replaying import page
from ebbwatch.core.alerting.judging import Judge
from ebbwatch.locale import translator
from ebbwatch.model.periods import micros
from ebbwatch.runtime.lookback.replay import WantedSpan, replay
from tests.test_replay_messages import RANGE, ROUTED, between, directory, history_of, run
from tests.test_telling import SPREAD, ny

__all__ = ["directory"]  # a fixture, to be found by name

NASTY = """
rules:
  - name: nasty
    title: "<script>alert('a & b')</script>"
    value: sofr - effr
    above: {warning: 20 bp}
    note: "</style><b onclick=x>"
  - name: lack
    value: gold
    above: {watch: $4000/oz}
  - name: both
    when: sofr - effr > 20 bp
  - name: words
    text: fed_press
    matches: (?i)runoff
"""
#: Elements that are never closed.
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """A page as a reader's program takes it: every element closed where it should be."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element without content."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Check that it closes what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text and what it stands in."""
        if data.strip():
            self.texts.append((self.open[-1], " ".join(data.split())))

    def within(self, tag: str) -> list[str]:
        """Return the texts directly in elements of one kind."""
        return [text for where, text in self.texts if where == tag]


def shown(judge: Judge, span: WantedSpan | None = None, language: str = "en", **more: bool) -> str:
    """Return the page of a judge's whole tape, or of a span of it."""
    more = {"hindsight": False, **more}
    return page(judge, replay(judge), span or WantedSpan(), translator(language), **more)


def autumn(*texts: str) -> Judge:
    """Return rules over August to October 2019."""
    return between("2019-08-20", "2019-10-20", SPREAD, *texts)


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_a_page_is_well_formed_and_needs_nothing_else(language: str) -> None:
    """No script, no address, no import: it can be mailed and read on a plane."""
    text = shown(autumn(NASTY), language=language)
    read = Page(text)
    assert read.open == []
    names = {name for name, _ in read.tags}
    assert names.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form"})
    for _, attributes in read.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#").startswith("#")
        assert "src" not in attributes
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]
    outside = text.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in outside


def test_links_lead_somewhere_and_names_are_unique() -> None:
    """The table of rules is also the table of contents."""
    read = Page(shown(autumn(NASTY)))
    ids = [a["id"] for _, a in read.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {str(a["href"])[1:] for tag, a in read.tags if tag == "a"} <= set(ids)
    labelled = {a["aria-labelledby"] for _, a in read.tags if "aria-labelledby" in a}
    assert labelled <= set(ids)


def test_headings_tables_and_pictures_can_be_heard() -> None:
    """One first heading, none skipped, headers with a scope, drawings with a name."""
    read = Page(shown(autumn(NASTY)))
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    assert all("scope" in a for tag, a in read.tags if tag == "th")
    drawings = [a for tag, a in read.tags if tag == "svg"]
    assert drawings
    assert all(a["role"] == "img" and a["aria-label"] for a in drawings)
    assert ("html", {"lang": "en"}) in read.tags
    assert read.within("title") == [
        "What the rules would have told, 20 Aug 2019 – 19 Oct 2019"
    ] or (read.within("title")[0].startswith("What the rules would have told, "))


def test_every_alert_stands_with_its_message() -> None:
    """As it would have been sent, folded behind its headline."""
    judge = autumn()
    text = shown(judge)
    read = Page(text)
    summaries = read.within("summary")
    assert "🔴 CRITICAL · Repo trades above fed funds" in summaries
    fired = [w for w in read.within("span") if w.startswith(("fired · ", "escalated · "))]
    assert fired == ["fired · critical", "fired · warning"]
    up = [a for tag, a in read.tags if tag == "li" and a.get("class") == "up"]
    assert len(up) == len(fired)
    assert any(
        line.startswith("SOFR − EFFR 295 bp for Tue 17 Sep 2019") for line in read.within("p")
    )
    assert "Wed 18 Sep 2019, 09:00 New York" in read.within("time")
    assert "295 bp for 17 Sep 2019" in read.within("div")


def test_the_chart_marks_every_transition_and_shades_turns() -> None:
    """With a tooltip on each; ladder lines by level."""
    text = shown(autumn())
    figure = text[text.index('<div class="desk">') : text.index('<div class="phone">')]
    assert "2019-09-17: " in figure
    assert "critical, 295 bp</title>" in figure
    assert "<title>Quarter end</title>" in figure
    for level in ("watch", "warning", "critical"):
        assert f">{level}</text>" in figure


def test_what_people_wrote_cannot_break_out() -> None:
    """A title is text, whatever is in it."""
    text = shown(autumn(NASTY))
    assert "<script>" not in text
    assert "onclick=x>" not in text.replace("&lt;b onclick=x&gt;", "")
    assert "&lt;script&gt;alert(&#39;a &amp; b&#39;)&lt;/script&gt;" in text


def test_a_rule_without_figures_says_so_and_not_that_all_was_well() -> None:
    """Zero alerts of gold would be a claim; so it is a dash."""
    text = shown(autumn(NASTY))
    row = text[text.index('<a href="#lack">') :]
    row = row[: row.index("</tr>")]
    assert "no figures for gold" in row
    assert row.count(">–</td>") == 5
    assert "no texts of fed_press" in text


def test_a_condition_has_a_ribbon_in_place_of_a_chart() -> None:
    """There is no number to draw."""
    text = shown(autumn(NASTY))
    section = text[text.index('aria-labelledby="both"') :]
    section = section[: section.index("</section>")]
    assert "<svg" not in section
    assert "A condition, true or false: it has no number to draw." in section
    assert '<i class="warning"' in section


def test_the_range_cuts_the_list_but_not_the_state() -> None:
    """What fired before the range fires into it."""
    span = WantedSpan(micros(ny(2019, 9, 19, 0)), micros(ny(2019, 9, 21, 0)), ("funding-spread",))
    text = shown(autumn(NASTY), span)
    read = Page(text)
    stamps = [a["datetime"] for tag, a in read.tags if tag == "time"]
    assert stamps
    assert all("2019-09-19" <= str(at) < "2019-09-21" for at in stamps)
    assert '<a href="#nasty">' not in text
    assert "1 Jan" not in text


def test_series_are_known_or_assumed() -> None:
    """Each with how many of its figures are dated by whom."""
    read = Page(shown(autumn()))
    assert "What is known and what is assumed" in read.within("h2")
    cells = read.within("td")
    assert cells[-5:] == ["20 Aug 2019 to 18 Oct 2019", "0", "42", "0", "archive"]


def test_a_revision_is_named_and_hindsight_is_warned_of() -> None:
    """Both in the list and above everything."""
    rules, history = history_of(
        "2019-04-01,20900,2019-07-26T08:30-04:00\n2019-04-01,21100,2019-08-29T08:30-04:00\n"
    )
    judge = Judge(rules, history)
    text = shown(judge)
    assert "$21.1tn for Q2 2019, by a revision of a published figure" in text
    assert 'class="caution"' not in text
    assert "With hindsight: every period" in shown(judge, hindsight=True)


def test_routes_and_quiet_hours_are_told_of() -> None:
    """A message that waited stands at the instant it went out."""
    read = Page(shown(autumn(RANGE, ROUTED)))
    waited = [text for text in read.within("span") if text.startswith("· Told on ")]
    assert "· Told on Thu 5 Sep 2019, 09:30 New York" in waited
    assert "told" not in read.within("span")


def test_ten_years_of_days_stay_small(directory: Path) -> None:
    """Long series are thinned to what the width can show."""
    days = "".join(
        f"{2000 + n // 360:04d}-{n // 30 % 12 + 1:02d}-{n % 28 + 1:02d},{n % 97 / 10}\n"
        for n in range(9000)
        if n % 30 < 28
    )
    (directory / "data" / "effr.csv").write_text(f"period,value\n{days}", "utf-8")
    (directory / "rules" / "a.yaml").write_text(
        "rules: [{name: high, value: effr, above: {watch: 100 %}}]", "utf-8"
    )
    (directory / "data" / "gdp.csv").unlink()
    found = run(directory, "--format", "html")
    assert found.exit_code == 0, found.stderr
    assert len(found.stdout) < 150_000
    assert found.stderr == ""


def test_the_page_goes_to_a_file_whole_or_not_at_all(directory: Path) -> None:
    """A file that cannot be written is said, with its name."""
    out = directory / "page.html"
    found = run(directory, "--format", "html", "--out", str(out))
    assert (found.exit_code, found.stdout) == (0, "")
    assert out.read_text("utf-8").rstrip().endswith("</html>")
    assert sorted(p.name for p in directory.iterdir()) == ["data", "page.html", "rules"]
    missing = directory / "nowhere" / "page.html"
    found = run(directory, "--format", "html", "--out", str(missing))
    assert found.exit_code == 2
    assert found.stderr == f"ebbwatch: {missing} cannot be written: No such file or directory\n"


@pytest.mark.chromium
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium here")
def test_a_browser_shows_it_as_wide_as_a_phone(tmp_path: Path) -> None:
    """Nothing is wider than the screen, and nothing is fetched."""
    path = tmp_path / "page.html"
    probe = "<script>document.title = document.documentElement.scrollWidth</script>"
    path.write_text(shown(autumn(NASTY)).replace("</body>", f"{probe}</body>"), "utf-8")
    dom = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path / 'profile'}", "--window-size=500,844", "--dump-dom",
         path.as_uri()],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    width = re.search(r"<title>(\d+)</title>", dom)
    assert width is not None
    assert int(width[1]) <= 500
