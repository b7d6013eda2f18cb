"""The portal's address comes from the settings; plain HTTP stays on this machine."""

import pytest

from cloud.errors import InvalidRequest
from cloud.portal.base_url import BaseUrl


@pytest.mark.parametrize(
    ("text", "origin", "authority", "path"),
    [
        ("https://q.example.com", "https://q.example.com", "q.example.com", ""),
        ("https://q.example.com:443/", "https://q.example.com", "q.example.com", ""),
        ("https://Q.example.com:8443/mail/", "https://q.example.com:8443", "q.example.com:8443", "/mail"),
        ("http://127.0.0.1:8025", "http://127.0.0.1:8025", "127.0.0.1:8025", ""),
        ("http://localhost", "http://localhost", "localhost", ""),
        ("http://[::1]:8025", "http://[::1]:8025", "[::1]:8025", ""),
    ],
)
def test_what_is_read(text: str, origin: str, authority: str, path: str) -> None:
    """Origin and authority as browsers write them."""
    base = BaseUrl.parse(text)
    assert (base.origin, base.authority, base.path) == (origin, authority, path)
    assert base.url("/m/x") == f"{origin}{path}/m/x"


@pytest.mark.parametrize(
    ("text", "aliases"),
    [
        ("http://127.0.0.1:8025", {"localhost:8025", "[::1]:8025"}),
        ("http://localhost", {"127.0.0.1", "[::1]"}),
        ("https://[::1]:8443", {"127.0.0.1:8443", "localhost:8443"}),
        ("http://127.0.0.2", set()),
        ("https://q.example.com", set()),
    ],
)
def test_this_machine_has_three_names(text: str, aliases: set[str]) -> None:
    """On the same port, and only where the settings name one of them."""
    assert BaseUrl.parse(text).aliases == aliases


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "q.example.com",
            "ftp://q.example.com",
            "https://",
            "https://u:p@q.example.com",
            "https://q.example.com/?a",
        ),
        *("https://q.example.com/#a", "https://q.example.com:port", "https://q.example.com/a b", "javascript:alert(1)"),
        *("http://q.example.com", "http://192.0.2.1", "http://0.0.0.0:80", "https://[", "https://bücher.example"),
    ],
)
def test_what_is_refused(text: str) -> None:
    """With a next step, each time."""
    with pytest.raises(InvalidRequest) as refused:
        BaseUrl.parse(text)
    assert refused.value.next_step
