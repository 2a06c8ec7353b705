"""Chaos: breaks a running daemon on purpose, and compares what arrived with what is recorded.

``python -m tests.chaos`` (`make chaos`) runs real daemons against stand-ins of all that they
talk to, does to them what happens to programs (`troubles`), and then counts: what was lost,
told twice without saying so, or told in the wrong order (`account`).
"""
