"""Whole-daemon stories: what happened, and all that people heard of it."""
