"""Logs: no secret at any level, in any place, from anybody."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog

from ebbwatch.model.redaction import learn, redacted
from ebbwatch.runtime.logs import TALKATIVE, configure

KNOWN = "pass word&with\"marks'ü"
TELEGRAM = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
PLANTED = [
    KNOWN,
    TELEGRAM,
    "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy",
    "xapp-1-A0001-1234-abcdef",
    "0123456789abcdef0123456789abcdef",
    "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "dbpass0rd",
    "eyJhbGciOi.J9token",
]
CARRIERS = [
    KNOWN,
    f"https://api.telegram.org/bot{TELEGRAM}/sendMessage",
    f"token is {TELEGRAM}",
    f"slack said no to {PLANTED[2]}",
    f"opened with {PLANTED[3]}!",
    f"https://api.stlouisfed.org/fred/series?api_key={PLANTED[4]}&file_type=json",
    f"https://apps.bea.gov/api/data?UserID={PLANTED[4]}",
    f"https://hooks.slack.com/services/{PLANTED[5]}",
    f"postgresql://ebb:{PLANTED[6]}@db.example/ebb",
    f"Authorization: Bearer {PLANTED[7]}",
]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Give a place to log to, and put logging back as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in TALKATIVE}
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


class Odd:
    """An object whose text holds a secret."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Odd({self.text})"


def fail(carrier: str) -> None:
    """Raise an error caused by another, both telling."""
    try:
        int(carrier)
    except ValueError as err:
        raise httpx.ConnectError(f"cannot reach {carrier}") from err


def plant(carrier: str) -> None:
    """Log a text in every place that a log call has."""
    log = structlog.get_logger()
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(
            f"message.planted {carrier}",
            arg=carrier,
            deep={"a": [{carrier: (carrier, Odd(carrier))}]},
            raw=carrier.encode(),
            many={carrier},
        )
    try:
        fail(carrier)
    except httpx.ConnectError:
        log.exception("source.failed")
        logging.getLogger("somebody").exception("failed with %s", carrier)
    for name in ("somebody", "httpx", "telegram.ext", "slack_sdk.web", "aiohttp.access"):
        for number in (logging.DEBUG, logging.INFO, logging.WARNING):
            logging.getLogger(name).log(
                number, "request %s %r", carrier, Odd(carrier), extra={"address": carrier}
            )


@pytest.mark.parametrize("style", ["json", "pretty"])
def test_no_secret_reaches_the_log(stream: io.StringIO, style: str) -> None:
    """At DEBUG, in messages, arguments, nested values, tracebacks and the libraries' own lines."""
    learn([KNOWN])
    configure(level="DEBUG", style=style, stream=stream)
    for carrier in CARRIERS:
        plant(carrier)
    written = stream.getvalue()
    assert written.count("source.failed") == len(CARRIERS)
    assert "Traceback" in written
    forms = [form for text in PLANTED for form in (text, json.dumps(text)[1:-1], repr(text)[1:-1])]
    assert [form for form in forms if form in written] == []


def test_what_remains_says_what_happened() -> None:
    """A masked line still tells which door was knocked at."""
    learn([KNOWN])
    assert [redacted(carrier) for carrier in CARRIERS] == [
        "***",
        "https://api.telegram.org/bot***/sendMessage",
        "token is ***",
        "slack said no to ***",
        "opened with ***!",
        "https://api.stlouisfed.org/fred/series?api_key=***&file_type=json",
        "https://apps.bea.gov/api/data?UserID=***",
        "https://hooks.slack.com/services/***",
        "postgresql://ebb:***@db.example/ebb",
        "Authorization: Bearer ***",
    ]


def test_a_secret_is_masked_as_addresses_write_it() -> None:
    """A secret with special characters is quoted in an address, and masked there too."""
    learn(["a b/c&d"])
    assert (
        redacted("http://h/?q=a%20b%2Fc%26d http://h/a%20b/c%26d") == "http://h/?q=*** http://h/***"
    )


def test_a_text_too_short_to_be_a_secret_is_left_alone() -> None:
    """Masking every `a` would leave nothing to read."""
    learn(["a", "", "rate"])
    assert redacted("a rated thing moved, a rate") == "a rated thing moved, a ***"


def test_elsewhere_than_on_a_terminal_lines_are_json(stream: io.StringIO) -> None:
    """A line is an object with its event, level, wall time and facts."""
    configure(stream=stream)
    structlog.get_logger().info("observation.recorded", series="sofr", at="2026-11-24T13:00:00Z")
    structlog.get_logger().debug("not.written")
    line = json.loads(stream.getvalue())
    assert line.pop("ts").endswith("Z")
    assert line == {
        "event": "observation.recorded",
        "level": "info",
        "series": "sofr",
        "at": "2026-11-24T13:00:00Z",
    }


def test_talkative_libraries_are_quiet_even_at_debug(stream: io.StringIO) -> None:
    """Only what they warn of is written, under their own name."""
    configure(level="DEBUG", style="json", stream=stream)
    logging.getLogger("httpx").info("HTTP Request: GET https://example.org")
    logging.getLogger("httpx").warning("careful")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["logger"]) == ("careful", "httpx")


def test_configuring_twice_writes_once(stream: io.StringIO) -> None:
    """The second set-up replaces the first."""
    configure(stream=io.StringIO())
    configure(stream=stream)
    structlog.get_logger().warning("once.only")
    assert stream.getvalue().count("once.only") == 1
