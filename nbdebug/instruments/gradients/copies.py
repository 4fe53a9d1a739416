"""Layers beside each other that began as copies, and that nothing can ever tell apart: the experts of a mixture, the members of an ensemble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.counterfactual import Counterfactual, trainable
from nbdebug.instruments.gradients.symmetry import SAME, STEPS, imagined_step
from nbdebug.listening import plain_path
from nbdebug.training_setup import TrainingSetup


@dataclass(frozen=True)
class Copies:
    """Parts of one module with the same weights, now and after a few imagined steps."""

    owner: str  # path of what holds them
    names: tuple[str, ...]  # in it
    kind: str  # their class


def copies(setup: TrainingSetup, batches: Sequence[Any]) -> tuple[Copies, ...]:
    """Parts that a training moves, all in the same way."""
    began = {name: p.detach() for name, p in trainable(setup.model)}
    found = list(_alike(setup.model, began))
    weights = began
    for step in range(STEPS if found else 0):
        weights = imagined_step(Counterfactual(setup, batches[step % len(batches)]), weights)
        found = [one for one in found if _are_same(one, weights)]
    return tuple(
        Copies(plain_path(owner), tuple(names), type(setup.model.get_submodule(owner).get_submodule(names[0])).__name__)
        for owner, names, parts in found
        if any(not torch.equal(weights[f"{_join(owner, names[0])}.{part}"], began[f"{_join(owner, names[0])}.{part}"]) for part in parts)
    )


Group = tuple[str, list[str], list[str]]  # path of the owner, names of the parts in it, names of the parameters in each


def _alike(model: nn.Module, weights: dict[str, Tensor]) -> Iterator[Group]:
    """Parts of one class and one owner whose weights are equal, of which one at least is a matrix with unequal rows."""
    for path, owner in model.named_modules():
        for _, group in groupby(owner.named_children(), key=lambda child: type(child[1])):
            members = list(group)
            parts = [name for name, p in members[0][1].named_parameters() if f"{_join(path, members[0][0])}.{name}" in weights]
            if len(members) < 2 or not any(_differs(weights[f"{_join(path, members[0][0])}.{part}"]) for part in parts):
                continue
            names = [name for name, _ in members]
            if all(f"{_join(path, name)}.{part}" in weights for name in names for part in parts) and _are_same((path, names, parts), weights):
                yield path, names, parts


def _differs(weight: Tensor) -> bool:
    return weight.ndim > 1 and weight.shape[0] > 1 and bool((weight != weight[:1]).any())


def _are_same(group: Group, weights: dict[str, Tensor]) -> bool:
    owner, names, parts = group
    for part in parts:
        first = weights[f"{_join(owner, names[0])}.{part}"]
        for name in names[1:]:
            other = weights[f"{_join(owner, name)}.{part}"]
            if other.shape != first.shape or not bool((other - first).abs().max() <= SAME * first.abs().max()):
                return False
    return True


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
