"""The door for devices. In: calls over TLS. Out: calls whose caller is known and allowed, or an error with a reason."""
