"""One attempt: the same samples again and again, and the loss read every few steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import own_copy
from nbdebug.coming_rates import coming_rates
from nbdebug.counterfactual import in_training_mode, trainable
from nbdebug.errors import NbdebugError
from nbdebug.instruments.overfit.floor import Floor, Listening, accuracy
from nbdebug.instruments.overfit.result import Attempt
from nbdebug.seeding import seed_torch
from nbdebug.stepping import own_adam, owned, update
from nbdebug.training_setup import TrainingSetup
from nbdebug.unmasked import without_dropout
from nbdebug.untouched import untouched

EVERY = 5  # steps between two readings
ENOUGH = 0.9  # of the way from the first loss to the floor: memorised
RIGHT_ANYWAY = 0.3  # of the way that counts as memorised when all classes are right: bounded logits cannot go further
SMOOTHED = 5  # readings that are averaged where the loss draws something anew each time
HOPELESS = (60, 0.02)  # steps, and share of the way: an experiment that has not got so far by then is given up; our choice
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)

Step = Callable[[Callable[[], Tensor], Tensor], None]  # takes the loss to ask again, and the loss of now


@dataclass(frozen=True)
class Task:
    """The samples, and what is known of their loss."""

    setup: TrainingSetup
    batch: Any
    count: int
    steps: int
    floor: Floor = Floor(None)
    reference: float | None = None  # the loss from which the way to the floor is measured; None: the first of an attempt

    def loss(self) -> Tensor:
        return self.setup.loss(own_copy(self.batch))


def attempt(
    task: Task, name: str, stepper: Callable[[], Step], loss_of: Callable[[], Tensor] | None = None, *, give_up: bool = False
) -> Iterator[Attempt]:
    """Trains, and yields the attempt so far with every reading; inside `untouched(setup, weights=True)`."""
    seed_torch(0)
    loss_of, step, taken = loss_of or task.loss, stepper(), []
    for number in range(task.steps + 1):
        loss = None
        if number % EVERY == 0 or number == task.steps:
            with Listening() as heard:
                loss = loss_of()
            taken.append((number, float(loss.detach()), accuracy(heard.seen)))
            so_far = _described(name, taken, task)
            yield so_far
            if so_far.memorised or not math.isfinite(taken[-1][1]) or number == task.steps:
                break
            if give_up and number >= HOPELESS[0] and so_far.progress < HOPELESS[1]:
                break
        loss = loss_of() if loss is None else loss
        if not loss.requires_grad:
            raise NbdebugError("the loss has no graph, so nothing can be learnt: is everything frozen, or a .detach() in the way? nbdebug.first_step tells")
        step(loss_of, loss)
    if not so_far.memorised and math.isfinite(taken[-1][1]) and any(m.p > 0 for m in dropouts(task.setup)):
        yield _calmly(task, so_far)


def tried(task: Task, name: str, stepper: Callable[[], Step]) -> Iterator[Attempt]:
    """An attempt on the borrowed setup, which is afterwards as before."""
    with untouched(task.setup, weights=True):
        in_training_mode(task.setup)
        yield from attempt(task, name, stepper)


def dropouts(setup: TrainingSetup) -> list[nn.Module]:
    return [m for m in setup.model.modules() if isinstance(m, DROPOUTS)]


def unmasked(task: Task) -> Callable[[], Tensor]:
    """Its loss with every mask of dropout left out."""

    def loss() -> Tensor:
        with without_dropout(task.setup.model):
            return task.loss()

    return loss


def _calmly(task: Task, attempt: Attempt) -> Attempt:
    """The same with the loss that is left without dropout: what is hidden by its noise may be known by heart."""
    with torch.no_grad(), Listening() as heard:
        calm = float(unmasked(task)())
    if not math.isfinite(calm):
        return attempt
    progress, right = _progress(task, attempt.losses[0], calm), accuracy(heard.seen) == 1.0
    known = task.floor.value is not None and (progress >= ENOUGH or (right and progress >= RIGHT_ANYWAY))
    return replace(attempt, calm=calm, progress=max(progress, attempt.progress), memorised=known)


def _described(name: str, taken: list[tuple[int, float, float | None]], task: Task) -> Attempt:
    losses = [loss for _, loss, _ in taken]
    level = _smoothed(losses) if task.floor.noisy else losses
    best = min((i for i, loss in enumerate(level) if math.isfinite(loss)), key=level.__getitem__, default=0)
    progress, share = _progress(task, losses[0], level[best]), taken[best][2]
    right = share == 1.0 and progress >= RIGHT_ANYWAY
    return Attempt(
        name, tuple(n for n, _, _ in taken), tuple(losses), progress, share,
        memorised=len(taken) > 1 and (progress >= ENOUGH or right),
    )  # fmt: skip


def _smoothed(losses: list[float]) -> list[float]:
    """Means of so many neighbours; infinite where there are not as many yet."""
    means = [sum(losses[i + 1 - SMOOTHED : i + 1]) / SMOOTHED if i + 1 >= SMOOTHED else math.inf for i in range(len(losses))]
    return means if len(losses) >= SMOOTHED else [losses[0]]


def _progress(task: Task, first: float, best: float) -> float:
    """Share of the way from the first loss to the floor; to zero when the floor is not known."""
    first = first if task.reference is None else task.reference
    way = first - (task.floor.value or 0.0)
    return max(0.0, (first - best) / way) if math.isfinite(first) and way > 0 else 0.0


# -- the ways to step -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OwnAdam:
    """Adam over what the user's optimizers own, without his scaler."""

    setup: TrainingSetup
    rate: float
    names: frozenset[str] | None = None  # of the parameters to train; None: those that the optimizers own

    def __call__(self) -> Step:
        mine = owned(self.setup) if self.names is None else [p for n, p in trainable(self.setup.model) if n in self.names]
        step = own_adam(self.setup, mine, self.rate)
        return lambda again, loss: step(loss)


def users_step(setup: TrainingSetup) -> Callable[[], Step]:
    """A step of the user's optimizers; LBFGS and its like get the closure that they ask for."""

    def step(again: Callable[[], Tensor], loss: Tensor) -> None:
        setup.backward(loss)
        update(setup, again)

    return lambda: step


def rates(setup: TrainingSetup, factor: float = 1.0) -> str:
    """The learning rate of each optimizer's first group, times a factor; where its schedule warms up, that which it reaches."""
    coming = {id(group): rate for group, rate in coming_rates(setup)}
    return ", ".join(f"{coming[id(group)] * factor:g}" for o in setup.optimizers for group in o.param_groups[:1] if id(group) in coming)
