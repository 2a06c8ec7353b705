"""Notifiers: an adapter for each kind of receiver."""

import ebbwatch.tls  # noqa: F401 - first, so that no adapter loads httpx with a command line
