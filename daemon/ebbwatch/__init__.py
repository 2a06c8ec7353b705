"""Ebbwatch watches dollar liquidity and tells people when a threshold is crossed."""

__version__ = "0.1.0"
