"""The layers of a loop of the user's own, `train_fn(ctx)`: heard by hooks on the models that went through `ctx.wrap`, and on all optimizers.

Torch is not tapped here: where one step ends and the next begins is known only inside an optimizer's step, when no tap can be put on or off.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from nbdebug.instruments.placing import placed
from nbdebug.training.rank.snapshot import unwrapped
from nbdebug.training.trainer.numbers.judging import Judging
from nbdebug.training.trainer.numbers.purse import Purse
from nbdebug.training.trainer.numbers.sampling import Sampling

if TYPE_CHECKING:
    from nbdebug.training.rank.context import Context

LOSSES = ("loss", "train_loss")  # names under which a loop tells its loss by ctx.log
COMPILED = "something was compiled here, and a hook would have it compiled anew: only parameters and gradients are seen"
UNWRAPPED = "no model went through ctx.wrap: only parameters and gradients are seen"


class OwnLoop:
    """Follows what the optimizers of one rank move. A step is one of the optimizer that stepped first.

    Args:
        every: of the configuration; None: as often as a share of the time allows.
    """

    def __init__(self, context: Context, every: int | None) -> None:
        self._context, self._thread = context, threading.get_ident()
        self._sampling = Sampling(Purse(every))
        self._judging = Judging(self._sampling, context, self._placed, known=context.resume is None)
        self._first: weakref.ref[Any] | None = None  # the optimizer that stepped first
        self._met = 0  # models that were wrapped
        self._known: list[nn.Module] = []
        self._handles: list[Any] = []
        self._undo: Callable[[], None] | None = None

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """Follows the loop that runs inside."""
        self._handles = [register_optimizer_step_pre_hook(self._before), register_optimizer_step_post_hook(self._after)]
        self._context.heard.append(self._told)
        try:
            yield
        finally:
            for handle in self._handles:
                handle.remove()
            self._context.heard.remove(self._told)
            if not self._known:
                self._sampling.numbers.left_out.setdefault("the model", COMPILED if _compiled() else UNWRAPPED)
            self._judging.close()
            self._sampling.release()

    # -- hooks --------------------------------------------------------------------------------------------------------

    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._sampling.open and threading.get_ident() == self._thread:
            self._sampling.before_step(optimizer)

    def _after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        sampling, first = self._sampling, self._first() if self._first is not None else None
        if sampling.open:
            sampling.after_step(optimizer)
        if first is None:
            first, self._first = optimizer, weakref.ref(optimizer)
        if optimizer is not first:
            sampling.updated(sampling.steps, None, (optimizer,))
            return
        step = sampling.steps + 1
        sampling.updated(step, None, (optimizer,))
        if sampling.open:
            sampling.end(step)
            self._judging.looked()
        self._meet()
        if sampling.purse.due(step + 1):
            scaler = self._context.scaler
            sampling.begin(step + 1, float(scaler.get_scale()) if scaler.is_enabled() else 1.0)

    def _told(self, metrics: dict[str, float]) -> None:
        """What the loop tells of itself."""
        loss = next((metrics[name] for name in LOSSES if name in metrics), None)
        if loss is not None and self._sampling.steps:
            self._sampling.told(torch.tensor(loss, dtype=torch.float32))

    def _enter(self, model: nn.Module, args: Any) -> None:
        if self._sampling.open and self._undo is None and torch.is_grad_enabled() and threading.get_ident() == self._thread:
            started = time.perf_counter()
            self._undo = self._sampling.numbers.listen(model)
            self._sampling.spend(started)

    def _leave(self, model: nn.Module, args: Any, output: Any) -> None:
        if self._undo is not None and threading.get_ident() == self._thread:
            undo, self._undo = self._undo, None
            undo()

    # -- models -------------------------------------------------------------------------------------------------------

    def _meet(self) -> None:
        """Hooks on models that were wrapped since the last step."""
        if self._met == len(self._context.wrapped) or _compiled():
            return
        self._met = len(self._context.wrapped)
        several = self._met > 1
        for model in map(unwrapped, self._context.wrapped):
            if not any(known is model for known in self._known):
                self._known.append(model)
                self._sampling.know(model, f"{type(model).__name__}: " if several else "")
                self._handles += [model.register_forward_pre_hook(self._enter), model.register_forward_hook(self._leave, always_call=True)]

    def _placed(self, found: list[Any]) -> Any:
        return placed(found, *self._known)


def _compiled() -> bool:
    """Whether torch.compile has compiled anything in this process."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    return bool(dynamo is not None and dynamo.counters["stats"].get("unique_graphs"))


@contextlib.contextmanager
def followed(context: Context) -> Iterator[None]:
    """Looks at the layers of the loop inside, in rank 0, as the configuration says."""
    told = context.config.watch
    if not context.is_main or told.layers is None:
        yield
        return
    with OwnLoop(context, told.layers if isinstance(told.layers, int) else None).followed():
        yield
