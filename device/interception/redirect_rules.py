"""What redirection asks of the kernel, as text for `nft`: for routers whose kernel has no TPROXY.

    client ──SYN to server:25──▶ take: to our listener, the true destination kept by connection tracking (SO_ORIGINAL_DST)

The device dials the server from an address of its own. A redirected connection without a listener would be refused, so the table
goes with the device (while_running.py); where the device is to fail closed, a chain refuses in `forward` whatever wasn't taken.
"""

from collections.abc import Mapping
from typing import Final

from device.interception.rules import BEGINNING, Standing, WhenStopped, block, port_set

NEWCOMERS: Final = "newcomers"
"""The chain that takes new connections: emptied when the device is to take no more."""
_PROTOCOLS: Final = {4: "ipv4", 6: "ipv6"}


def while_running(ports: tuple[int, ...], listening: Mapping[int, int]) -> str:
    """The chains of the table that goes with the device; `listening` is our port for each version of IP.

    Without a rule that asks for connection tracking the kernel ends it, and with it the translation of those that are here; so
    one stays when there are no newcomers any more.
    """
    taken = "".join(
        f"    meta nfproto {_PROTOCOLS[version]} tcp dport {port_set(ports)} {BEGINNING} fib daddr type != local "
        f"redirect to :{port}\n"
        for version, port in listening.items()
    )
    return f"""\
  chain {NEWCOMERS} {{
{taken}  }}
  chain take {{
    type nat hook prerouting priority dstnat; policy accept;
    ct state new jump {NEWCOMERS}
  }}
"""


def standing(ports: tuple[int, ...], when_stopped: WhenStopped) -> Standing:
    """What stays, also after a crash."""
    return Standing({"inet": block(ports)} if when_stopped is WhenStopped.BLOCK else {}, {})
