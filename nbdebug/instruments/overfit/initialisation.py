"""Weights drawn anew, as torch's own layers draw them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from nbdebug.instruments.overfit.attempts import Task
from nbdebug.listening import module_paths
from nbdebug.seeding import seed_torch

MOST = 4  # layers that are initialised anew one by one, those least like a new one first


def initialised(task: Task, module: nn.Module) -> Callable[[], Tensor]:
    """The loss after every layer in this module has been initialised anew; on borrowed weights."""
    seed_torch(0)
    for layer in module.modules():
        if callable(getattr(layer, "reset_parameters", None)):
            layer.reset_parameters()
        else:
            _draw(layer)
    return task.loss


def _draw(layer: nn.Module) -> None:
    """Matrices that a layer of the user's own holds; its vectors stay, as a scale and an offset have no common beginning."""
    with torch.no_grad():
        for parameter in layer.parameters(recurse=False):
            if parameter.ndim > 1:
                parameter.normal_(std=1 / math.sqrt(parameter[0].numel()))


def unlike_first(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers whose weights are least like those of a new one, by their size."""
    paths, found = module_paths(model), []
    for layer in model.modules():
        weight = getattr(layer, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1 and callable(getattr(layer, "reset_parameters", None)):
            size, usual = float(weight.detach().float().norm()), math.sqrt(weight.numel() / weight[0].numel() / 3)
            found.append((abs(math.log(max(size, 1e-30) / usual)), paths[id(layer)], layer))
    found.sort(key=lambda item: -item[0])
    return [(path, layer) for _, path, layer in found[:MOST] if path]
