"""Every rule of what the session says has a dialogue, or a test of the listener, that names it in its own words."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[3]

RULES = (
    "MAIL, RCPT and their replies are relayed as they come",
    "At DATA, with at least one accepted recipient, the device answers 354 itself",
    "keeps the server's connection alive with NOOP while it decides",
    "BDAT chunks but the last get the device's 250",
    "DATA upstream with the original bytes",
    "one BDAT … LAST upstream with the original bytes",
    "the client gets the server's reply, whatever it is",
    "RSET upstream and the replacement in a transaction of its own",
    "MAIL FROM is the realm's notice address or, without one, <>",
    "never the original sender",
    "All recipients must be accepted: the client gets the first refusal else",
    "then the server's reply to the replacement",
    "A replacement carries no parameter but SMTPUTF8, where a recipient needs it",
    "Block: 554 5.7.1",
    "Before every final reply of the device's own after its 354 or BDAT 250",
    "a refused replacement included",
    "RSET upstream must get 250, else 421",
    "DATA or BDAT without an accepted recipient: 503 5.5.1",
    "Anything but 354, 4xx or 5xx to DATA upstream: 421",
    "it can't be stored: 451 4.3.0, always",
    "One message, one outcome, for all its recipients",
    "EOF after end of data is a half-close: go on",
    "A reset before our final dot upstream: stop, close upstream, settle refused",
    "After it: await the reply and settle by it",
    "SIZE stays as it was offered",
    "sessions over the limit 421 4.7.0",
    "recipients 452 4.5.3",
    "message over SIZE 552 5.3.4",
    "we offer the smaller of the server's and ours",
    "SIZE 0 or bare means no limit, then ours",
    "MAIL that declares more gets our 552, unrelayed",
    "headers, depth, parts over the limit 554 5.6.0",
    "disk full 452 4.3.1",
    "an unexpected 3xx from the server, or its death, 421 4.3.0 and the client's transaction is over",
    "End of data is CRLF.CRLF alone",
    "Bare CR or LF around a dot, where some server would end the message, is refused (550 5.5.2)",
    "other bare CR or LF is a finding",
    "covers every message that is not refused",
    "relayed are SIZE (lowered), PIPELINING, 8BITMIME, SMTPUTF8, CHUNKING, DSN, ENHANCEDSTATUSCODES, AUTH, DELIVERBY",
    "Withheld: BINARYMIME, BURL, PRDR, XEXCH50, XCLIENT, XFORWARD, and what we don't know",
    "others are answered here (500 5.5.1)",
    "others are answered here (555 5.5.4)",
    "a BDAT that is not offered gets 503 5.5.1 after its octets are discarded",
    "a BDAT that follows a failed one gets 503 5.5.1 after its octets are discarded",
    "unreadable size: 421 and close",
    "AUTH: nothing after it goes upstream before its reply",
    "exactly one line after each 334 is a continuation, after any other reply a command",
    "GSSAPI and DIGEST-MD5, which may encrypt, are withheld",
    "STARTTLS is offered where the server offers it and policy does not strip it",
    "Whoever sends more than STARTTLS before the 220 is cut off",
    "A server that sends more than its 220 before TLS is cut off",
    "A server's refusal of STARTTLS is relayed",
    "Explicit mode is no open relay",
)


@pytest.fixture(scope="module")
def headings() -> str:
    """What all dialogues and the listener's tests say about themselves, each as one line."""
    dialogues = [path.read_text("utf-8").splitlines() for path in sorted((TESTS / "dialogues").glob("*.smtp"))]
    said = [line for lines in dialogues for line in lines if line.startswith("#")]
    return "\n".join([*said, (TESTS / "integration" / "test_listener.py").read_text("utf-8")])


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_has_a_test_that_names_it(rule: str, headings: str) -> None:
    assert rule in headings
