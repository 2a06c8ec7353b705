"""Hostile input: what people, servers and disks may hand us, changed at random, by a seed.

Whatever it is, reading it ends soon, in a value or in an error of ours: never in another.

``python -m tests.hostile --seconds 1200`` goes on for as long as that, counts what it tried, and
shows the inputs that broke something; the tests run a short round of it.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from ebbwatch.app.plugins import Adapters
from ebbwatch.model.periods import FREQUENCIES
from ebbwatch.model.redaction import redacted, said
from ebbwatch.model.series import Series, SourceRef
from ebbwatch.model.units import UNITS
from ebbwatch.net.delays import http_date, retry_after
from ebbwatch.ports import SourceChanged
from ebbwatch.ruleset.load import load
from ebbwatch.ruleset.patterns import fault_of_pattern, match_in
from ebbwatch.sources import csv, fed_press, http_json
from ebbwatch.sources.jmes import Budget, CannotSearch, fault_of_expression, search
from ebbwatch.sources.pages import article, plain_text
from ebbwatch.sources.replies import Reply
from tests.far_sides import READERS
from tests.ruleset.loading import BUILTIN, PACK

#: CPU time after which reading one input counts as a hang, in seconds.
HANG_S = 2.0

_SERIES = Series(
    name="x", source=SourceRef("csv", "x.csv"), unit=UNITS["percent per year"],
    every=FREQUENCIES["business day"],
)  # fmt: skip
_ARGUMENT = {"url": "https://example.org/x", "rows": "rows", "period": "d", "value": "v",
             "known_at": "k"}  # fmt: skip
_LAYOUT = csv.Layout("x.csv")
_NOW = datetime(2026, 11, 30, tzinfo=UTC)

_CSV = b"period,value,known_at\n2026-01-02,4.33,2026-01-03T08:00:00-05:00\n2026-01-05,4.35,\n"
_JSON = json.dumps({"rows": [{"d": "2026-01-02", "v": 4.33, "k": "2026-01-03T08:00:00-05:00"},
                             {"d": "2026-01-05", "v": "4.35", "k": None}]}).encode()  # fmt: skip
_RSS = (
    "<?xml version='1.0'?><rss><channel><item><title>FOMC statement</title>"
    "<link>https://www.federalreserve.gov/newsevents/pressreleases/monetary20251029a.htm</link>"
    "<pubDate>Wed, 29 Oct 2025 18:00:00 GMT</pubDate></item></channel></rss>"
)
_HTML = (
    "<html><div class='heading'><h3>Statement</h3></div><!-- x --><div class='col-xs-12 col-sm-8'>"
    "<p>The Committee &amp; others&#8217; <a href='/newsevents/x.htm'>note</a><br>2 &lt; 3</div>"
    "<script>if (a<b) {}</script></html>"
)
_EXPRESSIONS = (
    "sofr - effr", "avg(sofr - effr, 20 d) > 5 bp and not (iorb < 4 %)",
    "times(sofr > iorb, 5 releases) >= 3", "reserves / gdp", "change(reserves + reverse_repo, 1 y)",
    "percentile(abs(drawdown(gold, 30 d)), 5 y) * -2", 'count("a", "b") >= 2',
)  # fmt: skip
_PATTERNS = (
    r"(?i)(conclude|end)\w*\s+(the\s+)?runoff[^.]{0,120}",
    r"((\w+) ?)*runoff#",
    "[a-z]+|x{3,9}",
)
_JMES = (
    "rows[?d > '2026'].v | [0]",
    "sort_by(rows, &d)[*].[d, v]",
    "rows[].{a: d, b: to_string(@)}",
)
_HEADERS = ("Wed, 29 Oct 2025 18:00:00 GMT", "120", "Fri, 31 Dec 9999 23:59:59 GMT", "0")

_PIECES = (
    "", "\0", "\n", "\t", "\ufeff", "\u202e", "\u3000", "準", "\ud800", "'", '"', "\\", "{", "}", "[",
    "]", "(", ")", "<", ">", "</", "<!--", "-->", "<!", "<a ", "&#x", "&#99999999999", "]]>", "%", "$",
    "@", "#", ":", ",", ";", "|", "*", "+", "-", "=", "nan", "NaN", "Infinity", "-0.0", "1e308",
    "1e-999", "9" * 50, "9" * 5_000, "0001-01-01T00:00:00+23:59", "9999-12-31", "2026-02-30",
    "18:2147483648:00", "!!python/object", "&a", "*a", "<<", "~", "null", "true", "d", "y", "bp",
    "releases", "9999999999 d", "xoxb-1111111111-aaaaaaaaaaaa", "../../etc/passwd",
)  # fmt: skip


#: What differs between faults of one kind.
_PARTICULAR = re.compile(r"'[^']*'|[0-9]+")


class Hang(Exception):
    """Reading an input took too long."""


@dataclass(frozen=True)
class Target:
    """Something that reads.

    Attributes:
        name: Of it.
        seeds: Texts to begin with.
        read: Reads a text; what it may raise, it takes.
    """

    name: str
    seeds: tuple[str, ...]
    read: Callable[[str], object]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _reply(text: str) -> Reply:
    return Reply(provider="x", status=200, content=_bytes(text))


def _yaml(text: str) -> None:
    result = load({"a.yaml": _bytes(text)}, builtin=BUILTIN, sources=Adapters("sources"))
    for problem in result.problems:
        assert problem.code != "fault", problem.render()
        problem.render()


def _expression(text: str) -> None:
    _yaml(f"rules: [{{name: a, value: {json.dumps(text)}, above: {{watch: 9}}}}]\n"
          f"define: {{b: {json.dumps(text)}}}\n")  # fmt: skip


def _pattern(text: str) -> None:
    if fault_of_pattern(text) is None:
        match_in(text, "The Committee decided to conclude the runoff. " * 200)


def _jmes(text: str) -> None:
    if fault_of_expression(text) is None:
        data = json.loads(_JSON)
        data["rows"] *= 500
        try:
            search(text, data, Budget())
        except CannotSearch:
            return


def _refused(read: Callable[[str], object]) -> Callable[[str], None]:
    def reading(text: str) -> None:
        try:
            read(text)
        except SourceChanged:
            return

    return reading


def _header(text: str) -> None:
    http_date(text)
    retry_after(text, _NOW)


def _errors(text: str) -> None:
    assert "\x1b" not in said(text)
    redacted(text)


TARGETS = (
    Target("yaml", (*PACK.values(), *BUILTIN.values()), _yaml),
    Target("expression", _EXPRESSIONS, _expression),
    Target("pattern", _PATTERNS, _pattern),
    Target("jmespath", _JMES, _jmes),
    Target("csv", (_CSV.decode(),), _refused(lambda t: csv.parse(_bytes(t), _SERIES, _LAYOUT))),
    Target(
        "json", (_JSON.decode(),),
        _refused(lambda t: http_json.parse(_reply(t), _SERIES, _ARGUMENT)),
    ),
    Target("rss", (_RSS,), _refused(lambda t: fed_press._items(_reply(t).text()))),
    Target("html", (_HTML,), _refused(lambda t: (article(_reply(t).text()), plain_text(t)))),
    Target("header", _HEADERS, _header),
    Target("error", ("https://u:p@h/?token=x", "bot123:abc said no"), _errors),
    *(Target(name, seeds, read) for name, (seeds, read) in READERS.items()),
)  # fmt: skip


def hostile(text: str, rng: random.Random) -> str:
    """Return a text, changed in some places: pieces put in, cut out, doubled, or repeated often."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 2, 8, 40)))
        piece = rng.choice(_PIECES)
        match rng.randrange(6):
            case 0:
                text = text[:start] + piece + text[start:]
            case 1:
                text = text[:start] + piece + text[end:]
            case 2:
                text = text[:start] + text[end:]
            case 3:
                text = text[:end] + text[start:end] * rng.choice((1, 2, 50)) + text[end:]
            case 4:
                many = (piece or text[start:end]) * rng.choice((10, 100, 3_000))
                text = text[:start] + many[:60_000] + text[end:]
            case _:
                text = (
                    text[:start]
                    + chr(rng.choice((rng.randrange(128), rng.randrange(0x3000))))
                    + text[end:]
                )
    return text[:400_000]


@contextmanager
def bounded(limit_s: float) -> Iterator[None]:
    """Raise `Hang` in whoever takes more CPU time than that."""

    def hang(*_: object) -> None:
        raise Hang(f"more than {limit_s} s of CPU time")

    before = signal.signal(signal.SIGVTALRM, hang)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def fault_of(target: Target, text: str, *, limit_s: float) -> str | None:
    """Return what went wrong when a target read a text, or None."""
    try:
        with bounded(limit_s):
            target.read(text)
    except Exception:  # noqa: BLE001  whatever it is
        return traceback.format_exc(limit=-4)
    return None


def main() -> int:
    """Try inputs for some time, and say what became of it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    rng, end = random.Random(given.seed), time.monotonic() + given.seconds
    tried = dict.fromkeys((target.name for target in TARGETS), 0)
    faults: dict[str, str] = {}
    while time.monotonic() < end:
        target = rng.choice(TARGETS)
        text = hostile(rng.choice(target.seeds), rng)
        tried[target.name] += 1
        found = fault_of(target, text, limit_s=HANG_S)
        if found is not None:
            last = _PARTICULAR.sub("#", found.splitlines()[-1][:150])
            faults.setdefault(f"{target.name}: {last}", f"{text[:1000]!r}\n{found}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"seed {given.seed}: {sum(tried.values()):,} inputs {tried}, peak {peak} MB")
    for name, account in faults.items():
        print(ascii(f"--- {name}"), account.encode("ascii", "backslashreplace").decode(), sep="\n")
    return 1 if faults or peak > 300 else 0


if __name__ == "__main__":
    sys.exit(main())
