"""What an armed loop tripped over, and what is needed to find out why; with what can be said without repeating anything."""

from __future__ import annotations

from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from nbdebug.listening import module_paths, plain_path
from nbdebug.nonfinite.finite import all_finite
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.loop.moments import is_holder
from nbdebug.nonfinite.loop.passes import Passes
from nbdebug.nonfinite.origin import Origin
from nbdebug.nonfinite.values import kind
from nbdebug.source_lines import line_of, location_fields, users_frame, variables_of

LOSS, GRADIENTS, UPDATE = "loss", "gradients", "update"  # the ends that may not be finite


@dataclass(frozen=True)
class Trip:
    """What was not finite, and what is needed to find out why. Holds the user's tensors and a frame: not to be kept."""

    end: str
    step: int  # of the training, from 0
    losses: tuple[Tensor, ...]  # unscaled
    bad: tuple[Tensor, ...]  # parameters whose gradient, or that themselves, are not finite
    frame: FrameType
    scale: float  # by which a GradScaler multiplied the loss; 1 without
    optimizers: tuple[Optimizer, ...]
    scalers: tuple[Any, ...]
    stepped: Optimizer | None  # whose update spoilt weights; None when none was made
    before: Snapshot | None  # what that update started from
    calls: tuple[tuple[nn.Module, Any, Any], ...]  # of models in this step, with their arguments
    passes: Passes
    bad_at_first: frozenset[int] = frozenset()  # ids of weights and statistics that were not finite when they were first seen
    sound_at_first: frozenset[int] = frozenset()  # ids of statistics that were


def coarse(trip: Trip, names: dict[int, str]) -> Origin:
    """The end that was not finite, and the line where it was noticed."""
    frame = users_frame(trip.frame)
    line = line_of(frame) if frame is not None else None
    place = location_fields(line) or {"file": "", "line": None, "cell": None}
    bad = next((t for t in trip.losses if not all_finite([t])), None) if trip.end == LOSS else next(iter(trip.bad), None)
    shown = bad.grad if trip.end == GRADIENTS and bad is not None else bad
    parameter = "" if trip.end == LOSS or bad is None else names.get(id(bad), "")
    return Origin(
        phase={LOSS: "loss", GRADIENTS: "backward", UPDATE: "optimizer"}[trip.end], step=trip.step,
        operator=_made_by(bad) if trip.end == LOSS and bad is not None else "", module="", **place, text=line.text if line is not None else "",
        detail=f"the {trip.end} of this step", cause="unknown", became=kind(shown) if shown is not None else "nan", parameter=parameter,
    )  # fmt: skip


def _made_by(loss: Tensor) -> str:
    return loss.grad_fn.name() if loss.grad_fn is not None else ""


# -- who is who -------------------------------------------------------------------------------------------------


def roots_of(trip: Trip) -> tuple[nn.Module, ...]:
    """The called models; where a variable of the user's holds a larger one that they are parts of, that one, for its names."""
    called = list({id(m): m for m in trip.passes.models}.values())
    for home in (h for _, h in trip.passes.candidates(trip.frame)):
        held = list(variables_of(home).values())
        held += [v for holder in held if is_holder(holder) for v in vars(holder).values()]
        for whole in (v for v in held if isinstance(v, nn.Module)):
            parts = module_paths(whole)
            inside = [m for m in called if id(m) in parts and m is not whole]
            if inside:
                called = [whole, *(m for m in called if m is not whole and not any(m is part for part in inside))]
    return tuple(called)


def names_of(trip: Trip) -> dict[int, str]:
    """id of a parameter → its name in its model; where there are several models, the first that has it names it."""
    found = {}
    for model in reversed(roots_of(trip)):
        found |= {id(p): plain_path(name) for name, p in model.named_parameters()}
    for optimizer in trip.optimizers:
        for g, group in enumerate(optimizer.param_groups):
            for i, p in enumerate(group["params"]):
                found.setdefault(id(p), f"parameter {i} in group {g}")
    return found


def parameters_of(trip: Trip) -> list[Tensor]:
    found = [p for m in trip.passes.models for p in m.parameters()]
    found += [p for o in trip.optimizers for group in o.param_groups for p in group["params"]]
    return list({id(p): p for p in found}.values())
