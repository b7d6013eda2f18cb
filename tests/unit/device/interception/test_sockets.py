"""Sockets before anybody listens: alone, or one for each process on the same port."""

import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest

from device.interception.sockets import bound_sockets
from device.smtp.intake import Endpoint


def listening(*, shared: bool) -> tuple[socket.socket, Endpoint]:
    (made,) = bound_sockets(Endpoint("127.0.0.1", 0), shared=shared, first=True)
    made.listen()
    return made, Endpoint(*made.getsockname())


def test_a_shared_port_is_bound_again_by_the_same_device() -> None:
    """One socket for each worker."""
    one, at = listening(shared=True)
    with one, ExitStack() as others:
        for each in bound_sockets(at, shared=True, first=False):
            others.enter_context(each)
            assert each.getsockname() == one.getsockname()


@pytest.mark.parametrize("theirs", [True, False])
@pytest.mark.parametrize("ours", [True, False])
def test_a_port_that_another_device_has_is_not_joined(theirs: bool, ours: bool) -> None:
    """The kernel would let a second device of the same user take half of the first one's clients."""
    one, at = listening(shared=theirs)
    with one, pytest.raises(OSError, match="in use"):
        bound_sockets(at, shared=ours, first=True)


def test_every_address_of_a_name_gets_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 0 is one port, chosen once."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2")]
    monkeypatch.setattr(socket, "getaddrinfo", answering(found))
    with ExitStack() as sockets:
        bound = [sockets.enter_context(each) for each in bound_sockets(Endpoint("two", 0), shared=False, first=True)]
        assert [each.getsockname()[0] for each in bound] == ["127.0.0.1", "127.0.0.2"]
        assert len({each.getsockname()[1] for each in bound}) == 1


def answering(found: Sequence[object]) -> Callable[..., Sequence[object]]:
    return lambda *_arguments, **_options: found
