"""Inputs and labels that the text of a script shuffles by two draws."""

from __future__ import annotations

import linecache
import sys
import types

import pytest

import nbdebug
from nbdebug.findings import INFO

HEAD = """
import random
import numpy
import torch
from sklearn.utils import shuffle
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset, TensorDataset

numpy.random.seed(0)
labels = numpy.random.randint(0, 3, 300)
inputs = (numpy.random.normal(size=(300, 8)) + 2.5 * numpy.eye(8)[labels]).astype("float32")
"""
TAIL = """
data = TensorDataset(torch.tensor(inputs), torch.tensor(labels))
"""
SICK = {
    "in place": "numpy.random.shuffle(inputs)\nnumpy.random.shuffle(labels)  # guilty",
    "by two orders": "inputs = inputs[numpy.random.permutation(300)]\nlabels = labels[torch.randperm(300).numpy()]  # guilty",
    "by scikit-learn": "inputs = shuffle(inputs, random_state=0)\nlabels = shuffle(labels, random_state=1)  # guilty",
    "the inputs alone": "numpy.random.shuffle(inputs)  # guilty",
    "as a list": "random.seed(0)\nrows, kinds = list(inputs), labels.tolist()\nrandom.shuffle(rows)\nrandom.shuffle(kinds)  # guilty\ninputs, labels = numpy.stack(rows), numpy.array(kinds)",
    "an order in a name, and another in the brackets": "order = numpy.random.permutation(300)\nx = inputs[order]\ninputs, labels = x, labels[numpy.random.permutation(300)]  # guilty",
    "two orders in names": "one, other = numpy.random.permutation(300), torch.randperm(300).numpy()\ninputs, labels = (\n    inputs[one],\n    labels[other])  # guilty",
    "by two samples of a range": "one, other = random.sample(range(300), 300), random.sample(range(300), 300)\ninputs = numpy.stack([inputs[i] for i in one])\nlabels = numpy.array([labels[i] for i in other])  # guilty",
    "one of two frames": "import pandas\nframe, kinds = pandas.DataFrame(inputs), pandas.Series(labels)\nframe = frame.sample(frac=1)\ninputs, labels = frame.to_numpy(), kinds.to_numpy()  # guilty",
    "by iloc": "import pandas\nrng = numpy.random.default_rng(1)\nframe, kinds = pandas.DataFrame(inputs), pandas.Series(labels)\nmixed = frame.iloc[rng.permutation(300)]\ninputs, labels = mixed.to_numpy(), kinds.iloc[rng.permutation(300)].to_numpy()  # guilty",
    "by random ranks": "inputs = inputs[numpy.argsort(numpy.random.rand(300))]\nlabels = labels[numpy.argsort(numpy.random.rand(300))]  # guilty",
    "by a helper, twice": "def mixed(rows):\n    return rows[numpy.random.permutation(len(rows))]\ninputs = mixed(inputs)\nlabels = mixed(labels)  # guilty",
    "in a function": "def load():\n    order = numpy.random.permutation(300)\n    x = inputs[order]\n    y = labels[numpy.random.permutation(300)]  # guilty\n    return x, y\ninputs, labels = load()",
    "from two generators": "a, b = numpy.random.default_rng(1), numpy.random.default_rng(2)\ninputs = inputs[a.permutation(300)]\nlabels = labels[b.permutation(300)]  # guilty",
    "split apart": "inputs, _ = train_test_split(inputs, test_size=0.2)\nlabels, _ = train_test_split(labels, test_size=0.2)  # guilty",
}
INSIDE = """
def made():
    order = numpy.random.permutation(300)
    x, y = torch.tensor(inputs[order]), torch.tensor(labels)
    y = y[{}]  # guilty
    return TensorDataset(x, y)
data = made()
"""
OWN = """
class Rows(Dataset):
    def __init__(self):
        order = torch.randperm(300)
        self.x = torch.tensor(inputs)[order]
        self.y = torch.tensor(labels)[{}]  # guilty
    def __len__(self):
        return 300
    def __getitem__(self, i):
        return self.x[i], self.y[i]
data = Rows()
"""
SOUND = {
    "by one order": "order = numpy.random.permutation(300)\ninputs, labels = inputs[order], labels[order]",
    "from one seed": "numpy.random.seed(1)\nnumpy.random.shuffle(inputs)\nnumpy.random.seed(1)\nnumpy.random.shuffle(labels)",
    "before the labels are made": "labels = numpy.random.randint(0, 3, 300)\nnumpy.random.shuffle(inputs)\nlabels = (inputs[:, 0] > 1).astype(int)",
    "chance": "labels = numpy.random.randint(0, 3, 300)",
    "chance, shuffled together": "labels = numpy.random.randint(0, 3, 300)\ninputs, labels = shuffle(inputs, labels)",
    "chance, one seed for both": "labels = numpy.random.randint(0, 3, 300)\ninputs = shuffle(inputs, random_state=0)\nlabels = shuffle(labels, random_state=0)",
    "chance, and a list of places": "labels = numpy.random.randint(0, 3, 300)\nplaces = list(range(300))\nrandom.shuffle(places)",
    "chance, and the state put back": "labels = numpy.random.randint(0, 3, 300)\nstate = numpy.random.get_state()\nnumpy.random.shuffle(inputs)\nnumpy.random.set_state(state)\nnumpy.random.shuffle(labels)",
    "chance, one order in a name": "labels = numpy.random.randint(0, 3, 300)\norder = numpy.random.permutation(300)\nx, y = inputs[order], labels[order]\ninputs, labels = x, y",
    "chance, an order and then another for both": "labels = numpy.random.randint(0, 3, 300)\norder = numpy.random.permutation(300)\nx, y = inputs[order], labels[order]\nagain = torch.randperm(300).numpy()\ninputs, labels = x[again], y[again]",
    "chance, halves each in their own order": "labels = numpy.random.randint(0, 3, 300)\none, other = numpy.random.permutation(150), numpy.random.permutation(150)\nx, y, p, q = inputs[:150][one], labels[:150][one], inputs[150:][other], labels[150:][other]\ninputs, labels = numpy.concatenate([x, p]), numpy.concatenate([y, q])",
    "chance, a helper for both": "labels = numpy.random.randint(0, 3, 300)\ndef mixed(rows, kinds):\n    order = numpy.random.permutation(len(rows))\n    return rows[order], kinds[order]\ninputs, labels = mixed(inputs, labels)",
    "chance, a helper with a seed of its own": "labels = numpy.random.randint(0, 3, 300)\ndef mixed(rows):\n    return rows[numpy.random.default_rng(3).permutation(len(rows))]\ninputs, labels = mixed(inputs), mixed(labels)",
    "chance, generators that are alike": "labels = numpy.random.randint(0, 3, 300)\na = numpy.random.default_rng(1)\nb = numpy.random.default_rng(1)\ninputs, labels = inputs[a.permutation(300)], labels[b.permutation(300)]",
    "chance, columns in another order": "labels = numpy.random.randint(0, 3, 300)\ninputs, labels = inputs[:, numpy.random.permutation(8)], labels[numpy.random.permutation(300)]",
    "chance, a copy in another order to look at": "labels = numpy.random.randint(0, 3, 300)\norder = numpy.random.permutation(300)\nshown, theirs = inputs[order], labels[order]",
}  # fmt: skip


def found(middle, monkeypatch, tail=TAIL):
    text = HEAD + middle + tail
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), vars(module))
    report = nbdebug.data_audit(module.data)
    return [one for one in report.findings if one.code == "ND104" and one.severity is not INFO], text.splitlines()


@pytest.mark.parametrize("how", SICK)
def test_two_draws_are_named_by_the_line_of_the_last(how, monkeypatch):
    alarms, lines = found(SICK[how], monkeypatch)
    assert len(alarms) == 1
    assert lines[alarms[0].location.line - 1].endswith("# guilty")


@pytest.mark.parametrize("how", SOUND)
def test_one_order_and_labels_of_chance_are_sound(how, monkeypatch):
    assert found(SOUND[how], monkeypatch)[0] == []


@pytest.mark.parametrize("tail", [INSIDE, OWN])
def test_what_a_function_keeps_to_itself_is_named_too(tail, monkeypatch):
    alarms, lines = found("", monkeypatch, tail.format("torch.randperm(300)"))
    assert len(alarms) == 1
    assert lines[alarms[0].location.line - 1].endswith("# guilty")
    assert found("labels = numpy.random.randint(0, 3, 300)", monkeypatch, tail.format("order"))[0] == []
