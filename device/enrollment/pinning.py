"""Is that the cloud which the enrolment URL means? Asked before a single byte of ours is sent inside TLS.

1. A handshake that verifies nothing reads the chain that the server sends: leaf, intermediate, root. No application data
   is sent, and the connection is closed.
2. One certificate of the chain has the pinned key (SHA-256 of its SubjectPublicKeyInfo, RFC 7469, section 2.4): the root.
3. The leaf chains up to that root, is for this host, and is valid now.
4. Only then a channel is opened, and it trusts that root alone: were the first answer relayed, the second would fail.
"""

import asyncio
import hmac
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from device.errors import ClockWrong, CloudNotTrusted, CloudUnreachable

HANDSHAKE_SECONDS: Final = 10.0


async def pinned_root(host: str, port: int, pin: bytes, now: datetime) -> x509.Certificate:
    """The root that this server chains to, if it is the pinned one. Raises CloudUnreachable, CloudNotTrusted, ClockWrong."""
    chain = await _sent_chain(host, port)
    root = next((each for each in chain if hmac.compare_digest(_pin(each), pin)), None)
    if root is None:
        raise CloudNotTrusted(
            f"{host}:{port} is not the cloud that the enrolment URL names: its root certificate is another one",
            next_step="Nothing was sent. Someone may stand in between, or the cloud was set up anew: "
            "compare with the cloud's administrator, and ask for a new URL.",
        )
    _check(chain, root, host, now)
    return root


async def _sent_chain(host: str, port: int) -> list[x509.Certificate]:
    """What the server sends in a handshake that trusts nobody and says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, ssl.SSLError, TimeoutError) as error:
        raise unreachable(host, port) from error
    try:
        return [x509.load_der_x509_certificate(der) for der in _unverified_chain(writer.get_extra_info("ssl_object"))]
    except ValueError as error:
        raise _untrusted(f"{host}:{port} sends certificates that cannot be read") from error
    finally:
        writer.transport.abort()


def _unverified_chain(connection: ssl.SSLObject) -> list[bytes]:
    """The peer's certificates as sent, DER, leaf first.

    Python has a public call for this from 3.13 on. Before, the same call stands on the inner object alone, whose
    certificates are objects; their public_bytes() is PEM.
    """
    public: Any = getattr(connection, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    inner: Any = connection._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - said above
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain() or ()]


def _pin(certificate: x509.Certificate) -> bytes:
    info = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(info).digest()


def _check(chain: Sequence[x509.Certificate], root: x509.Certificate, host: str, now: datetime) -> None:
    """The first certificate chains up to the root, for this host, now."""
    leaf = chain[0]
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise ClockWrong(
            f"this machine's clock says {now:%Y-%m-%d %H:%M}Z; the cloud's certificate is valid from "
            f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M}Z to {leaf.not_valid_after_utc:%Y-%m-%d %H:%M}Z",
            next_step="Set the clock (NTP), then enrol again.",
        )
    verifier = PolicyBuilder().store(Store([root])).time(now).build_server_verifier(_subject(host))
    try:
        verifier.verify(leaf, [each for each in chain[1:] if each != root])
    except VerificationError as error:
        raise _untrusted(f"the cloud's certificate is not good for {host}") from error


def _subject(host: str) -> x509.DNSName | x509.IPAddress:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(host))
    return x509.DNSName(host)


def unreachable(host: str, port: int) -> CloudUnreachable:
    """Nobody answers there."""
    return CloudUnreachable(
        f"there is no answer from {host}:{port}",
        next_step="Is the cloud running (srx-cloud serve), and is there a way to it? Then enrol again.",
    )


def _untrusted(sentence: str) -> CloudNotTrusted:
    return CloudNotTrusted(
        sentence,
        next_step="Nothing was sent. Start the cloud under the name that devices use (--advertised-host), "
        "and enrol with a new URL.",
    )
