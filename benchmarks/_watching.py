"""How `watch.py` and `watch_cuda.py` compare the step with a tool and the bare one."""

from __future__ import annotations

import importlib.util
import logging
import os
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass

import torch
from _watch_tools import Tool
from _watched_trainings import Step, training


@dataclass(frozen=True)
class Cost:
    ratio: float  # median over rounds
    best: float  # of the fastest block with the tool over the fastest without
    bare: float  # seconds of a bare step, in the fastest block
    rounds: int
    steps: int  # in a block


def cost(training_name: str, tool: Tool, device: str, rounds: int, seconds: float) -> Cost:
    """Blocks of bare steps and of steps with the tool by turns, so that whatever else the machine does meets both."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("WANDB_SILENT", "true")
    t = training(training_name, device)
    block_of(t.step, 5, device)
    steps = -(-max(4, round(seconds / block_of(t.step, 5, device))) // tool.period) * tool.period
    pairs = []
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # what a tool writes does not stay
        for _ in range(max(3, round(rounds * tool.rounds))):
            bare = block_of(t.step, steps, device)
            with tool.attach(t) as step:
                block_of(step, tool.period if tool.period > 1 else 3, device)  # what a tool does at first sight is not a step's cost
                pairs.append((bare, block_of(step, steps, device)))
        os.chdir(home)
    bare, with_tool = zip(*pairs, strict=True)
    # each block is compared with the mean of the bare ones before and after it
    around = [(a + b) / 2 for a, b in zip(bare, (*bare[1:], bare[-1]), strict=True)]
    ratio = statistics.median(w / a for w, a in zip(with_tool, around, strict=True))
    return Cost(ratio, min(with_tool) / min(bare), min(bare), len(pairs), steps)


def block_of(step: Step, steps: int, device: str) -> float:
    """Seconds of a step, over so many of them; on the CPU those of this process, because others may be at work there."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    _settle(device)
    started = clock()
    for _ in range(steps):
        step()
    _settle(device)
    return (clock() - started) / steps


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _settle(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
