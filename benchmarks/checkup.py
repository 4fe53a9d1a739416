"""How long a checkup takes: digits MLP, a CNN of a million parameters, and 10, 100 and 1000 layers.

    python benchmarks/checkup.py --runs 5

One thread, a fresh Python for each training. *first* is what a user waits for after a restart: imports and lazy
set-up included; the others are medians of later runs. Steps are training steps of the same model, timed after it.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import statistics
from dataclasses import dataclass

import torch
from _trainings import deep, digits_mlp, in_fresh_process, million_parameter_cnn, seconds_of, step

import nbdebug

LAYERS = (10, 100, 1000)
CASES = {"digits MLP": digits_mlp, "CNN": million_parameter_cnn}
CASES |= {f"{layers} layers": functools.partial(deep, layers) for layers in LAYERS}
BOUNDS = {"digits MLP": 10.0, "CNN": 25.0}  # seconds


@dataclass(frozen=True)
class Cost:
    parameters: int
    first: float  # seconds
    median: float  # seconds
    steps: float  # the median, in training steps
    rungs: dict[str, float]  # instrument → median seconds


def cost(name: str, runs: int) -> Cost:
    """Measures one training; the steps come last, because they move the weights."""
    setup = CASES[name]()
    first, *reports = [nbdebug.checkup(setup, budget=None) for _ in range(runs + 1)]
    median = statistics.median(report.seconds for report in reports)
    rungs: dict[str, list[float]] = {}
    for rung in itertools.chain.from_iterable(report.result.rungs for report in reports):
        rungs.setdefault(rung.instrument, []).append(rung.seconds)
    one_step = seconds_of(functools.partial(step, setup, next(iter(setup.train_loader))), runs=5)
    parameters = sum(p.numel() for p in setup.model.parameters())
    return Cost(parameters, first.seconds, median, median / one_step, {k: statistics.median(v) for k, v in rungs.items()})


def growth(costs: dict[str, Cost]) -> None:
    """Prints by what power of the layers the seconds grow; 1 is linear."""
    for fewer, more in ((LAYERS[0], LAYERS[1]), (LAYERS[1], LAYERS[2]), (LAYERS[0], LAYERS[2])):
        times = costs[f"{more} layers"].median / costs[f"{fewer} layers"].median
        exponent = math.log(times) / math.log(more / fewer)
        print(f"{fewer:>5} to {more:>4} layers: × {times:6.1f} in seconds, exponent {exponent:.2f}, bound 1" + beyond(exponent, 1))


def beyond(figure: float, bound: float | None) -> str:
    return "  EXCEEDED" if bound is not None and figure > bound else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print(f"torch {torch.__version__}, one thread, median of {runs}")
    print(f"{'training':<13}{'parameters':>11}{'first':>9}{'median':>9}{'bound':>9}{'in steps':>10}   by instrument, s")
    costs = {}
    for name in CASES:
        costs[name] = found = in_fresh_process(cost, name, runs)
        bound = BOUNDS.get(name)
        said = f"{bound:7.0f} s" if bound else f"{'':>9}"
        rungs = ", ".join(f"{instrument} {seconds:.2f}" for instrument, seconds in found.rungs.items())
        print(
            f"{name:<13}{found.parameters:>11,}{found.first:7.2f} s{found.median:7.2f} s{said}{found.steps:>10.0f}"
            f"   {rungs}{beyond(max(found.first, found.median), bound)}"
        )
    growth(costs)


if __name__ == "__main__":
    main()
