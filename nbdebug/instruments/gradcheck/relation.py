"""In what way the answer of a Function's backward is wrong, element by element, and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug.instruments.gradcheck.alone import Alone, Gradients, is_floating, size_of
from nbdebug.instruments.gradcheck.result import BY_DESIGN, WRONG
from nbdebug.instruments.gradcheck.taylor import ROUNDINGS, most_wrong, random_signs

MOST_ELEMENTS = 256  # of an input that are moved one by one
ALIKE = 1e-3  # relative, for saying that one gradient is twice the other
STILL = 1e-6  # relative, for saying that an output does not move


@dataclass(frozen=True)
class Relation:
    """How answered and measured gradient are related."""

    verdict: str  # wrong, or by design
    reason: str
    largest: float  # difference of a single element, relative to the largest
    is_flat: bool = False  # whether the output does not move with this input at all


def relation(alone: Alone, position: int, answer: Tensor | None, args: tuple[Any, ...], cotangents: Gradients | None = None) -> Relation:
    """What sets the answer for one input apart from what is measured."""
    value = args[position]
    if _hands_on(alone, args, position) and _hands_on(alone, alone.moved(args), position):  # twice zero is zero, too
        reason = "its forward hands the input on and only its backward does something, as gradient reversal or scaling does"
        return Relation(BY_DESIGN, reason, 0.0)
    if _has_an_input_of_its_own(alone, position, args, cotangents):
        reason = "its backward uses a tensor that its forward is given and does not use, as feedback alignment does"
        return Relation(BY_DESIGN, reason, 0.0)
    numeric, answered, transposed, chosen = _elements(alone, value, answer, position, args, cotangents)
    size = max(float(numeric.abs().max()), float(answered.abs().max()))
    difference = (numeric - answered).abs()
    largest = float(difference.max()) / size if size else 0.0
    still = numeric.abs() <= STILL * float(answered.abs().median()) + _rounding(alone, value, args, cotangents)
    passed_through = still & (answered.abs() > ALIKE * size)
    if bool(passed_through.any()) and bool(((difference <= ALIKE * size) | passed_through).all()):
        where = "everywhere" if bool(still.all()) else "in places"
        reason = f"its forward is flat {where} and its backward passes a gradient there, as straight-through estimators do"
        return Relation(BY_DESIGN, reason, largest, bool(still.all()))
    worst = chosen[int(difference.argmax())]
    place = ", ".join(str(int(i)) for i in torch.unravel_index(worst, value.shape)) if value.ndim else ""
    return Relation(WRONG, _in_words(numeric, answered, transposed, answer, place), largest)


def _hands_on(alone: Alone, args: tuple[Any, ...], position: int) -> bool:
    """Whether an output is this input, in another shape perhaps."""
    value = args[position]
    return any(is_floating(o) and o.numel() == value.numel() and torch.equal(o.reshape(-1), value.reshape(-1)) for o in alone.run(args))


def _has_an_input_of_its_own(alone: Alone, position: int, args: tuple[Any, ...], cotangents: Gradients | None) -> bool:
    """Whether an input that no output moves with moves the answer for this one: it was handed over for the backward."""
    for place, value in enumerate(args):
        if place == position or not is_floating(value):
            continue
        others = (*args[:place], value + size_of(value) * random_signs(value, seed=5).to(value.dtype), *args[place + 1 :])
        if all(map(_same, alone.run(others), alone.run(args))):
            changed, plain = alone.answers(others, cotangents)[position], alone.answers(args, cotangents)[position]
            if not _same(changed, plain):
                return True
    return False


def _same(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, Tensor) and isinstance(other, Tensor) else one is other


def _elements(
    alone: Alone, value: Tensor, answer: Tensor | None, position: int, args: tuple[Any, ...], cotangents: Gradients | None
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """Elements of the measured and of the answered gradient, of the answered one transposed, and their places."""
    count = value.numel()
    answer = torch.zeros_like(value) if answer is None else answer
    signs = random_signs(value.real if value.is_complex() else value, seed=2).reshape(-1)
    step = _step(alone, value)

    def measured(some: Tensor) -> float:
        direction = torch.zeros(count, dtype=value.dtype, device=value.device)
        direction[some] = signs[some].to(value.dtype)
        product = alone.along_direction(args, position, direction.reshape(value.shape), cotangents)
        return (product(step) - product(-step)) / (2 * step)

    def answered(some: Tensor) -> float:
        return float((answer.reshape(-1)[some].conj() * signs[some]).real.sum())

    chosen = torch.arange(count)
    if count > MOST_ELEMENTS:
        worst = most_wrong(lambda some: measured(some) - answered(some), count)
        chosen = torch.cat([worst, torch.randperm(count, generator=torch.Generator().manual_seed(3))[:MOST_ELEMENTS]])
    numeric = torch.tensor([measured(index) * float(signs[index]) for index in chosen.split(1)], dtype=torch.float64)
    flat = (answer.real if answer.is_complex() else answer).reshape(value.shape).double()
    square = value.ndim == 2 and value.shape[0] == value.shape[1]
    return numeric, flat.reshape(-1)[chosen], flat.T.reshape(-1)[chosen] if square else None, chosen


def _rounding(alone: Alone, value: Tensor, args: tuple[Any, ...], cotangents: Gradients | None) -> float:
    """What a measured element of a flat output may come to."""
    return ROUNDINGS * alone.epsilon * abs(alone.product(args, cotangents)) / _step(alone, value)


def _step(alone: Alone, value: Tensor) -> float:
    return (1e-6 if alone.epsilon < 1e-10 else 1e-2) * size_of(value)


def _in_words(numeric: Tensor, answered: Tensor, transposed: Tensor | None, answer: Tensor | None, place: str) -> str:
    if answer is None:
        return "it is missing: backward returns None, and the output depends on this input"
    if not bool(answered.any()):
        return "backward answers zero, and the output depends on this input"
    factor = float((numeric * answered).sum() / (numeric * numeric).sum()) if bool(numeric.any()) else math.inf
    if transposed is not None and _alike(transposed, numeric):
        return "it is the transpose of the right one"
    if math.isfinite(factor) and _alike(answered, factor * numeric):
        return "it has the wrong sign" if abs(factor + 1) < ALIKE else f"it is {factor:.4g} times the right one"
    off = (numeric - answered).abs() > ALIKE * float(numeric.abs().max())
    worst = int((numeric - answered).abs().argmax())
    share = "" if bool(off.all()) or not bool(off.any()) else f"{int(off.sum())} of {off.numel()} elements looked at are wrong; "
    return f"{share}the worst element, [{place}], is {float(answered[worst]):.4g}, and should be {float(numeric[worst]):.4g}"


def _alike(one: Tensor, other: Tensor) -> bool:
    return bool(((one - other).abs() <= ALIKE * max(float(other.abs().max()), 1e-300)).all())
