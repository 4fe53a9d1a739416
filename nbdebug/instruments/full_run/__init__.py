"""A full run, as its ranks told it: what it did, and what was found while it went."""

from nbdebug.instruments.full_run.result import Failed, FullRun, RankState, full_run

__all__ = ["Failed", "FullRun", "RankState", "full_run"]

from nbdebug.instruments.full_run import checks  # noqa: E402, F401  they register themselves
