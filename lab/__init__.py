"""What people run and test with: the demo, a mail server to look into, harmless samples, benchmarks."""
