"""`with nbdebug.replaying("step-1234.nbd"): …` around the user's own loop: its first step is the one of the capsule.

For a loop whose loss is its own. The loop runs as it is; only the first batch that a DataLoader gives is exchanged, and the capsule's state
put in at that moment. No code is read from the file.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import dataloader as loaders

from nbdebug.errors import NotFinite, SetupError
from nbdebug.instruments.base import JUDGED, ranked
from nbdebug.instruments.find_nan import Armed
from nbdebug.instruments.replay import draw_from, in_a_loop
from nbdebug.instruments.report import Report, remember
from nbdebug.nonfinite.kept.capsule import Capsule, read
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.random_states import RandomStates
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.kept.training_state import fitting, put_in
from nbdebug.source_lines import users_frame, variables_of
from nbdebug.untouched.process import Setting

MOST_OPTIMIZERS = 4  # of which the order is found by trying; our choice
NO_LOADER = "the loop took no batch from a DataLoader, so it could not be given that of the capsule: use nbdebug.replay(path, batch_loss=...)"


class Replaying:
    """One step of a loop, given to another loop of the same code; afterwards the training is as it was before that step."""

    def __init__(self, capsule: Capsule) -> None:
        self._capsule = capsule
        self._armed: Armed = _ArmedAt(capsule.step)
        self._stack = contextlib.ExitStack()
        self._before: Snapshot | None = None
        self._drawn: list[Any] = []  # the random states before the loop, which a loader draws from before its first batch
        self._device: Any = "cpu"
        self._limits: list[str] = []
        self._seconds = 0.0

    def __enter__(self) -> Replaying:
        self._seconds, self._drawn = time.perf_counter(), RandomStates().read()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._exchanged_batch())  # first, so that the tripwire sees the batch of the capsule
            stack.enter_context(self._armed)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        before, self._before = self._before, None
        with contextlib.ExitStack() as stack:
            if before is not None:
                stack.callback(_written, self._drawn)
                stack.callback(before.restore)
            self._stack.__exit__(kind, error, traceback)
        self._seconds = time.perf_counter() - self._seconds
        if before is None and kind is None:
            raise SetupError(NO_LOADER)
        if isinstance(error, NotFinite):
            error.report = self.report()
        return isinstance(error, NotFinite)  # that is what was wanted

    def report(self) -> Report:
        """Whether it came to the same here, and where the first NaN is born."""
        searched = self._armed.result()
        loss = searched.losses[0] if searched.losses else None
        result = in_a_loop(self._capsule, loss, searched.origin, self._device, self._limits)
        if searched.origin is not None:
            searched = replace(searched, origin=replace(searched.origin, step=self._capsule.step))
        verdicts, findings = JUDGED["find_nan"].judge(searched)
        subject = " · ".join(self._capsule.state["classes"].values())
        return remember(Report(
            "replay", "a failed step, run again", "numbers", result, ranked(findings), verdicts, subject=subject, seconds=self._seconds
        ))  # fmt: skip

    @contextlib.contextmanager
    def _exchanged_batch(self) -> Iterator[None]:
        following, thread = loaders._BaseDataLoaderIter.__next__, threading.get_ident()

        @functools.wraps(following)
        def exchanged(iterator: Any) -> Any:
            if threading.get_ident() != thread:
                return following(iterator)
            if self._before is not None:  # one step is all there is
                raise StopIteration
            following(iterator)
            self._put_in(users_frame(sys._getframe(1)))
            return self._capsule.batch()

        loaders._BaseDataLoaderIter.__next__ = exchanged
        try:
            yield
        finally:
            if loaders._BaseDataLoaderIter.__next__ is exchanged:
                loaders._BaseDataLoaderIter.__next__ = following

    def _put_in(self, frame: FrameType | None) -> None:
        variables = {} if frame is None else {**frame.f_globals, **variables_of(frame)}
        parts = _parts(variables, self._capsule)
        held = [*parts.optimizers, *(v for v in variables.values() if isinstance(v, Optimizer))]  # a first step may not know them yet
        self._before = Snapshot.take(parts.models.values(), {id(o): o for o in held}.values(), parts.scalers)
        self._limits = put_in(parts, self._capsule.state, gradients=True) + draw_from(self._capsule.random_states())
        self._device = next((p.device for p in parts.parameters().values()), "cpu")


def _written(states: list[tuple[Setting, Any]]) -> None:
    for setting, state in states:
        setting.write(state)


class _ArmedAt(Armed):
    """Its first step is that of the capsule, and is called so."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def _error(self) -> NotFinite:
        error = super()._error()
        error.args = (str(error).replace("step 0:", f"step {self._step}:", 1),)
        return error


def replaying(path: str | os.PathLike[str] | Capsule) -> Replaying:
    """The loop in the `with` block begins with the step of a capsule, and ends after it: for a loop whose loss is its own.

        with nbdebug.replaying("step-1234.nbd") as again:
            for inputs, targets in loader:
                ...
        again.report()

    The first batch that a DataLoader gives is that of the capsule, and weights, buffers, optimizers and random states are put in at that
    moment; when the block is left they are as they were. No code is read from the file.

    Args:
        path: the file, or what nbdebug.nonfinite.kept.capsule.read gave.

    Raises:
        CapsuleError: the file is damaged, foreign, or of a newer nbdebug.
        SetupError: the loop does not train the models of the capsule, or takes no batch from a DataLoader.
    """
    return Replaying(path if isinstance(path, Capsule) else read(path))


def _parts(variables: Mapping[str, Any], capsule: Capsule) -> Parts:
    """The loop's models, optimizers and scaler, in the order of the capsule.

    Raises:
        SetupError: they are others.
    """
    names = list(capsule.state["classes"])
    if len(names) == 1:
        from nbdebug.notebook.namespace import discover  # it needs IPython, which importing nbdebug does not

        found = replace(Parts.of(discover(variables, precision="32-true").setup), loss_fn=None)
        scaled = any(scaler["enabled"] for scaler in capsule.state["scalers"])  # else one that lies about is none of the step's
        return fitting(replace(found, optimizers=found.optimizers if capsule.state["optimizers"] else (), scalers=found.scalers if scaled else ()), capsule.state)
    models = {name: variables[name] for name in names if isinstance(variables.get(name), nn.Module)}
    if missing := [name for name in names if name not in models]:
        raise SetupError(f"the step trained {' and '.join(names)}, and the loop has no model of the name {missing[0]}")
    scalers = tuple({id(v): v for v in variables.values() if isinstance(v, torch.amp.GradScaler)}.values())
    wanted, trouble = len(capsule.state["optimizers"]), SetupError("the step had no optimizer")
    held = [v for v in {id(v): v for v in variables.values()}.values() if isinstance(v, Optimizer)][:MOST_OPTIMIZERS]
    for chosen in itertools.permutations(held, min(wanted, len(held))):
        try:
            return fitting(Parts(models, chosen, scalers), capsule.state)
        except SetupError as error:
            trouble = error
    raise trouble
