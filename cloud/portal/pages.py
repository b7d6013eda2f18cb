"""Values to pages: the one place that renders templates."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from cloud.errors import CloudError
from cloud.portal.base_url import BaseUrl

_TEMPLATES: Final = Path(__file__).parent / "templates"
STATIC: Final = Path(__file__).parent / "static"
_KIB: Final = 1024
_BY_ITSELF: Final = {
    "system:expired": "its time was over",
    "system:refused": "the mail server refused the replacement, so the sender was told",
}


class Pages:
    """Renders with autoescape, and with an error where a template asks for what it was not given."""

    def __init__(self, base_url: BaseUrl) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            moment=moment,
            short_moment=short_moment,
            day=day,
            machine_moment=_machine_moment,
            size=size,
            kilobytes=kilobytes,
            who=who,
            short_who=short_who,
        )
        self._environment.globals.update(base=base_url.path, origin=base_url.origin)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page."""
        return HTMLResponse(self._environment.get_template(template).render(values), status)

    def error(self, error: CloudError, *, way_back: str = "") -> HTMLResponse:
        """What went wrong and what to do next; the fields for the log are not in it."""
        return self.problem(error.http_status, error.sentence, error.next_step, way_back=way_back)

    def problem(self, status: int, sentence: str, next_step: str, *, way_back: str = "") -> HTMLResponse:
        """The page for whatever can't be done; `way_back` is the path of the list that one came from."""
        return self.page("problem.html", status, sentence=sentence, next_step=next_step, way_back=way_back)


def short_moment(when: datetime) -> str:
    """A time for a list that says that its times are UTC: Nov 25, 07:13."""
    return f"{when.astimezone(UTC):%b %-d, %H:%M}"


def day(when: datetime) -> str:
    """A day for a list, in UTC: Nov 25."""
    return f"{when.astimezone(UTC):%b %-d}"


def moment(when: datetime) -> str:
    """A time for people: 25 November 2025, 07:13 UTC."""
    return f"{when.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


def _machine_moment(when: datetime) -> str:
    """For the datetime attribute of <time>."""
    return when.astimezone(UTC).isoformat(timespec="seconds")


def size(count: int) -> str:
    """Bytes for people: 512 bytes, 1.5 KB, 2.0 MB; KB as the vendor counts them, 1024."""
    if count < _KIB:
        return f"{count} bytes"
    if count < _KIB * _KIB:
        return f"{count / _KIB:.1f} KB"
    return f"{count / _KIB / _KIB:.1f} MB"


def kilobytes(count: int) -> str:
    """The list's column: KB, rounded up, so that nothing is 0."""
    return str(-(-count // _KIB))


def who(actor: str) -> str:
    """An actor's text (KIND or KIND:NAME) for people."""
    if actor in _BY_ITSELF:
        return _BY_ITSELF[actor]
    kind, _, name = actor.partition(":")
    return f"{kind} ({name})" if name else kind


def short_who(actor: str) -> str:
    """An actor's text for a list: the name, else the kind; nothing where it happened by itself."""
    kind, _, name = actor.partition(":")
    return "" if actor in _BY_ITSELF else name or kind
