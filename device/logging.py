"""How the device logs: to standard error, one event a line, for people or for machines."""

import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from device.settings import LogFormat, LogLevel

_PLAIN: Final = re.compile(r"[!#-&(-\[\]-~]*")
"""What stands on a line without quotation marks: visible ASCII, without blanks, quotation marks and backslashes."""


def configure(log_format: LogFormat, level: LogLevel) -> None:
    """Set up logging for this process: that level and everything graver."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer() if log_format is LogFormat.JSON else line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.value),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """A line for people: time, level, event, and its fields. structlog's own takes as long as reading a small mail."""
    time, level, name = event.pop("timestamp"), event.pop("level"), event.pop("event")
    fields = " ".join([f"{key}={_shown(value)}" for key, value in event.items()])
    return f"{time} [{level:<7}] {name:<24} {fields}".rstrip()


def _shown(value: Any) -> str:
    """As it is; in quotation marks where a reader could take it for something else, or a terminal do something with it."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else ascii(text)
