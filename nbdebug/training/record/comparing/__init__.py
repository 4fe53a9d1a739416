"""`nbdebug.compare_runs(a, b)`: what changed from one run to another, and what of it is likely to matter."""

from nbdebug.training.record.comparing.compare_runs import compare_runs
from nbdebug.training.record.comparing.result import RunsCompared

__all__ = ["RunsCompared", "compare_runs"]
