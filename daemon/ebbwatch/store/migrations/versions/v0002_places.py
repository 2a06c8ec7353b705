"""Keep messages by the place they go to, in lines, and the lead as a lease.

What waited keeps its order: until it is settled its line is the episode at its old target.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Turn targets into places, claims with leases into claims of owners that live."""
    for name in (
        "ix_outbox_due_at_seq",
        "ix_outbox_expires_at",
        "ix_outbox_target_key_episode_seq",
    ):
        op.drop_index(name, "outbox")
    op.alter_column("outbox", "target_key", new_column_name="place")
    for column in (
        sa.Column("lines", sa.Text, nullable=False, server_default="[]"),
        sa.Column("level", sa.Integer, nullable=False, server_default="0"),
        sa.Column("foldable", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("begun", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("returned", sa.Boolean, nullable=False, server_default=sa.true()),
    ):
        op.add_column("outbox", column)
    op.execute("UPDATE outbox SET begun = (state = 'claimed'), returned = (due_at IS NULL)")
    op.drop_column("outbox", "lease_until")
    op.drop_column("outbox", "due_at")
    op.create_index("ix_outbox_place_episode_seq", "outbox", ["place", "episode", "seq"])
    open_ = sa.text("state IN ('waiting', 'claimed')")
    op.create_index(
        "ix_outbox_open", "outbox", ["state", "not_before"], sqlite_where=open_,
        postgresql_where=open_,
    )  # fmt: skip
    waits = sa.text("state = 'waiting'")
    op.create_index(
        "ix_outbox_next", "outbox", [sa.text("level DESC"), "not_before", "seq", "place"],
        sqlite_where=waits, postgresql_where=waits,
    )  # fmt: skip
    lost = sa.text("state IN ('parked', 'expired') AND NOT returned")
    op.create_index("ix_outbox_lost", "outbox", ["seq"], sqlite_where=lost, postgresql_where=lost)
    op.create_table(
        "queue",
        sa.Column("place", _NAME, nullable=False),
        sa.Column("line", _NAME, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("place", "line", "seq", name="pk_queue"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_queue_seq", "queue", ["seq"])
    op.execute(
        "INSERT INTO queue (place, line, seq) SELECT place, episode, seq FROM outbox "
        "WHERE state IN ('waiting', 'claimed') AND episode <> ''"
    )
    op.create_table(
        "instances",
        sa.Column("owner", _NAME, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_instances"),
    )
    op.create_table(
        "leases",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.execute("INSERT INTO leases (name, owner, generation, until) VALUES ('lead', '', 0, 0)")
