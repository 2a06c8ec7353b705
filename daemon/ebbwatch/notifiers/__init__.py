"""Notifiers: an adapter for each kind of receiver."""
