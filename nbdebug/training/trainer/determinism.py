"""The random numbers of a rank, and the same numbers twice."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator

import numpy
import torch

from nbdebug.seeding import CUBLAS, WORKSPACE, seed_generators

APART = 1_000_003  # a prime, so that rank 1 of seed 0 is not rank 0 of seed 1


def rank_seed(seed: int, rank: int) -> int:
    """The seed of a rank's own random numbers (dropout, augmentation); rank 0 has the seed itself, as a training without ranks."""
    return (seed + APART * rank) % 2**32


def seed_rank(seed: int, rank: int) -> int:
    """Seeds a rank by itself; to be called after the model is made, which must be the same in every rank.

    Returns:
        the seed of this rank.
    """
    own = rank_seed(seed, rank)
    seed_generators(own)
    return own


@contextlib.contextmanager
def repeatable(deterministic: bool) -> Iterator[None]:
    """Asks torch for operators that give the same numbers each time, where that is wanted, and for what it did before afterwards."""
    if not deterministic:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(CUBLAS)
    os.environ.setdefault(CUBLAS, WORKSPACE)  # of effect while CUDA has not begun, as in a fresh rank
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark = benchmark
        if workspace is None:
            os.environ.pop(CUBLAS, None)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Random numbers of the CPU go on afterwards as if nothing had been drawn."""
    states = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        numpy.random.set_state(states[1])
        torch.set_rng_state(states[2])
