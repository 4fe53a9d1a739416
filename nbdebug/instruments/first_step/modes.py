"""The same batch in train and in eval mode: what still acts that should rest, what rests on useless statistics."""

from __future__ import annotations

import contextlib
import time
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nbdebug import loading
from nbdebug.errors import NbdebugError
from nbdebug.instruments.first_step.result import Modes, StatisticsGap
from nbdebug.listening import RESHAPING, Call, Tape, called_parameters, plain_path
from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup

ENOUGH = 16  # values a channel, for a mean and variance to speak of
PASSES = 4  # over which a layer that is dropped at random is looked for; the last is in eval mode, where all are used
BATCHES, SECONDS = 16, 0.5  # in which a layer is looked for that not every batch calls
DROPOUTS = (
    "scaled_dot_product_attention", "multi_head_attention_forward", "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout",
    "feature_alpha_dropout", "feature_dropout",
)  # fmt: skip
PRODUCTS = ("mul", "mul_", "__mul__", "__rmul__", "__imul__", "div", "__truediv__")
SOURCES = ("rand", "rand_like", "bernoulli", "bernoulli_", "uniform_")
COMPARING = frozenset("lt gt le ge __lt__ __gt__ __le__ __ge__ floor floor_ bool add add_ __add__ __radd__ sub __sub__ __rsub__ rsub div div_ __truediv__ __itruediv__ mul mul_ __mul__ __rmul__".split())


def modes(setup: TrainingSetup, batch: Any, tape: Tape) -> Modes:
    """Forward of one batch in train mode (the user's own) and in eval mode, twice with different random states."""
    if tape.root is None:
        return Modes("the step never calls the model itself, only parts of it")
    statistics = _statistics(setup, tape)
    train = _pass(setup, batch, seed=0)[1]
    saved = {module: module.training for module in setup.model.modules()}
    setup.model.eval()
    try:
        (first, loss), (second, _) = _pass(setup, batch, seed=0), _pass(setup, batch, seed=1)
    except NbdebugError as error:
        return Modes(f"the step raises in eval mode: {error}", train_loss=train, statistics=statistics)
    finally:
        for module, training in saved.items():
            module.training = training
    random = _first_random(first, second)
    return Modes("", train, loss, random.location if random else None, random.name if random else "", statistics)


def used_at_times(setup: TrainingSetup, batch: Any) -> set[str]:
    """Names of the parameters that some of a few passes use, in eval mode and in train mode with other random states."""
    saved = {module: module.training for module in setup.model.modules()}
    names = {id(p): plain_path(name) for name, p in setup.model.named_parameters()}
    used: set[str] = set()
    try:
        for seed in range(PASSES):
            if seed == PASSES - 1:
                setup.model.eval()
            with contextlib.suppress(NbdebugError):
                used |= {names[id(p)] for p in called_parameters(_pass(setup, batch, seed=seed)[0]) if id(p) in names}
    finally:
        for module, training in saved.items():
            module.training = training
    return used


def used_by_others(setup: TrainingSetup, idle: set[str]) -> set[str]:
    """Those of these parameters that steps on further batches use, as experts do to which a gate sent nothing yet; until all are known, or time is up."""
    names = {id(p): plain_path(name) for name, p in setup.model.named_parameters()}
    used: set[str] = set()
    until = time.perf_counter() + SECONDS
    with contextlib.suppress(NbdebugError, RuntimeError):
        for seed, delivered in enumerate(islice(loading.read(setup.train_loader), BATCHES)):
            used |= {names[id(p)] for p in called_parameters(_pass(setup, setup.moved(delivered.batch), seed=seed)[0]) if id(p) in names}
            if idle <= used or time.perf_counter() > until:
                break
    return used & idle


def _pass(setup: TrainingSetup, batch: Any, *, seed: int) -> tuple[Tape, float]:
    seed_torch(seed)
    with torch.no_grad(), Tape(setup.model) as tape:
        loss = setup.loss(batch)
    return tape, float(loss)


def _first_random(first: Tape, second: Tape) -> Call | None:
    """The first dropout whose output changes with the random state although the model is in eval mode."""
    if [call.name for call in first.calls] != [call.name for call in second.calls]:
        return None
    for one, other in zip(first.calls, second.calls, strict=True):
        if one.in_model and one.name in DROPOUTS and not _equal(one.outputs(), other.outputs()) and _equal(one.inputs(), other.inputs()):
            return one
        if one.in_model and one.name in PRODUCTS and _drops_by_hand(first, one, other):
            return one
    return None


def _drops_by_hand(tape: Tape, one: Call, other: Call) -> bool:
    """Whether hidden values are multiplied by zeros and ones that were thrown for it: a dropout, or a dropped path, of the user's own."""
    masks = [t for t, again in zip(one.inputs(), other.inputs(), strict=False) if not _equal([t], [again]) and _is_thrown(tape, t)]
    kept = [t for t, again in zip(one.inputs(), other.inputs(), strict=False) if _equal([t], [again]) and t.ndim > 1]
    return len(masks) == 1 and len(kept) == 1 and _is_learnt(tape, kept[0])


def _is_thrown(tape: Tape, mask: Tensor) -> bool:
    """Whether a tensor of zeros and one other number comes from a random source and comparisons with what is not learnt: a sampled gate is none."""
    values = mask.unique()
    if len(values) != 2 or float(values[0]) != 0.0:
        return False
    call = tape.maker(mask)
    while call is not None and call.name not in SOURCES:
        if (call.name not in COMPARING and call.name not in RESHAPING) or any(_is_learnt(tape, t) for t in call.inputs()[1:]):
            return False
        call = tape.before(call)
    return call is not None and not (call.name.startswith("bernoulli") and any(_is_learnt(tape, t) for t in call.inputs()))


def _is_learnt(tape: Tape, tensor: Tensor) -> bool:
    return any(isinstance(t, nn.Parameter) for index in tape.ancestors(tensor) for t in tape.calls[index].inputs())


def _equal(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(torch.equal(a, b) or _equal_but_for_nan(a, b) for a, b in zip(left, right, strict=True))


def _equal_but_for_nan(left: Tensor, right: Tensor) -> bool:
    """A NaN is unlike itself, and no dropout."""
    return left.shape == right.shape and left.is_floating_point() and bool(((left == right) | (left.isnan() & right.isnan())).all())


def _statistics(setup: TrainingSetup, tape: Tape) -> tuple[StatisticsGap, ...]:
    """How far running statistics lie from those of the batch that the layer just saw."""
    gaps = []
    for call in tape.modules:
        module = call.module
        if isinstance(module, _BatchNorm) and call.path is not None and call.args and _is_used(module) and _is_enough(call.args[0]):
            with contextlib.suppress(RuntimeError):
                gaps.append(_gap(module, call.path, call.args[0].detach()))
    return tuple(gaps)


def _is_used(module: nn.Module) -> bool:
    return module.running_mean is not None and module.num_batches_tracked is not None and int(module.num_batches_tracked) > 1


def _is_enough(inputs: Tensor) -> bool:
    return inputs.ndim > 1 and inputs.numel() >= ENOUGH * inputs.shape[1]


def _gap(module: Any, path: str, inputs: Tensor) -> StatisticsGap:
    dims = [d for d in range(inputs.ndim) if d != 1]
    mean, variance = inputs.double().mean(dims), inputs.double().var(dims, unbiased=False)
    shift = (module.running_mean.double() - mean).abs() / (variance + module.eps).sqrt()
    ratio = (module.running_var.double() + module.eps) / (variance + module.eps)
    ratio = torch.maximum(ratio, 1 / ratio)
    middle = mean.numel() // 2  # a unit that is silent in this batch, and only in it, is no news: the middle one is asked
    shift, ratio = shift.sort().values[middle], ratio.sort().values[middle]
    return StatisticsGap(plain_path(path), int(module.num_batches_tracked), float(shift), float(ratio))
