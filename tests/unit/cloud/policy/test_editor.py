"""Changes of a policy: committed, counted, told."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from cloud.errors import InvalidRequest
from cloud.policy.broadcast import Heard
from cloud.policy.lists import ListName, Lists
from cloud.policy.realm_settings import Action

if TYPE_CHECKING:
    from tests.unit.cloud.policy.conftest import Office


async def test_each_change_raises_the_revision_and_wakes_watchers(office: "Office") -> None:
    """Lists, settings and release keys alike."""
    realm = office.realm.id
    with office.broadcast.watch(realm) as watch:
        await office.editor.add_entries(realm, ListName.ALLOW, ("example.com",))
        assert await watch.next(5) is Heard.CHANGE
        await office.editor.change_settings(realm, {"action": "permit"})
        assert await watch.next(5) is Heard.CHANGE
        await office.editor.release_keys_changed(realm)
        assert await watch.next(5) is Heard.CHANGE
        await office.editor.remove_entries(realm, ListName.ALLOW, ("example.com",))
        assert await watch.next(5) is Heard.CHANGE
    assert await office.editor.revision(realm) == office.realm.policy_revision + 4


async def test_what_changes_nothing_tells_nobody(office: "Office") -> None:
    """An entry that is there, one that is not, a setting at its value."""
    realm = office.realm.id
    await office.editor.add_entries(realm, ListName.BLOCK, ("example.com",))
    before = await office.editor.revision(realm)
    with office.broadcast.watch(realm) as watch:
        assert await office.editor.add_entries(realm, ListName.BLOCK, ("*@EXAMPLE.com",)) == ()
        assert await office.editor.remove_entries(realm, ListName.ALLOW, ("example.com",)) == ()
        await office.editor.change_settings(realm, {"action": "quarantine"})
        assert await watch.next(0.01) is Heard.SILENCE
    assert await office.editor.revision(realm) == before


async def test_a_policy_is_settings_lists_and_keys_of_one_moment(office: "Office") -> None:
    """What a device is told."""
    await office.editor.add_entries(office.realm.id, ListName.ALLOW, ("a@example.com", "B.example"))
    policy = await office.editor.policy(office.realm.id)
    assert policy.lists == Lists(allow=("*@b.example", "a@example.com"))
    assert policy.realm.settings.action is Action.QUARANTINE
    assert list(policy.release_keys) == [f"key-of-{office.realm.id}"]


async def test_settings_set_at_once_by_two_are_both_set(office: "Office") -> None:
    """Neither overwrites the other with what it read before."""
    realm = office.realm.id
    async with asyncio.TaskGroup() as both:
        both.create_task(office.editor.change_settings(realm, {"retention_days": "7"}))
        both.create_task(office.editor.change_settings(realm, {"x_spam_flag": "no"}))
    settings = (await office.realms.by_id(realm)).settings
    assert (settings.retention_days, settings.x_spam_flag) == (7, False)


@pytest.mark.parametrize(
    "values",
    [
        {"action": "permit", "no_such_setting": "1"},
        {"action": "permit", "retention_days": "0"},
        {"action": "permit", "notice_address": "a@example.com\r\nBcc: b@example.com"},
        {"action": "permit", "protected_domains": ",".join(f"d{n}.{'x' * 60}.example" for n in range(10_000))},
    ],
)
async def test_bad_settings_are_refused_and_none_is_set(office: "Office", values: dict[str, str]) -> None:
    """All or none."""
    with pytest.raises(InvalidRequest):
        await office.editor.change_settings(office.realm.id, values)
    assert (await office.realms.by_id(office.realm.id)).settings.action is Action.QUARANTINE


async def test_overtaking_goes_beyond_the_named_revision_and_never_back(office: "Office") -> None:
    """After a restored backup our revision is raised past the device's; a lower number changes nothing but by one."""
    realm = office.realm.id
    await office.editor.overtake(realm, 500)
    assert await office.editor.revision(realm) == 501
    await office.editor.overtake(realm, 3)
    assert await office.editor.revision(realm) == 502
