"""What `srx-cloud` understands: one file a noun. In: arguments. Out: one operation asked for, its result shown."""
