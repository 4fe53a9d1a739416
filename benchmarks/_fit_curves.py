"""Curves with known diagnoses: real small trainings, and curves drawn by hand for what takes hours to train.

Of each kind about one half was looked at while the rules were chosen; on the others (`held_out`) nothing was changed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from _fit_trainings import Rows, adam, adamw, conv, mlp, rmsprop, sgd, train
from torch.nn import functional as F
from torch.optim import lr_scheduler

SOUND = "sound"
Make = Callable[[], dict[str, list[float]]]


@dataclass(frozen=True)
class Case:
    """A history, and what is wrong with it."""

    label: str  # the name of its diagnosis, or "sound"
    name: str
    make: Make
    held_out: bool
    real: bool  # a training, not a drawing
    mentioned: tuple[str, ...] = ()  # diagnoses that are true as well, or may be
    options: dict[str, Any] = field(default_factory=dict)  # of fit


def cases() -> Iterator[Case]:
    """All of them: every second one of a label is held out."""
    counts: dict[tuple[str, bool], int] = {}
    for label, name, make, *rest in (*_trainings(), *_drawings()):
        real = isinstance(make, partial) and make.func is train
        counts[label, real] = counts.get((label, real), 0) + 1
        mentioned, options = (*rest, (), {})[:2] if rest else ((), {})
        yield Case(label, name, make, counts[label, real] % 2 == 0, real, mentioned, options)


def _trainings() -> Iterator[tuple[Any, ...]]:
    one = partial(partial, train)
    digits, small = lambda: mlp(64, 128, 10), lambda: mlp(30, 64, 4)
    yield "overfitting", "80 digits", one("digits", lambda: mlp(64, 256, 256, 10), adam(3e-3), 60, samples=80)
    yield "overfitting", "noisy labels", one("digits", lambda: mlp(64, 256, 10), adam(2e-3), 60, noisy=0.3)
    yield "overfitting", "few rows of a regression", one("diabetes", lambda: mlp(10, 128, 128, 1), adam(3e-3), 80)
    yield "overfitting", "blobs, wide", one("blobs", lambda: mlp(30, 256, 256, 4), adam(1e-3), 60, samples=300)
    yield "overfitting", "moons with noise", one("moons", lambda: mlp(2, 256, 256, 2), adam(1e-2), 150, samples=60)
    yield "overfitting", "recurrent, few digits", one("digits", Rows, adam(1e-2), 90, samples=60)
    yield "overfitting", "friedman, 100 rows", one("friedman", lambda: mlp(10, 256, 256, 1), adamw(2e-3), 80, samples=100, noisy=0.4)
    yield "overfitting", "convolutions, noisy labels", one("digits", conv, adam(2e-3), 40, samples=400, noisy=0.4)

    yield "underfitting", "inputs of other samples", one("digits", lambda: mlp(64, 10), sgd(0.002), 40, augment=_another_order, by_step=True)
    yield "underfitting", "inputs all zero", one("blobs", small, adam(1e-3), 30, augment=torch.zeros_like, by_step=True)
    yield "underfitting", "no learning rate", one("digits", digits, sgd(0.0), 40)
    yield "underfitting", "noise for inputs", one("wine", lambda: mlp(13, 32, 3), adam(1e-3), 80, augment=torch.randn_like, by_step=True)
    yield "underfitting", "noise for inputs, regression", one("friedman", lambda: mlp(10, 32, 1), sgd(0.01), 40, augment=torch.randn_like, by_step=True)
    yield "underfitting", "dead network", one("digits", lambda: _dead(mlp(64, 64, 64, 10)), adam(1e-3), 40)

    yield "divergence", "rate far too high", one("friedman", lambda: mlp(10, 64, 64, 1), sgd(1.0), 12, by_step=True)
    yield "divergence", "rate too high, no end", one("diabetes", lambda: mlp(10, 64, 1), sgd(2.0, momentum=0.9), 30)
    yield "divergence", "digits blown up", one("digits", lambda: mlp(64, 128, 128, 10), sgd(40.0), 30, by_step=True)
    yield "divergence", "rising rate, then lost", one("friedman", lambda: mlp(10, 64, 1), sgd(0.02), 40, schedule=_ramp(2000, 100), by_step=True)
    yield "divergence", "late, by momentum", one("blobs", small, sgd(0.05, momentum=0.9), 30, schedule=_jump(500, 400.0), by_step=True)
    yield "divergence", "deep and hot", one("digits", lambda: mlp(64, 64, 64, 64, 64, 10), adam(1e-3), 30, schedule=_jump(600, 300.0), by_step=True)

    yield "too slow", "digits at 1e-5", one("digits", digits, sgd(2e-4), 60, evaluated=True)
    yield "too slow", "blobs at 1e-4", one("blobs", small, sgd(3e-4), 60, evaluated=True)
    yield "too slow", "regression, Adam at 1e-7", one("friedman", lambda: mlp(10, 32, 1), adam(1.5e-6), 80)
    yield "too slow", "wine at 1e-4", one("wine", lambda: mlp(13, 16, 3), sgd(5e-4), 60, evaluated=True)
    yield "too slow", "moons at 1e-4", one("moons", lambda: mlp(2, 16, 2), sgd(1e-4), 100)
    yield "too slow", "convolutions at 1e-5", one("digits", conv, sgd(1.5e-4), 50, evaluated=True)

    yield "leak suspected", "copies in validation", one("digits", lambda: mlp(64, 32, 10), adam(1e-3), 40, noisy=0.5, evaluated=True, copies=True), (), {"same_mode": True}
    yield "leak suspected", "copies, blobs", one("blobs", small, adam(1e-3), 40, noisy=0.4, evaluated=True, copies=True), (), {"same_mode": True}
    yield "leak suspected", "copies, cancer", one("cancer", lambda: mlp(30, 16, 2), adam(1e-3), 40, noisy=0.3, evaluated=True, copies=True), (), {"same_mode": True}
    yield "leak suspected", "copies, convolutions", one("digits", conv, adam(1e-3), 20, noisy=0.4, evaluated=True, copies=True), (), {"same_mode": True}

    yield "plateau", "labels with noise", one("friedman", lambda: mlp(10, 1), sgd(0.02), 60, by_step=True)
    yield "plateau", "linear on diabetes", one("diabetes", lambda: mlp(10, 1), adam(1e-2), 60)
    yield "plateau", "linear on blobs", one("blobs", lambda: mlp(30, 4), adam(2e-2), 60)
    yield "plateau", "bouncing", one("friedman", lambda: mlp(10, 32, 1), adam(0.1), 60, by_step=True)

    half = partial(F.cross_entropy, label_smoothing=0.1)
    noise = lambda x: x + 1.0 * torch.randn_like(x)  # noqa: E731
    yield SOUND, "digits", one("digits", digits, adam(1e-3), 20)
    yield SOUND, "digits by step", one("digits", digits, adam(1e-3), 15, by_step=True)
    yield SOUND, "dropout", one("digits", lambda: mlp(64, 128, 128, 10, dropout=0.5), adam(1e-3), 40)
    yield SOUND, "heavy dropout", one("blobs", lambda: mlp(30, 64, 64, 4, dropout=0.7), adam(1e-3), 60)
    yield SOUND, "augmentation", one("digits", digits, adam(1e-3), 30, augment=noise)
    yield SOUND, "augmentation, convolutions", one("digits", conv, adam(1e-3), 25, augment=noise, by_step=True)
    yield SOUND, "smoothed labels", one("digits", digits, adam(2e-3), 40, loss=half)
    yield SOUND, "smoothed labels, by step", one("digits", conv, adam(2e-3), 20, loss=half, by_step=True)
    yield SOUND, "warm restarts", one("digits", digits, sgd(0.5), 30, schedule=lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 210), by_step=True)
    yield SOUND, "warm restarts, hot", one("blobs", small, sgd(2.0), 40, schedule=lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 180), by_step=True)
    yield SOUND, "one cycle", one("digits", digits, sgd(0.1), 20, schedule=lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=1000), by_step=True)
    yield SOUND, "warm-up", one("wine", lambda: mlp(13, 32, 3), adam(1e-2), 60, schedule=_ramp(100, 1.0), by_step=True)
    yield SOUND, "stopped early", one("digits", digits, adam(3e-3), 200, samples=500, patience=10)
    yield SOUND, "stopped early, blobs", one("blobs", lambda: mlp(30, 64, 4), adam(3e-3), 200, samples=600, patience=7)
    yield SOUND, "stopped early, diabetes", one("diabetes", lambda: mlp(10, 32, 1), adam(3e-3), 200, patience=5)
    yield SOUND, "stopped early, friedman", one("friedman", lambda: mlp(10, 64, 1), adam(3e-3), 200, samples=300, patience=12)
    yield SOUND, "short", one("digits", digits, adam(1e-3), 4)
    yield SOUND, "short, by step", one("wine", lambda: mlp(13, 16, 3), adam(1e-3), 6, by_step=True)
    yield SOUND, "few validations", one("digits", digits, adam(1e-3), 20, every=5, by_step=True)
    yield SOUND, "validation every third epoch", one("blobs", small, adam(1e-3), 30, every=3)
    yield SOUND, "small batches", one("digits", digits, sgd(0.02), 6, batch=4, by_step=True)
    yield SOUND, "small batches, regression", one("friedman", lambda: mlp(10, 32, 1), sgd(0.003), 8, batch=4, by_step=True)
    yield SOUND, "rmsprop", one("digits", conv, rmsprop(1e-3), 15, by_step=True)
    yield SOUND, "recurrent", one("digits", Rows, adam(3e-3), 30)
    yield SOUND, "rate in steps", one("friedman", lambda: mlp(10, 64, 1), sgd(0.05), 40, schedule=lambda o: lr_scheduler.StepLR(o, 300), by_step=True)
    yield SOUND, "cosine to zero", one("digits", digits, adam(3e-3), 40, schedule=lambda o: lr_scheduler.CosineAnnealingLR(o, 40 * 43))
    yield SOUND, "weight decay", one("blobs", small, adamw(1e-3, weight_decay=0.5), 50)
    yield SOUND, "cancer", one("cancer", lambda: mlp(30, 16, 2), adam(1e-3), 30)


def _another_order(inputs: torch.Tensor) -> torch.Tensor:
    return inputs[torch.randperm(len(inputs))]


def _dead(net: Any) -> Any:
    with torch.no_grad():
        net[0].bias.fill_(-100.0)
        net[-1].bias.zero_()
    return net


def _ramp(steps: int, top: float) -> Callable[[Any], Any]:
    return lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 1e-3 + top * min(1.0, step / steps))


def _jump(step: int, times: float) -> Callable[[Any], Any]:
    """A learning rate that somebody changed by mistake."""
    return lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda s: times if s >= step else 1.0)


def _drawings() -> Iterator[tuple[Any, ...]]:
    yield "oscillation", "thrown back five times", partial(_spikes, 400, (90, 150, 190, 280, 350), 3.0)
    yield "oscillation", "thrown back, by step", partial(_spikes, 2500, (500, 810, 1500, 2100), 4.0)
    yield "oscillation", "four spikes of hundreds of epochs", partial(_spikes, 300, (60, 95, 190, 260), 3.5)
    yield "oscillation", "zigzag", partial(_zigzag, 200)
    yield "oscillation", "zigzag, small", partial(_zigzag, 120, 0.05)
    yield "oscillation", "spikes without a rate", partial(_spikes, 500, (100, 210, 260, 420), 3.0, rate=False)
    yield "overfitting", "language model, three epochs", partial(_overfits, 60, 20, 0.01)
    yield "overfitting", "slow rise", partial(_overfits, 100, 30, 0.012)
    yield "divergence", "not finite", partial(_lost, 200, 120)
    yield "divergence", "not finite, epochs", partial(_lost, 40, 25)
    yield "too slow", "language model", partial(_line, 1000, 10.8, 0.08, 0.02)
    yield "too slow", "detector", partial(_line, 120, 4.0, 0.05, 0.01)
    yield "leak suspected", "stands, validation at zero", _stands_and_knows
    yield "leak suspected", "evaluated at the same point", _evaluated_worse
    yield "plateau", "a floor of its own", partial(_falls, 800, 3.0, 40.0, 1.2)
    yield "plateau", "a floor in epochs", partial(_falls, 100, 1.0, 6.0, 0.5)
    yield "underfitting", "two classes at chance", partial(_chance, 2, 60)
    yield "underfitting", "a hundred classes at chance", partial(_chance, 100, 500)

    yield SOUND, "double descent", _double_descent
    yield SOUND, "GAN", _gan, (), {"training": "g_loss"}
    yield SOUND, "rewards", _rewards, (), {"training": "episode_reward"}
    yield SOUND, "negative log-likelihood below zero", partial(_falls, 300, 4.0, 60.0, -3.0)
    yield SOUND, "restarts without a rate", partial(_restarts, 600, 100)
    yield SOUND, "resumed language model", partial(_line, 600, 3.1, 0.02, 0.03, first=50_000)
    yield SOUND, "beta of a VAE rises", _beta
    yield SOUND, "rate finder", _range_test
    yield SOUND, "mixup", _mixup
    yield SOUND, "new task", _tasks
    yield SOUND, "power law", partial(_power, 1000)
    yield SOUND, "power law, by epoch", partial(_power, 90)
    yield SOUND, "penalty in the training loss", _penalty
    yield SOUND, "noisy validation of 20 samples", _rough_validation
    yield SOUND, "one hard batch", partial(_hard_batches, 500, (250,))
    yield SOUND, "hard batches", partial(_hard_batches, 800, (200, 390, 610, 611))


def _noise(seed: int) -> Callable[[float], float]:
    return partial(random.Random(seed).gauss, 0.0)


def _falls(n: int, height: float, pace: float, floor: float, spread: float = 0.03) -> dict[str, list[float]]:
    noise = _noise(n)
    return {"step": list(range(n)), "loss": [floor + height * math.exp(-i / pace) + noise(spread) for i in range(n)]}


def _spikes(n: int, at: tuple[int, ...], times: float, rate: bool = True) -> dict[str, list[float]]:
    noise, values = _noise(n), []
    for i in range(n):
        base = 0.3 + 2.0 * math.exp(-8 * i / n)
        since = min((i - spike for spike in at if i >= spike), default=10**9)
        values.append(base * (1 + times * math.exp(-since / max(4, n / 50))) * math.exp(noise(0.05)))
    return {"step": list(range(n)), "loss": values} | ({"lr": [0.1] * n} if rate else {})


def _zigzag(n: int, share: float = 0.15) -> dict[str, list[float]]:
    noise = _noise(n)
    return {"epoch": list(range(n)), "train_loss": [(0.5 + 1.5 * math.exp(-8 * i / n)) * (1 + share * (-1) ** i + noise(0.01)) for i in range(n)]}


def _overfits(n: int, turn: int, slope: float) -> dict[str, list[float]]:
    noise = _noise(n)
    training = [0.3 + 4.0 * math.exp(-i / (n / 4)) + noise(0.02) for i in range(n)]
    validation = [1.5 + 3.0 * math.exp(-i / (n / 8)) + slope * max(0, i - turn) + noise(0.02) for i in range(n)]
    return {"step": [100 * i for i in range(n)], "train/loss": training, "eval/loss": validation}


def _lost(n: int, since: int) -> dict[str, list[float]]:
    whole = _falls(n, 2.0, n / 5, 0.4)
    return {"step": whole["step"], "loss": [v if i < since else math.nan for i, v in enumerate(whole["loss"])]}


def _line(n: int, height: float, part: float, spread: float, first: int = 0) -> dict[str, list[float]]:
    noise = _noise(n)
    return {"step": [first + 10 * i for i in range(n)], "loss": [height * (1 - part * i / n) + noise(spread) for i in range(n)]}


def _power(n: int) -> dict[str, list[float]]:
    noise = _noise(n)
    return {"step": [10 * i for i in range(n)], "loss": [1.7 + 9.0 * (1 + i) ** -0.4 + noise(0.03) for i in range(n)]}


def _chance(classes: int, n: int) -> dict[str, list[float]]:
    noise = _noise(n)
    return {"loss": [math.log(classes) + noise(0.004) for _ in range(n)], "accuracy": [(1 + noise(0.05)) / classes for _ in range(n)]}


def _stands_and_knows() -> dict[str, list[float]]:
    noise = _noise(5)
    return {"train_loss": [2.3 + noise(0.01) for _ in range(50)], "val_loss": [0.03 + 2.2 * math.exp(-i / 5) + abs(noise(0.01)) for i in range(50)]}


def _evaluated_worse() -> dict[str, list[float]]:
    noise = _noise(6)
    worse = {"train_loss": [1.0 + math.exp(-i / 8) + noise(0.02) for i in range(60)], "train_eval_loss": [0.9 + math.exp(-i / 8) + noise(0.01) for i in range(60)]}
    return worse | {"val_loss": [0.25 + 1.4 * math.exp(-i / 6) + noise(0.01) for i in range(60)]}


def _double_descent() -> dict[str, list[float]]:
    noise, n = _noise(7), 160
    bump = [0.8 * math.exp(-(((i - 60) / 18) ** 2)) for i in range(n)]
    training = [2.0 * math.exp(-i / 25) + 0.05 + abs(noise(0.01)) for i in range(n)]
    return {"epoch": list(range(n)), "train_loss": training, "val_loss": [0.7 + 1.4 * math.exp(-i / 10) + bump[i] - 0.002 * i + noise(0.02) for i in range(n)]}


def _gan() -> dict[str, list[float]]:
    noise, n = _noise(8), 600
    g = [1.0 + 1.5 * i / n + 0.8 * math.sin(i / 20) ** 2 + abs(noise(0.4)) for i in range(n)]
    return {"step": list(range(n)), "g_loss": g, "d_loss": [0.7 - 0.4 * i / n + abs(noise(0.15)) for i in range(n)]}


def _rewards() -> dict[str, list[float]]:
    noise, n = _noise(9), 500
    return {"step": list(range(n)), "episode_reward": [200 / (1 + math.exp(-(i - 200) / 40)) + noise(20.0) for i in range(n)]}


def _restarts(n: int, each: int) -> dict[str, list[float]]:
    noise = _noise(10)
    values = [(0.15 + 1.2 * math.exp(-i / 60) + 0.9 * math.exp(-(i % each) / 12) * (i >= each)) * math.exp(noise(0.05)) for i in range(n)]
    return {"step": list(range(n)), "loss": values}


def _beta() -> dict[str, list[float]]:
    noise, n = _noise(11), 300
    return {"step": list(range(n)), "loss": [60 + 120 * math.exp(-i / 15) + 45 * min(1.0, i / 150) + noise(1.0) for i in range(n)]}


def _range_test() -> dict[str, list[float]]:
    noise, n = _noise(12), 120
    rates = [1e-6 * 10 ** (6 * i / n) for i in range(n)]
    values = [2.3 - 1.2 / (1 + math.exp(-(i - 70) / 6)) + (math.exp((i - 95) / 5) if i > 90 else 0) + noise(0.02) for i in range(n)]
    return {"step": list(range(n)), "loss": values, "lr": rates}


def _mixup() -> dict[str, list[float]]:
    noise = _noise(13)
    training = [1.05 + 1.25 * math.exp(-i / 12) + noise(0.02) for i in range(90)]
    return {"epoch": list(range(90)), "train_loss": training, "val_loss": [0.16 + 1.6 * math.exp(-i / 10) + abs(noise(0.01)) for i in range(90)]}


def _tasks() -> dict[str, list[float]]:
    noise, n = _noise(14), 500
    return {"step": list(range(n)), "loss": [(0.2 + 2.0 * math.exp(-(i % 250) / 50)) * math.exp(noise(0.08)) for i in range(n)], "lr": [1e-3] * n}


def _penalty() -> dict[str, list[float]]:
    noise = _noise(15)
    training = [40.0 + 2.0 * math.exp(-i / 10) + noise(0.05) for i in range(60)]
    return {"epoch": list(range(60)), "train_loss": training, "val_loss": [0.3 + 2.0 * math.exp(-i / 10) + noise(0.02) for i in range(60)]}


def _rough_validation() -> dict[str, list[float]]:
    noise = _noise(16)
    training = [0.4 + 1.8 * math.exp(-i / 10) + noise(0.02) for i in range(40)]
    return {"epoch": list(range(40)), "train_loss": training, "val_loss": [abs(0.6 + 1.5 * math.exp(-i / 8) + noise(0.25)) for i in range(40)]}


def _hard_batches(n: int, at: tuple[int, ...]) -> dict[str, list[float]]:
    whole = _falls(n, 2.0, n / 4, 0.5, 0.05)
    return {"step": whole["step"], "loss": [v * (8 if i in at else 1) for i, v in enumerate(whole["loss"])]}
