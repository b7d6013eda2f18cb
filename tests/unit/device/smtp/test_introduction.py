"""How the server learns who the client is."""

import pytest

from device.smtp.intake import Endpoint, Peers
from device.smtp.introduction import ClientAddress, header_of, xclient_attributes, xclient_command
from device.smtp.reply import Reply


def peers(client: str, server: str) -> Peers:
    return Peers(Endpoint(client, 40000), Endpoint(server, 25))


@pytest.mark.parametrize(
    ("client", "server", "line"),
    [
        ("192.0.2.1", "198.51.100.1", b"PROXY TCP4 192.0.2.1 198.51.100.1 40000 25\r\n"),
        ("2001:db8::1", "2001:db8::2", b"PROXY TCP6 2001:db8::1 2001:db8::2 40000 25\r\n"),
        ("::ffff:192.0.2.1", "198.51.100.1", b"PROXY TCP4 192.0.2.1 198.51.100.1 40000 25\r\n"),
        ("192.0.2.1", "2001:db8::2", b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 40000 25\r\n"),
        ("fe80::1%eth0", "2001:db8::2", b"PROXY TCP6 fe80::1 2001:db8::2 40000 25\r\n"),
    ],
)
def test_version_1_is_one_line_of_text(client: str, server: str, line: bytes) -> None:
    assert header_of(ClientAddress.PROXY, peers(client, server)) == line


def test_version_2_is_binary() -> None:
    header = header_of(ClientAddress.PROXY_V2, peers("2001:db8::1", "2001:db8::2"))
    assert header[:16] == b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"
    assert len(header) == 16 + 36
    assert header[-4:] == b"\x9c\x40\0\x19"


@pytest.mark.parametrize("means", [ClientAddress.HIDDEN, ClientAddress.XCLIENT])
def test_other_means_have_no_header(means: ClientAddress) -> None:
    assert header_of(means, peers("192.0.2.1", "198.51.100.1")) == b""


def test_xclient_says_what_the_server_takes() -> None:
    attributes = xclient_attributes(Reply(250, (b"mail", b"SIZE", b"xclient NAME ADDR PORT")))
    assert attributes == {b"NAME", b"ADDR", b"PORT"}
    assert xclient_command(peers("2001:db8::1", "::1"), attributes) == b"XCLIENT ADDR=IPV6:2001:db8::1 PORT=40000"
    assert xclient_command(peers("192.0.2.1", "::1"), frozenset({b"ADDR"})) == b"XCLIENT ADDR=192.0.2.1"
    assert xclient_attributes(Reply(250, (b"mail", b"SIZE"))) == frozenset()
