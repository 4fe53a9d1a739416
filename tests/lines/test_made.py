"""The line that makes what a variable of the script or notebook holds."""

from __future__ import annotations

import linecache
import sys
import types

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.lines.made import line_of_dataset, line_of_group, line_that_makes, line_that_reads, names_of

SCRIPT = """
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset

whole = TensorDataset(torch.zeros(8, 2))
first, second = Subset(whole, range(4)), Subset(whole, range(4, 8))
train_loader = DataLoader(first, batch_size=2)
val_loader = DataLoader(second, batch_size=2)
inline = DataLoader(TensorDataset(torch.zeros(4, 2)))
model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-7)
if len(whole) > 4:
    twice = DataLoader(first)
else:
    twice = DataLoader(second)

def inside():
    hidden_loader = DataLoader(first)
    return hidden_loader

made = [inside()]

class Worked(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        row = whole[2 * i][0] / 2  # worked out
        return row, self.transform(row)  # a step

class LookedUp(Worked):
    def __getitem__(self, i):
        return torch.tensor(whole[i + 1][0]), i

in_groups = torch.optim.Adam([
    {"params": model[0].parameters()},
    {"params": model[2].weight,
     "lr": 0.5},
    dict(params=model[2].bias, lr=1e-2),
], lr=1e-3)
worked_loader, looked_up_loader = DataLoader(Worked()), DataLoader(Subset(LookedUp(), [0, 1]))
"""


@pytest.fixture
def script(monkeypatch):
    """Its variables, after it ran as __main__."""
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(SCRIPT), None, SCRIPT.splitlines(keepends=True), module.__file__))
    exec(compile(SCRIPT, module.__file__, "exec"), module.__dict__)
    return module.__dict__


@pytest.mark.parametrize("name", ["whole", "train_loader", "val_loader", "inline"])
def test_a_variable_is_found_where_it_is_given_its_value(script, name):
    found = line_that_makes(script[name])
    assert found is not None and found.text.startswith(f"{name} = ") and found.file == "/programs/of_a_user.py"


def test_what_is_given_in_a_tuple_is_found(script):
    assert names_of(script["second"]) == ["second"]
    assert line_that_makes(script["second"]).text.startswith("first, second = ")


def test_what_may_have_been_made_on_two_lines_has_none(script):
    assert line_that_makes(script["twice"]) is None


def test_what_no_variable_holds_is_found_by_its_usual_name(script):
    assert line_that_makes(script["made"][0]) is None
    assert line_that_makes(script["made"][0], "hidden_loader").text.startswith("hidden_loader = ")


def test_the_dataset_behind_a_loader_is_the_whole_of_its_parts(script):
    assert line_of_dataset(script["train_loader"]).text.startswith("whole = ")
    assert line_of_dataset(script["inline"]) is None
    assert line_of_dataset([1, 2]) is None


def test_a_rate_is_to_be_mended_where_the_optimizer_is_made(script):
    torch.manual_seed(0)
    samples = torch.randn(64, 2)
    loader = DataLoader(TensorDataset(samples, (samples.sum(1) > 0).long()), batch_size=16, shuffle=True)
    setup = nbdebug.TrainingSetup(script["model"], torch.nn.CrossEntropyLoss(), script["optimizer"], loader)
    (finding,) = nbdebug.lr_find(setup).findings
    assert finding.code == "ND605" and finding.location.text.startswith("optimizer = ")


@pytest.mark.parametrize(("number", "text"), [(0, None), (1, '"lr": 0.5},'), (2, "dict(params=model[2].bias, lr=1e-2),"), (3, None)])
def test_a_group_is_found_where_it_sets_its_own_rate(script, number, text):
    found = line_of_group(script["in_groups"], number, "lr")
    assert found is None if text is None else found is not None and found.text == text
    assert line_of_group(script["optimizer"], 0, "lr") is None


@pytest.mark.parametrize(("name", "step", "text"), [("worked_loader", "transform", "# a step"), ("looked_up_loader", "", None), ("train_loader", "", None)])
def test_a_dataset_that_works_its_samples_out_is_found_where_it_does(script, name, step, text):
    found = line_that_reads(script[name], step)
    assert found is None if text is None else found is not None and found.text.endswith(text)


PARTS = """
from torch.utils.data import DataLoader, Dataset

class Pairs(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        mask = self.masks[i].astype("float32")
        image = self.images[i] / 255 - 0.5
        return image, mask

class Named(Pairs):
    def __getitem__(self, i):
        text = self.encode(self.texts[i])
        label = self.labels[i] - 1
        text = self.cut(text)
        return {"text": text, "label": label}

pairs, named = DataLoader(Pairs()), DataLoader(Named())
"""


@pytest.mark.parametrize(
    ("loader", "part", "wanted"),
    [("pairs", "targets", 'mask = self.masks[i].astype("float32")'), ("pairs", "inputs", "image = self.images[i] / 255 - 0.5"),
     ("named", "text", "text = self.cut(text)"), ("named", "label", "label = self.labels[i] - 1")],
)  # fmt: skip
def test_the_line_is_that_of_the_part_of_a_sample_which_is_meant(loader, part, wanted, monkeypatch):
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_another_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(PARTS), None, PARTS.splitlines(keepends=True), module.__file__))
    exec(compile(PARTS, module.__file__, "exec"), vars(module))
    line = line_that_reads(getattr(module, loader), "", part)
    assert line is not None and line.text.strip() == wanted
