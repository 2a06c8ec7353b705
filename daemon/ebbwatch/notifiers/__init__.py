"""Notifiers: an adapter for each kind of receiver."""

from ebbwatch.lean import without

with without("click", "pygments", "rich"):
    import httpx  # noqa: F401 - first here, so that no module loads it with a command line
