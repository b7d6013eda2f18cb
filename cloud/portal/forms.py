"""Forms that are ours: sent from our own pages, by the session that was shown them, small, and in time."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from cloud.errors import InvalidRequest, Refused, TooLarge, TooSlow
from cloud.portal.base_url import BaseUrl
from cloud.portal.sessions import SignedIn

MAX_FORM_BYTES: Final = 8 * 1024
MAX_FIELDS: Final = 16
READING_SECONDS: Final = 10

_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_TRY_AGAIN: Final = "Go back, load the page again, and press the button there."


async def own_form(request: Request, signed_in: SignedIn, base_url: BaseUrl) -> Mapping[str, str]:
    """The fields of a form of this session. Raises Refused for anyone else's, InvalidRequest, TooLarge, TooSlow."""
    require_same_origin(request, base_url)
    fields = await _fields(request)
    if not signed_in.is_form_token(fields.get("form_token", "")):
        raise Refused("The form is not from this session.", next_step=_TRY_AGAIN)
    return fields


def require_same_origin(request: Request, base_url: BaseUrl) -> None:
    """Raise Refused unless the browser itself says that a page of ours sent this.

    Under our own no-referrer policy browsers send "Origin: null" with forms (Fetch standard, "append a request Origin
    header"), so Sec-Fetch-Site decides where there is one; a page can forge neither. A request with neither is refused:
    every browser since 2023 sends both.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    is_ours = origin == base_url.origin or (origin in (None, "null") and site == "same-origin")
    if not is_ours or site not in (None, "same-origin"):
        raise Refused("The form was not sent from a page of this portal.", next_step=_TRY_AGAIN)


async def _fields(request: Request) -> Mapping[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise InvalidRequest("That is not the form that was expected.", next_step=_TRY_AGAIN)
    try:
        async with asyncio.timeout(READING_SECONDS):
            body = await _body(request)
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except TimeoutError as error:
        raise TooSlow("The form took too long to arrive.", next_step=_TRY_AGAIN) from error
    except ValueError as error:
        raise InvalidRequest("The form can't be read.", next_step=_TRY_AGAIN) from error


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise TooLarge("The form is too large.", next_step=_TRY_AGAIN)
    return bytes(body)
