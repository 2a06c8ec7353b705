"""Webhooks' own ways: what is posted, with which headers, over which connection."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ebbwatch.markup.alertmanager import payload
from ebbwatch.model.message import Receipt, Target
from ebbwatch.notifiers.webhook import WebhookNotifier
from ebbwatch.ports import NotifierSetup, Secret, Undeliverable
from tests.fakes import ManualClock
from tests.markup.samples import ENGLISH
from tests.standins.webhook import WebhookStandIn


async def test_a_post_carries_the_body_the_headers_and_the_key() -> None:
    """The key stands in a header as it is, where headers can hold it."""
    async with WebhookStandIn() as hook:
        setup = NotifierSetup(ManualClock(), {"URL": Secret(hook.url), "AUTH": Secret("Bearer x")})
        notifier = WebhookNotifier(setup)
        options = {
            "url": {"secret": "URL"},
            "headers": {"Authorization": {"secret": "AUTH"}, "X": 1},
        }
        target = Target("oncall", "webhook", options)
        key = "funding-spread/2025-11-03T14:00:00+00:00/fired/oncall/0"
        assert await notifier.send(ENGLISH, target, key=key) == Receipt()
        await notifier.send(ENGLISH, target, key="準備金\r\nX: 1")
        await notifier.aclose()
    one, two = hook.taken
    assert one.body == payload(ENGLISH, receiver="oncall")
    assert (one.key, one.headers["Authorization"], one.headers["X"]) == (key, "Bearer x", "1")
    assert two.key == "%E6%BA%96%E5%82%99%E9%87%91%0D%0AX: 1"


async def test_one_connection_serves_many_posts() -> None:
    """A new one for each would cost more than the posts."""
    async with WebhookStandIn() as hook:
        notifier = WebhookNotifier(NotifierSetup(ManualClock()))
        target = Target("oncall", "webhook", {"url": hook.url})
        for n in range(5):
            await notifier.send(ENGLISH, target, key=f"{n}")
        await notifier.aclose()
    assert len(hook.connections) == 1
    assert len(hook.taken) == 5


async def test_which_proxy_is_asked_is_looked_up_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not with every post; a laptop may change its network all the same."""
    clock = ManualClock()
    async with WebhookStandIn() as hook:
        notifier = WebhookNotifier(NotifierSetup(clock))
        target = Target("oncall", "webhook", {"url": hook.url})
        await notifier.send(ENGLISH, target, key="a")
        monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:9")
        clock.advance(timedelta(seconds=59))
        await notifier.send(ENGLISH, target, key="b")
        clock.advance(timedelta(seconds=1))
        with pytest.raises(Undeliverable, match="proxy of the kind socks5"):
            await notifier.send(ENGLISH, target, key="c")
        await notifier.aclose()
    assert [taken.key for taken in hook.taken] == ["a", "b"]
