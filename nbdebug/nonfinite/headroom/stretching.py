"""A formula repeated on its own inputs: in float64, by its stable twin, and with inputs as large as the training may make them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nbdebug.batch import map_tensors
from nbdebug.findings import Location
from nbdebug.listening import Call, Tape
from nbdebug.nonfinite.headroom.formulas import calls_of
from nbdebug.nonfinite.headroom.origins import Match, Swap, same
from nbdebug.nonfinite.headroom.ranges import Ranges, is_own_peak
from nbdebug.nonfinite.headroom.rules import ARITHMETIC, Range

REACH = 4.0  # how many times the present values a training may take a formula's input to; our choice, logits grow more than that
RETYPES = frozenset("float double half bfloat16 to type".split())
ACCURATE = 1e-3  # a repetition that differs more from what was recorded is none: dropout, or an input that was written over


@dataclass(frozen=True)
class Formula:
    """A formula that a stable one exists for, and what was tried with it."""

    name: str  # "log(softmax(x))"
    location: Location
    dtype: str
    advice: str  # the stable function, to paste
    largest: float  # |x|, over all that was looked at
    reach: float  # the largest |x| that was tried
    breaks: str  # what comes out at that reach: "-inf", "inf", "nan", "a gradient of nan"; "" when all is finite
    error: float  # largest error now, against float64 and relative to the result
    attainable: float  # the same of the stable formula in this precision, or the precision's rounding where that is more
    digits: int  # to how many digits the stable formula agrees with float64 now


class Unrepeatable(Exception):
    """What was recorded cannot be computed again."""


def tried(tape: Tape, match: Match, grown: float) -> Formula | None:
    """The experiments with one formula; None when it is sound as it stands, or cannot be repeated.

    Args:
        grown: how many times as large x became in other batches and in the rehearsal.
    """
    reach = Ranges(tape).of(match.reader, match.source)
    if match.result.outputs()[0].is_complex():
        return None
    try:
        with torch.autocast(match.source.device.type, enabled=False):
            return _tried(tape, match, reach, grown)
    except (Unrepeatable, RuntimeError, TypeError, ValueError, IndexError):
        return None


def _tried(tape: Tape, match: Match, reach: Range, grown: float) -> Formula | None:
    if _is_stable(tape, match, reach):
        return None
    x, recorded = match.source.detach(), match.result.outputs()[0].detach()
    again = _Repetition(tape, match)
    now = again(x)
    if x.numel() == 0 or not torch.allclose(now.double(), recorded.double(), rtol=ACCURATE, atol=ACCURATE, equal_nan=True):
        raise Unrepeatable
    exact = again(x, wide=True, swaps=match.swaps)
    error = _error(now, exact, match.floor)
    if match.root_of_difference and _undecided(tape, match, now, exact):
        breaks, far = "nan", x
    else:
        far = _within(match.stretch(x, REACH * grown), reach)
        breaks = _breaks(again, match, far)
    largest = grown * float(x.double().abs().max())
    stable = _error(again(x, swaps=match.swaps), exact, match.floor) if match.swaps else 0.0
    return Formula(
        match.name, match.result.location, str(recorded.dtype).removeprefix("torch."), match.advice, largest,
        float(far.double().abs().max()), breaks, error,
        max(stable, torch.finfo(recorded.dtype).eps), _digits(stable) if match.swaps else 0,
    )  # fmt: skip


def _is_stable(tape: Tape, match: Match, reach: Range) -> bool:
    """An exponential of x - max(x) cannot overflow, and one of its terms is 1; nor can 1 + exp(-|x|)."""
    if ".sum()" not in match.name and ".mean()" not in match.name:
        return match.reader.name == "exp" and "1 - " not in match.name and reach.high <= 0
    made = tape.origin(match.source)
    if made is None or ARITHMETIC.get(made.name) != "sub":
        return False
    return is_own_peak(tape, made, made.argument(0, "input"), made.argument(1, "other"))


def _undecided(tape: Tape, match: Match, now: Tensor, exact: Tensor) -> bool:
    """Whether the sign of what is under the root is left to rounding: pairs at no distance, and nothing that holds them up."""
    under = Ranges(tape).of(match.result, match.result.given[0])
    typical = exact.abs().median()
    return under.low <= 0 and match.result.outputs()[0].requires_grad and bool((exact.abs() < 1e-3 * typical).any())


def _within(x: Tensor, reach: Range) -> Tensor:
    """No further than the operators before allow: a cosine stays within -1 and 1."""
    return x.clamp(max(reach.low, -torch.finfo(x.dtype).max), min(reach.high, torch.finfo(x.dtype).max))


def _breaks(again: _Repetition, match: Match, far: Tensor) -> str:
    """What is not finite at the reach, where the stable formula is."""
    wide = again(far, wide=True, swaps=match.swaps)
    if not bool(far.isfinite().all()):
        return ""
    made = again(far)
    bad = ~made.isfinite() & wide.isfinite()
    if bool(bad.any()):
        worst = made[bad]
        return "nan" if bool(worst.isnan().any()) else "inf" if bool((worst > 0).any()) else "-inf"
    if not match.source.requires_grad:
        return ""
    ours, theirs = _gradient(lambda x: again(x), far), _gradient(lambda x: again(x, wide=True, swaps=match.swaps), far)
    return "a gradient of nan" if bool((~ours.isfinite() & theirs.isfinite()).any()) else ""


def _gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        made = function(leaf)
        return torch.autograd.grad(made[made.isfinite()].double().sum(), leaf)[0]


def _error(made: Tensor, exact: Tensor, floor: float) -> float:
    """The largest error relative to the result; results far below the typical one count as a share of that."""
    exact = exact.double()
    scale = exact.abs().clamp_min(max(floor * float(exact.abs().median()), 1e-300))
    relative = ((made.double() - exact).abs() / scale)[exact.isfinite()]
    return float(relative.nan_to_num(math.inf).max()) if relative.numel() else 0.0


def _digits(error: float) -> int:
    return 16 if error == 0 else max(0, math.floor(-math.log10(error))) if math.isfinite(error) else 0


class _Repetition:
    """Calls the recorded operators of a formula once more, from another x."""

    def __init__(self, tape: Tape, match: Match) -> None:
        self.tape, self.match, self.inside = tape, match, calls_of(tape, match)
        given = [tensor for index in self.inside for tensor in tape.calls[index].given]
        self.sources = {id(tensor) for tensor in given if same(tensor, match.source)}  # x may have been worked out twice

    def __call__(self, x: Tensor, *, wide: bool = False, swaps: dict[int, Swap] | None = None) -> Tensor:
        self.x, self.wide, self.swaps = x.double() if wide else x, wide, swaps or {}
        self.made: dict[int, Any] = {}
        with torch.set_grad_enabled(x.requires_grad):
            made = self._made(self.match.result)
        if not isinstance(made, Tensor):
            raise Unrepeatable
        return made

    def _made(self, call: Call) -> Any:
        if call.index not in self.made:
            self.made[call.index] = self._called(call)
        return self.made[call.index]

    def _called(self, call: Call) -> Any:
        args, kwargs = map_tensors(lambda tensor: self._value(call, tensor), (list(call.args), dict(call.kwargs)))
        if call.index in self.swaps:
            return self.swaps[call.index](call, args[0] if args else kwargs["input"])
        if self.wide and call.name in RETYPES:
            return args[0]
        if self.wide:
            kwargs.pop("dtype", None)
        function = _function(call)
        return getattr(args[0], call.name) if function is None else function(*args, **kwargs)

    def _value(self, call: Call, tensor: Tensor) -> Tensor:
        if id(tensor) in self.sources:
            return self.x
        position = next(i for i, given in enumerate(call.given) if given is tensor)
        parent = call.parents[position]
        if parent in self.inside and parent < call.index:
            return self._chosen(self._made(self.tape.calls[parent]), self.tape.calls[parent], tensor)
        held = tensor.detach()
        return held.double() if self.wide and held.is_floating_point() else held

    def _chosen(self, made: Any, call: Call, tensor: Tensor) -> Tensor:
        """Of an operator with several results (max with its indices), the one that this tensor was."""
        if isinstance(made, Tensor):
            return made
        return next(m for m, was in zip(made, call.outputs(), strict=True) if was is tensor)


def _function(call: Call) -> Callable[..., Any] | None:
    """The torch function that was called, the one that does not write over its input; None for a property."""
    name = call.name if call.name.startswith("__") else call.name.rstrip("_")
    home: Any = torch.nn.functional if call.operator.startswith("torch.nn.functional") else torch.Tensor
    found = getattr(home, name, None) or getattr(torch, name, None) or getattr(torch.linalg, name.removeprefix("linalg_"), None)
    if name in ("__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__"):
        raise Unrepeatable
    if found is None:
        raise Unrepeatable
    return found if callable(found) else None
