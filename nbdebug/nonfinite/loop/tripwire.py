"""Armed over the user's own loop: says at once when its loss, a gradient or a weight is not finite, at next to no cost.

What is looked at are the ends of a step and nothing else, so that an infinity that does no harm (a mask of -inf, say) is no alarm. Where
the value was born is looked for only then: the tripwire keeps what the step needs to be run again.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from nbdebug.nonfinite.finite import all_finite, has_nonfinite, norm, stored
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.loop.course import Course
from nbdebug.nonfinite.loop.passes import Passes
from nbdebug.nonfinite.loop.risk import LARGEST_GRADIENT, may_fail
from nbdebug.nonfinite.loop.trip import GRADIENTS, LOSS, UPDATE, Trip
from nbdebug.taps import Silent

STATISTICS = ("running_mean", "running_var")  # buffers that a forward computes; others may be infinite by intent, as masks are
BY_HAND = 0  # stands for the optimizer of a loop that has none
ASKED_EVERY = 64  # steps after which models and optimizers are asked for their parameters anew
MOST_CALLS = 16  # calls of models in one step whose arguments are remembered


class Tripwire(Silent):
    """A listener for `Taps`. At the first end that is not finite it calls `on_trip`, and hears nothing any more."""

    def __init__(self, on_trip: Callable[[Trip], None]) -> None:
        self.course = Course()
        self.tripped = False
        self.evaluated = False  # whether a model was called without gradients
        self._on_trip = on_trip
        self._counts_passes = False
        self._forget()

    def _forget(self) -> None:
        self._passes = Passes()
        self._models: dict[int, nn.Module] = {}
        self._optimizers: dict[int, Optimizer] = {}
        self._scalers: dict[int, Any] = {}
        self._parameters: list[Tensor] | None = None
        self._always_bad: set[int] = set()  # ids of weights that were not finite when they were first seen
        self._statistics: list[Tensor] = []
        self._calls: list[tuple[nn.Module, Any, Any]] = []
        self._scaled: list[Tensor] = []  # losses as they were before a scaler multiplied them
        self._under_scaler = False  # whether the gradients are, or may be, scaled
        self._losses: tuple[Tensor, ...] = ()
        self._before_update: Snapshot | None = None  # what the one that runs started from
        self._descended = False  # whether a backward pass was heard since the last update
        self._norm: float | None = None  # of the last gradients

    def arm(self) -> None:
        """Listens, again if it did before; the steps are counted on."""
        self.tripped = False
        self._forget()

    def release(self) -> None:
        """Lets go of everything of the user's."""
        if not self.tripped and self._descended and not self._optimizers:  # the last step of a loop without an optimizer
            self._over(BY_HAND)
        self.tripped = True
        self._forget()

    abandon = release

    def subject(self) -> str:
        """What is trained, in a line."""
        counts = {type(m).__name__: sum(p.numel() for p in m.parameters() if not is_lazy(p)) for m in self._models.values()}
        models = [f"{name} ({count:,} parameters)" for name, count in counts.items()]
        optimizers = [type(o).__name__ for o in self._optimizers.values()]
        return " · ".join(filter(None, [", ".join(models[:3]), ", ".join(optimizers[:3])]))

    # -- what the taps tell -------------------------------------------------------------------------------------

    def batch(self, loader: Any, batch: Any, seconds: float, frame: FrameType) -> None:
        if not self.tripped and self._passes.fetched(loader, batch, frame):
            self.course.pass_begins()
            self._calls.clear()

    def enter(self, model: nn.Module, args: Any, kwargs: Any, frame: FrameType) -> None:
        if self.tripped:
            return
        if id(model) not in self._models:
            self._meet(model)
        if not torch.is_grad_enabled():
            self.evaluated = True
        else:
            self._called(frame)
            if len(self._calls) < MOST_CALLS:
                self._calls.append((model, args, kwargs))

    def scale(self, scaler: Any, output: Any) -> None:
        if not self.tripped and isinstance(output, Tensor):
            self._scalers[id(scaler)] = scaler
            self._scaled.append(output)
            self._under_scaler = True

    def before_backward(self, given: Any, inputs: Any, retain: bool, frame: FrameType) -> None:
        if self.tripped:
            return
        self._called(frame)
        self._passes.descends()
        roots = (given,) if isinstance(given, Tensor) else tuple(t for t in given or () if isinstance(t, Tensor))
        self._losses = tuple(t for t in self._scaled or roots if t.numel() == 1)  # others are weighed by a gradient, perhaps by 0
        self.course.descends(loss := _sum(self._losses))
        if not math.isfinite(loss) and not all_finite(self._losses):
            self._trip(LOSS, frame)

    def after_backward(self) -> None:
        if self.tripped:
            return
        self._scaled.clear()
        if self._under_scaler:  # it looks itself, and skips the update
            return
        self._norm = _norm_of(self._trained())
        self.course.descended(self._norm)
        if self._norm is not None and not math.isfinite(self._norm) and (bad := _bad_gradients(self._trained())):
            self._trip(GRADIENTS, sys._getframe(1), bad)
            return
        self._descended = True
        self._passes.descended(sys._getframe(1))

    def before_step(self, optimizer: Optimizer, closure: bool, frame: FrameType) -> None:
        if self.tripped:
            return
        if id(optimizer) not in self._optimizers:
            if self._counts_passes:
                self.course.restart()  # what was counted were passes that gathered gradients for it
                self._counts_passes = False
            self._optimizers[id(optimizer)], self._parameters = optimizer, None
            self._always_bad |= {id(p) for p in _parameters_of(optimizer) if has_nonfinite(p)}
        if not closure:  # else the gradients are those of the step before
            self._norm = _norm_of(_parameters_of(optimizer))  # as the user's own code left them
        self._before_update = self._passes.updating(optimizer, closure=closure, always=closure or may_fail(optimizer, self._norm))

    def after_step(self, optimizer: Optimizer, frame: FrameType) -> None:
        if self.tripped or id(optimizer) not in self._optimizers:
            return
        held = [t for t in (*_parameters_of(optimizer), *self._statistics) if id(t) not in self._always_bad]
        if self._norm is not None and not self._norm <= LARGEST_GRADIENT:
            held += states_of(optimizer)
        if not math.isfinite(norm(held)) and (bad := [t for t in held if has_nonfinite(t)]):
            spoilt = _bad_gradients(_parameters_of(optimizer))
            self._trip(GRADIENTS if spoilt else UPDATE, frame, spoilt or bad, optimizer)
            return
        self._passes.updated(frame)
        self._over(id(optimizer))

    def skipped(self, optimizer: Optimizer, frame: FrameType) -> None:
        if self.tripped:
            return
        self._optimizers.setdefault(id(optimizer), optimizer)
        if self._scale() <= 1.0 and (bad := _bad_gradients(_parameters_of(optimizer))):
            self._trip(GRADIENTS, frame, bad)
            return
        self.course.skip()
        self._passes.updated(frame, skipped=True)
        self._over(id(optimizer))

    # -- inside -------------------------------------------------------------------------------------------------

    def _trip(self, end: str, frame: FrameType, bad: Iterable[Tensor] = (), stepped: Optimizer | None = None) -> None:
        self.tripped = True
        trip = Trip(
            end, self.course.step, self._losses, tuple(bad), frame, self._scale(), tuple(self._optimizers.values()),
            tuple(self._scalers.values()), stepped, self._before_update, tuple(self._calls), self._passes,
            frozenset(self._always_bad), frozenset(map(id, self._statistics)),
        )  # fmt: skip
        try:
            self._on_trip(trip)
        finally:
            self._forget()

    def _over(self, optimizer: int) -> None:
        """An update was made, or skipped."""
        self.course.stepped(optimizer)
        if self.course.step % ASKED_EVERY == 0:
            self._parameters = None
        self._calls.clear()
        self._descended = False
        self._losses, self._before_update, self._under_scaler = (), None, False

    def _called(self, frame: FrameType) -> None:
        if self._passes.called(frame):
            if self._descended and not self._optimizers:  # the loop moves its weights itself, as far as can be seen
                self._over(BY_HAND)
                self._counts_passes = True
            self.course.pass_begins()

    def _meet(self, model: nn.Module) -> None:
        self._models[id(model)], self._parameters = model, None
        self._passes.met(model)
        self._always_bad |= {id(p) for p in model.parameters() if not is_lazy(p) and has_nonfinite(p)}
        held = [b for m in model.modules() for name, b in m.named_buffers(recurse=False) if name in STATISTICS and not is_lazy(b)]
        self._always_bad |= {id(b) for b in held if has_nonfinite(b)}
        self._statistics += [b for b in held if id(b) not in self._always_bad]

    def _trained(self) -> list[Tensor]:
        """Every parameter that may get a gradient, once."""
        if self._parameters is None:
            of_models = [p for m in self._models.values() for p in m.parameters()]
            found = [*of_models, *(p for o in self._optimizers.values() for p in _parameters_of(o))]
            self._parameters = list({id(p): p for p in found}.values())
        return self._parameters

    def _scale(self) -> float:
        return max((float(scaler.get_scale()) for scaler in self._scalers.values()), default=1.0)


def states_of(optimizer: Optimizer) -> list[Tensor]:
    """Moments and their like: states of a parameter's own shape. Single numbers may begin at infinity."""
    pairs = ((p, s) for p, s in optimizer.state.items() if isinstance(p, Tensor) and isinstance(s, dict))
    return [v for p, s in pairs for v in s.values() if isinstance(v, Tensor) and v.ndim and v.shape == p.shape and stored(v) is not None]


def _parameters_of(optimizer: Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]


def _norm_of(parameters: Iterable[Tensor]) -> float | None:
    """Of the gradients; None when there are none."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    return norm(gradients) if gradients else None


def _bad_gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [p for p in parameters if p.grad is not None and has_nonfinite(p.grad)]


def _sum(losses: tuple[Tensor, ...]) -> float:
    """Not finite if one of them is not."""
    return sum(float(loss.detach().abs() if loss.is_complex() else loss.detach()) for loss in losses)
