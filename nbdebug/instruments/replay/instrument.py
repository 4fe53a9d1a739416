"""A step from a capsule, run again: whether it gives the same bits here, and where its first NaN is born."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from nbdebug.instruments.base import JUDGED, Instrument
from nbdebug.instruments.replay.result import (
    GRADIENTS,
    Compared,
    Replayed,
    compared_births,
    mended_step,
    of_this_loss,
    shown_number,
    surroundings_of,
)
from nbdebug.nonfinite.kept.capsule import Capsule
from nbdebug.nonfinite.kept.fingerprint import Fingerprint, bits_of
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.random_states import RandomStates
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.kept.training_state import fitting, put_in
from nbdebug.nonfinite.origin import Origin
from nbdebug.nonfinite.trace.step import Trace
from nbdebug.nonfinite.update import update_origin
from nbdebug.training_setup import TrainingSetup


class _Replay(Instrument):
    """Called with a capsule besides the setup, and judged as any search for a NaN; it is no rung of a ladder, so not on the list."""

    def judge(self, result: Replayed) -> Any:
        return JUDGED["find_nan"].judge(result.search())


def _measure(setup: TrainingSetup, *, capsule: Capsule) -> Replayed:
    """The capsule's step, run in a borrowed setup which it fits."""
    return _Again(setup, capsule).run()


_measure.__name__ = "replay"
replayed = _Replay(_measure, needs=(), trains=True, title="a failed step, run again", level="numbers", result=Replayed)


class _Again:
    """One capsule in one borrowed setup."""

    def __init__(self, setup: TrainingSetup, capsule: Capsule) -> None:
        self._setup, self._capsule, self._parts = setup, capsule, fitting(Parts.of(setup), capsule.state)
        self._models = tuple(self._parts.models.values())
        self._start = Snapshot(self._models, setup.optimizers, self._parts.scalers)
        self._limits: list[str] = []
        self._finite: float | None = None  # the loss, when everything that the step made is finite

    def run(self) -> Replayed:
        """Plainly, for the bits, and then operator by operator."""
        compared = self._plainly(gradients=False)
        if self._capsule.state["gradients"] and not all(pair.same for pair in compared):  # it may have added to what was there
            with_those = self._plainly(gradients=True)
            compared = with_those if all(pair.same for pair in with_those) else self._plainly(gradients=False)
        self._start.restore()
        found, stored = self._traced(), self._capsule.origin
        compared += compared_births(stored, found)
        same, around = all(pair.same for pair in compared), surroundings_of(self._capsule, self._setup.device, self._setup.precision)
        mended = "" if same else mended_step(self._capsule, self._finite, found)
        told = same or self._capsule.of == "setup" or bool(mended and of_this_loss(self._capsule))
        return Replayed(
            self._capsule.path, self._capsule.bytes, self._capsule.step, tuple(compared), around, stored, found,
            tuple(self._limits), () if told else tuple(self._capsule.sources.items()), mended,
        )  # fmt: skip

    def _stand_before_it(self, *, gradients: bool) -> Any:
        """Puts everything in; what is returned is the batch."""
        capsule = self._capsule
        self._limits = [*capsule.limits, *put_in(self._parts, capsule.state, gradients=gradients), *draw_from(capsule.random_states())]
        batch = self._setup.moved(capsule.batch())
        self._start.renew(batch, copy_batch=True)
        return batch

    def _plainly(self, *, gradients: bool) -> list[Compared]:
        setup, capsule = self._setup, self._capsule
        loss = setup.loss(self._stand_before_it(gradients=gradients))
        compared = [Compared("loss", shown_number(capsule.loss), shown_number(bits_of(loss)))] if capsule.loss else []
        if capsule.tripped != "loss" and loss.requires_grad:
            setup.backward(loss)
            if capsule.fingerprint.gradients:
                compared.append(Compared(GRADIENTS, capsule.fingerprint.gradients, Fingerprint.of(self._parts).gradients))
        if capsule.tripped == "weights" and any(isinstance(optimizer, torch.optim.LBFGS) for optimizer in setup.optimizers):
            self._limits.append("LBFGS asks for the loss several times in one update, which is not repeated")
        elif capsule.tripped == "weights" and setup.optimizers:
            setup.step()
            compared.append(Compared("weights after the update (sha256)", capsule.fingerprint.weights, Fingerprint.of(self._parts).weights))
        self._finite = float(loss.detach()) if self._is_finite() else None
        return compared

    def _is_finite(self) -> bool:
        """Of weights and gradients, as the step left them."""
        held = [t for p in self._parts.parameters().values() for t in (p, p.grad) if t is not None]
        return all(bool(t.detach().isfinite().all()) for t in held if not t.is_meta and t.layout == torch.strided)

    def _traced(self) -> Origin | None:
        setup, capsule = self._setup, self._capsule
        if capsule.of == "setup":  # which find_nan looks through at scale 1, a loop as it scales itself
            setup = replace(setup, scaler=None)
        batch = self._start.batch
        with Trace(self._models, batch=batch, indices=capsule.indices, scale=setup.scale()) as trace:
            loss = setup.loss(batch)
            if loss.requires_grad:
                setup.backward(loss)
        origin = trace.origin(capsule.step)
        if origin is None and capsule.tripped == "weights" and setup.optimizers:
            origin = update_origin(setup.optimizers, self._start, self._parts.names(), capsule.step)
        return origin


def draw_from(states: dict[str, Any]) -> list[str]:
    """Puts the random states in force; those that this process does not have are told."""
    here = {setting.name: setting for setting, _ in RandomStates().read()}
    for name, state in states.items():
        if name in here:
            here[name].write(state)
    return [f"{name} cannot be put back here: what the step drew from it will differ" for name in states if name not in here]
