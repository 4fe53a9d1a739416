"""Whether the experiments behind a verdict were made at all."""

from __future__ import annotations

from nbdebug.data.running import LoaderRun
from nbdebug.errors import NotChecked

LEAST = 2  # samples; of fewer nothing can be said


def demand_answered(run: LoaderRun, *experiments: str) -> None:
    """Raises NotChecked when an experiment stumbled, over something of ours.

    Args:
        experiments: names of them, as in `LoaderRun.unanswered`.
    """
    for experiment in experiments:
        if experiment in run.unanswered:
            raise NotChecked(f"{run.name}: nbdebug itself stumbled over {run.unanswered[experiment]}")


def demand_asked(run: LoaderRun, *experiments: str) -> None:
    """The same, and when the user's transforms could not be listened to."""
    demand_answered(run, *experiments)
    if run.not_as_it_is:
        raise NotChecked(f"{run.name}: {run.not_as_it_is}")


def demand_read(run: LoaderRun, read: int, wanted: int) -> None:
    """Raises NotChecked when the time was over before enough samples were read."""
    if not run.why_not and read < min(LEAST, wanted):
        raise NotChecked(f"{run.name}: {read} of {wanted} samples could be read in the time there was")
