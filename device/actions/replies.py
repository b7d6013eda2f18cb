"""The device's own answers to end of data, in one table.

Enhanced codes: RFC 3463. The texts tell a sender what a postmaster can tell it, and no more: no score, no rule.
"""

from types import MappingProxyType
from typing import Final

from device.inspection.policy import Condition
from device.smtp.reply import Reply

MALICIOUS: Final = Reply.of(554, "5.7.1 Message refused: its content is not accepted here")
OVER_LIMITS: Final = Reply.of(554, "5.6.0 Message refused: too many headers or parts, or nested too deep")
NOT_STORED: Final = Reply.of(451, "4.3.0 Message can't be taken right now, try again later")
PASS_NOT_REDEEMED: Final = Reply.of(451, "4.3.0 Released message can't be checked right now, try again later")
OUT_OF_MEMORY: Final = Reply.of(452, "4.3.1 Message can't be kept right now, try again later")

BY_CONDITION: Final = MappingProxyType(
    {
        Condition.SERVICE_NOT_READY: Reply.of(451, "4.7.1 Message can't be inspected right now, try again later"),
        Condition.SUBMISSION_TIMEOUT: Reply.of(451, "4.7.1 Message inspection takes too long, try again later"),
        Condition.VERDICT_TIMEOUT: Reply.of(451, "4.7.1 Message inspection takes too long, try again later"),
        Condition.OUT_OF_RESOURCES: Reply.of(451, "4.3.1 Message can't be inspected right now, try again later"),
        Condition.INVALID_CONTENT_SIZE: Reply.of(552, "5.3.4 An attachment is larger than can be inspected"),
        Condition.UNKNOWN_FILE: Reply.of(554, "5.7.1 An attachment can't be opened for inspection"),
    }
)
"""What a blocked fallback says; semantics: the fallback table."""
