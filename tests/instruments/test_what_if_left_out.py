"""Bodies that the optimizer was never given: forgotten, or left as they are on purpose, as the text and the weights say."""

from __future__ import annotations

import linecache
import sys
import types

import pytest

import nbdebug
from nbdebug import TrainingSetup
from nbdebug.findings import WARNING

BEGIN = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
loss_fn = nn.CrossEntropyLoss()
"""
BAGS = """
liked = torch.randint(0, 300, (8, 30))
targets = torch.randint(0, 8, (2000,))
own = liked[targets[:, None], torch.randint(0, 30, (2000, 5))]
inputs = torch.cat([own, torch.randint(0, 300, (2000, 4))], 1)

class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.top = nn.Embedding(300, 16), nn.Linear(16, 8)

    def forward(self, ids):
        return self.top(self.body(ids).mean(1))

model = Bag()
"""
PICTURES = """
targets = torch.randint(0, 4, (1200,))
inputs = 0.5 * torch.randn(1200, 1, 8, 8)
inputs[torch.arange(1200), 0, 2 * targets] += 1
body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
model = nn.Sequential()
model.body, model.top = body, nn.Linear(8, 4)
"""
SERIES = """
inputs = torch.randn(1500, 10, 1)
targets = (inputs[:, 2:6, 0].sum(1) > 0).long()

class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.top = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        return self.top(self.body(x)[1][-1])

model = Reader()
"""
TABLE = """
inputs = torch.randn(1500, 6)
targets = (inputs[:, 0] * inputs[:, 1] > 0).long()
model = nn.Sequential()
model.body, model.top = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 2)
"""
END = """
train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=50, shuffle=True)
optimizer = torch.optim.Adam(model.PART.parameters(), lr=2e-2)
"""
LEARNT = """
with torch.no_grad():
    for name, p in model.body.named_parameters():
        if p.ndim > 1:
            p.add_(torch.outer(torch.ones(p.shape[0]), torch.ones(p[0].numel())).view_as(p))
"""


def alarms(monkeypatch, text):
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_body.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), module.__dict__)
    setup = TrainingSetup(**{name: vars(module)[name] for name in ("model", "loss_fn", "optimizer", "train_loader")})
    groups = len(setup.optimizers[0].param_groups)
    report = nbdebug.what_if(setup)
    assert report.proof.changes == () and len(setup.optimizers[0].param_groups) == groups
    return {finding.code: finding for finding in report.findings if finding.severity is WARNING}


@pytest.mark.parametrize("program", [BAGS, PICTURES, SERIES, TABLE], ids=["bags", "pictures", "series", "table"])
def test_a_body_that_was_forgotten_is_told_by_what_it_would_learn(monkeypatch, program):
    found = alarms(monkeypatch, BEGIN + program + END.replace("PART", "top"))
    assert set(found) == {"ND601"}
    assert "torch.optim.Adam(" in found["ND601"].location.text and "body" in found["ND601"].message
    assert not alarms(monkeypatch, BEGIN + program + END.replace("model.PART", "model"))


@pytest.mark.parametrize(
    "program",
    [
        BEGIN + "# the body stays frozen" + BAGS + END,
        BEGIN + PICTURES.replace("body =", "# random features\nbody =") + END,
        BEGIN + BAGS + LEARNT + END,
        BEGIN + TABLE + "pretraining = torch.optim.Adam(model.body.parameters())" + END,
    ],
    ids=["said", "random features", "learnt before", "two phases"],
)
def test_a_body_that_is_left_as_it_is_on_purpose_is_not(monkeypatch, program):
    assert not alarms(monkeypatch, program.replace("PART", "top"))


def test_a_random_body_that_is_good_enough_is_not(monkeypatch):
    easy = TABLE.replace("inputs[:, 0] * inputs[:, 1] > 0", "inputs[:, 0] > 0").replace("(6, 8)", "(6, 256)").replace("(8, 8)", "(256, 256)").replace("(8, 2)", "(256, 2)")
    assert not alarms(monkeypatch, BEGIN + easy + END.replace("PART", "top"))
