"""A loss that falls without end wherever an output goes: the whole of it, or a part, is counted with the wrong sign."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.listening import Tape
from nbdebug.training_setup import TrainingSetup

WAYS = 4  # random directions, each there and back
FAR = (30.0, 300.0)  # times as far as outputs of size one
GROWN = (100.0, 1000.0)  # times as large, outputs that are above zero
STEEP = 5.0  # times as deep at ten times the way: a logarithm, which may well be made large, gains a constant
DEEP = 3.0  # times the loss as it is, below it, at the first of these
AFFINE = frozenset("linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d matmul __matmul__ mm bmm addmm baddbmm einsum".split())  # go anywhere
OF_PATHS = frozenset(["ctc_loss", "_ctc_loss"])  # wants logarithms of probabilities: of anything else it says nothing
DRAWS = frozenset(["multinomial", "bernoulli", "binomial", "poisson"])


def without_end(setup: TrainingSetup, batch: Any, tape: Tape, sign: float) -> str | None:
    """The part of the outputs that makes the loss fall without end in every direction, as "the outputs" or "outputs[1]"; None where there is none.

    Outputs that a weighted sum made, as they are: a probability, a logarithm of one or a row of length one could not go there; and such as are above zero, rates
    and scales, where the loss falls as they are multiplied and as they are divided. A critic's score, the volume of a flow and the like fall one way and rise the other; rewards, whose sign is the environment's, are left alone.
    """
    root = tape.root
    called = [call for call in tape.modules if call.module is tape.model]
    if root is None or len(called) != 1 or _may_reward(tape, batch, called[0].first, called[0].last):
        return None
    if any(call.name in OF_PATHS for call in tape.calls):
        return None
    for name, given, put in _parts(root.output):
        falls = _falls if _goes_anywhere(tape, given) else _falls_both_ways if bool((given > 0).all()) else None
        if falls is not None and falls(setup, batch, given, put, sign):
            return name
    return None


def _may_reward(tape: Tape, batch: Any, first: int, last: int) -> bool:
    """Whether actions are drawn, or integers come beside numbers that the model does not read: they may be actions and what these cost or earn."""
    if any(call.name in DRAWS for call in tape.calls):
        return True
    read = {id(t) for call in tape.calls[first:last] for t in call.given}
    beside = [t for _, t in batches.tensors(batch) if id(t) not in read]
    whole = any(not t.is_floating_point() and t.dtype != torch.bool for t in beside)
    return whole and any(t.is_floating_point() and t.numel() > 1 for t in beside)


def _parts(outputs: Any) -> Iterator[tuple[str, Tensor, Callable[[Tensor], Any]]]:
    """Every tensor of the outputs that the loss may look at, with what puts another one in its place."""
    if isinstance(outputs, Tensor):
        if _is_free(outputs):
            yield "the outputs", outputs, lambda other: other
    elif type(outputs) in (tuple, list):
        for at, part in enumerate(outputs):
            if isinstance(part, Tensor) and _is_free(part):
                yield f"outputs[{at}]", part, lambda other, at=at: type(outputs)(other if n == at else p for n, p in enumerate(outputs))
    elif type(outputs) is dict and isinstance(outputs, Mapping):
        for key, part in outputs.items():
            if isinstance(part, Tensor) and _is_free(part):
                yield f"outputs[{key!r}]", part, lambda other, key=key: {**outputs, key: other}


def _is_free(part: Tensor) -> bool:
    return part.is_floating_point() and part.requires_grad and part.ndim > 0 and part.numel() > 1


def _goes_anywhere(tape: Tape, part: Tensor) -> bool:
    maker = tape.origin(part)
    return maker is not None and maker.name in AFFINE


def _falls(setup: TrainingSetup, batch: Any, given: Tensor, put: Callable[[Tensor], Any], sign: float) -> bool:
    generator = torch.Generator(device="cpu").manual_seed(0)
    now = _with(setup, batch, put(given.detach()), sign)
    for _ in range(WAYS):
        way = torch.randn(given.shape, generator=generator).to(given)
        for to in (way, -way):
            near, far = (_with(setup, batch, put(given.detach() + k * to), sign) for k in FAR)
            if not near < now - DEEP * max(1.0, abs(now)) or not -math.inf < far - now < STEEP * (near - now):
                return False
    return True


def _falls_both_ways(setup: TrainingSetup, batch: Any, given: Tensor, put: Callable[[Tensor], Any], sign: float) -> bool:
    """Whether what is minimised stands at the top of a hill: it falls steeply without end as outputs above zero grow, and falls as they shrink."""
    now, near, far, small, smaller = (_with(setup, batch, put(given.detach() * k), sign) for k in (1.0, *GROWN, 1 / GROWN[0], 1 / GROWN[1]))
    grown = near < now - DEEP * max(1.0, abs(now)) and -math.inf < far - now < STEEP * (near - now)
    return grown and -math.inf < smaller < small < now


def _with(setup: TrainingSetup, batch: Any, outputs: Any, sign: float) -> float:
    """What is minimised, if the model gave these outputs; NaN where the loss does not bear them."""
    hook = setup.model.register_forward_hook(lambda *_: outputs)
    try:
        with torch.no_grad():
            return sign * float(setup.loss(batches.own_copy(batch)).detach())
    except Exception:  # the user's own loss may not bear it
        return math.nan
    finally:
        hook.remove()
