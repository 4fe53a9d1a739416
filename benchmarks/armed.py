"""What being armed against NaN costs: a step with a tool, in bare steps, and the time from a trip to its report.

    python benchmarks/armed.py --rounds 12

One thread, a fresh Python for each training and tool, blocks of bare steps and of steps with the tool by turns, as in `watch.py`. The
loop is a function over batches, as users write it, so that nbdebug does all that it does over theirs. Tools that are not installed are
listed as such: `pip install transformers`.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import torch
from _trainings import in_fresh_process
from _watch_tools import Tool, anomaly, underflow_overflow
from _watched_trainings import Step, Training, training
from _watching import block_of, cost, installed
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from watch import said

import nbdebug

NAMES = ("CNN", "GPT")


@contextlib.contextmanager
def armed(t: Training) -> Iterator[Step]:
    with nbdebug.armed():
        yield t.step


class _EachOperator(TorchDispatchMode):
    """What a search without a tripwire costs: every result of every operator is asked."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(value, Tensor) and value.is_floating_point() and not bool(torch.isfinite(value.sum())):
                raise FloatingPointError(str(func))
        return out


@contextlib.contextmanager
def each_operator(t: Training) -> Iterator[Step]:
    with _EachOperator():
        yield t.step


TOOLS = (
    Tool("nbdebug.armed", armed, bounds=(1.05, 1.10)),
    Tool("torch.autograd.detect_anomaly", anomaly, "torch", 0.5),
    Tool("transformers DebugUnderflowOverflow", underflow_overflow, "transformers", 0.5),
    Tool("each operator's result (dispatch mode)", each_operator, "torch", 0.25),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12, help="pairs of blocks; slow tools get a part of them")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a block of bare steps")
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, one thread, {arguments.rounds} rounds at most")
    print(f"{'':<40}" + "".join(f"{name:>24}" for name in NAMES))
    for tool in TOOLS:
        if not installed(tool.package):
            print(f"{tool.name:<40}{'not installed':>24}   pip install {tool.package}")
            continue
        print(f"{tool.name:<40}", end="", flush=True)
        for at, name in enumerate(NAMES):
            found = in_fresh_process(cost, name, tool, "cpu", arguments.rounds, arguments.seconds)
            print(f"{said(found, tool.bounds[at] if tool.bounds else None):>24}", end="", flush=True)
        print()
    found = [in_fresh_process(from_trip_to_report, name) for name in NAMES]
    print(f"{'from the trip to the report, bare steps':<40}" + "".join(f"{ratio:>19.1f}" + (" ≤ 30" if ratio <= 30 else " > 30") for ratio in found))


def from_trip_to_report(name: str, after: int = 3) -> float:
    """Seconds from the call that tripped to the error with its report, in bare steps."""
    t = training(name, "cpu")
    bare = min(block_of(t.step, 3, "cpu") for _ in range(3))
    weight = next(p for p in t.model.parameters() if p.dim() > 1)
    with contextlib.suppress(nbdebug.NotFinite), nbdebug.armed():
        for number in range(after + 1):
            if number == after:
                with torch.no_grad():
                    weight.view(-1)[0] = torch.nan
                started = time.process_time()
            t.step()
        raise AssertionError("nothing tripped")
    return (time.process_time() - started) / bare


if __name__ == "__main__":
    main()
