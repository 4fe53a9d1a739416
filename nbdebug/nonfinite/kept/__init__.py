"""A step, kept: in memory (the snapshot), and in a file (the capsule)."""
