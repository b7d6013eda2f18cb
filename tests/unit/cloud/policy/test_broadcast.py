"""The bells that tell watchers of changes."""

from atp.identity import RealmId
from cloud.policy.broadcast import Heard, PolicyBroadcast

ONE, OTHER = RealmId("realm_1"), RealmId("realm_2")


async def test_a_change_wakes_the_watchers_of_its_realm_alone() -> None:
    """Every watcher of the realm hears it, no other does."""
    broadcast = PolicyBroadcast()
    with broadcast.watch(ONE) as first, broadcast.watch(ONE) as second, broadcast.watch(OTHER) as third:
        broadcast.changed(ONE)
        assert await first.next(5) is Heard.CHANGE
        assert await second.next(5) is Heard.CHANGE
        assert await third.next(0.01) is Heard.SILENCE


async def test_changes_between_two_waits_are_heard_once() -> None:
    """A slow watcher gets no backlog: it reads what is in force."""
    broadcast = PolicyBroadcast()
    with broadcast.watch(ONE) as watch:
        broadcast.changed(ONE)
        broadcast.changed(ONE)
        assert await watch.next(5) is Heard.CHANGE
        assert await watch.next(0.01) is Heard.SILENCE


async def test_the_end_is_heard_by_watchers_of_before_and_after() -> None:
    """A watch that begins while the service goes down must not wait for ever."""
    broadcast = PolicyBroadcast()
    with broadcast.watch(ONE) as before:
        broadcast.end()
        assert await before.next(5) is Heard.END
    with broadcast.watch(ONE) as after:
        assert await after.next(5) is Heard.END


async def test_a_watch_that_is_over_hears_nothing() -> None:
    """Nothing is kept of it."""
    broadcast = PolicyBroadcast()
    with broadcast.watch(ONE) as watch:
        pass
    broadcast.changed(ONE)
    assert await watch.next(0.01) is Heard.SILENCE
