"""Runs as they lie in a folder, without any process having run."""

from __future__ import annotations

import json
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import TrainingSetup
from nbdebug.training import payload
from nbdebug.training.config import read_config
from nbdebug.training.events import event
from nbdebug.training.folder import RunFolder
from nbdebug.training.following import keeper
from nbdebug.training.job import SETUP, Job
from nbdebug.training.record import writing


def data(samples=256, flipped=False, features=6):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(samples, features, generator=generator)
    y = x[:, :3].argmax(1)
    if flipped:
        y[::4] = (y[::4] + 1) % 3
    return TensorDataset(x, y)


def setup(lr=0.01, dataset=None, width=8, seed=0, optimizer=torch.optim.SGD):
    torch.manual_seed(seed)
    dataset = dataset or data()
    model = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))
    held_out = DataLoader(TensorDataset(*dataset[:32]), batch_size=16)
    return TrainingSetup(model, nn.CrossEntropyLoss(), optimizer(model.parameters(), lr=lr), DataLoader(dataset, batch_size=16, shuffle=True), held_out)


def folder(root, job=None, *, name="", config=None, losses=(1.0, 0.8, 0.6), validation=(0.9, 0.5), state="done", sources=None, findings=(), processes=1, **about):
    """A run that trained `job`, with these losses from step 1 on."""
    made = RunFolder.create(name, root)
    text = read_config(config, name=name).to_yaml()
    made.config.write_text(text)
    now = time.time()
    made.tell(
        id=made.id, name=name, kind=SETUP, state=state, created=now, ended=now + 2.0, step=len(losses), plan={"devices": ["cpu"] * processes},
        keeper=keeper(), **about,
    )  # fmt: skip
    told = [("metric", {"step": step, "epoch": 0, "metrics": {"loss": loss, "lr": 0.1}}) for step, loss in enumerate(losses, 1)]
    told += [("validation", {"step": step, "epoch": step, "metrics": {"loss": loss}}) for step, loss in enumerate(validation, 1)]
    told += [("finding", {"finding": finding}) for finding in findings]
    with made.events(0).open("w") as file:
        for seq, (kind, fields) in enumerate(told):
            file.write(json.dumps(event(kind, 0, 0, seq, fields)) + "\n")
    if job is not None:
        work = Job(SETUP, job, text)
        writing.write(made, work, payload.write(made, work))
    if sources is not None:
        record = json.loads(made.record.read_text()) if made.record.exists() else {}
        made.record.write_text(json.dumps({**record, "sources": [{"name": name, "source": text, "cut": False} for name, text in sources.items()]}))
    return made


