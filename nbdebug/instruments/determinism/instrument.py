"""Does the same training give the same numbers twice, and if not, what differs first?"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from nbdebug.instruments.base import demand_at_least, instrument
from nbdebug.instruments.determinism.repetition import Repetition, repeated
from nbdebug.instruments.determinism.result import Determinism, Generator, Parting
from nbdebug.loading import rewinds
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched.walk import session_of


@instrument("train_loader", "optimizer", trains=True, title="determinism", level="optimisation", result=Determinism)
def determinism(setup: TrainingSetup, *, steps: int = 3, seed: int = 0) -> Iterator[Determinism]:
    """Does the same training give the same numbers twice, and if not, what differs first?

    Trains borrowed weights for a few steps, twice from the same state and seed, and compares every sample, every
    result of an operator, every gradient and every weight bit for bit. A third time with the generators of your own
    standing elsewhere: what then differs would differ after a restart too, unless you seed them.

    Args:
        steps: updates of each repetition.
        seed: given to `seed_everything` before each.
    """
    demand_at_least(1, steps=steps)
    first = repeated(setup, steps, seed)
    yield _result(setup, first, first, seed)
    second = repeated(setup, steps, seed)
    yield _result(setup, first, second, seed)
    yield _result(setup, first, second, seed, _generators(setup, first, steps, seed))


def _result(setup: TrainingSetup, one: Repetition, other: Repetition, seed: int, generators: tuple[Generator, ...] = ()) -> Determinism:
    untold = [] if rewinds(setup.train_loader) else ["The loader cannot be rewound, so the second training may have got later batches"]
    losses = (tuple(one.losses), tuple(other.losses)) if other is not one else (tuple(one.losses),)
    return Determinism(len(one.losses), seed, len(one.done), losses, parting(one, other), generators, tuple(untold))


def parting(one: Repetition, other: Repetition) -> Parting | None:
    """The first thing that differs; None when nothing does."""
    for position, (a, b) in enumerate(zip(one.done, other.done, strict=False)):
        if (a.what, a.name, a.checksum) != (b.what, b.name, b.checksum):
            return Parting(a.step, a.what, a.name, a.place, position)
    if len(one.done) != len(other.done):
        longer = max(one.done, other.done, key=len)
        position = min(len(one.done), len(other.done))
        return Parting(longer[position].step, "end", longer[position].name, longer[position].place, position)
    return None


def _generators(setup: TrainingSetup, first: Repetition, steps: int, seed: int) -> tuple[Generator, ...]:
    """Those that the session holds, each drawn from once before another repetition."""
    found = []
    held = session_of(setup, weights=False).generators
    for name, generator in held.items():
        if generator is torch.default_generator:
            continue
        moved = repeated(setup, steps, seed, lambda generator=generator: _draw(generator))
        found.append(Generator(name, parting(first, moved) is not None))
    return tuple(found)


def _draw(generator: Any) -> None:
    if isinstance(generator, torch.Generator):
        torch.rand(1, generator=generator, device=generator.device)
    elif isinstance(generator, (np.random.Generator, np.random.RandomState, random.Random)):
        generator.random()
