"""Settings that make sense: addresses that are addresses, a route that can be taken, domains in the form that devices compare.

RealmSettings knows types and bounds; here stands what each text must mean.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from cloud.address import Address
from cloud.errors import InvalidRequest
from cloud.policy.lists import NULL_PATH, domain_name, normal_form
from cloud.policy.realm_settings import RealmSettings

_DISTRIBUTIONS: Final = ("", "Bulk", "Spam")


def made_sound(settings: RealmSettings) -> RealmSettings:
    """These settings, domains normalised. Raises InvalidRequest that names the setting at fault."""
    if settings.notice_address:
        _checked("notice_address", _address, settings.notice_address)
    for each in settings.administrators:
        _checked("administrators", _address, each)
    if settings.release_route:
        _checked("release_route", _route, settings.release_route)
    if settings.learn_more_url:
        _checked("learn_more_url", _web_address, settings.learn_more_url)
    _checked("x_distribution", _distribution, settings.x_distribution)
    domains = (_checked("protected_domains", domain_name, each) for each in settings.protected_domains)
    return replace(settings, protected_domains=tuple(dict.fromkeys(domains)))


def _checked(name: str, read: Callable[[str], str], text: str) -> str:
    try:
        return read(text)
    except ValueError as error:
        raise InvalidRequest(f"{name} can't be {text!r}", next_step=f"{name} is {_WANTED[name]}.") from error


def _address(text: str) -> str:
    form = normal_form(text)
    if form == NULL_PATH or form.startswith("*@") or text.startswith("<"):
        raise ValueError(text)
    return text


def _route(text: str) -> str:
    if not Address.parse(text).port:
        raise ValueError(text)
    return text


def _web_address(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or " " in text:
        raise ValueError(text)
    return text


def _distribution(text: str) -> str:
    if text not in _DISTRIBUTIONS:
        raise ValueError(text)
    return text


_WANTED: Final = {
    "notice_address": "one mail address, or empty",
    "administrators": "mail addresses, separated by commas",
    "release_route": "HOST:PORT of the next SMTP hop, or empty",
    "learn_more_url": "an http or https address, or empty",
    "x_distribution": "Bulk, Spam, or empty",
    "protected_domains": "domains, separated by commas; empty: all",
}
