"""Integers that wrapped round in the text of a script, before there was a loader to listen to."""

from __future__ import annotations

import linecache
import sys
import types

import pytest

import nbdebug
from nbdebug.findings import INFO

HEAD = """
import numpy
import pandas
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

draw = numpy.random.default_rng(0)
labels = torch.tensor(draw.integers(0, 3, 300))
counts = draw.integers(0, 256, (300, 12), dtype=numpy.uint8)
sound = torch.tensor(draw.normal(0, 2000, (300, 40))).to(torch.int16)
trips = pandas.DataFrame({"seconds": draw.integers(60, 90000, 300).astype("int32"), "kilos": draw.normal(5, 1, 300)})

class Pictures(Dataset):
    def __init__(self, pixels):
        self.pixels = pixels * 2  # in a class

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, i):
        return torch.tensor(self.pixels[i]) / 255.0, labels[i]

def brighten(image, by=100):
    image = image.astype(numpy.uint8)
    lighter = image + numpy.uint8(by)  # in a function
    return lighter.astype(numpy.float32) / 255

def checked(rows):
    total = rows[:, 0] + rows[:, 1]
    return total & 7

def prepared(image):
    return brighten(image) - 0.5
"""
TAIL = """
train_loader = DataLoader(data, batch_size=30, shuffle=True)
"""
DATA = "\ndata = TensorDataset(torch.as_tensor(inputs).float(), labels)"
SICK = {
    "a square of sound": "inputs = torch.log1p((sound * sound).float().abs())  # guilty" + DATA,
    "a power": "energy = (sound ** 2).float().mean(1, keepdim=True)  # guilty\ninputs = energy / 1e4" + DATA,
    "a difference of frames": "inputs = (counts[:, 1:] - counts[:, :-1]) / 255.0  # guilty" + DATA,
    "of numpy's diff": "steps = numpy.diff(counts, axis=1)  # guilty\ninputs = steps / 255.0" + DATA,
    "a running total": "inputs = numpy.cumsum(counts, axis=1, dtype=numpy.uint8) / 255.0  # guilty" + DATA,
    "a column of a table": 'trips["micros"] = trips.seconds * numpy.int32(1_000_000)  # guilty\ninputs = trips[["micros", "kilos"]].to_numpy() / 1e9' + DATA,
    "a cast": 'inputs = trips["seconds"].to_numpy().astype(numpy.int16)[:, None] / 3e4  # guilty' + DATA,
    "a cast of torch": "inputs = (torch.tensor(counts).float() * 3).to(torch.uint8) / 255.0  # guilty" + DATA,
    "in a function": "inputs = brighten(counts, by=90)" + DATA,
    "in a function that another calls": "inputs = prepared(counts)" + DATA,
    "one after the other": "inputs = numpy.stack([brighten(row) for row in counts])" + DATA,
    "in a class": "data = Pictures(counts)",
}
SOUND = {
    "wide before": "inputs = (sound.float() * sound.float()).log1p()" + DATA,
    "what fits": "inputs = (counts // 2 + numpy.uint8(100)) / 255.0" + DATA,
    "clipped before the cast": "inputs = numpy.clip(counts * 2.0, 0, 255).astype(numpy.uint8) / 255.0" + DATA,
    "a checksum": "inputs = checked(counts)[:, None] / 7.0" + DATA,
    "a remainder of a sum": "total = counts[:, :1] + counts[:, 1:2]\ninputs = (total % 16) / 16.0" + DATA,
    "overflow that is meant": "with numpy.errstate(over='ignore'):\n    inputs = (counts + counts) / 255.0" + DATA,
    "what is only looked at": "print((counts * counts).max())\ninputs = counts / 255.0" + DATA,
    "a column that is not used": 'trips["micros"] = trips.seconds * numpy.int32(1_000_000)\ninputs = trips[["seconds", "kilos"]].to_numpy() / 1e5' + DATA,
    "bytes with a sign": "inputs = counts.astype(numpy.int8) / 128.0" + DATA,
    "a mark of -1": "places = numpy.where(counts > 250, -1, counts.astype(int))\nmarked = places.astype(numpy.uint8)\ninputs = marked / 255.0" + DATA,
    "what held something else": "values = counts\ninputs = (values.astype(numpy.int64) * 2) / 255.0\nvalues = counts" + DATA,
}  # fmt: skip


def opened(text, monkeypatch):
    """The script of this text, after it ran."""
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_a_user.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), vars(module))
    return module


def found(middle, monkeypatch):
    text = HEAD + middle + TAIL
    module = opened(text, monkeypatch)
    report = nbdebug.data_audit(module.train_loader)
    return [one for one in report.findings if one.code == "ND111" and one.severity is not INFO], text.splitlines()


@pytest.mark.parametrize("how", SICK)
def test_what_wrapped_in_the_text_is_named_by_its_line(how, monkeypatch):
    alarms, lines = found(SICK[how], monkeypatch)
    assert len(alarms) == 1
    line = lines[alarms[0].location.line - 1]
    assert line.endswith(("# guilty", f"# {how}")) or how in ("in a function that another calls", "one after the other") and line.endswith("# in a function")


@pytest.mark.parametrize("how", SOUND)
def test_what_is_wide_enough_or_meant_is_sound(how, monkeypatch):
    assert found(SOUND[how], monkeypatch)[0] == []


SERIES = """
import numpy
import torch
from torch.utils.data import DataLoader, TensorDataset

draw = numpy.random.default_rng(1)
top, rate = draw.uniform(150, 900, (400, 1)), draw.uniform(0.15, 0.5, (400, 1))
curves = 20 + top * (1 - numpy.exp(-rate * numpy.arange(24))) + draw.normal(0, 4, (400, 24))
levels = numpy.where(draw.random((400, 24)).cumsum(1) % 3 < 1.5, -110, 110) + draw.normal(0, 6, (400, 24)).round()
"""
CAST = {
    "a series that rises by more than half the circle at once": ("curves.round().astype(numpy.int64).astype(numpy.int8)", True),
    "the same in 16 bits": ("curves.round().astype(numpy.int16)", False),
    "bytes of noise": ("draw.integers(-128, 128, (400, 24)).astype(numpy.int8)", False),
    "two levels": ("levels.clip(-128, 127).astype(numpy.int8)", False),
    "waves that fit": ("(100 * numpy.sin(numpy.arange(24) * rate + top)).astype(numpy.int8)", False),
}


@pytest.mark.parametrize("how", CAST)
def test_a_series_that_went_round_is_told_by_its_calm_parts(how, monkeypatch):
    text, wrapped = CAST[how]
    module = opened(f"{SERIES}\ndef kept(log):\n    return {text.replace('curves', 'log')}\n\nreadings = kept(curves.copy())\ndel curves\n"
                    "train_loader = DataLoader(TensorDataset((torch.tensor(readings).float() - 40) / 220, torch.tensor(top[:, 0]).float()), 30, shuffle=True)\n", monkeypatch)  # fmt: skip
    alarms = [one for one in nbdebug.data_audit(module.train_loader).findings if one.code == "ND111" and one.severity is not INFO]
    assert len(alarms) == wrapped


PICTURES = """
import numpy
import torch
from torch.utils.data import DataLoader, TensorDataset

draw = numpy.random.default_rng(2)
kinds = draw.integers(0, 3, 200)
noisy = (0.4 * numpy.eye(3)[kinds][:, None, None] + draw.normal(0, 1, (200, 10, 10, 3))).astype("float32")
"""


@pytest.mark.parametrize(("how", "sick"), [("reshape(200, 3, 10, 10)", True), ("view(200, 3, 10, 10).mul(0.5)", True), ("permute(0, 3, 1, 2)", False)])
def test_a_reshape_is_told_from_the_array_that_is_still_held(how, sick, monkeypatch):
    module = opened(f"{PICTURES}\nimages = torch.tensor(noisy).{how}\ntrain_loader = DataLoader(TensorDataset(images, torch.tensor(kinds)), 20, shuffle=True)\n", monkeypatch)
    alarms = [one for one in nbdebug.data_audit(module.train_loader).findings if one.code == "ND110" and one.severity is not INFO]
    assert len(alarms) == sick
    assert not sick or "`noisy`" in alarms[0].message
