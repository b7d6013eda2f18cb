"""The same round trip with programs that know nothing of ours: swaks, Postfix, curl, 7z, openssl, a plain gRPC client."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from lab.demo.visitor import attachments_of, link_in, text_of
from lab.programs import Done, run
from lab.site import ADMINISTRATOR, Site
from lab.site import site as running_site
from lab.traffic.samples.documents import clean_pdf, macro_document
from lab.traffic.samples.sample import Sample
from tests.people import People, mail
from tests.postfix import Postfix, postfix
from tests.programs import need, need_root

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.programs, pytest.mark.timeout(240)]


@dataclass(frozen=True, slots=True)
class Behind:
    """A site with a real Postfix as its mail server."""

    site: Site
    server: Postfix


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def behind(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    need("postfix", "swaks", "smtp-source", "curl", "7z")
    need_root("a Postfix of the test's own")
    async with postfix() as server, running_site(tmp_path_factory.mktemp("programs"), server.address) as site:
        yield Behind(site, server)


async def swaks(site: Site, folder: Path, to: str, file: Sample) -> Done:
    """Send a mail with that file through the device."""
    attached = folder / file.name
    attached.write_bytes(file.content)
    return await run(
        *("swaks", "--server", str(site.smtp), "--from", "anna@example.com", "--to", to, "--body", "Words by swaks."),
        *("--header", "Subject: By swaks", "--attach-type", file.content_type, "--attach", f"@{attached}"),
    )


@pytest.mark.root
async def test_swaks_sends_and_postfix_receives(behind: Behind, tmp_path: Path) -> None:
    """A clean file comes out as it went in."""
    file = clean_pdf()
    done = await swaks(behind.site, tmp_path, "clean@example.net", file)
    assert done.status == 0, done.said
    (seen,) = await behind.server.delivered("clean@example.net")
    assert attachments_of(seen) == {file.name: file.content}
    assert "Words by swaks." in text_of(seen)


@pytest.mark.root
async def test_smtp_source_sends_and_postfix_receives(behind: Behind) -> None:
    arguments = ("-m", "30", "-s", "5", "-l", "2000", "-f", "many@example.com", "-t", "many@example.net")
    done = await run("smtp-source", *arguments, str(behind.site.smtp))
    assert (done.status, done.said) == (0, "")
    assert len(await behind.server.delivered("many@example.net", 30)) == 30


@pytest.mark.root
async def test_the_round_trip_without_a_line_of_ours(behind: Behind, tmp_path: Path) -> None:
    """Swaks sends a macro document, Postfix gets its replacement, curl presses Release, 7z opens what comes."""
    file = macro_document()
    done = await swaks(behind.site, tmp_path, "trip@example.net", file)
    assert done.status == 0, done.said
    (replacement,) = await behind.server.delivered("trip@example.net")
    assert attachments_of(replacement) == {}
    said = await release_by_curl(link_in(replacement), tmp_path)
    assert "The message is on its way" in said or "The message was released" in said
    released = (await behind.server.delivered("trip@example.net", 2))[1]
    assert "Words by swaks." in text_of(released)
    assert await opened_by_7z(released, tmp_path) == {file.name: sha256(file.content).hexdigest()}
    (notice,) = await behind.server.delivered(ADMINISTRATOR)
    assert "trip@example.net released a quarantined e-mail." in text_of(notice)


async def release_by_curl(link: str, folder: Path) -> str:
    """Follow the link, read the form from the page, send it; the page after that."""
    jar = ("--cookie", folder / "jar", "--cookie-jar", folder / "jar")
    portal = link.partition("/m/")[0]
    entry = await curl(*jar, link)
    page = portal + found(r'href="(/message/[^"]+)"', entry)
    form = await curl(*jar, page)
    token = found(r'name="form_token" value="([^"]+)"', form)
    return await curl(*jar, "--location", "-H", f"Origin: {portal}", "-d", f"form_token={token}", f"{page}/release")


async def curl(*arguments: str | Path) -> str:
    done = await run("curl", "--silent", "--show-error", "--fail", *arguments)
    assert done.status == 0, done.said
    return done.said


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, pattern
    return match[1]


async def opened_by_7z(released: bytes, folder: Path) -> dict[str, str]:
    """The ZIP's files by name, with their digests; it is encrypted with AES, and another password does not open it."""
    files = attachments_of(released)
    archive = folder / "attachments.zip"
    archive.write_bytes(files["attachments.zip"])
    password = files["attachments-password.txt"].split()[0].decode()
    listed = await run("7z", "l", "-slt", archive)
    assert "Encrypted = +" in listed.said
    assert "AES-256" in listed.said
    assert (await run("7z", "t", "-pwrong", archive)).status != 0
    done = await run("7z", "x", "-y", f"-p{password}", f"-o{folder / 'out'}", archive)
    assert done.status == 0, done.said
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in (folder / "out").iterdir()}


async def test_openssl_verifies_the_devices_chain_and_the_clouds(site: Site) -> None:
    """A device's certificate is good for a TLS client; with it openssl opens the device port, whose chain is good, too."""
    need("openssl")
    identity = site.device_state / "identity" / "current"
    chain, trust, key = identity / "chain.pem", identity / "trust.pem", identity / "key.pem"
    strict = ("-x509_strict", "-CAfile", trust)
    verified = await run("openssl", "verify", *strict, "-purpose", "sslclient", "-untrusted", chain, chain)
    assert (verified.status, verified.said.strip()) == (0, f"{chain}: OK")
    certificate = ("-cert", chain, "-cert_chain", chain, "-key", key)
    connected = await run(
        *("openssl", "s_client", "-connect", str(site.grpc), *strict, *certificate),
        *("-purpose", "sslserver", "-verify_return_error", "-verify_ip", "127.0.0.1", "-alpn", "h2", "-brief"),
    )
    assert connected.status == 0, connected.said
    assert "Verification: OK" in connected.said
    assert "ALPN protocol: h2" in connected.said or "Protocol version: TLSv1.3" in connected.said


async def test_a_plain_grpc_client_finds_its_way_by_reflection(site: Site, people: People) -> None:
    """With the device's certificate it lists the services and asks for a verdict, without a line of the contract's code."""
    file = macro_document()
    await people.quarantined(mail("reflection@example.net", file))
    services, verdict = await asyncio.to_thread(asked_by_reflection, site, sha256(file.content).digest())
    assert {f"atp.v1.{name}Service" for name in DEVICE_PORT} <= set(services)
    assert "atp.v1.EnrollmentService" not in services
    assert verdict.sha256 == sha256(file.content).digest()
    assert 7 <= verdict.score <= 10


DEVICE_PORT = ("Device", "Inspection", "Quarantine", "Policy", "Release", "Telemetry")


def asked_by_reflection(site: Site, digest: bytes) -> tuple[list[str], Any]:
    """The services of the device port, and the verdict on a digest; all that is known before is a method's name."""
    identity = site.device_state / "identity" / "current"
    trust, key, chain = ((identity / f"{name}.pem").read_bytes() for name in ("trust", "key", "chain"))
    with grpc.secure_channel(str(site.grpc), grpc.ssl_channel_credentials(trust, key, chain)) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        method = pool.FindServiceByName("atp.v1.InspectionService").FindMethodByName("LookupVerdicts")
        request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        look_up = channel.unary_unary(
            "/atp.v1.InspectionService/LookupVerdicts",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        answer: Any = look_up(request(sha256=[digest]), timeout=20)
        return list(database.get_services()), answer.verdicts[0]


async def test_a_grpc_client_without_a_certificate_learns_nothing(site: Site) -> None:
    """Not even which services there are: the device port speaks mutual TLS alone."""
    trust = (site.device_state / "identity" / "current" / "trust.pem").read_bytes()

    def listed() -> list[str]:
        with grpc.secure_channel(str(site.grpc), grpc.ssl_channel_credentials(trust)) as channel:
            return list(ProtoReflectionDescriptorDatabase(channel).get_services())

    with pytest.raises(grpc.RpcError) as raised:
        await asyncio.to_thread(listed)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
