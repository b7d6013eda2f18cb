"""Harmless files that look like what attackers send. In: nothing. Out: a name, bytes, and the verdict that they should get."""
