"""The numbers of one rank's training: a step is begun, heard, and ended; what was seen so far is a result of `watch`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.instruments.watch.constant import Constants
from nbdebug.instruments.watch.curves import LOSS, Curves
from nbdebug.instruments.watch.inventory import plain_optimizer, watched_model
from nbdebug.instruments.watch.ledger import Account
from nbdebug.instruments.watch.numbers import Numbers
from nbdebug.instruments.watch.result import Scheduler, WatchResult
from nbdebug.training.record.layers import Before
from nbdebug.training.trainer.numbers.purse import Purse

WAITING = 256  # losses that wait where they lie
MEMORY = 8 * 2**20  # bytes of the histories: they are written into the run's folder again and again


class Sampling:
    """What was seen of one training, by the names that the user's model gives.

    Args:
        purse: says which steps are looked at.
        before: what was seen before the run was resumed.
    """

    def __init__(self, purse: Purse, before: Before | None = None) -> None:
        self.purse = purse
        self.numbers, self.curves, self.constants = Numbers(memory=MEMORY), Curves(), Constants()
        self.open, self.step = False, 0  # whether a step is heard, and which
        self.steps = 0  # of the run, so far
        self.seen = 0  # steps that were looked at
        self._models: list[Any] = []
        self._accounts: dict[int, Account] = {}
        self._losses: list[tuple[int, Tensor]] = []
        self._cost = self._hooks = 0.0  # of the step that is heard
        self._schedules: tuple[str, ...] = ()
        if before is not None:
            self.steps, self.seen = before.steps, before.seen
            self.numbers.histories().restore(before.rows, before.elements, before.kept)
            for name, track in before.tracks.items():
                for step, value in zip(track.steps, track.values, strict=True):
                    self.curves.tracks.add(name, step, value)

    def know(self, model: nn.Module, prefix: str = "") -> None:
        """A model whose layers and parameters are followed."""
        self._models.append(watched_model(type(model).__name__, model))
        self.numbers.name_model(model, prefix)

    def scheduled(self, kinds: Iterable[str]) -> None:
        """The learning rates are moved by these."""
        self._schedules = tuple(kinds)

    def begin(self, step: int, scale: float = 1.0) -> None:
        """A step is looked at.

        Args:
            step: of the run, from 1.
            scale: by what the loss is multiplied before the backward pass.
        """
        started = time.perf_counter()
        self.open, self.step, self._cost, self._hooks = True, step, 0.0, self.numbers.spent
        self.numbers.begin(step)
        self.numbers.backward_scale(scale)
        self.spend(started)

    def before_step(self, optimizer: Any) -> None:
        """Gradients as the optimizer gets them; a fused one gets them scaled, and is told by how much."""
        started = time.perf_counter()
        scale = getattr(optimizer, "grad_scale", None)
        self.numbers.before_step(optimizer, float(scale) if isinstance(scale, Tensor) else 1.0, self.account(optimizer).name)
        self.spend(started)

    def after_step(self, optimizer: Any) -> None:
        """Weights and updates."""
        started = time.perf_counter()
        self.numbers.after_step(optimizer)
        self.spend(started)

    def spend(self, started: float) -> None:
        """Seconds since then were ours."""
        self._cost += time.perf_counter() - started

    def end(self, step: int) -> None:
        """The step is over."""
        started = time.perf_counter()
        self._note_losses()
        for account in self._accounts.values():
            self.curves.updated(account)
        self.curves.norms(step, self.numbers.end(step))
        self.curves.close(step, sampled=True)
        self.open, self.steps, self.seen = False, step, self.seen + 1
        self.spend(started)
        self.purse.looked(self._cost + self.numbers.spent - self._hooks)

    def updated(self, step: int, loss: Tensor | None, optimizers: Iterable[Any]) -> None:
        """These optimizers stepped; with the loss as it was before."""
        for optimizer in optimizers:
            (self._accounts.get(id(optimizer)) or self.account(optimizer)).steps += 1
        self.steps = step
        if loss is not None:
            self.told(loss)

    def told(self, loss: Tensor) -> None:
        """The loss of the step that is over."""
        self._losses.append((self.steps, loss))
        if len(self._losses) > WAITING:
            self._note_losses()

    def _note_losses(self) -> None:
        waiting, self._losses = self._losses, []
        if waiting:
            losses = [loss if loss.dtype is torch.float32 and not loss.ndim else loss.reshape(()).float() for _, loss in waiting]
            for (step, _), value in zip(waiting, torch.stack(losses).tolist(), strict=True):
                self.curves.tracks.add(LOSS, step, value)

    def account(self, optimizer: Any) -> Account:
        """What is known of an optimizer; two of one kind are numbered."""
        known = self._accounts.get(id(optimizer))
        if known is None:
            kind = type(optimizer).__name__
            alike = sum(type(account.optimizer).__name__ == kind for account in self._accounts.values())
            known = self._accounts[id(optimizer)] = Account(f"{kind} {alike + 1}" if alike else kind, optimizer)
            known.refresh()
        return known

    def result(self, *, tensors: bool = True) -> WatchResult:
        """What was seen so far. Steps are those of the run, the first of which is 1."""
        self._note_losses()
        accounts = [account for account in self._accounts.values() if account.steps]
        spent, seconds = self.purse.spent, self.purse.passed
        return WatchResult(
            steps=self.steps + 1, every=max(1, round(self.steps / max(1, self.seen))), seconds=seconds,
            overhead=spent / (seconds - spent) if seconds > spent > 0 else None,
            models=tuple(model.plain(accounts) for model in self._models),
            optimizers=tuple(plain_optimizer(account, self.numbers.name_of) for account in accounts),
            schedulers=tuple(Scheduler(kind, kind, account.name, account.steps, {}) for account in accounts for kind in self._schedules),
            constants=self.constants.plain(), tracks=self.curves.plain(),
            tensors=self.numbers.tensor_tracks() if tensors else (), units=self.numbers.unit_tracks(), limits=self._limits(),
        )  # fmt: skip

    def _limits(self) -> tuple[str, ...]:
        said = [f"inside {model.name}: {model.invisible}" for model in self._models if model.invisible]
        return (*said, *(f"{name} was left out of the histograms: {reason}" for name, reason in list(self.numbers.left_out.items())[:8]))

    def release(self) -> None:
        """Lets go of everything of the user's."""
        self.numbers.release()
        self.curves.release()
        self._models, self._accounts = [], {}
