"""Terminal: messages as lines of text on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import ClassVar

from ebbwatch.markup.plain import plain
from ebbwatch.model.alert import Level
from ebbwatch.model.message import Message, Receipt, Target
from ebbwatch.ports import Abilities, NotifierSetup, Undeliverable

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
        """
        text = plain(message, possible_repeat=possible_repeat)
        if self._in_colour():
            head, separator, rest = text.partition("\n")
            text = _bold(head, _COLOURS.get(message.level)) + separator + rest
        try:
            if self._write is not None:
                self._write(f"{text}\n\n")
            else:
                sys.stdout.write(f"{text}\n\n")
                sys.stdout.flush()
        except (OSError, ValueError) as err:  # a broken pipe, a closed file
            raise Undeliverable("standard output is closed") from err
        return Receipt()

    def _in_colour(self) -> bool:
        if self._colour is not None:
            return self._colour
        return self._write is None and sys.stdout.isatty()

    async def attach(self, chart: bytes, message: Message, target: Target, *, to: Receipt) -> None:
        """Do nothing: a terminal shows no pictures."""

    async def aclose(self) -> None:
        """Do nothing: standard output belongs to the process."""


def _bold(text: str, colour: str | None) -> str:
    from rich.style import Style  # noqa: PLC0415  only where a person looks on in colour

    return Style(bold=True, color=colour).render(text)
