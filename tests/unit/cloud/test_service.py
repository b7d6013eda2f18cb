"""The parts of the service's start that need no service."""

import pytest

from cloud.portal.base_url import BaseUrl
from cloud.service import mail_host


@pytest.mark.parametrize(
    ("portal", "host"),
    [
        ("https://quarantine.example.com/mail", "quarantine.example.com"),
        ("http://localhost:8780", "localhost"),
        ("http://127.0.0.1:8780", "localhost"),
        ("https://[2001:db8::1]", "localhost"),
    ],
)
def test_our_name_in_mail_is_the_portals(portal: str, host: str) -> None:
    """An address is no domain that a Message-ID or a From could bear."""
    assert mail_host(BaseUrl.parse(portal)) == host
