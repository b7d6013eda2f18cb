"""A mail server with inboxes that can be read over HTTP."""
