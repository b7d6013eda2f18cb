"""The flags of `srx run`, each with its sentence. Settings reads and checks them: here they are text.

Each is also an environment variable: --verdict-threshold is SRX_VERDICT_THRESHOLD.
"""

from pathlib import Path
from typing import Annotated

import typer

Server = Annotated[str | None, typer.Option(help="The real mail server, HOST:PORT; where mail comes explicitly.")]
Intercept = Annotated[
    str | None,
    typer.Option(
        help="How mail comes: explicit (default); or as it passes: transparent (through a router), bridge, "
        "or redirect (a router without TPROXY; the server sees the device). These need root."
    ),
]
Bridge = Annotated[str | None, typer.Option(help="The bridge to stand in (default: the only one with two ports).")]
Ports = Annotated[str | None, typer.Option(help="Ports that are taken as mail passes (default: 25,587).")]
WhenStopped = Annotated[
    str | None,
    typer.Option(help="Mail on these ports while no device runs: pass (default, fail-open) or block (fail-closed)."),
]
Listen = Annotated[str | None, typer.Option(help="Where clients connect, HOST:PORT (default: 127.0.0.1:2525).")]
ClientAddress = Annotated[
    str | None,
    typer.Option(help="How the server learns the client's address: hidden, proxy, proxy-v2 (PROXY protocol), xclient."),
]
AcceptOpenRelay = Annotated[
    bool | None, typer.Option("--accept-open-relay", help="Listen beyond loopback with client addresses hidden.")
]
Starttls = Annotated[
    str | None,
    typer.Option(
        help="TLS: inspect (default with a certificate or CA), pass (uninspected) or strip (default without)."
    ),
]
TlsCertificate = Annotated[
    Path | None, typer.Option(help="The mail server's own certificate chain, PEM: what clients are shown.")
]
TlsKey = Annotated[Path | None, typer.Option(help="The certificate's key, PEM.")]
TlsInspectionCa = Annotated[
    Path | None, typer.Option(help="Instead: folder of a CA of the device's own, made on first use.")
]
TlsVerifyServer = Annotated[
    str | None, typer.Option(help="The mail server's certificate: require (default), allow or off.")
]
TlsServerName = Annotated[
    str | None, typer.Option(help="The mail server's name, for clients that name none (default: as in --server).")
]
TlsListen = Annotated[
    str | None, typer.Option(help="Where clients connect that begin with TLS (implicit TLS), HOST:PORT.")
]
TlsServer = Annotated[
    str | None, typer.Option(help="Their mail server, HOST:PORT (default: the host of --server, port 465).")
]
VerdictThreshold = Annotated[str | None, typer.Option(help="1 to 10, or recommended (default).")]
FallbackAction = Annotated[str | None, typer.Option(help="Mail whose verdict is unknown: permit (default) or block.")]
Fallback = Annotated[list[str] | None, typer.Option(help="CONDITION=permit|block for one condition; may be repeated.")]
VerdictTimeout = Annotated[str | None, typer.Option(help="Seconds from the final dot to a verdict (default: 60).")]
SubmissionTimeout = Annotated[str | None, typer.Option(help="Seconds for look-up or upload (default: 30).")]
VerdictLifetime = Annotated[
    str | None, typer.Option(help="Seconds that a verdict is believed without asking (default: 300).")
]
FailureLifetime = Annotated[
    str | None, typer.Option(help="Seconds that a verdict which could not be had is not asked for again (default: 30).")
]
FirstSeen = Annotated[str | None, typer.Option(help="Content without a verdict: hold (default) or pass.")]
Delivery = Annotated[
    str | None,
    typer.Option(
        help="hold (default) each message until it is decided, or stream all but its end to the server meanwhile."
    ),
]
MaxMessageSize = Annotated[str | None, typer.Option(help="Bytes (default: 33554432).")]
MaxHeldBytes = Annotated[str | None, typer.Option(help="Mail held in memory over all sessions (default: 1073741824).")]
SpillAbove = Annotated[
    str | None,
    typer.Option(help="Bytes of one message held in memory; the rest goes to disk, sealed (default: 16777216)."),
]
MaxSpilledBytes = Annotated[str | None, typer.Option(help="Mail held on disk over all sessions (default: 4294967296).")]
SpillFolder = Annotated[Path | None, typer.Option(help="Where on disk (default: the state folder).")]
MaxSessions = Annotated[str | None, typer.Option(help="Sessions at once (default: 1000).")]
MaxClientSessions = Annotated[
    str | None, typer.Option(help="Sessions at once of one client address (default: as many as --max-sessions).")
]
StopGrace = Annotated[str | None, typer.Option(help="Seconds for mail under way at a stop (default: 10).")]
Workers = Annotated[
    str | None, typer.Option(help="Processes that share the port, the work and the limits (default: 1).")
]
LogFormat = Annotated[str | None, typer.Option(help="text (default) or json.")]
LogLevel = Annotated[
    str | None, typer.Option(help="info (default), warning or error; debug also tells of each session's begin and end.")
]
