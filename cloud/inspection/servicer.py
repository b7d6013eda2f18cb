"""InspectionService: digests in, the known verdicts out; a file in, its verdict out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any, Final, Protocol

from atp.identity import RealmId
from atp.v1 import inspection_pb2, inspection_pb2_grpc
from cloud.analyzers.evidence import Evidence
from cloud.errors import InvalidRequest, TooLarge, TooSlow
from cloud.inspection.pipeline import Asker, Pipeline
from cloud.inspection.upload import SealedFile, Upload
from cloud.inspection.verdicts import Digest, Verdict
from cloud.policy.realm_settings import RealmSettings
from cloud.rpc import validation
from cloud.rpc.caller import caller

_MOST_DIGESTS: Final = 256
_BIGGEST_CHUNK: Final = 256 * 1024
_UPLOAD_SECONDS: Final = 120.0
"""For the whole of a file: a device on a slow line sends 32 MiB in that at 2.3 Mbit/s."""


class HasSettings(Protocol):
    """A realm, as far as inspection needs it."""

    @property
    def settings(self) -> RealmSettings: ...


class Realms(Protocol):
    """Finds realms; RealmStore is one."""

    async def by_id(self, realm_id: RealmId, /) -> HasSettings: ...


class InspectionServicer(inspection_pb2_grpc.InspectionServiceServicer):
    """Asks and answers for the calling device's realm alone."""

    def __init__(self, pipeline: Pipeline, realms: Realms, *, upload_seconds: float = _UPLOAD_SECONDS) -> None:
        self._pipeline = pipeline
        self._realms = realms
        self._upload_seconds = upload_seconds

    async def LookupVerdicts(  # noqa: N802 - the wire's name
        self,
        request: inspection_pb2.LookupVerdictsRequest,
        context: Any,  # noqa: ARG002 - gRPC hands it in
    ) -> inspection_pb2.LookupVerdictsResponse:
        """The verdicts that this realm may know already."""
        asked = validation.items("sha256", request.sha256, most=_MOST_DIGESTS)
        digests = [Digest(validation.digest("sha256", each)) for each in asked]
        asker, _ = await self._asker()
        found = await self._pipeline.known(asker, digests)
        return inspection_pb2.LookupVerdictsResponse(
            verdicts=[_to_wire(verdict) for verdict in found], rule_set=self._pipeline.rule_set
        )

    async def SubmitFile(  # noqa: N802 - the wire's name
        self,
        request_iterator: AsyncIterator[inspection_pb2.SubmitFileRequest],
        context: Any,  # noqa: ARG002 - gRPC hands it in
    ) -> inspection_pb2.SubmitFileResponse:
        """One file, then its verdict.

        1. Who asks, and how much may they send?
        2. The metadata, before anything is kept.
        3. Room for the announced size.
        4. The chunks, never more than announced, within the time of an upload.
        5. Digest and size are checked: a verdict is only for those who have the file.
        6. The verdict.
        """
        asker, settings = await self._asker()
        with ExitStack() as held:
            try:
                async with asyncio.timeout(self._upload_seconds):
                    metadata = await _metadata(request_iterator, settings.max_file_size)
                    held.enter_context(self._pipeline.holding(metadata.size))
                    upload = held.enter_context(Upload(Digest(metadata.sha256), metadata.size))
                    sealed = await _receive(request_iterator, upload)
            except TimeoutError:
                raise TooSlow("The file did not arrive in time.", next_step="Submit it again.") from None
            verdict = await self._pipeline.judge(asker, sealed, held)
        return inspection_pb2.SubmitFileResponse(verdict=_to_wire(verdict))

    async def _asker(self) -> tuple[Asker, RealmSettings]:
        realm_id = caller().realm_id
        settings = (await self._realms.by_id(realm_id)).settings
        return Asker(realm_id, settings.share_verdicts), settings


async def _metadata(
    requests: AsyncIterator[inspection_pb2.SubmitFileRequest], most: int
) -> inspection_pb2.FileMetadata:
    first = await anext(aiter(requests), None)
    if first is None or first.WhichOneof("part") != "metadata":
        raise InvalidRequest("The metadata did not come first.", next_step="Send the metadata, then the chunks.")
    validation.digest("metadata.sha256", first.metadata.sha256)
    if first.metadata.size > most:
        raise TooLarge(
            f"The file has more than {most} bytes.", next_step="The realm's max_file_size says how large files may be."
        )
    return first.metadata


async def _receive(requests: AsyncIterator[inspection_pb2.SubmitFileRequest], upload: Upload) -> SealedFile:
    async for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise InvalidRequest("The metadata came twice.", next_step="Send the metadata once, then the chunks.")
        upload.write(validation.data("chunk", request.chunk, longest=_BIGGEST_CHUNK))
    return upload.seal()


def _to_wire(verdict: Verdict) -> inspection_pb2.Verdict:
    return inspection_pb2.Verdict(
        sha256=verdict.sha256,
        score=verdict.score,
        content_type=verdict.content_type,
        category=verdict.category,
        evidence=[_evidence_to_wire(each) for each in verdict.evidence],
        rule_set=verdict.rule_set,
        unopened=verdict.unopened,
    )


def _evidence_to_wire(evidence: Evidence) -> inspection_pb2.Evidence:
    return inspection_pb2.Evidence(
        analyzer=evidence.analyzer,
        name=evidence.name,
        weight=evidence.weight,
        detail=evidence.detail,
        path=evidence.path,
    )
