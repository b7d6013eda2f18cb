"""The administrator's console: what is held in the realm, who asks for what, and the decision."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cloud.errors import Conflict, InvalidRequest, NotFound
from cloud.portal.base_url import BaseUrl
from cloud.portal.forms import own_form
from cloud.portal.needs import BlockSender, Releases
from cloud.portal.pages import Pages
from cloud.portal.recipient import act_named
from cloud.portal.sessions import Sessions, SignedIn
from cloud.portal.viewing import Viewing
from cloud.quarantine.held import HeldMessage
from cloud.quarantine.lifecycle import Actor, ActorKind, State

MAX_COUNTED: Final = 2000
"""Messages that the counts are of: the newest. A realm with more is told so."""

ROWS_A_PAGE: Final = 50

log: Final = structlog.get_logger()

_ACTOR: Final = Actor(ActorKind.ADMINISTRATOR, "console")


class ConsolePages:
    """Handlers of /console and everything under it but the way in and out."""

    def __init__(
        self,
        viewing: Viewing,
        sessions: Sessions,
        pages: Pages,
        base_url: BaseUrl,
        *,
        releases: Releases | None,
        block_sender: BlockSender | None,
    ) -> None:
        self._viewing = viewing
        self._sessions = sessions
        self._pages = pages
        self._base_url = base_url
        self._releases = releases
        self._block_sender = block_sender

    def routes(self) -> list[Route]:
        return [
            Route("/console", self.show_list),
            Route("/console/messages/{message_id}", self.show),
            Route("/console/messages/{message_id}/block-sender", self.block, methods=["POST"]),
            Route("/console/messages/{message_id}/{act}", self.act, methods=["POST"]),
        ]

    async def show_list(self, request: Request) -> Response:
        """Counts, then the messages: requests first, then the newest. ?state= shows one state alone, ?page= the next ones."""
        signed_in = await self._sessions.of_console(request)
        chosen = _state_named(request.query_params.get("state", ""))
        page = _page_named(request.query_params.get("page", ""))
        messages = await self._viewing.custody.list(signed_in.realm_id, limit=MAX_COUNTED)
        realm = await self._viewing.realms.by_id(signed_in.realm_id)
        threshold = realm.settings.recommended_threshold
        listed = _listed(messages, chosen)
        shown = listed[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE]
        return self._pages.page(
            "console.html",
            realm=realm,
            counts=Counter(message.state for message in messages),
            states=tuple(State),
            chosen=chosen,
            rows=[(message, await self._viewing.summary(message, threshold)) for message in shown],
            page=page,
            has_next=len(listed) > page * ROWS_A_PAGE,
            are_all=len(messages) < MAX_COUNTED,
            threshold=threshold,
            form_token=signed_in.form_token,
        )

    async def show(self, request: Request) -> Response:
        """One message with its preview."""
        signed_in = await self._sessions.of_console(request)
        return await self._page(signed_in, request)

    async def act(self, request: Request) -> Response:
        """Release or delete; the recipients are told."""
        signed_in = await self._sessions.of_console(request)
        await own_form(request, signed_in, self._base_url)
        act = act_named(request.path_params["act"])
        message_id = request.path_params["message_id"]
        try:
            with _asked_for():
                await self._viewing.custody.act(signed_in.realm_id, message_id, act, _ACTOR)
        except Conflict:
            return await self._page(signed_in, request, was_late=True)
        log.info("portal.acted", realm=signed_in.realm_id, message=message_id, act=act.value, by="administrator")
        return self._back_to(message_id)

    async def block(self, request: Request) -> Response:
        """Put the envelope sender on the realm's blocklist."""
        signed_in = await self._sessions.of_console(request)
        await own_form(request, signed_in, self._base_url)
        with _asked_for():
            held = await self._viewing.custody.get(signed_in.realm_id, request.path_params["message_id"])
        if self._block_sender is None:
            raise NotFound("There is no such page.")
        if not held.mail_from:
            raise InvalidRequest(
                "The message has no sender: its path is <>, as that of every bounce.",
                next_step="Add an address by hand: srx-cloud list add.",
            )
        await self._block_sender(signed_in.realm_id, held.mail_from)
        log.info("portal.sender_blocked", realm=signed_in.realm_id, message=held.id)
        return self._back_to(held.id, "?blocked=yes")

    async def _page(self, signed_in: SignedIn, request: Request, *, was_late: bool = False) -> Response:
        message_id = request.path_params["message_id"]
        with _asked_for():
            look = await self._viewing.look(signed_in.realm_id, message_id, ActorKind.ADMINISTRATOR)
        has_blocked = request.query_params.get("blocked") == "yes"
        return self._pages.page(
            "console_message.html",
            409 if was_late else 200,
            look=look,
            was_late=was_late,
            form_token=signed_in.form_token,
            action=f"{self._base_url.path}/console/messages/{message_id}",
            progress=await self._releases.latest(signed_in.realm_id, message_id) if self._releases else None,
            can_block=self._can_block(look.held) and not has_blocked,
            has_blocked=has_blocked,
        )

    def _can_block(self, held: HeldMessage) -> bool:
        """Whether there is a sender to block, and anything left of the message to judge the sender by."""
        return self._block_sender is not None and held.mail_from != "" and not held.state.destroys_content

    def _back_to(self, message_id: str, query: str = "") -> Response:
        return RedirectResponse(f"{self._base_url.path}/console/messages/{message_id}{query}", 303)


@contextmanager
def _asked_for() -> Iterator[None]:
    """Custody's words for a message that there is not are for the command line; these are for the console."""
    try:
        yield
    except NotFound:
        raise NotFound(
            "There is no such message in this quarantine.", next_step="The list shows the messages that there are."
        ) from None


def _state_named(name: str) -> State | None:
    """Raises InvalidRequest for a state that there is not."""
    try:
        return State(name) if name else None
    except ValueError:
        raise InvalidRequest("There is no such state.", next_step="Choose one on the console's page.") from None


def _page_named(number: str) -> int:
    """From 1 on; what is no such number is the first page."""
    return max(1, int(number)) if number.isascii() and number.isdigit() and len(number) <= 4 else 1


def _listed(messages: Sequence[HeldMessage], chosen: State | None) -> list[HeldMessage]:
    """Requests on top: somebody waits for those."""
    wanted = [message for message in messages if chosen in (None, message.state)]
    return sorted(wanted, key=lambda message: message.state is not State.REQUESTED)
