"""The step that tripped, again, operator by operator: by the loop's own body where it can be run, else by its calls of the models."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from nbdebug.batch import tensors
from nbdebug.errors import first_line
from nbdebug.nonfinite.finite import all_finite, has_nonfinite
from nbdebug.nonfinite.healthy import healthy
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.loop.again import CannotRepeat, run_again
from nbdebug.nonfinite.loop.moments import Moment
from nbdebug.nonfinite.loop.outside import told_from_outside
from nbdebug.nonfinite.loop.trip import (
    GRADIENTS,
    LOSS,
    UPDATE,
    Trip,
    coarse,
    names_of,
    parameters_of,
    roots_of,
)
from nbdebug.nonfinite.origin import Origin, Values
from nbdebug.nonfinite.trace.step import Trace
from nbdebug.nonfinite.update import update_origin
from nbdebug.source_lines import line_of, location_fields, users_frame
from nbdebug.taps import Silent, Taps, all_deaf


@dataclass(frozen=True)
class Found:
    """What the step said when it ran again. Plain values."""

    origin: Origin
    reproduced: bool | None  # whether it tripped once more with the same bits; None: it was not repeated
    weights_before: tuple[Values, ...] = ()
    unexplained: str = ""  # why the origin is coarse


def retrace(trip: Trip) -> Found:
    """Where the value was born. Weights, random states and the user's variables are as they were, afterwards."""
    names = names_of(trip)
    with all_deaf():
        return _by_update(trip, names) if trip.end == UPDATE else _by_repeating(trip, names)


def _by_repeating(trip: Trip, names: dict[int, str]) -> Found:
    said: list[str] = []
    best: tuple[Origin, bool | None] | None = None
    for moment, home in trip.passes.candidates(trip.frame):
        origin, reproduced, why = _attempt(trip, moment.restore, lambda m=moment, h=home: run_again(m, h), moment)
        said += [why] if why else []
        if origin is not None and (best is None or reproduced):
            best = origin, reproduced
        if best is not None and best[1]:
            break
    if best is None and trip.calls:
        best = _by_calls(trip, said)
    if best is None:
        return Found(coarse(trip, names), None, (), "the step could not be repeated: " + ("; ".join(dict.fromkeys(said)) or "its loop has no source"))
    origin, reproduced = told_from_outside(trip, best[0]), best[1]
    before = tuple(values for values in healthy(origin, {names[id(p)]: p for p in parameters_of(trip) if id(p) in names}) if values.finite)
    return Found(origin, reproduced, before, "" if reproduced else "; ".join(dict.fromkeys(said)))


# -- one attempt ------------------------------------------------------------------------------------------------


class Reached(BaseException):
    """The step has come to where it tripped."""


class _Ends(Silent):
    """Hears the repeated step around the trace, and leaves it at the first backward pass whose gradients are not finite."""

    def __init__(self, trip: Trip) -> None:
        self._trip = trip
        self._scaled: list[Tensor] = []
        self._losses: tuple[Tensor, ...] = ()
        self._bits, self._bad = list(map(_bits, trip.losses)), {id(p): _places(p.grad) for p in trip.bad if p.grad is not None}
        self.same = False  # whether it tripped with the same numbers

    def scale(self, scaler: Any, output: Any) -> None:
        self._scaled.append(output)

    def before_backward(self, given: Any, inputs: Any, retain: bool, frame: FrameType) -> None:
        roots = self._scaled or ([given] if isinstance(given, Tensor) else list(given))
        self._losses = tuple(t for t in roots if t.numel() == 1)

    def after_backward(self) -> None:
        scaled, self._scaled = bool(self._scaled), []
        if scaled and self._trip.scale > 1.0:
            return
        self._leave_at_gradients(parameters_of(self._trip))

    def _leave_at_gradients(self, parameters: list[Tensor]) -> None:
        with _disable_current_modes():
            bad = [p for p in parameters if p.grad is not None and has_nonfinite(p.grad)]
            if bad:
                alike = {id(p) for p in bad} == self._bad.keys() and all(bool((_places(p.grad) == self._bad[id(p)]).all()) for p in bad)
                self.same = self._trip.end == GRADIENTS and alike and self._same_losses()
                raise Reached

    def before_step(self, optimizer: Any, closure: bool, frame: FrameType) -> None:
        """Gradients may be spoilt after the backward pass, by a line of the loop."""
        if not closure:
            self._leave_at_gradients([p for group in optimizer.param_groups for p in group["params"]])

    def leave_at_loss(self) -> None:
        """Called when the trace has seen the loss, and before the backward pass begins."""
        with _disable_current_modes():
            if not all_finite(self._losses):
                self.same = self._trip.end == LOSS and self._same_losses()
                raise Reached

    def _same_losses(self) -> bool:
        return list(map(_bits, self._losses)) == self._bits


class _Inside(Silent):
    """Hears the backward passes that the trace has seen already."""

    def __init__(self, ends: _Ends) -> None:
        self._ends = ends

    def before_backward(self, given: Any, inputs: Any, retain: bool, frame: FrameType) -> None:
        self._ends.leave_at_loss()


def _attempt(
    trip: Trip, restore: Callable[[], None], run: Callable[[], None], moment: Moment | None = None
) -> tuple[Origin | None, bool, str]:
    """The origin, whether it tripped with the same bits, and why not."""
    now = Snapshot.take(trip.passes.models, trip.optimizers, trip.scalers)
    ends, trace = _Ends(trip), Trace(roots_of(trip), batch=_batch(moment), scale=trip.scale, carried=_carried(moment))
    try:
        if trip.stepped is not None and trip.before is not None:
            trip.before.restore()
        if moment is not None:
            trip.passes.undo(moment)
        restore()
        for parameter in parameters_of(trip):
            parameter.grad = None
        with torch.enable_grad(), _heard(_Inside(ends)), trace, _heard(ends):
            run()
        return None, False, "repeated, the step was finite"
    except Reached:
        origin = trace.origin(trip.step)
        why = "" if ends.same else "the step, repeated, did not come to the same numbers"
        return origin, ends.same, why if origin is not None else "no operator was seen to make it so"
    except CannotRepeat as error:
        return None, False, str(error)
    except Exception as error:
        return None, False, f"the step, repeated, raised {type(error).__name__}: {first_line(error)}"
    finally:
        now.restore()


@contextlib.contextmanager
def _heard(listener: Silent) -> Iterator[None]:
    taps = Taps(listener)
    try:
        taps.open()
        yield
    finally:
        taps.close()


def _by_calls(trip: Trip, said: list[str]) -> tuple[Origin, None] | None:
    """The models' calls with the same arguments; what is not finite in their outputs stands for the loss."""

    def run() -> None:
        outputs = [t for model, args, kwargs in trip.calls for t in _outputs(model(*args, **kwargs))]
        bad = [t for t in outputs if t.requires_grad and has_nonfinite(t)]
        if bad:
            torch.autograd.backward([t.sum() for t in bad])

    bare = trip.passes.bare
    origin, _, why = _attempt(trip, bare.restore if bare is not None else lambda: None, run)
    said += [why] if origin is None and not said else []
    if origin is None:
        return None
    said.append("the calls of the model were repeated, and not the loop around them")
    return origin, None


# -- an update --------------------------------------------------------------------------------------------------


def _by_update(trip: Trip, names: dict[int, str]) -> Found:
    frame = users_frame(trip.frame)
    line = line_of(frame) if frame is not None else None
    place = {**location_fields(line), "text": line.text} if line is not None else {}
    now = Snapshot.take(trip.passes.models, trip.optimizers, trip.scalers)
    try:
        origin = update_origin((trip.stepped,), trip.before, names, trip.step, place)
        if origin is None and trip.before is not None:
            now.restore()
            origin, before = update_origin((trip.stepped,), None, names, trip.step, place), ()
        else:
            before = healthy(origin, {names[id(p)]: p for p in parameters_of(trip) if id(p) in names}) if origin is not None and trip.before is not None else ()
    finally:
        now.restore()
    if origin is None:
        return Found(coarse(trip, names), None, (), "neither the weights nor the optimizer say what did it")
    return Found(origin, True if trip.before is not None else None, before)


def _batch(moment: Moment | None) -> Any:
    if moment is None:
        return None
    at_head = [f.batch for f in moment.batches if f.drawn is None]
    return (at_head[0] if len(at_head) == 1 else tuple(at_head)) if at_head else {n: v for n, v in (moment.seen or {}).items() if n in moment.loop.targets}


def _carried(moment: Moment | None) -> dict[str, Any]:
    """What the pass before left in variables and attributes of the user's. A mask that no pass binds anew is none of it."""
    if moment is None:
        return {}
    bound = {n: v for n, v in moment.variables.items() if n in moment.loop.carried - moment.loop.targets}
    kept = [(held, k, v) for held, values in (*moment.attributes, *moment.bindings) for k, v in values.items()]
    return bound | {k: v for held, k, v in kept if isinstance(v, (Tensor, tuple, list)) and held.get(k) is not v}


def _outputs(output: Any) -> list[Tensor]:
    return [t for _, t in tensors(output)]


def _places(tensor: Tensor) -> Tensor:
    values = tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach()
    return torch.stack([values.isnan(), values.isinf()])


def _bits(tensor: Tensor) -> bytes:
    return bytes(tensor.detach().reshape(-1).contiguous().cpu().view(torch.uint8).tolist())
