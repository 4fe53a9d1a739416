"""What `watch.py` and `watch_cuda.py` share: the trainings, the tools, and how a tool's step is compared with a bare one."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import nbdebug
from nbdebug.instruments.watch.numbers import Numbers

Step = Callable[[], Tensor]


# -- trainings ----------------------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """Two convolutions with batch norm, beside a path that goes straight on or through one of 1 × 1."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))


class Block(nn.Module):
    """Causal attention and a feed-forward layer, norms first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(n, t, d))
        return x + self.feed_forward(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self, layers: int = 6, width: int = 256, length: int = 128, tokens: int = 256) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(tokens, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, 8) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, tokens, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        return self.head(self.norm(self.blocks(self.token(x) + self.position(places)))).transpose(1, 2)


def cnn() -> tuple[nn.Module, Tensor, Tensor]:
    """Six residual blocks on images of 32 × 32, batch 32."""
    sizes = ((32, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1))
    stem = (nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True))
    model = nn.Sequential(*stem, *(Residual(*s) for s in sizes), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))
    return model, torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))


def gpt() -> tuple[nn.Module, Tensor, Tensor]:
    """Six layers of width 256, 128 tokens, batch 4."""
    tokens = torch.randint(0, 256, (4, 129))
    return Gpt(), tokens[:, :-1], tokens[:, 1:]


def mlp() -> tuple[nn.Module, Tensor, Tensor]:
    """Four linear layers of width 256, batch 256."""
    widths = (128, 256, 256, 256, 10)
    layers = [m for a, b in zip(widths, widths[1:], strict=False) for m in (nn.Linear(a, b), nn.ReLU())][:-1]
    return nn.Sequential(*layers), torch.randn(256, 128), torch.randint(0, 10, (256,))


TRAININGS = {"CNN": cnn, "GPT": gpt, "MLP": mlp}


@dataclass
class Training:
    model: nn.Module
    optimizer: torch.optim.Optimizer
    step: Step


def training(name: str, device: str) -> Training:
    torch.manual_seed(0)
    model, inputs, targets = TRAININGS[name]()
    model, inputs, targets = model.to(device), inputs.to(device), targets.to(device)
    optimizer, loss_fn = torch.optim.AdamW(model.parameters(), lr=1e-4), nn.CrossEntropyLoss()

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return Training(model, optimizer, step)


# -- tools: each gives the step as it is with the tool, for as long as it is attached ---------------------------------------


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
    bounds: tuple[float, ...] = ()  # by training


OURS = (
    Tool("nbdebug.watch, every step", functools.partial(watched, every=1), bounds=(1.06, 1.06, 1.30)),
    Tool("nbdebug.watch, every=10", functools.partial(watched, every=10), bounds=(1.02, 1.02, 1.02)),
    Tool("nbdebug, tensors alone, every step", functools.partial(numbers_alone, every=1)),
    Tool("nbdebug, tensors alone, every=10", functools.partial(numbers_alone, every=10)),
)
PEERS = (
    Tool('wandb.watch(log="all")', wandb_watch, "wandb", 0.5),
    Tool("fastai ActivationStats", fastai_stats, "fastai", 0.5),
    Tool("TensorBoard add_histogram", tensorboard_recipe, "tensorboard", 0.25),
    Tool("DebugUnderflowOverflow", underflow_overflow, "transformers", 0.5),
    Tool("torch detect_anomaly", anomaly, "torch", 0.5),
)


# -- comparing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    ratio: float  # median over rounds
    best: float  # of the fastest block with the tool over the fastest without
    bare: float  # seconds of a bare step, in the fastest block
    rounds: int
    steps: int  # in a block


def cost(training_name: str, tool: Tool, device: str, rounds: int, seconds: float) -> Cost:
    """Blocks of bare steps and of steps with the tool by turns, so that whatever else the machine does meets both."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("WANDB_SILENT", "true")
    t = training(training_name, device)
    block_of(t.step, 5, device)
    steps = max(10, round(seconds / block_of(t.step, 5, device) / 10) * 10)
    pairs = []
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # what a tool writes does not stay
        for _ in range(max(3, round(rounds * tool.rounds))):
            bare = block_of(t.step, steps, device)
            with tool.attach(t) as step:
                block_of(step, 10, device)  # what a tool does when it first sees a training is not a step's cost
                pairs.append((bare, block_of(step, steps, device)))
        os.chdir(home)
    bare, with_tool = zip(*pairs, strict=True)
    # each block is compared with the mean of the bare ones before and after it
    around = [(a + b) / 2 for a, b in zip(bare, (*bare[1:], bare[-1]), strict=True)]
    ratio = statistics.median(w / a for w, a in zip(with_tool, around, strict=True))
    return Cost(ratio, min(with_tool) / min(bare), min(bare), len(pairs), steps)


def block_of(step: Step, steps: int, device: str) -> float:
    """Seconds of a step, over so many of them; on the CPU those of this process, because others may be at work there."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    _settle(device)
    started = clock()
    for _ in range(steps):
        step()
    _settle(device)
    return (clock() - started) / steps


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _settle(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
