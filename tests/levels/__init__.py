"""The checklist of the levels."""
