"""Columns that are in two units, cut off, lost, or squeezed by a few far values; their twins, and columns that only look so."""

from __future__ import annotations

import linecache
import sys
import types

import numpy
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.data.classes.vectors import _drawn_in
from nbdebug.findings import INFO
from nbdebug.lines.clipped import clips, line_that_clips

RANDOM = numpy.random.default_rng


def told(inputs, target, model=None, loss_fn=None):
    """What the alarms of ND114 say."""
    data = TensorDataset(torch.as_tensor(numpy.asarray(inputs, "float32")), torch.as_tensor(target))
    loader = DataLoader(data, 32, shuffle=True)
    if model is not None:
        loader = nbdebug.TrainingSetup(model=model, loss_fn=loss_fn, train_loader=loader, optimizer=torch.optim.Adam(model.parameters(), lr=1e-3))
    return [one.message for one in nbdebug.data_audit(loader, budget=60).findings if one.code == "ND114" and one.severity is not INFO]


def scaled(values):
    return (values - values.mean(0)) / (values.std(0) + 1e-6)


def weights(times, share, seed=0, count=500):
    random = RANDOM(seed)
    rows = random.normal(size=(count, 3)) * [4, 0.05, 1] + [38, 0.8, 6]
    target = ((rows[:, 0] - 38) / 4 + (rows[:, 1] - 0.8) / 0.05 + 0.3 * random.normal(size=count)).astype("float32")
    other = random.random(count) < share
    rows[other, 0] *= times
    return rows, target, other


@pytest.mark.parametrize(("times", "share"), [(1000, 0.4), (1000, 0.08), (2.2046, 0.3), (100, 0.7)])
def test_some_rows_in_another_unit(times, share):
    rows, target, other = weights(times, share)
    assert any("two units" in message for message in told(scaled(rows), target))
    rows[other, 0] /= times
    assert told(scaled(rows), target) == []


def test_two_kinds_that_the_target_tells_apart_are_no_units():
    rows, target, other = weights(3.0, 0.4, seed=1)
    assert not any("two units" in message for message in told(scaled(rows), target + 4 * other.astype("float32")))
    random = RANDOM(2)
    kind = random.random(500) < 0.5
    alone = numpy.stack([numpy.where(kind, random.normal(0, 1, 500), random.normal(40, 5, 500)), random.normal(size=500)], 1)
    assert told(alone, alone[:, 1].astype("float32")) == []


def waves(count=300, seed=3):
    random = RANDOM(seed)
    kinds = random.integers(0, 2, count)
    steps = numpy.arange(64) / 64
    course = numpy.sin(2 * numpy.pi * (numpy.where(kinds, 9, 5)[:, None] * steps + random.random((count, 1))))
    return course[:, None] + 0.3 * random.normal(size=(count, 1, 64)), kinds


@pytest.mark.parametrize("times", [1e6, 3e3])
def test_a_few_samples_beside_which_all_others_look_alike(times):
    series, kinds = waves()
    broken = series.copy()
    broken[[5, 60, 200]] *= times
    assert any("as far out" in message for message in told(broken / broken.std(), kinds))
    assert told(series / series.std(), kinds) == []


def test_far_values_of_a_long_tail_or_of_a_class_of_their_own():
    random = RANDOM(4)
    tails = numpy.stack([random.standard_t(2, 400), numpy.exp(random.normal(size=400)), random.normal(size=400)], 1)
    kinds = random.integers(0, 2, 400)
    assert not any("as far out" in message for message in told(tails, kinds))
    fraud = numpy.zeros(400, int)
    fraud[::40] = 1
    amounts = tails[:, [2, 2]] + 5000.0 * fraud[:, None] * random.uniform(1, 2, (400, 1))
    assert not any("as far out" in message for message in told(amounts, fraud))


def test_giants_are_drawn_in_before_labels_are_compared():
    values = torch.ones(50, 1, 8)
    values[3] *= 1e6
    assert float(_drawn_in(values).max()) == pytest.approx(10.0)
    assert torch.equal(_drawn_in(values[4:]), values[4:])


SCRIPT = """
import torch
def acquire(volts):
    return {line}
"""


@pytest.mark.parametrize(("line", "alarm"), [("volts.clamp(0, 1.0)", True), ("volts.clip(min=0)", False), ("torch.minimum(volts, torch.tensor(1.0))", True)])
def test_columns_that_were_cut_off(line, alarm, monkeypatch):
    text = SCRIPT.format(line=line)
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_gases.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    random = RANDOM(5)
    volts = random.normal(1.2, 0.5, (300, 8))
    kinds = random.integers(0, 3, 300)
    assert clips() is alarm and (line_that_clips() is not None) is alarm
    assert bool(told(scaled(numpy.minimum(volts, 1.0)), kinds)) is alarm
    assert told(scaled(volts), kinds) == []


def test_columns_that_were_lost_where_they_became_numbers():
    random = RANDOM(6)
    rows, kinds = random.normal(size=(150, 9)), random.integers(0, 3, 150)
    lost = rows.copy()
    lost[:, [0, 1, 2, 4, 5, 7]] = 0.0
    assert any("lost on the way" in message for message in told(scaled(lost), kinds))
    padded, counts = rows.copy(), random.poisson(0.6, (150, 9)).astype(float)
    padded[:, 3:], counts[:, [0, 1, 2, 4, 5, 7]] = 0.0, 0.0
    assert told(rows, kinds) == told(padded, kinds) == told(counts, kinds) == []  # filled up to one length; words that are seldom said


def test_targets_with_a_long_tail_under_a_squared_loss():
    random = RANDOM(7)
    rows = random.normal(size=(500, 4))
    amounts = numpy.exp(1.6 * (rows[:, 0] - rows[:, 1] + 0.5 * rows[:, 2]) + 0.2 * random.normal(size=500))
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
    target = scaled(amounts).astype("float32")
    assert any("long tail" in message for message in told(rows, target, model, nn.MSELoss()))
    assert told(rows, scaled(numpy.log(amounts)).astype("float32"), model, nn.MSELoss()) == []
    assert told(rows, amounts.astype("float32"), model, nn.PoissonNLLLoss()) == []
    wild = scaled(numpy.exp(2 * random.normal(size=500))).astype("float32")  # no order that the inputs could tell
    assert told(rows, wild, model, nn.MSELoss()) == []
