"""Is the loss to blame, or the way to it? A linear layer in the model's place, and free numbers in a layer's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.batch import own_copy
from nbdebug.counterfactual import in_training_mode
from nbdebug.errors import NbdebugError, NotChecked
from nbdebug.findings import Location
from nbdebug.instruments.overfit.attempts import ENOUGH, Task
from nbdebug.instruments.overfit.last_layers import layers_before
from nbdebug.instruments.overfit.predictions import Freed
from nbdebug.instruments.overfit.result import Blocker, Experiment, Trial
from nbdebug.instruments.overfit.search_lowest import by_adam, lowest
from nbdebug.listening import Tape
from nbdebug.seeding import seed_torch
from nbdebug.untouched import untouched

NOT_EVEN = 0.1  # of the way; a linear layer or free numbers that come no further are blocked by what follows them
STEPS = 100  # of Adam, for free numbers in a layer's place
DEEPEST = 6  # layers that are asked, from the loss backwards


class _Linear:
    """The step with a linear layer on the inputs in the place of the whole model; has what `lowest` asks of free numbers."""

    def __init__(self, task: Task, inputs: Tensor, prediction: Tensor) -> None:
        self._task, self._shape, self._dtype = task, prediction.shape, prediction.dtype
        rows = inputs.detach().reshape(task.count, -1).float()
        rows = (rows - rows.mean()) / rows.std().clamp_min(1e-12)
        self._rows = torch.cat([rows, torch.ones(task.count, 1, device=rows.device)], 1)  # (N, F + 1)
        out = prediction[0].numel()
        self.bases = [torch.zeros(self._rows.shape[1], out, device=rows.device).requires_grad_()]

    def loss(self, seed: int | None = 0) -> Tensor:
        seed_torch(seed or 0)
        instead = (self._rows @ self.bases[0]).reshape(self._shape).to(self._dtype)
        handle = self._task.setup.model.register_forward_hook(lambda module, args, output: _with_prediction(output, instead))
        try:
            return self._task.loss()
        finally:
            handle.remove()

    def gradients(self, loss: Tensor) -> list[Tensor]:
        (found,) = torch.autograd.grad(loss, self.bases, allow_unused=True)
        return [torch.zeros_like(self.bases[0]) if found is None else found]


def _with_prediction(output: Any, instead: Tensor) -> Any:
    mine = batches.prediction(output)
    return batches.map_tensors(lambda tensor: instead if tensor is mine else tensor, output)


def linear_head(task: Task) -> tuple[Experiment, Blocker | None] | None:
    """The same loss on a linear layer; None where the samples or the step are not made for one."""
    if task.setup.loss_fn is None or task.setup.batch_loss is not None or task.floor.noisy:
        return None  # the loss is made inside the model, or by a step that may call it in parts
    name = "a linear layer on the inputs in the model's place"
    try:
        with untouched(task.setup):
            in_training_mode(task.setup)
            call = batches.split(task.setup.moved(task.batch), task.setup.model)
            inputs = next(t for _, t in batches.tensors((call.args, call.kwargs)) if t.is_floating_point() and t.shape[:1] == (task.count,))
            prediction = batches.prediction(task.setup.outputs(own_copy(task.batch)))
            if prediction is None or prediction.shape[:1] != (task.count,) or not inputs[0].numel() >= task.count:
                return None
            line = _Linear(task, inputs, prediction)
            start = float(line.loss().detach())
            found = lowest(line)
    except NotChecked:
        found = start
    except (StopIteration, NbdebugError, RuntimeError):
        return None
    way = start - (task.floor.value or 0.0)
    progress = (start - found) / way if way > 0 else 0.0
    experiment = Experiment(name, found, progress >= ENOUGH, 0, "the loss and the targets are in order" if progress >= ENOUGH else "")
    return experiment, _loss_to_blame(task, start, found) if progress < NOT_EVEN else None


def _loss_to_blame(task: Task, start: float, found: float) -> Blocker:
    said = f"a linear layer on the inputs in the model's place does no better, {start:.3g} to {found:.3g}: the loss or the targets block the way"
    return Blocker(said, Location(detail="the loss"), "follow one sample's target into the loss: its values, its dtype, what is detached there")


# -- where it stops ---------------------------------------------------------------------------------------------------


def where_it_stops(task: Task, trial: Trial) -> Trial:
    """Asks layer after layer, from the loss backwards, whether the loss would fall if the layer's outputs were free numbers."""
    reached = None
    for layer, experiment, progress in _freed_one_by_one(task):
        trial = replace(trial, experiments=(*trial.experiments, experiment))
        if progress < NOT_EVEN:
            after = f"in `{reached.module or reached.operator}` or on the way to it" if reached is not None else "between it and the loss"
            said = f"even free numbers in the place of what `{layer.module or layer.operator}` gives leave it at {experiment.lowest:.3g}: it is blocked {after}"
            return replace(trial, blocker=Blocker(said, reached or layer, "look at what happens to the values there, and to their gradient"))
        reached = layer
    return trial


def _freed_one_by_one(task: Task) -> Iterator[tuple[Location, Experiment, float]]:
    with untouched(task.setup):
        in_training_mode(task.setup)
        with Tape(task.setup.model) as tape:
            loss = task.loss()
        start, calls = float(loss.detach()), layers_before(tape, loss)
        for call in calls[::-1][:DEEPEST]:
            free = Freed(task.setup, task.batch, [call], [None])
            try:
                with free:
                    found = by_adam(free, STEPS, fixed=True)
            except (NbdebugError, RuntimeError):
                return
            progress = (start - found) / max(start - (task.floor.value or 0.0), 1e-12)
            name = f"free numbers in the place of what `{call.module or call.operator}` gives"
            if math.isfinite(found):
                yield call.location, Experiment(name, found, progress >= ENOUGH, STEPS), progress
