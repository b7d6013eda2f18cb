"""Held messages: listed, looked at, released, deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from atp.v1.quarantine_pb2 import MessageReading, ReadPart
from cloud.control.administration import Administration
from cloud.control.operation import Operation
from cloud.errors import InvalidRequest, NotFound
from cloud.quarantine.held import HeldMessage
from cloud.quarantine.lifecycle import Act, Actor, ActorKind, State
from cloud.release.progress import Delivery, DeliveryState

_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class ListMessages:
    """`status` None: whatever became of them. `realm` may be None where there is only one."""

    realm: str | None
    status: State | None = None
    limit: int = 200


@dataclass(frozen=True, slots=True)
class ShowMessage:
    """One message by its id."""

    realm: str | None
    message: str


@dataclass(frozen=True, slots=True)
class ActOnMessages:
    """Messages by their ids, in this order; the first that can't be acted on ends it."""

    realm: str | None
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as lists show it. Size in bytes; `mail_from` is empty for the null path."""

    id: str
    status: State
    received_at: datetime
    expires_at: datetime
    size: int
    score: int
    reason: str
    mail_from: str
    recipients: tuple[str, ...]
    client_address: str
    device: str
    acted_at: datetime | None
    acted_by: str | None


@dataclass(frozen=True, slots=True)
class MessagesView:
    """Messages of a realm, newest first."""

    realm: str
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True)
class PartView:
    """A part that was inspected. `name` is as the sender wrote it, made safe by the device."""

    name: str
    content_type: str
    size: int
    sha256: str
    score: int


@dataclass(frozen=True, slots=True)
class CopyView:
    """One recipient's copy of a released message; `last_reply` is the mail server's."""

    recipient: str
    state: DeliveryState
    attempts: int
    last_reply: str


@dataclass(frozen=True, slots=True)
class MessageDetail:
    """A message with what the device read in it, and how far its last release is.

    `content_kept` is false once its key is destroyed, and the reading is empty. `problem` says why a release does not go on.
    """

    message: MessageView
    content_kept: bool
    problem: str = ""
    copies: tuple[CopyView, ...] = ()
    subject: str = ""
    header_from: str = ""
    ambiguous: bool = False
    findings: tuple[str, ...] = ()
    parts: tuple[PartView, ...] = ()


async def _list(administration: Administration, params: ListMessages) -> MessagesView:
    if not 1 <= params.limit <= _MOST:
        raise InvalidRequest("that many messages can't be shown", next_step=f"--limit is from 1 to {_MOST}.")
    realm = await administration.realm(params.realm)
    held = await administration.custody.list(realm.id, state=params.status, limit=params.limit)
    return MessagesView(realm.name, tuple(_view(each) for each in held))


async def _show(administration: Administration, params: ShowMessage) -> MessageDetail:
    realm = await administration.realm(params.realm)
    view = _view(await administration.custody.get(realm.id, params.message))
    progress = await administration.releases.latest(realm.id, params.message)
    problem = "" if progress is None else progress.release.problem
    copies = () if progress is None else tuple(_copy(each) for each in progress.deliveries)
    try:
        reading = (await administration.custody.manifest(realm.id, params.message)).reading
    except NotFound:
        return MessageDetail(view, content_kept=False, problem=problem, copies=copies)
    return MessageDetail(
        view,
        content_kept=True,
        problem=problem,
        copies=copies,
        subject=_field(reading, "subject"),
        header_from=_field(reading, "from"),
        ambiguous=reading.ambiguous,
        findings=tuple(reading.findings),
        parts=tuple(_part(each) for each in reading.parts if each.HasField("score")),
    )


async def _release(administration: Administration, params: ActOnMessages) -> MessagesView:
    return await _act(administration, params, Act.RELEASE)


async def _delete(administration: Administration, params: ActOnMessages) -> MessagesView:
    return await _act(administration, params, Act.DELETE)


async def _act(administration: Administration, params: ActOnMessages, act: Act) -> MessagesView:
    realm = await administration.realm(params.realm)
    actor = Actor(ActorKind.ADMINISTRATOR, administration.operator)
    acted = [await administration.custody.act(realm.id, each, act, actor) for each in params.messages]
    return MessagesView(realm.name, tuple(_view(each) for each in acted))


def _view(held: HeldMessage) -> MessageView:
    return MessageView(
        id=held.id,
        status=held.state,
        received_at=held.received_at,
        expires_at=held.expires_at,
        size=held.size,
        score=held.score,
        reason=held.reason.value,
        mail_from=held.mail_from,
        recipients=held.recipients,
        client_address=held.client_address,
        device=held.device_id,
        acted_at=held.acted_at,
        acted_by=held.acted_by,
    )


def _field(reading: MessageReading, name: str) -> str:
    return next((each.display for each in reading.fields if each.name.lower() == name), "")


def _copy(delivery: Delivery) -> CopyView:
    recipient = delivery.recipient.decode("utf-8", "replace")
    return CopyView(recipient, delivery.state, delivery.attempts, delivery.last_reply)


def _part(part: ReadPart) -> PartView:
    return PartView(part.name, part.content_type, part.size, part.sha256.hex(), part.score)


LIST: Final = Operation("quarantine.list", ListMessages, MessagesView, _list)
SHOW: Final = Operation("quarantine.show", ShowMessage, MessageDetail, _show)
RELEASE: Final = Operation("quarantine.release", ActOnMessages, MessagesView, _release)
DELETE: Final = Operation("quarantine.delete", ActOnMessages, MessagesView, _delete)
