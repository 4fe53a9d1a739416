"""Makes what the example of a code's page speaks of, a training or a loop; what it leaves out gets a sound default."""

from __future__ import annotations

import contextlib
import linecache
import os
from unittest import mock

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug import Report, TrainingSetup
from tests.patients.parts import features, mlp


def given() -> dict[str, object]:
    """The names that an example may use."""
    torch.manual_seed(0)
    inputs, targets = features()
    return {
        "torch": torch, "nn": nn, "F": F, "DataLoader": DataLoader, "TensorDataset": TensorDataset,
        "inputs": inputs, "targets": targets,
    }  # fmt: skip


def watched(example: str) -> Report:
    """What watch says of a loop."""
    names = given()
    inputs, targets = names["inputs"], names["targets"]
    model = mlp()
    names |= {
        "model": model, "loss_fn": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(model.parameters(), lr=1e-3),
        "train_loader": DataLoader(TensorDataset(inputs[:192], targets[:192]), batch_size=32, shuffle=True),
        "val_loader": DataLoader(TensorDataset(inputs[192:], targets[192:]), batch_size=32),
    }  # fmt: skip
    name = f"example {abs(hash(example))}.py"
    linecache.cache[name] = (len(example), None, example.splitlines(keepends=True), name)  # the loop is read as well as run
    code = compile(example, name, "exec")
    if "nbdebug.watch(" in example:
        exec(code, names | {"nbdebug": nbdebug}, opened := {})
        return opened["watch"].report()
    with nbdebug.watch(live=False) as watch:
        exec(code, names)
    return watch.report()


def training_of(example: str) -> TrainingSetup:
    names = given()
    inputs, targets = names["inputs"], names["targets"]
    exec(compile(example, "example.py", "exec"), names)
    model = names.setdefault("model", mlp())
    return TrainingSetup(
        model=model,
        loss_fn=names.get("loss_fn", nn.CrossEntropyLoss()),
        optimizer=names.get("optimizer") or torch.optim.Adam(model.parameters(), lr=1e-3),
        train_loader=names.get("train_loader") or DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True),
        val_loader=names.get("val_loader"),
    )


def history_of(example: str) -> object:
    """The curves that an example defines."""
    exec(compile(example, "example.py", "exec"), names := given())
    return names["history"]


def run_of(example: str, runs_dir: str) -> Report:
    """What the report of a run says that an example launches."""
    names = given() | {"__name__": "__main__", "nbdebug": nbdebug}
    names["train_loader"] = DataLoader(TensorDataset(names["inputs"], names["targets"]), batch_size=16, shuffle=True)
    with mock.patch.dict(os.environ, {"NBDEBUG_RUNS": runs_dir}):
        exec(compile(example, "example.py", "exec"), names)
    with contextlib.suppress(nbdebug.errors.RankFailed):
        names["run"].wait(120)
    return names["run"].report()
