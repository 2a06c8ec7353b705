"""Setting up Telegram: a bot, and the chat that somebody wrote to it from."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from ebbwatch.cli.setup_platform import ChosenPlace, PlatformSetup, SetupStopped
from ebbwatch.platforms.telegram_chats import PollConflict, TelegramChat, TelegramLookup, met
from ebbwatch.ports import RetryLater, Uncertain

_TOKEN = "EBBWATCH_TELEGRAM__TOKEN"  # noqa: S105  its name
_CHAT, _TOPIC = "EBBWATCH_TELEGRAM__CHAT", "EBBWATCH_TELEGRAM__TOPIC"

_NEW_BOT = (
    "First, a bot: write /newbot to @BotFather in Telegram, answer its two questions, and copy "
    "the token that it gives."
)
#: How long one look for news may take, and how long all of them together.
_LOOK_S = 20
_PATIENCE = timedelta(minutes=10)
#: Pause after a look that failed, the longest that Telegram may ask for, and how many looks may
#: fail one after the other.
_PAUSE, _LONGEST_PAUSE = timedelta(seconds=3), timedelta(minutes=1)
_FAILURES = 5


class TelegramSetup(PlatformSetup):
    """Finds the chat by itself, once somebody presses Start or adds the bot."""

    kind: ClassVar[str] = "telegram"
    variable: ClassVar[str] = _TOKEN
    _lookup: TelegramLookup | None = None
    _bot = ""

    def _place(self) -> ChosenPlace:
        token = self.token(lambda: self.talk.step(_NEW_BOT))
        chat, topic, where = self._chat(self._asking(token))
        options = {"chat": chat} | ({} if topic is None else {"topic": topic})
        self.talk.step("Trying it.")
        receipt = self.tried(token, options, where)
        # A group that became a supergroup has another number since.
        options["chat"] = chat = receipt.place or chat
        values = {_TOKEN: token, _CHAT: chat, _TOPIC: topic}
        return ChosenPlace(self.kind, options, values, _TOKEN, self.given.token_file)

    def _welcome(self, token: str) -> None:
        self._bot = self.wait_for(self._asking(token).name())
        self.talk.say(f"The token is that of {self._bot}.")

    def _asking(self, token: str) -> TelegramLookup:
        """Return who asks as the bot of a token."""
        if self._lookup is None or self._lookup.token != token:
            self.wait_for(self.aclose())
            self._lookup = TelegramLookup(token, self.api_base)
        return self._lookup

    def _chat(self, lookup: TelegramLookup) -> tuple[str, str | None, str]:
        """Return number, topic and words of the chat that was given, or is found."""
        if self.given.chat is not None:
            found = self.wait_for(lookup.chat(self.given.chat))
            topic = None if self.given.topic is None else str(self.given.topic)
            return self.given.chat, topic, found.words
        chat = self._found(lookup)
        return str(chat.id), None if chat.topic is None else str(chat.topic), chat.words

    def _found(self, lookup: TelegramLookup) -> TelegramChat:
        """Return the chat that somebody wrote from, or chose among several."""
        self._clear_the_way(lookup)
        until = self.clock.now() + _PATIENCE
        chats: list[TelegramChat] = []
        chats = self._heard(lookup, chats, 0)
        explained = False
        while True:
            if chats and (chosen := self._chosen(chats)) is not None:
                return chosen
            if self.given.no_wait:
                raise SetupStopped(
                    f"nobody wrote to {self._bot} in the last 24 hours: open "
                    f"https://t.me/{self._bot[1:]} and press Start, then run this again; or give "
                    "the number of the chat as --chat"
                )
            if not explained:
                self._explain()
                explained = True
            before = chats
            while chats == before:
                if self.clock.now() > until:
                    raise SetupStopped(
                        f"nobody wrote to {self._bot} for {_PATIENCE // timedelta(minutes=1)} "
                        "minutes: run this again, or give the number of the chat as --chat"
                    )
                chats = self._heard(lookup, chats, _LOOK_S)
            # Adding a bot to a group is told in two pieces, and a word may follow.
            chats = self._heard(lookup, chats, 1)

    def _explain(self) -> None:
        self.talk.step("Now the chat, one of these:")
        self.talk.say(f"- for yourself: open https://t.me/{self._bot[1:]} and press Start")
        self.talk.say(f"- a group: add {self._bot}, and write /start{self._bot} there; where the "
                      "group has topics, in the topic that is meant")  # fmt: skip
        self.talk.say(f"- a channel: add {self._bot} as an administrator that may post messages")
        self.talk.say("Waiting for it (Ctrl-C ends, and nothing is written) ...")

    def _chosen(self, chats: list[TelegramChat]) -> TelegramChat | None:
        """Return the chat that is meant; None where somebody wants to wait for another."""
        if not self.talk.asks:
            if len(chats) == 1:
                return chats[0]
            for chat in chats:
                self.talk.say(f"{chat.option}   {chat.words}")
            raise SetupStopped(f"{self._bot} was met in several chats: choose one of them")
        if len(chats) == 1:
            self.talk.step(f"Found: the {chats[0].words}.")
            return chats[0] if self.talk.agree("   Tell alerts there?", default=True) else None
        self.talk.step("Found:")
        number = self.talk.choose(
            "   Tell alerts in which?", [f"the {chat.words}" for chat in chats], "wait for another"
        )
        return None if number is None else chats[number]

    def _heard(
        self, lookup: TelegramLookup, chats: list[TelegramChat], wait_s: int
    ) -> list[TelegramChat]:
        """Return where the bot was met, after one more look."""
        failures = 0
        while True:
            try:
                return met(chats, self.wait_for(lookup.news(wait_s)))
            except PollConflict as error:
                raise SetupStopped(
                    f"{error}: stop it while this runs, or give the number of the chat as --chat"
                ) from None
            except (RetryLater, Uncertain) as error:
                # Nobody is told twice by being asked twice.
                failures += 1
                pause = getattr(error, "after", None) or _PAUSE
                if failures == _FAILURES or pause > _LONGEST_PAUSE:
                    raise
                self.wait_for(self.clock.wait_until(self.clock.now() + pause))

    def _clear_the_way(self, lookup: TelegramLookup) -> None:
        """Have the bot's news wait for us where they go to a web address."""
        host = self.wait_for(lookup.webhook_host())
        if not host:
            return
        allowed = self.given.remove_webhook
        if not allowed and self.talk.asks:
            self.talk.step(f"Telegram hands the news of {self._bot} to {host} (a webhook).")
            self.talk.say("While it does, the chat cannot be found. Taken away, whatever listens "
                          "there hears no more of this bot.")  # fmt: skip
            allowed = self.talk.agree("   Take it away?", default=False)
        if not allowed:
            raise SetupStopped(
                f"telegram hands the news of {self._bot} to {host} (a webhook): use "
                "--remove-webhook, another bot, or give the number of the chat as --chat"
            )
        self.wait_for(lookup.remove_webhook())

    async def aclose(self) -> None:
        """Close connections."""
        if self._lookup is not None:
            await self._lookup.aclose()
