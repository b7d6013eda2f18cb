"""What people are told of, and who they are.

    topic         told when                                              told to
    ------------  -----------------------------------------------------  ----------------------------
    released      a recipient released a message                         administrators (notify_release)
    deleted       a recipient deleted one                                administrators (notify_release)
    requested     a recipient asks for one                               administrators
    not-delivered servers of some recipients refused a released message  administrators
    quarantined   messages were held; a digest                           administrators (notify_quarantine)
    approved      the administrator released a message                   its recipients
    rejected      the administrator deleted one                          its recipients

Nobody is told of expiry but the log.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloud.policy.realm_settings import RealmSettings
from cloud.quarantine.lifecycle import Act, Actor, ActorKind


class Topic(StrEnum):
    """What a notice tells of."""

    RELEASED = "released"
    DELETED = "deleted"
    REQUESTED = "requested"
    NOT_DELIVERED = "not-delivered"
    QUARANTINED = "quarantined"
    APPROVED = "approved"
    REJECTED = "rejected"

    @property
    def for_recipients(self) -> bool:
        """Whether a recipient of the held message is told, and so must not learn who else got it."""
        return self in (Topic.APPROVED, Topic.REJECTED)


class NoticeState(StrEnum):
    """Where a notice stands."""

    PENDING = "pending"
    SENT = "sent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail to one person. `act_id` is the act told of, empty where none is."""

    id: str
    realm_id: str
    topic: Topic
    recipient: str
    act_id: str
    message_ids: tuple[str, ...]
    created_at: datetime
    state: NoticeState = NoticeState.PENDING


def topic_of(act: Act, actor: Actor, settings: RealmSettings) -> Topic | None:
    """What an act makes people be told; None: nobody."""
    topic = _TOPICS.get((actor.kind, act))
    if topic in (Topic.RELEASED, Topic.DELETED) and not settings.notify_release:
        return None
    return topic


_TOPICS = {
    (ActorKind.RECIPIENT, Act.RELEASE): Topic.RELEASED,
    (ActorKind.RECIPIENT, Act.DELETE): Topic.DELETED,
    (ActorKind.RECIPIENT, Act.REQUEST): Topic.REQUESTED,
    (ActorKind.ADMINISTRATOR, Act.RELEASE): Topic.APPROVED,
    (ActorKind.ADMINISTRATOR, Act.DELETE): Topic.REJECTED,
}
