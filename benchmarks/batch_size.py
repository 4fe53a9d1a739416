"""How true `batch_size` is: its bytes beside those that the operating system counts, its foresight, and that the limit is kept.

    python benchmarks/batch_size.py

Linux only. Each training runs in a process of its own, which first trains by the plain loop on the largest batch that was said to
fit, and counts how much more memory the process took at its worst moment than before (VmHWM, set back through clear_refs).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from _trainings import deep, digits_mlp, million_parameter_cnn, step

import nbdebug
from nbdebug.instruments.batch_size.foresight import foreseen
from nbdebug.instruments.batch_size.result import NOT_TRIED
from nbdebug.step_cost import Batches, held_bytes

MIB = 2**20


def transformer() -> nbdebug.TrainingSetup:
    """Four encoder layers of width 128 over 64 tokens."""
    layer = torch.nn.TransformerEncoderLayer(128, 4, 256, batch_first=True)
    model = torch.nn.Sequential(torch.nn.Embedding(100, 128), torch.nn.TransformerEncoder(layer, 4), torch.nn.Flatten(), torch.nn.Linear(8192, 10))
    data = torch.utils.data.TensorDataset(torch.randint(0, 100, (1024, 64)), torch.randint(0, 10, (1024,)))
    return nbdebug.TrainingSetup(
        model, torch.nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters()), torch.utils.data.DataLoader(data, 32, shuffle=True)
    )


TRAININGS: dict[str, tuple[Callable[[], nbdebug.TrainingSetup], str]] = {
    "digits MLP": (digits_mlp, "4 MB"),
    "CNN, 1 M": (million_parameter_cnn, "400 MB"),
    "transformer, 0.6 M": (transformer, "200 MB"),
    "50 residual layers": (lambda: deep(50), "20 MB"),
}


def measured(name: str) -> tuple[nbdebug.TrainingSetup, nbdebug.instruments.report.Report]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    make, memory = TRAININGS[name]
    setup = make()
    return setup, nbdebug.batch_size(setup, memory=memory, budget=25)


def row(name: str) -> tuple[str, int, float]:
    report = measured(name)[1]
    result, largest = report.result, report.result.largest
    errors, walked, updated = [], {}, {}
    for size in result.sizes:
        if size.walking is not None and size.updating is not None:
            if len(walked) > 1:
                errors.append(max(foreseen(known, size.samples, result.held or 0.0) or 0.0 for known in (walked, updated)) / size.needed - 1)
            walked[size.samples], updated[size.samples] = size.walking, size.updating
    refused = min((s.samples for s in result.sizes if s.outcome == NOT_TRIED), default=None)
    said = (
        f"{name:20} limit {result.limit / MIB:6.1f} MiB: {largest.samples:5} samples, {largest.needed / MIB:6.1f} MiB "
        f"({largest.needed / result.limit:.0%} of the limit), first refused {refused}; foresight {min(errors):+.1%} to {max(errors):+.1%}; "
        f"fastest {result.fastest.samples}, {report.seconds:.1f} s"
    )
    return said, largest.samples, largest.needed


def by_the_system(name: str, samples: int) -> float:
    """Bytes that a plain loop takes at its worst moment, with what it holds between steps."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    setup = TRAININGS[name][0]()
    batches = Batches(setup.train_loader)
    step(setup, batches.make(1))
    batch = batches.make(samples)
    resident, _ = _resident()
    Path("/proc/self/clear_refs").write_text("5")
    step(setup, batch)
    return _resident()[1] - resident + held_bytes(setup)


def _resident() -> tuple[float, float]:
    """Bytes now, and at most so far."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(1024.0 * int(lines[key].split()[0]) for key in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def alone(function: Callable[..., object], *given: object) -> object:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *given).result()


def main() -> None:
    print(f"torch {torch.__version__}, one thread")
    for name in TRAININGS:
        text, samples, needed = alone(row, name)
        print(text, flush=True)
        seen = alone(by_the_system, name, samples)
        print(f"{'':20} {samples} samples by the plain loop: {seen / MIB:.1f} MiB by the system, {needed / MIB:.1f} said ({needed / seen:.2f})")


if __name__ == "__main__":
    sys.exit(main())
