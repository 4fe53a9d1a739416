"""Whether attention that has no positions is asked about an order on which the answer hangs.

Attention treats its entries as a set. Where the entries of every sequence (or the patches of every picture) are put in another order and no output moves, the
targets are asked: does a learner of another kind know more of them from the sequences as they are than from what is left of them without their order?
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug import loading
from nbdebug.instruments.first_step.answers import Unordered
from nbdebug.instruments.first_step.dependence import (
    JITTERS,
    Trial,
    _along,
    _changed,
    _differs,
    _quiet,
    _rolled,
    _sample_dims,
    _trials,
)
from nbdebug.instruments.first_step.order_tells import told
from nbdebug.instruments.first_step.positions import SHORTEST, _heard
from nbdebug.listening import Call, Tape
from nbdebug.training_setup import TrainingSetup

SAMPLES, BATCHES, FEWEST = 400, 64, 100  # read for the learner; one inverse of 400 rows takes some 8 ms
MOST_TARGETS = 50  # classes, or columns
LARGEST = 3e7  # numbers of all sequences together


def unordered(setup: TrainingSetup, tape: Tape, samples: int | None) -> Unordered | None:
    """None unless attention is blind to an order that tells more of the targets than the entries alone."""
    root = tape.root
    attention = _attention(tape) if root is not None and root.returned else None
    if root is None or attention is None:
        return None
    dims = _sample_dims(setup.model, root.args, root.kwargs, samples)
    if isinstance(dims, str) or len(dims) > 1:
        return None
    call, length = attention
    with _quiet(setup.model):
        for trial in _trials(root.args, root.kwargs, dims[0]):
            with contextlib.suppress(Exception):  # a model may insist on its batch size: try the next one
                count, picture = _blind(setup, trial, dims[0], length)
                if not count:
                    return None
                inputs, targets = _gathered(setup, count)
                shares = told(_entries(inputs, count, picture), targets) if inputs is not None and targets is not None else None
                return Unordered(count, picture, len(targets), *shares, call.location) if shares is not None else None  # type: ignore[arg-type]
    return None


def _attention(tape: Tape) -> tuple[Call, int] | None:
    """The first self-attention within the model, and how many entries it sees."""
    for call in tape.calls:
        if not call.in_model or not call.given:
            continue
        shapes = [tuple(t.shape) for t in call.given]
        if call.name == "scaled_dot_product_attention" and shapes[0][-2] == shapes[1][-2] >= SHORTEST:
            return call, shapes[0][-2]
        if call.name == "multi_head_attention_forward" and shapes[0][0] == shapes[1][0] >= SHORTEST:
            return call, shapes[0][0]
        if call.name == "softmax" and len(shapes[0]) >= 3 and shapes[0][-1] == shapes[0][-2] >= SHORTEST:
            return call, shapes[0][-1]
    return None


def _blind(setup: TrainingSetup, trial: Trial, dim: tuple[int, int], length: int) -> tuple[int, bool]:
    """How many entries may be put in any order, and whether they are the patches of a picture; 0 when none may."""
    given = next((t for _, t in batches.tensors((trial.args, trial.kwargs)) if _along(t, dim[0], trial.count) == dim[0] and t.ndim > 1), None)
    if given is None or dim[0] != 0:
        return 0, False
    for count in (length, length - 1):  # one more for a token of the class
        picture = given.ndim == 4 and _side(given, count) > 0
        if (picture or _time(given, count)) and all(_is_same(setup, trial, dim, _shuffled(trial, dim, count, picture, keep), count) for keep in (0, 1)[-1 if given.dtype == torch.long else 0 :]):
            return count, picture
    return 0, False


def _time(given: Tensor, count: int) -> int:
    """The dimension of the entries; 0 for none."""
    return next((d for d in range(1, min(given.ndim, 3)) if given.shape[d] == count), 0)


def _side(given: Tensor, count: int) -> int:
    """Of the square patches, so many of which make a picture (N, C, H, W); 0 when it does not come out even."""
    height, width = given.shape[-2:]
    side = round((height * width / count) ** 0.5)
    return side if side and height % side == width % side == 0 and (height // side) * (width // side) == count else 0


def _shuffled(trial: Trial, dim: tuple[int, int], count: int, picture: bool, keep: int) -> Trial:
    """The entries of every sample in one other order; the first `keep` stay."""
    order = torch.cat([torch.arange(keep), keep + torch.randperm(count - keep, generator=torch.Generator().manual_seed(0))])

    def change(tensor: Tensor, along: int) -> Tensor:
        if picture:
            return _together(_patches(tensor, count)[:, order], tensor) if tensor.ndim == 4 and _side(tensor, count) else tensor
        time = _time(tensor, count) if tensor.ndim > 1 else 0
        return tensor.index_select(time, order.to(tensor.device)) if time and along == 0 else tensor

    return _changed(trial, dim, change)


def _patches(pictures: Tensor, count: int) -> Tensor:
    """(N, C, H, W) as (N, count, C · side · side)."""
    side = _side(pictures, count)
    return nn.functional.unfold(pictures.double(), side, stride=side).mT


def _together(patches: Tensor, like: Tensor) -> Tensor:
    side = _side(like, patches.shape[1])
    return nn.functional.fold(patches.mT, like.shape[-2:], side, stride=side).to(like.dtype)


def _is_same(setup: TrainingSetup, trial: Trial, dim: tuple[int, int], other: Trial, count: int) -> bool:
    """Whether no output moves in another order of the entries, whatever the weights, although it moves with the samples."""
    for size in (0.0, *JITTERS):
        plain, turned, rolled = (_heard(setup, one, size)[1] for one in (trial, other, _rolled(trial, dim)))
        if not plain or any(bool(_differs(a, b).any()) for a, b in zip(plain, turned, strict=True)):
            return False
        if not any(bool(_differs(a, b).any()) for a, b in zip(plain, rolled, strict=True)):
            return False
    return True


# -- what the order tells -----------------------------------------------------------------------------------------


class _Enough(Exception):  # noqa: N818
    """The model was called, and what it was given is known."""


def _gathered(setup: TrainingSetup, count: int) -> tuple[Tensor | None, Tensor | None]:
    """What the model is given first, (N, ...), and the target of each sample, (N,) or (N, K)."""
    inputs: list[Tensor] = []
    targets: list[Tensor] = []
    for delivered in loading.read(setup.train_loader):
        batch = setup.moved(delivered.batch)
        held = _first_input(setup, batch)
        target = _target(batch, held) if held is not None else None
        if held is None or target is None or (inputs and held.shape[1:] != inputs[0].shape[1:]):
            break
        inputs.append(held.detach().cpu())
        targets.append(target.detach().cpu().double().reshape(len(target), -1))
        if sum(map(len, inputs)) >= SAMPLES or len(inputs) >= BATCHES or sum(t.numel() for t in inputs) > LARGEST:
            break
    if sum(map(len, inputs)) < FEWEST:
        return None, None
    labels = torch.cat(targets)[:SAMPLES]
    if labels.shape[1] == 1 and bool((labels == labels.round()).all()) and 2 <= len(labels.unique()) <= MOST_TARGETS:
        labels = (labels == labels.unique()).double()
    return torch.cat(inputs)[:SAMPLES], labels


def _first_input(setup: TrainingSetup, batch: Any) -> Tensor | None:
    seen: list[Tensor] = []

    def stop(_: nn.Module, args: Any, kwargs: Any) -> None:
        seen.extend(t for _, t in batches.tensors((args, kwargs)) if t.ndim > 1)
        raise _Enough

    hook = setup.model.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        with contextlib.suppress(Exception):
            setup.loss(batch)
    finally:
        hook.remove()
    return seen[0] if seen else None


def _target(batch: Any, given: Tensor) -> Tensor | None:
    """The last tensor of the batch with a number or a few for each sample, that is not what the model is given."""
    held = [t for _, t in batches.tensors(batch) if t.ndim and len(t) == len(given) and t.numel() <= MOST_TARGETS * len(t) and t.ndim < 3]
    held = [t for t in held if t is not given and (t.shape != given.shape or not torch.equal(t, given)) and t.dtype != torch.bool]
    return held[-1] if held else None


def _entries(inputs: Tensor, count: int, picture: bool) -> Tensor:
    """(N, count, D): every entry on its own, standardised; token ids as directions that are drawn for them."""
    if picture:
        entries = _patches(inputs, count)
    elif not inputs.is_floating_point():
        known = inputs.unique()
        drawn = torch.randn(len(known), 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 8
        return drawn[torch.searchsorted(known, inputs.movedim(_time(inputs, count), 1))].flatten(2)
    else:
        entries = inputs.double().movedim(_time(inputs, count), 1).reshape(len(inputs), count, -1)
    flat = entries.flatten(0, 1)
    return (entries - flat.mean(0)) / flat.std(0).clamp_min(1e-12)
