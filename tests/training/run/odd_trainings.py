"""Trainings that end badly or say odd things; ranks import them by name."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import threading
import time
from multiprocessing import util
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup


def die(how, note):
    """Ends this process without a word, and leaves the time of it."""
    Path(note).write_text(repr(time.time()))
    if how == "exit":
        os._exit(0)
    os.kill(os.getpid(), signal.Signals[how])
    time.sleep(60)


def die_if_first(how, note):
    try:
        os.close(os.open(f"{note}.first", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    die(how, note)


LIMIT = 600_000  # bytes that a file may have on a disk that is nearly full


def loss_on_a_disk(setup, batch):
    """The disk is full as long as there is a file that says so."""
    most = LIMIT if os.path.exists(os.environ["FULL"]) else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    time.sleep(0.01)
    return setup.model(batch[0]).pow(2).mean()


def large():
    """A megabyte of weights and their moments."""
    model = nn.Linear(100, 1000)
    return TrainingSetup(model, None, torch.optim.Adam(model.parameters()), DataLoader(TensorDataset(torch.randn(64, 100)), batch_size=8), batch_loss=loss_on_a_disk)


class Fatal:
    """Kills the first rank that unpickles it."""

    def __init__(self, how, note):
        self.how, self.note = how, note

    def __reduce__(self):
        return die_if_first, (self.how, self.note)


def never_begins(ctx, fatal):
    raise AssertionError("one rank is dead: there is no process group")


def one_dies(ctx, where, how, note):
    """Rank 1 does, while rank 0 waits for it."""
    if where == "in the group" and ctx.rank == 1:
        die(how, note)
    model = ctx.wrap(nn.Linear(4, 2))
    for step in range(1, 4):
        model(torch.randn(8, 4)).sum().backward()
        ctx.log(step=step, loss=0.0)
    if where == "after the group":
        util.Finalize(None, die, (how, note), exitpriority=1)
        return
    if ctx.rank == 1:
        threading.Timer(0.5, die, (how, note)).start()  # when the step has been told
        dist.all_reduce(torch.ones(1))  # rank 0 does not come
    time.sleep(60)


def raises(ctx):
    ctx.log(step=1, loss=0.0)
    raise ValueError("bad sample 7")


def uneven(ctx):
    """Rank 1 has more batches than rank 0."""
    model = ctx.wrap(nn.Linear(4, 2))
    for step in range(1, 4 + 2 * ctx.rank):
        model(torch.randn(8, 4)).sum().backward()
        ctx.log(step=step, loss=0.0)


def talkative(ctx, lines):
    """Prints as fast as it can, and what is no text."""
    began = time.perf_counter()
    for number in range(lines):
        print("line", number)
    seconds = time.perf_counter() - began
    libc = ctypes.CDLL(None)
    libc.puts(b"from C: \xff\xfe \xe9")
    return seconds


def gives(ctx, what):
    ring = []
    ring.append(ring)
    deep = []
    for _ in range(5000):
        deep = [deep]
    given = {
        "unpicklable": {"lambda": lambda: 0, "lock": threading.Lock(), "loss": torch.tensor(0.5), 3: (1, "x")},
        "a huge tensor": torch.zeros(50 << 20), "a huge list": list(range(1 << 20)), "a ring": ring, "deep": deep,
        "not a number": {"loss": float("nan")}, "raises": {"odd": Unsayable()},
    }  # fmt: skip
    return given[what]


class Unsayable(str):
    """Text that cannot be shown."""

    def __repr__(self):
        raise RuntimeError("no")

    __str__ = __repr__
