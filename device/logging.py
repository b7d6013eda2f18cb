"""How the device logs: to standard error, one event a line, for people or for machines."""

import sys

import structlog

from device.settings import LogFormat


def configure(log_format: LogFormat, level: str = "info") -> None:
    """Set up logging for this process: that level and everything graver."""
    shown = (
        structlog.processors.JSONRenderer()
        if log_format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
