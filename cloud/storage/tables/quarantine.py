"""Held messages, the attempts to hand over their replacements, and what people did with them.

These columns are readable with the database alone; everything else of a message (headers, subject, body, names) is sealed.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cloud.storage.tables.metadata import Instant, metadata

held_messages = Table(
    "held_messages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    Column("device_id", String(64), nullable=False),
    # held, requested, sending, released, deleted or expired.
    Column("state", String(16), nullable=False),
    # malicious or blocklisted.
    Column("reason", String(16), nullable=False),
    Column("score", SmallInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    # Of the whole envelope, parameters included: what a client's retry repeats.
    Column("envelope_sha256", LargeBinary(32), nullable=False),
    Column("mail_from", Text, nullable=False),
    # A list of addresses.
    Column("recipients", JSON, nullable=False),
    Column("client_address", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    # Null: destroyed. The key is wrapped by the realm's key, which is not in this database.
    Column("wrapped_key", LargeBinary),
    # Null: removed.
    Column("blob", String(160)),
    # When a mail server first took a replacement, and when that was passed on.
    Column("accepted_at", Instant),
    Column("announced_at", Instant),
    # The act in force, or nobody's.
    Column("act_id", String(64)),
    Column("acted_at", Instant),
    Column("acted_by", Text),
    Index(None, "realm_id", "received_at"),
    Index(None, "realm_id", "sha256"),
    Index(None, "expires_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("message_id", ForeignKey("held_messages.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("device_id", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("opened_at", Instant, nullable=False),
    # accepted or refused; null: not settled.
    Column("outcome", String(16)),
    # Reply code and enhanced status code alone: a reply's text may quote the message.
    Column("reply_code", String(16)),
    Column("settled_at", Instant),
    UniqueConstraint("device_id", "request_id"),
)

acts = Table(
    "acts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("message_id", ForeignKey("held_messages.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("realm_id", String(64), nullable=False),
    # release, delete or request.
    Column("act", String(16), nullable=False),
    # recipient or administrator.
    Column("actor_kind", String(16), nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("at", Instant, nullable=False),
    # When its work was handed over; null: a start hands it over again.
    Column("dispatched_at", Instant, index=True),
)
