"""Decisions: pure functions of facts, rules and an instant."""
