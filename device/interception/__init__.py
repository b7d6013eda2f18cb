"""How a connection reaches us. In: a socket. Out: the client, the real server, and who sees whose address."""
