"""What the loader audit judges."""
