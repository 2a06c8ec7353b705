"""Markup: a message as each platform wants it written; pure."""
