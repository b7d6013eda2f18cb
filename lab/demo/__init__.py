"""The round trip on loopback. In: nothing. Out: one message's whole way, seen step by step, and a table of what held."""
