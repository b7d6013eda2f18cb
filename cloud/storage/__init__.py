"""All SQL and all blobs: one store a noun, methods named by what is needed of them."""
