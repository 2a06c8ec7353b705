"""Stores: where facts, states and intents are kept.

`memory` is the reference and what replay runs on, `sql` the same contract in SQLite and
PostgreSQL, `open` finds, migrates and opens a database.
"""
