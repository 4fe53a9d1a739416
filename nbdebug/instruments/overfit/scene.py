"""What a step is made of, in plain values: the operations that could be left out, the layers, what draws random numbers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nbdebug.findings import Location
from nbdebug.instruments.overfit.last_layers import last_layers, layers_before
from nbdebug.listening import IN_PLACE, RESHAPING, Call, Tape
from nbdebug.loss_call import LOSSES
from nbdebug.unmasked import MASKS

RANDOM = frozenset(
    "rand rand_like randn randn_like randint randint_like randperm bernoulli bernoulli_ normal normal_ uniform_ exponential_ "
    "multinomial poisson rrelu gumbel_softmax".split()
)
UNREAD = frozenset("clone contiguous to float double half bfloat16 type requires_grad_ __get__ grad_fn".split()) | RESHAPING | IN_PLACE
STEPS_IN_PLACES = frozenset("detach detach_ data round floor ceil trunc sign sgn heaviside frac".split())  # nothing gets back through these
SUSPECTS = STEPS_IN_PLACES | frozenset(
    "div mul __mul__ __rmul__ __truediv__ true_divide clamp clip softmax log_softmax sigmoid tanh hardtanh relu6".split()
)


@dataclass(frozen=True)
class Operation:
    """A function call of the step."""

    index: int  # on a tape of the step
    name: str
    location: Location

    @property
    def said(self) -> str:
        """`round` at line 7, or in `net.2`."""
        where = f" in `{self.location.module}`" if self.location.module else ""
        return f"`{self.name}`" + (f" at line {self.location.line}" if self.location.line is not None else where)


@dataclass(frozen=True)
class Scene:
    """One step on the samples."""

    skippable: tuple[Operation, ...]  # that keep the shape and have no weights; the likeliest blockers first
    ungraded: tuple[Operation, ...]  # run under no_grad, though the loss depends on them
    layers: tuple[Operation, ...]  # with trained weights, that have a part in the loss
    random: tuple[Operation, ...]  # that draw random numbers, masks of dropout aside
    masks: tuple[Operation, ...]  # dropout


def scene_of(tape: Tape, loss: Tensor) -> Scene:
    """The scene that lies on a tape, by where each operation stands before the loss."""
    behind = tape.ancestors(loss)
    reached = [call for call in tape.calls if call.index in behind]
    layers = layers_before(tape, loss)
    after = min((call.index for call in last_layers(tape, loss)), default=0)
    skippable = sorted((c for c in reached if _can_be_left_out(c)), key=lambda c: (c.name not in STEPS_IN_PLACES, c.name not in SUSPECTS, c.index < after, -c.index))
    return Scene(
        tuple(map(_told, _once(skippable))),
        tuple(_told(c) for c in reached if not c.grad_enabled and any(t.requires_grad for t in c.given)),
        tuple(map(_told, layers)),
        tuple(_told(c) for c in tape.calls if c.name in RANDOM),
        tuple(_told(c) for c in reached if c.name in MASKS),
    )  # fmt: skip


def _can_be_left_out(call: Call) -> bool:
    """Whether one tensor goes in and one of the same shape comes out."""
    if call.name in UNREAD or call.name in LOSSES or call.name in MASKS or len(call.given) != 1 or not isinstance(call.output, Tensor):
        return False
    given, output = call.given[0], call.output
    return given is not output and given.shape == output.shape and given.is_floating_point() and output.is_floating_point() and given.ndim > 0


def _once(calls: list[Call]) -> list[Call]:
    """One of each operation at each line."""
    found: dict[tuple[str, str, int | None], Call] = {}
    for call in calls:
        found.setdefault((call.name, call.module, call.line.line if call.line else None), call)
    return list(found.values())


def _told(call: Call) -> Operation:
    return Operation(call.index, call.name, call.location)
