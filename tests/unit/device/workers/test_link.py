"""The line between parent and worker."""

import asyncio
import socket

import pytest

from device.errors import CannotIntercept, DeviceError, WrongSetting
from device.workers.link import Link, as_error, as_told


async def test_both_sides_hear_each_other_until_one_is_gone() -> None:
    """What was said before the end is heard before it, and speaking to nobody is no error."""
    one, other = [await Link.over(end) for end in socket.socketpair()]
    one.say(do="count")
    assert await other.hear() == {"do": "count"}
    other.say(counters={"email-processed": 3})
    await other.close()
    assert await one.hear() == {"counters": {"email-processed": 3}}
    assert await one.hear() is None
    one.say(do="stop")
    await one.close()


async def test_half_a_line_is_nothing() -> None:
    """A process that was killed while it spoke has said nothing."""
    end, raw = socket.socketpair()
    link = await Link.over(end)
    with raw:
        raw.sendall(b'{"do": "st')
    assert await asyncio.wait_for(link.hear(), 10) is None
    await link.close()


@pytest.mark.parametrize(
    ("error", "its_exit_code"), [(WrongSetting("a", next_step="b"), True), (CannotIntercept("a", next_step="b"), False)]
)
def test_a_worker_s_error_is_the_device_s(error: DeviceError, its_exit_code: bool) -> None:
    """The same sentence and next step; a wrong setting stays one (exit code 2)."""
    told = as_error(as_told(error))
    assert (told.sentence, told.next_step) == (error.sentence, error.next_step)
    assert isinstance(told, WrongSetting) is its_exit_code
