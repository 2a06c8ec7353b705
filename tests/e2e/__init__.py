"""The daemon as people run it: a process of its own, and everything it talks to beside it."""
