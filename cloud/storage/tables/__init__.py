"""The tables, one file a noun; stores alone use them."""
