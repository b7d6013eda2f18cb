"""How the service logs: events with fields on standard error, as lines for people or JSON for machines. Never content."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
import structlog.tracebacks

from cloud.settings import LogFormat, LogLevel


def configure(level: LogLevel, form: LogFormat) -> None:
    """From here on structlog writes to standard error; tracebacks go to machines, and to people at debug level alone."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_rendering(level, form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def configure_for_command(environment: Mapping[str, str]) -> None:
    """A command says itself what went wrong, so it logs next to nothing unless SRX_CLOUD_LOG_LEVEL asks for more."""
    named = environment.get("SRX_CLOUD_LOG_LEVEL", "")
    configure(LogLevel(named) if named in set(LogLevel) else LogLevel.ERROR, LogFormat.TEXT)


def _rendering(level: LogLevel, form: LogFormat) -> list[Any]:
    if form is LogFormat.JSON:
        # Frames without their local variables: those hold content and keys.
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer(sort_keys=True)]
    kept = [] if level is LogLevel.DEBUG else [_without_traceback]
    return [*kept, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _without_traceback(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The kind of error instead of where it stood."""
    given = event.pop("exc_info", None)
    if given:
        error = given if isinstance(given, BaseException) else sys.exc_info()[1]
        event["error"] = type(error).__name__
    return event
