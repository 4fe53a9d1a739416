"""Was val prepared otherwise, or are its rows others? Patients, their mended twins, and splits that only look so."""

from __future__ import annotations

import linecache
import sys
import types
from collections import Counter

import numpy
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.findings import INFO
from nbdebug.lines.undone import turns_back

RANDOM = numpy.random.default_rng


def told(train, val, y=None, z=None):
    """The codes of the alarms of two splits."""
    y, z = (numpy.arange(len(part)) % 2 if target is None else target for part, target in ((train, y), (val, z)))
    loaders = [DataLoader(TensorDataset(*(torch.as_tensor(numpy.asarray(part)) for part in pair)), 32, shuffle=mixed) for pair, mixed in (((train, y), True), ((val, z), False))]
    report = nbdebug.data_audit(*loaders, budget=60)
    return {finding.code for finding in report.findings if finding.severity is not INFO} & {"ND103", "ND106", "ND115"}


def table(count, seed=0, skew=False):
    random = RANDOM(seed)
    rows = random.normal(size=(count, 6)) * [1, 3, 20, 2, 8, 0.5] + [4, -2, 90, 1, 30, 7]
    if skew:
        rows[:, 3] = numpy.exp(1.6 * random.normal(size=count)) * 40
    return rows


def test_a_table_that_is_scaled_in_train_alone_even_with_a_long_tail():
    rows = table(600, skew=True)
    mean, std = rows[:400].mean(0), rows[:400].std(0)
    scaled = ((rows - mean) / std).astype("float32")
    assert told(scaled[:400], rows[400:].astype("float32")) == {"ND106"}
    assert told(scaled[:400], scaled[400:]) == set()


@pytest.mark.parametrize("chosen", ["a season", "the hills"])
def test_rows_that_were_chosen_are_not_taken_for_unscaled_ones(chosen):
    random = RANDOM(1)
    warm = random.uniform(-1, 1, 900)
    rows = numpy.stack([10 + 12 * warm + random.normal(0, 1, 900), 12 + 4 * warm + random.normal(0, 0.3, 900), 500 * warm + random.normal(0, 40, 900)], 1)
    target = (3 * warm + random.normal(0, 0.2, 900)).astype("float32")
    held = warm > 0.3 if chosen == "a season" else warm < -0.4
    scaled = ((rows - rows[~held].mean(0)) / rows[~held].std(0)).astype("float32")
    assert told(scaled[~held], scaled[held], target[~held], target[held]) == {"ND115"}
    drawn = random.random(900) < 0.3
    again = ((rows - rows[~drawn].mean(0)) / rows[~drawn].std(0)).astype("float32")
    assert told(again[~drawn], again[drawn], target[~drawn], target[drawn]) == set()


def test_one_slip_that_is_the_same_in_every_column():
    waves = (3 + 0.3 * RANDOM(2).normal(size=(500, 12)) + 0.1 * numpy.sin(numpy.arange(12))).astype("float32")
    mean, std = waves[:350].mean(), waves[:350].std()
    assert told((waves[:350] - mean) / std, waves[350:] - mean / std) == {"ND106"}
    assert told((waves[:350] - mean) / std, (waves[350:] - mean) / std) == set()


def test_a_column_of_codes_that_were_numbered_as_they_came():
    random = RANDOM(3)
    made = [random.integers(0, 9, count) for count in (500, 160)]
    anew = [numpy.unique(part, return_index=True)[1].argsort().argsort()[part] for part in made]
    loaders = [{"make": part, "age": random.normal(size=len(part)).astype("float32"), "y": part % 2} for part in anew]

    def codes(parts):
        splits = [DataLoader([{key: value[i] for key, value in part.items()} for i in range(len(part["make"]))], 20) for part in parts]
        return [finding for finding in nbdebug.data_audit(*splits, budget=60).findings if finding.code == "ND106" and finding.severity is not INFO]

    assert len(codes(loaders)) == 1 and "make" in codes(loaders)[0].message
    assert codes([{**part, "make": whole} for part, whole in zip(loaders, made, strict=True)]) == []


def sequences(count, seed, low=1, high=45):
    random = RANDOM(seed)
    shares = 1 / numpy.arange(8, 8 + high - low)
    return random.choice(numpy.arange(low, high), (count, 11), p=shares / shares.sum())


def often(rows, by=None):
    order = [token for token, _ in Counter((rows if by is None else by).reshape(-1).tolist()).most_common()]
    place = {token: i + 1 for i, token in enumerate(order)}
    return numpy.vectorize(lambda token: place.get(token, 0))(rows)


def test_a_vocabulary_by_frequency_that_was_made_anew():
    train, val = sequences(500, 4), sequences(200, 5)
    assert told(often(train), often(val)) == {"ND106"}
    assert told(often(train), often(val, train)) == set()


def test_a_vocabulary_whose_frequencies_lie_so_far_apart_that_any_split_has_its_order():
    random, shares = RANDOM(6), 0.6 ** numpy.arange(12)
    train, val = (random.choice(numpy.arange(1, 13), (count, 400), p=shares / shares.sum()) for count in (300, 300))
    assert told(train, val) == set()


def test_texts_of_other_words_and_of_other_documents():
    shops = [numpy.concatenate([sequences(400, seed), sequences(400, seed + 1, *words)], 1) for seed, words in ((7, (50, 80)), (9, (90, 120)))]
    assert told(*shops) == {"ND115"}
    mixed = RANDOM(0).permutation(numpy.concatenate(shops))
    assert told(mixed[:400], mixed[400:]) == set()
    authors = [numpy.concatenate([sequences(60, 20 + a), sequences(60, 40 + a, 60 + 30 * a, 90 + 30 * a)], 1) for a in range(8)]
    splits = [DataLoader(TensorDataset(torch.from_numpy(part), torch.arange(len(part)) % 2), 20) for part in (numpy.concatenate(authors[:6]), numpy.concatenate(authors[6:]))]
    assert not [one for one in nbdebug.data_audit(*splits, budget=60).findings if one.code == "ND115" and one.severity is not INFO]  # one author after the other: so is train


def test_classes_that_the_model_can_name_and_train_lacks_altogether():
    random = RANDOM(11)
    kinds = numpy.repeat([0, 1, 2], 60)
    rows = (random.normal(size=(180, 5)) + kinds[:, None] * numpy.array([1, 0, 2, 0, 0])).astype("float32")

    def codes(order, outputs=3):
        cut = [DataLoader(TensorDataset(torch.from_numpy(rows[part]), torch.from_numpy(kinds[part])), 20) for part in (order[:120], order[120:])]
        model = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, outputs))
        setup = nbdebug.TrainingSetup(model=model, loss_fn=torch.nn.CrossEntropyLoss(), train_loader=cut[0], val_loader=cut[1], optimizer=torch.optim.Adam(model.parameters()))
        return {one.code for one in nbdebug.data_audit(setup, budget=60).findings if one.severity is not INFO} & {"ND103", "ND106", "ND115"}

    assert "ND103" in codes(numpy.arange(180)) and "ND106" not in codes(numpy.arange(180))
    assert codes(random.permutation(180)) == set()


def pictures(count, seed):
    random = RANDOM(seed)
    kinds = random.integers(0, 3, count)
    colours = numpy.array([[0.75, 0.3, 0.25], [0.35, 0.65, 0.3], [0.25, 0.3, 0.75]])
    disc = (((numpy.mgrid[:10, :10] - 4.5) ** 2).sum(0) < 12).astype(float)
    tone = colours[kinds] + 0.08 * random.normal(size=(count, 3))
    return (disc * tone[:, :, None, None] + (1 - disc) * 0.8 + 0.05 * random.normal(size=(count, 3, 10, 10))).astype("float32"), kinds


def test_colours_that_are_as_bright_and_tell_another_class():
    (train, y), (val, z) = pictures(400, 12), pictures(200, 13)
    mean, std = train.mean((0, 2, 3), keepdims=True), train.std((0, 2, 3), keepdims=True)
    assert "ND106" in told((train - mean) / std, (val[:, ::-1] - mean) / std, y, z)
    assert told((train - mean) / std, (val - mean) / std, y, z) == set()


def test_components_that_were_fitted_to_val_anew():
    random = RANDOM(14)
    kinds = [random.integers(0, 2, count) for count in (500, 300)]
    train, val = (random.normal(size=(len(k), 5)) + 1.5 * k[:, None] * numpy.array([1, -1, 1, 0, 0]) for k in kinds)
    train, val = ((part - part.mean(0)).astype("float32") for part in (train, val))
    assert told(train, (val * [-1, -1, 1, 1, -1]).astype("float32"), *kinds) == {"ND106"}
    assert told(train, val, *kinds) == set()


SCRIPT = """
import torch
from torch.utils.data import DataLoader, TensorDataset
generator = torch.Generator().manual_seed(0)
inputs = torch.randn(500, 3, generator=generator)
prices = 900 + 200 * (inputs[:, 0] - inputs[:, 1]) + 20 * torch.randn(500, generator=generator)
level, spread = prices[:400].mean(), prices[:400].std()
train_loader = DataLoader(TensorDataset(inputs[:400], (prices[:400] - level) / spread), 40, shuffle=True)
val_loader = DataLoader(TensorDataset(inputs[400:], {val}), 100)
model = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1), torch.nn.Flatten(0))
loss_fn = torch.nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

def train():
    for x, y in train_loader:
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        print([{metric} for x, y in val_loader])
"""
PLAIN, BACK = "loss_fn(model(x), y)", "(model(x) * spread + level - y).abs().mean()"


@pytest.mark.parametrize(("val", "metric", "codes"), [
    ("prices[400:]", PLAIN, {"ND106"}), ("(prices[400:] - level) / spread", PLAIN, set()), ("prices[400:]", BACK, set()),
])  # fmt: skip
def test_targets_that_are_scaled_in_train_alone(val, metric, codes, monkeypatch):
    text = SCRIPT.format(val=val, metric=metric)
    module = types.ModuleType("__main__")
    module.__file__ = "/programs/of_prices.py"
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setitem(linecache.cache, module.__file__, (len(text), None, text.splitlines(keepends=True), module.__file__))
    exec(compile(text, module.__file__, "exec"), vars(module))
    assert turns_back() is (metric == BACK)
    parts = {name: getattr(module, name) for name in ("model", "loss_fn", "optimizer", "train_loader", "val_loader")}
    report = nbdebug.data_audit(nbdebug.TrainingSetup(**parts), budget=60)
    assert {one.code for one in report.findings if one.severity is not INFO} & {"ND106", "ND115"} == codes
