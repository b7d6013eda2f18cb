"""How much mail the device holds at once, over all its sessions: a bound that a single session's SIZE does not give."""


class HeldBytes:
    """A budget of bytes; whoever takes gives back."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0

    def take(self, size: int) -> bool:
        """Hold so many bytes more; False, and nothing is taken, where that is too much."""
        if self._held + size > self._limit:
            return False
        self._held += size
        return True

    def give_back(self, size: int) -> None:
        """Hold so many fewer."""
        self._held -= size
