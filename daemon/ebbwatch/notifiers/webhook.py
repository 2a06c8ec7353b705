"""Webhooks: messages as JSON, Alertmanager's or our own, posted to an address."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import quote

import aiohttp

from ebbwatch.markup import alertmanager, own_json
from ebbwatch.markup.alertmanager import Dialect
from ebbwatch.markup.for_programs import Page
from ebbwatch.model.message import Message, Receipt, Target
from ebbwatch.net.delays import retry_after
from ebbwatch.net.proxies import ProxyUnusable
from ebbwatch.net.session import NOT_REACHED, proxy, session
from ebbwatch.ports import Abilities, NotifierSetup, RetryLater, Uncertain, Undeliverable

_CONNECT_S = 10.0
_TOTAL_S = 30.0
#: How long the proxy of an address is remembered: a laptop may change its network.
_PROXY_HOLDS = timedelta(minutes=1)

#: Statuses that say the request was not worked on. Source: RFC 9110 (408, 503), RFC 6585
#: (429), RFC 8470 (425).
_NOT_NOW = (408, 425, 429, 503)

_FORMATS = {"alertmanager": alertmanager.payload, "ebbwatch": own_json.payload}


class WebhookNotifier:
    """Posts messages; the address and any header may be secrets.

    Every post carries ``Idempotency-Key``, the same for every try, by which a receiver can
    tell a repeat. One that may have arrived before says so in its header ``Possible-Repeat``
    and in the annotation ``possible_repeat`` of each alert.
    """

    kind: ClassVar[str] = "webhook"
    can: ClassVar[Abilities] = Abilities()

    def __init__(self, setup: NotifierSetup) -> None:
        """Take clock and secrets."""
        self._setup = setup
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, tuple[datetime, str | None]] = {}

    def place(self, target: Target) -> str:
        """Return a digest of the address, which may be a secret and be moved to one."""
        written = target.options.get("url", "")
        try:
            address = self._setup.revealed(written)
        except Undeliverable:  # while the secret is not set, its name is all there is
            return f"{self.kind}:secret {written.get('secret', '')}"
        return f"{self.kind}:{hashlib.sha256(address.encode()).hexdigest()[:20]}"

    async def send(
        self,
        message: Message,
        target: Target,
        *,
        key: str,
        edit: Receipt | None = None,  # noqa: ARG002 what was posted stays posted
        thread: Receipt | None = None,  # noqa: ARG002 receivers group by groupKey
        possible_repeat: bool = False,
    ) -> Receipt:
        """Post a message.

        Raises:
            RetryLater: If the far side was not reached, or asked for patience.
            Undeliverable: If it refused, or the target is not set up.
            Uncertain: If it may have taken the message.
        """
        layout = target.options.get("format", "alertmanager")
        if layout not in _FORMATS:
            known = " and ".join(_FORMATS)
            raise Undeliverable(f"webhooks know the formats {known}, not {layout}")
        if "url" not in target.options:
            raise Undeliverable(f"the webhook of receiver {target.receiver} has no url")
        written = target.options.get("headers", {})
        if not isinstance(written, Mapping):
            raise Undeliverable(f"the webhook headers of receiver {target.receiver} are no map")
        headers = {str(name): self._setup.revealed(value) for name, value in written.items()}
        headers["Idempotency-Key"] = quote(key, safe=" !#$&'()*+,-./:;=?@[]_~|")
        if possible_repeat:
            headers["Possible-Repeat"] = "true"
        body = _FORMATS[layout](
            message, receiver=target.receiver, dialect=self._dialect(target),
            possible_repeat=possible_repeat,
        )  # fmt: skip
        url = self._setup.revealed(target.options["url"])
        try:
            async with self._connections().post(
                url,
                proxy=self._proxy(url),
                json=body,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                # The body is of no interest, and could drip for ever: it is not read.
                status, patience = answer.status, answer.headers.get("Retry-After")
        except ProxyUnusable as err:
            raise Undeliverable(str(err)) from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
            raise Undeliverable("the webhook's address or a header is malformed") from None
        except NOT_REACHED as err:
            raise RetryLater(f"the webhook was not reached: {type(err).__name__}") from None
        except (aiohttp.ClientError, TimeoutError) as err:
            raise Uncertain(f"the webhook gave no answer: {type(err).__name__}") from None
        self._judge(status, patience)
        return Receipt()

    def _dialect(self, target: Target) -> Dialect:
        """Return how a target wants its JSON."""
        severities = target.options.get("severities", {})
        return Dialect(
            by_level=target.options.get("labels") == "per level",
            severities=severities if isinstance(severities, Mapping) else {},
            page=Page(self._setup.page, self._setup.local_page),
        )

    def _judge(self, status: int, patience: str | None) -> None:
        if 200 <= status < 300:
            return
        if status in _NOT_NOW:
            after = retry_after(patience, self._setup.clock.now())
            raise RetryLater(f"the webhook answered {status}", after=after)
        if status >= 500:
            raise Uncertain(f"the webhook answered {status}: it may have taken the message")
        if 300 <= status < 400:
            raise Undeliverable(
                f"the webhook answered {status}, a redirect, which is refused; "
                "give the address it leads to"
            )
        raise Undeliverable(f"the webhook refused the message with {status}")

    def _proxy(self, url: str) -> str | None:
        """Return the proxy for an address, looked up once a minute: that takes a while."""
        now = self._setup.clock.now()
        looked_up_at, found = self._proxies.get(url, (None, None))
        if looked_up_at is None or now >= looked_up_at + _PROXY_HOLDS:
            found = proxy(url)
            self._proxies[url] = (now, found)
        return found

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = session(connect_s=_CONNECT_S, total_s=_TOTAL_S)
        return self._session

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        """Do nothing: Alertmanager's JSON has no place for pictures."""

    async def aclose(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()
