"""What a decision comes to on the wire. In: a message and its decision. Out: bytes to deliver, a replacement, or a refusal."""
