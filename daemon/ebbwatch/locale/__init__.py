"""Languages: message catalogues, and numbers and dates as readers write them.

The English text is the key of every message, so English needs no catalogue; each other
language has a directory of ``.po`` files, read whole when the program starts. They are
compiled in memory: a ``.mo`` beside its ``.po`` is a second truth that nobody reviews.

Simplified Chinese and Hong Kong's are made from Taiwan's by ``scripts/build_languages.py``.
"""

from __future__ import annotations

import gettext
import io
import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from ebbwatch.model.periods import (
    DAY_MINUTES,
    MINUTE,
    Every,
    Micros,
    Minutes,
    Rank,
    day_of,
    instant,
)
from ebbwatch.model.text import LANGUAGES
from ebbwatch.model.zones import NEW_YORK

#: Babel's name of each language. English of no country: the British one abbreviates "Sept".
_LOCALES = {
    "en": "en",
    "zh-Hant": "zh_Hant_TW",
    "zh-Hans": "zh_Hans_CN",
    "zh-Hant-HK": "zh_Hant_HK",
}
#: Powers of ten that money is written in, greatest first, and their names.
_SCALES = {
    "en": ((12, "tn"), (9, "bn"), (6, "mn")),
    "zh-Hant": ((12, "兆"), (8, "億"), (4, "萬")),
    "zh-Hans": ((12, "万亿"), (8, "亿"), (4, "万")),
    "zh-Hant-HK": ((12, "萬億"), (8, "億"), (4, "萬")),
}
#: Significant digits of scaled money: $2.848tn, $50.35bn.
_MONEY_DIGITS = 4
#: Fewest and most decimals by unit. Rates are published with two.
_DECIMALS = {"bp": (0, 1), "%": (2, 2), "pp": (0, 2), "": (0, 2)}
#: From here on a number is written with a power of ten.
_BEYOND_WORDS = Decimal("1e17")
#: Decimals that may be added to keep two numbers apart.
_EXTRA_DECIMALS = 6
_MINUS = "−"


def translator(language: str) -> BabelTranslator:
    """Return the translator of a language, its catalogues read and compiled.

    Raises:
        ValueError: If Ebbwatch does not speak it.
    """
    if language not in LANGUAGES:
        message = f"expected one of the languages {', '.join(LANGUAGES)}, found {language!r}"
        raise ValueError(message)
    folder = files(__name__) / "catalogues" / language
    return BabelTranslator(language, catalogue(folder, _LOCALES[language]))


def catalogue(folder: Traversable, locale: str) -> gettext.NullTranslations:
    """Return all ``.po`` files of a folder as one catalogue; an empty one without a folder.

    Args:
        folder: Of a language. Each layer with words of its own may keep a file in it.
        locale: Babel's name of the language.
    """
    whole = gettext.NullTranslations()
    if not folder.is_dir():
        return whole
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".po"):
            compiled = io.BytesIO()
            write_mo(compiled, read_po(io.BytesIO(path.read_bytes()), locale=locale))
            compiled.seek(0)
            part = gettext.GNUTranslations(compiled)
            part.add_fallback(whole)
            whole = part
    return whole


class BabelTranslator:
    """Words, numbers and dates of one language."""

    def __init__(self, language: str, catalogue: gettext.NullTranslations) -> None:
        """Speak a language of `model.text.LANGUAGES` with a catalogue."""
        self._language = language
        self._catalogue = catalogue
        self._locale = Locale.parse(_LOCALES[language])

    @property
    def language(self) -> str:
        """Return the language it speaks: ``en``, ``zh-Hant``."""
        return self._language

    def gettext(self, message: str) -> str:
        """Return a message in this language, or as it is where there is no translation."""
        return self._catalogue.gettext(message)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Return a message in this language in the form that goes with a number."""
        return self._catalogue.ngettext(singular, plural, n)

    def number(
        self, value: float, unit: str, *, short: bool = False, apart_from: float | None = None
    ) -> str:
        """Return a number with its unit, for people: ``36 bp``, ``$2.97tn``, ``17 days``.

        Args:
            value: In `unit`; infinity for a time that never comes.
            unit: A printed unit (`model.units.PRINTED_FACTORS`), or ``pp`` for a difference
                of percentages.
            short: Whether to leave out trailing zeros, as thresholds are written: ``10 %``.
            apart_from: A number in the same unit that this one must not look equal to
                unless it is: 9.998 % is under 10 %, and 10.00 % would not say so.
        """
        if not math.isfinite(value):
            return self.gettext("not on this trend") if unit == "d" else "–"
        text = self._number(value, unit, short=short, extra=0)
        if apart_from is None or apart_from == value:
            return text
        for extra in range(_EXTRA_DECIMALS + 1):
            text = self._number(value, unit, short=short, extra=extra)
            if text not in (
                self._number(apart_from, unit, short=True, extra=extra),
                self._number(apart_from, unit, short=False, extra=extra),
            ):
                break
        return text

    def difference(self, value: float, unit: str) -> str:
        """Return the size of a change, without its sign; of percentages in points."""
        unit = {"%": "pp", "%/d": "pp/d"}.get(unit, unit)
        return self.number(abs(value), unit)

    def _number(self, value: float, unit: str, *, short: bool, extra: int) -> str:
        if unit == "1/d":
            number = self._number(value, "", short=short, extra=extra)
            return self.gettext("{amount} a day").format(amount=number)
        if unit.endswith("/d"):
            amount = self._number(value, unit.removesuffix("/d"), short=short, extra=extra)
            return self.gettext("{amount} a day").format(amount=amount)
        exact = Decimal(f"{abs(value):.12g}")
        scale = ""
        if exact >= _BEYOND_WORDS:
            sign = _MINUS if value < 0 else ""
            return self._with_unit(unit, f"{exact:.4g}", sign=sign, scale="", exact=exact)
        if unit == "USD":
            exact, scale, fewest, most = self._scaled(exact, extra)
        elif unit in ("USD/oz", "USD/BTC"):
            fewest = 0 if short or exact == exact.to_integral_value() else 2
            most = 2 + extra
        elif unit == "d":
            fewest, most = 0, (0 if exact >= 2 else 1) + extra
        else:
            fewest, most = _DECIMALS[unit]
            fewest, most = (0 if short else fewest), most + extra
        pattern = "#,##0." + "0" * fewest + "#" * (most - fewest)
        number = _decimal(exact, pattern, self._locale)
        sign = _MINUS if value < 0 and any(c in "123456789" for c in number) else ""
        return self._with_unit(unit, number, sign=sign, scale=scale, exact=exact)

    def _scaled(self, exact: Decimal, extra: int) -> tuple[Decimal, str, int, int]:
        """Return money in the greatest scale it fills, the scale, fewest and most decimals."""
        for power, name in _SCALES[self._language]:
            unit = Decimal(10) ** power
            # What rounds up to the next scale is written in it: $1tn, not $1,000bn.
            if exact / unit >= Decimal("0.99995"):
                number = exact / unit
                whole = len(str(int(number)))
                return number, name, 0, max(0, min(3, _MONEY_DIGITS - whole)) + extra
        return exact, "", 0, 2 + extra

    def _with_unit(self, unit: str, number: str, *, sign: str, scale: str, exact: Decimal) -> str:
        match unit:
            case "bp":
                text = self.gettext("{number} bp")
            case "%":
                text = self.gettext("{number} %")
            case "pp":
                text = self.gettext("{number} pp")
            case "USD" if scale:
                text = self.gettext("{sign}${number}{scale}")
            case "USD":
                text = self.gettext("{sign}${number}")
            case "USD/oz":
                text = self.gettext("{sign}${number}/oz")
            case "USD/BTC":
                text = self.gettext("{sign}${number}/BTC")
            case "d":
                text = self.ngettext("{number} day", "{number} days", 1 if exact == 1 else 2)
            case _:
                text = "{number}"
        if "{sign}" not in text:
            number = sign + number
        return text.format(number=number, sign=sign, scale=scale)

    def count(self, n: int) -> str:
        """Return a whole number, grouped."""
        return str(format_decimal(n, "#,##0", locale=self._locale))

    def plain_day(self, day: date) -> str:
        """Return a date without its weekday: ``30 Sep 2019``."""
        return self._date(day, self.gettext("d MMM y"))

    def day(self, day: date) -> str:
        """Return a date with its weekday: ``Fri 31 Oct 2025``."""
        return self._date(day, self.gettext("EEE d MMM y"))

    def month_day(self, day: date) -> str:
        """Return a date without its year: ``31 Oct``."""
        return self._date(day, self.gettext("d MMM"))

    def _date(self, day: date, pattern: str) -> str:
        return _day(day, pattern, self._locale)

    def clock(self, at: datetime, zone: str, *, year: bool = False, place: bool = True) -> str:
        """Return an instant on the clocks of a zone: ``Tue 4 Nov, 09:00 New York``.

        Args:
            at: Aware.
            zone: IANA name.
            year: Whether to name the year, for instants long ago.
            place: Whether to name the place, where it is not said elsewhere.
        """
        day, time = self._local(at, zone, year=year)
        if not place:
            return self.gettext("{day}, {time}").format(day=day, time=time)
        words = self.gettext("{day}, {time} {place}")
        return words.format(day=day, time=time, place=self._place(zone))

    def span(self, start: datetime, end: datetime, zone: str) -> str:
        """Return two instants on the clocks of a zone, years named, and the zone once."""
        (first, begun), (last, ended) = (self._local(at, zone, year=True) for at in (start, end))
        words = self.gettext("{first}, {begun} to {last}, {ended} {place}")
        return words.format(
            first=first, begun=begun, last=last, ended=ended, place=self._place(zone)
        )

    def _local(self, at: datetime, zone: str, *, year: bool) -> tuple[str, str]:
        """Return the day and the time of an instant on the clocks of a zone."""
        local = at.astimezone(ZoneInfo(zone))
        pattern = self.gettext("EEE d MMM y") if year else self.gettext("EEE d MMM")
        return self._date(local.date(), pattern), local.strftime("%H:%M")

    def _place(self, zone: str) -> str:
        places = {
            NEW_YORK.key: self.gettext("New York"),
            "Asia/Taipei": self.gettext("Taipei"),
            "Asia/Shanghai": self.gettext("Shanghai"),
            "Asia/Hong_Kong": self.gettext("Hong Kong"),
            "Europe/London": self.gettext("London"),
        }
        return places.get(zone) or zone.rpartition("/")[2].replace("_", " ")

    def duration(self, length: timedelta) -> str:
        """Return a length of time in its greatest fitting unit: ``3 days``, ``5 hours``."""
        # A clock that was set back makes no time that is less than none.
        minutes = max(0, round(length / timedelta(minutes=1)))
        if minutes < 120:
            return self.ngettext("{n} minute", "{n} minutes", minutes).format(n=minutes)
        if minutes < 48 * 60:
            hours = round(minutes / 60)
            return self.ngettext("{n} hour", "{n} hours", hours).format(n=hours)
        days = round(minutes / 1440)
        return self.ngettext("{n} day", "{n} days", days).format(n=self.count(days))

    def period(self, text: str, every: Every | None, *, short: bool = False) -> str:
        """Return a period as readers name it: ``week to Wed 22 Oct 2025``, ``Q2 2025``.

        Args:
            text: As its publisher writes it: a date, or an instant for hours and minutes.
            every: Its frequency; None for a date or an instant by itself.
            short: Whether to leave out the weekday.
        """
        if "T" in text:
            moment = datetime.fromisoformat(text)
            return self.gettext("{day} {time} UTC").format(
                day=self.plain_day(moment.date()), time=moment.strftime("%H:%M")
            )
        day = date.fromisoformat(text)
        written = self.plain_day(day) if short else self.day(day)
        match every.rank if every else Rank.DAILY:
            case Rank.WEEK:
                return self.gettext("week to {day}").format(day=written)
            case Rank.MONTH:
                return self._date(day, self.gettext("MMM y"))
            case Rank.QUARTER:
                quarter = (day.month - 1) // 3 + 1
                return self.gettext("Q{quarter} {year}").format(quarter=quarter, year=day.year)
            case Rank.YEAR:
                return self._date(day, self.gettext("y"))
            case _:
                return written

    def period_at(self, period: Minutes, every: Every | None, *, short: bool = False) -> str:
        """Return a period given in minutes since the epoch (`model.periods`) in words."""
        if every is not None and not every.dated:
            return self.period(every.text(period), every, short=short)
        if every is None and period % DAY_MINUTES:
            return self.period(instant(Micros(period * MINUTE)).isoformat(), None, short=short)
        return self.period(day_of(period).isoformat(), every, short=short)


# Messages of one event name the same figures and days again and again.


@lru_cache(maxsize=4096)
def _decimal(number: Decimal, pattern: str, locale: Locale) -> str:
    return str(format_decimal(number, pattern, locale=locale))


@lru_cache(maxsize=4096)
def _day(day: date, pattern: str, locale: Locale) -> str:
    return str(format_date(day, pattern, locale=locale))
