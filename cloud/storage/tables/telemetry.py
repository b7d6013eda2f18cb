"""What devices reported: their latest events, and the counters that they last told."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from cloud.storage.tables.metadata import Instant, metadata

device_events = Table(
    "device_events",
    metadata,
    # Rises with each event stored: the order in which they came, and what pruning goes by.
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    Column("device_id", String(64), nullable=False),
    # The device's own; repeated events are kept once.
    Column("event_id", String(64), nullable=False),
    Column("time", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("name", String(64), nullable=False),
    # Text by text; never content of mail.
    Column("fields", JSON, nullable=False),
    UniqueConstraint("device_id", "event_id"),
    Index("ix_device_events_realm_id", "realm_id", "number"),
)

device_counters = Table(
    "device_counters",
    metadata,
    Column("device_id", String(64), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    Column("time", Instant, nullable=False),
    # Since the device's start, by the counter's name.
    Column("counters", JSON, nullable=False),
)
