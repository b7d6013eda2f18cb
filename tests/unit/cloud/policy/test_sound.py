"""Settings that make sense, and those that don't."""

import pytest

from cloud.errors import InvalidRequest
from cloud.policy.realm_settings import RealmSettings
from cloud.policy.sound import made_sound


def test_the_defaults_make_sense() -> None:
    """Every one of them, empty texts included."""
    assert made_sound(RealmSettings()) == RealmSettings()


def test_domains_come_in_the_form_that_devices_compare() -> None:
    """Lower-case A-labels, each once; addresses stay as they were written."""
    settings = RealmSettings(
        protected_domains=("Bücher.example", "EXAMPLE.com", "example.com"), notice_address="Q@example.com"
    )
    sound = made_sound(settings)
    assert sound.protected_domains == ("xn--bcher-kva.example", "example.com")
    assert sound.notice_address == "Q@example.com"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("notice_address", "example.com"),
        ("notice_address", "*@example.com"),
        ("notice_address", "<>"),
        ("notice_address", "<a@example.com>"),
        ("administrators", "a@example.com,b"),
        ("release_route", "mail.example.com"),
        ("release_route", "mail.example.com:0"),
        ("release_route", "mail.example.com:smtp"),
        ("learn_more_url", "javascript:alert(1)"),
        ("learn_more_url", "www.example.com"),
        ("x_distribution", "Junk"),
        ("protected_domains", "*.example.com"),
    ],
)
def test_what_makes_none_is_refused_by_name(name: str, value: str) -> None:
    """With what it should be."""
    with pytest.raises(InvalidRequest) as refused:
        made_sound(RealmSettings().changed({name: value}))
    assert name in refused.value.sentence
    assert name in refused.value.next_step
