"""How quickly the device uploads: its own submission beside a bare client stream of the same bytes to the same scorer.

Both run here, one after the other, on an event loop as the device's. The bare one sends prepared chunks of 256 KiB; the device's
decodes its chunks from the message as it sends them, and looks the digest up before.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import monotonic, perf_counter
from typing import Final

import grpc

from atp.v1 import inspection_pb2, inspection_pb2_grpc
from device.background import Background
from device.cloudlink.channel import CHUNK_BYTES, CloudChannel
from device.cloudlink.submission import File, Submission
from device.enrollment.identity import Identity
from device.inspection.policy import DevicePolicy
from device.inspection.verdicts import VerdictMemory
from device.message.content import decoded
from device.message.limits import ScanLimits
from device.message.mime import Scanner
from device.message.reading import Part
from device.telemetry.counters import Counters
from lab.bench.figures import Figure, ratios
from lab.bench.goals import UPLOAD, UPLOAD_RATIO, Section
from lab.bench.plan import Plan
from lab.bench.workload import HUGE

_FILES: Final = 10
_LARGEST: Final = 64 * 1024 * 1024
_MEGABYTE: Final = 1_000_000


class UploadFailed(Exception):
    """The scorer gave no verdict."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A message, its one attachment, and that one's content; message and content in chunks of 256 KiB."""

    message: Sequence[bytes]
    part: Part
    content: Sequence[bytes]

    @classmethod
    def of(cls, mail: bytes) -> "Attachment":
        """As the device reads it, in chunks as they come from a socket."""
        chunks = [mail[start : start + CHUNK_BYTES] for start in range(0, len(mail), CHUNK_BYTES)]
        scanner = Scanner(ScanLimits())
        for chunk in chunks:
            scanner.feed(chunk)
        (part,) = scanner.close().inspected
        return cls(chunks, part, tuple(decoded(chunks, part)))


async def upload(identity: Identity, plan: Plan) -> list[Figure]:
    """Rates of both, and their ratio. Raises UploadFailed."""
    mails = HUGE.new_mails()
    count = plan.some(_FILES)
    bare = grpc.aio.secure_channel(identity.endpoint, identity.channel_credentials())
    async with bare, asyncio.TaskGroup() as tasks:
        channel = CloudChannel(identity)
        ways = {"bare": _bare(bare), "device": _devices(channel, tasks)}
        for way in ways.values():
            await _rate(way, [Attachment.of(next(mails))])
        rounds = []
        for number in range(plan.rounds):
            files = [Attachment.of(mail) for mail in islice(mails, count)]
            names = sorted(ways, reverse=bool(number % 2))
            rounds.append({name: await _rate(ways[name], files) for name in names})
        await channel.close()
    return figures([each["device"] for each in rounds], [each["bare"] for each in rounds], count)


def figures(device: Sequence[float], bare: Sequence[float], count: int) -> list[Figure]:
    """From megabytes a second, one value a round each."""
    told = partial(Figure.of, Section.UPLOAD, UPLOAD, sample=f"{count} files")
    return [
        told("bare stream", bare, unit="MB/s"),
        told("device's upload", device, unit="MB/s"),
        told(UPLOAD_RATIO, ratios(device, bare)),
    ]


Way = Callable[[Attachment], Awaitable[None]]


async def _rate(way: Way, files: Sequence[Attachment]) -> float:
    """Megabytes a second, one file after the other."""
    began = perf_counter()
    for each in files:
        await way(each)
    return sum(each.part.size for each in files) / _MEGABYTE / (perf_counter() - began)


def _devices(channel: CloudChannel, tasks: asyncio.TaskGroup) -> Way:
    """As an inspected message's attachment goes up; nothing is remembered, so the same file may go both ways."""
    memory = VerdictMemory(monotonic, lifetime=-1)
    submission = Submission(channel, memory, Background(tasks), Counters())
    policy = DevicePolicy()

    async def way(each: Attachment) -> None:
        part = each.part
        file = File(part.sha256, part.size, part.name, part.content_type, partial(decoded, each.message, part))
        scores = await submission.scores([file], policy, _LARGEST, ready=True)
        if part.sha256 not in scores.known:
            raise UploadFailed(f"the device's upload came to nothing: {scores.missing}")

    return way


def _bare(channel: grpc.aio.Channel) -> Way:
    """Nothing but the call."""
    stub: inspection_pb2_grpc.InspectionServiceAsyncStub = inspection_pb2_grpc.InspectionServiceStub(channel)

    async def way(each: Attachment) -> None:
        answer = await stub.SubmitFile(_requests(each))
        if answer.verdict.sha256 != each.part.sha256:
            raise UploadFailed("the bare stream was answered for another file")

    return way


async def _requests(each: Attachment) -> AsyncIterator[inspection_pb2.SubmitFileRequest]:
    metadata = inspection_pb2.FileMetadata(sha256=each.part.sha256, size=each.part.size)
    yield inspection_pb2.SubmitFileRequest(metadata=metadata)
    for chunk in each.content:
        yield inspection_pb2.SubmitFileRequest(chunk=chunk)
