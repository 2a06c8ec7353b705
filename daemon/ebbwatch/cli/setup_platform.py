"""What setting up Telegram and Slack have in common: the token, the test message, trying again."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ebbwatch import app as root
from ebbwatch.cli import trial_message
from ebbwatch.cli.conversation import Conversation, nobody_to_ask
from ebbwatch.clocks import SystemClock
from ebbwatch.model.message import Receipt, Target
from ebbwatch.model.redaction import learn
from ebbwatch.ports import (
    DeliveryError,
    EbbwatchError,
    NotifierSetup,
    RetryLater,
    Secret,
    Uncertain,
)

if TYPE_CHECKING:
    from ebbwatch.settings import SlackSettings, TelegramSettings

T = TypeVar("T")

#: What to do about a token elsewhere; here it is typed.
_SET_IT = re.compile(r"[;,] (and )?set (a valid )?EBBWATCH_\w+$")


class SetupStopped(EbbwatchError):
    """Setting up cannot go on; what to do about it is said."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say.

    Attributes:
        token_file: Holds the token.
        chat: Of Telegram.
        topic: Of that chat.
        channel: Of Slack.
        no_wait: Whether nobody is to be waited for.
        remove_webhook: Whether the bot's news may be taken from a web address.
        language: Of the test message.
    """

    token_file: Path | None
    chat: str | None
    topic: int | None
    channel: str | None
    no_wait: bool
    remove_webhook: bool
    language: str


@dataclass(frozen=True, slots=True)
class ChosenPlace:
    """A place that took a test message.

    Attributes:
        kind: Of notifier.
        options: As a rule file would give them.
        values: Settings by name; None for one that must not be set.
        secret: Name of the one that holds the token.
        token_file: Where the token was read from; None for elsewhere.
    """

    kind: str
    options: Mapping[str, str]
    values: Mapping[str, str | None]
    secret: str
    token_file: Path | None


class PlatformSetup(ABC):
    """A conversation at whose end a place took a test message.

    Attributes:
        kind: Of notifier.
        variable: Name of the setting that holds the token.
    """

    kind: ClassVar[str]
    variable: ClassVar[str]

    def __init__(
        self, talk: Conversation, settings: TelegramSettings | SlackSettings, given: Given
    ) -> None:
        """Take whom to ask, what is set already, and what the options say."""
        self.talk = talk
        self.given = given
        self.api_base = settings.api_base
        self.clock = SystemClock()
        self._set = settings.bot
        self._runner = asyncio.Runner()

    def place(self) -> ChosenPlace:
        """Return a place that took a test message.

        Raises:
            SetupStopped: If there is none.
        """
        with self._runner:
            try:
                return self._place()
            except RetryLater as error:
                when = "later" if error.after is None else f"in {error.after.total_seconds():.0f} s"
                said = f"{error}: try again {when}, or look at the connection"
                raise SetupStopped(said) from None
            except EbbwatchError as error:
                raise SetupStopped(str(error)) from None
            finally:
                self.wait_for(self.aclose())

    @abstractmethod
    def _place(self) -> ChosenPlace: ...

    @abstractmethod
    def _welcome(self, token: str) -> None:
        """Say whose a token is; raise `DeliveryError` where it is nobody's."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close connections."""

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what comes of work that waits for the network."""
        return self._runner.run(work)

    def token(self, explain: Callable[[], None]) -> str:
        """Return a token that the platform takes.

        Args:
            explain: Says how to come by one.
        """
        if self.given.token_file is not None:
            return self._welcomed(_read(self.given.token_file))
        if self._set is not None:
            try:
                found = self._welcomed(self._set.reveal())
            except RetryLater:
                raise
            except DeliveryError as error:
                if not self.talk.asks:
                    raise
                self.talk.say(f"The token that is set: {_SET_IT.sub('', str(error))}.")
            else:
                if not self.talk.asks or self.talk.agree("   Use this one?", default=True):
                    return found
        if not self.talk.asks:
            nobody_to_ask("the token", f"--token-file, or as {self.variable}")
        explain()
        while True:
            token = self.talk.secret("   Token")
            try:
                return self._welcomed(token)
            except RetryLater:
                raise
            except DeliveryError as error:
                said = _SET_IT.sub("", str(error))
                self.talk.say(f"{said}. Paste it again, or press Ctrl-C.")

    def _welcomed(self, token: str) -> str:
        if not token:
            raise SetupStopped(f"the token is empty: give it by --token-file or {self.variable}")
        learn([token])
        self._welcome(token)
        return token

    def tried(self, token: str, options: Mapping[str, str], where: str) -> Receipt:
        """Return where a test message with a chart arrived; what is in its way is asked away."""
        target = Target(
            self.kind.capitalize(), self.kind, {**options, "language": self.given.language}
        )
        try:
            chart = self.wait_for(trial_message.sample_chart())
        except EbbwatchError as error:
            self.talk.say(f"No chart can be drawn here: {error}")
            chart = b""
        while True:
            try:
                receipt = self.wait_for(self._sent(token, target, chart))
            except RetryLater:
                raise
            except DeliveryError as error:
                if not self.talk.asks or self.given.no_wait:
                    raise
                maybe = isinstance(error, Uncertain)
                self.talk.say(f"{'It may have arrived' if maybe else 'It was not taken'}: {error}.")
                self.talk.ask("   Then press Enter to try again (Ctrl-C ends).")
            else:
                what = "A test message with a chart" if chart else "A test message"
                self.talk.say(f"{what} was sent to the {where}.")
                return receipt

    async def _sent(self, token: str, target: Target, chart: bytes) -> Receipt:
        setup = NotifierSetup(clock=self.clock, token=Secret(token), api_base=self.api_base)
        notifier = root.Adapters("notifiers").built(self.kind, setup)
        try:
            return await trial_message.send(notifier, target, self.clock, chart)
        finally:
            await notifier.aclose()


def _read(file: Path) -> str:
    """Return the token that a file holds."""
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SetupStopped(f"{file} cannot be read: {said}") from None
