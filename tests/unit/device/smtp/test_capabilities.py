"""EHLO's list."""

import pytest

from device.smtp.capabilities import (
    CONDITIONAL,
    MAIL_PARAMETERS,
    RCPT_PARAMETERS,
    RELAYED,
    WITHHELD,
    Capabilities,
    offered_of,
)
from device.smtp.reply import Reply


def capabilities_of(*lines: bytes) -> Capabilities:
    return offered_of(Reply(250, (b"mail", *lines)), 1000)[1]


def test_nothing_is_both_relayed_and_withheld() -> None:
    assert not RELAYED & set(WITHHELD)
    assert not set(CONDITIONAL) & (RELAYED | set(WITHHELD))


def test_every_parameter_comes_from_a_relayed_extension() -> None:
    assert set(MAIL_PARAMETERS.values()) | set(RCPT_PARAMETERS.values()) <= RELAYED | set(CONDITIONAL)


@pytest.mark.parametrize(
    ("said", "relayed"),
    [
        (b"SIZE 5000", b"SIZE 1000"),
        (b"SIZE 500", b"SIZE 500"),
        (b"SIZE 0", b"SIZE 1000"),
        (b"SIZE", b"SIZE 1000"),
        (b"SIZE " + b"9" * 5000, b"SIZE 1000"),
        (b"SIZE many", b"SIZE 1000"),
        (b"auth plain gssapi", b"auth plain"),
        (b"8bitmime", b"8bitmime"),
    ],
)
def test_lines_are_relayed_or_lowered(said: bytes, relayed: bytes) -> None:
    reply, _ = offered_of(Reply(250, (b"mail", said)), 1000)
    assert reply.lines == (b"mail", relayed)


@pytest.mark.parametrize(
    "said", [*WITHHELD, *CONDITIONAL, b"X-NEW", b"AUTH GSSAPI DIGEST-MD5", b"AUTH", b"AUTH=PLAIN", b"", b" "]
)
def test_what_is_withheld_or_unknown_is_not_relayed(said: bytes) -> None:
    reply, capabilities = offered_of(Reply(250, (b"mail", said)), 1000)
    assert reply.lines == (b"mail",)
    assert not capabilities.offered


@pytest.mark.parametrize("keyword", CONDITIONAL)
def test_what_hangs_on_a_condition_is_relayed_where_it_holds(keyword: bytes) -> None:
    reply, capabilities = offered_of(Reply(250, (b"mail", keyword)), 1000, frozenset({keyword}))
    assert reply.lines == (b"mail", keyword)
    assert keyword in capabilities


@pytest.mark.parametrize(
    ("parameter", "offer", "known"),
    [
        (b"size=1", b"SIZE", True),
        (b"SIZE=1", b"DSN", False),
        (b"BODY=8BITMIME", b"8BITMIME", True),
        (b"BODY=binarymime", b"8BITMIME", False),
        (b"XFOO", b"SIZE", False),
        (b"SMTPUTF8", b"SMTPUTF8", True),
    ],
)
def test_parameters_are_known_by_their_extension(parameter: bytes, offer: bytes, known: bool) -> None:
    assert capabilities_of(offer).knows_parameter(parameter, MAIL_PARAMETERS) is known
