"""A trivial scorer: speaks the cloud's contract over mutual TLS, hashes what it is sent, and finds everything clean.

    python -m lab.bench.scorer FOLDER

prints one JSON line, `{"grpc": "HOST:PORT"}`, and serves until it is terminated; lab.bench.scored makes the folder.

In place of the cloud it tells what the device costs from what an analysis costs. It remembers nothing, so every look-up is
answered with "unknown"; of the contract it speaks what mail needs: inspection, policy and telemetry.
"""

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc

from atp.v1 import (
    inspection_pb2,
    inspection_pb2_grpc,
    policy_pb2,
    policy_pb2_grpc,
    telemetry_pb2,
    telemetry_pb2_grpc,
)
from lab.waiting import interrupted

_RULES: Final = "trivial"
_LARGEST_FILE: Final = 32 * 1024 * 1024
_THRESHOLD: Final = 7
_REVISION: Final = 1


class _Inspection(inspection_pb2_grpc.InspectionServiceServicer):
    """Hashes and answers."""

    async def LookupVerdicts(  # noqa: N802 - the wire's name
        self, _request: inspection_pb2.LookupVerdictsRequest, _context: Any
    ) -> inspection_pb2.LookupVerdictsResponse:
        return inspection_pb2.LookupVerdictsResponse(rule_set=_RULES)

    async def SubmitFile(  # noqa: N802 - the wire's name
        self, requests: AsyncIterator[inspection_pb2.SubmitFileRequest], context: Any
    ) -> inspection_pb2.SubmitFileResponse:
        announced, seen = b"", hashlib.sha256()
        async for request in requests:
            announced = request.metadata.sha256 or announced
            seen.update(request.chunk)
        if seen.digest() != announced:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the digest is another one")
        return inspection_pb2.SubmitFileResponse(
            verdict=inspection_pb2.Verdict(sha256=announced, content_type="image/png", rule_set=_RULES)
        )


class _Policy(policy_pb2_grpc.PolicyServiceServicer):
    """One snapshot, then silence."""

    async def WatchPolicy(  # noqa: N802 - the wire's name
        self, _request: policy_pb2.WatchPolicyRequest, _context: Any
    ) -> AsyncIterator[policy_pb2.WatchPolicyResponse]:
        yield policy_pb2.WatchPolicyResponse(
            snapshot=policy_pb2.PolicySnapshot(
                revision=_REVISION,
                action=policy_pb2.MAIL_ACTION_QUARANTINE,
                recommended_threshold=_THRESHOLD,
                limits=policy_pb2.SubmissionLimits(max_file_size=_LARGEST_FILE),
            )
        )
        yield policy_pb2.WatchPolicyResponse(commit=policy_pb2.PolicyCommit(revision=_REVISION))
        await asyncio.Event().wait()


class _Telemetry(telemetry_pb2_grpc.TelemetryServiceServicer):
    """Hears reports."""

    async def Report(  # noqa: N802 - the wire's name
        self, requests: AsyncIterator[telemetry_pb2.ReportRequest], _context: Any
    ) -> telemetry_pb2.ReportResponse:
        stored = 0
        async for request in requests:
            stored += len(request.events.events)
        return telemetry_pb2.ReportResponse(events_stored=stored)


async def _serve(folder: Path) -> None:
    server = grpc.aio.server()
    inspection_pb2_grpc.add_InspectionServiceServicer_to_server(_Inspection(), server)
    policy_pb2_grpc.add_PolicyServiceServicer_to_server(_Policy(), server)
    telemetry_pb2_grpc.add_TelemetryServiceServicer_to_server(_Telemetry(), server)
    key, chain, root = ((folder / name).read_bytes() for name in ("server.key", "server.pem", "root.pem"))
    credentials = grpc.ssl_server_credentials([(key, chain)], root, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    print(json.dumps({"grpc": f"127.0.0.1:{port}"}), flush=True)
    await interrupted()
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
