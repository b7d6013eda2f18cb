"""What is said of overheard mail, be it from a file or from a live interface: each message, and each session without one."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from device.inspection.foretelling import Inspected
from device.interception.connection import Session
from device.interception.remarks import MEANING, Remark

_NOTHING: Final = Inspected(None, (), (), ())


def of_session(session: Session[Inspected], also: AbstractSet[Remark] = frozenset()) -> Iterator[Inspected]:
    """The messages of a session that is over, with what is said of all of it; `also` is said of each session.

    Without messages it is one Inspected all the same, unless everything was said with earlier messages.
    """
    said = session.remarks | also
    yield from of_messages(session, also)
    if session.messages:
        return
    if session.told is None:
        yield without_message({Remark.NO_MESSAGE, *said})
    elif said - session.told:
        yield without_message(said - session.told)


def of_messages(session: Session[Inspected], also: AbstractSet[Remark] = frozenset()) -> Iterator[Inspected]:
    """The messages alone."""
    for message in session.messages:
        yield _with_notes(message, session.remarks | also)


def without_message(remarks: AbstractSet[Remark]) -> Inspected:
    """What there is to say where there is no message."""
    return _with_notes(_NOTHING, remarks)


def as_text(heading: str, inspected: Inspected) -> str:
    """For people: a line for the message, one a file in it, one a note."""
    lines = [heading]
    if inspected.mail_from is not None:
        recipients = ", ".join(f"<{path}>" for path in inspected.rcpt_to) or "nobody"
        lines.append(f"  <{inspected.mail_from}> → {recipients}")
    lines += [
        f"  {each.name or '(no name)'}, {each.type}, {each.bytes} bytes, {each.sha256}"
        for each in inspected.attachments
    ]
    lines += [f"  - {note}{f': {MEANING[note]}' if note in MEANING else ''}" for note in inspected.notes]
    return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    """Addresses and names come from strangers, and could hold what a terminal obeys."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def _with_notes(inspected: Inspected, remarks: AbstractSet[Remark]) -> Inspected:
    more = sorted(remark for remark in remarks if remark not in inspected.notes)
    return replace(inspected, notes=(*inspected.notes, *map(str, more)))
