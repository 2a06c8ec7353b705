"""Platforms: connections to Telegram and Slack, shared by the notifiers and the chat."""
