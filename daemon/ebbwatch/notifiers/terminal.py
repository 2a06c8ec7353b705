"""Terminal: messages as lines of text on standard output."""

from __future__ import annotations

import asyncio
import errno
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ClassVar

from ebbwatch.markup.plain import plain
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Message, Receipt, Target
from ebbwatch.ports import Abilities, NotifierSetup, RetryLater, Undeliverable
from ebbwatch.standard_output import write_through

_COLOURS = {Level.WATCH: "yellow", Level.WARNING: "dark_orange", Level.CRITICAL: "red"}


class TerminalNotifier:
    """Writes messages to standard output, with an empty line between them."""

    kind: ClassVar[str] = "terminal"
    can: ClassVar[Abilities] = Abilities(at_once=1)

    def __init__(
        self,
        setup: NotifierSetup,  # noqa: ARG002 every notifier is built the same way
        *,
        write: Callable[[str], object] | None = None,
        colour: bool | None = None,
    ) -> None:
        """Take where to write.

        Args:
            setup: Unused.
            write: Takes text; None for standard output.
            colour: Whether headlines are coloured; None asks whether a person looks on.
        """
        self._write = write
        self._colour = colour
        self._line = _StandardOutput()

    def place(self, target: Target) -> str:  # noqa: ARG002 there is one terminal
        """Return the kind."""
        return self.kind

    async def send(
        self,
        message: Message,
        target: Target,  # noqa: ARG002 there is one terminal
        *,
        key: str,  # noqa: ARG002
        edit: Receipt | None = None,  # noqa: ARG002 what is printed stays printed
        thread: Receipt | None = None,  # noqa: ARG002
        possible_repeat: bool = False,
    ) -> Receipt:
        """Write a message.

        Raises:
            Undeliverable: If nobody reads standard output any more.
            RetryLater: If it takes nothing now: its disk is full, or whoever reads it pauses.
        """
        text = plain(message, possible_repeat=possible_repeat)
        if self._in_colour():
            head, separator, rest = text.partition("\n")
            text = _bold(head, _COLOURS.get(message.level)) + separator + rest
        try:
            if self._write is not None:
                self._write(f"{text}\n\n")
            else:
                await self._line.write(f"{text}\n\n")
        except BrokenPipeError as err:
            raise Undeliverable("nobody reads standard output any more") from err
        except (OSError, ValueError) as err:
            why = getattr(err, "strerror", None) or str(err)
            raise RetryLater(f"standard output takes nothing: {why.lower()}") from err
        return Receipt()

    def _in_colour(self) -> bool:
        if self._colour is not None:
            return self._colour
        return self._write is None and sys.stdout.isatty()

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        """Do nothing: a terminal shows no pictures."""

    async def aclose(self) -> None:
        """Do nothing: standard output belongs to the process."""


class _StandardOutput:
    """Writes on a thread: a pipe that nobody reads for a while must not stop the daemon."""

    def __init__(self) -> None:
        self._writing: asyncio.Future[None] | None = None

    async def write(self, text: str) -> None:
        """Write a text, all of it.

        Raises:
            OSError: If that is not possible, or an earlier text is still being written.
            ValueError: If standard output was closed.
        """
        if self._writing is not None and not self._writing.done():
            raise BlockingIOError(errno.EAGAIN, "an earlier message still waits to be read")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writing = done
        threading.Thread(target=self._write, args=(text, done), daemon=True).start()
        await asyncio.shield(done)

    @staticmethod
    def _write(text: str, done: asyncio.Future[None]) -> None:
        loop = done.get_loop()
        try:
            write_through(text)
        except (OSError, ValueError) as error:
            outcome: Callable[[], object] = partial(done.set_exception, error)
        else:
            outcome = partial(done.set_result, None)
        with suppress(RuntimeError):  # the daemon has ended meanwhile
            loop.call_soon_threadsafe(outcome)


def _bold(text: str, colour: str | None) -> str:
    from rich.style import Style  # noqa: PLC0415  only where a person looks on in colour

    return Style(bold=True, color=colour).render(text)
