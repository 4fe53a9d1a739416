"""What the script says beside what the model holds: names that pick nothing, a state that fits nothing, a rate that is to be kept."""

from __future__ import annotations

import linecache
import sys
import types

import pytest

import nbdebug
from nbdebug import TrainingSetup
from nbdebug.findings import INFO

BEGIN = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
inputs = torch.randn(256, 12)
targets = (inputs @ torch.randn(12, 3)).argmax(1)
train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
loss_fn = nn.CrossEntropyLoss()

class Net(nn.Module):
    def __init__(self, rate=0.1):
        super().__init__()
        self.stem, self.middle, self.head = nn.Linear(12, 24), nn.Linear(24, 24), nn.Linear(24, 3)
        self.drop = nn.Dropout(rate)

    def forward(self, x):
        return self.head(self.drop(self.middle(self.stem(x).relu()).relu()))
"""
PICKED = """
model = Net()
optimizer = torch.optim.Adam([p for name, p in model.named_parameters() if name.startswith(("stem", WORD)) or "head" in name], lr=1e-3)
"""
LOADED = """
class Tuned(nn.Module):
    def __init__(self, trunk):
        super().__init__()
        self.trunk, self.top = trunk, nn.Linear(3, 3)

    def forward(self, x):
        return self.top(self.trunk(x).relu())

def saved():
    return {PREFIX + name: 0.3 * torch.randn_like(p) for name, p in Net().state_dict().items()}

trunk = Net().requires_grad_(False)
trunk.load_state_dict(saved(), strict=False)
model = Tuned(trunk)
optimizer = torch.optim.Adam(model.top.parameters(), lr=1e-3)
"""
KEPT = """
keep_prob = 0.9

class Kept(Net):
    def __init__(self, keep_prob):
        super().__init__()
        self.drop = nn.Dropout(RATE)

model = Kept(keep_prob)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
"""
TIED = """
class Next(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.body, self.head = nn.Embedding(30, 12), nn.Linear(12, 12), nn.Linear(12, 30, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.body(self.embed(ids)).relu())

words = torch.randint(0, 30, (256,))
train_loader = DataLoader(TensorDataset(words, (words + 1) % 30), batch_size=32, shuffle=True)
model = Next()
with torch.no_grad():
    PUT
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
"""


def codes(monkeypatch, text):
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), module.__dict__)
    parts = {name: vars(module)[name] for name in ("model", "loss_fn", "optimizer", "train_loader")}
    found = nbdebug.checkup(TrainingSetup(**parts)).findings
    return {finding.code: finding for finding in found if finding.severity is not INFO}


@pytest.mark.parametrize(
    "code, sick, sound, line",
    [
        ("ND601", PICKED.replace("WORD", "'body'"), PICKED.replace("WORD", "'middle'"), "named_parameters()"),
        ("ND707", LOADED.replace("PREFIX", "'module.'"), LOADED.replace("PREFIX", "''"), "load_state_dict(saved(), strict=False)"),
        ("ND608", KEPT.replace("RATE", "keep_prob"), KEPT.replace("RATE", "1 - keep_prob"), "nn.Dropout(keep_prob)"),
        (
            "ND204", TIED.replace("PUT", "model.embed = nn.Embedding.from_pretrained(torch.randn(30, 12), freeze=False)"),
            TIED.replace("PUT", "model.embed.weight.copy_(torch.randn(30, 12))"), "model.embed = nn.Embedding.from_pretrained",
        ),
    ],
    ids=["picked", "loaded", "kept", "tied"],
)
def test_what_the_text_says_is_asked_of_the_model(monkeypatch, code, sick, sound, line):
    found = codes(monkeypatch, BEGIN + sick)
    assert set(found) == {code}
    assert line in found[code].location.text
    assert not codes(monkeypatch, BEGIN + sound)


def test_a_state_loaded_into_an_earlier_model_says_nothing_of_this_one(monkeypatch):
    again = LOADED.replace("PREFIX", "'module.'").replace("model = Tuned(trunk)", "trunk = Net().requires_grad_(False)\nmodel = Tuned(trunk)")
    assert not codes(monkeypatch, BEGIN + again)
