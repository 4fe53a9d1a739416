"""What a half-precision format loses without a word: gradients that become zero, updates that are rounded away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug.batch import own_copy
from nbdebug.instruments.find_nan.precision import HALF, in_float32, is_half
from nbdebug.instruments.find_nan.result import Vanishing
from nbdebug.instruments.find_nan.training import Training
from nbdebug.nonfinite.finite import norm
from nbdebug.nonfinite.twin import Twin

NEARLY_ALL = 0.99  # of the elements; our choice: a scaler that does its work leaves less than a third of them zero
PART_THAT_MATTERS = 0.1  # of the norm of all gradients: a layer whose gradient is nothing beside the others' loses nothing; our choice
LEFT = 0.1  # of an update, measured along itself, that rounding leaves; our choice: in bfloat16 AdamW at 1e-3 leaves more, at 1e-5 less
WORTH_KEEPING = 1e-6  # update over weight, as norms: in float32 100,000 such steps move a weight by a tenth of itself; our choice


@dataclass(frozen=True)
class _Compared:
    """One parameter: what it is in half precision, and in float32 or wider."""

    name: str
    dtype: str
    narrow: Tensor
    wide: Tensor

    @property
    def lost(self) -> Tensor:
        return (self.narrow == 0) & (self.wide != 0)

    def told(self, what: str) -> Vanishing:
        lost = self.lost
        share = float(lost.sum()) / max(1, int((self.wide != 0).sum()))
        return Vanishing(self.name, what, self.dtype, share, float(self.wide[lost].abs().max()))


def vanishing(training: Training, batch: Any) -> tuple[Vanishing, ...]:
    """What the last step loses, beside the same step in float32. The training stands before that step afterwards."""
    if not is_half(training.setup):
        return ()
    found = (*_gradients(training, batch), *_updates(training, batch))
    training.stand_before()
    return found


def _gradients(training: Training, batch: Any) -> tuple[Vanishing, ...]:
    training.stand_before()
    setup, scale = training.setup, training.setup.scale()
    setup.backward(setup.loss(own_copy(batch)))
    narrow = {id(p): _dense(p.grad).float() / scale for p in training.parameters() if p.grad is not None}
    training.stand_before()
    again = in_float32(setup, own_copy(batch))
    if again is None or not again.finite:
        return ()
    dtype = "float16" if "16" in setup.precision and "bf16" not in setup.precision else "bfloat16"
    pairs = [
        _Compared(training.names[key], dtype, gradient, _dense(again.gradients[key]))
        for key, gradient in narrow.items() if key in again.gradients
    ]  # fmt: skip
    gone = [pair for pair in pairs if _nearly_all(pair)]
    matters = norm([pair.wide for pair in gone]) >= PART_THAT_MATTERS * norm([pair.wide for pair in pairs])
    return tuple(pair.told("gradient") for pair in gone) if gone and matters else ()


def _updates(training: Training, batch: Any) -> tuple[Vanishing, ...]:
    """Of weights that are themselves half. An optimizer of the user's own may keep what is rounded away; a schedule may still rise."""
    training.stand_before()
    if training.setup.schedulers or not any(p.dtype in HALF for p in training.parameters()):
        return ()
    training.passes(own_copy(batch))
    pairs = list(_moves(training))
    kept = sum(float((pair.narrow * pair.wide).sum()) for pair in pairs)
    whole = sum(float(pair.wide.square().sum()) for pair in pairs)
    if not pairs or kept > LEFT * whole:
        return ()
    return tuple(sorted((pair.told("update") for pair in pairs if bool(pair.lost.any())), key=lambda lost: -lost.lost))


def _moves(training: Training) -> Iterator[_Compared]:
    for optimizer in training.setup.optimizers:
        narrow, wide = Twin.of(optimizer), Twin.of(optimizer, double=True)
        if narrow is None or wide is None or not type(optimizer).__module__.startswith("torch.optim"):
            continue
        narrow.step()
        wide.step()
        for g, group in enumerate(optimizer.param_groups):
            for i, p in enumerate(group["params"]):
                if p.dtype in HALF and p.grad is not None:
                    was = p.detach().double()
                    moved = wide.optimizer.param_groups[g]["params"][i].detach() - was
                    if norm([moved]) >= WORTH_KEEPING * norm([was]) > 0:
                        stayed = narrow.optimizer.param_groups[g]["params"][i].detach().double() - was
                        yield _Compared(training.names[id(p)], str(p.dtype).removeprefix("torch."), stayed, moved)


def _nearly_all(pair: _Compared) -> bool:
    held = int((pair.wide != 0).sum())
    return held > 0 and float(pair.lost.sum()) >= NEARLY_ALL * held


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.layout != torch.strided else gradient
