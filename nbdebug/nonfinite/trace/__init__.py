"""One training step, operator by operator: what was bad, where it was born, and which of it mattered."""

from nbdebug.nonfinite.trace.step import Trace

__all__ = ["Trace"]
