"""The shell that moves: feeds, the pipeline, polling, delivery, replay."""

from ebbwatch.lean import without

with without("rich"):
    import structlog  # noqa: F401 - first here, so that no module loads it with rich
