"""A pass is redeemed once, by one device, for the message and recipient that it was minted for."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from atp.identity import RealmId
from atp.reasons import Reason
from atp.release_pass import ReleasePass, SignedPass
from atp.v1 import release_pb2
from cloud.clock import random_id
from cloud.errors import CloudError, InvalidRequest, NotFound
from cloud.quarantine.lifecycle import Act
from cloud.release.passes import Minted, Terms, mint
from cloud.release.servicer import ReleaseServicer
from cloud.rpc.caller import Caller, acting_as
from tests.unit.cloud.release.messages import attached, composed
from tests.unit.cloud.release.rig import Rig

CONTENT: Final = b"From: a@example.org\r\nDate: x\r\n\r\nHello\r\n"
PATH: Final = (b"alice@example.org", b"bob@example.com")


class Desk:
    """The servicer, called as one device or another."""

    def __init__(self, rig: Rig) -> None:
        self._servicer = ReleaseServicer(rig.passes, lambda: rig.moment[0], random_id)
        self._rig = rig

    async def minted(self, *, uses: int = 1, message_id: str | None = None) -> ReleasePass:
        key = await self._rig.keys.signing(self._rig.realm.id)
        now = self._rig.moment[0]
        claims = mint(key, random_id("pass"), CONTENT, PATH, Terms(timedelta(hours=1), uses), now)
        await self._rig.passes.keep(Minted(claims, message_id, uses, now))
        return claims

    async def redeem(
        self, claims: ReleasePass, device: str | Caller = "one", request: str = ""
    ) -> release_pb2.RedeemPassResponse:
        asked = release_pb2.RedeemPassRequest(
            pass_id=claims.pass_id,
            digest=claims.digest,
            recipient=claims.recipient,
            request_id=request or random_id("request"),
        )
        with acting_as(self._device(device)):
            return await self._servicer.RedeemPass(asked, None)

    async def settle(self, lease_id: str, *, spent: bool, device: str | Caller = "one") -> None:
        asked = release_pb2.SettlePassRequest(lease_id=lease_id, spent=spent, reply="250 2.0.0")
        with acting_as(self._device(device)):
            await self._servicer.SettlePass(asked, None)

    async def refused(self, claims: ReleasePass, device: str | Caller = "one") -> Reason:
        with pytest.raises(CloudError) as raised:
            await self.redeem(claims, device)
        return raised.value.reason

    def _device(self, device: str | Caller) -> Caller:
        return self._rig.device(device) if isinstance(device, str) else device


@pytest.fixture
def desk(rig: Rig) -> Desk:
    return Desk(rig)


async def test_a_use_that_is_spent_is_gone(desk: Desk) -> None:
    claims = await desk.minted()
    lease = await desk.redeem(claims)
    assert lease.redemptions_left == 0
    await desk.settle(lease.lease_id, spent=True)
    assert await desk.refused(claims) is Reason.PASS_SPENT
    assert await desk.refused(claims, "two") is Reason.PASS_SPENT


async def test_a_use_that_is_returned_can_be_leased_again(desk: Desk) -> None:
    claims = await desk.minted()
    lease = await desk.redeem(claims)
    await desk.settle(lease.lease_id, spent=False)
    assert (await desk.redeem(claims, "two")).lease_id != lease.lease_id


async def test_while_a_use_is_leased_nobody_else_gets_it(desk: Desk) -> None:
    claims = await desk.minted()
    await desk.redeem(claims)
    assert await desk.refused(claims, "two") is Reason.PASS_LEASED
    assert await desk.refused(claims, "one") is Reason.PASS_LEASED


async def test_the_same_call_again_gives_the_same_lease(desk: Desk) -> None:
    claims = await desk.minted()
    first = await desk.redeem(claims, request="request-1")
    assert await desk.redeem(claims, request="request-1") == first
    with pytest.raises(InvalidRequest):
        await desk.redeem(await desk.minted(), request="request-1")


async def test_with_no_word_for_ten_minutes_a_use_is_spent(desk: Desk, rig: Rig) -> None:
    claims = await desk.minted()
    lease = await desk.redeem(claims)
    rig.moment[0] += timedelta(minutes=10)
    assert await desk.refused(claims, "two") is Reason.PASS_LEASED
    rig.moment[0] += timedelta(seconds=1)
    assert await desk.refused(claims, "two") is Reason.PASS_SPENT
    await desk.settle(lease.lease_id, spent=False)
    assert await desk.refused(claims, "two") is Reason.PASS_SPENT


async def test_where_three_devices_stand_on_the_path_each_gets_one_use(desk: Desk) -> None:
    claims = await desk.minted(uses=3)
    first = await desk.redeem(claims, "one")
    assert (first.redemptions_left, await desk.refused(claims, "one")) == (2, Reason.PASS_LEASED)
    assert (await desk.redeem(claims, "two")).redemptions_left == 1
    assert (await desk.redeem(claims, "three")).redemptions_left == 0
    assert await desk.refused(claims, "four") is Reason.PASS_LEASED
    await desk.settle(first.lease_id, spent=True)
    assert await desk.refused(claims, "one") is Reason.PASS_SPENT


async def test_of_many_devices_at_once_one_gets_the_use(desk: Desk) -> None:
    claims = await desk.minted()

    async def attempt(name: str) -> bool:
        try:
            await desk.redeem(claims, name)
        except CloudError:
            return False
        return True

    assert sum(await asyncio.gather(*(attempt(f"dev_{number}") for number in range(20)))) == 1


async def test_another_message_recipient_or_realm_has_no_such_pass(desk: Desk, rig: Rig) -> None:
    claims = await desk.minted()
    assert await desk.refused(replace(claims, digest=b"x" * 32)) is Reason.NOT_FOUND
    assert await desk.refused(replace(claims, recipient=b"eve@example.com")) is Reason.NOT_FOUND
    assert await desk.refused(replace(claims, pass_id="pass_unknown")) is Reason.NOT_FOUND
    assert await desk.refused(claims, replace(rig.device(), realm_id=RealmId("realm_other"))) is Reason.NOT_FOUND
    await desk.redeem(claims)


async def test_another_devices_lease_cannot_be_settled(desk: Desk, rig: Rig) -> None:
    lease = await desk.redeem(await desk.minted())
    for device in (rig.device("two"), replace(rig.device("one"), realm_id=RealmId("realm_other"))):
        with pytest.raises(NotFound):
            await desk.settle(lease.lease_id, spent=False, device=device)


async def test_the_pass_of_a_deleted_message_is_revoked(desk: Desk, rig: Rig) -> None:
    held = await rig.hold(composed(attached("a.exe", b"x")))
    claims = await desk.minted(message_id=held.id)
    await rig.act(held, Act.DELETE)
    assert await desk.refused(claims) is Reason.PASS_REVOKED


async def test_a_pass_is_revoked_after_its_time_and_when_its_key_is_taken_back(desk: Desk, rig: Rig) -> None:
    late, by_old_key = await desk.minted(), await desk.minted()
    await rig.keys.rotate(rig.realm.id, Told(), at_once=True)
    assert await desk.refused(by_old_key) is Reason.PASS_REVOKED
    late = await desk.minted()
    rig.moment[0] += timedelta(hours=1, minutes=5)
    await desk.redeem(late)
    gone = await desk.minted()
    rig.moment[0] += timedelta(hours=1, minutes=5, seconds=1)
    assert await desk.refused(gone) is Reason.PASS_REVOKED


class Told:
    """Whoever tells the devices that keys have changed."""

    def __init__(self) -> None:
        self.realms: list[str] = []

    async def release_keys_changed(self, realm_id: RealmId) -> None:
        self.realms.append(realm_id)


async def test_keys_are_made_once_rotated_and_retired_when_their_passes_are_over(rig: Rig) -> None:
    told = Told()
    await rig.keys.ensure(rig.realm.id)
    first = await rig.keys.public_keys(rig.realm.id)
    await rig.keys.ensure(rig.realm.id)
    assert await rig.keys.public_keys(rig.realm.id) == first
    second = await rig.keys.rotate(rig.realm.id, told)
    assert (await rig.keys.signing(rig.realm.id)).key_id == second
    assert set(await rig.keys.public_keys(rig.realm.id)) == {*first, second}
    await rig.keys.retire_replaced(rig.realm.id, told, rig.moment[0] + timedelta(days=13))
    assert set(await rig.keys.public_keys(rig.realm.id)) == {*first, second}
    await rig.keys.retire_replaced(rig.realm.id, told, rig.moment[0] + timedelta(days=15))
    assert set(await rig.keys.public_keys(rig.realm.id)) == {second}
    assert told.realms == [rig.realm.id, rig.realm.id]


async def test_a_minted_pass_verifies_under_the_public_key_that_devices_get(desk: Desk, rig: Rig) -> None:
    claims = await desk.minted()
    key = await rig.keys.signing(rig.realm.id)
    signed = SignedPass.parse(claims.sign(key.private).partition(b":")[2].removesuffix(b"\r\n"))
    assert signed.verify(key.private.public_key())
    public = await rig.keys.public_keys(rig.realm.id)
    assert public[claims.key_id] == key.private.public_key().public_bytes_raw()


@pytest.mark.parametrize(
    "broken",
    [
        {"request_id": ""},
        {"request_id": "x" * 65},
        {"digest": b"short"},
        {"recipient": b""},
        {"recipient": b"x" * 2000},
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(rig: Rig, broken: dict[str, object]) -> None:
    sound: dict[str, object] = {"pass_id": "p", "digest": b"x" * 32, "recipient": b"b@example.com", "request_id": "r"}
    servicer = ReleaseServicer(rig.passes, lambda: rig.moment[0], random_id)
    with acting_as(rig.device()), pytest.raises(InvalidRequest):
        await servicer.RedeemPass(release_pb2.RedeemPassRequest(**sound | broken), None)  # type: ignore[arg-type]


async def test_passes_that_expired_long_ago_are_forgotten_with_their_leases(desk: Desk, rig: Rig) -> None:
    claims = await desk.minted()
    await desk.redeem(claims)
    assert await rig.passes.remove_expired(rig.moment[0]) == 0
    assert await rig.passes.remove_expired(rig.moment[0] + timedelta(days=1)) == 1
    assert await desk.refused(claims) is Reason.NOT_FOUND
