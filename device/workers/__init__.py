"""Several processes on one port: one parent that owns what a device has once, and workers that carry mail."""
