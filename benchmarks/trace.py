"""What following a step operator by operator costs: a sound step, one with a planted NaN, one with two missing values in its batch.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/trace.py [CNN] [GPT] [MLP]

Told as multiples of the bare step, the least of several repetitions each.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from _watched_trainings import TRAININGS
from torch import Tensor, nn

from nbdebug.nonfinite.trace.step import Trace


def least(run: Callable[[], object], repetitions: int) -> float:
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(name: str) -> None:
    torch.manual_seed(0)
    model, inputs, targets = TRAININGS[name]()
    loss_fn = nn.CrossEntropyLoss()

    def step() -> None:
        model.zero_grad()
        loss_fn(model(inputs), targets).backward()

    def traced() -> None:
        with Trace([model], batch=(inputs, targets)) as trace:
            step()
        trace.origin()

    step()
    bare = least(step, 7)
    told = [f"{name}: bare {bare * 1e3:.1f} ms", f"sound {least(traced, 5) / bare:.2f}"]
    third = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.LayerNorm))][2]
    handle = third.register_forward_hook(planted)
    told.append(f"with a NaN {least(traced, 3) / bare:.1f}")
    handle.remove()
    if inputs.is_floating_point():
        inputs.view(-1)[7] = inputs[3].view(-1)[9] = float("nan")
        told.append(f"with missing values {least(traced, 3) / bare:.1f}")
    print(", ".join(told))


def planted(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """One channel in the logarithm of -1."""
    sick = output.clone()
    sick[..., 0] = torch.log(output[..., 0] * 0 - 1)
    return sick


if __name__ == "__main__":
    for chosen in sys.argv[1:] or TRAININGS:
        measure(chosen)
