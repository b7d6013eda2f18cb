"""Short-lived channels for questions of identity: to the enrolment port with known roots, to the device port as a device."""

from collections.abc import Sequence
from typing import Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device.enrollment.identity import Identity

CALL_SECONDS: Final = 15.0
"""The deadline of each call here."""

_OPTIONS: Final = (
    # A channel of one identity must never use a connection that was made with another.
    ("grpc.use_local_subchannel_pool", 1),
    # The pin was checked on the direct way; a proxy would be another.
    ("grpc.enable_http_proxy", 0),
)


def to_enrolment_port(endpoint: str, roots: Sequence[x509.Certificate]) -> grpc.aio.Channel:
    """A channel that trusts these roots alone, and shows nothing of ours."""
    pem = b"".join(root.public_bytes(Encoding.PEM) for root in roots)
    return grpc.aio.secure_channel(endpoint, grpc.ssl_channel_credentials(pem), options=_OPTIONS)


def outside(identity: Identity) -> grpc.aio.Channel:
    """To the enrolment port of the identity's cloud, for when mutual TLS fails."""
    return to_enrolment_port(identity.enrolment_endpoint, x509.load_pem_x509_certificates(identity.trust_bundle_pem))


def as_device(identity: Identity) -> grpc.aio.Channel:
    """To the device port, with this identity's certificate."""
    return grpc.aio.secure_channel(identity.endpoint, identity.channel_credentials(), options=_OPTIONS)
