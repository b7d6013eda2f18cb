"""Work that survives a kill: durable workflows and schedules. In: ids, never content. Out: the work done at least once."""
