"""`srx-lab`: the lab's command line. Exit codes 0, 1, 2: done, failed, wrong usage."""

import asyncio
import json
import sys
from importlib import metadata
from typing import Annotated, Any, Final

import typer
import uvloop

from cloud.address import Address
from lab.bench.bench import bench, told_profile
from lab.bench.goals import Section
from lab.bench.plan import FULL_ROUNDS, Plan
from lab.demo.play import play
from lab.mailserver.server import mail_server
from lab.processes import ProcessFailed
from lab.waiting import interrupted

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run a command; what goes wrong around it is said in a sentence, never as a traceback."""
    try:
        app()
    except (ProcessFailed, OSError) as error:  # TimeoutError is an OSError
        sys.exit(f"srx-lab: {_sentence(error)}")


def _sentence(error: ProcessFailed | OSError) -> str:
    if isinstance(error, TimeoutError):
        return str(error) or "something took too long"
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"srx-lab {metadata.version('srxlab')}")
        raise typer.Exit


@app.callback()
def srx_lab(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Runs networks of devices, clouds and mail servers on this machine, and mail through them."""


SMTP: Final = Address("127.0.0.1", 2600)
HTTP: Final = Address("127.0.0.1", 2680)


def _address(text: str | Address) -> Address:
    if isinstance(text, Address):  # a default
        return text
    try:
        return Address.parse(text)
    except ValueError as error:
        raise typer.BadParameter("HOST:PORT is expected, IPv6 addresses in brackets") from error


@app.command()
def demo(
    server: Annotated[
        Address | None,
        typer.Option(parser=_address, metavar="HOST:PORT", help="A mail server of your own behind the device."),
    ] = None,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running, and tell how to use it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End standard output with one JSON object.")] = False,
) -> None:
    """Play the whole round trip on loopback: seven mails, a quarantine, a release. Needs no root."""
    held = asyncio.run(play(keep=keep, server=server, as_json=as_json))
    sys.exit(0 if held else 1)


def _sections(text: str | list[Section]) -> list[Section]:
    if not isinstance(text, str):  # a default
        return text
    try:
        return [Section(name.strip()) for name in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"a list of {', '.join(Section)} is expected") from error


@app.command("bench")
def measure(
    rounds: Annotated[
        int | None, typer.Option(min=1, max=100, help="How often the ways take turns (default: 5; quick: 1).")
    ] = None,
    only: Annotated[
        Any, typer.Option(parser=_sections, metavar="SECTION,…", help=f"Some of {', '.join(Section)} (default: all).")
    ] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the mails: whether it runs, not how fast.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Instead: in which functions of the device a small mail's time goes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End standard output with one JSON object.")] = False,
) -> None:
    """Measure the device beside direct delivery and nginx, in the same run. Needs Postfix's smtp-source and smtp-sink."""
    if profile and (only or rounds or as_json):
        raise typer.BadParameter("--profile goes with --quick alone")
    plan = Plan(rounds or 1, share=0.1) if quick else Plan(rounds or FULL_ROUNDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        done = runner.run(told_profile(plan) if profile else bench(only or list(Section), plan, as_json=as_json))
    sys.exit(0 if done else 1)


@app.command()
def mailserver(
    smtp: Annotated[Address, typer.Option(parser=_address, metavar="HOST:PORT", help="Where it takes mail.")] = SMTP,
    http: Annotated[Address, typer.Option(parser=_address, metavar="HOST:PORT", help="Where it shows it.")] = HTTP,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object when ready.")] = False,
) -> None:
    """Run a mail server with inboxes that can be read over HTTP: in a browser, or as JSON at GET /messages."""
    asyncio.run(_serve_mail(smtp, http, as_json=as_json))


async def _serve_mail(smtp: Address, http: Address, *, as_json: bool) -> None:
    async with mail_server(smtp, http) as server:
        told = {"smtp": str(server.smtp), "inbox": f"http://{server.http}"}
        text = json.dumps(told) if as_json else f"Mail is taken at {told['smtp']} and shown at {told['inbox']}/"
        print(text, flush=True)
        await interrupted()
