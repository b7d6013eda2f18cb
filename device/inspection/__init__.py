"""The decision. In: a reading and an envelope. Out: what is to be done with the message, and the reason."""
