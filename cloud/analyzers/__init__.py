"""What can be seen in a file: one file an analyzer. In: bytes and a name. Out: evidence. None talks to the network."""
