"""Is the suggested learning rate a good one? `lr_find` and its peers on twenty trainings with a known best rate, and on some with none.

    python benchmarks/lr_find.py --grid /tmp/grid.json

The best rate of a training is measured: 300 steps at every rate of a grid from 1e-5 to 32, four to a decade, with three seeds for the
weights and the batches; the lowest mean training loss of the last quarter wins (*best*; a run that diverged does not). *strict*: the
suggestion is within 3 times that rate, either way. *tolerant*: within 3 times of any rate whose loss is within one standard deviation (over
the seeds) of the best. *validation*: within 3 times of the rate with the lowest validation loss after these steps.
The grid takes some ten minutes; with --grid it is kept in a file and read from there. Ten trainings are held out: nothing was chosen by them.
Peers get the same range and number of steps, and are listed as not installed where they are not.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib.util
import io
import itertools
import json
import logging
import math
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from _lr_tasks import CONTROLS, TASKS, Task
from _trainings import digits_mlp, million_parameter_cnn, seconds_of, step
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import nbdebug

RATES = tuple(10 ** (k / 4) for k in range(-20, 7))
SEEDS, STEPS, LATE, HOPELESS = (100, 101, 102), 300, 0.25, 20.0
WITHIN = 3.0
LOW, HIGH, SWEPT = 1e-7, 10.0, 100  # of every finder


@dataclass(frozen=True)
class Best:
    """What the grid says of a training."""

    rate: float
    tolerated: tuple[float, ...]  # rates whose loss is within the noise of the best
    validation: float


@dataclass(frozen=True)
class Told:
    """What a finder says."""

    rate: float | None
    said: str
    seconds: float
    changed: tuple[str, ...]  # of the session


# -- the grid ------------------------------------------------------------------------------------------------------------


def grid_of(task: Task) -> Best:
    """Trains at every rate with every seed."""
    runs = {rate: [trained(task, seed, rate) for seed in SEEDS] for rate in RATES}
    late = {rate: statistics.fmean(loss for loss, _ in of) for rate, of in runs.items()}
    rate = min(late, key=lambda r: late[r])
    noise = statistics.stdev(loss for loss, _ in runs[rate])
    after = {rate: statistics.fmean(loss for _, loss in of) for rate, of in runs.items()}
    return Best(rate, tuple(r for r in RATES if late[r] <= late[rate] + noise), min(after, key=lambda r: after[r]))


def trained(task: Task, seed: int, rate: float) -> tuple[float, float]:
    """The late training loss and the validation loss of one run; infinite where it diverged."""
    setup, losses = task.build(seed, rate), []
    for batch in itertools.islice(endless(setup.train_loader), STEPS):
        loss = setup.loss(batch)
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]) or losses[-1] > HOPELESS * losses[0]:
            return math.inf, math.inf
        setup.backward(loss)
        setup.step()
    setup.model.eval()
    with torch.no_grad():
        after = statistics.fmean(float(setup.loss(batch)) for batch in setup.val_loader)
    return statistics.fmean(losses[-int(LATE * STEPS) :]), after if math.isfinite(after) else math.inf


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    while True:
        yield from loader


def known_best(path: Path | None) -> dict[str, Best]:
    """Of every training, from the file as far as it goes."""
    held = json.loads(path.read_text()) if path is not None and path.exists() else {}
    for task in TASKS:
        if task.name not in held:
            started = time.perf_counter()
            best = grid_of(task)
            held[task.name] = {"rate": best.rate, "tolerated": best.tolerated, "validation": best.validation}
            print(f"  grid of {task.name}: {time.perf_counter() - started:.0f} s", flush=True)
            if path is not None:
                path.write_text(json.dumps(held))
    return {name: Best(**{**best, "tolerated": tuple(best["tolerated"])}) for name, best in held.items()}


# -- the finders ---------------------------------------------------------------------------------------------------------


def nbdebug_finds(setup: nbdebug.TrainingSetup) -> tuple[float | None, str]:
    result = nbdebug.lr_find(setup, min_lr=LOW, max_lr=HIGH, num_steps=SWEPT).result
    return result.suggestion, result.reason


def torch_lr_finder_finds(setup: nbdebug.TrainingSetup) -> tuple[float | None, str]:
    from torch_lr_finder import LRFinder

    finder = LRFinder(setup.model, setup.optimizers[0], setup.loss_fn, device="cpu")
    finder.range_test(setup.train_loader, start_lr=LOW, end_lr=HIGH, num_iter=SWEPT)
    finder.reset()  # as its documentation has it
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    drawn = finder.plot(suggest_lr=True, ax=plt.subplots()[1])
    plt.close("all")
    return (float(drawn[1]), "") if isinstance(drawn, tuple) else (None, "no suggestion")


def lightning_finds(setup: nbdebug.TrainingSetup) -> tuple[float | None, str]:
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.lr = setup.model, 1e-3

        def training_step(self, batch: Any, number: int) -> Tensor:
            return setup.loss_fn(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return setup.optimizers[0]

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(accelerator="cpu", max_epochs=-1, **quiet)
    finder = lightning.pytorch.tuner.Tuner(trainer).lr_find(Module(), setup.train_loader, min_lr=LOW, max_lr=HIGH, num_training=SWEPT)
    found = finder.suggestion()
    return found, "" if found is not None else "no suggestion"


FINDERS: dict[str, tuple[str, Callable[[nbdebug.TrainingSetup], tuple[float | None, str]]]] = {  # name → package, how it is asked
    "nbdebug.lr_find": ("nbdebug", nbdebug_finds),
    "torch-lr-finder": ("torch_lr_finder", torch_lr_finder_finds),
    "Lightning lr_find": ("lightning", lightning_finds),
    "fastai lr_find": ("fastai", lambda setup: (None, "not compared here")),
}


def asked(find: Callable[[nbdebug.TrainingSetup], tuple[float | None, str]], setup: nbdebug.TrainingSetup) -> Told:
    """What it says, how long it takes, and which values it leaves otherwise than they were."""
    before, started = copy.deepcopy(values_of(setup)), time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            rate, said = find(setup)
        except Exception as error:
            rate, said = None, f"{type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}"
    seconds, after = time.perf_counter() - started, values_of(setup)
    return Told(rate, said, seconds, tuple(kind for kind in before if not same(before[kind], after[kind])))


def values_of(setup: nbdebug.TrainingSetup) -> dict[str, Any]:
    """What a training goes on from."""
    model, optimizer = setup.model, setup.optimizers[0]
    generator = getattr(setup.train_loader, "generator", None)
    return {
        "weights": dict(model.named_parameters()),
        "buffers": dict(model.named_buffers()),
        "gradients": {name: p.grad for name, p in model.named_parameters()},
        "modes": [module.training for module in model.modules()],
        "optimizer state": optimizer.state_dict()["state"],
        "learning rates": [group["lr"] for group in optimizer.param_groups],
        "random state": (torch.get_rng_state(), generator.get_state() if generator is not None else None),
    }


def same(one: Any, other: Any) -> bool:
    """Whether two nests of values are equal to the last bit."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return same(dict(enumerate(one)), dict(enumerate(other)))
    return one == other


# -- what is asked of them -----------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path, help="a JSON file for the best rates")
    parser.add_argument("--only", default="", help="finders whose name contains this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    print(f"torch {torch.__version__}, one thread; {len(TASKS)} trainings, {sum(t.held_out for t in TASKS)} of them held out; {len(CONTROLS)} controls")
    best = known_best(arguments.grid)
    for name, (package, find) in FINDERS.items():
        if arguments.only not in name:
            continue
        if importlib.util.find_spec(package) is None:
            print(f"\n{name}: not installed")
            continue
        measure(name, find, best)
    if arguments.only in "nbdebug.lr_find seconds":
        print()
        seconds()


def measure(name: str, find: Callable[..., tuple[float | None, str]], best: dict[str, Best]) -> None:
    """Prints a block for one finder."""
    told = {task.name: asked(find, task.build(0)) for task in TASKS}
    print(f"\n{name}\n  {'training':<40}{'best':>9}{'within noise':>18}{'suggested':>11}{'times':>8}{'seconds':>9}")
    for task in TASKS:
        line(task, best[task.name], told[task.name])
    for half, tasks in (("tuned", [t for t in TASKS if not t.held_out]), ("held out", [t for t in TASKS if t.held_out]), ("all", TASKS)):
        print(f"  {half:<9}" + "   ".join(f"{kind} {count} of {len(tasks)}" for kind, count in within(tasks, best, told).items()))
    refusals = {control.__name__: asked(find, seeded(control)) for control in CONTROLS}
    refused = [control for control, said in refusals.items() if said.rate is None]
    print(f"  refuses {len(refused)} of {len(CONTROLS)} controls")
    for control, said in refusals.items():
        print(f"    {control:<38}{f'suggests {said.rate:.2g}' if said.rate is not None else said.said}")
    changed = sorted({change for t in told.values() for change in t.changed})
    print(f"  left changed: {', '.join(changed) or 'nothing'}, in {sum(bool(t.changed) for t in told.values())} of {len(told)} trainings")
    print(f"  {after_nan(find)}")


def line(task: Task, best: Best, told: Told) -> None:
    mark = "held out" if task.held_out else "tuned"
    noise = f"{best.tolerated[0]:.2g} to {best.tolerated[-1]:.2g}"
    ratio = f"{told.rate / best.rate:.2g}" if told.rate else "-"
    far = "" if told.rate and near(told.rate, best.rate) else f"  FAR {told.said}"
    print(f"  {task.name + ', ' + mark:<48.48}{best.rate:>9.2g}{noise:>18}{told.rate or math.nan:>11.2g}{ratio:>8}{told.seconds:>9.1f}{far}", flush=True)


def within(tasks: Iterable[Task], best: dict[str, Best], told: dict[str, Told]) -> dict[str, int]:
    """How many suggestions are near, by each measure."""
    pairs = [(best[t.name], told[t.name].rate) for t in tasks]
    return {
        "strict": sum(rate is not None and near(rate, b.rate) for b, rate in pairs),
        "tolerant": sum(rate is not None and any(near(rate, r) for r in b.tolerated) for b, rate in pairs),
        "validation": sum(rate is not None and near(rate, b.validation) for b, rate in pairs),
    }


def near(rate: float, other: float) -> bool:
    return 1 / WITHIN <= rate / other <= WITHIN


def seeded(control: Callable[[], nbdebug.TrainingSetup]) -> nbdebug.TrainingSetup:
    torch.manual_seed(0)
    return control()


def after_nan(find: Callable[..., tuple[float | None, str]]) -> str:
    """What it does when the loss is NaN from its 60th value on."""
    calls = itertools.count(1)
    updates: list[int] = []

    def loss_fn(outputs: Tensor, targets: Tensor) -> Tensor:
        loss = F.cross_entropy(outputs, targets)
        return loss * math.nan if next(calls) >= 60 else loss

    setup = digits_mlp()
    setup = nbdebug.TrainingSetup(setup.model, loss_fn, setup.optimizer, setup.train_loader)
    setup.optimizer.register_step_post_hook(lambda *_: updates.append(any(bool(p.isnan().any()) for p in setup.model.parameters())))
    told = asked(find, setup)
    return f"once the loss is NaN: {sum(updates)} more updates of NaN, then " + (f"suggests {told.rate:.2g}" if told.rate is not None else f"no suggestion ({told.said})")


def seconds() -> None:
    """Of nbdebug, by default."""
    for name, build in (("digits MLP", digits_mlp), ("CNN of a million parameters", learnable_cnn)):
        torch.manual_seed(0)
        setup = build()
        batch = next(iter(setup.train_loader))
        report, one = nbdebug.lr_find(setup), seconds_of(lambda setup=setup, batch=batch: step(setup, batch), runs=3)
        found = f"suggests {report.result.suggestion:.2g}" if report.result.suggestion is not None else report.result.reason
        shape = f"{len(report.result.trials)} short trainings in {len({t.repeat for t in report.result.trials})} repeats"
        print(f"{name}: {report.seconds:.1f} s where a step takes {one:.4f} s, {shape}, {found}")


def learnable_cnn() -> nbdebug.TrainingSetup:
    """The CNN on images with a pattern in them for each class; its own are noise."""
    setup = million_parameter_cnn()
    targets = torch.randint(0, 10, (2048,))
    images = torch.randn(2048, 3, 32, 32) + 0.5 * torch.randn(10, 3, 32, 32)[targets]
    loader = DataLoader(TensorDataset(images, targets), batch_size=64, shuffle=True)
    return nbdebug.TrainingSetup(setup.model, setup.loss_fn, setup.optimizer, loader)


if __name__ == "__main__":
    os.environ.setdefault("PL_DISABLE_FORK", "1")
    main()
