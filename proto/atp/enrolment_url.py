"""The enrolment URL: where to enrol, which root to insist on, and the one-time token.

    atp://host:port/enroll#pin=<base64url of SHA-256 of the root's SubjectPublicKeyInfo>&token=<id>.<secret>

The secrets stand in the fragment, which no HTTP client sends to anyone. The pin is what RFC 7469, section 2.4 hashes.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

SCHEME: Final = "atp"
TOKEN_ID_CHARACTERS: Final = 12
TOKEN_SECRET_BYTES: Final = 32

_TOKEN = re.compile(r"(?P<id>[A-Za-z0-9]{12})\.(?P<secret>[A-Za-z0-9_-]{43})")


class NotAnEnrolmentUrl(ValueError):
    """The text is no enrolment URL; the message says which part is wrong and never repeats the token."""


@dataclass(frozen=True, slots=True)
class Token:
    """A one-time token: an id that may be logged, and a secret that may not."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Token(id={self.id!r}, secret=…)"

    def text(self) -> str:
        """As it stands in the URL and in EnrollRequest.token."""
        return f"{self.id}.{unpadded(self.secret)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ID.SECRET. Raises NotAnEnrolmentUrl."""
        found = _TOKEN.fullmatch(text)
        if found is None:
            raise NotAnEnrolmentUrl("the token is not whole: 12 characters, a dot and 43 characters are expected")
        secret = padded(found["secret"])
        if len(secret) != TOKEN_SECRET_BYTES:
            raise NotAnEnrolmentUrl("the token is not whole: 12 characters, a dot and 43 characters are expected")
        return cls(found["id"], secret)


@dataclass(frozen=True, slots=True)
class EnrolmentUrl:
    """Everything that a device needs to enrol."""

    host: str
    port: int
    pin: bytes
    token: Token

    def text(self) -> str:
        """The URL; IPv6 addresses in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}://{host}:{self.port}/enroll#pin={unpadded(self.pin)}&token={self.token.text()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL as `srx-cloud token create` prints it. Raises NotAnEnrolmentUrl."""
        try:
            url = urlsplit(text.strip())
            host, port = url.hostname, url.port
        except ValueError as error:
            raise NotAnEnrolmentUrl("the address in the URL cannot be read") from error
        if url.scheme != SCHEME or url.path != "/enroll":
            raise NotAnEnrolmentUrl("an enrolment URL starts with atp://HOST:PORT/enroll")
        if not host or not port:
            raise NotAnEnrolmentUrl("the URL names no host and port")
        fragment = dict(pair.partition("=")[::2] for pair in url.fragment.split("&"))
        if fragment.keys() != {"pin", "token"}:
            raise NotAnEnrolmentUrl(
                "the part after # must hold pin and token; quote the URL in a shell, since & ends a command"
            )
        pin = padded(fragment["pin"])
        if len(pin) != 32:
            raise NotAnEnrolmentUrl("the pin is not whole: 43 characters are expected")
        return cls(host, port, pin, Token.parse(fragment["token"]))


def unpadded(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def padded(text: str) -> bytes:
    """What unpadded() wrote. Raises NotAnEnrolmentUrl where a character is not of the alphabet."""
    if re.fullmatch(r"[A-Za-z0-9_-]*", text) is None:
        raise NotAnEnrolmentUrl("the URL holds characters that are not base64url")
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except Base64Error as error:
        raise NotAnEnrolmentUrl("a value in the URL is cut short") from error
