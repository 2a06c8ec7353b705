"""Migrations of the schema, run by `store.open` and packaged with it."""
