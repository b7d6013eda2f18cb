"""Attempts: a retry makes no second entry, and only a refusal of everything ends a message."""

import pytest

from atp.reasons import Reason as WireReason
from atp.v1 import quarantine_pb2 as wire
from cloud.errors import Conflict, InvalidRequest, NotFound
from cloud.quarantine.lifecycle import Act, State
from tests.unit.cloud.quarantine.world import ADMINISTRATOR, RECIPIENT, World, requests_for, sample

ACCEPTED, REFUSED = wire.SETTLE_OUTCOME_ACCEPTED, wire.SETTLE_OUTCOME_REFUSED


async def test_a_repeated_request_id_returns_the_same_attempt(world: World) -> None:
    first, again = await world.hold(), await world.hold()
    assert (first.message_id, first.attempt_id) == (again.message_id, again.attempt_id)
    assert world.blobs() == [f"vault/{world.realm.id}/{first.message_id}"]


async def test_both_receipts_of_a_repeated_request_have_a_link_of_their_own(world: World) -> None:
    await world.hold()
    await world.hold()
    assert len(world.calls.named("issue")) == 2


async def test_a_request_id_belongs_to_one_message(world: World) -> None:
    await world.hold()
    with pytest.raises(InvalidRequest, match="another message"):
        await world.send(requests_for(sample(100)))
    assert len(world.blobs()) == 2  # the second is nobody's: the next sweep's


async def test_the_same_request_id_of_another_device_is_another_request(world: World) -> None:
    first = await world.hold()
    second = await world.hold(device=world.device("dev_two"))
    assert first.attempt_id != second.attempt_id


async def test_a_clients_retry_joins_the_entry_that_is_not_settled(world: World) -> None:
    first = await world.hold()
    second = await world.hold("request-0000000002", world.device("dev_two"))
    assert second.message_id == first.message_id
    assert second.attempt_id != first.attempt_id
    assert len(world.blobs()) == 1


async def test_a_settled_entry_is_not_joined(world: World) -> None:
    first = await world.hold()
    await world.settle(first, ACCEPTED)
    assert (await world.hold("request-0000000002")).message_id != first.message_id


async def test_another_envelope_is_not_joined(world: World) -> None:
    first = await world.hold()
    requests = requests_for(sample(), "request-0000000002")
    requests[0].manifest.envelope.rcpt_to.append(b"third@example.org")
    assert (await world.send(requests)).message_id != first.message_id


async def test_an_entry_that_someone_acted_on_is_not_joined(world: World) -> None:
    first = await world.hold()
    await world.custody.act(world.realm.id, first.message_id, Act.DELETE, ADMINISTRATOR)
    second = await world.hold("request-0000000002")
    assert second.message_id != first.message_id
    assert (await world.custody.open(world.realm.id, second.message_id)).content == sample()


async def test_another_realms_entry_is_not_joined(world: World) -> None:
    first = await world.hold()
    other = await world.realms.create("other", world.moment[0])
    second = await world.hold(device=world.device("dev_other", other))
    assert second.message_id != first.message_id
    assert [held.id for held in await world.custody.list(other.id)] == [second.message_id]


async def test_the_first_acceptance_is_announced_once(world: World) -> None:
    first = await world.hold()
    second = await world.hold("request-0000000002")
    assert world.calls.named("quarantined") == []
    await world.settle(first, ACCEPTED)
    await world.settle(second, ACCEPTED)
    assert world.calls.named("quarantined") == [("quarantined", first.message_id)]


async def test_the_key_is_destroyed_once_every_attempt_was_refused(world: World) -> None:
    first = await world.hold()
    second = await world.hold("request-0000000002")
    await world.settle(first, REFUSED)
    assert (await world.custody.open(world.realm.id, first.message_id)).content == sample()
    await world.settle(second, REFUSED)
    with pytest.raises(NotFound):
        await world.custody.open(world.realm.id, first.message_id)
    assert (await world.custody.get(world.realm.id, first.message_id)).state is State.DELETED
    assert world.blobs() == []


async def test_a_refusal_after_an_acceptance_destroys_nothing(world: World) -> None:
    first = await world.hold()
    second = await world.hold("request-0000000002")
    await world.settle(first, ACCEPTED)
    await world.settle(second, REFUSED)
    assert (await world.custody.open(world.realm.id, first.message_id)).content == sample()


async def test_a_refusal_after_someone_acted_destroys_nothing(world: World) -> None:
    receipt = await world.hold()
    await world.custody.act(world.realm.id, receipt.message_id, Act.RELEASE, RECIPIENT)
    await world.custody.finish_sending(receipt.message_id, taken=False)
    await world.settle(receipt, REFUSED)
    assert (await world.custody.open(world.realm.id, receipt.message_id)).content == sample()


async def test_a_refused_attempt_gives_no_second_receipt(world: World) -> None:
    """Its content is gone: a receipt would let the client be told 250 for nothing."""
    await world.settle(await world.hold(), REFUSED)
    with pytest.raises(Conflict) as refused:
        await world.hold()
    assert refused.value.reason is WireReason.ALREADY_SETTLED


async def test_the_same_answer_again_is_no_error_and_another_is(world: World) -> None:
    receipt = await world.hold()
    await world.settle(receipt, ACCEPTED)
    await world.settle(receipt, ACCEPTED)
    with pytest.raises(Conflict) as refused:
        await world.settle(receipt, REFUSED)
    assert refused.value.reason is WireReason.ALREADY_SETTLED


async def test_only_the_device_that_opened_an_attempt_settles_it(world: World) -> None:
    receipt = await world.hold()
    other = await world.realms.create("other", world.moment[0])
    for stranger in (world.device("dev_two"), world.device("dev_one", other)):
        with pytest.raises(NotFound):
            await world.settle(receipt, REFUSED, stranger)
    assert (await world.custody.open(world.realm.id, receipt.message_id)).content == sample()


async def test_an_attempt_is_settled_under_its_own_message_alone(world: World) -> None:
    first = await world.hold()
    await world.settle(first, ACCEPTED)
    second = await world.hold("request-0000000002")
    mixed = wire.StoreMessageResponse(message_id=first.message_id, attempt_id=second.attempt_id)
    with pytest.raises(NotFound):
        await world.settle(mixed, REFUSED)
