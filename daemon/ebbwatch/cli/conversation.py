"""A conversation on a terminal: what is said, and what is asked where somebody can answer."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from typing import NoReturn, TextIO

from ebbwatch.cli import common
from ebbwatch.cli.printing import wrapped


class Conversation:
    """Says and asks; without a terminal it asks nothing, and whoever runs it has said it all.

    Attributes:
        asks: Whether somebody is there to answer.
    """

    def __init__(self, *, aside: bool = False) -> None:
        """Speak on standard output, or aside of it where that is for a program."""
        self._out: TextIO = sys.stderr if aside else sys.stdout
        self.asks = sys.stdin.isatty() and self._out.isatty()

    def say(self, text: str = "", *, indent: str = "   ") -> None:
        """Say something on a line, or on several where one has no room for it."""
        hanging = "  " if text.startswith("- ") else ""
        print(wrapped(text, indent=indent, hanging=hanging) if text else "",
              file=self._out, flush=True)  # fmt: skip

    def step(self, text: str) -> None:
        """Say what comes next."""
        self.say()
        self.say(text, indent="")

    def show(self, text: str) -> None:
        """Say something as it is, to be copied."""
        print(text, file=self._out, flush=True)

    def secret(self, question: str) -> str:
        """Return what was typed or pasted, which is not shown."""
        return getpass.getpass(f"{question} (it is not shown): ", stream=self._out).strip()

    def ask(self, question: str) -> str:
        """Return what was typed."""
        # On standard output, `input` would write the question where programs read.
        print(f"{question} ", end="", file=self._out, flush=True)
        return input().strip()

    def agree(self, question: str, *, default: bool) -> bool:
        """Return whether the answer is yes; nothing typed is the default."""
        while True:
            said = self.ask(f"{question} [{'Y/n' if default else 'y/N'}]").lower()
            if said in ("", "y", "yes", "n", "no"):
                return default if not said else said.startswith("y")

    def choose(self, question: str, options: Sequence[str], otherwise: str = "") -> int | None:
        """Return the place of what was chosen, or None for nothing typed.

        Args:
            question: Asked below the options.
            options: What there is.
            otherwise: What happens where nothing is typed; it is asked again where left out.
        """
        for number, option in enumerate(options, 1):
            self.say(f"{number}  {option}")
        while True:
            said = self.ask(f"{question} (Enter: {otherwise})" if otherwise else question)
            if not said and otherwise:
                return None
            if said.isdecimal() and 1 <= int(said[:9]) <= len(options):
                return int(said) - 1


def nobody_to_ask(what: str, options: str) -> NoReturn:
    """End where something is missing and nobody is there to be asked.

    Args:
        what: Is missing.
        options: How it is given.
    """
    common.stop(f"there is no terminal to ask on: give {what} by {options}", common.WRONG_USE)
