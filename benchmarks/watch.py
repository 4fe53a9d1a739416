"""What watching costs: a step with a tool, in bare steps, for nbdebug and the tools that show the same.

    python benchmarks/watch.py --rounds 12

One thread, a fresh Python for each training and tool; seconds of the processor. Blocks of bare steps and of steps with the tool take turns; a
ratio is the median over rounds of one block over the bare ones around it, *best* is that of the fastest blocks. nbdebug
looks at every layer's output and its gradient, every weight, gradient and update; of the others only the TensorBoard
recipe does. Tools that are not installed are listed as such: `pip install wandb fastai tensorboard transformers`.
"""

from __future__ import annotations

import argparse

import torch
from _trainings import in_fresh_process
from _watch_tools import OURS, PEERS, Tool
from _watched_trainings import TRAININGS
from _watching import Cost, cost, installed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12, help="pairs of blocks; slow tools get a part of them")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a block of bare steps")
    parser.add_argument("--only", default="", help="tools whose name contains this")
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, one thread, {arguments.rounds} rounds at most")
    measure("cpu", [tool for tool in (*OURS, *PEERS) if arguments.only in f"{tool.name} {tool.package}"], arguments.rounds, arguments.seconds)


def measure(device: str, tools: list[Tool], rounds: int, seconds: float) -> None:
    """Prints a line a tool: for each training the ratio and, in brackets, that of the fastest blocks."""
    print(f"{'':<36}" + "".join(f"{name:>24}" for name in TRAININGS))
    bare: dict[str, float] = {}
    for tool in tools:
        if not installed(tool.package):
            print(f"{tool.name:<36}{'not installed':>24}   pip install {tool.package}")
            continue
        print(f"{tool.name:<36}", end="", flush=True)
        for at, name in enumerate(TRAININGS):
            found = in_fresh_process(cost, name, tool, device, rounds, seconds)
            bare[name] = min(found.bare, bare.get(name, found.bare))
            print(f"{said(found, tool.bounds[at] if tool.bounds else None):>24}", end="", flush=True)
        print(f"   {found.rounds} rounds")
    print(f"{'a bare step':<36}" + "".join(f"{bare[name] * 1000:>21.2f} ms" for name in bare))


def said(found: Cost, bound: float | None) -> str:
    over = "" if bound is None else f" ≤ {bound}" if found.ratio <= bound else f" > {bound}"
    return f"{found.ratio:.3f} ({found.best:.3f}){over}"


if __name__ == "__main__":
    main()
