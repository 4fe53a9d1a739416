"""A failing training as a program: it runs where only torch is, and fails alike."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nbdebug
from nbdebug.errors import NbdebugError
from nbdebug.instruments.overfit import overfit
from tests.patients.parts import features, images, loader, mlp, training

SCALE = 1e-9


class Block(nn.Module):
    def __init__(self, width, gain):
        super().__init__()
        self.linear, self.norm, self.gain = nn.Linear(width, width), nn.LayerNorm(width), gain

    def forward(self, x):
        return x + self.gain * self.linear(self.norm(x)).relu()


class Net(nn.Module):
    """A class with children of its own, a parameter, a buffer, a table of plain values."""

    def __init__(self, made_of_what_is_not_there):
        super().__init__()
        self.first = nn.Linear(64, 16)
        self.blocks = nn.ModuleList([Block(16, 0.5), Block(16, 0.25)])
        self.offset = nn.Parameter(torch.zeros(10))
        self.register_buffer("mask", torch.ones(16))
        self.options = {"scale": SCALE, "names": ["a"]}
        self.last = nn.Linear(16, 10)

    def forward(self, x):
        x = self.first(x) * self.mask
        for block in self.blocks:
            x = block(x)
        return shrunk(self.last(x) + self.offset)


def shrunk(x):
    return (x * SCALE).round()


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def run(report, tmp_path):
    """What the program prints, in a Python of its own with no sight of this repository: (first loss, lowest loss)."""
    path = tmp_path / "failure.py"
    path.write_text(report.script())
    done = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tuple(map(float, re.search(r"loss (\S+) -> (\S+) in", done.stdout).groups()))


def as_short_as_promised(report):
    return len(report.script().splitlines()) < 60


def test_it_fails_alike(tmp_path):
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.9999), nn.Linear(32, 10, bias=False))
    report = overfit(training(model), samples=(10,), search=0)
    first, lowest = run(report, tmp_path)
    (trial,) = report.result.trials
    assert first == pytest.approx(trial.start, rel=1e-2) and lowest > 0.8 * trial.start and as_short_as_promised(report)


def test_classes_of_ones_own(tmp_path):
    report = overfit(training(Net("thing")), samples=(10,), search=0)
    first, lowest = run(report, tmp_path)
    assert first == pytest.approx(report.result.trials[0].start, rel=1e-3) and lowest == pytest.approx(first, rel=1e-4)
    assert "class Block" in report.script() and "def shrunk" in report.script()


def test_frozen_tied_and_sleeping_parts(tmp_path):
    model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.Linear(64, 64), nn.Flatten(), Rounded(), nn.Linear(64, 10))
    model[2].weight = model[0].weight
    model[5].requires_grad_(False)
    model[1].eval()
    setup = training(model, optimizer=torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1))
    report = overfit(setup, samples=(10,), search=0)
    text = report.script()
    assert "requires_grad_(False)" in text and "training = False" in text and 'get_parameter("0.weight")' in text
    first, lowest = run(report, tmp_path)
    assert first == pytest.approx(report.result.trials[0].start, rel=1e-3) and lowest == pytest.approx(first, rel=1e-3)


class Rounded(nn.Module):
    def forward(self, x):
        return x.round()


def test_a_step_of_ones_own_on_images(tmp_path):
    def batch_loss(setup, batch):
        inputs, targets = batch
        return F.cross_entropy(setup.model(inputs).round(), targets)

    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    report = overfit(training(model, data=images(), batch_loss=batch_loss), samples=(10,), search=0)
    first, lowest = run(report, tmp_path)
    assert lowest == pytest.approx(first, rel=1e-3) and as_short_as_promised(report)


def test_a_model_that_returns_a_dict_in_half_precision(tmp_path):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, pixels):
            return {"hidden": pixels, "logits": self.net(pixels).round()}

    inputs, targets = features()
    batches = [{"pixels": inputs[:16], "labels": targets[:16]}]
    report = overfit(training(Named(), train_loader=batches, precision="bf16-mixed"), samples=(10,), search=0)
    assert "['logits']" in report.script() and "torch.autocast" in report.script()
    first, lowest = run(report, tmp_path)
    assert lowest == pytest.approx(first, rel=1e-2)


@pytest.mark.parametrize("bounded", [nn.Tanh, nn.Sigmoid])
def test_layers_without_a_constructor_of_their_own(bounded, tmp_path):
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), bounded())
    inputs, _ = features()
    report = overfit(training(model, data=(inputs, 30 + inputs[:, :1]), loss_fn=nn.MSELoss()), samples=(10,), search=0)
    assert f"nn.{bounded.__name__}()" in report.script()
    first, lowest = run(report, tmp_path)
    assert lowest > 0.5 * first


def test_what_cannot_be_written_leaves_a_place_for_it():
    model = Net("thing")
    model.handle = open(__file__)  # noqa: SIM115
    text = overfit(training(model), samples=(10,), search=0).script()
    model.handle.close()
    assert "Net.handle is a TextIOWrapper" in text and "YOUR MODEL GOES HERE" in text
    compile(text, "script", "exec")


def test_many_weights_and_large_samples_are_drawn_anew():
    inputs = torch.randn(16, 3, 200, 200)
    model = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(7500, 20), nn.Linear(20, 10), Rounded())
    model[3].weight.data *= 1e-3
    report = overfit(training(model, train_loader=loader(inputs, torch.arange(16) % 10)), samples=(10,), search=0)
    text = report.script()
    assert "random ones of the same shape" in text and "too large for a script" in text and len(text) < 50_000


def test_a_class_of_a_cell():
    """A notebook has variables of the same names as arguments have, and they are none of the class's."""
    source = "class Cell(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.net = nn.Linear(64, 10)\n\n    def forward(self, x):\n        out = self.net(x)\n        return (lambda y: y.round())(out)\n"
    import linecache

    name = "<ipython-input-7-abc>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    names = {"nn": nn, "torch": torch, "__name__": "__main__", "x": torch.zeros(99), "y": features(), "out": print}
    exec(compile(source, name, "exec"), names)
    text = overfit(training(names["Cell"]()), samples=(10,), search=0).script()
    assert "class Cell(nn.Module):" in text and "model = blank(Cell)" in text and "out = print" not in text


def test_without_a_failure_there_is_none():
    with pytest.raises(NbdebugError, match="only for samples that cannot be memorised"):
        overfit(training(mlp())).script()
    with pytest.raises(NbdebugError, match="has no script"):
        nbdebug.first_step(training(mlp())).script()


def test_a_checkup_has_it_too():
    report = nbdebug.checkup(training(Net("thing")), budget="60 s")
    assert "class Block" in report.script()


def test_the_report_shows_it_shortened():
    report = overfit(training(Net("thing")), samples=(10,), search=0)
    shown = report.result.panels()[-1]
    assert shown.kind == "code" and max(map(len, shown.text.splitlines())) < 200 < max(map(len, report.script().splitlines()))
