"""What --keep prints: lines to paste into a second terminal."""

import shlex
import sysconfig
from typing import Final

from lab.site import REALM, Site

_MALICIOUS: Final = "invoice.txt"


def how_to_use(made: Site) -> list[str]:
    """How to use a site that runs, from nothing but a shell."""
    send = f"swaks --server {made.smtp} --from you@example.com --to me@example.net"
    return [
        "",
        "In a second terminal, first (so that it finds the commands and this site):",
        f"  {_exports(made)}",
        "Send a mail through the device, then one that asks for a score:",
        f"  {send} --body hello",
        f"  echo 'SRXLAB-SCORE: 9' > {_MALICIOUS}",
        f"  {send} --attach-name {_MALICIOUS} --attach @{_MALICIOUS}",
        f'  python3 -c "{_python(made)}"',
        *([f"Read what arrived: open {made.inbox}/"] if made.inbox else []),
        "The administrator's side:",
        f"  srx-cloud console link --realm {REALM}",
        f"  srx-cloud settings show --realm {REALM}",
        "  srx show status",
        "Everything stops, and its state is removed, with Ctrl-C.",
    ]


def _exports(made: Site) -> str:
    """One line that makes the short commands work: they lie beside this interpreter."""
    commands = shlex.quote(sysconfig.get_path("scripts"))
    states = (f"{name}={shlex.quote(folder)}" for name, folder in made.environment.items())
    return " ".join([f'export PATH={commands}:"$PATH"', *states])


def _python(made: Site) -> str:
    server = f"smtplib.SMTP('{made.smtp.host}', {made.smtp.port})"
    return f"import smtplib; {server}.sendmail('you@example.com', 'me@example.net', 'Subject: Hello\\n\\nHello')"
