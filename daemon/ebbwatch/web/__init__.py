"""The status page and metrics."""
