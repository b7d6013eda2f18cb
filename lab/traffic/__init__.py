"""Mail to send: harmless samples, messages built from them, senders that can count."""
