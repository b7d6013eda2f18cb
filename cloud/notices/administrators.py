"""What administrators are told: what recipients did, what could not be delivered, what was held."""

from collections.abc import Sequence
from typing import Final

from cloud.notices.topics import Topic
from cloud.notices.words import Fact, Told, Words, received, sender_of, subject_of
from cloud.quarantine.held import HeldMessage, Reason, RecordedAct
from cloud.quarantine.shown_text import shown
from cloud.release.progress import Progress

MOST_MESSAGES: Final = 50
"""Of a digest; the others are counted."""
_MOST_RECIPIENTS: Final = 20

_LOOK: Final = ("To look at it: srx-cloud console link opens the console.",)

_DONE: Final = {
    Topic.RELEASED: ("A quarantined e-mail was released", "released a quarantined e-mail."),
    Topic.DELETED: ("A quarantined e-mail was deleted", "deleted a quarantined e-mail."),
    Topic.REQUESTED: ("Release of a quarantined e-mail requested", "asks you to release a quarantined e-mail."),
}


def of_act(topic: Topic, act: RecordedAct, told: Told) -> Words:
    """A recipient has acted."""
    subject, did = _DONE[topic]
    who = shown(act.actor.name) or "A recipient"
    steps = _decide(told.held.id) if topic is Topic.REQUESTED else _LOOK
    return Words(subject, (f"{who} {did}",), (_table(told),), steps)


def of_refusals(progress: Progress, told: Told) -> Words:
    """Some servers did not take a released message."""
    outcome = "It reached its other recipients." if progress.any_taken else "It reached nobody, and is held again."
    refused = tuple(
        Fact(
            "Not delivered to", f"{shown(each.recipient.decode('utf-8', 'replace'))}: {each.last_reply or 'no answer'}"
        )
        for each in progress.refused[:_MOST_RECIPIENTS]
    )
    sentences = ("A released e-mail could not be delivered to all of its recipients.", outcome)
    return Words("A released e-mail was not delivered", sentences, ((*_table(told), *refused),), _LOOK)


def of_quarantine(messages: Sequence[Told], count: int) -> Words:
    """Messages were held; `messages` are the first of them, `count` is how many there are."""
    sentences = [f"{count} e-mails were quarantined." if count > 1 else "An e-mail was quarantined."]
    if count > len(messages):
        sentences.append(f"These are the first {len(messages)}; srx-cloud quarantine list shows all.")
    subject = "E-mails were quarantined" if count > 1 else "An e-mail was quarantined"
    return Words(subject, tuple(sentences), tuple(_table(told) for told in messages), _LOOK)


def _table(told: Told) -> tuple[Fact, ...]:
    held = told.held
    why = "blocklisted" if held.reason is Reason.BLOCKLISTED else f"threat score {held.score} of 10"
    people = (sender_of(held), Fact("To", _recipients(held)))
    return (*people, *subject_of(told), received(held), Fact("Why", why), Fact("Message", held.id))


def _recipients(held: HeldMessage) -> str:
    more = len(held.recipients) - _MOST_RECIPIENTS
    named = ", ".join(shown(each) for each in held.recipients[:_MOST_RECIPIENTS])
    return f"{named} and {more} more" if more > 0 else named


def _decide(message_id: str) -> tuple[str, ...]:
    return (
        f"To release it: srx-cloud quarantine release {message_id}",
        f"To delete it: srx-cloud quarantine delete {message_id}",
        "Or look at it and decide on the console: srx-cloud console link",
    )
