"""Scoring. In: a file. Out: a verdict from 0 to 10 with its evidence, kept by digest and rule set."""
