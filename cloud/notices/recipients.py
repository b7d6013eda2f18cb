"""What recipients are told: what the administrator decided about a message to them. Other recipients are not named."""

from typing import Final

from cloud.notices.topics import Topic
from cloud.notices.words import Told, Words, received, sender_of, subject_of

_DECIDED: Final = {
    Topic.APPROVED: (
        "Your quarantined e-mail was released",
        "The administrator released an e-mail to you that was in quarantine.",
        "It comes in a message of its own, its attachments in a ZIP file with a password.",
    ),
    Topic.REJECTED: (
        "Your quarantined e-mail was deleted",
        "The administrator deleted an e-mail to you that was in quarantine.",
        "It can't be restored. If you expected it, ask its sender to reach you in another way.",
    ),
}


def of_decision(topic: Topic, told: Told) -> Words:
    """The administrator has decided."""
    subject, *sentences = _DECIDED[topic]
    return Words(subject, tuple(sentences), ((sender_of(told.held), *subject_of(told), received(told.held)),))
