"""Builds the training that the example of a code's page speaks of; what it leaves out gets a sound default."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup
from tests.patients.parts import features, mlp


def training_of(example: str) -> TrainingSetup:
    torch.manual_seed(0)
    inputs, targets = features()
    names = {
        "torch": torch, "nn": nn, "F": F, "DataLoader": DataLoader, "TensorDataset": TensorDataset,
        "inputs": inputs, "targets": targets,
    }  # fmt: skip
    exec(compile(example, "example.py", "exec"), names)
    model = names.setdefault("model", mlp())
    return TrainingSetup(
        model=model,
        loss_fn=names.get("loss_fn", nn.CrossEntropyLoss()),
        optimizer=names.get("optimizer") or torch.optim.Adam(model.parameters(), lr=1e-3),
        train_loader=names.get("train_loader") or DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True),
        val_loader=names.get("val_loader"),
    )
