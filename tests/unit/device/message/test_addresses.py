"""Address lists as people's mail has them, and when two addresses are one."""

import pytest

from device.message.addresses import folded_address, folded_domain, mailboxes, path_address


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b"a@example.org", ["a@example.org"]),
        (b"<a@example.org>", ["a@example.org"]),
        (b"Ann <a@example.org>", ["a@example.org"]),
        (b'"Ann, B." <a@example.org>', ["a@example.org"]),
        (b"Ann (the <first@example.com>) <a@example.org>", ["a@example.org"]),
        (b"a@example.org (Ann)", ["a@example.org"]),
        (b"a@example.org, Bob <b@example.net>", ["a@example.org", "b@example.net"]),
        (b"a@example.org,\r\n b@example.net", ["a@example.org", "b@example.net"]),
        (b"Friends: a@example.org, b@example.net;, c@example.com", ["a@example.org", "b@example.net", "c@example.com"]),
        (b"undisclosed-recipients:;", []),
        (b'"a b"@example.org', ["a b@example.org"]),
        (b'"a"@example.org', ["a@example.org"]),
        (b"a . b @ example . org", ["a.b@example.org"]),
        (b"<@relay.example.net,@x.example:a@example.org>", ["a@example.org"]),
        (b"A@EXAMPLE.ORG.", ["a@example.org"]),
        ("ä@bücher.example".encode(), ["ä@xn--bcher-kva.example"]),
        (b"a@[192.0.2.1]", ["a@[192.0.2.1]"]),
        (b'"a@evil.example" <b@example.org>', ["b@example.org"]),
        (b"a@example.org,,b@example.net", ["a@example.org", "b@example.net"]),
    ],
)
def test_well_understood_lists_give_their_addresses(value: bytes, wanted: list[str]) -> None:
    found = mailboxes(value)
    assert [address.folded for address in found.addresses] == wanted
    assert found.sound


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b"Ann", []),
        (b"<>", []),
        (b"a@example.org <b@example.net> c@example.com", ["b@example.net"]),
        (b"<a@example.org> <b@example.net>", ["a@example.org", "b@example.net"]),
        (b"<a@example.org", ["a@example.org"]),
        (b"a b@example.org", ["ab@example.org"]),
        (b"a@example.org\0", ["a@example.org\0"]),
    ],
)
def test_what_is_not_understood_whole_is_not_sound(value: bytes, wanted: list[str]) -> None:
    found = mailboxes(value)
    assert not found.sound
    assert [address.folded for address in found.addresses] == wanted


def test_two_signs_or_two_addresses_without_a_comma_are_not_sound() -> None:
    assert not mailboxes(b"a@example.org b@example.net").sound
    assert not mailboxes(b"a@example.org@example.net").sound


def test_a_display_name_is_decoded() -> None:
    (address,) = mailboxes(b"=?utf-8?q?Andr=C3=A9?= Dupont <a@example.org>").addresses
    assert (address.display, address.local, address.domain) == ("André Dupont", "a", "example.org")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (b"a@example.org", "a@example.org"),
        (b'"a b"@Example.ORG', "a b@example.org"),
        (b"@relay.example:a@example.org", "a@example.org"),
        ("ü@bücher.example".encode(), "ü@xn--bcher-kva.example"),
        (b"", None),
        (b"postmaster", None),
    ],
)
def test_envelope_paths_are_addresses(path: bytes, wanted: str | None) -> None:
    address = path_address(path)
    assert (address.folded if address else None) == wanted


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("A@Example.ORG", "a@example.org"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@BÜCHER.example", "a@XN--BCHER-KVA.EXAMPLE"),
        ("STRASSE@example.org", "straße@example.org"),
        ("e\u0301@example.org", "é@example.org"),
        ('"a"@example.org', "a@example.org"),
        (" a@example.org. ", "a@example.org"),
    ],
)
def test_addresses_that_mean_the_same_compare_equal(left: str, right: str) -> None:
    assert folded_address(left) == folded_address(right)


def test_a_domain_that_is_no_host_name_is_left_but_for_case() -> None:
    assert folded_domain("[192.0.2.1]") == "[192.0.2.1]"
    assert folded_domain("ü\u2028.Example") == "ü\u2028.example"


@pytest.mark.parametrize(
    "hostile", [b"<" * 60_000, b'"\\' * 30_000, b"(" * 60_000, b"a@" * 30_000, b":" * 60_000, b"," * 60_000]
)
def test_hostile_lists_take_linear_time_and_are_not_sound(hostile: bytes) -> None:
    found = mailboxes(hostile)
    assert not found.sound or not found.addresses


def test_a_list_that_is_too_long_is_not_sound() -> None:
    assert not mailboxes(b"a@example.org, " * 10_000).sound
