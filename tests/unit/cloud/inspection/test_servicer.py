"""InspectionService over a real gRPC connection; one test has real workers and a real database behind it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import create_engine, insert

from atp.identity import DeviceId, RealmId
from atp.v1 import inspection_pb2, inspection_pb2_grpc
from cloud.analyzers.budget import Limits
from cloud.analyzers.evidence import Evidence
from cloud.analyzers.kinds import kind_of
from cloud.errors import CloudError
from cloud.inspection.pipeline import Examiner, Pipeline, PipelineLimits
from cloud.inspection.rule_set import rule_set
from cloud.inspection.servicer import InspectionServicer
from cloud.inspection.upload import SealedFile
from cloud.inspection.verdicts import Findings, RuleSet
from cloud.inspection.workers import Workers
from cloud.policy.realm_settings import RealmSettings
from cloud.quarantine.keys import KeyRing
from cloud.rpc.caller import Caller, acting_as
from cloud.storage.engine import Database
from cloud.storage.tables.metadata import metadata
from cloud.storage.tables.realms import realms
from cloud.storage.tables.verdicts import pinned_verdicts, verdicts
from cloud.storage.verdicts import VerdictStore
from lab.traffic.samples.catalogue import SAMPLES

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CHUNK = 256 * 1024
Request = inspection_pb2.SubmitFileRequest


@dataclass(frozen=True)
class FoundRealm:
    settings: RealmSettings


@dataclass
class Directory:
    """The realms, by id."""

    settings: dict[str, RealmSettings] = field(default_factory=dict)

    async def by_id(self, realm_id: RealmId, /) -> FoundRealm:
        return FoundRealm(self.settings.get(realm_id, RealmSettings()))


class Reads:
    """An examiner that says how long the file is."""

    async def examine(self, sealed: SealedFile) -> Findings:
        assert len(await asyncio.to_thread(Path(sealed.place).read_bytes)) == sealed.size
        return Findings(kind_of("text/plain"), (Evidence("reads", "reads.size", 2, f"{sealed.size} bytes."),))


class Gate(InspectionServicer):
    """The servicer behind a gate that knows the caller, and tells errors by their reason."""

    realm = RealmId("north")

    async def LookupVerdicts(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            with acting_as(Caller(self.realm, DeviceId("device"), 1)):
                return await super().LookupVerdicts(request, context)
        except CloudError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.reason.value)

    async def SubmitFile(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        try:
            with acting_as(Caller(self.realm, DeviceId("device"), 1)):
                return await super().SubmitFile(request_iterator, context)
        except CloudError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.reason.value)


@dataclass
class Cloud:
    """A server, and a device that calls it."""

    gate: Gate
    directory: Directory
    stub: Any

    async def submit(self, content: bytes, *, realm: str = "north", **changes: Any) -> inspection_pb2.Verdict:
        self.gate.realm = RealmId(realm)
        told: dict[str, Any] = {
            "sha256": hashlib.sha256(content).digest(),
            "size": len(content),
            "name": "a.bin",
            **changes,
        }
        requests = [Request(metadata=inspection_pb2.FileMetadata(**told)), *chunks(content)]
        answer: inspection_pb2.SubmitFileResponse = await self.stub.SubmitFile(iter(requests))
        return answer.verdict

    async def look_up(self, *digests: bytes, realm: str = "north") -> inspection_pb2.LookupVerdictsResponse:
        self.gate.realm = RealmId(realm)
        request = inspection_pb2.LookupVerdictsRequest(sha256=digests)
        answer: inspection_pb2.LookupVerdictsResponse = await self.stub.LookupVerdicts(request)
        return answer


def chunks(content: bytes) -> Iterator[Request]:
    return (Request(chunk=content[start : start + CHUNK]) for start in range(0, len(content), CHUNK))


@asynccontextmanager
async def cloud_with(
    examiner: Examiner, tmp_path: Path, limits: PipelineLimits | None = None, *, upload_seconds: float = 30.0
) -> AsyncIterator[Cloud]:
    database, rules = database_in(tmp_path), rule_set(Limits())
    store = VerdictStore(database, KeyRing.open(tmp_path / "master.key", tmp_path / "state"))
    pipeline = Pipeline(examiner, store, RuleSet(rules), lambda: NOW, limits)
    directory = Directory()
    gate = Gate(pipeline, directory, upload_seconds=upload_seconds)
    server = grpc.aio.server()
    inspection_pb2_grpc.add_InspectionServiceServicer_to_server(gate, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with pipeline.running(), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Cloud(gate, directory, inspection_pb2_grpc.InspectionServiceStub(channel))
    finally:
        await server.stop(0)
        await database.close()


def database_in(folder: Path) -> Database:
    (folder / "state").mkdir()
    path = folder / "state" / "cloud.db"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine, [realms, verdicts, pinned_verdicts])
    with engine.begin() as connection:
        for realm in ("north", "south"):
            row: dict[str, Any] = {"id": realm, "name": realm, "created_at": NOW, "settings": {}, "policy_revision": 1}
            connection.execute(insert(realms).values(row | {"policy_changed_at": NOW}))
    engine.dispose()
    return Database.open_sqlite(path)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_with(Reads(), tmp_path) as made:
        yield made


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * 1024 * 1024])
async def test_a_file_gets_its_verdict(cloud: Cloud, size: int) -> None:
    content = bytes(size)
    verdict = await cloud.submit(content)
    assert verdict.sha256 == hashlib.sha256(content).digest()
    assert (verdict.score, verdict.content_type, verdict.evidence[0].detail) == (2, "text/plain", f"{size} bytes.")


async def test_what_was_submitted_is_known_afterwards(cloud: Cloud) -> None:
    verdict = await cloud.submit(b"a file")
    answer = await cloud.look_up(bytes(32), verdict.sha256)
    assert list(answer.verdicts) == [verdict]
    assert answer.rule_set == verdict.rule_set != ""


async def test_a_look_up_does_not_tell_what_others_received(cloud: Cloud) -> None:
    verdict = await cloud.submit(b"a file", realm="north")
    assert not (await cloud.look_up(verdict.sha256, realm="south")).verdicts


async def test_realms_that_both_share_tell_each_other(cloud: Cloud) -> None:
    for realm in ("north", "south"):
        cloud.directory.settings[realm] = replace(RealmSettings(), share_verdicts=True)
    verdict = await cloud.submit(b"a file", realm="north")
    assert (await cloud.look_up(verdict.sha256, realm="south")).verdicts


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sha256": bytes(32)}, "DIGEST_MISMATCH"),
        ({"size": 5}, "DIGEST_MISMATCH"),
        ({"size": 7}, "DIGEST_MISMATCH"),
        ({"sha256": b"short"}, "INVALID_REQUEST"),
        ({"size": 33 * 1024 * 1024}, "FILE_TOO_LARGE"),
        ({"size": 2**63}, "FILE_TOO_LARGE"),
    ],
)
async def test_a_file_that_is_not_what_was_said_is_refused(cloud: Cloud, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=reason):
        await cloud.submit(b"a file", **changes)
    assert not (await cloud.look_up(hashlib.sha256(b"a file").digest())).verdicts


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [Request(chunk=b"x")],
        [Request()],
        [Request(metadata=inspection_pb2.FileMetadata(sha256=bytes(32), size=9))] * 2,
        [
            Request(metadata=inspection_pb2.FileMetadata(sha256=bytes(32), size=CHUNK * 2)),
            Request(chunk=bytes(CHUNK + 1)),
        ],
        [Request(metadata=inspection_pb2.FileMetadata(sha256=bytes(32), size=9)), Request(chunk=b"")],
    ],
    ids=["nothing", "no metadata", "empty message", "metadata twice", "a chunk too big", "an empty chunk"],
)
async def test_a_stream_out_of_order_is_refused(cloud: Cloud, requests: list[Request]) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="INVALID_REQUEST"):
        await cloud.stub.SubmitFile(iter(requests))


async def test_an_endless_stream_ends_at_the_announced_size(cloud: Cloud) -> None:
    sent = 0

    def forever() -> Iterator[Request]:
        nonlocal sent
        yield Request(metadata=inspection_pb2.FileMetadata(sha256=bytes(32), size=CHUNK))
        while sent < 1000:
            sent += 1
            yield Request(chunk=bytes(CHUNK))

    # The client's own broken write may come before the server's word.
    with pytest.raises(grpc.aio.AioRpcError, match=r"DIGEST_MISMATCH|StatusCode\.INTERNAL"):
        await cloud.stub.SubmitFile(forever())
    assert sent < 1000


async def test_a_stream_that_stands_still_ends_in_time(tmp_path: Path) -> None:
    async with cloud_with(Reads(), tmp_path, upload_seconds=0.2) as cloud:
        call = cloud.stub.SubmitFile()
        await call.write(Request(metadata=inspection_pb2.FileMetadata(sha256=bytes(32), size=9)))
        with pytest.raises(grpc.aio.AioRpcError, match="ANALYSIS_TIMEOUT"):
            await call


async def test_more_than_the_memory_for_uploads_is_refused_before_it_arrives(tmp_path: Path) -> None:
    async with cloud_with(Reads(), tmp_path, PipelineLimits(bytes_held=100)) as cloud:
        assert (await cloud.submit(bytes(100))).score == 2
        with pytest.raises(grpc.aio.AioRpcError, match="OUT_OF_RESOURCES"):
            await cloud.submit(bytes(101))


async def test_too_many_or_malformed_digests_are_refused(cloud: Cloud) -> None:
    assert not (await cloud.look_up(*[bytes(32)] * 256)).verdicts
    for digests in ([bytes(32)] * 257, [b"short"], [b""]):
        with pytest.raises(grpc.aio.AioRpcError, match="INVALID_REQUEST"):
            await cloud.look_up(*digests)


async def test_samples_get_the_verdicts_that_they_promise(tmp_path: Path) -> None:
    """The whole way: gRPC, sealed memory, real workers, the database; and the second answer is the first."""
    workers = Workers(processes=2)
    workers.start()
    try:
        async with cloud_with(workers, tmp_path) as cloud:
            for make in SAMPLES.values():
                sample = make()
                verdict = await cloud.submit(sample.content)
                assert sample.expected.holds(verdict.score), (sample.key, verdict)
                assert verdict.unopened is sample.unopened, sample.key
                assert list((await cloud.look_up(verdict.sha256)).verdicts) == [verdict]
    finally:
        await workers.close()
