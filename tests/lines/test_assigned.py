"""The line that makes a part of a model is found in the text of the user's classes and script, or not said at all."""

from __future__ import annotations

import linecache
import sys
import types

import pytest
from torch import nn

from nbdebug.lines.assigned import line_that_assigns

SCRIPT = """from collections import OrderedDict
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(8, 8),
            nn.ReLU(),
            nn.Linear(8, 8),
        )
        self.blocks = nn.ModuleList([Block(8) for _ in range(3)])
        self.scale = nn.Parameter(torch.ones(8))
        if True:
            self.twice = nn.Linear(8, 8)
        else:
            self.twice = nn.Linear(8, 9)
        self.head = nn.Linear(8, 2)
        layers = [nn.Linear(8, 8)]
        for _ in range(3):
            layers += [nn.LayerNorm(8),
                       nn.Tanh()]
        layers.append(nn.Dropout(0.1))
        layers.append(nn.Linear(8, 4))
        self.deep = nn.Sequential(*layers)
        self.named = nn.Sequential(OrderedDict([
            ("fc", nn.Linear(8, 8)),
            ("act", nn.GELU()),
        ]))
        self.parts = nn.ModuleDict({
            "left": nn.Linear(8, 7),
        })

model = Net()
model.head = nn.Linear(8, 10)
plain = nn.Sequential(nn.Linear(8, 8), nn.Tanh(),
                      nn.Linear(8, 3))
"""


@pytest.fixture
def script(monkeypatch):
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(SCRIPT), None, SCRIPT.splitlines(keepends=True), module.__file__))
    exec(compile(SCRIPT, module.__file__, "exec"), module.__dict__)
    return module.__dict__


@pytest.mark.parametrize(
    "path, text",
    [
        ("body.0.weight", "nn.Linear(8, 8),"), ("body.2", "nn.Linear(8, 8),"), ("body.1", "nn.ReLU(),"),
        ("deep.3.weight", "layers += [nn.LayerNorm(8),"), ("deep.2", "nn.Tanh()]"), ("deep.7", "layers.append(nn.Dropout(0.1))"),
        ("deep.0.weight", "self.deep = nn.Sequential(*layers)"), ("deep.8", "self.deep = nn.Sequential(*layers)"),  # two lines put a Linear in
        ("named.act", '("act", nn.GELU()),'), ("named.fc.weight", '("fc", nn.Linear(8, 8)),'), ("parts.left.bias", '"left": nn.Linear(8, 7),'),
        ("blocks.1.down.weight", "self.down = nn.Linear(2 * width, width)"), ("blocks.2", "self.blocks = nn.ModuleList([Block(8) for _ in range(3)])"),
        ("scale", "self.scale = nn.Parameter(torch.ones(8))"), ("head.weight", "model.head = nn.Linear(8, 10)"),
    ],
)  # fmt: skip
def test_a_part_is_found_where_it_is_assigned(script, path, text):
    found = line_that_assigns(script["model"], path)
    assert found is not None and found.text == text and found.file == "/programs/of_a_user.py"


def test_the_elements_of_a_sequential_have_their_own_lines(script):
    assert line_that_assigns(script["model"], "body.0").line + 2 == line_that_assigns(script["model"], "body.2").line
    first, last = (line_that_assigns(script["plain"], path) for path in ("0.weight", "2.bias"))
    assert last.line == first.line + 1 and last.text == "nn.Linear(8, 3))"


def test_what_may_have_been_made_in_two_places_has_no_line(script):
    assert line_that_assigns(script["model"], "twice.weight") is None


def test_what_is_not_there_has_no_line(script):
    assert line_that_assigns(script["model"], "nothing.at.all") is None
    assert line_that_assigns(nn.Linear(2, 2), "weight") is None


BUILT = """
from torch import nn

def build(config):
    layers = []
    for width in config:
        layers += [nn.Linear(8, width), nn.Identity()]
    return nn.Sequential(*layers, nn.Linear(8, 1))

model = build([8, 8])
"""


def test_of_a_list_and_a_last_layer_the_list_is_asked(monkeypatch):
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_another.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(BUILT), None, BUILT.splitlines(keepends=True), module.__file__))
    exec(compile(BUILT, module.__file__, "exec"), module.__dict__)
    found = [line_that_assigns(module.model, path) for path in ("0.weight", "2", "4.weight")]
    assert [line is not None and line.text.startswith("layers +=") for line in found] == [True, True, False]


NAMED = """
from collections import OrderedDict
from torch import nn

model = nn.Sequential(OrderedDict(
    first=nn.Linear(8, 4),
    second=nn.Linear(4, 1),
))
"""
PAIRS = """
from collections import OrderedDict
from torch import nn

model = nn.Sequential(OrderedDict([
    ("first", nn.Linear(8, 4)),
    ("second", nn.Linear(4, 1)),
]))
"""


@pytest.mark.parametrize("text", [NAMED, PAIRS])
def test_layers_with_names_of_their_own_are_found_by_them(text, monkeypatch):
    module = types.ModuleType("__main__")
    module.__file__ = f"/programs/of_names_{len(text)}.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), module.__dict__)
    assert [line_that_assigns(module.model, path).line for path in ("first.weight", "second.bias")] == [6, 7]
    assert line_that_assigns(module.model, "parameter 4 in group 0 of SGD").line == 5  # of nothing in it: where the model is made

GIVEN = """
from torch import nn

def block(wide):
    return nn.Sequential(
        nn.Linear(8, wide),
        nn.Linear(wide, 8),
    )

model = nn.Sequential(block(4), block(6), nn.Linear(8, 1))
"""


def test_layers_that_a_function_gives_are_found_in_it(monkeypatch):
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_blocks.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(GIVEN), None, GIVEN.splitlines(keepends=True), module.__file__))
    exec(compile(GIVEN, module.__file__, "exec"), module.__dict__)
    assert [line_that_assigns(module.model, path).line for path in ("0.0", "1.1.weight")] == [6, 7]
