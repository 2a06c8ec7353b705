"""Setting up Slack: an app from our manifest, and a channel that it was invited to."""

from __future__ import annotations

from typing import ClassVar

from ebbwatch.cli.conversation import nobody_to_ask
from ebbwatch.cli.setup_platform import ChosenPlace, PlatformSetup, SetupStopped
from ebbwatch.platforms.slack import refusal
from ebbwatch.platforms.slack_channels import SlackChannel, SlackLookup, manifest
from ebbwatch.ports import RetryLater, Undeliverable

_TOKEN = "EBBWATCH_SLACK__BOT_TOKEN"  # noqa: S105  its name
_CHANNEL = "EBBWATCH_SLACK__CHANNEL"

_NEW_APP = (
    "First, an app: open https://api.slack.com/apps, Create New App, From a manifest, choose the "
    "workspace, and paste this as YAML:"
)
_INSTALL = (
    "Then Install App, and copy the Bot User OAuth Token (xoxb-...) that OAuth & Permissions shows."
)


class SlackSetup(PlatformSetup):
    """Makes sure of scopes, finds the channel by its name, and waits to be invited."""

    kind: ClassVar[str] = "slack"
    variable: ClassVar[str] = _TOKEN
    _lookup: SlackLookup | None = None
    _bot = ""

    def _place(self) -> ChosenPlace:
        token = self.token(self._explained)
        channel = self._channel(self._asking(token))
        self.talk.step("Trying it.")
        options = {"channel": channel.id}
        self.tried(token, options, f"channel {channel.name}")
        values = {_TOKEN: token, _CHANNEL: channel.id}
        return ChosenPlace(self.kind, options, values, _TOKEN, self.given.token_file)

    def _explained(self) -> None:
        self.talk.step(_NEW_APP)
        self.talk.say()
        self.talk.show(manifest())
        self.talk.say(_INSTALL, indent="")

    def _welcome(self, token: str) -> None:
        bot = self.wait_for(self._asking(token).able())
        self._bot = bot.name
        self.talk.say(f"The token is that of {bot.name} in the workspace {bot.workspace}.")

    def _asking(self, token: str) -> SlackLookup:
        """Return who asks with a token."""
        if self._lookup is None or self._lookup.token != token:
            self.wait_for(self.aclose())
            self._lookup = SlackLookup(token, self.api_base)
        return self._lookup

    def _channel(self, lookup: SlackLookup) -> SlackChannel:
        """Return the channel that was given or typed, once the bot is in it."""
        written = self.given.channel
        if written is None:
            if not self.talk.asks:
                nobody_to_ask("the channel", "--channel, its name or id")
            self.talk.step("Now the channel, by name (#funding) or id.")
        while True:
            name = written or self.talk.ask("   Channel:")
            if not name:
                continue
            try:
                return self._joined(lookup, name)
            except RetryLater:
                raise
            except Undeliverable as error:
                if written is not None or not self.talk.asks:
                    raise
                self.talk.say(f"{error}.")

    def _joined(self, lookup: SlackLookup, name: str) -> SlackChannel:
        """Return a channel once the bot is in it."""
        found = self.wait_for(lookup.channel(name))
        while not found.member:
            if not self.talk.asks or self.given.no_wait:
                raise SetupStopped(
                    f"slack: {self._bot} is not in {found.name} (not_in_channel); write "
                    f"/invite {self._bot} there, and run this again"
                )
            self.talk.say(
                f"{self._bot} is not in {found.name} yet: write /invite {self._bot} there."
            )
            self.talk.ask("   Then press Enter (Ctrl-C ends).")
            found = self.wait_for(lookup.channel(found.id))
        if found.archived:
            raise refusal("is_archived")
        return found

    async def aclose(self) -> None:
        """Close connections."""
        if self._lookup is not None:
            await self._lookup.aclose()
