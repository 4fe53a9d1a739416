"""The trainings that the benchmarks measure, and how they measure."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug


def digits_mlp() -> nbdebug.TrainingSetup:
    """scikit-learn's digits, 9,610 parameters."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    inputs = torch.tensor(digits.data, dtype=torch.float32) / 16
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    return setup_of(model, inputs, torch.tensor(digits.target))


def million_parameter_cnn() -> nbdebug.TrainingSetup:
    """Four convolutions with batch norm, on images of 3 × 32 × 32."""

    def block(channels: int, out: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]

    trunk = [*block(3, 64), *block(64, 128), *block(128, 256), *block(256, 256), nn.Flatten()]
    model = nn.Sequential(*trunk, nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10))
    return setup_of(model, torch.randn(512, 3, 32, 32), torch.randint(0, 10, (512,)))


def fifty_million_parameter_mlp() -> nbdebug.TrainingSetup:
    """Four wide linear layers, 200 MB of weights."""
    widths = (3072, 4096, 4096, 4096, 1000)
    layers = [m for a, b in zip(widths, widths[1:], strict=False) for m in (nn.Linear(a, b), nn.ReLU())][:-1]
    return setup_of(nn.Sequential(*layers), torch.randn(256, 3072), torch.randint(0, 1000, (256,)))


class Residual(nn.Module):
    """Norm, linear, ReLU, beside a path that goes straight on: such layers can be piled up by the thousand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * self.linear(self.norm(x)).relu()


def deep(layers: int) -> nbdebug.TrainingSetup:
    """So many layers, all but the last residual."""
    model = nn.Sequential(*(Residual(32) for _ in range(layers - 1)), nn.Linear(32, 10))
    return setup_of(model, torch.randn(512, 32), torch.randint(0, 10, (512,)))


def setup_of(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> nbdebug.TrainingSetup:
    return nbdebug.TrainingSetup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        train_loader=DataLoader(TensorDataset(inputs, targets), batch_size=64, shuffle=True),
    )


def step(setup: nbdebug.TrainingSetup, batch: Any) -> None:
    """One training step, by the setup's own verbs."""
    setup.backward(setup.loss(batch))
    setup.step()


def seconds_of(deed: Callable[[], Any], *, runs: int) -> float:
    """Median time of a deed that was done once before, for nothing."""
    deed()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        deed()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def in_fresh_process(measure: Callable[..., Any], *given: Any) -> Any:
    """What `measure` returns in a Python of its own, on one thread and from the same seed."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_settle) as pool:
        return pool.submit(measure, *given).result()


def _settle() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
