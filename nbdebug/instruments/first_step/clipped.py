"""Units of a ReLU that nothing can wake: what is given to them is never positive, whatever the weights.

`relu(x.clamp(max=0))`, `relu(-x.relu())` and `relu(log_softmax(x))` are such; a unit that is silent by its weights is not.
"""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor

from nbdebug.instruments.first_step.answers import Clipped
from nbdebug.instruments.first_step.dependence import JITTERS, _quiet
from nbdebug.listening import Call, Tape
from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup

FEWEST = 4  # units; fewer are no layer
MANY = 0.25  # of a layer's units; our choice: by its weights not one unit of a sound layer is silent in all trials


def clipped(setup: TrainingSetup, tape: Tape) -> tuple[Clipped, ...]:
    """The ReLUs of which many units get nothing above 0 in the step, with jittered weights, and with all signs turned."""
    root = tape.root
    if root is None or not root.returned or not any(_silent(call) for call in tape.calls):
        return ()
    seed_torch(0)
    weights = {name: p.detach() for name, p in setup.model.named_parameters() if p.is_floating_point()}
    trials = [weights, *({n: w + size * torch.randn_like(w) for n, w in weights.items()} for size in JITTERS), {n: -w for n, w in weights.items()}]
    tapes = []
    with _quiet(setup.model), contextlib.suppress(Exception):  # a model that does not bear other weights is not judged
        for lent in trials:
            with setup.autocast(), Tape(setup.model) as run:
                torch.func.functional_call(setup.model, lent, root.args, root.kwargs)
            tapes.append(run)
    names = [[call.name for call in run.calls] for run in tapes]
    if len(tapes) < len(trials) or any(one != names[0] for one in names):
        return ()
    found = (_clipped([run.calls[index] for run in tapes]) for index in range(len(names[0])))
    return tuple({str(one.location): one for one in found if one is not None}.values())


def _clipped(calls: list[Call]) -> Clipped | None:
    """Of the same call in every trial."""
    for dim, units in _silent(calls[0]).items():
        for call in calls[1:]:
            units = units & _silent(call).get(dim, torch.zeros_like(units))
        count, total = int(units.sum()), units.numel()
        if count >= MANY * total:
            return Clipped(calls[0].name, count, total, tuple(units.nonzero().flatten()[:5].tolist()), len(calls) - 1, calls[0].location)
    return None


def _silent(call: Call) -> dict[int, Tensor]:
    """For each dimension that may be that of the units: which of them got numbers below 0, and none above."""
    if call.name != "relu" or not call.in_model or not call.given or call.given[0].ndim < 2:
        return {}
    given, found = call.given[0].detach(), {}
    for dim in {1, given.ndim - 1}:
        others = [d for d in range(given.ndim) if d != dim]
        if given.shape[dim] >= FEWEST and given.numel():
            highest, lowest = given.amax(others), given.amin(others)
            units = (highest <= 0) & (lowest < 0) & lowest.isfinite()
            if int(units.sum()) >= MANY * units.numel():
                found[dim] = units
    return found
