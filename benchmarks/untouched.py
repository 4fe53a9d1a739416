"""What borrowing a session costs: seconds and memory of `untouched(setup)`, beside one training step.

    python benchmarks/untouched.py --runs 5

One thread, Adam with its state and gradients as in the midst of a training. Bytes are those that torch's allocator
was asked for, as its profiler saw them: *at most* is what was held at one time beyond what was there before, *largest* the
largest single request. Without `weights=True` no request may be as large as the largest weight.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's own remarks; read when torch is imported

import torch
from _trainings import fifty_million_parameter_mlp, in_fresh_process, million_parameter_cnn, seconds_of, step
from torch.profiler import ProfilerActivity, profile

from nbdebug import TrainingSetup
from nbdebug.untouched import untouched

TRAININGS = {"CNN": million_parameter_cnn, "MLP": fifty_million_parameter_mlp}


@dataclass(frozen=True)
class Cost:
    deed: str
    seconds: float  # median
    most: int  # bytes held at one time
    largest: int  # bytes of the largest request


@dataclass(frozen=True)
class Costs:
    parameters: int
    weights: int  # bytes of all of them
    largest_weight: int  # bytes
    costs: tuple[Cost, ...]  # a training step first


def costs_of(name: str, runs: int) -> Costs:
    """A training step, and borrowing without and with weights."""
    setup = TRAININGS[name]()
    batch = next(iter(setup.train_loader))
    sizes = [p.nbytes for p in setup.model.parameters()]
    one_step = functools.partial(step, setup, batch)
    one_step()  # from here on the optimizer has its state, and the weights their gradients
    deeds: dict[str, Callable[[], Any]] = {
        "training step": one_step,
        "untouched": functools.partial(borrow, setup, weights=False),
        "untouched, weights=True": functools.partial(borrow, setup, weights=True),
    }
    costs = tuple(Cost(said, seconds_of(deed, runs=runs), *requested(deed)) for said, deed in deeds.items())
    return Costs(sum(p.numel() for p in setup.model.parameters()), sum(sizes), max(sizes), costs)


def borrow(setup: TrainingSetup, *, weights: bool) -> None:
    with untouched(setup, weights=weights):
        pass


def requested(deed: Callable[[], Any]) -> tuple[int, int]:
    """Bytes a deed holds at one time beyond what was there before, and of its largest single request."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiled:
        deed()
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    sizes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]  # freed ones are negative
    return max(itertools.accumulate(sizes), default=0), max(sizes, default=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print(f"torch {torch.__version__}, one thread, median of {runs}")
    for name in TRAININGS:
        found = in_fresh_process(costs_of, name, runs)
        first = found.costs[0]
        print(f"\n{name}, {found.parameters:,} parameters: weights {mb(found.weights)}, the largest {mb(found.largest_weight)}")
        print(f"{'':<25}{'seconds':>9}{'of a step':>11}{'at most':>14}{'of weights':>12}{'largest':>14}")
        for cost in found.costs:
            times, share = cost.seconds / first.seconds, cost.most / found.weights
            copied = "  a copy of weights" if cost.largest >= found.largest_weight and cost is not first else ""
            print(f"{cost.deed:<25}{cost.seconds:>9.4f}{times:>10.2f}×{mb(cost.most):>14}{share:>11.3f}×{mb(cost.largest):>14}{copied}")


def mb(number: int) -> str:
    return f"{number / 1e6:.2f} MB"


if __name__ == "__main__":
    main()
