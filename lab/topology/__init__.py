"""Networks of hosts on this machine: each a network namespace, joined by links."""
