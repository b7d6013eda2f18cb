"""What devices saw. In: a stream of events and counters. Out: the latest of them, for administrators and scripts."""
