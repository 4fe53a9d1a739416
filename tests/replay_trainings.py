"""Trainings with a step that fails, run as a script of its own: `write DIR` keeps each failing step, `read DIR` runs it again elsewhere."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import nbdebug
from nbdebug.nonfinite.kept.capsule import write
from nbdebug.nonfinite.kept.fingerprint import Fingerprint
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.trace.step import Trace
from nbdebug.nonfinite.update import update_origin
from nbdebug.plain import to_plain

FAILS_AT = 3  # the step whose batch is bad


class Sequences(nn.Module):
    """Batch-norm, dropout, an LSTM and a count in an attribute; a derivative that is infinite at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop, self.lstm, self.head = nn.BatchNorm1d(5), nn.Dropout(0.3), nn.LSTM(4, 6), nn.Linear(6, 3)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        hidden, _ = self.lstm(self.drop(self.norm(x)))
        size = self.head.weight.sum() * x[:, 0, 0]
        return self.head(hidden[:, -1]) / self.calls + size.abs().sqrt()[:, None]  # guilty of the infinite derivative


class Shares(nn.Module):
    """Divides each row by its sum."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.drop, self.head = nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        shares = x / x.sum(1, keepdim=True)  # guilty of the division
        return self.head(self.drop(self.body(shares).relu()))


class Roots(nn.Module):
    """A finite loss with a derivative that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.head, self.scale = nn.Dropout(), nn.Linear(4, 3), nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop((x * self.scale).sqrt()))  # guilty of the infinite derivative


def sequences() -> dict[str, Any]:
    model = Sequences()
    return {"model": model, "optimizers": [torch.optim.Adam(model.parameters(), lr=1e-2)], "shape": (8, 5, 4)}


def shares() -> dict[str, Any]:
    model = Shares()
    return {"model": model, "optimizers": [torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)], "shape": (8, 4)}


def two_optimizers() -> dict[str, Any]:
    parts = shares()
    model = parts["model"]
    return parts | {"optimizers": [torch.optim.AdamW(model.body.parameters()), torch.optim.SGD(model.head.parameters(), lr=0.1)]}


def scaled() -> dict[str, Any]:
    return shares() | {"scaler": torch.amp.GradScaler("cpu", init_scale=256.0), "precision": "16-mixed"}


def scaled_gradients() -> dict[str, Any]:
    model = Roots()
    made = {"model": model, "optimizers": [torch.optim.RMSprop(model.parameters())], "shape": (8, 4)}
    return made | {"scaler": torch.amp.GradScaler("cpu", init_scale=256.0), "precision": "16-mixed"}


def bfloat() -> dict[str, Any]:
    return sequences() | {"precision": "bf16-mixed"}


def eps_is_zero() -> dict[str, Any]:
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    return {"model": model, "optimizers": [torch.optim.Adam(model.parameters(), eps=0.0)], "shape": (8, 4)}


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    case.__name__: case for case in (sequences, shares, two_optimizers, scaled, scaled_gradients, bfloat, eps_is_zero)
}


def batches(shape: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(5)
    made = [(torch.rand(shape, generator=generator) + 0.1, torch.arange(shape[0]) % 3) for _ in range(FAILS_AT + 1)]
    made[FAILS_AT][0][2] = 0.0
    return made


def autocast(precision: str) -> Any:
    dtype = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}.get(precision)
    return contextlib.nullcontext() if dtype is None else torch.autocast("cpu", dtype=dtype)


def keep(name: str, directory: Path) -> None:
    """Trains as anyone does, and keeps the step that fails."""
    torch.manual_seed(1)
    made = CASES[name]()
    model, optimizers, scaler, precision = made["model"], made["optimizers"], made.get("scaler"), made.get("precision", "32-true")
    criterion, parts = nn.CrossEntropyLoss(), Parts({"model": made["model"]}, tuple(optimizers), (scaler,) if scaler else ())
    snapshot = Snapshot(parts.models.values(), parts.optimizers, parts.scalers)

    def forward_and_backward(batch: Any, scaler: Any = None) -> Tensor:
        with autocast(precision):
            loss = criterion(model(batch[0]), batch[1])
        (scaler.scale(loss) if scaler else loss).backward()
        return loss

    for step, batch in enumerate(batches(made["shape"])):
        if name == "eps_is_zero" and step == FAILS_AT:
            freeze_first(model)
            optimizers[0].state.clear()
        snapshot.renew(batch)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = forward_and_backward(batch, scaler)
        taken = Fingerprint.of(parts)
        if step == FAILS_AT and name != "eps_is_zero":
            break
        for optimizer in optimizers:
            scaler.step(optimizer) if scaler else optimizer.step()
        if scaler:
            scaler.update()
    tripped = "weights" if name == "eps_is_zero" else ""
    taken = Fingerprint(taken.gradients, Fingerprint.of(parts).weights)
    snapshot.restore()
    for optimizer in optimizers:
        optimizer.zero_grad()
    with Trace([model], batch=batch) as trace:
        forward_and_backward(batch)  # at scale 1, as find_nan does
    origin = trace.origin(step) or update_origin(optimizers, snapshot, parts.names(), step)
    snapshot.restore()
    write(
        directory / name, parts, snapshot, step=step, origin=origin, loss=loss, precision=precision, indices=tuple(range(8)),
        tripped=tripped, fingerprint=taken,
    )  # fmt: skip


def freeze_first(model: nn.Sequential) -> None:
    """No gradient and no moments: Adam divides 0 by 0 when its eps is 0."""
    for parameter in model[0].parameters():
        parameter.register_hook(torch.zeros_like)


def again(name: str, directory: Path) -> dict[str, Any]:
    """In another process, with a model of other weights that has trained on; what is asked for is found among these variables."""
    torch.manual_seed(2)
    made = CASES[name]()
    model, criterion, scaler = made["model"], nn.CrossEntropyLoss(), made.get("scaler")
    optimizer = made["optimizers"][0]
    second_optimizer = made["optimizers"][1] if len(made["optimizers"]) > 1 else None
    criterion(model(batches(made["shape"])[0][0]), torch.arange(8) % 3).backward()
    optimizer.step()
    if name == "eps_is_zero":
        freeze_first(model)
    report = nbdebug.replay(directory / name / f"step-{FAILS_AT}.nbd")
    del criterion, scaler, second_optimizer
    result = report.result
    origin = to_plain(result.origin)
    return {
        "same": result.reproduced, "compared": [to_plain(pair) for pair in result.compared], "origin": origin, "stopped": report.stopped,
        "codes": [finding.code for finding in report.findings], "changes": list(report.proof.changes), "text": str(report),
    }  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    deed, given = sys.argv[1], Path(sys.argv[2])
    if deed == "write":
        for case in CASES:
            keep(case, given)
    else:
        print(json.dumps({case: again(case, given) for case in CASES}))
