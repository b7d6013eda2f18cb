"""Releases under way and done, their passes, and the keys that sign those."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cloud.storage.tables.metadata import Instant, metadata

# One row a key; the realm's newest that is not retired signs. Public keys of the others stay until their passes are over.
release_keys = Table(
    "release_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False, index=True),
    # Ed25519. The private half is sealed with the realm's key, which is not in this database.
    Column("public_key", LargeBinary(32), nullable=False),
    Column("sealed_private_key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    # When another key took over; null: the one that signs.
    Column("replaced_at", Instant),
    # When devices stopped to take its passes.
    Column("retired_at", Instant),
)

# One row an act of release; its id is the act's.
releases = Table(
    "releases",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    # Why nothing goes on just now, for the administrator; null: nothing is wrong.
    Column("problem", Text),
    # The ZIP's password, sealed with the realm's key; null until the first attempt.
    Column("sealed_password", LargeBinary),
    Index(None, "realm_id", "message_id"),
    Index(None, "finished_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("release_id", ForeignKey("releases.id", ondelete="CASCADE"), primary_key=True),
    # The recipient's place in the envelope.
    Column("position", Integer, primary_key=True),
    Column("recipient", LargeBinary, nullable=False),
    # pending, taken or refused.
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    # Reply code and enhanced status code, or what else happened; never a reply's text, which may quote the message.
    Column("last_reply", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

passes = Table(
    "passes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    Column("key_id", ForeignKey("release_keys.id", ondelete="CASCADE"), nullable=False),
    # Null for a notice's pass.
    Column("message_id", String(64)),
    Column("digest", LargeBinary(32), nullable=False),
    Column("recipient", LargeBinary, nullable=False),
    Column("uses", SmallInteger, nullable=False),
    Column("minted_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)

pass_leases = Table(
    "pass_leases",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("pass_id", ForeignKey("passes.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("realm_id", String(64), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    # leased, spent or returned; leased beyond `until` counts as spent.
    Column("state", String(16), nullable=False),
    Column("left", SmallInteger, nullable=False),
    Column("leased_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("settled_at", Instant),
    UniqueConstraint("device_id", "request_id"),
)
