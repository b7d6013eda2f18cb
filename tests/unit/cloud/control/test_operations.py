"""What commands do, and what the audit log has of it."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atp.enrolment_url import EnrolmentUrl
from cloud.control import console, devices, events, lists, quarantine, realms, settings, tokens
from cloud.control.administration import Administration
from cloud.control.door import DirectDoor
from cloud.control.wire import FarError, is_wrong_usage
from cloud.enrollment.revocation import Revocation
from cloud.policy.lists import ListName
from cloud.storage.state_folder import StateFolder

if TYPE_CHECKING:
    from tests.unit.cloud.control.conftest import Opener


@pytest.fixture
async def administration(state: Path, opener: "Opener") -> AsyncIterator[Administration]:
    with closing(StateFolder.make(state)) as folder:
        async with opener(folder) as opened:
            yield opened


@pytest.fixture
async def door(administration: Administration) -> DirectDoor:
    """With one realm, acme."""
    made = DirectDoor(administration)
    await made.ask(realms.CREATE, realms.CreateRealm("acme"))
    return made


async def test_a_new_realm_has_a_release_key(administration: Administration, door: DirectDoor) -> None:
    """So that its first snapshot already tells devices what passes to believe."""
    realm = await administration.realm(None)
    assert len((await administration.policy.policy(realm.id)).release_keys) == 1


async def test_the_realm_may_be_left_out_only_where_there_is_one(door: DirectDoor) -> None:
    """Otherwise the realms are named, and it counts as wrong usage."""
    assert (await door.ask(settings.SHOW, settings.ShowSettings(None))).realm == "acme"
    await door.ask(realms.CREATE, realms.CreateRealm("other"))
    with pytest.raises(FarError, match="several") as far:
        await door.ask(settings.SHOW, settings.ShowSettings(None))
    assert "acme, other" in far.value.next_step
    assert is_wrong_usage(far.value)


async def test_without_a_realm_the_next_step_is_to_make_one(administration: Administration) -> None:
    """Before anything else."""
    with pytest.raises(FarError) as far:
        await DirectDoor(administration).ask(lists.SHOW, lists.ShowLists(None))
    assert "realm create" in far.value.next_step


async def test_an_enrolment_url_is_whole(administration: Administration, door: DirectDoor) -> None:
    """Host and port of the enrolment port, the authority's pin, a token."""
    link = await door.ask(tokens.CREATE, tokens.CreateToken(None, "SN1", 3600))
    url = EnrolmentUrl.parse(link.url)
    assert (url.host, url.port) == ("127.0.0.1", 8743)
    assert (await administration.audit.latest())[0].what == "token.created"
    with pytest.raises(FarError, match="seven days"):
        await door.ask(tokens.CREATE, tokens.CreateToken(None, None, 8 * 86400))


async def test_changes_are_in_the_audit_log_with_who_made_them(
    administration: Administration, door: DirectDoor
) -> None:
    """What changed nothing is not."""
    change = lists.ChangeList(None, ListName.BLOCK, ("bad.example", "BAD.example"))
    assert (await door.ask(lists.ADD, change)).changed == ("*@bad.example",)
    assert (await door.ask(lists.ADD, change)).unchanged == 2
    await door.ask(settings.SET, settings.SetSettings(None, {"action": "permit"}))
    await door.ask(settings.SET, settings.SetSettings(None, {"action": "permit"}))
    await door.ask(lists.REMOVE, change)
    noted = await administration.audit.latest()
    assert [entry.what for entry in reversed(noted)] == [
        "realm.created",
        "list.added",
        "settings.changed",
        "list.removed",
    ]
    assert all(entry.actor for entry in noted)
    assert noted[1].fields == {"action": "permit"}


async def test_a_console_link_leads_to_the_portal(door: DirectDoor) -> None:
    """It signs in once; its secret is not in the audit log."""
    link = await door.ask(console.LINK, console.MakeLink("acme"))
    assert link.url.startswith("http://127.0.0.1:8780/console/")


async def test_what_is_not_there_is_not_found(door: DirectDoor) -> None:
    """Devices and messages by ids that nobody has."""
    assert (await door.ask(devices.LIST, devices.ListDevices(None))).devices == ()
    assert (await door.ask(quarantine.LIST, quarantine.ListMessages(None))).messages == ()
    assert (await door.ask(events.SHOW, events.ShowEvents(None))).events == ()
    with pytest.raises(FarError, match="no such device"):
        await door.ask(devices.REVOKE, devices.RevokeDevice(None, "device_x", Revocation.EVICTED))
    for operation in (quarantine.RELEASE, quarantine.DELETE):
        with pytest.raises(FarError, match="no such message"):
            await door.ask(operation, quarantine.ActOnMessages(None, ("msg_x",)))
    with pytest.raises(FarError, match="no such message"):
        await door.ask(quarantine.SHOW, quarantine.ShowMessage(None, "msg_x"))


@pytest.mark.parametrize("limit", [0, -1, 10**6])
async def test_limits_are_bounded(door: DirectDoor, limit: int) -> None:
    """A number that makes no sense is wrong usage."""
    for ask in (
        lambda: door.ask(events.SHOW, events.ShowEvents(None, limit)),
        lambda: door.ask(quarantine.LIST, quarantine.ListMessages(None, None, limit)),
    ):
        with pytest.raises(FarError) as far:
            await ask()
        assert is_wrong_usage(far.value)
