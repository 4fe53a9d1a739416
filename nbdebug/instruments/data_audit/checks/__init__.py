"""The checks of the data look, by what they judge."""
