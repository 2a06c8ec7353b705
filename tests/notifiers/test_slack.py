"""Slack's own ways: blocks and text, updates, files, tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ebbwatch.markup import slack as markup
from ebbwatch.model.message import Receipt, Target
from ebbwatch.notifiers.slack import SlackNotifier
from ebbwatch.ports import NotifierSetup, RetryLater, Secret, Uncertain, Undeliverable
from tests.markup.samples import CHINESE, ENGLISH
from tests.notifiers.hurry import HurriedClock
from tests.standins.serving import Fault
from tests.standins.slack import Posted, SlackStandIn, refusing

DESK = Target("desk", "slack", {"channel": "C0DESK00001"})


@pytest.fixture
async def app() -> AsyncIterator[SlackStandIn]:
    """Return the platform with one channel, which also has a name."""
    async with SlackStandIn() as app:
        app.names["#desk"] = "C0DESK00001"
        yield app


@pytest.fixture
async def notifier(app: SlackStandIn) -> AsyncIterator[SlackNotifier]:
    """Return a notifier for which time passes at once."""
    setup = NotifierSetup(
        HurriedClock(),
        {"SECOND": Secret("xoxb-second")},
        token=Secret(app.token),
        api_base=app.api_base.rstrip("/"),
    )
    notifier = SlackNotifier(setup)
    yield notifier
    await notifier.aclose()


def posted(app: SlackStandIn) -> list[Posted]:
    """Return the channel's messages."""
    return app.channels["C0DESK00001"]


async def test_a_message_has_blocks_and_text_and_carries_its_identity(
    app: SlackStandIn, notifier: SlackNotifier
) -> None:
    """The identity is the key's, the same for every try, and tells nothing of the key."""
    receipt = await notifier.send(CHINESE, DESK, key="spread/fired/desk/0")
    text, blocks = markup.blocks(CHINESE)
    (one,) = posted(app)
    assert receipt == Receipt(one.ts, "C0DESK00001")
    assert (one.text, one.blocks, one.thread_ts) == (text, blocks, None)
    assert one.metadata == {
        "event_type": "ebbwatch_delivery",
        "event_payload": {"delivery_id": one.client_msg_id},
    }
    assert one.client_msg_id == "16422768-679a-5542-8d57-b69a3adfa5ba"


async def test_easing_updates_the_message_and_an_escalation_is_a_new_one(
    app: SlackStandIn, notifier: SlackNotifier
) -> None:
    """In a thread, those who do not follow it would not hear of an escalation."""
    first = await notifier.send(ENGLISH, DESK, key="k1")
    eased = replace(ENGLISH, headline="↘ WATCH · eased")
    assert await notifier.send(eased, DESK, key="k2", edit=first, possible_repeat=True) == first
    await notifier.send(ENGLISH, DESK, key="k3", thread=first)
    one, two = posted(app)
    assert one.text.startswith("↘ WATCH · eased")
    assert (one.blocks, len(one.edits)) == (markup.blocks(eased)[1], 1)
    assert two.thread_ts is None


@pytest.mark.parametrize(
    "error", ["cant_update_message", "edit_window_closed", "message_not_found"]
)
async def test_where_nothing_can_be_updated_it_is_posted_anew(
    app: SlackStandIn, notifier: SlackNotifier, error: str
) -> None:
    """Workspaces close editing after a while, and people delete."""
    first = await notifier.send(ENGLISH, DESK, key="k1")
    app.faults = [refusing(error)]
    again = await notifier.send(ENGLISH, DESK, key="k2", edit=first)
    assert [one.ts for one in posted(app)] == [first.message_id, again.message_id]


async def test_a_channels_name_is_enough_and_the_receipt_has_its_id(
    app: SlackStandIn, notifier: SlackNotifier
) -> None:
    """Updates and files need the id."""
    target = Target("desk", "slack", {"channel": "#desk"})
    first = await notifier.send(ENGLISH, target, key="k1")
    assert first.place == "C0DESK00001"
    await notifier.send(CHINESE, target, key="k2", edit=first)
    await notifier.attach(b"PNG", CHINESE, target, to=first)
    text, chart = posted(app)
    assert text.edits
    assert (chart.files, chart.thread_ts) == ([b"PNG"], text.ts)


async def test_a_target_may_have_a_token_of_its_own(
    app: SlackStandIn, notifier: SlackNotifier
) -> None:
    """A second workspace is a second token."""
    target = replace(DESK, options={**DESK.options, "token": {"secret": "SECOND"}})
    with pytest.raises(Undeliverable, match=r"slack refused the token \(invalid_auth\)"):
        await notifier.send(ENGLISH, target, key="k")
    app.tokens = {"xoxb-second"}
    await notifier.send(ENGLISH, target, key="k")
    assert len(posted(app)) == 1


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_blocks_too_long", "msg_too_long"])
async def test_refused_blocks_are_said_once_more_as_text(
    app: SlackStandIn, notifier: SlackNotifier, error: str
) -> None:
    """Ugly, and told; a second refusal is the end of it."""
    app.faults = [refusing(error)]
    await notifier.send(ENGLISH, DESK, key="k")
    (one,) = posted(app)
    assert (one.text, one.blocks) == (markup.fallback(ENGLISH), [])
    app.faults = [refusing(error), refusing(error)]
    with pytest.raises(Undeliverable, match=f"slack refused the message: {error}"):
        await notifier.send(ENGLISH, DESK, key="k")


async def test_an_undocumented_argument_that_is_refused_is_left_out(
    app: SlackStandIn, notifier: SlackNotifier
) -> None:
    """The identity helps; it is no condition."""
    app.faults = [refusing("duplicate_message_not_found")]
    await notifier.send(ENGLISH, DESK, key="k")
    assert posted(app)[0].client_msg_id is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *((code, Undeliverable) for code in ("channel_not_found", "not_in_channel", "is_archived")),
        *((code, Undeliverable) for code in ("invalid_auth", "account_inactive", "token_revoked")),
        *((code, Undeliverable) for code in ("missing_scope", "restricted_action", "no_text")),
        *((code, Undeliverable) for code in ("too_many_attachments", "a_code_of_the_future")),
        *((code, RetryLater) for code in ("ratelimited", "rate_limited", "request_timeout")),
        *((code, Uncertain) for code in ("fatal_error", "internal_error", "service_unavailable")),
    ],
)
async def test_every_error_code_has_one_meaning(
    app: SlackStandIn, notifier: SlackNotifier, error: str, kind: type[Exception]
) -> None:
    """A refusal we do not know is a refusal: Slack says so with ``ok: false``."""
    app.faults = [refusing(error)]
    with pytest.raises(kind):
        await notifier.send(ENGLISH, DESK, key="k")
    assert posted(app) == []


async def test_a_redirect_is_refused_and_nothing_is_sent_there(
    app: SlackStandIn, notifier: SlackNotifier
) -> None:
    """It would carry the token along."""
    app.faults = [Fault(status=307, headers={"Location": f"{app.api_base}chat.postMessage"})]
    with pytest.raises(Undeliverable, match="a redirect, which is refused"):
        await notifier.send(ENGLISH, DESK, key="k")
    assert posted(app) == []


@pytest.mark.parametrize(
    "method", ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"]
)
async def test_a_chart_that_fails_at_any_step_is_an_error_of_ours(
    app: SlackStandIn, notifier: SlackNotifier, method: str
) -> None:
    """Three requests, and any may fail."""
    receipt = await notifier.send(ENGLISH, DESK, key="k")
    app.faults = [Fault(status=500, method=method)]
    with pytest.raises(Uncertain):
        await notifier.attach(b"PNG", ENGLISH, DESK, to=receipt)
