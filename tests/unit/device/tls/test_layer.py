"""TLS in memory: what goes in at one end comes out at the other, however it is cut."""

import gc
import ssl
import warnings
import weakref
from pathlib import Path

import pytest

from device.tls.layer import HelloReader, Layer, hello_context
from tests.certificates import TestAuthority


def ends(tmp_path: Path) -> tuple[Layer, Layer]:
    """A client and a server that have shaken hands."""
    authority = TestAuthority(tmp_path)
    server = Layer(authority.server("mail.example.net").context(), server_side=True)
    trust = ssl.create_default_context(cafile=authority.root)
    client = Layer(trust, server_side=False, server_name="mail.example.net")
    client.receive(b"")
    while not (client.done and server.done):
        for byte in client.take():
            server.receive(bytes([byte]))
        client.receive(server.take())
    return client, server


def test_plain_text_comes_out_as_it_went_in(tmp_path: Path) -> None:
    client, server = ends(tmp_path)
    client.send([b"a" * 100_000, b"", b"b"])
    assert server.receive(client.take()) == b"a" * 100_000 + b"b"
    server.send([b"back"])
    assert client.receive(server.take()) == b"back"


def test_a_goodbye_is_heard_behind_the_last_words(tmp_path: Path) -> None:
    client, server = ends(tmp_path)
    client.send([b"last"])
    client.say_goodbye()
    assert server.receive(client.take()) == b"last"
    assert server.ended


def test_plain_text_where_tls_should_be_is_an_error(tmp_path: Path) -> None:
    _, server = ends(tmp_path)
    with pytest.raises(ssl.SSLError):
        server.receive(b"MAIL FROM:<a@example.org>\r\n")


def test_the_peers_chain_is_told(tmp_path: Path) -> None:
    client, _ = ends(tmp_path)
    assert len(client.peer_chain) == 1


@pytest.mark.parametrize("name", ["mail.example.net", None])
def test_a_hello_says_whom_it_means(name: str | None) -> None:
    """Byte by byte; nothing is said to the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    client = Layer(context, server_side=False, server_name=name)
    client.receive(b"")
    hello, reader = client.take(), HelloReader(hello_context())
    for position, byte in enumerate(hello):
        assert not reader.complete, position
        reader.feed(bytes([byte]))
    assert reader.complete
    assert reader.server_name == name


def test_what_is_no_hello_is_an_error() -> None:
    with pytest.raises(ssl.SSLError):
        HelloReader(hello_context()).feed(b"EHLO client.example.org\r\n")


def test_an_old_client_is_told_why() -> None:
    """TLS 1.1: the alert is protocol_version (70)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    client = Layer(context, server_side=False, server_name="mail.example.net")
    client.receive(b"")
    reader = HelloReader(hello_context())
    with pytest.raises(ssl.SSLError):
        reader.feed(client.take())
    assert reader.alert()[-2:] == bytes([2, 70])
    assert not reader.complete


@pytest.mark.parametrize("sent", ["a ClientHello", "half a ClientHello", "nothing"])
def test_a_reader_leaves_nothing_behind(sent: str) -> None:
    """Whatever its client did: a session's TLS objects go with the session."""
    context, clients = hello_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = Layer(clients, server_side=False, server_name="mail.example.net")
    client.receive(b"")
    hello = client.take()
    reader = HelloReader(context)
    reader.feed({"a ClientHello": hello, "half a ClientHello": hello[:99]}.get(sent, b""))
    gone = weakref.ref(reader._tls)
    del reader
    gc.collect()
    assert gone() is None
