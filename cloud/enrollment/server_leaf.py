"""What our servers show: a leaf that is made at start, held in memory alone, and made anew before it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloud.clock import Clock
from cloud.enrollment.authority import SERVER_LIFETIME, Authority


@dataclass(frozen=True, slots=True)
class ServerCredentials:
    """A private key and a chain, both PEM."""

    key_pem: bytes
    chain_pem: bytes


class ServerLeaf:
    """The certificate of one server. Asked at every handshake, from gRPC's threads."""

    def __init__(
        self, authority: Authority, hosts: Sequence[str], clock: Clock, *, above: Sequence[x509.Certificate]
    ) -> None:
        """`above` is what is sent after the leaf: the intermediate, and the root where peers are to find it there."""
        self._authority = authority
        self._hosts = tuple(hosts)
        self._clock = clock
        self._above = tuple(above)
        self._lock = Lock()
        self._leaf, self._credentials = self._make()

    def credentials(self) -> ServerCredentials:
        """What to show now; a third of its lifetime before its end the certificate is made anew, with a new key."""
        with self._lock:
            if self._leaf.not_valid_after_utc - self._clock() < SERVER_LIFETIME / 3:
                self._leaf, self._credentials = self._make()
            return self._credentials

    def _make(self) -> tuple[x509.Certificate, ServerCredentials]:
        key = generate_private_key(SECP256R1())
        leaf = self._authority.server_certificate(self._hosts, key.public_key())
        chain = b"".join(each.public_bytes(Encoding.PEM) for each in (leaf, *self._above))
        return leaf, ServerCredentials(_pem(key), chain)


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
