"""What a run costs beside what one would have without us: seconds to the first step, steps a second, what alarms and records take, 500 MB back.

    python benchmarks/launch.py --rounds 5             all of it
    python benchmarks/launch.py start steps weights    parts of it
    chrt -r 1 python benchmarks/launch.py steps told   before other programs of a busy machine (Linux, as root)

start    call → first step of 2 gloo ranks: with the server warm, with none, and by torchrun on the folder of the very same run, by turns
steps    a step of the trainer beside one of a hand-written DDP loop, by turns in the same two ranks
told     a step with the default records, the live view of a notebook following, beside one of which nothing is told; and what the kernel computes for it
weights  500 MB of trained weights into the kernel's model beside a copy of the same file, and the kernel's memory meanwhile
data     200 MB of data in the kernel: what each rank holds of it for itself

Seconds of a loaded machine are upper bounds; the ratios are of the same run, and of steps the median of those of turns that follow one another. A bound on a step is held against the CPU time of a rank's main thread, and in
`told` of our own threads with it, which other programs disturb little; torch's threads that carry gradients from rank to rank spin while they wait.
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
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
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
TURNS = 5  # of each loop in a round: many short ones are disturbed alike
WARM_UP = 10  # steps that are not counted
USUAL = {"every_steps": 50, "find_nan": True, "loss_spike": True, "straggler": True, "starved": True, "digest_every": 500}  # of `watch`


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


def _changed(one: TrainingSetup, context: Any, **changes: Any) -> None:
    """By the trainer, with something else in the configuration."""
    from nbdebug.training import trainer
    from nbdebug.training.config import read_config

    config = context.config
    try:
        context.config = read_config(config, **changes)
        trainer.train(one, context)
    finally:
        context.config = config


def by_trainer(one: TrainingSetup, context: Any) -> None:
    """As it is without a word."""
    _changed(one, context, watch="on")


def without_layers(one: TrainingSetup, context: Any) -> None:
    _changed(one, context, watch={**USUAL, "layers": None})


def quietly(one: TrainingSetup, context: Any) -> None:
    """Without alarms, and without looks at layers."""
    _changed(one, context, watch="off")


def silently(one: TrainingSetup, context: Any) -> None:
    """Nothing is told either."""
    _changed(one, context, watch="off", log={"every_steps": 10**9})


LOOPS: dict[str, Callable[..., None]] = {
    "by hand": by_hand, "trainer": by_trainer, "trainer, alarms only": without_layers, "trainer, no alarms": quietly, "trainer, silent": silently,
}  # fmt: skip
BESIDE = ("by hand", "trainer", "trainer, alarms only", "trainer, no alarms")
TOLD = ("trainer, silent", "trainer, no alarms")


@dataclass(frozen=True)
class Mark:
    """The clocks of a rank at a moment, in seconds."""

    wall: float
    main: float  # CPU of the main thread
    ours: float  # CPU of it and of our own threads
    rank: float  # CPU of the process


def mark() -> Mark:
    threads = [thread.native_id for thread in threading.enumerate() if thread.name.startswith("nbdebug-")]
    return Mark(time.perf_counter(), time.thread_time(), time.thread_time() + sum(map(_computed, threads)), time.process_time())


def _computed(thread: int | None) -> float:
    """CPU seconds of a thread of this process; Linux tells it to the nanosecond."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/self/task/{thread}/schedstat").read_text().split()[0]) / 1e9
    return 0.0


def blocks(context: Any, names: tuple[str, ...], turns: int, steps: int, width: int, batch_size: int) -> dict[str, list[dict[str, float]]]:
    """Microseconds a step of each loop, by turns; in a rank. Of told steps what is told late counts too."""
    marks: list[Mark] = []
    last, made = WARM_UP + steps, [0]

    def stepped(*_: Any) -> None:
        made[0] += 1
        if made[0] in (WARM_UP, last):
            marks.append(mark())

    hook = register_optimizer_step_post_hook(stepped)
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(turns):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            one = setup(RANKS * batch_size * last, width, batch_size)
            marks.clear()
            made[0] = 0
            context.barrier()
            LOOPS[name](one, context)
            begin, end = map(vars, marks)
            taken[name].append({clock: 1e6 * (end[clock] - begin[clock]) / steps for clock in begin})
    hook.remove()
    return taken


def of_all_ranks(run: nbdebug.Run) -> dict[str, dict[str, list[float]]]:
    """By loop and clock, of every turn in every rank."""
    told = [event["result"] for event in run.events("done")]
    return {name: {clock: [turn[clock] for result in told for turn in result[name]] for clock in told[0][name][0]} for name in told[0]}


def beside(these: list[float], those: list[float]) -> float:
    """The median of the ratios of turns that were taken one after the other: what disturbs both disturbs them alike."""
    return statistics.median(one / other for one, other in zip(these, those, strict=True))


SIZES = ((256, 32, 200), (1024, 128, 20))  # width, batch, steps of a turn


def steps(rounds: int, runs: Path) -> None:
    for width, batch_size, count in SIZES:
        run = nbdebug.launch(
            blocks, BESIDE, TURNS * rounds, count, width, batch_size, epochs=1, watch="off", num_processes=RANKS, runs_dir=runs, wait=True
        )  # fmt: skip
        taken = of_all_ranks(run)
        hand = taken["by hand"]
        print(f"\n{f'MLP {width}, batch {batch_size}':22}{'CPU, main: median (least)':>28}{'wall: median (least)':>26}{'by hand / it: CPU (of the least)':>34}{'wall':>8}{'bound':>7}   ({TURNS * rounds} turns of {count} steps in {RANKS} ranks)")
        for name, clocks in taken.items():
            cpu, wall = clocks["main"], clocks["wall"]
            ratios = [beside(hand["main"], cpu), min(hand["main"]) / min(cpu), beside(hand["wall"], wall)]
            bound = f"{0.97:7.2f}" + ("  MISSED" if ratios[0] < 0.97 else "") if name == "trainer" else ""
            print(f"{name:22}{f'{statistics.median(cpu):.0f} µs ({min(cpu):.0f})':>28}{f'{statistics.median(wall):.0f} µs ({min(wall):.0f})':>26}{f'{ratios[0]:.3f} ({ratios[1]:.3f})':>34}{ratios[2]:8.3f}{bound}")


def told(rounds: int, runs: Path) -> None:
    from nbdebug.training.view import showing

    for width, batch_size, count in SIZES:
        run = nbdebug.launch(blocks, TOLD, TURNS * rounds, count, width, batch_size, epochs=1, watch="off", num_processes=RANKS, runs_dir=runs)
        begun, computed = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            showing.of(run)._display_live(run)  # as a cell of a notebook does; its widgets speak to nobody
            run.wait()
            showing.of(run).settle()
        share = (time.process_time() - computed) / (time.perf_counter() - begun)
        taken = of_all_ranks(run)
        print(f"\n{f'MLP {width}, batch {batch_size}':22}{'CPU, main':>12}{'with our threads':>18}{'CPU, rank':>12}{'wall':>11}   (medians of {TURNS * rounds} turns of {count} steps in {RANKS} ranks)")
        middle = {name: {clock: statistics.median(values) for clock, values in clocks.items()} for name, clocks in taken.items()}
        for name, clocks in zip(("nothing told", "records and view"), middle.values(), strict=True):
            print(f"{name:22}{clocks['main']:9.0f} µs{clocks['ours']:15.0f} µs{clocks['rank']:9.0f} µs{clocks['wall']:8.0f} µs")
        silent, noted = (taken[name] for name in TOLD)
        more = {clock: 1 / beside(silent[clock], noted[clock]) - 1 for clock in silent}
        missed = "  MISSED" if more["ours"] > 0.02 else ""
        least = min(noted["ours"]) / min(silent["ours"]) - 1
        print(f"{'more':22}{more['main']:+12.1%}{more['ours']:+18.1%}{more['rank']:+12.1%}{more['wall']:+11.1%}   bound +2.0% of the second{missed}, of the least {least:+.1%}; the kernel computed {share:.1%} of the time of one core")


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
