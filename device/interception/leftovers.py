"""What a device that crashed has left in the kernel."""

import asyncio
from pathlib import Path

from device.interception import kernel
from device.interception.rules import Ours
from device.state_lock import alone_on


def cleared_away(state: Path, *, let_pass: bool) -> bool:
    """Take back the rules of the device of that folder, which must not run; whether there were any.

    The refusal of a device that fails closed stays, unless `let_pass`. Raises WrongSetting where the device runs.
    """
    if not state.is_dir() or not kernel.may_change():
        return False
    with alone_on(state):
        return asyncio.run(kernel.withdraw(Ours.of(state.resolve()), let_pass=let_pass))
