"""Platforms: what speaks to Telegram and to Slack, for whoever sends there or listens there."""
