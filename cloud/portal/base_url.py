"""Where the portal is reached from outside: taken from the settings, never from what a client sends."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self
from urllib.parse import urlsplit

from cloud.errors import InvalidRequest

_EXAMPLE: Final = "It looks like https://quarantine.example.com, or http://127.0.0.1:8025 on this machine alone."

_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """The portal's address: `origin` as browsers name it, `authority` as Host names it, `path` without a last slash.

    `aliases` are other names of the same authority: those of this machine, where it has one of them.
    A path lets the portal live under a prefix of a reverse proxy that passes paths on unchanged.
    """

    origin: str
    authority: str
    path: str
    secure: bool
    aliases: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidRequest for what is no base URL, and for plain HTTP anywhere but on loopback."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise InvalidRequest("the portal's URL can't be read", next_step=_EXAMPLE) from error
        if parts.scheme not in ("http", "https") or not host or not host.isascii() or _has_more(text):
            raise InvalidRequest("the portal's URL is no http or https address", next_step=_EXAMPLE)
        secure = parts.scheme == "https"
        if not secure and not _is_loopback(host):
            raise InvalidRequest(
                "the portal's URL is plain HTTP outside of loopback",
                next_step="Put a reverse proxy with a certificate in front, and name its https address.",
            )
        shown = f"[{host}]" if ":" in host else host
        suffix = "" if port in (None, 443 if secure else 80) else f":{port}"
        aliases = frozenset(f"{name}{suffix}" for name in _THIS_MACHINE if shown in _THIS_MACHINE and name != shown)
        authority = f"{shown}{suffix}"
        return cls(f"{parts.scheme}://{authority}", authority, parts.path.rstrip("/"), secure, aliases)

    def url(self, path: str) -> str:
        """The whole address of a path of ours, such as /console."""
        return f"{self.origin}{self.path}{path}"


def _has_more(text: str) -> bool:
    """Whether there is anything beside scheme, host, port and path: user names, queries, blanks."""
    return any(mark in text for mark in "@?#\\;{}") or any(character.isspace() for character in text)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
