"""How true `profile` is: what its ranges cost, whether its parts add up, and whether it offers gains that are none.

    python benchmarks/profiling.py

A placebo (the step as it is, under another name) must never be offered; a model that does part of its work twice must be found out.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import torch
from _trainings import deep, digits_mlp, million_parameter_cnn
from batch_size import transformer

import nbdebug
from nbdebug.data.running import Box
from nbdebug.instruments.profile.gains import Candidate, Judge
from nbdebug.untouched import untouched

TIMES = 15  # how often a placebo and a true gain are tried


class Twice(torch.nn.Module):
    """Its first layer runs three times more than it need."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.rest = torch.nn.Linear(64, 1024), torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Linear(1024, 256), torch.nn.Linear(256, 10))
        self.times = 4

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        for _ in range(self.times):
            hidden = self.first(inputs).sin()
        return self.rest(hidden)


@contextlib.contextmanager
def once_only(setup: nbdebug.TrainingSetup) -> Iterator[nbdebug.TrainingSetup]:
    setup.model.times = 1
    yield setup
    setup.model.times = 4


def parts(name: str, setup: nbdebug.TrainingSetup) -> None:
    report = nbdebug.profile(setup, gains=False)
    result = report.result
    phases = {phase.name: phase.seconds for phase in result.phases}
    inside = sum(module.forward for module in result.modules), sum(module.backward for module in result.modules)
    print(
        f"{name:20} bare {1000 * result.bare.seconds:7.2f} ms, phases together x{sum(phases.values()) / result.bare.seconds:.2f}, with ranges "
        f"x{result.ranged:.2f}; modules: forward x{inside[0] / phases['forward']:.2f}, backward x{inside[1] / phases['backward']:.2f} of the phase; "
        f"{report.seconds:.1f} s"
    )


def whole(name: str, setup: nbdebug.TrainingSetup) -> None:
    report = nbdebug.profile(setup)
    tried = ", ".join(f"{g.name} x{g.ratio:.2f}{' (offered)' if g in report.result.offered else ''}" for g in report.result.gains if g.ratio)
    print(f"{name:20} {report.seconds:.1f} s: {tried}")


def offered(candidate: Candidate, times: int) -> int:
    setup = digits_mlp()
    model = Twice()
    setup = nbdebug.TrainingSetup(model, setup.loss_fn, torch.optim.Adam(model.parameters()), setup.train_loader)
    batch = next(iter(setup.train_loader))
    with untouched(setup, weights=True):
        judge = Judge(setup, batch, 0.003)
        return sum(judge.gain(candidate, Box(2.0)).kept for _ in range(times))


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread")
    trainings = {"digits MLP": digits_mlp, "CNN, 1 M": million_parameter_cnn, "transformer, 0.6 M": transformer, "50 residual layers": lambda: deep(50)}
    for name, make in trainings.items():
        parts(name, make())
    for name, make in trainings.items():
        whole(name, make())
    print(f"a placebo was offered {offered(Candidate('placebo'), TIMES)} of {TIMES} times")
    print(f"a true gain was offered {offered(Candidate('once', on=once_only), TIMES)} of {TIMES} times")


if __name__ == "__main__":
    sys.exit(main())
