"""How long a checkup takes: digits MLP, a CNN of a million parameters, and 10, 100 and 1000 layers.

    python benchmarks/checkup.py

One thread. Ratios are to one training step of the same model on the same machine in the same run.
"""

from __future__ import annotations

import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug

RUNS = 3


def digits_mlp() -> nbdebug.TrainingSetup:
    from sklearn.datasets import load_digits

    digits = load_digits()
    inputs = torch.tensor(digits.data, dtype=torch.float32) / 16
    return setup_of(nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)), inputs, torch.tensor(digits.target))


def million_parameter_cnn() -> nbdebug.TrainingSetup:
    def block(channels: int, out: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]

    model = nn.Sequential(*block(3, 64), *block(64, 128), *block(128, 256), *block(256, 256), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10))
    return setup_of(model, torch.randn(512, 3, 32, 32), torch.randint(0, 10, (512,)))


def deep(layers: int) -> nbdebug.TrainingSetup:
    body = [layer for _ in range(layers - 1) for layer in (Residual(32),)]
    return setup_of(nn.Sequential(*body, nn.Linear(32, 10)), torch.randn(512, 32), torch.randint(0, 10, (512,)))


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * self.linear(self.norm(x)).relu()


def setup_of(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> nbdebug.TrainingSetup:
    return nbdebug.TrainingSetup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        train_loader=DataLoader(TensorDataset(inputs, targets), batch_size=64, shuffle=True),
    )


def step_seconds(setup: nbdebug.TrainingSetup) -> float:
    """Median time of one training step by the setup's own verbs; weights move, so it comes last."""
    times = []
    batch = next(iter(setup.train_loader))
    for _ in range(5):
        started = time.perf_counter()
        setup.backward(setup.loss(batch))
        setup.step()
        times.append(time.perf_counter() - started)
    return sorted(times)[2]


def main() -> None:
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, median of {RUNS}")
    print(f"{'training':<24}{'parameters':>12}{'checkup s':>11}{'in steps':>10}   by instrument")
    cases = {"digits MLP": digits_mlp, "CNN": million_parameter_cnn}
    cases |= {f"{layers} layers": (lambda layers=layers: deep(layers)) for layers in (10, 100, 1000)}
    for name, build in cases.items():
        torch.manual_seed(0)
        setup = build()
        reports = [nbdebug.checkup(setup, budget=None) for _ in range(RUNS)]
        report = sorted(reports, key=lambda r: r.seconds)[RUNS // 2]
        count = sum(p.numel() for p in setup.model.parameters())
        rungs = ", ".join(f"{rung.instrument} {rung.seconds:.2f}" for rung in report.result.rungs)
        print(f"{name:<24}{count:>12,}{report.seconds:>11.2f}{report.seconds / step_seconds(setup):>10.0f}   {rungs}")


if __name__ == "__main__":
    main()
