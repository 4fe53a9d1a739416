"""What a gradient check finds, what it accuses, and how long it takes: nbdebug beside torch.autograd.gradcheck, in one run.

    python benchmarks/gradcheck.py                all of it: a quarter of an hour
    python benchmarks/gradcheck.py --part large   the networks of a million parameters alone

torch's check is given its best chance: double precision, eval mode, the parameters themselves among its inputs; *as documented* is
`gradcheck(model, (x,))`. One thread; seconds are those of the processor, as on a core of its own.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from _trainings import million_parameter_cnn, setup_of
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.gradcheck import GradcheckError

import nbdebug
from nbdebug import batch as batches
from nbdebug.findings import INFO

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ is not installed
from tests.instruments.gradcheck_modules import losses, modules  # noqa: E402
from tests.instruments.gradcheck_patients import LIKE, SICK  # noqa: E402

LONGEST = 60.0  # seconds that torch's check is given for one training; fast mode, when it finds something, runs the slow one for its message

Build = Callable[[], nbdebug.TrainingSetup]


@dataclass(frozen=True)
class Answer:
    alarm: bool | None  # None: it could not be run
    seconds: float


def ours(setup: nbdebug.TrainingSetup) -> Answer:
    started = time.process_time()
    report = nbdebug.gradcheck(setup)
    alarm = any(finding.severity is not INFO for finding in report.findings)
    return Answer(None if report.result.not_checked else alarm, time.process_time() - started)


def torchs(setup: nbdebug.TrainingSetup, *, fast: bool) -> Answer:
    """The loss as a function of all parameters and floating inputs, on as few samples as ours."""
    leaves, loss = in_double(setup)
    return timed(lambda: torch.autograd.gradcheck(loss, tuple(leaves), fast_mode=fast, check_undefined_grad=False))


def as_documented(setup: nbdebug.TrainingSetup) -> Answer:
    """`gradcheck(model, (x,))`: the model's outputs as a function of its inputs."""
    in_double(setup)
    call = batches.split(batches.map_tensors(doubled, few(setup)), setup.model)
    inputs = tuple(a.requires_grad_() if isinstance(a, Tensor) and a.is_floating_point() else a for a in call.args)
    return timed(lambda: torch.autograd.gradcheck(setup.model, inputs))


def in_double(setup: nbdebug.TrainingSetup) -> tuple[list[Tensor], Callable[..., Tensor]]:
    setup.model.double().eval()
    for parameter in setup.model.parameters():
        if parameter.is_complex():  # which double() leaves as it is
            parameter.data = parameter.data.to(torch.complex128)
    if isinstance(setup.loss_fn, nn.Module):
        setup.loss_fn.double()
    torch.set_default_dtype(torch.float64)
    batch = batches.map_tensors(doubled, few(setup))
    inputs = []
    if setup.batch_loss is None:
        call = batches.split(batch, setup.model)
        inputs = [t.requires_grad_() for _, t in batches.tensors((call.args, call.kwargs)) if t.is_floating_point() or t.is_complex()]
    leaves = [p for p in setup.model.parameters() if p.requires_grad and p.numel()] + inputs

    def loss(*leaves: Tensor) -> Tensor:
        torch.manual_seed(0)
        return setup.loss(batch)

    return leaves, loss


def timed(check: Callable[[], bool]) -> Answer:
    started = time.process_time()
    alarm: bool | None = False
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        check()
    except GradcheckError:
        alarm = True
    except Exception:  # of the training, or TimeoutError
        alarm = None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    torch.set_default_dtype(torch.float32)
    return Answer(alarm, time.process_time() - started)


def few(setup: nbdebug.TrainingSetup, samples: int = 8) -> Any:
    batch = next(iter(setup.train_loader))
    size = batches.batch_size(batch)
    return batches.take(batch, list(range(samples))) if size is not None and size > samples else batch


def doubled(tensor: Tensor) -> Tensor:
    wide = {torch.float32: torch.float64, torch.complex64: torch.complex128}
    return tensor.detach().to(wide.get(tensor.dtype, tensor.dtype))


def out_of_time(number: int, frame: Any) -> None:
    raise TimeoutError


TOOLS: dict[str, Callable[[nbdebug.TrainingSetup], Answer]] = {
    "nbdebug.gradcheck": ours,
    "torch, fast mode": lambda setup: torchs(setup, fast=True),
    "torch, slow mode": lambda setup: torchs(setup, fast=False),
    "torch, as documented": as_documented,
}


# -- a wrong gradient in one parameter of many ------------------------------------------------------------------------


class Twice(Function):
    """2·x, whose backward is wrong by a factor, in all elements or in the largest alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float, single: bool) -> Tensor:
        ctx.factor, ctx.single = factor, single
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        right = 2 * grad
        if not ctx.single:
            return ctx.factor * right, None, None
        wrong = right.reshape(-1).clone()
        wrong[wrong.abs().argmax()] *= ctx.factor
        return wrong.reshape(grad.shape), None, None


class Planted(nn.Module):
    def __init__(self, model: nn.Module, name: str, factor: float, single: bool = False) -> None:
        super().__init__()
        self.model, self.name, self.planted = model, name, (factor, single)

    def forward(self, x: Tensor) -> Tensor:
        weight = dict(self.model.named_parameters())[self.name]
        return torch.func.functional_call(self.model, {self.name: Twice.apply(weight, *self.planted) / 2}, (x,))


def million_parameter_mlp() -> nbdebug.TrainingSetup:
    widths = (256, 512, 512, 512, 512, 256, 10)
    layers = [m for a, b in zip(widths, widths[1:], strict=False) for m in (nn.Linear(a, b), nn.ReLU())][:-1]
    return setup_of(nn.Sequential(*layers), torch.randn(256, 256), torch.randint(0, 10, (256,)))


def planted(make: Build, name: str, factor: float, single: bool) -> nbdebug.TrainingSetup:
    torch.manual_seed(0)
    setup = make()
    return setup_of(Planted(setup.model, name, factor, single), *setup.train_loader.dataset.tensors)


def large(make: Build, tools: tuple[str, ...]) -> None:
    every = [name for name, _ in make().model.named_parameters()]
    count = sum(p.numel() for p in make().model.parameters())
    print(f"\n{make.__name__}, {count:,} parameters in {len(every)} tensors; planted in each in turn")
    for label, factor, single in (("all of it 1 % too large", 1.01, False), ("its largest element twice too large", 2.0, True)):
        for tool in tools:
            names = every if tool == "nbdebug.gradcheck" else (every[0], every[-1])  # it may take its whole minute
            answers = [TOOLS[tool](planted(make, name, factor, single)) for name in names]
            seconds = [answer.seconds for answer in answers]
            found, unfinished = sum(a.alarm is True for a in answers), sum(a.alarm is None for a in answers)
            print(
                f"  {label:<38}{tool:<22}{found:>3} of {len(names)} found, {unfinished} not finished; "
                f"{max(seconds):6.1f} s at most, {sum(seconds) / len(seconds):6.1f} s on average",
                flush=True,
            )
    for tool in tools:
        torch.manual_seed(0)
        answer = TOOLS[tool](make())
        verdict = {True: "FALSE ALARM", False: "sound", None: "not finished"}[answer.alarm]
        print(f"  {'nothing planted':<38}{tool:<22}{verdict:>12}; {answer.seconds:6.1f} s", flush=True)


# -- small trainings --------------------------------------------------------------------------------------------------


def group(title: str, builds: dict[str, Build], alarm_is_right: bool) -> None:
    print(f"\n{title}: {len(builds)}")
    for tool, check in TOOLS.items():
        answers = dict(judged(builds, check))
        alarms = [name for name, answer in answers.items() if answer.alarm]
        failed = [name for name, answer in answers.items() if answer.alarm is None]
        word = "found" if alarm_is_right else "false alarms"
        seconds = sum(answer.seconds for answer in answers.values())
        print(f"  {tool:<22}{word} {len(alarms):>3}, could not run {len(failed):>3}, {seconds:6.1f} s")
        named = [name for name in builds if name not in alarms + failed] if alarm_is_right else alarms
        if named:
            print(f"      {'missed' if alarm_is_right else 'accused'}: {', '.join(named)}")


def small() -> None:
    group("standard modules and losses", {**modules(), **losses()}, alarm_is_right=False)
    group("wrong backward", {name: lambda build=build: build(True) for name, (build, *_) in SICK.items()}, alarm_is_right=True)
    group("the same, mended", {name: lambda build=build: build(False) for name, (build, *_) in SICK.items()}, alarm_is_right=False)
    group("sound by design, or at a kink", dict(LIKE), alarm_is_right=False)


def judged(builds: dict[str, Build], check: Callable[[nbdebug.TrainingSetup], Answer]) -> Iterator[tuple[str, Answer]]:
    for name, build in builds.items():
        torch.manual_seed(0)
        yield name, check(build())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("all", "small", "large"), default="all", help="the small trainings or the large networks alone")
    part = parser.parse_args().part
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, out_of_time)
    print(f"torch {torch.__version__}, one thread")
    if part != "large":
        small()
    if part != "small":
        large(million_parameter_mlp, ("nbdebug.gradcheck", "torch, fast mode"))
        large(million_parameter_cnn, ("nbdebug.gradcheck", "torch, fast mode"))


if __name__ == "__main__":
    main()
