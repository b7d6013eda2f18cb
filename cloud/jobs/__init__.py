"""Work that survives a kill: durable jobs and a schedule. In: ids, never content. Out: the work done, at least once."""
