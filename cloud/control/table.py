"""Every operation by its name: what the control socket understands, and nothing else."""

from collections.abc import Mapping
from typing import Any, Final

from cloud.control import console, devices, events, lists, quarantine, realms, settings, tokens
from cloud.control.operation import Operation

OPERATIONS: Final[Mapping[str, Operation[Any, Any]]] = {
    operation.name: operation
    for operation in (
        realms.CREATE,
        realms.LIST,
        tokens.CREATE,
        devices.LIST,
        devices.REVOKE,
        console.LINK,
        quarantine.LIST,
        quarantine.SHOW,
        quarantine.RELEASE,
        quarantine.DELETE,
        lists.ADD,
        lists.REMOVE,
        lists.SHOW,
        settings.SHOW,
        settings.SET,
        events.SHOW,
    )
}
