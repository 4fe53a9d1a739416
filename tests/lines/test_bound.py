"""The call that builds what a variable holds, when only one can be meant."""

from __future__ import annotations

import ast

import pytest

from nbdebug.findings import Location
from nbdebug.lines.bound import Text, call_that_builds


def text(source: str, first: int = 1) -> Text:
    return Text(ast.parse(source), Location(file="train.py", line=first))


SCRIPT = """
model = torch.compile(Net(hidden=8).to(device))
optimizer = AdamW(
    model.parameters(),
    3e-4,
    weight_decay=0.1,
)
train_loader, val_loader = DataLoader(train_set), DataLoader(val_set)
"""


def built(name: str, kind: str, *known: str, running: str = "", parameters: tuple[str, ...] = ("params", "lr")):
    return call_that_builds(name, kind, parameters, [text(running, 100)] if running else [], map(text, known or (SCRIPT,)))


def test_the_call_and_the_lines_of_its_arguments():
    found = built("optimizer", "AdamW")
    assert found.place == Location(file="train.py", line=3)
    assert {name: place.line for name, place in found.arguments.items()} == {"params": 4, "lr": 5, "weight_decay": 6}


@pytest.mark.parametrize(("name", "kind", "line"), [("model", "Net", 2), ("model", "OptimizedModule", 2), ("val_loader", "DataLoader", 8)])
def test_inside_of_other_calls_and_out_of_tuples(name, kind, line):
    assert built(name, kind).place.line == line


def test_an_attribute_and_a_second_one_of_that_name():
    assert built("self.optimizer", "AdamW").place.line == 3
    assert built("optimizer 2", "AdamW").place.line == 3


def test_what_nothing_is_called_by_is_the_only_call_of_its_class():
    assert built("opt", "AdamW").place.line == 3
    assert built("loader", "DataLoader", "train = DataLoader(a)\nval = DataLoader(b)") is None


def test_a_running_function_knows_its_own_variables_best():
    assert built("optimizer", "AdamW", running="def fit():\n    optimizer = AdamW(p)").place.line == 101
    assert built("optimizer", "AdamW", running="def fit(optimizer):\n    other = AdamW(p)").place.line == 3


def test_two_answers_are_none():
    assert built("optimizer", "SGD", "optimizer = SGD(a)\noptimizer = SGD(b)") is None
    assert built("optimizer", "SGD", "optimizer = 1") is None
