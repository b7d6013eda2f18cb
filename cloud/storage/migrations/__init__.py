"""How the database came to its shape: one revision a step, applied in-process at start, whole or not at all."""
