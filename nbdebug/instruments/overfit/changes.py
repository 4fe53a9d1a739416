"""The changes that are tried one at a time where a few samples cannot be memorised: the first that helps alone is the blocker."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nbdebug.findings import Location
from nbdebug.instruments.overfit.altered import Calls, its_input
from nbdebug.instruments.overfit.attempts import Task, dropouts, unmasked
from nbdebug.instruments.overfit.initialisation import initialised, unlike_first
from nbdebug.instruments.overfit.scene import SUSPECTS, Operation, Scene
from nbdebug.listening import module_paths
from nbdebug.seeding import seed_torch
from nbdebug.stepping import owned

LEFT_OUT = 12  # operations that are left out one by one
LAYERS = (1, 2, 4)  # last ones that are trained alone

Loss = Callable[[], Tensor]


@dataclass(frozen=True)
class Change:
    """One thing changed on the borrowed setup; `apply` makes it and gives the loss to train on."""

    name: str  # "dropout switched off"
    apply: Callable[[Task], Loss]
    location: Location = Location()
    advice: str = ""
    names: frozenset[str] | None = None  # of the parameters to train; None: those that the optimizers own
    narrower: tuple[Change, ...] = ()  # to be tried when this one helps: the first that does too is named in its place


def changes(task: Task, scene: Scene) -> Iterator[Change]:
    """All of them, what is likeliest and says most first."""
    yield from _dropout(task, scene)
    yield from _draws(scene)
    yield from _batch_norm(task)
    yield from _frozen(task)
    yield from _gradients(scene)
    suspects = [operation for operation in scene.skippable if operation.name in SUSPECTS]
    yield from map(_left_out, suspects[:LEFT_OUT])
    yield from _initialisation(task)
    yield from (_left_out(operation) for operation in scene.skippable[:LEFT_OUT] if operation not in suspects)
    yield from _last_layers(task, scene)


def _dropout(task: Task, scene: Scene) -> Iterator[Change]:
    masks, paths = [m for m in dropouts(task.setup) if m.p > 0], module_paths(task.setup.model)
    passed_on = [m for m in task.setup.model.modules() if isinstance(m, nn.RNNBase) and m.dropout > 0]
    if not masks and not scene.masks and not passed_on:
        return
    place = scene.masks[0].location if scene.masks else Location(module=paths[id(passed_on[0])] if passed_on else "")
    worst = ""
    if masks:
        heaviest = max(masks, key=lambda m: m.p)
        path = paths[id(heaviest)]
        place = next((op.location for op in scene.masks if op.location.module == path), Location(module=path))
        worst = f" of p={heaviest.p:g}"
    yield Change("dropout switched off", unmasked, place, f"a dropout{worst} lets too little through: lower it")


def _draws(scene: Scene) -> Iterator[Change]:
    if scene.random:
        first = scene.random[0]
        advice = "what is drawn in the step drowns the samples: draw less, or weaker augmentation and noise"
        yield Change("the same random numbers at every step", _same_draws, first.location, advice)


def _same_draws(task: Task) -> Loss:
    def loss() -> Tensor:
        seed_torch(0)
        random.seed(0)
        np.random.seed(0)
        return task.loss()

    return loss


def _batch_norm(task: Task) -> Iterator[Change]:
    norms = [m for m in task.setup.model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    if not norms:
        return

    def apply(task: Task) -> Loss:
        for norm in norms:
            norm.eval()
        return task.loss

    place = Location(module=module_paths(task.setup.model)[id(norms[0])])
    advice = "batch statistics of so few samples block the way: larger batches, GroupNorm, LayerNorm"
    yield Change("batch-norm in eval mode", apply, place, advice)


def _frozen(task: Task) -> Iterator[Change]:
    mine = {id(p) for p in owned(task.setup)}
    every = {n: p for n, p in task.setup.model.named_parameters() if p.is_floating_point()}
    left = [name for name, p in every.items() if id(p) not in mine]
    if not left:
        return

    def apply(task: Task) -> Loss:
        for parameter in every.values():
            parameter.requires_grad_(True)
        return task.loss

    said = f"`{left[0]}`" + (f" and {len(left) - 1} other parameters" if len(left) > 1 else "")
    advice = "what is left to train cannot do it alone: unfreeze more, or pass all of it to the optimizer"
    yield Change(f"{said} trained as well", apply, Location(parameter=left[0]), advice, frozenset(every))


def _gradients(scene: Scene) -> Iterator[Change]:
    if scene.ungraded:
        first = scene.ungraded[0]
        advice = "compute what is to be trained outside of torch.no_grad()"
        yield Change("gradients kept inside no_grad", _graded, first.location, advice)


def _graded(task: Task) -> Loss:
    def loss() -> Tensor:
        with _Graded():
            return task.loss()

    return loss


class _Graded(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        with torch.enable_grad():
            return func(*args, **(kwargs or {}))


def _left_out(operation: Operation) -> Change:
    def apply(task: Task) -> Loss:
        def loss() -> Tensor:
            with Calls({operation.index: (operation.name, its_input)}):
                return task.loss()

        return loss

    advice = f"does {operation.said} belong there? no gradient, or next to none, gets past it"
    return Change(f"{operation.said} left out", apply, operation.location, advice)


def _initialisation(task: Task) -> Iterator[Change]:
    model = task.setup.model

    def change(module: nn.Module, path: str) -> Change:
        name = f"`{path}` initialised anew" if path else "all weights initialised anew"
        advice = "the weights as they are block the way: look at how they were initialised or loaded"
        return Change(name, lambda t: initialised(t, module), Location(module=path), advice)

    alone = tuple(change(module, path) for path, module in unlike_first(model))
    whole = change(model, "")
    yield Change(whole.name, whole.apply, whole.location, whole.advice, narrower=alone)


def _last_layers(task: Task, scene: Scene) -> Iterator[Change]:
    modules = list(dict.fromkeys(op.location.module for op in scene.layers if op.location.module))
    paths = {path: module for path, module in ((p, dict(task.setup.model.named_modules()).get(p)) for p in modules) if module is not None}
    for count in LAYERS:
        if count >= len(paths):
            return
        last = list(paths)[-count:]
        names = frozenset(f"{path}.{n}" if path else n for path in last for n, _ in paths[path].named_parameters(recurse=False))
        said = f"only `{last[0]}` trained" if count == 1 else f"only the last {count} layers trained, from `{last[0]}` on"
        advice = "the updates of the layers before it do harm: a smaller learning rate for them, another initialisation, normalisation"
        yield Change(said, lambda t: t.loss, Location(module=list(paths)[-count - 1]), advice, names)
