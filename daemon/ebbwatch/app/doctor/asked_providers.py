"""What doctor asks each provider, once: whether it answers, and in the shape that is expected."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ebbwatch.app.doctor.diagnosis import Diagnosis, doubtful, failing, fine
from ebbwatch.app.plugins import Adapters
from ebbwatch.app.providers import USER_AGENT, followed, wanted_sources
from ebbwatch.clocks import elapsed_s
from ebbwatch.model.source import KeyPolicy, in_variables
from ebbwatch.ports import (
    Clock,
    EbbwatchError,
    FigureSource,
    Poll,
    Source,
    SourceChanged,
    SourceRefused,
    SourceSetup,
    SourceUnavailable,
    TextSource,
    Wanted,
)
from ebbwatch.ruleset.rules import Ruleset

if TYPE_CHECKING:
    from ebbwatch.settings import Settings

#: How long a provider may take for all that is asked of it.
PATIENCE_S = 15.0

_REPORT = "The provider changed, or this reading of it is wrong: please report this line."


async def providers_asked(
    settings: Settings, ruleset: Ruleset, clock: Clock, heard: Callable[[datetime], object]
) -> list[Diagnosis]:
    """Return how each provider that the rules need answered; all are asked at once."""
    adapters = Adapters("sources")
    names = sorted(wanted_sources(ruleset))
    return list(
        await asyncio.gather(
            *(_asked(name, adapters, settings, ruleset, clock, heard) for name in names)
        )
    )


async def _asked(
    name: str,
    adapters: Adapters,
    settings: Settings,
    ruleset: Ruleset,
    clock: Clock,
    heard: Callable[[datetime], object],
) -> Diagnosis:
    """Return how a provider answered."""
    key = settings.api_key(name)
    setup = SourceSetup(
        clock=clock, base_url=settings.base_url(name), api_key=key, user_agent=USER_AGENT,
        most_tries=1, heard=heard,
    )  # fmt: skip
    try:
        if key is None and adapters[name].facts.key is KeyPolicy.REQUIRED:
            variable = f"EBBWATCH_{in_variables(name).upper()}__API_KEY"
            if all(series.source.name != name for series in followed(ruleset)):
                return fine(name, f"not asked: a second choice only, which wants {variable}")
            return doubtful(name, "not asked: it wants a key of yours", f"Set {variable}.")
        source: Source = adapters.built(name, setup)
    except Exception as error:  # noqa: BLE001  an adapter of somebody else's
        return failing(name, str(error), "Mend or remove its package.")
    began = elapsed_s()
    try:
        async with asyncio.timeout(PATIENCE_S):
            polls, wanted = await _visited(source, _wanted(name, ruleset))
    except TimeoutError:
        return failing(name, f"no whole answer within {PATIENCE_S:g} s", "Try again later.")
    except SourceUnavailable as error:
        return failing(name, _own(name, error), "Try again later.")
    except SourceRefused as error:
        return failing(name, _own(name, error), "Check its key, and whether it serves this place.")
    except SourceChanged as error:
        return failing(name, _own(name, error), _REPORT)
    except EbbwatchError as error:
        return failing(name, _own(name, error))
    except Exception as error:  # noqa: BLE001  what an adapter did not foresee is a finding, too
        return failing(name, f"its answer was not understood ({type(error).__name__})", _REPORT)
    finally:
        await source.aclose()
    return _read(name, polls, wanted, elapsed_s() - began)


def _wanted(name: str, ruleset: Ruleset) -> list[Wanted]:
    """Return what a source is asked for: the series that rules read."""
    return [
        Wanted(series, choice.argument)
        for series in followed(ruleset)
        for choice in (series.source, series.fallback)
        if choice is not None and choice.name == name
    ]


async def _visited(source: Source, wanted: Sequence[Wanted]) -> tuple[list[Poll], Sequence[Wanted]]:
    """Return what a source gives now, of each of its hosts."""
    if isinstance(source, TextSource):
        texts = (source.read(host, cursor=None) for host in source.facts.hosts)
        return list(await asyncio.gather(*texts)), ()
    assert isinstance(source, FigureSource)
    hosts: dict[str, list[Wanted]] = defaultdict(list)
    for item in wanted:
        hosts[source.host(item.argument)].append(item)
    polls = (source.poll(items, cursor=None) for items in hosts.values())
    return list(await asyncio.gather(*polls)), wanted


def _read(name: str, polls: Sequence[Poll], wanted: Sequence[Wanted], took_s: float) -> Diagnosis:
    """Return what answers say, once the adapter has read them."""
    faults = {series: error for poll in polls for series, error in poll.faults.items()}
    if faults:
        series, error = next(iter(faults.items()))
        more = f" (and {len(faults) - 1} more series)" if len(faults) > 1 else ""
        remedy = _REPORT if isinstance(error, SourceChanged) else "Try again later."
        return failing(name, f"{series}: {_own(name, error)}{more}", remedy)
    unread = [said for poll in polls for rows in poll.unread.values() for said in rows]
    if unread:
        more = f" (and {len(unread) - 1} more rows)" if len(unread) > 1 else ""
        return doubtful(name, f"{unread[0]}{more}", _REPORT)
    figures = [figure for poll in polls for figure in poll.published]
    texts = [text for poll in polls for text in poll.texts]
    shown = f"{took_s:.1f} s"
    if texts:
        return fine(name, f"{shown}, {len(texts)} texts")
    if not figures:
        return doubtful(name, f"{shown}, and nothing in the answer: {polls[0].note or 'no rows'}")
    given = len({figure.series for figure in figures})
    every = {item.series.name: item.series.every for item in wanted}
    newest = max(figures, key=lambda figure: figure.period)
    until = every[newest.series].text(newest.period) if newest.series in every else ""
    return fine(name, f"{shown}, {len(figures)} figures of {given} of {len(every)} series, "
                      f"to {until}")  # fmt: skip


def _own(name: str, error: Exception) -> str:
    """Return what an error says, without the provider's name, which stands before it."""
    return str(error).removeprefix(f"{name}: ")
