"""What a notice says, before it is a mail: a subject of our own words alone, sentences, and facts as label and value.

Facts come from held messages, so from attackers: they are shortened and freed of control and direction characters, and their
web addresses are broken. They never reach a header field.
"""

from dataclasses import dataclass

from atp.v1 import quarantine_pb2 as wire
from cloud.quarantine.held import HeldMessage
from cloud.quarantine.shown_text import shown


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a small table."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Words:
    """A notice's text: sentences, then one table a message, then what to do about it (a command, a place)."""

    subject: str
    sentences: tuple[str, ...]
    tables: tuple[tuple[Fact, ...], ...]
    next_steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A message as a notice tells of it. `subject` is readable and short; empty where the content is gone, or has none."""

    held: HeldMessage
    subject: str = ""


def subject_in(manifest: wire.MessageManifest) -> str:
    """The first Subject that the device read."""
    return shown(next((each.display for each in manifest.reading.fields if each.name.lower() == "subject"), ""))


def subject_of(told: Told) -> tuple[Fact, ...]:
    """What it is about, where that is known."""
    return (Fact("Subject", told.subject),) if told.subject else ()


def sender_of(held: HeldMessage) -> Fact:
    """Who sent it, as the envelope says."""
    return Fact("From", shown(held.mail_from) or "<> (no sender)")


def received(held: HeldMessage) -> Fact:
    """When it came in."""
    return Fact("Received", f"{held.received_at:%d %B %Y, %H:%M} UTC")
