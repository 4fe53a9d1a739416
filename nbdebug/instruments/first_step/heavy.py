"""Which one parameter makes a loss start far above chance: each is made smaller on a copy, and the loss asked again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from nbdebug.counterfactual import Counterfactual, trainable
from nbdebug.errors import NbdebugError
from nbdebug.instruments.first_step.answers import Heavy
from nbdebug.listening import RESHAPING, Call, Tape
from nbdebug.loss_call import LossCall, raw_loss_calls
from nbdebug.training_setup import TrainingSetup

TENTH = 0.1  # of a matrix; a bias goes to zero
MOST = 24  # parameters that are tried, the largest entries first
UNUSUAL = 5.0  # times as wide as what torch gives a layer of its kind; our choice
LARGE = 10.0  # times, by which predictions are multiplied; our choice: cosines with a temperature of 0.07 by 14, and start near chance all the same
SHARE = 0.8  # of the way down to chance that one of them must go


def heavy(setup: TrainingSetup, batch: Any, call: LossCall, tape: Tape) -> Heavy | None:
    """The parameter that brings the loss nearest to chance, if one does by itself; before it a number that all predictions are multiplied by.

    Where that parameter is of a usual size, those that are not are tried together: what they make arrives in it.
    """
    wanted = SHARE * (call.value - (call.chance or 0.0))
    if (scale := _scale(tape, call)) is not None and scale.before - scale.after >= wanted:
        return scale
    trial, best = Counterfactual(setup, batch), None
    try:
        before = trial.value()
        for name, lighter, factor in _lighter(setup):
            after = trial.value({name: lighter})
            if math.isfinite(after) and (best is None or after < best.after):
                best = Heavy(name, factor, before, after)
        wide = {name: p.detach() / times for name, p in trainable(setup.model) if (times := over_usual(setup.model, name, p)) >= UNUSUAL}
        if wide and (best is None or best.parameter not in wide):
            after = trial.value(wide)
            if before - after >= wanted:
                return Heavy(next(iter(wide)), 1 / over_usual(setup.model, next(iter(wide))), before, after, len(wide) - 1)
    except (NbdebugError, RuntimeError):  # a step that does not bear other weights
        return None
    return best if best is not None and before - best.after >= wanted else None


def over_usual(model: nn.Module, name: str, p: Tensor | None = None) -> float:
    """How many times as wide a weight is as what torch fills such a layer with; 1 where that is not known."""
    owner = dict(model.named_modules()).get(name.rpartition(".")[0])
    p = dict(model.named_parameters())[name] if p is None else p
    if p.ndim < 2 or not isinstance(owner, (nn.Embedding, nn.EmbeddingBag, nn.Linear, _ConvNd)):
        return 1.0
    usual = 1.0 if isinstance(owner, (nn.Embedding, nn.EmbeddingBag)) else 1 / math.sqrt(3 * p[0].numel())
    return float(p.detach().double().square().mean().sqrt()) / usual


def _scale(tape: Tape, call: LossCall) -> Heavy | None:
    """The operation by which logits are multiplied (a temperature), if the loss is near chance without it."""
    raw = next((c for c in raw_loss_calls(tape) if c.name == call.name == "cross_entropy"), None)
    scores = raw.argument(0, "input") if raw is not None else None
    if raw is None or not isinstance(scores, Tensor):
        return None
    maker, factor, place = tape.maker(scores), 1.0, None
    while maker is not None and (maker.name in RESHAPING or (number := _multiplier(maker)) is not None):
        if maker.name not in RESHAPING:
            place = maker if abs(number) >= LARGE else place
            factor *= abs(number)
        maker = tape.before(maker) if maker.parents else None
    if place is None or factor < LARGE:
        return None
    with torch.no_grad():
        after = float(raw_again(raw, scores.detach() / factor))
    return Heavy("", factor, call.value, after, location=place.location)


def raw_again(call: Call, scores: Tensor) -> Tensor:
    """A cross-entropy once more, of other scores."""
    rest = {name: value for name, value in call.kwargs.items() if name != "input"}
    return nn.functional.cross_entropy(scores, *call.args[1:], **rest).mean()


def _multiplier(call: Call) -> float | None:
    """The one number that a call multiplies a tensor by; None where it does something else."""
    name = call.name.strip("_")
    if name == "neg":
        return 1.0
    numbers = [a for a in call.args if isinstance(a, (int, float)) and not isinstance(a, bool)]
    numbers += [float(a) for a in call.args if isinstance(a, Tensor) and a.ndim == 0 and not a.requires_grad]
    tensors = [a for a in call.args if isinstance(a, Tensor) and a.ndim]
    if name not in ("mul", "rmul", "imul", "div", "truediv", "itruediv") or len(numbers) != 1 or len(tensors) != 1 or not numbers[0]:
        return None
    return float(numbers[0]) if "mul" in name else 1 / float(numbers[0])


def _lighter(setup: TrainingSetup) -> Iterator[tuple[str, Tensor, float]]:
    """Matrices and scales at a tenth, biases at zero; the weights of a normalisation are its own affair."""
    named = [(name, p.detach()) for name, p in trainable(setup.model) if p.numel()]
    named = [(name, p) for name, p in named if p.ndim != 1 or name.rpartition(".")[2].startswith("b")]
    for name, p in sorted(named, key=lambda one: -float(one[1].abs().max()))[:MOST]:
        factor = 0.0 if p.ndim == 1 else TENTH
        if bool(p.any()):
            yield name, factor * p, factor
