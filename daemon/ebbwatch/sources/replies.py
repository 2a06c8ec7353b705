"""What a provider answers over HTTP, and what makes the next question conditional."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO, Any

from ebbwatch.ports import SourceChanged

#: Most bytes taken from an ordinary answer, after decompression.
LIMIT_BYTES = 8_000_000

_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes the next request for the same thing conditional.

    Attributes:
        etag: As the server gave it, quotes included; None where it gave none.
        last_modified: As the server gave it; None where it gave none.
    """

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the request headers that ask "only if it changed"."""
        pairs = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        # What a server may answer and a request cannot hold is not sent back.
        return {
            name: value
            for name, value in pairs.items()
            if value is not None and value.isascii() and value.isprintable()
        }

    def dump(self) -> dict[str, str]:
        """Return a map that a cursor can hold as JSON."""
        pairs = {"etag": self.etag, "last_modified": self.last_modified}
        return {name: value for name, value in pairs.items() if value is not None}

    @classmethod
    def load(cls, saved: object) -> Validators:
        """Return what `dump` gave; none at all for anything else."""
        if not isinstance(saved, dict):
            return cls()
        etag, last_modified = saved.get("etag"), saved.get("last_modified")
        return cls(
            etag if isinstance(etag, str) else None,
            last_modified if isinstance(last_modified, str) else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a provider answered.

    Attributes:
        provider: Its name, for errors.
        status: 2xx, 304, or one of the statuses the caller expected.
        content: Whole body, decompressed; empty of a download and of ``not modified``.
        file: Of a download, the body in a temporary file at its start; the caller closes it.
        validators: For the next request; keep them only once the body was understood.
        date: The server's own clock, UTC; None where it did not say.
    """

    provider: str
    status: int
    content: bytes = b""
    file: IO[bytes] | None = None
    validators: Validators = Validators()
    date: datetime | None = None

    @property
    def not_modified(self) -> bool:
        """Return whether the server said that nothing changed."""
        return self.status == _NOT_MODIFIED

    def text(self) -> str:
        """Return the body as text (UTF-8, which all our providers send)."""
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise SourceChanged(
                f"{self.provider}: expected UTF-8 text, found other bytes"
            ) from None

    def json(self, encoding: str = "utf-8-sig") -> Any:
        """Return the body parsed: fractions as `Decimal`, integers exact.

        Raises:
            SourceChanged: If it is no JSON: a page, an empty or a cut body, other bytes.
        """
        body = self.content.removeprefix(b"\xef\xbb\xbf").lstrip()
        if encoding != "utf-8-sig":
            try:
                body = body.decode(encoding).lstrip("\ufeff").encode()
            except UnicodeError:
                raise SourceChanged(
                    f"{self.provider}: expected {encoding} text, found other bytes"
                ) from None
        if body.startswith(b"<"):
            raise SourceChanged(
                f"{self.provider}: expected JSON, found a page (HTML or XML)", passing=True
            )
        if not body:
            raise SourceChanged(
                f"{self.provider}: expected JSON, found an empty answer", passing=True
            )
        try:
            return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            place = len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
            cut = place >= len(body.rstrip()) or error.msg.startswith("Unterminated")
            what = (
                "one that is cut off" if cut else f"none at byte {place + 1} ({error.msg.lower()})"
            )
            raise SourceChanged(
                f"{self.provider}: expected JSON, found {what}", passing=cut
            ) from None
        except _Constant as constant:
            place = _place_of(str(constant).encode(), body)
            raise SourceChanged(
                f"{self.provider}: expected JSON, found a bare {constant} at byte {place}"
            ) from None
        except RecursionError:
            raise SourceChanged(
                f"{self.provider}: expected JSON, found one nested too deeply"
            ) from None
        except (ValueError, ArithmeticError):
            raise SourceChanged(
                f"{self.provider}: expected JSON, found bytes that are none"
            ) from None


class _Constant(ValueError):
    """A constant that is no JSON, such as NaN."""


def _place_of(word: bytes, body: bytes) -> int:
    """Return at which byte, from 1, a word first stands outside of texts."""
    for found in re.finditer(rb'"(?:[^"\\]|\\.)*"|' + re.escape(word), body):
        if found[0] == word:
            return found.start() + 1
    return 1


def _no_constant(name: str) -> Any:
    raise _Constant(name)
