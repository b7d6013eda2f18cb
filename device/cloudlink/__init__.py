"""The device's calls to its cloud: mutual TLS, deadlines, retries by reason. In: questions. Out: answers or a named fault."""
