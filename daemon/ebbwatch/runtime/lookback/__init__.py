"""Replay and what is made of it: transitions as lines, messages, a page, evidence, rule tests."""
