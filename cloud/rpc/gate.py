"""The gate that every call passes: who calls, may they, and what an error looks like on the wire.

1. The rule of the method (cloud.rpc.rules). None: refused, whoever calls.
2. For a device's call: the certificate of the connection, then what the device is now (Admission), both on every call.
3. The call runs with its caller set, for as long as the certificate lasts and nobody ends the device.
4. A CloudError becomes its status; anything else is a fault of ours: INTERNAL, with an id that the log has too.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from inspect import isasyncgen
from traceback import extract_tb
from typing import Any, Final, Protocol, TypeAlias

import grpc
import structlog

from cloud.clock import Clock, NewId
from cloud.errors import CloudError, Refused, ShuttingDown
from cloud.rpc.caller import Caller, acting_as
from cloud.rpc.certificate import ShownCertificate, expired, shown
from cloud.rpc.live_calls import LiveCalls
from cloud.rpc.rules import RULES, CallerKind
from cloud.rpc.status import DETAILS_KEY, status_of, unexpected

_log = structlog.get_logger()

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

Behaviour = Callable[[Any, Any], Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic for the type checker alone
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]]


class Admission(Protocol):
    """Knows which devices are members."""

    async def admit(self, certificate: ShownCertificate) -> Caller:
        """The device that the certificate is worth now. Raises CloudError that says why it is worth nothing."""


class Gate(grpc.aio.ServerInterceptor):
    """Stands before every method of every server. Denies by default."""

    def __init__(
        self,
        admission: Admission,
        live: LiveCalls,
        clock: Clock,
        new_id: NewId,
        *,
        rules: Mapping[str, CallerKind] = RULES,
    ) -> None:
        self._admission = admission
        self._live = live
        self._clock = clock
        self._new_id = new_id
        self._rules = rules
        self._closing = False

    def close(self) -> None:
        """From now on every call is told that the service is going down; so are those that wait for news."""
        self._closing = True
        self._live.end_endless(_shutting_down())

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """The method's handler, behind the gate; gRPC answers UNIMPLEMENTED by itself where there is none."""
        handler = await continuation(handler_call_details)
        return None if handler is None else self._guarded(handler, handler_call_details.method)

    def _guarded(self, handler: Handler, method: str) -> Handler:
        """The same kind of handler, around the same behaviour."""
        kind = ("stream" if handler.request_streaming else "unary", "stream" if handler.response_streaming else "unary")
        behaviour: Behaviour = getattr(handler, "_".join(kind))
        make = getattr(grpc, f"{'_'.join(kind)}_rpc_method_handler")

        async def serve(request: Any, context: Any) -> Any:
            return await self._serve(method, behaviour, request, context, endless=kind == ("unary", "stream"))

        guarded: Handler = make(serve, handler.request_deserializer, handler.response_serializer)
        return guarded

    async def _serve(self, method: str, behaviour: Behaviour, request: Any, context: Any, *, endless: bool) -> Any:
        """The boundary of a call: nothing but a status gets out."""
        try:
            async with self._admitted(method, context, endless=endless):
                return await _answer(behaviour, request, context)
        except grpc.aio.AbortError:
            raise
        except CloudError as error:
            told = {**error.fields, "method": method, "peer": context.peer(), "reason": error.reason}
            _log.info("rpc.refused", **told)
            return await _abort(context, error)
        except Exception as error:  # noqa: BLE001 - the boundary of a call
            incident = self._new_id("inc")
            _log.error("rpc.failed", method=method, incident=incident, error=type(error).__name__, where=_where(error))
            return await _abort(context, unexpected(incident))

    @asynccontextmanager
    async def _admitted(self, method: str, context: Any, *, endless: bool) -> AsyncIterator[None]:
        """Let the call in, as the device that it is; raises CloudError where it may not."""
        if self._closing:
            raise _shutting_down()
        match self._rules.get(method):
            case CallerKind.ANYONE:
                yield
            case CallerKind.DEVICE:
                now = self._clock()
                certificate = shown(context.auth_context(), now)
                device = await self._admission.admit(certificate)
                seconds = (certificate.not_after - now).total_seconds()
                ending = expired(certificate.not_after, certificate.not_after)
                running = self._live.running(device.device_id, seconds=seconds, then=ending, endless=endless)
                async with running:
                    with acting_as(device):
                        yield
            case None:
                raise Refused("nobody may make this call", next_step="Use a client of the same version as the cloud.")


async def _answer(behaviour: Behaviour, request: Any, context: Any) -> Any:
    """The behaviour's answer; an answer in pieces is written here, so that its errors pass the gate too."""
    answer = behaviour(request, context)
    if not isasyncgen(answer):
        return await answer
    async with aclosing(answer) as pieces:
        async for piece in pieces:
            await context.write(piece)
    return None


def _where(error: Exception) -> list[str]:
    """The way to the error, without its text and without any value: both may hold a message's content."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]


async def _abort(context: Any, error: CloudError) -> None:
    details = ((DETAILS_KEY, status_of(error).SerializeToString()),)
    await context.abort(_CODES[error.grpc_code], error.sentence, details)


def _shutting_down() -> ShuttingDown:
    return ShuttingDown("the cloud is going down", next_step="The device connects again by itself.")
