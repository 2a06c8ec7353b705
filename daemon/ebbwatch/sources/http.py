"""One way to ask a provider over HTTP: paced, bounded, conditional, and silent about URLs.

Every adapter in this package speaks through a `ProviderClient`. It turns whatever the
network does into the three errors of the port, with the provider's name and the status in
the text and nothing else: a URL may hold a key, and so may the text of an exception of the
HTTP library, which is therefore never passed on.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
import zlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import IO

import httpx

from ebbwatch.net.client import client
from ebbwatch.net.delays import http_date, retry_after
from ebbwatch.ports import Clock, SourceChanged, SourceRefused, SourceSetup, SourceUnavailable
from ebbwatch.sources.replies import LIMIT_BYTES, Reply, Validators

#: Time a whole request may take, whatever trickles in.
TOTAL_S = 25.0

#: The same, for files of many megabytes.
DOWNLOAD_TOTAL_S = 300.0

_TIMEOUT = httpx.Timeout(10.0)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_FIRST_PAUSE = timedelta(milliseconds=500)
_NOT_MODIFIED = 304


class ProviderClient:
    """An HTTP client for one provider, kept open between polls."""

    def __init__(
        self,
        setup: SourceSetup,
        default_base: str,
        *,
        name: str,
        pace_s: float = 0.0,
        tries: int = 3,
        total_s: float = TOTAL_S,
    ) -> None:
        """Open nothing yet.

        Args:
            setup: Clock, user agent, and a base URL that replaces the provider's own.
            default_base: The provider's own base URL.
            name: Of the source; the only thing errors say about whom we asked.
            pace_s: Least seconds between the starts of two requests.
            tries: How often a request is sent when the network or the server fails.
            total_s: Time one request may take as a whole.
        """
        self.name = name
        self._clock: Clock = setup.clock
        self._own_base = httpx.URL(default_base.rstrip("/"))
        self._base = httpx.URL((setup.base_url or default_base).rstrip("/"))
        self._pace = timedelta(seconds=pace_s)
        self._tries = min(tries, setup.most_tries or tries)
        self._heard = setup.heard
        self._total_s = total_s
        self._free_at: datetime | None = None
        self._client = client(
            str(self._base),
            timeout=_TIMEOUT,
            headers={"User-Agent": setup.user_agent, "Accept-Encoding": "gzip"},
            limits=httpx.Limits(max_connections=4, keepalive_expiry=60),
        )

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        validators: Validators | None = None,
        limit_bytes: int = LIMIT_BYTES,
        expected: Collection[int] = (),
    ) -> Reply:
        """Ask for something and return the whole answer.

        Args:
            path: Below the base URL; or an absolute address on the provider's own host,
                as its answers link to it.
            params: Query parameters.
            headers: Further request headers.
            validators: Of the last answer to the same request, to be told of changes only.
            limit_bytes: Most bytes taken, after decompression.
            expected: Statuses of 400 and more that are an answer here and not a failure.

        Raises:
            SourceUnavailable: No answer, 429, 5xx, or a body that broke off.
            SourceRefused: 401, 403, 451.
            SourceChanged: Any other status, a redirect elsewhere, too many bytes.
        """
        sink = io.BytesIO()
        answer = await self._ask(
            path, params, headers, validators, limit_bytes, expected, sink, self._total_s
        )
        return Reply(
            provider=self.name,
            status=answer.status_code,
            content=sink.getvalue(),
            validators=_validators(answer),
            date=http_date(answer.headers.get("Date")),
        )

    async def download(
        self, path: str, *, validators: Validators | None = None, limit_bytes: int
    ) -> Reply:
        """Ask for a big file; the answer holds it as a temporary file without a name.

        Takes and raises what `get` does. The file vanishes when it is closed, or with us.
        """
        # Not a context manager here: the file outlives this call, and the caller closes it.
        try:
            sink: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        except OSError:  # no folder for it, or none that can be written
            sink = io.BytesIO()
        try:
            answer = await self._ask(
                path, None, None, validators, limit_bytes, (), sink, DOWNLOAD_TOTAL_S
            )
        except BaseException:
            sink.close()
            raise
        sink.seek(0)
        return Reply(
            provider=self.name,
            status=answer.status_code,
            file=sink,
            validators=_validators(answer),
            date=http_date(answer.headers.get("Date")),
        )

    async def _ask(
        self,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        validators: Validators | None,
        limit_bytes: int,
        expected: Collection[int],
        sink: IO[bytes],
        total_s: float,
    ) -> httpx.Response:
        """Send until answered, refused, or out of tries; the body of the answer is in `sink`."""
        url = self._url(path)
        if params:
            url = url.copy_merge_params(dict(params))
        sent = {**(validators or Validators()).headers(), **(headers or {})}
        pause = _FIRST_PAUSE
        left = self._tries
        while True:
            left -= 1
            try:
                async with asyncio.timeout(total_s):
                    return await self._once(url, sent, limit_bytes, expected, sink)
            except TimeoutError:
                failure = SourceUnavailable(
                    f"{self.name}: no whole answer within {total_s:g} s", reached=False
                )
            except SourceUnavailable as unavailable:
                failure = unavailable
            if left <= 0 or failure.after is not None:
                raise failure from None
            sink.seek(0)
            sink.truncate()
            await self._clock.wait_until(self._clock.now() + pause)
            pause *= 2

    async def _once(
        self,
        url: httpx.URL,
        headers: Mapping[str, str],
        limit_bytes: int,
        expected: Collection[int],
        sink: IO[bytes],
    ) -> httpx.Response:
        """Send one request, following redirects on the same host."""
        for _ in range(_MOST_REDIRECTS + 1):
            await self._keep_pace()
            try:
                async with self._client.stream("GET", url, headers=dict(headers)) as response:
                    self._hear(response)
                    if response.status_code not in _REDIRECTS:
                        self._check(response, expected)
                        await self._read(response, limit_bytes, sink)
                        return response
                    url = self._elsewhere(url, response)
            except httpx.TimeoutException:
                raise SourceUnavailable(f"{self.name}: no answer in time", reached=False) from None
            except httpx.InvalidURL:  # the library looks at redirects that it does not follow
                raise self._no_address() from None
            except httpx.TransportError as error:
                raise SourceUnavailable(
                    f"{self.name}: the connection failed ({type(error).__name__})", reached=False
                ) from None
        raise SourceChanged(f"{self.name}: redirected more than {_MOST_REDIRECTS} times")

    def _hear(self, response: httpx.Response) -> None:
        """Pass on what time it is there; a cache in between repeats an old one and says how old."""
        said, age = http_date(response.headers.get("Date")), response.headers.get("Age", "0")
        if self._heard is not None and said is not None and age.isdecimal():
            self._heard(said + timedelta(seconds=int(age[:9])))

    async def _keep_pace(self) -> None:
        now = self._clock.now()
        start = max(now, self._free_at or now)
        self._free_at = start + self._pace
        await self._clock.wait_until(start)

    def _url(self, path: str) -> httpx.URL:
        """Return the address of a path, or of a link on the provider's own host."""
        try:
            if path.startswith(("http://", "https://")):
                path = self._own_path(httpx.URL(path))
            return httpx.URL(f"{str(self._base).rstrip('/')}/{path.lstrip('/')}")
        except httpx.InvalidURL:
            raise SourceChanged(f"{self.name}: it links to something that is no address") from None

    def _own_path(self, link: httpx.URL) -> str:
        """Return the path of a link below the base URL."""
        if link.host not in {self._own_base.host, self._base.host}:
            raise SourceChanged(f"{self.name}: it links to another host, which is not followed")
        path = link.raw_path.decode("ascii")
        base = self._own_base.path.rstrip("/")
        return path.removeprefix(base) if path.startswith(f"{base}/") else path

    def _elsewhere(self, url: httpx.URL, response: httpx.Response) -> httpx.URL:
        """Return where a redirect leads, if it stays on the host: as it is, or by https."""
        try:
            target = url.join(response.headers.get("Location", ""))
        except httpx.InvalidURL:
            raise self._no_address() from None
        if target.userinfo and target.userinfo != url.userinfo:
            raise SourceChanged(
                f"{self.name}: redirected to an address with a password in it, which is not followed"
            )
        # A port of its own is none of another scheme's.
        same = (target.scheme, target.port) == (url.scheme, url.port)
        safer = (url.scheme, target.scheme, url.port, target.port) == ("http", "https", None, None)
        if target.host != url.host or not (same or safer):
            raise SourceChanged(f"{self.name}: redirected to another host, which is not followed")
        return target

    def _no_address(self) -> SourceChanged:
        return SourceChanged(f"{self.name}: redirected to something that is no address")

    def _check(self, response: httpx.Response, expected: Collection[int]) -> None:
        """Pass answers on and raise for the rest."""
        status = response.status_code
        if 200 <= status < 300 or status == _NOT_MODIFIED or status in expected:
            return
        if status in {401, 403, 451}:
            raise SourceRefused(
                f"{self.name}: refused with HTTP {status}; check the key, the quota and where we ask from"
            )
        if status in {408, 425, 429} or status >= 500:
            after = retry_after(response.headers.get("Retry-After"), self._clock.now())
            raise SourceUnavailable(f"{self.name}: answered HTTP {status}", after=after)
        raise SourceChanged(f"{self.name}: expected HTTP 200, found {status}")

    async def _read(self, response: httpx.Response, limit_bytes: int, sink: IO[bytes]) -> None:
        """Write a body to the sink, never more than the limit, also when it inflates."""
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip", ""}:
            raise SourceChanged(
                f"{self.name}: expected gzip or plain bytes, found another encoding"
            )
        inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        size = 0
        try:
            async for chunk in response.aiter_raw():
                # One byte more than allowed tells "at the limit" from "beyond it".
                part = inflate.decompress(chunk, limit_bytes - size + 1) if inflate else chunk
                size += len(part)
                if size > limit_bytes:
                    raise SourceChanged(f"{self.name}: the answer exceeds {limit_bytes} bytes")
                sink.write(part)
        except zlib.error:
            raise SourceChanged(f"{self.name}: expected gzip, found other bytes") from None
        if inflate is not None and size > 0 and not inflate.eof:
            raise SourceUnavailable(f"{self.name}: the answer broke off")


def _validators(response: httpx.Response) -> Validators:
    return Validators(response.headers.get("ETag"), response.headers.get("Last-Modified"))
