"""Servers on loopback that stand in for the far sides."""
