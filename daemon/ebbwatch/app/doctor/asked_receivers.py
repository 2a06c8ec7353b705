"""What doctor asks of each receiver, without sending anything: whether it could be told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ebbwatch.app.doctor.diagnosis import Diagnosis, doubtful, failing, fine
from ebbwatch.app.receivers import half_set, missing_secrets
from ebbwatch.model.message import Target
from ebbwatch.ports import Clock, DeliveryError, EbbwatchError, NotifierSetup
from ebbwatch.ruleset.rules import Ruleset

if TYPE_CHECKING:
    from ebbwatch.settings import Settings

#: How long a platform may take for all that is asked about one place.
PATIENCE_S = 15.0
#: How many places are asked about at a time: platforms count what a bot asks.
_AT_ONCE = 8

Heard = Callable[[datetime], object]


async def receivers_asked(
    settings: Settings, ruleset: Ruleset, clock: Clock, heard: Heard
) -> list[Diagnosis]:
    """Return how each receiver stands."""
    found = [doubtful("settings", said.partition(";")[0], _sentence(said.partition("; ")[2]))
             for said in half_set(ruleset, settings)]  # fmt: skip
    found += [
        failing(each.receiver, f"names the secret {each.name}, which is not set",
                _sentence(each.remedy))
        for each in missing_secrets(ruleset, settings)
    ]  # fmt: skip
    room = asyncio.Semaphore(_AT_ONCE)

    async def in_turn(target: Target) -> Diagnosis:
        async with room:
            return await _asked(target, settings, clock, heard)

    targets = [target for several in ruleset.receivers.values() for target in several]
    return [*found, *await asyncio.gather(*map(in_turn, targets))]


async def _asked(target: Target, settings: Settings, clock: Clock, heard: Heard) -> Diagnosis:
    """Return whether a place could be told."""
    platform = settings.platforms.get(target.kind)
    setup = NotifierSetup(
        clock=clock, secrets=settings.secret,
        token=None if platform is None else platform.bot,
        api_base=None if platform is None else platform.api_base,
    )  # fmt: skip
    look = _LOOKS.get(target.kind)
    if look is None:
        return fine(target.key, f"{target.kind}: cannot be asked without sending")
    try:
        async with asyncio.timeout(PATIENCE_S):
            said, lacking = await look(target, setup, heard)
    except TimeoutError:
        return failing(target.key, f"{target.kind} did not answer within {PATIENCE_S:g} s",
                       "Try again later.")  # fmt: skip
    except EbbwatchError as error:
        words, _, remedy = str(error).partition("; ")
        return failing(target.key, words, _sentence(remedy))
    return doubtful(target.key, said, _sentence(lacking)) if lacking else fine(target.key, said)


async def _terminal(_: Target, __: NotifierSetup, ___: Heard) -> tuple[str, str]:
    return "the terminal", ""


async def _telegram(target: Target, setup: NotifierSetup, heard: Heard) -> tuple[str, str]:
    from ebbwatch.platforms.telegram_chats import TelegramLookup

    lookup = TelegramLookup(_token(target, setup), setup.api_base, heard=heard)
    try:
        chat = str(target.options["chat"])
        name = await lookup.name()
        await lookup.check(chat)
    finally:
        await lookup.aclose()
    return f"telegram: {name} may write to {chat}", ""


async def _slack(target: Target, setup: NotifierSetup, heard: Heard) -> tuple[str, str]:
    from ebbwatch.platforms.slack import ScopeMissing
    from ebbwatch.platforms.slack_channels import SlackLookup

    lookup = SlackLookup(_token(target, setup), setup.api_base, heard=heard)
    channel = str(target.options["channel"])
    try:
        name = (await lookup.able()).name
        try:
            await lookup.check(channel)
        except ScopeMissing as error:
            # Messages go out all the same.
            said, _, remedy = str(error).partition("; ")
            return f"{said}, so {channel} was not looked at", remedy
    finally:
        await lookup.aclose()
    return f"slack: {name} may write to {channel}", ""


async def _webhook(target: Target, setup: NotifierSetup, _: Heard) -> tuple[str, str]:
    """Find its host; its address may be a secret and is not shown."""
    from ebbwatch.net.proxies import proxy_for

    address = setup.revealed(target.options["url"])
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        host, port = None, 0
    if not host:
        raise DeliveryError("the address of the webhook is malformed; correct it")
    if proxy_for(address) is not None:
        return "webhook: behind a proxy, which knows its host", ""
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise DeliveryError(
            "the host of the webhook is not known; check its address, and the connection"
        ) from None
    return "webhook: its host is known; it is not asked without sending", ""


_LOOKS = {"terminal": _terminal, "telegram": _telegram, "slack": _slack, "webhook": _webhook}


def _token(target: Target, setup: NotifierSetup) -> str:
    """Return a target's own token, or the settings' one."""
    if "token" in target.options:
        return setup.revealed(target.options["token"])
    return "" if setup.token is None else setup.token.reveal()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
