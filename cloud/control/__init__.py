"""The administrator's door. In: a command, through the running service's socket or under the state's lock. Out: its result."""
