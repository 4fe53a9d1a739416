"""What a run costs beside what one would have without us: seconds to the first step, steps a second, what alarms and records take, 500 MB back.

    python benchmarks/launch.py --rounds 5             all of it
    python benchmarks/launch.py start steps weights    parts of it

start    call → first step of 2 gloo ranks: with the server warm, with none, and by torchrun on the folder of the very same run, by turns
steps    a step of the trainer beside one of a hand-written DDP loop, by turns in the same two ranks; CPU seconds of a rank's main thread are little
         disturbed by what else the machine does
told     a step with the default records, the live view of a notebook following, beside one of which nothing is told; and what the kernel computes for it
weights  500 MB of trained weights into the kernel's model beside a copy of the same file, and the kernel's memory meanwhile
data     200 MB of data in the kernel: what each rank holds of it for itself

Seconds of a loaded machine are upper bounds; the ratios are of the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import nbdebug
from nbdebug import TrainingSetup
from nbdebug.training import checkpoint
from nbdebug.training.local import server

RANKS = 2
WARM_UP = 10  # steps that are not counted
QUIET = {"layers": None, "find_nan": False, "gradient_norm": None, "loss_spike": None, "straggler": None, "starved": None, "digest_every": 0, "every_steps": 0}


def setup(samples: int = 512, width: int = 32, batch_size: int = 32, features: int = 64) -> TrainingSetup:
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(samples, features), torch.randint(0, 10, (samples,)))
    model = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    return TrainingSetup(model, nn.CrossEntropyLoss(), optimizer, DataLoader(data, batch_size, shuffle=True))


# -- to the first step ----------------------------------------------------------------------------------------------


def first_step(events: Any) -> float:
    """Seconds after the call, of the rank that was last."""
    return max(float(event["seconds"]) for event in events("first_step"))


def launched(one: TrainingSetup, runs: Path) -> nbdebug.Run:
    return nbdebug.launch(one, epochs=1, num_processes=RANKS, runs_dir=runs, preflight=False, wait=True)


def without_server() -> None:
    with server._lock:
        if server._current is not None:
            server.retire(server._current)


def by_torchrun(folder: Path) -> float:
    """The same folder; `first_step` counts from the start of the agent."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={RANKS}", "main.py"]
    subprocess.run(call, cwd=folder, env=environment, check=True, capture_output=True)
    return first_step(nbdebug.attach(folder).events)


def start(rounds: int, runs: Path) -> None:
    one = setup()
    taken: dict[str, list[float]] = {"warm": [], "cold": [], "torchrun": []}
    for number in range(-1, rounds):
        without_server()
        if number == 0:  # the round before was for nothing: every file comes from the disk once, and is compiled
            taken = {name: [] for name in taken}
        run = launched(one, runs)
        taken["cold"].append(first_step(run.events))
        taken["warm"].append(first_step(launched(one, runs).events))
        taken["torchrun"].append(by_torchrun(run.export(runs / f"exported-{number}")))
    base = statistics.median(taken["torchrun"])
    print(f"\n{'call → first step':22}{'median':>9}{'least':>9}{'most':>9}{'of torchrun':>13}{'bound':>8}   ({rounds} rounds)")
    for name, bound in (("warm", 0.1), ("cold", 0.6), ("torchrun", None)):
        ratios = statistics.median(ours / theirs for ours, theirs in zip(taken[name], taken["torchrun"], strict=True))
        said = "" if bound is None else f"{bound:8.2f}" + ("" if ratios <= bound else "  EXCEEDED")
        print(f"{name:22}{statistics.median(taken[name]):7.2f} s{min(taken[name]):7.2f} s{max(taken[name]):7.2f} s{ratios:13.3f}{said}")
    print(f"{'':22}median of torchrun {base:.2f} s")


# -- a step ---------------------------------------------------------------------------------------------------------


def by_hand(one: TrainingSetup, context: Any) -> None:
    """As one writes it."""
    assert isinstance(one.train_loader, DataLoader) and one.loss_fn is not None
    sampler: Any = DistributedSampler(one.train_loader.dataset)
    loader = DataLoader(one.train_loader.dataset, one.train_loader.batch_size, sampler=sampler)
    model, optimizer = nn.parallel.DistributedDataParallel(one.model), one.optimizers[0]
    for step, (inputs, targets) in enumerate(loader):
        optimizer.zero_grad()
        loss = one.loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            loss.item()


def by_trainer(one: TrainingSetup, context: Any) -> None:
    from nbdebug.training import trainer

    trainer.train(one, context)


def _changed(one: TrainingSetup, context: Any, **changes: Any) -> None:
    """By the trainer, with something else in the configuration."""
    from nbdebug.training.config import read_config

    config = context.config
    try:
        context.config = read_config(config, **changes)
        by_trainer(one, context)
    finally:
        context.config = config


def quietly(one: TrainingSetup, context: Any) -> None:
    """Without alarms, and without looks at layers."""
    _changed(one, context, watch=QUIET)


def without_layers(one: TrainingSetup, context: Any) -> None:
    _changed(one, context, watch={"layers": None})


def silently(one: TrainingSetup, context: Any) -> None:
    """Nothing is told either."""
    _changed(one, context, watch=QUIET, log={"every_steps": 10**9})


LOOPS: dict[str, Callable[..., None]] = {
    "by hand": by_hand, "trainer": by_trainer, "trainer, alarms only": without_layers, "trainer, no alarms": quietly, "trainer, silent": silently,
}  # fmt: skip
BESIDE = ("by hand", "trainer", "trainer, alarms only", "trainer, no alarms")
TOLD = ("trainer, silent", "trainer, no alarms")


def blocks(context: Any, names: tuple[str, ...], rounds: int, steps: int, width: int, batch_size: int) -> dict[str, list[tuple[float, ...]]]:
    """(wall, CPU of the main thread, CPU of the rank) microseconds a step of each loop, by turns; in a rank."""
    marks: list[tuple[float, ...]] = []
    hook = register_optimizer_step_post_hook(lambda *_: marks.append((time.perf_counter(), time.thread_time(), time.process_time())))
    taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            one = setup(RANKS * batch_size * steps, width, batch_size)
            marks.clear()
            context.barrier()
            LOOPS[name](one, context)
            count = (len(marks) - 1 - WARM_UP) / 1e6
            taken[name].append(tuple((end - begin) / count for begin, end in zip(marks[WARM_UP], marks[-1], strict=True)))
    hook.remove()
    return taken


def _middle(measured: list[tuple[float, ...]], which: int) -> float:
    return statistics.median(one[which] for one in measured)


def _ratio(above: list[tuple[float, ...]], below: list[tuple[float, ...]], which: int) -> float:
    """The median of the rounds' own."""
    return statistics.median(one[which] / other[which] for one, other in zip(above, below, strict=True))


SIZES = ((256, 32, 300), (1024, 128, 60))  # width, batch, steps


def steps(rounds: int, runs: Path) -> None:
    for width, batch_size, count in SIZES:
        run = nbdebug.launch(blocks, BESIDE, rounds, count, width, batch_size, epochs=1, num_processes=RANKS, runs_dir=runs, wait=True)
        taken = run.result
        print(f"\n{f'MLP {width}, batch {batch_size}':22}{'wall':>10}{'CPU':>10}{'wall: by hand / it':>22}{'CPU: by hand / it':>20}{'bound':>8}   ({rounds} rounds of {count} steps)")
        for name, measured in taken.items():
            ratio = [_ratio(taken["by hand"], measured, which) for which in (0, 1)]
            bound = f"{0.97:8.2f}" if name == "trainer" else ""
            print(f"{name:22}{_middle(measured, 0):7.0f} µs{_middle(measured, 1):7.0f} µs{ratio[0]:22.3f}{ratio[1]:20.3f}{bound}")


def told(rounds: int, runs: Path) -> None:
    from nbdebug.training.view import showing

    for width, batch_size, count in SIZES:
        run = nbdebug.launch(blocks, TOLD, rounds, count, width, batch_size, epochs=1, num_processes=RANKS, runs_dir=runs)
        begun, computed = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            showing.of(run)._display_live(run)  # as a cell of a notebook does; its widgets speak to nobody
            run.wait()
            showing.of(run).settle()
        share = (time.process_time() - computed) / (time.perf_counter() - begun)
        silent, taken = (run.result[name] for name in TOLD)
        print(f"\n{f'MLP {width}, batch {batch_size}':22}{'wall':>10}{'CPU, main':>11}{'CPU, rank':>11}   ({rounds} rounds of {count} steps)")
        for name, measured in zip(("nothing told", "records and view"), (silent, taken), strict=True):
            print(f"{name:22}{_middle(measured, 0):7.0f} µs{_middle(measured, 1):8.0f} µs{_middle(measured, 2):8.0f} µs")
        more = [_ratio(taken, silent, which) - 1 for which in (0, 1, 2)]
        print(f"{'more':22}{more[0]:+9.1%}{more[1]:+11.1%}{more[2]:+11.1%}   bound +2.0%; the kernel computed {share:.1%} of the time of one core")


# -- 500 MB back, 200 MB there --------------------------------------------------------------------------------------


def _copied(source: Path, target: Path) -> float:
    """Seconds of a copy that is on the disk, as the weights are when the run is over."""
    begun = time.perf_counter()
    shutil.copyfile(source, target)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - begun


class Big(nn.Module):
    """500 MB of weights, of which a step moves few."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(125, 1_000_000), requires_grad=False)
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x) + self.table[0, :2]


def weights(rounds: int, runs: Path) -> None:
    model = Big()
    data = TensorDataset(torch.randn(64, 8), torch.randint(0, 2, (64,)))
    one = TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.head.parameters(), 0.1), DataLoader(data, 16))
    run = launched(one, runs)
    writes, loads, copies = [], [], []
    process = psutil.Process()
    before = process.memory_full_info().uss
    for _ in range(rounds):
        begun = time.perf_counter()
        run.load_into(model)
        loads.append(time.perf_counter() - begun)
        copies.append(_copied(run.folder.weights, runs / "copy"))
        begun = time.perf_counter()
        checkpoint.write(runs / "written.pt", model.state_dict())  # as rank 0 does
        writes.append(time.perf_counter() - begun)
    own = (process.memory_full_info().uss - before) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    ratio = statistics.median((a + b) / c for a, b, c in zip(writes, loads, copies, strict=True))
    middle = [statistics.median(taken) for taken in (writes, loads, copies)]
    print(f"\n500 MB written {middle[0]:.2f} s, into the model {middle[1]:.2f} s; the file copied, until it is on the disk, {middle[2]:.2f} s: ×{ratio:.2f} (bound 1.50)")
    print(f"the kernel's own memory afterwards {own:+.0f} MB; its peak, with the mapped file and the model of 500 MB, {peak:.0f} MB")


def held(context: Any, loader: Any) -> dict[str, float]:
    """Megabytes that a rank has for itself after it has read all of its data."""
    for batch in context.loader(loader):
        batch[0].sum()
    told = psutil.Process().memory_full_info()
    return {"own": told.uss / 1e6, "proportional": getattr(told, "pss", told.uss) / 1e6}


def data(rounds: int, runs: Path) -> None:
    taken = {}
    for megabytes in (1, 200):
        rows = torch.randn(megabytes * 250, 1000)
        before = psutil.Process().memory_full_info().uss
        run = nbdebug.launch(held, DataLoader(TensorDataset(rows), 100), num_processes=RANKS, runs_dir=runs, wait=True)
        kernel = (psutil.Process().memory_full_info().uss - before) / 1e6
        taken[megabytes] = [event["result"]["own"] for event in run.events("done")]
        print(f"\n{megabytes} MB of data: own memory of the ranks {' and '.join(f'{one:.0f}' for one in taken[megabytes])} MB, the kernel's {kernel:+.0f} MB")
    more = max(taken[200]) - max(taken[1])
    print(f"200 MB cost a rank {more:+.0f} MB of its own")


PARTS = {"start": start, "steps": steps, "told": told, "weights": weights, "data": data}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {RANKS} ranks")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/compiled"  # what pip leaves, whether or not this checkout keeps it
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        for part in arguments.parts:
            PARTS[part](arguments.rounds, Path(folder))


if __name__ == "__main__":
    main()
