"""srx-cloud device list|revoke."""

from typing import Annotated

import typer

from cloud.commands.asking import Place, ask, reporting
from cloud.commands.options import Config, Json, RealmName, State, metavar_of, one_of
from cloud.commands.output import print_json, print_line, print_table
from cloud.control import devices
from cloud.enrollment.revocation import Revocation


def show(realm: RealmName = None, state: State = None, config: Config = None, as_json: Json = False) -> None:
    """Show a realm's devices, members or not."""
    with reporting(as_json=as_json):
        view = ask(Place(state, config), devices.LIST, devices.ListDevices(realm))
        if as_json:
            return print_json(view)
        if not view.devices:
            return print_line(
                f"No device has enrolled into {view.realm}. Next: srx-cloud token create --realm {view.realm}"
            )
        rows = [
            (each.id, each.status, each.serial, each.model, each.last_seen_at, each.certificate_ends_at)
            for each in view.devices
        ]
        return print_table(("DEVICE", "STATUS", "SERIAL", "MODEL", "LAST SEEN (UTC)", "CERTIFICATE ENDS (UTC)"), rows)


def revoke(
    device: Annotated[
        str, typer.Argument(metavar="DEVICE", help="The device's id, as srx-cloud device list shows it.")
    ],
    reason: Annotated[
        Revocation,
        typer.Option(
            "--reason",
            parser=one_of(Revocation),
            metavar=metavar_of(Revocation),
            help="evicted: may enrol again; banned: its serial number may not.",
        ),
    ] = Revocation.EVICTED,
    realm: RealmName = None,
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """End a device's membership: its certificates and live calls with it."""
    with reporting(as_json=as_json):
        view = ask(Place(state, config), devices.REVOKE, devices.RevokeDevice(realm, device, reason))
        if as_json:
            return print_json(view)
        print_line(f"Device {view.id} (serial {view.serial}) is {view.status}.")
        if reason is Revocation.BANNED:
            return print_line("It can't enrol again before it is evicted instead: --reason evicted.")
        return print_line(f"It may come back: srx-cloud token create --realm {view.realm}")
