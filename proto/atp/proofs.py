"""What a device signs to prove that it holds a certificate's key where mutual TLS cannot: ECDSA-SHA256 over these bytes.

Each text starts with a line that names its purpose, so that no proof can pass for another; the nonce is the cloud's.
"""


def diagnose_proof(nonce: bytes) -> bytes:
    """Signed for EnrollmentService.Diagnose."""
    return b"atp-diagnose:v1\n" + nonce


def recover_proof(nonce: bytes, csr_der: bytes) -> bytes:
    """Signed for EnrollmentService.Recover: with the expired certificate's key, over the request for the next one."""
    return b"atp-recover:v1\n" + nonce + csr_der
