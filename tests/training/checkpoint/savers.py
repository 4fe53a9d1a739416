"""Processes that save without end, and one that kills them; in a process of its own, which has one thread and may fork."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import torch

from nbdebug.training.checkpoint import Rule, keep, load, newest, save
from nbdebug.training.folder import RunFolder

KILLS = 40


def for_ever(folder: RunFolder, step: int) -> None:
    while True:
        step += 1
        save(folder, step, {"step": step, "w": torch.full((300_000,), float(step))})
        keep(folder, Rule(last=2))


def kill_forty(path: str) -> None:
    """Each saver goes on where the one before was killed; after each kill every file is whole."""
    torch.set_num_threads(1)
    folder, draw, step = RunFolder(Path(path)), random.Random(0), 0
    for _ in range(KILLS):
        pid = os.fork()
        if not pid:
            try:
                for_ever(folder, step)
            finally:
                os._exit(1)
        while last(folder) <= step:  # until it is at work
            time.sleep(0.001)
            assert os.waitpid(pid, os.WNOHANG) == (0, 0), "a saver has failed"
        time.sleep(draw.uniform(0.0, 0.03))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for file in folder.checkpoints.glob("step-*.pt"):
            state = load(file)
            assert bool((state["w"] == state["step"]).all())
        step = newest(folder).step
        assert step == last(folder)
    assert step >= KILLS and len(list(folder.checkpoints.iterdir())) <= 4  # what a killed writer left is cleared by the next


def last(folder: RunFolder) -> int:
    """The step of the newest file, by its name alone."""
    return max((int(path.stem.split("-")[1]) for path in folder.checkpoints.glob("step-*.pt")), default=0)
