"""The line that fills a parameter."""

from __future__ import annotations

import linecache
import sys
import types

import pytest
import torch

from nbdebug.lines.initialised import line_that_initialises, line_that_sets_the_spread

SCRIPT = """
import torch
from torch import nn

class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(8, 8), nn.Linear(8, 2)
        nn.init.normal_(self.first.weight, std=5.0)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.weight.copy_(torch.ones(2, 8))

class Looped(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.apply(self.fill)

    def fill(self, module):
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(0, 0.02)
        elif isinstance(module, nn.Embedding):
            nn.init.uniform_(module.weight, -1, 1)

named, looped = Named(), Looped()
"""


def run(monkeypatch, text):
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), module.__dict__)
    return module.__dict__


@pytest.mark.parametrize(
    "model, path, text",
    [
        ("named", "first.weight", "nn.init.normal_(self.first.weight, std=5.0)"), ("named", "head.bias", "nn.init.zeros_(self.head.bias)"),
        ("named", "head.weight", "self.head.weight.copy_(torch.ones(2, 8))"), ("looped", "layers.1.weight", "module.weight.data.normal_(0, 0.02)"),
        ("looped", "embed.weight", "nn.init.uniform_(module.weight, -1, 1)"),
    ],
)  # fmt: skip
def test_a_parameter_is_found_where_it_is_filled(monkeypatch, model, path, text):
    script = run(monkeypatch, SCRIPT)
    assert line_that_initialises(script[model], path).text == text


def test_a_line_in_a_loop_can_be_left_aside(monkeypatch):
    script = run(monkeypatch, SCRIPT)
    assert line_that_initialises(script["looped"], "layers.1.weight", by_name=True) is None
    assert line_that_initialises(script["named"], "first.weight", by_name=True) is not None


def test_what_nothing_fills_has_no_line(monkeypatch):
    script = run(monkeypatch, SCRIPT)
    assert line_that_initialises(script["named"], "first.bias") is None


def test_a_loop_over_all_parameters_fills_each(monkeypatch):
    script = run(monkeypatch, "from torch import nn\nmodel = nn.Linear(2, 2)\nfor p in model.parameters():\n    nn.init.constant_(p, 0.01)\n")
    assert line_that_initialises(script["model"], "weight").text == "nn.init.constant_(p, 0.01)"


PICKING = """
from torch import nn

class Picky(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.rnn, self.head = nn.GRU(2, 4), nn.Linear(4, 1)
        for name, p in self.rnn.named_parameters():
            if "bias" in name:
                nn.init.zeros_(p)
            elif p.ndim > 1 and not name.startswith("head"):
                nn.init.constant_(p, 0.1)
        config["fill"](self.head.weight)

model = Picky({"fill": nn.init.zeros_})
"""


@pytest.mark.parametrize(
    "path, text",
    [("rnn.weight_ih_l0", "nn.init.constant_(p, 0.1)"), ("rnn.bias_ih_l0", "nn.init.zeros_(p)"), ("head.weight", 'config["fill"](self.head.weight)')],
)
def test_conditions_on_the_name_and_the_dimensions_are_followed(monkeypatch, path, text):
    script = run(monkeypatch, PICKING)
    assert line_that_initialises(script["model"], path).text == text


def test_a_line_in_a_loop_that_asks_for_the_name_names_it(monkeypatch):
    script = run(monkeypatch, PICKING)
    assert line_that_initialises(script["model"], "rnn.bias_ih_l0", by_name=True).text == "nn.init.zeros_(p)"


def test_a_line_in_a_loop_over_one_part_names_what_is_in_it(monkeypatch):
    script = run(monkeypatch, PICKING)
    assert line_that_initialises(script["model"], "rnn.weight_ih_l0", by_name=True).text == "nn.init.constant_(p, 0.1)"
    assert line_that_initialises(script["model"], "head.bias") is None  # the loop does not come by
    over_all = run(monkeypatch, PICKING.replace("self.rnn.named", "self.named"))
    assert line_that_initialises(over_all["model"], "rnn.weight_ih_l0", by_name=True) is None


def test_what_two_lines_fill_has_none(monkeypatch):
    script = run(monkeypatch, "from torch import nn\nmodel = nn.Linear(2, 2)\nnn.init.zeros_(model.weight)\nnn.init.ones_(model.weight)\n")
    assert line_that_initialises(script["model"], "weight") is None


LISTED = """
from torch import nn

class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.player, self.game, self.offset = nn.Embedding(4, 2), nn.Embedding(4, 2), nn.Embedding(4, 1)
        for factors in (self.player, self.game):
            nn.init.normal_(factors.weight)
        for table in [self.offset]:
            nn.init.zeros_(table.weight)

model = Factors()
"""


@pytest.mark.parametrize("path, text", [("game.weight", "nn.init.normal_(factors.weight)"), ("offset.weight", "nn.init.zeros_(table.weight)")])
def test_a_loop_over_parts_fills_what_it_lists(monkeypatch, path, text):
    assert line_that_initialises(run(monkeypatch, LISTED)["model"], path).text == text


CONFIGURED = """
from types import SimpleNamespace
import torch
from torch import nn

config = SimpleNamespace(
    width=8,
    initializer_range=2.0,
    dropout=0.1,
)
model = nn.Sequential(nn.Linear(64, 64))
torch.manual_seed(0)
"""


@pytest.mark.parametrize(("spread", "text"), [(2.0, "initializer_range=2.0,"), (0.5, None)])
def test_a_spread_of_a_configuration_is_found_by_its_size(monkeypatch, spread, text):
    script = run(monkeypatch, CONFIGURED)
    with torch.no_grad():
        script["model"][0].weight.normal_(0, spread)
    line = line_that_sets_the_spread(script["model"], "0.weight")
    assert (line and line.text) == text
