"""Keep messages by the place they go to, not by the receiver's name."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Name the column for what it holds; what waits keeps its order within its old target."""
    op.drop_index("ix_outbox_target_key_episode_seq", "outbox")
    op.alter_column("outbox", "target_key", new_column_name="place")
    op.create_index("ix_outbox_place_episode_seq", "outbox", ["place", "episode", "seq"])
