"""The enrolment URL: what one side writes the other reads, and a damaged one never spells its token out."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atp.enrolment_url import EnrolmentUrl, NotAnEnrolmentUrl, Token

HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z0-9]{1,8}){0,2}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
TOKENS = st.builds(
    Token,
    st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=12, max_size=12),
    st.binary(min_size=32, max_size=32),
)
URLS = st.builds(EnrolmentUrl, HOSTS, st.integers(1, 65535), st.binary(min_size=32, max_size=32), TOKENS)

GOOD = EnrolmentUrl("cloud.example.com", 8443, b"p" * 32, Token("abcdefABCDEF", b"s" * 32))
PIN, TOKEN = GOOD.text().split("#")[1].split("&")


@settings(max_examples=200)
@given(URLS)
def test_what_was_written_is_read(url: EnrolmentUrl) -> None:
    assert EnrolmentUrl.parse(url.text()) == url
    assert EnrolmentUrl.parse(f"  {url.text()}\n") == url


def test_it_looks_as_documented() -> None:
    assert GOOD.text() == (
        "atp://cloud.example.com:8443/enroll"
        "#pin=cHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHA"
        "&token=abcdefABCDEF.c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "starts with atp"),
        (f"https://cloud.example.com:8443/enroll#{PIN}&{TOKEN}", "starts with atp"),
        (f"atp://cloud.example.com:8443/other#{PIN}&{TOKEN}", "starts with atp"),
        (f"atp://cloud.example.com/enroll#{PIN}&{TOKEN}", "no host and port"),
        (f"atp://:8443/enroll#{PIN}&{TOKEN}", "no host and port"),
        (f"atp://cloud.example.com:99999/enroll#{PIN}&{TOKEN}", "address in the URL"),
        (f"atp://[2001:db8::1/enroll#{PIN}&{TOKEN}", "address in the URL"),
        (f"atp://cloud.example.com:8443/enroll#{PIN}", "quote the URL"),
        (f"atp://cloud.example.com:8443/enroll#{PIN}&{TOKEN}&more=1", "must hold pin and token"),
        (f"atp://cloud.example.com:8443/enroll#{PIN[:-4]}&{TOKEN}", "pin is not whole"),
        (f"atp://cloud.example.com:8443/enroll#{PIN[:-1]}!&{TOKEN}", "not base64url"),
        (f"atp://cloud.example.com:8443/enroll#{PIN}&{TOKEN[:-4]}", "token is not whole"),
        (f"atp://cloud.example.com:8443/enroll#{PIN}&{TOKEN}x", "token is not whole"),
        (f"atp://cloud.example.com:8443/enroll#{PIN}&token=abc", "token is not whole"),
    ],
)
def test_what_is_wrong_is_named_and_the_token_is_not_repeated(text: str, sentence: str) -> None:
    with pytest.raises(NotAnEnrolmentUrl, match=sentence) as raised:
        EnrolmentUrl.parse(text)
    assert "c3Nzc3" not in str(raised.value)


@settings(max_examples=300)
@given(st.integers(0, len(GOOD.text()) - 1), st.characters())
def test_any_changed_character_is_another_url_or_refused(position: int, character: str) -> None:
    """Never another error."""
    text = GOOD.text()
    changed = text[:position] + character + text[position + 1 :]
    with suppress(NotAnEnrolmentUrl):
        EnrolmentUrl.parse(changed)


def test_a_tokens_secret_shows_in_no_text() -> None:
    assert repr(GOOD.token) == "Token(id='abcdefABCDEF', secret=…)"
    assert "ssss" not in repr(GOOD)
