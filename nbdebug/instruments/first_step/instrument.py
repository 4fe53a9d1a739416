"""One guarded training step, then the same step again and again with one thing changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import loading
from nbdebug.batch import describe, tensors
from nbdebug.counterfactual import Counterfactual, trainable
from nbdebug.crash import NOT_OF_A_CALL, Crash, Mend, explained
from nbdebug.errors import NbdebugError, SetupError, StepError
from nbdebug.findings import Location
from nbdebug.instruments.base import instrument
from nbdebug.instruments.first_step.affine import stacks
from nbdebug.instruments.first_step.by_hand import difference
from nbdebug.instruments.first_step.chosen import ids_of, raw_choices
from nbdebug.instruments.first_step.clipped import clipped
from nbdebug.instruments.first_step.columns import columns
from nbdebug.instruments.first_step.contained import contained
from nbdebug.instruments.first_step.dependence import dependence
from nbdebug.instruments.first_step.direction import outputs_and_targets, pulls
from nbdebug.instruments.first_step.doubled import doubled
from nbdebug.instruments.first_step.flat import flats
from nbdebug.instruments.first_step.future import future
from nbdebug.instruments.first_step.grades import order_of
from nbdebug.instruments.first_step.hearing import unheard
from nbdebug.instruments.first_step.heavy import heavy
from nbdebug.instruments.first_step.kept import kept
from nbdebug.instruments.first_step.linear_map import linear_map
from nbdebug.instruments.first_step.misfits import misfits
from nbdebug.instruments.first_step.modes import modes, used_at_times, used_by_others
from nbdebug.instruments.first_step.noise import noise, noise_of_loader
from nbdebug.instruments.first_step.operators import broadcasts, softmaxes
from nbdebug.instruments.first_step.order import orderless
from nbdebug.instruments.first_step.padded import only_padding
from nbdebug.instruments.first_step.positions import deaf
from nbdebug.instruments.first_step.ragged import ragged
from nbdebug.instruments.first_step.reach import with_reach
from nbdebug.instruments.first_step.repeated import repeated
from nbdebug.instruments.first_step.result import FirstStep, ParameterRow
from nbdebug.instruments.first_step.siblings import twins_apart
from nbdebug.instruments.first_step.single import singles
from nbdebug.instruments.first_step.skipped import skipped
from nbdebug.instruments.first_step.stale import stale
from nbdebug.instruments.first_step.summed import summed
from nbdebug.instruments.first_step.tied import untied
from nbdebug.instruments.first_step.twice import twice
from nbdebug.instruments.first_step.unasked import unasked
from nbdebug.instruments.first_step.unloaded import unloaded
from nbdebug.instruments.first_step.unordered import unordered
from nbdebug.instruments.first_step.wiring import borrowed_leaves, wiring
from nbdebug.listening import Call, Tape
from nbdebug.loss_call import REGRESSION, loss_calls, name_of_loss
from nbdebug.training_setup import TrainingSetup

SUSPICIOUS = 3.0  # times the loss of chance
MENDS = {  # words of a SetupError → what helps
    "there is no loss": "pass loss_fn=, or batch_loss=",
    "no targets that nbdebug knows": "pass batch_loss=lambda setup, batch: ...",
    "cannot tell inputs from targets": "pass batch_loss=lambda setup, batch: ...",
    "must be one real number": "reduce the loss: reduction='mean', or .mean()",
}
TINY = 0.01  # weights so small, whatever they are, make predictions that know next to nothing


@instrument("train_loader", title="first step", level="code", result=FirstStep)
def first_step(setup: TrainingSetup) -> Iterator[FirstStep]:
    """One guarded training step: wiring, shapes, loss, what depends on what.

    Does it run, is the loss what chance gives, does every parameter get its gradient and its update, does one
    sample's output depend on another's, does evaluation behave like training?

    Yields ever fuller results; no weight is moved.
    """
    with Tape(setup.model) as reading:
        delivered = next(loading.read(setup.train_loader))
    of_loader = noise_of_loader(reading)
    del reading
    batch = setup.moved(delivered.batch)
    count = len(delivered.indices) if delivered.indices is not None else None
    found = FirstStep(
        describe(delivered.batch), optimizers=len(setup.optimizers), integer_targets=_integer_targets(delivered.batch)
    )
    with Tape(setup.model) as tape:
        loss, error = _loss(setup, batch)
    crash = _crash(setup, batch, error, _phase(tape)) if error is not None else None
    found = replace(found, losses=tuple(with_reach(tape, loss_calls(tape))), loss_name=name_of_loss(setup, tape), misfits=misfits(tape), crash=crash)
    if loss is not None and (written := difference(tape, batch, loss)) is not None:
        found = replace(found, losses=(*found.losses, written))
    if any(call.name in (*REGRESSION, "difference") and call.target_integral for call in found.losses):
        found = replace(found, order=order_of(setup.train_loader))
    if loss is None:
        yield replace(found, broadcasts=broadcasts(tape, batch))
        return
    with borrowed_leaves(tape):
        found = replace(found, pulls=pulls(setup, delivered.batch, tape, loss))
        found = replace(found, misfits=(*found.misfits, *raw_choices(tape, loss, ids_of(delivered.batch, batch))) if loss.requires_grad else found.misfits)
        if loss.requires_grad and (silent := unasked(tape, loss, *outputs_and_targets(setup, batch, tape))) is not None:
            found = replace(found, misfits=(*found.misfits, silent))
        flat = flats(tape, loss) if loss.requires_grad else []
        crash = _backward(setup, batch, loss)
        found = replace(found, crash=crash, loss=float(loss.detach()), loss_wants_gradient=loss.requires_grad)
        if crash is None:
            found = replace(found, **wiring(setup, batch, tape, loss, flat))
    if any(p.trainable and not p.used and not p.mentioned for p in found.parameters):
        found = replace(found, parameters=_used_at_times(setup, batch, found.parameters))
    if idle := {p.name for p in found.parameters if p.trainable and not p.used}:
        chosen = used_by_others(setup, idle)
        found = replace(found, parameters=tuple(replace(row, chosen=row.name in chosen) for row in found.parameters))
    found = replace(found, skipped=skipped(setup, tape, idle))
    found = replace(found, loss_of_small_weights=_loss_of_small_weights(setup, batch, found))
    high = next((call for call in found.losses if call.chance and call.value > SUSPICIOUS * call.chance), None)
    found = replace(found, heavy=heavy(setup, batch, high, tape) if high is not None else None)
    found = replace(found, broadcasts=broadcasts(tape, batch), softmaxes=softmaxes(tape), singles=singles(tape), twice=twice(tape, loss), born_at=_born_at(tape, loss))
    yield found
    found = replace(found, dependence=dependence(setup, tape, count), deaf=deaf(setup, tape, count), only_padding=only_padding(setup, tape, count), clipped=clipped(setup, tape))
    yield found
    found = replace(found, doubled=doubled(setup, batch, tape, found.dependence.unused_inputs))
    found = replace(found, unheard=unheard(setup, tape, count), orderless=orderless(setup, tape, count), contained=contained(setup, batch, tape), columns=columns(setup, tape, count))
    yield found
    if found.orderless is None and found.deaf is None and found.dependence.leak == 0:
        found = replace(found, unordered=unordered(setup, tape, count))
    yield found
    found = replace(found, modes=modes(setup, batch, tape))
    yield found
    found = replace(found, repeated=repeated(setup.model, tape), untied=(*untied(setup.model), *twins_apart(setup.model, tape), *stale(setup.model, tape)), unloaded=unloaded(setup.model), kept=kept(setup.model), stacks=stacks(setup.model, tape))
    if not any(stack.sure for stack in found.stacks) and (all_of_it := linear_map(setup, tape)) is not None:
        found = replace(found, stacks=(all_of_it,))
    yield found
    found = replace(found, future=future(setup, batch, tape), summed=summed(setup, batch, tape), noise=(*of_loader, *noise(tape)))
    yield found
    del tape
    yield replace(found, ragged=ragged(setup, batch, lambda other, error: _crash(setup, other, error, "forward")))


def _integer_targets(batch: Any) -> bool:
    """Whether the last tensor of the batch, where loaders put targets, holds integers."""
    held = [tensor for _, tensor in tensors(batch)]
    return len(held) > 1 and not held[-1].is_floating_point()


def _loss(setup: TrainingSetup, batch: Any) -> tuple[Tensor | None, NbdebugError | None]:
    try:
        return setup.loss(batch), None
    except (StepError, SetupError) as error:  # SetupError: no loss, or not one number; the step does not run either
        return None, error


def _backward(setup: TrainingSetup, batch: Any, loss: Tensor) -> Crash | None:
    if not loss.requires_grad:
        return None
    try:
        setup.backward(loss)
    except NbdebugError as error:
        return _crash(setup, batch, error, "backward")
    return None


def _phase(tape: Tape) -> str:
    root = tape.root
    if root is None:
        return "inputs"
    return "loss" if root.returned else "forward"


def _crash(setup: TrainingSetup, batch: Any, error: NbdebugError, phase: str) -> Crash:
    if isinstance(error, SetupError):
        mends = tuple(Mend(mend, "", "", NOT_OF_A_CALL) for words, mend in MENDS.items() if words in str(error))
        return Crash(phase, type(error).__name__, str(error), given=describe(batch), mends=mends)
    return explained(error, phase=phase, again=lambda: _whole_step(setup, batch))


def _whole_step(setup: TrainingSetup, batch: Any) -> None:
    loss = setup.loss(batch)
    if loss.requires_grad:
        setup.backward(loss)


def _used_at_times(setup: TrainingSetup, batch: Any, rows: tuple[ParameterRow, ...]) -> tuple[ParameterRow, ...]:
    """Marks what this step left out and another one takes: layers dropped at random, or run in eval mode only."""
    taken = used_at_times(setup, batch)
    return tuple(replace(row, mentioned=row.mentioned or row.name in taken) for row in rows)


def _loss_of_small_weights(setup: TrainingSetup, batch: Any, found: FirstStep) -> float | None:
    """Tells a loss that is high for its weights from one that is high by design, such as scaled cosines (ArcFace)."""
    if not any(call.chance and call.value > SUSPICIOUS * call.chance for call in found.losses):
        return None
    try:
        return Counterfactual(setup, batch).value({name: p.detach() * TINY for name, p in trainable(setup.model)})
    except (NbdebugError, RuntimeError):
        return None


def _born_at(tape: Tape, loss: Tensor) -> Location | None:
    """The first call on the way to a loss that is NaN (or Inf) that gives NaN (or Inf), and was not given any."""
    broken = torch.isnan if bool(loss.isnan()) else torch.isinf

    def holds(given: list[Tensor]) -> bool:
        return any(bool(broken(t.detach()).any()) for t in given if t.is_floating_point() and t.layout == torch.strided)

    if not holds([loss]):
        return None
    ways = (tape.calls[index] for index in sorted(tape.ancestors(loss)))
    return next((call.location for call in ways if holds(call.outputs()) and not holds(_activations(call))), None)


def _activations(call: Call) -> list[Tensor]:
    return [tensor for tensor in call.inputs() if not isinstance(tensor, nn.Parameter)]


def is_finite(value: float | None) -> bool:
    """Whether a loss is a number one can train with."""
    return value is not None and bool(torch.isfinite(torch.tensor(value)))
