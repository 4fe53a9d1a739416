"""How labels lie, in numbers that can be worked out on paper; and labels of every odd kind."""

from __future__ import annotations

import json
import math

import numpy
import pandas
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbdebug
from nbdebug import TrainingSetup
from nbdebug.data.classes import ClassLook, classes
from nbdebug.data.classes.noise import wilson
from nbdebug.data.classes.places import beside, places
from nbdebug.data.classes.probe import Probe, correlation, nearest
from nbdebug.data.classes.target import target_of
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.context import Context
from nbdebug.data.gathering import Gather
from nbdebug.data.sources import as_source
from nbdebug.findings import INFO
from nbdebug.loading import read
from nbdebug.page import Heatmap, Histogram, Table
from nbdebug.plain import from_plain, to_plain
from tests.datasets.classes import digits, frame, table, wrong_at_random

ALONE = Context(None, None, True)


def split_of(data, name="data", target=None):
    source = as_source(data, name, target=target)
    gather = Gather(source)
    for one in read(source.loader, name):
        gather.take(one)
    gather.whole = True
    return gather.split()


def look_of(data, val=None, target=None, context=ALONE) -> ClassLook:
    return classes(split_of(data, target=target), None if val is None else split_of(val, "val", target), context)


def named(labels, columns=3):
    """A frame of columns that say nothing, with these labels."""
    rows = numpy.random.default_rng(0).normal(size=(len(labels), columns))
    return frame(rows, numpy.array(labels, dtype=object))


def of(report, code):
    return [finding for finding in report.findings if finding.code == code]


def state(report, code):
    return next(verdict for verdict in report.verdicts if verdict.code == code)


# -- the two learners ----------------------------------------------------------------------------------------------------


def test_the_linear_guess_leaves_each_sample_out():
    inputs, answers = torch.randn(40, 3).double(), torch.randn(40, 2).double()
    guessed = Probe(inputs).guesses(answers)["linear"]
    ridge = 0.1 * float((inputs - inputs.mean(0)).square().sum(1).mean())
    kept = torch.arange(40) != 7
    centred = (inputs - inputs.mean(0))[kept]  # the intercept's column is orthogonal to the others over all 40, not over 39
    design = torch.cat([centred, torch.ones(39, 1).double()], 1)
    penalty = ridge * torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0])).double()
    weights = torch.linalg.solve(design.T @ design + penalty, design.T @ answers[kept])
    own = torch.cat([(inputs - inputs.mean(0))[7], torch.ones(1).double()])
    assert torch.allclose(guessed[7], own @ weights)


def test_a_wide_table_is_guessed_as_a_narrow_one():
    inputs, answers = torch.randn(30, 4).double(), torch.randn(30, 1).double()
    padded = torch.cat([inputs, torch.zeros(30, 60).double()], 1)
    assert torch.allclose(Probe(inputs).guesses(answers)["linear"], Probe(padded).guesses(answers)["linear"])


def test_copies_and_the_next_frames_are_no_neighbours():
    inputs = torch.tensor([[0.0], [0.0], [1.0], [2.0], [50.0]]).double()
    assert nearest(inputs, 2)[0].tolist() == [2, 3]
    line = torch.arange(20.0).double()[:, None]
    assert nearest(line, 1, numpy.arange(20))[10].item() in (4, 16)


def test_a_guess_that_is_the_answer_correlates_by_one():
    answers = torch.eye(3).double().repeat(5, 1)
    assert correlation(answers, answers) == pytest.approx(1.0)
    assert correlation(-2 * answers, answers) == pytest.approx(-1.0)
    assert correlation(torch.ones(15, 3).double(), answers) == 0.0


def test_wilson_is_as_in_the_books():
    share, low, high = wilson(10, 100)
    assert (share, round(low, 3), round(high, 3)) == (0.1, 0.055, 0.174)
    assert wilson(0, 0) == (0.0, 0.0, 1.0)


def test_every_kind_of_input_becomes_vectors():
    time = pandas.date_range("2020", periods=60)
    mixed = pandas.DataFrame({"a": range(60), "kind": ["x", "y", "z"] * 20, "text": [f"word {i} again and again" for i in range(60)], "when": time})
    for data in (mixed, torch.rand(60, 3, 8, 8), torch.randint(0, 99, (60, 7)), torch.randn(60, 30, 2)):
        split = split_of(DataLoader(TensorDataset(data, torch.arange(60) % 2), 16) if torch.is_tensor(data) else data)
        one, other = vectors((split, numpy.arange(20)), (split, numpy.arange(20, 60)))
        assert len(one) == 20 and len(other) == 40 and bool(torch.isfinite(one).all())


# -- order in the dataset ------------------------------------------------------------------------------------------------


def test_rows_are_put_into_the_order_of_the_dataset():
    inputs = torch.randn(50, 2)
    split = split_of(DataLoader(TensorDataset(inputs, torch.arange(50) % 3), 8, shuffle=True))
    found = places(split, target_of(split))
    assert found.index.tolist() == list(range(50)) and split.ids[found.rows].tolist() == list(range(50))
    base, at = beside(found, (-1, 0, 2))
    assert found.index[base].tolist() == list(range(1, 48)) and found.index[at[2]].tolist() == list(range(3, 50))


@pytest.mark.parametrize("shift", [-3, 1, 5])
def test_a_shift_is_found_where_it_is(shift):
    inputs, labels = table(500)
    (found,) = look_of(frame(inputs, numpy.roll(labels, shift)), target="label").alignment.shifted
    best = max(zip(found.agreement, found.shifts, strict=True), key=lambda pair: pair[0].correlation)
    assert best[1] == shift and best[0].correlation > 0.8 and best[0].z > 20


def test_a_forecast_is_worth_knowing_and_no_alarm():
    returns = numpy.random.default_rng(0).normal(size=1001)
    rows = numpy.stack([returns[:-1], numpy.random.default_rng(1).normal(size=1000)], 1)
    (told,) = of(nbdebug.data_audit(frame(rows, (returns[1:] > 0).astype(int)), target="label"), "ND104")
    assert told.severity is INFO and told.evidence["shift"] == -1 and "forecast" in told.message


def test_a_block_tells_its_own_shift():
    inputs, labels = table(900)
    labels = numpy.concatenate([labels[:500], labels[499:-1]])
    (told,) = of(nbdebug.data_audit(frame(inputs, labels), target="label"), "ND104")
    assert told.evidence["shift"] == 1 and "1 off" in told.advice


def test_films_in_validation_accuse_nobody_of_shuffling():
    """Val holds twenty frames of each film, train one: only in val is the next neighbour the same film."""
    random = torch.Generator().manual_seed(0)
    single, films = torch.rand(400, 1, 16, 16, generator=random), torch.rand(20, 1, 16, 16, generator=random)
    frames = (films.repeat_interleave(20, 0) + 0.02 * torch.randn(400, 1, 16, 16, generator=random)).clamp(0, 1)
    kinds = torch.randint(0, 2, (20,), generator=random).repeat_interleave(20)
    order = torch.randperm(400, generator=random)
    made = TensorDataset(single, torch.randint(0, 2, (400,), generator=random)), TensorDataset(frames[order], kinds[order])
    assert of(nbdebug.data_audit(made[0], made[1]), "ND104") == []


def test_labels_that_nothing_tells_are_not_judged():
    report = nbdebug.data_audit(named([str(i) for i in numpy.random.default_rng(1).integers(0, 3, 300)]), target="label")
    assert state(report, "ND104").state == "not checked" and "no label can be told" in state(report, "ND104").reason


# -- noise ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_the_rate_of_wrong_labels_lies_in_its_interval(share):
    inputs, labels = table(2000, classes=4, apart=5)
    noise = look_of(frame(inputs, wrong_at_random(labels, share, 4)), target="label").noise
    assert noise.low < share < noise.high and noise.steady


def test_the_candidates_are_the_wrong_ones():
    inputs, labels = table(600, apart=5)
    wrong = labels.copy()
    wrong[[17, 40, 300]] = (wrong[[17, 40, 300]] + 1) % 3
    look = look_of(frame(inputs, wrong), target="label")
    assert sorted(one.id for one in look.noise.candidates) == [17, 40, 300]
    assert {flag.ids for flag in look.flagged()} == {(17,), (40,), (300,)}
    (shown,) = [panel for panel in look.panels() if "contradict" in panel.title]
    assert {row[0] for row in shown.rows} == {17, 40, 300}


@pytest.mark.parametrize("distance", [1.0, 2.0, 3.0])
def test_classes_that_overlap_are_not_noise(distance):
    labels = numpy.random.default_rng(1).integers(0, 2, 2000)
    inputs = numpy.random.default_rng(0).normal(size=(2000, 2))
    inputs[:, 0] += distance * labels
    noise = look_of(frame(inputs, labels), target="label").noise
    assert noise is None or not noise.steady


# -- balance and names ---------------------------------------------------------------------------------------------------


def test_classes_are_counted_beside_each_other():
    look = look_of(named(["a"] * 60 + ["b"] * 30 + ["c"] * 10), named(["a"] * 8 + ["d"] * 2), "label")
    one, other = look.balances
    assert dict(one.counts) == {"a": 60, "b": 30, "c": 10} and dict(other.counts) == {"a": 8, "d": 2}
    assert [found.classes for found in look.unshared] == [("'d'",), ("'b'", "'c'")]
    assert look.unshared[0].by_chance == pytest.approx(2 * (10 / 110) ** 2)
    (shown,) = [panel for panel in look.panels() if isinstance(panel, Table)]
    assert ("d", 0, 0.0, 2, 20.0) in shown.rows


def test_whole_numbers_are_drawn_as_bars():
    look = look_of(TensorDataset(torch.randn(90, 2), torch.arange(90) % 3), TensorDataset(torch.randn(30, 2), torch.arange(30) % 3))
    (bars,) = [panel for panel in look.panels() if isinstance(panel, Histogram)]
    assert bars.counts == {"data": (30, 30, 30), "val": (10, 10, 10)} and bars.edges == (-0.5, 0.5, 1.5, 2.5)


def test_batches_are_shown_beside_a_random_order():
    labels = torch.arange(4).repeat_interleave(32)
    (shown,) = [p for p in look_of(DataLoader(TensorDataset(torch.randn(128, 2), labels), 32)).panels() if isinstance(p, Heatmap)]
    assert shown.values[0] == (32.0, 0.0, 0.0, 0.0) and "in 100%" in shown.caption and "24%" in shown.caption


def test_names_that_a_person_reads_as_one():
    labels = ["cat"] * 20 + ["cat "] * 5 + [1] * 20 + ["1"] * 4 + ["Dog"] * 20 + ["dog"] * 6
    found = {one.why: one for one in look_of(named(labels), target="label").twins}
    assert found["spaces"].labels == ("'cat'", "'cat '") and found["spaces"].samples == 5
    assert found["type"].labels == ("1", "'1'") and found["case"].labels == ("'Dog'", "'dog'")


def test_a_class_of_validation_alone_warns_unless_none_is_shared():
    inputs, labels = table(900, classes=6)
    part = [frame(inputs[kept], labels[kept]) for kept in (labels < 4, labels >= 4, labels >= 3)]
    apart, partly = nbdebug.data_audit(part[0], part[1], target="label"), nbdebug.data_audit(part[0], part[2], target="label")
    assert {told.severity for told in of(apart, "ND103")} == {INFO}
    assert of(partly, "ND103")[0].severity is not INFO and "class 4, 5 of val" in of(partly, "ND103")[0].message


def test_what_is_uneven_is_worth_knowing():
    (told,) = of(nbdebug.data_audit(named(["common"] * 900 + ["rare"] * 60), target="label"), "ND107")
    assert told.severity is INFO and "900" in told.message and "15 to 1" in told.message


def test_reasons_speak_of_the_data():
    quantity = nbdebug.data_audit(DataLoader(TensorDataset(torch.randn(200, 3), torch.randn(200)), 16))
    nothing = nbdebug.data_audit(pandas.DataFrame({"a": numpy.random.default_rng(0).normal(size=100)}))
    for code in ("ND103", "ND107"):
        assert state(quantity, code).reason == "the targets are a quantity, not classes"
        assert "target=" in state(nothing, code).reason
    assert "DataLoader" in state(nothing, "ND108").reason


def test_labels_are_escaped_where_they_are_shown():
    bad = "<img src=x onerror=alert(1)>"
    page = nbdebug.data_audit(named([bad] * 50 + ["b"] * 40 + ["b "] * 9), target="label")._repr_mimebundle_()["text/html"]
    assert bad not in page and "&lt;img" in page


# -- quantities, masks, tags ---------------------------------------------------------------------------------------------


def test_heaps_and_spikes_of_a_quantity():
    random = numpy.random.default_rng(0)
    rounded = torch.tensor(numpy.where(random.random(500) < 0.7, random.integers(1, 90, 500) * 100, random.integers(0, 9000, 500))).float() + 0.0
    spiked = torch.randn(500)
    spiked[:60] = -9.0
    for values, share in ((rounded, "multiples of 100"), (spiked, "12% of data are exactly -9")):
        look = look_of(TensorDataset(torch.randn(500, 3), values))
        assert look.kind == "quantity" and any(share in panel.caption for panel in look.panels())


def test_pixels_of_masks_are_shared_out():
    masks = torch.zeros(20, 16, 16, dtype=torch.long)
    masks[:10, :8] = 1
    (found,) = look_of(TensorDataset(torch.rand(20, 3, 16, 16), masks)).masks
    assert dict(found.shares) == {"0": 0.75, "1": 0.25} and dict(found.in_masks)["1"] == 0.5


def test_tags_are_counted_one_by_one():
    tags = (torch.rand(200, 3) < torch.tensor([0.9, 0.5, 0.1])).float()
    tags[0] = 1.0  # so that no one takes them for one-hot classes
    (found,) = look_of(TensorDataset(torch.randn(200, 4), tags)).balances
    assert found.kind == "tags" and dict(found.counts) == {str(i): int(n) for i, n in enumerate(tags.sum(0))}


# -- the model -----------------------------------------------------------------------------------------------------------


def trained(epochs):
    torch.manual_seed(0)
    pixels, labels, held, theirs = digits()
    wrong = labels.clone()
    wrong[[3, 50, 77]] = (wrong[[3, 50, 77]] + 1) % 10
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    loaders = DataLoader(TensorDataset(pixels, wrong), 64, shuffle=True), DataLoader(TensorDataset(held, theirs), 64)
    for _ in range(epochs):
        for inputs, targets in loaders[0]:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
    return TrainingSetup(model, nn.CrossEntropyLoss(), optimizer, *loaders)


def test_the_model_is_surest_of_the_wrong_labels():
    setup = trained(4)
    setup.model[3].eval()
    report = nbdebug.data_audit(setup)
    train, val = report.result.classes.by_model
    assert {3, 50, 77} <= {one.id for one in train.top} and train.right > 0.9 and val.samples == 597
    assert sum(map(sum, val.confusion)) == 597 and not report.proof.changes
    assert [module.training for module in setup.model] == [True, True, True, False, True]


def test_a_model_that_knows_nothing_accuses_no_sample():
    look = nbdebug.data_audit(trained(0)).result.classes
    assert all(seen.at_chance and seen.top == () and seen.confusion == () for seen in look.by_model)
    assert any("at chance" in getattr(panel, "text", "") for panel in look.panels())


def test_many_classes_are_listed_by_their_confusions():
    torch.manual_seed(0)
    inputs = torch.randn(400, 40)
    labels = inputs.argmax(1)
    confused = labels.where(labels != 7, torch.tensor(8))
    setup = TrainingSetup(nn.Identity(), nn.CrossEntropyLoss(), None, DataLoader(TensorDataset(10 * inputs, confused), 50))
    (seen,) = nbdebug.data_audit(setup).result.classes.by_model
    assert seen.confusion == () and seen.confused[0] == ("8", "7", int((labels == 7).sum()))


# -- odd data ------------------------------------------------------------------------------------------------------------


ODD = {
    "one sample": (torch.randn(1, 3), torch.tensor([0])),
    "one class": (torch.randn(200, 3), torch.zeros(200, dtype=torch.long)),
    "all different": (torch.randn(200, 3), torch.arange(200)),
    "constant inputs": (torch.zeros(300, 3), torch.arange(300) % 2),
    "no finite input": (torch.full((300, 3), math.nan), torch.arange(300) % 2),
    "some infinite inputs": (torch.randn(300, 3).masked_fill(torch.rand(300, 3) < 0.1, math.inf), torch.arange(300) % 2),
    "quantity of NaN": (torch.randn(200, 3), torch.full((200,), math.nan)),
    "constant quantity": (torch.randn(200, 3), torch.full((200,), 0.1)),
    "infinite quantity": (torch.randn(200, 3), torch.randn(200).masked_fill(torch.rand(200) < 0.1, math.inf)),
    "soft labels": (torch.randn(200, 3), torch.rand(200, 4).softmax(1)),
    "unlabelled tags": (torch.randn(200, 3), torch.zeros(200, 4)),
    "two samples twice": (torch.randn(2, 3).repeat(100, 1), torch.arange(200) % 2),
    "negative labels": (torch.randn(300, 3), torch.arange(300) % 3 - 1),
    "bool": (torch.randn(300, 3), torch.rand(300) < 0.5),
    "ten thousand classes": (torch.randn(20_000, 3), torch.randint(0, 10_000, (20_000,))),
    "tokens for tokens": (torch.randint(0, 9, (100, 6)), torch.randint(0, 9, (100, 6))),
    "empty images": (torch.zeros(120, 1, 4, 4), torch.arange(120) % 2),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_data_is_looked_at_all_the_same(name):
    split, other = (split_of(DataLoader(TensorDataset(*ODD[name]), 64), called) for called in ("data", "val"))
    before = torch.get_rng_state(), numpy.random.get_state()[1].copy()
    for val in (None, other):
        look = classes(split, val, ALONE)
        assert from_plain(ClassLook, json.loads(json.dumps(to_plain(look)))) == look
        assert all(len(getattr(panel, "rows", ())) <= 60 for panel in look.panels())
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == numpy.random.get_state()[1]).all()


class Listed(Dataset):
    """Samples as Python has them."""

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return torch.full((3,), float(index % 5)), self.labels[index]


@pytest.mark.parametrize("labels", [[b"a", b"b"], [None, "x"], [1, "1"], [1.5, math.nan], [("a", 1), ("b", 2)], [{"a": 1}, {"b": 2}], [True, 0]])
def test_odd_labels_are_looked_at_all_the_same(labels):
    report = nbdebug.data_audit(DataLoader(Listed(labels * 60), 16, collate_fn=lambda rows: (torch.stack([x for x, _ in rows]), [y for _, y in rows])))
    assert report.result.unanswered == {} and report._repr_mimebundle_()["text/html"]
