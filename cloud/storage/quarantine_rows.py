"""Rows of the quarantine's tables as values, and values as rows."""

from typing import Any

from sqlalchemy import Row

from cloud.quarantine.held import Arrival, HeldMessage, Reason, RecordedAct
from cloud.quarantine.lifecycle import Act, Actor, ActorKind, State


def new_row(arrival: Arrival) -> dict[str, Any]:
    """A new row of held_messages."""
    message = arrival.held
    return {
        "id": message.id,
        "realm_id": message.realm_id,
        "device_id": message.device_id,
        "state": message.state,
        "reason": message.reason,
        "score": message.score,
        "size": message.size,
        "sha256": arrival.sha256,
        "envelope_sha256": arrival.envelope_sha256,
        "mail_from": message.mail_from,
        "recipients": list(message.recipients),
        "client_address": message.client_address,
        "received_at": message.received_at,
        "expires_at": message.expires_at,
        "wrapped_key": arrival.sealed.wrapped_key,
        "blob": arrival.sealed.blob,
    }


def new_attempt(arrival: Arrival, message_id: str) -> dict[str, Any]:
    """A new row of attempts, for that message: the arrival's own, or the one that it joins."""
    return {
        "id": arrival.attempt_id,
        "message_id": message_id,
        "device_id": arrival.held.device_id,
        "request_id": arrival.request_id,
        "opened_at": arrival.held.received_at,
    }


def act_row(act: RecordedAct) -> dict[str, Any]:
    """A new row of acts."""
    return {
        "id": act.id,
        "message_id": act.message_id,
        "realm_id": act.realm_id,
        "act": act.act,
        "actor_kind": act.actor.kind,
        "actor_name": act.actor.name,
        "at": act.at,
    }


def held(row: Row[Any]) -> HeldMessage:
    """A row of held_messages."""
    return HeldMessage(
        id=row.id,
        realm_id=row.realm_id,
        device_id=row.device_id,
        state=State(row.state),
        received_at=row.received_at,
        expires_at=row.expires_at,
        size=row.size,
        score=row.score,
        reason=Reason(row.reason),
        mail_from=row.mail_from,
        recipients=tuple(row.recipients),
        client_address=row.client_address,
        acted_at=row.acted_at,
        acted_by=row.acted_by,
    )


def recorded_act(row: Row[Any]) -> RecordedAct:
    """A row of acts."""
    return RecordedAct(
        id=row.id,
        realm_id=row.realm_id,
        message_id=row.message_id,
        act=Act(row.act),
        actor=Actor(ActorKind(row.actor_kind), row.actor_name),
        at=row.at,
    )
