"""What an output depends on, found by perturbing inputs: other samples of its batch, or nothing at all.

A sample is exchanged for another one of the same batch, so that every input stays a legal one (token ids, masks).
All runs are in eval mode with the same random state: batch-norm and dropout do not count.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.findings import Location
from nbdebug.instruments.first_step.result import Dependence
from nbdebug.listening import Call, Tape
from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup

FEW = (5, 7, 3, 4, 2)  # samples tried, odd ones first: they seldom equal another dimension by accident
JITTERS = (0.1, 1.0)  # of the weights: a head may start at zero, outputs may be rounded on purpose
ROUNDS = 0.05  # of the own move; a step of a quantiser with 8 bits is far less; our choice
MIXES_BY_DESIGN = ("batch_norm", "instance_norm", "std", "var")  # statistics of the batch, also in eval mode


@dataclass(frozen=True)
class Trial:
    """The model's call, cut down to a few samples."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    count: int


def dependence(setup: TrainingSetup, tape: Tape, samples: int | None) -> Dependence:
    """Perturbs the inputs of the model call on the tape.

    Args:
        tape: holds the call of the model.
        samples: how many samples the batch has, where that is known from dataset indices.
    """
    root = tape.root
    if root is None or not root.returned:
        return Dependence(not_checked="the step never calls the model itself, only parts of it")
    dims = _sample_dims(setup.model, root.args, root.kwargs, samples)
    if isinstance(dims, str):
        return Dependence(not_checked=dims)
    with _quiet(setup.model):
        found = [_along_dim(setup, root.args, root.kwargs, dim) for dim in dims]
    clean = next((one for one in found if one.leak == 0), found[0])  # of two that fit, the one that does not mix
    related = _related(root.args, root.kwargs, dims[0][1], guessed=samples is None)
    return replace(clean, not_checked=related, leak=None) if clean.leak and related else clean


def _along_dim(setup: TrainingSetup, args: Any, kwargs: Any, dim: tuple[int, int]) -> Dependence:
    for trial in _trials(args, kwargs, dim):
        with contextlib.suppress(Exception):  # a model may insist on its batch size: try the next one
            return _examine(setup, trial, dim)
    return Dependence(not_checked="the model does not take a part of its batch")


def _examine(setup: TrainingSetup, trial: Trial, dim: tuple[int, int]) -> Dependence:
    first, plain = _run(setup, trial)
    if plain is None or not plain.is_floating_point():
        return Dependence(not_checked="the model returns no tensor that could be compared")
    again = _run(setup, trial)[1]
    if not _same(plain, again):
        return Dependence(not_checked="the model gives two answers to the same input in eval mode")
    unused = tuple(path for path, tensor in _unread(first, trial) if _idle(setup, trial, dim, plain, tensor))
    exchanged = _run(setup, _rolled(trial, dim))
    ignored = _ignores(setup, trial, dim, plain, exchanged[1])
    ignored_at = _where_equal(first, exchanged[0], plain) if ignored else Location()
    ignored_at = _first_layer(first, plain) if ignored and ignored_at == Location() else ignored_at
    before = plain
    leak, first, swapped, plain = _mixing(setup, trial, dim, first, plain)
    if leak and not _same(before, _run(setup, trial)[1]):
        return Dependence("the model remembers its last call: the same input gives another answer after another one", samples=trial.count, unused_inputs=unused)
    if leak is None:
        return Dependence("the output has no dimension of one entry a sample", samples=trial.count, ignored=ignored, unused_inputs=unused)
    begins = _where_mixed(first, swapped, plain, trial.count) if leak > 0 else None
    if begins is not None and begins.name in MIXES_BY_DESIGN:
        return Dependence(f"{begins.name} takes statistics of its batch by design", samples=trial.count, unused_inputs=unused)
    return Dependence(
        samples=trial.count,
        leak=leak,
        operator=begins.name if begins else "",
        location=begins.location if begins else Location(),
        ignored=ignored,
        ignored_at=ignored_at,
        unused_inputs=unused,
    )


def _mixing(setup: TrainingSetup, trial: Trial, dim: tuple[int, int], first: Tape, plain: Tensor) -> tuple[float | None, Tape, Tape, Tensor]:
    """The leak of an exchange, the runs before and after it, and the outputs before.

    Sample 0 is exchanged, then whichever holds the largest or the smallest input: a maximum over the batch notices no other.
    A quantiser with one range for all moves others by a rounding step, which is none.
    """
    swapped, other = _run(setup, _swapped(trial, dim))
    leak = _leak(plain, other, trial.count)
    for led in _led_by_extremes(trial, dim) if leak == 0 else ():
        (one, values), (two, others) = _run(setup, led), _run(setup, _swapped(led, dim))
        further = _leak(values, others, trial.count) if values is not None else None
        if values is not None and further and further > ROUNDS:
            return further, one, two, values
    return leak, first, swapped, plain


def _led_by_extremes(trial: Trial, dim: tuple[int, int]) -> Iterator[Trial]:
    """The samples turned until the one with the largest input comes first, and until that with the smallest does."""
    for _, tensor in batches.tensors((trial.args, trial.kwargs)):
        along = _along(tensor, dim[0], trial.count)
        if along is not None and tensor.is_floating_point() and tensor.numel():
            rows = tensor.movedim(along, 0).flatten(1) if tensor.ndim > 1 else tensor[:, None]
            for place in {int(rows.amax(1).argmax()), int(rows.amin(1).argmin())} - {0}:
                yield _changed(trial, dim, lambda t, d, by=place: t.roll(-by, d))
            return


# -- which dimension holds the samples -------------------------------------------------------------------------


def _sample_dims(model: nn.Module, args: Any, kwargs: Any, samples: int | None) -> list[tuple[int, int]] | str:
    """(dimension, number of samples) for each that may be meant, or why it is not known."""
    shapes = [t.shape for _, t in batches.tensors((args, kwargs)) if t.ndim]
    if not shapes:
        return "the model is not given a tensor"
    if samples is not None:
        fitting = [(dim, samples) for dim in (0, 1) if len(shapes[0]) > dim and shapes[0][dim] == samples]
        if fitting:
            return fitting if samples > 1 else "a batch of one sample"
        return f"no leading dimension of the input {tuple(shapes[0])} has the {samples} samples of the batch"
    if any(getattr(module, "batch_first", True) is False for module in model.modules()):
        return "it is not known whether the first dimension is time or samples (batch_first=False)"
    count = Counter(shape[0] for shape in shapes).most_common(1)[0][0]
    return [(0, count)] if count > 1 else "a batch of one sample"


def _related(args: Any, kwargs: Any, count: int, *, guessed: bool) -> str:
    """Why rows of the inputs may be meant to act on each other; "" when they are samples on their own."""
    given = [t for _, t in batches.tensors((args, kwargs))]
    if any(t.ndim == 2 and t.shape[0] == t.shape[1] == count for t in given[1:]):
        return "an input says how every sample relates to every other"
    if any(_is_edges(t, count) for t in given[1:]):
        return "an input lists pairs of samples, as the edges of a graph"
    if guessed and all(t.ndim <= 2 for t in given):
        return "the loader does not tell whether rows are samples, time steps or nodes"
    return ""


def _is_edges(tensor: Tensor, count: int) -> bool:
    if tensor.ndim != 2 or 2 not in tensor.shape or tensor.is_floating_point() or tensor.is_complex() or not tensor.numel():
        return False
    return count not in tensor.shape and int(tensor.min()) >= 0 and int(tensor.max()) < count


def _trials(args: Any, kwargs: Any, dim: tuple[int, int]) -> Iterator[Trial]:
    """First a few samples, then the whole batch."""
    where, total = dim
    sizes = {size for _, t in batches.tensors((args, kwargs)) for size in t.shape[where + 1 :]}
    few = next((n for n in FEW if n < total and n not in sizes), None)
    for count in (few, total):
        if count is not None:
            taken = batches.map_tensors(lambda t, n=count: _narrow(t, where, total, n), (args, kwargs))
            yield Trial(taken[0], taken[1], count)


def _narrow(tensor: Tensor, dim: int, total: int, count: int) -> Tensor:
    along = _along(tensor, dim, total)
    tensor = tensor.detach()
    return tensor if along is None else tensor.narrow(along, 0, count).clone()


def _along(tensor: Tensor, dim: int, total: int) -> int | None:
    """The dimension in which this tensor holds the samples; None when it has none (a shared mask)."""
    for candidate in (dim, 0, 1):
        if tensor.ndim > candidate and tensor.shape[candidate] == total:
            return candidate
    return None


# -- running it ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _quiet(model: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients; the modes come back with the borrowed setup, and here for what follows.

    So do the parameters: `functional_call` leaves what it was lent in a module that has several names.
    """
    modes = {module: module.training for module in model.modules()}
    parameters = {module: dict(module._parameters) for module in modes}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
            module._parameters.update(parameters[module])


def _run(setup: TrainingSetup, trial: Trial, weights: dict[str, Tensor] | None = None) -> tuple[Tape, Tensor | None]:
    seed_torch(0)
    with setup.autocast(), Tape(setup.model) as tape:
        if weights is None:
            outputs = setup.model(*trial.args, **trial.kwargs)
        else:
            outputs = torch.func.functional_call(setup.model, weights, trial.args, trial.kwargs)
    return tape, batches.prediction(outputs)


def _swapped(trial: Trial, dim: tuple[int, int]) -> Trial:
    """Sample 0 becomes a copy of the last one."""
    return _changed(trial, dim, lambda t, d: torch.cat([t.narrow(d, trial.count - 1, 1), t.narrow(d, 1, trial.count - 1)], d))


def _rolled(trial: Trial, dim: tuple[int, int], only: Tensor | None = None) -> Trial:
    """Every sample becomes its neighbour, in all inputs or in a single one."""
    return _changed(trial, dim, lambda t, d: t.roll(1, d) if only is None or t is only else t)


def _changed(trial: Trial, dim: tuple[int, int], change: Any) -> Trial:
    def one(tensor: Tensor) -> Tensor:
        along = _along(tensor, dim[0], trial.count)
        return tensor if along is None else change(tensor, along)

    args, kwargs = batches.map_tensors(one, (trial.args, trial.kwargs))
    return Trial(args, kwargs, trial.count)


# -- judging two runs ------------------------------------------------------------------------------------------


def _differs(left: Tensor, right: Tensor) -> Tensor:
    """Where two tensors differ by more than rounding, as a mask of their shape."""
    if left.shape != right.shape:
        return torch.ones((), dtype=torch.bool)
    if not left.is_floating_point():
        return left != right
    rounding = 2e-2 if left.dtype in (torch.float16, torch.bfloat16) else 1e-5
    left, right = left.double(), right.double()
    scale = torch.where(left.isfinite(), left.abs(), torch.zeros_like(left)).amax() if left.numel() else 0
    unequal = (left - right).abs() > rounding * scale
    return unequal | (left.isfinite() != right.isfinite()) | (left.isnan() != right.isnan())


def _same(left: Tensor | None, right: Tensor | None) -> bool:
    return left is not None and right is not None and not bool(_differs(left, right).any())


def _confined(changed: Tensor, count: int) -> bool:
    """Whether all changes lie with sample 0, for some dimension that holds the samples (or blocks of them)."""
    if not bool(changed.any()):
        return True
    square = [d for d in range(changed.ndim) if changed.shape[d] == count]
    if len(square) >= 2:  # every sample against every other, as in a contrastive loss
        outside = changed
        for d in square:
            outside = outside.narrow(d, 1, count - 1)
        if not bool(outside.any()):
            return True
    for d in range(changed.ndim):
        size = changed.shape[d]
        if size and size % count == 0:
            blocks = changed.movedim(d, 0).reshape(count, size // count, -1)  # samples outermost
            strides = changed.movedim(d, 0).reshape(size // count, count, -1)  # samples innermost
            if not bool(blocks[1:].any()) or not bool(strides[:, 1:].any()):
                return True
    return False


def _leak(plain: Tensor, other: Tensor | None, count: int) -> float | None:
    """How much the other samples' outputs moved, as a share of the largest move; None when they cannot be told apart."""
    if other is None or plain.shape != other.shape or not any(s % count == 0 and s for s in plain.shape):
        return None
    changed = _differs(plain, other)
    if _confined(changed, count):
        return 0.0
    move = (plain.double() - other.double()).abs().nan_to_num()
    along = next(d for d in range(plain.ndim) if plain.shape[d] and plain.shape[d] % count == 0)
    others = move.movedim(along, 0).reshape(count, -1)[1:]
    return float(others.max() / move.max().clamp_min(1e-30))


def _where_mixed(first: Tape, second: Tape, output: Tensor, count: int) -> Call | None:
    """The first call on the way to the output that carries a change from sample 0 over to others."""
    if [call.name for call in first.calls] != [call.name for call in second.calls]:
        return None
    on_the_way = first.ancestors(output)
    mixed: set[int] = set()
    for before, after in zip(first.calls, second.calls, strict=True):
        pairs = zip(before.outputs(), after.outputs(), strict=False)
        if all(_confined(_differs(left, right), count) for left, right in pairs if left.numel()):
            continue
        mixed.add(before.index)
        if before.index in on_the_way and not mixed.intersection(before.parents):
            return before
    return None


def _ignores(setup: TrainingSetup, trial: Trial, dim: tuple[int, int], plain: Tensor, exchanged: Tensor | None) -> bool:
    """Whether no exchange of inputs moves the output, and that not only because some weights are still zero."""
    inputs = [t for _, t in batches.tensors((trial.args, trial.kwargs))]
    moved = [t for _, t in batches.tensors((_rolled(trial, dim).args, _rolled(trial, dim).kwargs))]
    if all(torch.equal(left, right) for left, right in zip(inputs, moved, strict=True)):
        return False  # all samples are the same: nothing was exchanged
    if exchanged is None or not torch.equal(plain, exchanged):  # exactly: a deep sigmoid may squash, not ignore
        return False
    return all(_same_with_others(setup, trial, dim, size) for size in JITTERS)


def _same_with_others(setup: TrainingSetup, trial: Trial, dim: tuple[int, int], size: float) -> bool:
    generator = torch.Generator().manual_seed(0)
    jittered = {
        name: p.detach() + size * torch.randn(p.shape, generator=generator).to(p)
        for name, p in setup.model.named_parameters()
        if p.is_floating_point()
    }
    one, other = _run(setup, trial, jittered)[1], _run(setup, _rolled(trial, dim), jittered)[1]
    return one is not None and other is not None and torch.equal(one, other)


def _where_equal(first: Tape, second: Tape, output: Tensor) -> Location:
    """The last call on the way to the output whose inputs still differed between two runs and whose output did not."""
    if [call.name for call in first.calls] != [call.name for call in second.calls]:
        return Location()
    place = Location()
    for index in sorted(first.ancestors(output)):
        before, after = first.calls[index], second.calls[index]
        if _any_differs(before.inputs(), after.inputs()) and not _any_differs(before.outputs(), after.outputs()):
            place = before.location
    return place


def _first_layer(tape: Tape, output: Tensor) -> Location:
    """Where nothing of the input is on the way to the output: the first layer there, which was given something else."""
    calls = (tape.calls[index] for index in sorted(tape.ancestors(output)))
    return next((call.location for call in calls if any(isinstance(t, nn.Parameter) for t in call.inputs())), Location())


def _any_differs(left: list[Tensor], right: list[Tensor]) -> bool:
    return any(bool(_differs(a, b).any()) for a, b in zip(left, right, strict=False))


def _unread(tape: Tape, trial: Trial) -> Iterator[tuple[str, Tensor]]:
    """Inputs that no torch function on the tape ever took."""
    read = {id(tensor) for call in tape.calls for tensor in call.inputs()}
    for path, tensor in batches.tensors((trial.args, trial.kwargs)):
        if id(tensor) not in read:
            yield path, tensor


def _idle(setup: TrainingSetup, trial: Trial, dim: tuple[int, int], plain: Tensor, tensor: Tensor) -> bool:
    """Whether exchanging this input leaves the output: TorchScript and threads read without being heard."""
    return _same(plain, _run(setup, _rolled(trial, dim, only=tensor))[1])
