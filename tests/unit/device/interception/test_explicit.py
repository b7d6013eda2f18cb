"""Explicit mode is no open relay."""

import pytest

from device.errors import WrongSetting
from device.interception.explicit import refuse_open_relay
from device.smtp.intake import Endpoint
from device.smtp.introduction import ClientAddress

ELSEWHERE = ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "mail.example.org", ""]


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_hidden_client_on_an_address_of_the_network_is_refused(host: str) -> None:
    with pytest.raises(WrongSetting, match="open relay") as caught:
        refuse_open_relay(Endpoint(host, 25), ClientAddress.HIDDEN, consent=False)
    assert "--client-address" in caught.value.next_step


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    refuse_open_relay(Endpoint(host, 25), ClientAddress.HIDDEN, consent=False)


@pytest.mark.parametrize("means", [ClientAddress.PROXY, ClientAddress.PROXY_V2, ClientAddress.XCLIENT])
@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_server_that_learns_the_client_is_enough(host: str, means: ClientAddress) -> None:
    refuse_open_relay(Endpoint(host, 25), means, consent=False)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_an_explicit_word_of_consent_is_enough(host: str) -> None:
    refuse_open_relay(Endpoint(host, 25), ClientAddress.HIDDEN, consent=True)
