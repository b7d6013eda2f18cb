"""What is told about the traffic: counters, events, status. In: outcomes. Out: numbers and lines, never content."""
