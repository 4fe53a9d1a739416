"""The line that gave its last value to what a loader hands out."""

from __future__ import annotations

import linecache
import sys
import types

import pytest

from nbdebug.lines.handed import line_that_brings_nan, line_that_casts_for, line_that_hands

HEAD = "frame = read()\nx, y = frame[columns].to_numpy(), frame[wanted].to_numpy()\n"
PLAIN = "x = x / x.std(0)  # x\ny = y - y.mean()  # y\ntrain_loader = DataLoader(TensorDataset(x[:80], y[:80]), 32)\nx = None\n"
FUNCTION = "def loader(part, **how):\n    z = tensor(part[names])  # x\n    return DataLoader(TensorDataset(z[:, :-1], z[:, -1:]), **how)\ntrain_loader = loader(frame, batch_size=8)\n"
PARAMETER = "def made(a, b):\n    return TensorDataset(tensor(a), tensor(b))\ntrain = x.clone()  # x\ntrain_loader = DataLoader(made(train, y))\n"
CUT = "x = x * 2  # x\ntrain, val = x[:80], x[80:]\ntrain_loader = DataLoader(TensorDataset(train, y[:80]))\n"
NAMED = "x = tensor(x)  # x\ndata = TensorDataset(x, y)\ntrain_loader = DataLoader(data)\n"
UNKNOWN = "train_loader = DataLoader(Rows(x, y))\n"
CASTS = "def scaled(a):\n    small = (a / 255).astype(np.uint8)  # cast\n    return (tensor(small) - 0.5) / 0.2\nx = scaled(x)\ntrain_loader = DataLoader(TensorDataset(x, y))\n"


@pytest.fixture
def script(monkeypatch):
    def of(text):
        module = types.ModuleType("__main__")
        module.__file__ = "/programs/of_a_user.py"
        monkeypatch.setitem(sys.modules, "__main__", module)
        monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
        return text.splitlines()

    return of


@pytest.mark.parametrize("text", [PLAIN, FUNCTION, PARAMETER, CUT, NAMED])
def test_the_last_value_of_the_inputs(text, script):
    lines = script(HEAD + text)
    assert lines[line_that_hands("train_loader", targets=False).line - 1].endswith("# x")


def test_the_targets_lie_in_another_variable(script):
    lines = script(HEAD + PLAIN)
    assert lines[line_that_hands("train_loader", targets=True).line - 1].endswith("# y")


def test_a_class_may_do_anything_with_what_it_is_given(script):
    script(HEAD + UNKNOWN)
    assert line_that_hands("train_loader", targets=False) is None
    assert line_that_hands("val_loader", targets=False) is None


def test_the_cast_on_the_way_is_found_in_the_function_that_makes_it(script):
    lines = script(HEAD + CASTS)
    assert lines[line_that_casts_for("train_loader", targets=False, kinds=("uint8",)).line - 1].endswith("# cast")
    assert line_that_casts_for("train_loader", targets=False, kinds=("int16",)) is None


def test_nan_comes_with_the_data_or_from_what_can_make_it(script):
    lines = script("frame = read()\nframe = (frame - frame.mean()) / frame.std()  # all\nx = tensor(frame)\ntrain_loader = DataLoader(TensorDataset(x, x))\n")
    assert lines[line_that_brings_nan("train_loader", targets=False, throughout=False).line - 1] == "frame = read()"
    assert lines[line_that_brings_nan("train_loader", targets=False, throughout=True).line - 1].endswith("# all")
    lines = script("frame = read()\nframe = np.log(frame)  # log\nx = tensor(frame)\ntrain_loader = DataLoader(TensorDataset(x, x))\n")
    assert lines[line_that_brings_nan("train_loader", targets=False, throughout=False).line - 1].endswith("# log")
