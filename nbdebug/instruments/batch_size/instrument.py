"""The instrument: what there is to make batches of, and how much memory; the search does the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator

from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import BatchError
from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.batch_size.limits import limit_of
from nbdebug.instruments.batch_size.result import BatchSizes
from nbdebug.instruments.batch_size.search import Search
from nbdebug.step_cost import Batches, demand_no_profiler
from nbdebug.training_setup import TrainingSetup

UNLIMITED = 600.0  # seconds, where no budget is given


@instrument("train_loader", "optimizer", trains=True, title="batch size", level="optimisation", result=BatchSizes)
def batch_size(
    setup: TrainingSetup, *, memory: float | str | None = None, wanted: int | None = None, largest: int | None = None,
    budget: float | None = "20 s",
) -> Iterator[BatchSizes]:  # fmt: skip
    """The largest batch that fits and the fastest per sample, with the learning rate that goes with it.

    Runs whole training steps on borrowed weights, on batches of 1, 2, 4, … samples, and measures bytes and seconds of each. What would
    not fit is extrapolated; on the CPU it is never tried. Out of memory is an answer, and given back. Loading is not in the seconds.

    Args:
        memory: what the training may take, such as "8 GB"; default: what is free now (on the CPU half of it).
        wanted: a batch size to reach by gradient accumulation, if it does not fit.
        largest: no larger size is tried; default: the dataset's length.
        budget: seconds for all of it; a size whose steps would take longer is not tried.

    Raises:
        SetupError: the memory is no size, or the loss has no graph.
        BatchError: batches of other sizes cannot be made.
    """
    demand_at_least(1, **{name: value for name, value in (("wanted", wanted), ("largest", largest)) if value is not None})
    batches = Batches(setup.train_loader)
    if batches.own is None:
        raise BatchError(
            "the samples of a batch cannot be told apart, so there is no other size to try: "
            "let the train_loader be a DataLoader over a dataset with indices"
        )
    demand_no_profiler()
    in_training_mode(setup)
    most = min((n for n in (largest, batches.total) if n is not None), default=None)
    search = Search(setup, batches, most, time.perf_counter() + (UNLIMITED if budget is None else budget))
    search.limit, search.limit_from = limit_of(memory, setup.device, search.trying.held)
    yield from search.run(wanted)
