"""The training step as a function of its weights and inputs, in double precision: the same every time it is asked.

Random states, buffers and attributes are put back between any two evaluations, so that dropout draws the same masks and
batch-norm reads the same statistics.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.errors import NbdebugError
from nbdebug.instruments.gradcheck.doubled import Doubled, wider
from nbdebug.instruments.gradcheck.functions import Call, Watched, user_functions
from nbdebug.instruments.gradcheck.held import Held, Record
from nbdebug.instruments.gradcheck.hooks import HookCall, Hooked, silenced
from nbdebug.instruments.gradcheck.saved import Saved
from nbdebug.training_setup import PRECISIONS, TrainingSetup
from nbdebug.untouched import keepers
from nbdebug.untouched.aside import Loan
from nbdebug.untouched.session import Session
from nbdebug.untouched.walk import session_of

STATE = (keepers.buffers, keepers.attributes, keepers.random_state)  # what a forward pass may move
NO_SCALE = 0.1  # root mean square taken for weights that are all zero, such as fresh biases; our choice


@dataclass(eq=False)
class Point:
    """One place in the space of weights and inputs, with its loss and what backward says there."""

    loss: float
    gradients: dict[str, Tensor | None]
    record: Record
    calls: list[Call] = field(default_factory=list)
    hooks: list[HookCall] = field(default_factory=list)
    root: Any = None  # the graph's last node, for asking what lies behind a call


class Trial:
    """A step that can be asked for its loss and its gradients again and again.

    Args:
        setup: a borrowed training; its weights are written to.
        batch: one batch, as the loader gave it.
        wide: whether to compute in double precision.
    """

    def __init__(self, setup: TrainingSetup, batch: Any, *, wide: bool = True) -> None:
        self.setup = dataclasses.replace(setup, scaler=None, **({"precision": "64-true"} if wide else {}))
        self.wide = wide
        self.epsilon = torch.finfo(torch.float64 if wide else _coarsest(setup)).eps
        self.session = session_of(self.setup, weights=True)
        self.functions: list[Any] = []
        self._doubled = Doubled(self.session) if wide else None
        self.parameters = dict(_differentiable(self.session))
        silenced(self.parameters)
        self.batch = batches.map_tensors(wider if wide else torch.Tensor.detach, self.setup.moved(batch))
        self.inputs = _inputs(self.setup, self.batch)
        self.leaves = {**self.parameters, **self.inputs}
        self.home = {name: leaf.data for name, leaf in self.leaves.items()}
        self.base = {name: data.clone() for name, data in self.home.items()}

    def narrow_again(self) -> None:
        """Gives the parameters their own precision back, value for value."""
        if self._doubled is not None:
            self._doubled.undo()

    # -- asking ----------------------------------------------------------------------------------------------------

    def point(self, *, hooks: bool = True, saved: Saved | None = None) -> Point:
        """Loss and gradients at the present place.

        Args:
            hooks: whether the user's gradient hooks take part.
            saved: looks at what the graph saves, and may hand backward the untouched values.
        """
        record, calls = Record(), []
        self.functions = user_functions()  # a forward may define some
        listening = Hooked(self.parameters, self.session.modules, silent=not hooks)
        held = Held(record, recording=True, wide=self.wide, on_hook=listening.inside)
        widening = Held(None, wide=self.wide)
        for leaf in self.leaves.values():
            leaf.grad = None
        with self.as_it_was(), listening, Watched(self.functions, held, calls):
            with held, saved or contextlib.nullcontext():
                loss = self.setup.loss(self.fresh_batch())
            root = loss.grad_fn
            if root is not None:
                if saved is not None:
                    saved.look(record)
                with widening:
                    self.setup.backward(loss)
        gradients = {name: None if leaf.grad is None else _dense(leaf.grad.detach()) for name, leaf in self.leaves.items()}
        for leaf in self.leaves.values():
            leaf.grad = None
        self._restore(record)
        return Point(float(loss.detach()), gradients, record, calls, listening.changed, root)

    def loss(self, point: Point, moves: dict[str, Tensor], *, held: Held | None = None) -> float:
        """The loss with some leaves moved; NaN when the step then goes another way, or fails.

        Args:
            held: what is held fixed; None: all that backward takes for a constant.
        """
        held = Held(point.record, wide=self.wide) if held is None else held
        for name, move in moves.items():
            self.home[name].copy_(self.base[name] + move)
        try:
            with self.as_it_was(), Watched(self.functions, held), held:
                found = self.setup.loss(self.fresh_batch())
        except NbdebugError:
            return math.nan
        finally:
            self._restore(point.record, *moves)
        return math.nan if held.strayed else float(found.detach())

    @contextlib.contextmanager
    def moved_by(self, moves: dict[str, Tensor]) -> Iterator[None]:
        """Another base for the time of a `with` block."""
        kept = self.base
        self.base = {name: base + moves[name] if name in moves else base for name, base in kept.items()}
        self._restore(Record(writes=True))
        try:
            yield
        finally:
            self.base = kept
            self._restore(Record(writes=True))

    def size(self, name: str) -> float:
        """Root mean square of a leaf's values."""
        values = self.base[name]
        size = float(values.abs().square().mean().sqrt()) if values.numel() else 0.0
        return size if math.isfinite(size) and size > 0 else NO_SCALE

    # -- the borrowed state ------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def as_it_was(self) -> Iterator[None]:
        """Buffers, attributes and random states are as before when the block ends."""
        session = dataclasses.replace(self.session, loan=Loan())  # its clones are written to, and used once
        with contextlib.ExitStack() as stack:
            for keeper in STATE:
                stack.callback(keeper(session))
            yield

    def _restore(self, record: Record, *names: str) -> None:
        for name in self.leaves if record.writes else names:
            leaf, home = self.leaves[name], self.home[name]
            if leaf.data_ptr() != home.data_ptr():
                leaf.data = home
            home.copy_(self.base[name])

    def fresh_batch(self) -> Any:
        """The batch with copies that a forward may write to; inputs are attached to their leaves."""
        copies: dict[int, Tensor] = {}

        def copied(tensor: Tensor) -> Tensor:
            if id(tensor) not in copies:
                copies[id(tensor)] = tensor.clone() if tensor.requires_grad else tensor.detach().clone()
            return copies[id(tensor)]

        return batches.map_tensors(copied, self.batch)


def _differentiable(session: Session) -> Iterator[tuple[str, Tensor]]:
    """What a training moves, by the names everybody knows; stale parameters that only an optimizer holds are left out."""
    for name, parameter in session.parameters.items():
        known = not name.startswith("optimizer")
        if known and parameter.requires_grad and not parameter.is_meta and (parameter.is_floating_point() or parameter.is_complex()):
            yield name, parameter


def _inputs(setup: TrainingSetup, batch: Any) -> dict[str, Tensor]:
    """The floating tensors that go into the model, made leaves that want a gradient."""
    given = batch
    if setup.batch_loss is None:
        call = batches.split(batch, setup.model)
        given = (call.args, call.kwargs)
    ids = {id(t) for _, t in batches.tensors(given) if t.is_floating_point() or t.is_complex()}
    found = {f"batch{path}": t for path, t in batches.tensors(batch) if id(t) in ids and t.numel()}
    for tensor in found.values():
        tensor.requires_grad_()
    return found


def _coarsest(setup: TrainingSetup) -> torch.dtype:
    """The precision in which a step is computed when it is not made double."""
    dtypes = {p.dtype for p in setup.model.parameters() if p.is_floating_point()} | {PRECISIONS[setup.precision] or torch.float32}
    return max(dtypes, key=lambda dtype: torch.finfo(dtype).eps)


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.layout != torch.strided else gradient
