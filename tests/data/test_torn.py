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
    "split apart": "inputs, _ = train_test_split(inputs, test_size=0.2)\nlabels, _ = train_test_split(labels, test_size=0.2)  # guilty",
}
SOUND = {
    "by one order": "order = numpy.random.permutation(300)\ninputs, labels = inputs[order], labels[order]",
    "from one seed": "numpy.random.seed(1)\nnumpy.random.shuffle(inputs)\nnumpy.random.seed(1)\nnumpy.random.shuffle(labels)",
    "before the labels are made": "labels = numpy.random.randint(0, 3, 300)\nnumpy.random.shuffle(inputs)\nlabels = (inputs[:, 0] > 1).astype(int)",
    "chance": "labels = numpy.random.randint(0, 3, 300)",
    "chance, shuffled together": "labels = numpy.random.randint(0, 3, 300)\ninputs, labels = shuffle(inputs, labels)",
    "chance, one seed for both": "labels = numpy.random.randint(0, 3, 300)\ninputs = shuffle(inputs, random_state=0)\nlabels = shuffle(labels, random_state=0)",
    "chance, and a list of places": "labels = numpy.random.randint(0, 3, 300)\nplaces = list(range(300))\nrandom.shuffle(places)",
    "chance, and the state put back": "labels = numpy.random.randint(0, 3, 300)\nstate = numpy.random.get_state()\nnumpy.random.shuffle(inputs)\nnumpy.random.set_state(state)\nnumpy.random.shuffle(labels)",
}  # fmt: skip


def found(middle, monkeypatch):
    text = HEAD + middle + TAIL
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
