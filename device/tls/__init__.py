"""TLS of both legs: what clients are shown, and whom the device takes for the server. In: names. Out: encrypted bytes."""
