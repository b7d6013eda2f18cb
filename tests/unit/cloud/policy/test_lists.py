"""Entries of allowlist and blocklist: what may be written, and that one thing is kept in one form."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.errors import InvalidRequest
from cloud.policy.lists import NotAnEntry, normal_form, normalised

NORMAL = [
    ("alice@example.com", "alice@example.com"),
    ("Alice@Example.COM", "alice@example.com"),
    ("  alice@example.com ", "alice@example.com"),
    ("<alice@example.com>", "alice@example.com"),
    ("alice@example.com.", "alice@example.com"),
    ("*@example.com", "*@example.com"),
    ("Example.com", "*@example.com"),
    ("<>", "<>"),
    ("a.b+tag=x@example.com", "a.b+tag=x@example.com"),
    ('"john doe"@example.com', '"john doe"@example.com'),
    ('"john"@example.com', "john@example.com"),
    ('"a\\"b"@example.com', '"a\\"b"@example.com'),
    ('"a@b"@example.com', '"a@b"@example.com'),
    ("Ä.user@Bücher.example", "ä.user@xn--bcher-kva.example"),
    ("*@XN--BCHER-KVA.example", "*@xn--bcher-kva.example"),
    ("Bücher.example", "*@xn--bcher-kva.example"),
    ("straße@example.com", "strasse@example.com"),
    ("alice@mail_1.example.com", "alice@mail_1.example.com"),
    ("localhost", "*@localhost"),
    ("alice@[192.0.2.1]", "alice@[192.0.2.1]"),
    ("alice@[IPv6:2001:DB8:0::1]", "alice@[ipv6:2001:db8::1]"),
    ("*@[192.0.2.1]", "*@[192.0.2.1]"),
]

REFUSED = [
    ("", "no domain"),
    ("@example.com", "before the @"),
    ("alice@", "no domain"),
    ("*", "subdomains"),
    ("*.example.com", "subdomains"),
    ("*@*.example.com", "subdomains"),
    ("a*@example.com", "everyone"),
    ("alice bob@example.com", "local part"),
    ("alice@example..com", "domain name"),
    ("alice@-example.com", "domain name"),
    ("alice@exa mple.com", "domain name"),
    ("alice@@example.com", "local part"),
    (".alice@example.com", "local part"),
    ("a\x00b@example.com", "local part"),
    ("a\r\nb@example.com", "local part"),
    ('"a\x1bb"@example.com', "local part"),
    (f"{'a' * 65}@example.com", "64 octets"),
    (f"{'ä' * 33}@example.com", "64 octets"),
    (f"{'a' * 64}.com", "domain name"),
    (".".join(["a" * 60] * 5), "domain name"),
    ("alice@[192.0.2.256]", "brackets"),
    ("alice@[2001:db8::1]", "brackets"),
    ("alice@[fe80::1%eth0]", "domain name"),
    ("alice@xn--a\u0301.example", "A-labels"),
    ("Alice <alice@example.com>", "local part"),
]


@pytest.mark.parametrize(("written", "kept"), NORMAL)
def test_one_thing_is_kept_in_one_form(written: str, kept: str) -> None:
    """Case, brackets, needless quotes, U-labels and bare domains make no difference."""
    assert normal_form(written) == kept
    assert normal_form(kept) == kept


@pytest.mark.parametrize(("written", "why"), REFUSED)
def test_what_is_no_entry_is_refused_with_the_reason(written: str, why: str) -> None:
    """The reason speaks of the part that is wrong."""
    with pytest.raises(NotAnEntry, match=why):
        normal_form(written)


@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z0-9.\"\\@*<>\[\]:äß_-]{1,60}", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_every_text_is_an_entry_in_normal_form_or_refused(text: str) -> None:
    """Nothing else is raised, the normal form is its own, and it holds nothing that a line or a terminal could stumble on."""
    try:
        kept = normal_form(text)
    except NotAnEntry:
        return
    assert normal_form(kept) == kept
    assert kept.isprintable()
    assert len(kept.encode()) <= 512
    assert kept == "<>" or kept.rpartition("@")[2].isascii()


def test_repeated_entries_are_one() -> None:
    """Two spellings of one entry are one, in the order of their first appearance."""
    assert normalised(("B.example", "a@b.example", "*@b.example")) == ("*@b.example", "a@b.example")


def test_all_bad_entries_of_a_change_are_named_and_none_is_taken() -> None:
    """The first three are shown, the others counted."""
    with pytest.raises(InvalidRequest) as refused:
        normalised(("good.example", "@bad", "*.bad.example", "a b@c", "@worse"))
    assert "'@bad'" in refused.value.sentence
    assert "and 1 more" in refused.value.sentence
    assert "Nothing was changed" in refused.value.next_step
