"""Labels of other rows, while the script still holds the list that they were taken from."""

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
from torch.utils.data import DataLoader, Dataset, TensorDataset

random.seed(0)
torch.manual_seed(0)
measured = torch.randn(500, 6)
score = (measured @ torch.tensor([1.0, -0.5, 0.8, 0.0, 0.3, -1.0]))[:, None]
order = torch.randperm(500)
WORDS = "the bread was and rolls shop cake monday coffee with".split()
GOOD, BAD = "fresh warm crisp lovely".split(), "stale cold burnt dry".split()
ID = {word: place for place, word in enumerate(WORDS + GOOD + BAD, 1)}

def review():
    verdict = random.randint(0, 1)
    if random.random() < 0.15:
        return "", verdict
    words = random.choices(WORDS, k=7) + random.choices(GOOD if verdict else BAD, k=2)
    random.shuffle(words)
    return " ".join(words), verdict

reviews = [review() for _ in range(700)]
texts = [text for text, _ in reviews if text]
coded = [torch.tensor([ID[word] for word in text.split()]) for text in texts]

def batch_of(items):
    return torch.stack([item for item, _ in items]), torch.tensor([label for _, label in items])
"""
SICK = {
    "a column of targets that stays in its order": "data = TensorDataset(measured[order], score)\nloader = DataLoader(data, 25, shuffle=True)",
    "a column of inputs that stays in its order": "data = TensorDataset(measured, score[order])\nloader = DataLoader(data, 25, shuffle=True)",
    "texts that were filtered, and labels that were cut": (
        "labels = [verdict for _, verdict in reviews][: len(texts)]\npairs = list(zip(coded, labels))\nrandom.shuffle(pairs)\nloader = DataLoader(pairs, 25, shuffle=True, collate_fn=batch_of)"
    ),
    "the same, not shuffled": "labels = [verdict for _, verdict in reviews][: len(texts)]\nloader = DataLoader(list(zip(coded, labels)), 25, shuffle=True, collate_fn=batch_of)",
}
SOUND = {
    "both in one order": "data = TensorDataset(measured[order], score[order])\nloader = DataLoader(data, 25, shuffle=True)",
    "both filtered": (
        "labels = [verdict for text, verdict in reviews if text]\npairs = list(zip(coded, labels))\nrandom.shuffle(pairs)\nloader = DataLoader(pairs, 25, shuffle=True, collate_fn=batch_of)"
    ),
    "chance": "score = torch.randn(500, 1)\ndata = TensorDataset(measured[order], score)\nloader = DataLoader(data, 25, shuffle=True)",
}


def found(rest, monkeypatch):
    text = HEAD + rest + "\n"
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), vars(module))
    return [one for one in nbdebug.data_audit(module.loader).findings if one.code == "ND104" and one.severity is not INFO]


@pytest.mark.parametrize("how", SICK)
def test_the_list_is_named_in_which_the_right_labels_stand(how, monkeypatch):
    alarms = found(SICK[how], monkeypatch)
    assert len(alarms) == 1
    assert ("`score`" if "column" in how else "`reviews[…][1]`") in alarms[0].message


@pytest.mark.parametrize("how", SOUND)
def test_labels_of_their_own_rows_are_sound(how, monkeypatch):
    assert found(SOUND[how], monkeypatch) == []
