"""The socket of a second delivery: connects, carries it out, and closes."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from device.smtp import limits
from device.smtp.leg import Leg, Told
from device.smtp.second_delivery import SecondDelivery

log = structlog.get_logger()


async def carry_out(
    delivery: SecondDelivery, dial: Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]], seconds: float
) -> None:
    """What became of it stands in `delivery`. A server that is away, breaks off or takes longer than that gives no reply."""
    answered, gone = asyncio.Event(), asyncio.Event()

    def received(data: bytes) -> None:
        leg.send_pieces(delivery.receive(data))
        if delivery.over:
            answered.set()

    def lost() -> None:
        answered.set()
        gone.set()

    leg = Leg(Told(lambda: leg.send(delivery.header), received, answered.set, lost, lambda: None))
    try:
        async with asyncio.timeout(seconds):
            await dial(lambda: leg)
            await answered.wait()
        leg.close()
        async with asyncio.timeout(limits.LAST_LINGER):
            await gone.wait()
    except (OSError, TimeoutError) as error:
        if not delivery.over:
            log.warning("server.unreachable", error=type(error).__name__)
    finally:
        leg.abort()
