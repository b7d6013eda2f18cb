"""Notices: who is told of what, and whether they were."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from cloud.storage.tables.metadata import Instant, metadata

# One row a mail. What it says is made from ids when it is sent: no content of a held message stands here.
notices = Table(
    "notices",
    metadata,
    # Made from what is told to whom, so that asking twice is asking once.
    Column("id", String(64), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    Column("topic", String(32), nullable=False),
    Column("recipient", Text, nullable=False),
    # The act that is told of; null where none is.
    Column("act_id", String(64)),
    Column("created_at", Instant, nullable=False),
    # pending, sent or refused.
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    # Why it was not sent yet; reply codes, never a reply's text.
    Column("problem", Text),
    Column("settled_at", Instant),
    Index(None, "realm_id", "created_at"),
    Index(None, "state"),
)

# The held messages that a notice is about; a digest has many.
notice_messages = Table(
    "notice_messages",
    metadata,
    Column("notice_id", ForeignKey("notices.id", ondelete="CASCADE"), primary_key=True),
    Column("message_id", String(64), primary_key=True),
)
