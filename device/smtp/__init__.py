"""The inspected session. In: bytes of a client and its server. Out: the same dialogue, each message held for its outcome."""
