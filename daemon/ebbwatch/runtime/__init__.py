"""The shell that moves: feeds, the pipeline, polling, delivery, replay."""
