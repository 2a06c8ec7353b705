"""A package of somebody else's: the news of two central banks, and a pager."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import ClassVar

import httpx

from ebbwatch.model.message import Message, Receipt, Target
from ebbwatch.model.observation import TextItem
from ebbwatch.model.source import Gives, KeyPolicy, Planned, SourceFacts
from ebbwatch.net.client import client
from ebbwatch.ports import (
    Abilities,
    NotifierSetup,
    Poll,
    RetryLater,
    SourceSetup,
    SourceUnavailable,
    Undeliverable,
)


class CentralBanks:
    """News of a bank in the north and one in the south, for people with a key."""

    name: ClassVar[str] = "central_banks"
    facts: ClassVar[SourceFacts] = SourceFacts(
        gives=Gives.TEXTS,
        key=KeyPolicy.REQUIRED,
        hosts=("north", "south"),
        planned=(
            Planned(
                at=time(9), zone="America/New_York", lasts=timedelta(hours=1),
                every=timedelta(milliseconds=300),
            ),
        ),
    )  # fmt: skip

    def __init__(self, setup: SourceSetup) -> None:
        assert setup.api_key is not None
        self._clock = setup.clock
        self._base = setup.base_url or "https://banks.example"
        self._client = client(self._base, headers={"X-Api-Key": setup.api_key.reveal()})

    async def read(self, host: str, *, cursor: str | None, since: datetime | None = None) -> Poll:
        """Read a bank's news after the one that the cursor names."""
        try:
            answer = await self._client.get(f"{self._base}/{host}", params={"after": cursor or ""})
        except httpx.HTTPError as err:
            raise SourceUnavailable(f"{host}: {type(err).__name__}") from None
        if answer.status_code != 200:
            raise SourceUnavailable(f"the bank in the {host} answered {answer.status_code}")
        texts = tuple(
            TextItem(
                source="whatever", key=f"{host}/{item['id']}", title=item["title"],
                body=item["body"], published_at=datetime.fromisoformat(item["at"]),
                known_at=self._clock.now(),
            )
            for item in answer.json()
        )  # fmt: skip
        return Poll(texts=texts, cursor=texts[-1].key if texts else cursor)

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()


class Pager:
    """Pages somebody, with a code that is a secret."""

    kind: ClassVar[str] = "pager"
    can: ClassVar[Abilities] = Abilities()

    def __init__(self, setup: NotifierSetup) -> None:
        self._setup = setup

    def place(self, target: Target) -> str:
        """Return the number."""
        return f"{self.kind}/{target.options.get('number', '')}"

    async def send(
        self,
        message: Message,
        target: Target,
        *,
        key: str,
        edit: Receipt | None = None,
        thread: Receipt | None = None,
        possible_repeat: bool = False,
    ) -> Receipt:
        """Page the number of a target."""
        url = self._setup.revealed(target.options["url"])
        page = {
            "number": target.options["number"],
            "code": self._setup.revealed(target.options["code"]),
            "text": "\n".join((message.headline, *message.lines)),
            "key": key,
        }
        try:
            async with client(url) as pager:
                answer = await pager.post(url, json=page)
        except httpx.HTTPError as err:
            raise RetryLater(f"the pager was not reached: {type(err).__name__}") from None
        if answer.status_code != 200:
            raise Undeliverable(f"the pager answered {answer.status_code}")
        return Receipt()

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        """Do nothing: a pager shows no charts."""

    async def aclose(self) -> None:
        """Do nothing: every page has a connection of its own."""
