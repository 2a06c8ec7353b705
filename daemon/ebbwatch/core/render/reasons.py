"""Reasons in the reader's language: what sources, stores and receivers say went wrong.

A reason is written in English where it arises, and kept so. Here it is recognised by the words
around what differs from one to the next; words of others (a provider's error, a name) stay.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from ebbwatch.core.render.words import Translator
from ebbwatch.expr.numbers import REASONS as UNKNOWNS
from ebbwatch.model.text import LANGUAGES, marked

#: Longer than any reason of ours; no pattern is tried on more.
_LONGEST = 1000
#: Reasons and parts of them; each may be part of another. Of two that fit, the first counts.
REASONS = (
    # the network
    marked("no whole answer within {n} s"),
    marked("no answer within {n} s"),
    marked("no answer in time"),
    marked("{whom} was not done within {n} s"),
    marked("the connection failed ({error})"),
    marked("the answer broke off"),
    marked("the answer exceeds {n} bytes"),
    marked("answered HTTP {status}"),
    marked("refused with HTTP {status}; check the key, the quota and where we ask from"),
    marked("redirected more than {n} times"),
    marked("redirected to something that is no address"),
    marked("redirected to an address with a password in it, which is not followed"),
    marked("redirected to another host, which is not followed"),
    marked("it links to something that is no address"),
    marked("it links to another host, which is not followed"),
    marked("the environment names a proxy of the kind {kind}, or a malformed one"),
    marked("set HTTPS_PROXY and HTTP_PROXY to an address that begins with http://"),
    # what an answer should look like: its form
    marked("gzip or plain bytes"),
    marked("another encoding"),
    marked("other bytes"),
    marked("{encoding} text"),
    marked("a page (HTML or XML)"),
    marked("an empty answer"),
    marked("one that is cut off"),
    marked("none at byte {place} ({error})"),
    marked("a bare {constant} at byte {place}"),
    marked("one nested too deeply"),
    marked("bytes that are none"),
    marked("plain XML"),
    marked("XML in UTF-8"),
    marked("a DOCTYPE or an entity"),
    marked("a break in line {line} (cut off?)"),
    marked("no whole XML (cut off?)"),
    marked("a zip file"),
    marked("none that opens"),
    marked("a zip file in plain deflate"),
    marked("another kind"),
    marked("one file ending in _data.xml in the zip"),
    marked("the data file exceeds {n} bytes"),
    marked("the file exceeds {n} bytes"),
    marked("{path} cannot be read: {why}"),
    # what an answer should look like: its cells
    marked("a number"),
    marked("a figure"),
    marked("one figure"),
    marked("none or two"),
    marked("two"),
    marked("more"),
    marked("none of it"),
    marked("another"),
    marked("others"),
    marked("another shape"),
    marked("another line"),
    marked("one without"),
    marked("a row without it"),
    marked("rows without it"),
    marked("no such row"),
    marked("no row of it"),
    marked("in each row"),
    marked("{field} in each row"),
    marked("{field} in every row"),
    marked("a text in {column}"),
    marked("a figure in {column}"),
    marked("a figure of sensible size"),
    marked("the mark for none"),
    marked("a date like {example}"),
    marked("a date up to {today}"),
    marked("{period}, in the future"),
    marked("a date since {first}"),
    marked("an instant with its offset, like {example}"),
    marked("a period of `every: {every}` like {example}"),
    marked("a period of `every: {every}` written as `date: {form}`"),
    marked("write its offset, as in 2026-11-01T01:00-04:00, for an hour may come twice"),
    marked("if it counts seconds since 1970, say date: epoch"),
    marked("if it counts milliseconds since 1970, say date: epoch-ms"),
    marked("if it is a year of 民國, say date: roc"),
    marked('say how dates are written, as in date: "%d/%m/%Y"'),
    marked('say thousands: "," or decimal: ",", whichever it is'),
    marked("rows of cells"),
    marked("quotes out of place or a cell without end"),
    marked("{n} cells"),
    marked("one column {name}"),
    marked("the columns {names}"),
    marked("the header {names}"),
    marked("short lines"),
    marked("a long one"),
    marked("columns moved?"),
    marked("a list of rows at {path}"),
    marked("rows of type {kind}"),
    marked("`{path}` to find values"),
    marked("`{path}` to find a list"),
    marked("`{path}` to find an object with periods as keys"),
    marked("a list of candles"),
    marked("candles"),
    marked("no such product"),
    marked("the candles of one pair"),
    marked("a candle of {n} columns"),
    marked("the start of a candle of {n} min"),
    marked("has no candles for `every: {every}`; use 15 min, hour or day in the catalogue"),
    marked("`{key}` with `{inner}`"),
    marked("a list of pairs"),
    marked("a pair of date and value"),
    # providers
    marked("one figure for {period}"),
    marked("a quarter like 2026Q2 in a unit we know"),
    marked("the API answered an error; check EBBWATCH_BEA__API_KEY"),
    marked("the series {name}"),
    marked("a series {name} in the file"),
    marked("a series {name}"),
    marked("none among {n}"),
    marked("none among {n}; the nearest name is {name}"),
    marked("one series for {name}"),
    marked("UNIT Percent times 1"),
    marked("UNIT Currency in USD"),
    marked("a scale of 1 for UNIT {unit}"),
    marked("a scale of a power of 1000"),
    marked("a description with {word}"),
    marked("the System's total"),
    marked("one district's"),
    marked("securities held outright to be the sum of their parts"),
    marked("{day}s"),
    marked("a list of events"),
    marked("FOMC meetings"),
    marked("a month like 2026-11 and days like 27-28 of an FOMC meeting"),
    marked("the implementation note to state the interest rate paid on reserve balances"),
    marked("a date in the implementation note"),
    marked("text in the implementation note"),
    marked("the rate of {period} to be {told} percent, as the implementation note says"),
    marked("an article in the FOMC statement"),
    marked("a plain feed"),
    marked("a feed"),
    marked("a feed with items"),
    marked("a title and a link in each item"),
    marked("a pubDate in each item"),
    marked("at most {n} pages"),
    marked("our request was refused, saying: {said}"),
    marked("total-pages to be a number"),
    marked("one row for the account"),
    marked("of {period} expected the account under one of its known names, found {found}"),
    marked("a month below a row like FY 2026"),
    marked("refused the request with HTTP {status}"),
    marked("the key is not accepted; check EBBWATCH_FRED__API_KEY"),
    marked("there is no such series, or no longer"),
    marked("asked for patience"),
    marked(
        "is asked only where people opt in, for its terms forbid storing what it serves; set EBBWATCH_FRED__API_KEY to a key of your own, or name another source"
    ),
    marked("realtime_start to be a date"),
    marked("throttled"),
    marked("answered {said}"),
    marked("operationType Repo or Reverse Repo"),
    marked("closeTime like 13:15"),
    marked("an operation with results lacks totalAmtAccepted"),
    marked("a row lacks {names}"),
    # what cannot be right
    marked("{found} is not of a size that anything measures"),
    marked("{period} lies in the future"),
    marked("{period} lies before 1900"),
    marked("{found} is not the only value of the answer for {period}"),
    marked("{found} lies more than {n} times from the last value, {before}"),
    marked("{found} looks like the last value, {before}, in another unit"),
    marked("{found} is not plausible: expected {low} to {high}"),
    marked("{source} gives {found}; expected {wanted}"),
    marked("{n} times larger"),
    marked("{n} times smaller"),
    marked("{period} for {week}"),
    marked("{period} is no date"),
    marked("{period} is no start of {every}"),
    marked("{period} is not the first day of a {every}"),
    marked("{period} is a {day}, not a {other}"),
    marked("Monday"),
    marked("Tuesday"),
    marked("Wednesday"),
    marked("Thursday"),
    marked("Friday"),
    marked("Saturday"),
    marked("Sunday"),
    marked("its timer: {error}"),
    marked("its message: {error}"),
    marked("the database refused: {said}"),
    marked("the database could not be used ({error})"),
    # handing messages over
    marked("a slack target of receiver {receiver} has no channel"),
    marked("there is no slack token; set EBBWATCH_SLACK__BOT_TOKEN"),
    marked("slack refused the token ({code}); set a valid EBBWATCH_SLACK__BOT_TOKEN"),
    marked("slack: {code}; check the channel's id, and invite the bot to it"),
    marked("slack refused the message: {said}"),
    marked(
        "{channel} is not among the first {n} channels; give its id, which stands below its details"
    ),
    marked("slack's answer was not understood"),
    marked(
        "that is the app's token; the bot's begins with xoxb- and stands under OAuth & Permissions"
    ),
    marked(
        "that is a person's token; the bot's begins with xoxb- and stands under OAuth & Permissions"
    ),
    marked(
        "slack shows the bot no channel {channel}; a private one shows once the bot was invited: write /invite and the bot's name in it"
    ),
    marked("slack asks for patience"),
    marked("slack answered {status}: it may have taken the message"),
    marked("slack answered, but not in its own words: it may have taken the message"),
    marked("EBBWATCH_SLACK__API_BASE holds a password, which cannot be sent beside the token"),
    marked("EBBWATCH_SLACK__API_BASE is no web address"),
    marked("slack answered with a redirect, which is refused; check EBBWATCH_SLACK__API_BASE"),
    marked("slack was not reached: {error}"),
    marked("slack gave no clear answer: {error}"),
    marked("telegram refused the message: {said}"),
    marked(
        "telegram knows no such chat; check its id, and that the bot is a member or was started"
    ),
    marked("a telegram target of receiver {receiver} has no chat"),
    marked("a topic of receiver {receiver} is not a number"),
    marked("there is no telegram token; set EBBWATCH_TELEGRAM__TOKEN"),
    marked("telegram's answer was not understood: {error}"),
    marked("the chat moved twice; give its new id"),
    marked("many messages wait for this chat"),
    marked("the chat asked for patience"),
    marked("telegram asks for patience"),
    marked("telegram answered {status}, not in its own words: it may have taken the message"),
    marked("this bot api server does not serve the token's bot (421)"),
    marked("telegram answered {status}; check EBBWATCH_TELEGRAM__API_BASE"),
    marked("telegram: {said}"),
    marked("telegram refused the token; set a valid EBBWATCH_TELEGRAM__TOKEN"),
    marked("telegram reports another instance of the bot"),
    marked("telegram was not reached: {error}"),
    marked("EBBWATCH_TELEGRAM__API_BASE is no web address"),
    marked("telegram gave no answer: {error}"),
    marked("nobody reads standard output any more"),
    marked("standard output takes nothing: {error}"),
    marked("the webhook refused the message with {status}"),
    marked("webhooks know the formats {known}, not {format}"),
    marked("the webhook of receiver {receiver} has no url"),
    marked("the webhook headers of receiver {receiver} are no map"),
    marked("the webhook answered {status}: it may have taken the message"),
    marked(
        "the webhook answered {status}, a redirect, which is refused; give the address it leads to"
    ),
    marked("the webhook answered {status}"),
    marked("the webhook's address or a header is malformed"),
    marked("the webhook was not reached: {error}"),
    marked("the webhook gave no answer: {error}"),
    marked("the secret {name} is not set; give it as EBBWATCH_SECRET__{variable} or in its file"),
    marked("there is no notifier of kind {kind}; there are: {known}"),
    marked("the store did not answer: {reason}"),
    marked("no receiver is told at this place any more"),
    marked("folded into {message}"),
    marked("expected {wanted}, found {found}"),
    # said elsewhere too
    marked("none"),
    marked("nothing"),
    marked("no value"),
    marked("unknown"),
    *UNKNOWNS.values(),
)
#: What a placeholder stands for, where it is not anything.
_SHAPES = {
    "n": r"[\d.,]+",
    "period": r"\d{4}-\d\d-\d\d\S*?",
    "week": r"\d{4}-\d\d-\d\d\S*?",
    "day": r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day",
    "other": r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day",
    "encoding": r"[A-Za-z0-9-]+",
}
#: Placeholders for words of others, in which none of ours are looked for.
_OF_OTHERS = frozenset({"said", "error", "code", "status", "why"})
#: After a semicolon stands what to do about it, before a colon of whom or what it is said.
_DIVISIONS = (
    ("; ", marked("{reason}; {hint}"), "reason", "hint"),
    (": ", marked("{what}: {verb}"), "what", "verb"),
)
#: How often a part is looked for in a part, and how often a text is divided in two.
_DEPTH, _DIVIDED = 4, 3


def reason_words(t: Translator, reason: str) -> str:
    """Return a reason in the reader's language, as far as its words are ours."""
    if t.language == LANGUAGES[0] or len(reason) > _LONGEST:
        return reason
    return _said(t, reason, _DEPTH) or reason


def _said(t: Translator, reason: str, depth: int) -> str | None:
    """Return a reason, or a part of one, in the reader's language; None if it is not ours."""
    if depth == 0:
        return None
    if found := _known(t, reason, depth):
        return found
    for sign, words, first, second in _DIVISIONS:
        for place in islice(re.finditer(sign, reason), _DIVIDED):
            before, after = reason[: place.start()], reason[place.end() :]
            if found := _known(t, after, depth):
                parts = {first: _said(t, before, depth - 1) or before, second: found}
                return t.gettext(words).format(**parts)
    return None


def _known(t: Translator, reason: str, depth: int) -> str | None:
    """Return what one of the messages says, its parts in the reader's language too."""
    for message, pattern in _patterns():
        if found := pattern.fullmatch(reason):
            parts = found.groupdict()
            for name in parts.keys() - _OF_OTHERS:
                parts[name] = _said(t, parts[name], depth - 1) or parts[name]
            return t.gettext(message).format(**parts)
    return None


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return each message with the pattern of what is said by it."""
    return tuple((message, _pattern(message)) for message in REASONS)


def _pattern(message: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", message)
    literals, names = parts[::2], parts[1::2]
    made = re.escape(literals[0])
    for name, literal in zip(names, literals[1:], strict=True):
        made += f"(?P<{name}>{_SHAPES.get(name, '.+?')}){re.escape(literal)}"
    return re.compile(made, re.DOTALL)
