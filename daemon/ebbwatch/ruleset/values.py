"""Values: how single texts of rule files are read."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from ebbwatch.expr import Fault, parse_duration, parse_quantity
from ebbwatch.model.durations import Duration
from ebbwatch.model.periods import WEEKDAYS
from ebbwatch.model.series import ORDINALS, Weekly
from ebbwatch.model.units import Quantity
from ebbwatch.ruleset.findings import LITERAL_SECRET
from ebbwatch.ruleset.kinds import Misread, ScalarKind
from ebbwatch.ruleset.nodes import quoted
from ebbwatch.ruleset.patterns import fault_of_pattern
from ebbwatch.ruleset.secrets import USE_SECRET, masked, secret_in_address
from ebbwatch.ruleset.suggestions import did_you_mean, listed

PART_NAME = r"^[a-z][a-z0-9-]{0,19}$"
RULE_NAME = r"^[a-z0-9-]+$"
SERIES_NAME = r"^[a-z_][a-z0-9_]*$"
LABEL_NAME = r"^[a-z_][a-z0-9_-]*$"
NAME_OF_SECRET = r"^[A-Z][A-Z0-9_]*$"  # noqa: S105  no secret, but what is said of one
TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

#: Longest regular expression of a text rule, and longest title or note.
PATTERN_LIMIT_CHARS = 500
TEXT_LIMIT_CHARS = 2_000


def choice(what: str, options: Iterable[str], *, list_them: bool = True) -> ScalarKind:
    """Return a word that must be one of some options; its value is the option."""
    names = tuple(options)

    def parse(text: str) -> str | Misread:
        if text in names:
            return text
        return Misread(f"expected {what}, found {quoted(text)}", did_you_mean(text, names))

    return ScalarKind(what, parse, {"enum": list(names)} if list_them else {"type": "string"})


def _name(text: str, pattern: str, what: str, allowed: str) -> str | Misread:
    if re.match(pattern, text) and not text.endswith("\n"):
        return text
    if not text:
        return Misread(f"expected {what}, found nothing", code="bad-name")
    message = f"{quoted(text)} cannot be {what}: it may hold {allowed}"
    folded = masked(text).upper() if pattern == NAME_OF_SECRET else masked(text).lower()
    plain = re.sub(r"[^A-Za-z0-9]+", "-" if "-" in pattern[-4:] else "_", folded).strip("-_")
    fixed = plain if plain and re.match(pattern, plain) else ""
    return Misread(message, f"write {fixed}" if fixed else "", "bad-name")


def _named(pattern: str, what: str, allowed: str) -> ScalarKind:
    return ScalarKind(
        what,
        lambda text: _name(text, pattern, what, allowed),
        {"type": "string", "pattern": pattern},
    )


rule_name = _named(RULE_NAME, "the name of a rule", "a-z, 0-9 and -")
calendar_name = _named(RULE_NAME, "the name of a calendar", "a-z, 0-9 and -")
receiver_name = _named(r"^[a-z0-9_-]+$", "the name of a receiver", "a-z, 0-9, _ and -")
series_name = _named(SERIES_NAME, "the name of a series", "a-z, 0-9 and _, no digit first")
define_name = _named(SERIES_NAME, "the name of a define", "a-z, 0-9 and _, no digit first")
variable_name = _named(SERIES_NAME, "the name of a variable", "a-z, 0-9 and _, no digit first")
label_name = _named(LABEL_NAME, "the name of a label", "a-z, 0-9, _ and -, no digit first")
secret_name = _named(NAME_OF_SECRET, "the name of a secret", "A-Z, 0-9 and _, no digit first")


def _some(text: str) -> str | Misread:
    if len(text) > TEXT_LIMIT_CHARS:
        return Misread(f"the text has {len(text)} characters; at most {TEXT_LIMIT_CHARS} are told")
    return text if text.strip() else Misread("expected a text, found an empty one")


some_text = ScalarKind("a text", _some, {"type": ["string", "number", "boolean"]})


def _truth(text: str) -> bool | Misread:
    match text:
        case "true" | "True" | "TRUE":
            return True
        case "false" | "False" | "FALSE":
            return False
    said = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text.lower())
    return Misread(hint=f"write {said}" if said else "")


truth = ScalarKind("true or false", _truth, {"type": "boolean"})


def _whole(text: str) -> int | Misread:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else Misread()


whole_number = ScalarKind("a whole number", _whole, {"type": "integer"})


def _time(text: str) -> time | Misread:
    if re.match(TIME_OF_DAY, text) and len(text) == 5:
        return time.fromisoformat(text)
    return Misread(hint="hours have two digits, 00 to 23: 08:00, 16:30")


time_of_day = ScalarKind(
    "a time of day such as 08:30", _time, {"type": "string", "pattern": TIME_OF_DAY}
)


def _day(text: str) -> date | Misread:
    if not re.match(DAY, text) or len(text) != 10:
        return Misread()
    try:
        return date.fromisoformat(text)
    except ValueError:
        return Misread(f"there is no day {text}")


day = ScalarKind("a date such as 2025-10-31", _day, {"type": "string", "pattern": DAY})


#: A zone as an offset, which has no name of its own: ``UTC+8``, ``GMT-05:00``.
_OFFSET = re.compile(r"(?:UTC|GMT) ?([+-])0?([0-9]{1,2})(?::?00)?", re.IGNORECASE)


def _zone(text: str) -> str | Misread:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        names = sorted(zoneinfo.available_timezones())
        hint = did_you_mean(text, names)
        if (offset := _OFFSET.fullmatch(text)) is not None:
            hint = _fixed_zone(offset[1], int(offset[2]))
        elif not hint.startswith("did"):
            hint = "write it as in America/New_York or Asia/Taipei"
        return Misread(f"there is no time zone {quoted(text)}", hint)
    return text


def _fixed_zone(sign: str, hours: int) -> str:
    """Return how a zone is written that lies so many hours from UTC."""
    turned = "-" if sign == "+" else "+"  # the sign of these names is turned round
    city = "Asia/Taipei or " if (sign, hours) == ("+", 8) else "a city such as Asia/Taipei, or "
    return f"write {city}Etc/GMT{turned}{hours}" if 0 < hours <= 12 else "write UTC"


zone = ScalarKind("a time zone such as America/New_York", _zone)


def _instant(text: str) -> datetime | Misread:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Misread()
    if moment.tzinfo is None:
        return Misread(f"{quoted(text)} has no offset from UTC", "add it: 2019-09-18T08:00-04:00")
    return moment


instant = ScalarKind("an instant such as 2019-09-18T08:00-04:00", _instant)


def _of_fault(parsed: Any) -> Any:
    if isinstance(parsed, Fault):
        return Misread(parsed.message, parsed.hint, parsed.code)
    return parsed


@lru_cache(maxsize=4096)  # the same few thresholds stand in thousands of rules
def _quantity(text: str) -> Quantity | Misread:
    read: Quantity | Misread = _of_fault(parse_quantity(text))
    return read


@lru_cache(maxsize=4096)
def _duration(text: str) -> Duration | Misread:
    read: Duration | Misread = _of_fault(parse_duration(text))
    return read


quantity = ScalarKind(
    "a quantity such as 20 bp, 10 % or $2.8tn", _quantity, {"type": ["string", "number"]}
)
duration = ScalarKind("a duration such as 6 h, 10 d or 2 releases", _duration)


def _span_of_time(text: str) -> Duration | Misread:
    read = _duration(text)
    if isinstance(read, Duration) and read.days is None:
        return Misread(
            f"expected a time of fixed length, found {quoted(text)}", "write it in min, h, d or w"
        )
    return read


time_span = ScalarKind("a time such as 30 s, 6 h or 10 d", _span_of_time)


def _seconds(text: str) -> int | Misread:
    if (found := re.fullmatch(r"([0-9]{1,5}) ?s", text)) is not None:
        return int(found[1])
    read = _span_of_time(text)
    if isinstance(read, Misread):
        return Misread(hint=read.hint)
    assert read.days is not None
    return int(read.days * 86_400)


seconds = ScalarKind("a time such as 30 s or 5 min", _seconds)


def _business_days(text: str) -> int | Misread:
    found = re.fullmatch(r"([0-9]{1,2}) ?bd", text)
    if found is None:
        return Misread(hint="windows of turns are counted in business days")
    return int(found[1])


business_days = ScalarKind("business days such as 2 bd", _business_days)


def _delay(text: str) -> tuple[int, bool] | Misread:
    found = re.fullmatch(r"([0-9]{1,3}) (business )?days?", text)
    if found is None:
        return Misread(hint="write 0 days, 1 day or 1 business day")
    return int(found[1]), found[2] is not None


delay = ScalarKind("a delay such as 1 business day", _delay)


def _part(text: str) -> str | Misread:
    return text if re.fullmatch(PART_NAME, text) else Misread()


part_name = ScalarKind(
    "the name of a part such as morning", _part, {"type": "string", "pattern": PART_NAME}
)


def _weekly(text: str) -> Weekly | Misread:
    *nth, weekday = text.split() or [""]
    if weekday not in WEEKDAYS or len(nth) > 1 or not {*nth} <= ORDINALS.keys():
        return Misread(hint=f"write a weekday, or {', '.join(ORDINALS)} before it")
    return Weekly(WEEKDAYS.index(weekday), ORDINALS[nth[0]] if nth else 0)


weekly = ScalarKind(
    "a weekday such as third Thursday",
    _weekly,
    {"type": "string", "pattern": rf"^(({'|'.join(ORDINALS)}) )?({'|'.join(WEEKDAYS)})$"},
)


def _pattern(text: str) -> str | Misread:
    if not text.strip():
        return Misread("an empty pattern matches every text", code="bad-pattern")
    if len(text) > PATTERN_LIMIT_CHARS:
        message = f"the pattern has {len(text)} characters; at most {PATTERN_LIMIT_CHARS} are read"
        return Misread(message, code="bad-pattern")
    if (fault := fault_of_pattern(text)) is not None:
        return Misread(fault.message, fault.hint, "bad-pattern", (fault.start, fault.end))
    return text


pattern = ScalarKind("a regular expression", _pattern)


def _address(text: str) -> str | Misread:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return Misread()
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", text):
        return Misread()
    if (what := secret_in_address(text)) is not None:
        return Misread(f"the address holds {what}", USE_SECRET, LITERAL_SECRET)
    return text


_ADDRESS = "an address that begins with https:// or http://"
address = ScalarKind(_ADDRESS, _address)


def _link(text: str) -> str | Misread:
    read = _address(text)
    if isinstance(read, Misread) and read.code == LITERAL_SECRET:
        return Misread(read.message, "readers see the link: leave the secret out", read.code)
    return read


link = ScalarKind(_ADDRESS, _link)


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _month(text: str) -> int | Misread:
    if text in MONTHS:
        return MONTHS.index(text) + 1
    short = text[:3].capitalize()
    return Misread(hint=f"write {short}" if short in MONTHS else f"write {listed(MONTHS)}")


def _all_months(text: str) -> str | Misread:
    if text == "all":
        return text
    short = text[:3].capitalize()
    return Misread(hint=f"write [{short}]" if short in MONTHS else "")


all_months = ScalarKind("all, or a list of months", _all_months, {"const": "all"})
month = ScalarKind("a month such as Mar", _month, {"enum": list(MONTHS)})


def _variable_value(text: str) -> str | Misread:
    return text if re.fullmatch(r"[^{}\n]{1,100}", text) else Misread()


variable_value = ScalarKind(
    "a value without braces", _variable_value, {"type": ["string", "number"]}
)
