"""The contract between device and cloud: generated messages in v1, and beside them what both must compute alike."""
