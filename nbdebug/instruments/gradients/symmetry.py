"""Which units can never differ: their weights are the same, and so is every gradient they will ever get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.counterfactual import Counterfactual, evaluated, trainable
from nbdebug.training_setup import TrainingSetup

STEPS = 3  # enough for a zero behind a zero behind a zero (ControlNet's zero convolutions, LoRA) to wake up
SKETCH = 16  # numbers of a row that are looked at first
SAME = 1e-4  # relative; rounding over three steps stays under 1e-6
GATES = {nn.LSTM: 4, nn.LSTMCell: 4, nn.GRU: 3, nn.GRUCell: 3}  # blocks of rows that belong to different gates
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)  # stored as (in, out, ...)


def stuck(setup: TrainingSetup, batches: Sequence[Any], columns: frozenset[str]) -> dict[str, int]:
    """The matrices whose units are the same now, or copies of half as many, and still are after a few imagined steps: name → distinct units.

    Args:
        batches: what the imagined steps are taken on; no weight is moved.
        columns: matrices stored as (in, out), whose units are columns.
    """
    owners = {id(p): module for module in setup.model.modules() for p in module.parameters(recurse=False)}
    tables = {name: _Layout(gates=1, columns=True, table=True) for name, p in trainable(setup.model) if p.ndim == 2 and _is_table(owners[id(p)])}
    layout = {
        name: _Layout(
            gates=_gates(owners[id(p)], name), columns=name in columns or isinstance(owners[id(p)], TRANSPOSED), table=isinstance(owners[id(p)], nn.Embedding)
        )
        for name, p in trainable(setup.model)
        if p.ndim >= 2 and p.numel()
    }
    weights = {name: p.detach() for name, p in trainable(setup.model)}
    suspects = [name for name, units in layout.items() if units.same(weights[name], exactly=True)]
    in_tables = [name for name, units in tables.items() if units.same(weights[name], exactly=True)]
    began = weights
    for step in range(STEPS if suspects or in_tables else 0):
        weights = imagined_step(Counterfactual(setup, batches[step % len(batches)]), weights)
        suspects = [name for name in suspects if layout[name].same(weights[name])]
        in_tables = [name for name in in_tables if tables[name].same(weights[name])]
        if not suspects and not in_tables:
            break
    moved = [name for name in in_tables if not torch.equal(weights[name], began[name])]
    unmoved = [name for name in suspects if torch.equal(weights[name], began[name])]
    awake = set(unmoved) - set(_without_chance(setup, batches, layout, unmoved))
    return {name: 1 for name in moved} | {name: layout[name].distinct for name in suspects if name not in awake}


def _without_chance(setup: TrainingSetup, batches: Sequence[Any], layout: dict[str, _Layout], names: list[str]) -> list[str]:
    """Which of these stay the same in eval mode too: a branch that stochastic depth has left out gets no gradient in that step, and one in another."""
    weights = {name: p.detach() for name, p in trainable(setup.model)}
    with evaluated(setup.model):
        for step in range(STEPS if names else 0):
            weights = imagined_step(Counterfactual(setup, batches[step % len(batches)]), weights)
            names = [name for name in names if layout[name].same(weights[name])]
    return names


def _is_table(module: nn.Module) -> bool:
    """Whether its rows are picked by an index, so that a row is no unit: what a row says of one thing is its columns."""
    return isinstance(module, (nn.Embedding, nn.EmbeddingBag)) or not type(module).__module__.startswith("torch.nn")


class _Layout:
    """How a weight is cut into units."""

    def __init__(self, *, gates: int, columns: bool, table: bool) -> None:
        self.gates, self.columns = gates, columns
        self.table = table  # rows that a batch does not ask for stay as they are
        self.first = torch.zeros(0, dtype=torch.long)  # of each unit the first that is the same, told by the first look
        self.distinct = 0

    def same(self, weight: Tensor, *, exactly: bool = False) -> bool:
        """Whether there are several units with the same weights: all of them, or copies of at most half as many that are not all zero."""
        units = self._units(weight)
        if units.shape[0] < 2:
            return False
        if exactly:
            self.first, self.distinct = _firsts(units)
            return self.distinct == 1 or (not self.table and self.distinct <= units.shape[0] // 2 and bool((units != 0).any(1).all()))
        return bool((units - units[self.first]).abs().max() <= SAME * weight.abs().max())

    def _units(self, weight: Tensor) -> Tensor:
        weight = weight.transpose(0, 1) if self.columns else weight
        size = weight.shape[0] // self.gates
        return weight.reshape(self.gates, size, -1).transpose(0, 1).reshape(size, -1)


def _firsts(units: Tensor) -> tuple[Tensor, int]:
    """For each row the index of the first one like it, and how many different ones there are."""
    if bool((units == units[:1]).all()):
        return torch.zeros(len(units), dtype=torch.long, device=units.device), 1
    head = units[:, :SKETCH].double()
    sketch = (head * torch.arange(1, head.shape[1] + 1, device=units.device).sqrt()).sum(1)  # equal rows have equal ones, and most others do not
    if len(sketch.unique()) > len(units) // 2:
        return torch.arange(len(units), device=units.device), len(units)
    _, index = torch.unique(units, dim=0, return_inverse=True)
    order = torch.arange(len(units), device=units.device)
    first = torch.full_like(order, len(units)).scatter_reduce(0, index, order, "amin")
    return first[index], int(index.max()) + 1


def _gates(module: nn.Module, name: str) -> int:
    gated = name.rpartition(".")[2].startswith(("weight_ih", "weight_hh"))
    return next((count for kind, count in GATES.items() if gated and isinstance(module, kind)), 1)


def imagined_step(trial: Counterfactual, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Down the gradient, a few percent of each weight's size, so that small gradients count as well."""
    gradients = trial.gradients(weights)
    return {name: tensor - _stride(tensor) * _unit(gradients[name]) for name, tensor in weights.items()}


def _stride(weight: Tensor) -> Tensor:
    return 0.05 * weight.abs().square().mean().sqrt().clamp_min(0.1)


def _unit(gradient: Tensor) -> Tensor:
    size = gradient.abs().square().mean().sqrt()
    return torch.where(size == 0, gradient, gradient / size)  # a NaN stays one, and is like nothing else
