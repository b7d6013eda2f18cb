"""The stable reasons that errors of the wire carry in google.rpc.ErrorInfo.

A reason is what programs may rely on; the sentence beside it is for people. docs/architecture.md lists them all, and a
test reaches each one.
"""

from enum import StrEnum
from typing import Final

DOMAIN: Final = "atp.srxlab"
"""ErrorInfo.domain of every error of ours."""


class Reason(StrEnum):
    """Why a call failed. The value is ErrorInfo.reason."""

    # Any call.
    INVALID_REQUEST = "INVALID_REQUEST"
    NOT_FOUND = "NOT_FOUND"
    OUT_OF_RESOURCES = "OUT_OF_RESOURCES"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    INTERNAL = "INTERNAL"
    RATE_LIMITED = "RATE_LIMITED"

    # Who is calling.
    CERTIFICATE_REQUIRED = "CERTIFICATE_REQUIRED"
    CERTIFICATE_REFUSED = "CERTIFICATE_REFUSED"
    CERTIFICATE_EXPIRED = "CERTIFICATE_EXPIRED"
    CERTIFICATE_NOT_YET_VALID = "CERTIFICATE_NOT_YET_VALID"
    GENERATION_MISMATCH = "GENERATION_MISMATCH"
    DEVICE_REVOKED = "DEVICE_REVOKED"
    DEVICE_DISENROLLED = "DEVICE_DISENROLLED"
    CALL_NOT_ALLOWED = "CALL_NOT_ALLOWED"

    # Enrolment. One answer for a token that is unknown, spent or expired; the precise one is in the audit log.
    TOKEN_REFUSED = "TOKEN_REFUSED"  # noqa: S105 - a reason, not a secret
    CSR_REFUSED = "CSR_REFUSED"
    CLOCK_SKEW = "CLOCK_SKEW"
    PROOF_REFUSED = "PROOF_REFUSED"

    # Inspection.
    DIGEST_MISMATCH = "DIGEST_MISMATCH"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    ANALYSIS_TIMEOUT = "ANALYSIS_TIMEOUT"

    # Quarantine.
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    ALREADY_SETTLED = "ALREADY_SETTLED"

    # Release passes.
    PASS_SPENT = "PASS_SPENT"  # noqa: S105 - a reason, not a secret
    PASS_LEASED = "PASS_LEASED"  # noqa: S105 - a reason, not a secret
    PASS_REVOKED = "PASS_REVOKED"  # noqa: S105 - a reason, not a secret
