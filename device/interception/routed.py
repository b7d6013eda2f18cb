"""The position of a router: the machine forwards between clients and servers, and mail is taken as it passes."""

from device.interception import kernel
from device.interception.rules import Ours, Rules, WhenStopped
from device.smtp.intake import Endpoint


class Routed:
    """A transparent.Position. Where nobody listens, the kernel forwards: nothing has to be done to let go."""

    mark = 0

    def __init__(self, ours: Ours, ports: tuple[int, ...], when_stopped: WhenStopped) -> None:
        self.ports = ports
        self._ours = ours
        self._when_stopped = when_stopped

    async def lead_here(self, listeners: tuple[Endpoint, ...]) -> None:
        """Install the rules. Raises CannotIntercept."""
        await kernel.install(self._ours, Rules(self._ours, self.ports, listeners, self._when_stopped).standing())

    async def let_go(self) -> None:
        """The rules stand until mail under way is finished."""

    async def leave(self, *, let_pass: bool) -> None:
        """Take the rules back."""
        await kernel.withdraw(self._ours, let_pass=let_pass)

    def told(self) -> dict[str, str]:
        """For `srx show status`."""
        return {"interception": "transparent", "when_stopped": self._when_stopped.value, "rules": self._ours.name}

    def warnings(self, families: list[str]) -> list[str]:
        """What keeps other traffic from passing."""
        return [
            f"{family} forwarding is off: nothing but mail passes this machine."
            for family in kernel.not_forwarding()
            if family in families
        ]
