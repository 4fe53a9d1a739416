"""The tools that show what a training does inside: each gives the step as it is with the tool, for as long as it is attached."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from _watched_trainings import Step, Training
from torch import Tensor, nn

import nbdebug
from nbdebug.instruments.watch.numbers import Numbers


@contextlib.contextmanager
def watched(t: Training, *, every: int) -> Iterator[Step]:
    with nbdebug.watch(every=every, live=False):
        yield t.step


@contextlib.contextmanager
def numbers_alone(t: Training, *, every: int) -> Iterator[Step]:
    """The tensors without the loop: what of the above is the histograms."""
    numbers, done = Numbers(every), 0
    numbers.name_model(t.model)
    undo: list[Callable[[], None]] = []

    def sampled() -> Tensor:
        before = t.model.register_forward_pre_hook(lambda module, args: undo.append(numbers.listen(module)))
        after = t.model.register_forward_hook(lambda module, args, output: undo.pop()())
        pre = t.optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: numbers.before_step(optimizer))
        post = t.optimizer.register_step_post_hook(lambda optimizer, args, kwargs: numbers.after_step(optimizer))
        numbers.begin(done)
        try:
            return t.step()
        finally:
            numbers.end(done)
            for handle in (before, after, pre, post):
                handle.remove()

    def step() -> Tensor:
        nonlocal done
        done += 1
        return sampled() if done % every == 0 else t.step()

    yield step
    numbers.close()


@contextlib.contextmanager
def wandb_watch(t: Training) -> Iterator[Step]:
    import wandb

    run = wandb.init(mode="offline", settings=wandb.Settings(silent=True, console="off"))
    run.watch(t.model, log="all", log_freq=1)
    yield lambda: _and(t.step(), lambda loss: run.log({"loss": loss.item()}))
    run.unwatch(t.model)
    run.finish()


@contextlib.contextmanager
def fastai_stats(t: Training) -> Iterator[Step]:
    """ActivationStats' own hook on every layer, without a Learner around it."""
    from fastai.callback.hook import ActivationStats, Hooks

    stats: list[Any] = []
    with Hooks(_leaves(t.model), ActivationStats(with_hist=True).hook) as hooks:
        yield lambda: _and(t.step(), lambda loss: stats.append(list(hooks.stored)))


@contextlib.contextmanager
def tensorboard_recipe(t: Training) -> Iterator[Step]:
    """add_histogram of every layer's output and its gradient, every weight and its gradient."""
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
        number = 0

        def note(name: str, module: nn.Module, args: Any, output: Tensor) -> None:
            writer.add_histogram(f"activation/{name}", output.detach(), number)
            output.register_hook(lambda gradient: writer.add_histogram(f"activation gradient/{name}", gradient, number))

        handles = [
            module.register_forward_hook(functools.partial(note, name))
            for name, module in t.model.named_modules()
            if not module._modules
        ]

        def step() -> Tensor:
            nonlocal number
            loss = t.step()
            for name, parameter in t.model.named_parameters():
                writer.add_histogram(f"weight/{name}", parameter, number)
                writer.add_histogram(f"gradient/{name}", parameter.grad, number)
            number += 1
            return loss

        yield step
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def underflow_overflow(t: Training) -> Iterator[Step]:
    from transformers.debug_utils import DebugUnderflowOverflow

    before = {module: dict(module._forward_hooks) for module in t.model.modules()}
    DebugUnderflowOverflow(t.model)
    yield t.step
    for module, hooks in before.items():  # it has no way to take its own off
        module._forward_hooks.clear()
        module._forward_hooks.update(hooks)


@contextlib.contextmanager
def anomaly(t: Training) -> Iterator[Step]:
    with torch.autograd.set_detect_anomaly(True):
        yield t.step


def _and(loss: Tensor, deed: Callable[[Tensor], Any]) -> Tensor:
    deed(loss)
    return loss


def _leaves(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if not module._modules]


@dataclass(frozen=True)
class Tool:
    name: str
    attach: Callable[[Training], Any]
    package: str = "torch"
    rounds: float = 1.0  # of the rounds that are asked for
    period: int = 1  # steps after which its work repeats
    bounds: tuple[float, ...] = ()  # by training


OURS = (
    Tool("nbdebug.watch, every step", functools.partial(watched, every=1), bounds=(1.06, 1.06, 1.30)),
    Tool("nbdebug.watch, every=10", functools.partial(watched, every=10), period=10, bounds=(1.02, 1.02, 1.02)),
    Tool("nbdebug, tensors alone, every step", functools.partial(numbers_alone, every=1)),
    Tool("nbdebug, tensors alone, every=10", functools.partial(numbers_alone, every=10), period=10),
)
PEERS = (
    Tool('wandb.watch(log="all")', wandb_watch, "wandb", 0.5),
    Tool("fastai ActivationStats", fastai_stats, "fastai", 0.5),
    Tool("TensorBoard add_histogram", tensorboard_recipe, "tensorboard", 0.25),
    Tool("DebugUnderflowOverflow", underflow_overflow, "transformers", 0.5),
    Tool("torch detect_anomaly", anomaly, "torch", 0.5),
)
