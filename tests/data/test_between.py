"""What two splits share and how they differ, in numbers that can be worked out on paper; and odd input."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy
import pandas
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.data.between import BetweenLook, between
from nbdebug.data.between.alike_hashes import _joined, _ones
from nbdebug.data.between.copies import beyond
from nbdebug.data.between.ks import chance, distance, variation
from nbdebug.data.between.mmd import _auc, _mmd
from nbdebug.data.between.rounding import equal_rows
from nbdebug.data.between.shingles import near_entries
from nbdebug.data.context import Context
from nbdebug.data.fingerprint import Fingerprint, fingerprint
from nbdebug.data.gathering import Gather
from nbdebug.data.sources import as_source
from nbdebug.instruments.data_audit import drift, preparation_mismatch, split_overlap
from nbdebug.loading import read
from nbdebug.plain import from_plain, to_plain

CONTEXT = Context(None, None, True)


def split_of(data, name="train", target=None):
    source = as_source(data, name, target=target)
    gather = Gather(source)
    for one in read(source.loader, name):
        gather.take(one)
    gather.whole = True
    return gather.split()


def loader(*parts, shuffle=False):
    return DataLoader(TensorDataset(*parts), 16, shuffle=shuffle)


def look_of(train, val, **options):
    return between(split_of(train, **options), split_of(val, "val", **options), CONTEXT)


def findings(look):
    asked = SimpleNamespace(answer=lambda question: look)
    return [finding for check in (split_overlap, preparation_mismatch, drift) for finding in check(asked)[1]]


def test_copies_are_counted_and_paired():
    rows = torch.randn(100, 6)
    labels = torch.arange(100) % 3
    other = labels.clone()
    other[40:42] += 1
    (overlap,) = look_of(loader(rows[:80], labels[:80]), loader(rows[40:], other[40:])).overlaps
    assert (overlap.how, overlap.count, overlap.compared, overlap.estimated) == ("exact", 40, 60, False)
    assert [(pair.train, pair.val) for pair in overlap.pairs[:3]] == [(40, 0), (41, 1), (42, 2)]
    assert overlap.other_label == 2
    assert overlap.share == pytest.approx(2 / 3)


def test_repeats_within_train_and_their_labels():
    rows = torch.randn(60, 6)
    repeats = between(split_of(loader(torch.cat([rows, rows[:10]]), torch.cat([torch.zeros(60), torch.ones(10)]).long())), None, CONTEXT).repeats
    assert (repeats.count, repeats.compared, repeats.other_label, repeats.coincidence) == (20, 70, 20, False)


def test_one_split_alone_is_not_checked_for_overlap():
    look = between(split_of(torch.randn(50, 4)), None, CONTEXT)
    assert look.panels() == ()
    assert [check(SimpleNamespace(answer=lambda question: look))[0].state for check in (split_overlap, preparation_mismatch, drift)] == ["not checked"] * 3


def test_more_than_chance():
    assert not beyond(0, 100, 0.0)
    assert beyond(1, 100, 0.0)
    assert not beyond(12, 100, 0.1)
    assert beyond(60, 100, 0.1)


def test_the_ks_distance_on_paper():
    assert distance(numpy.array([1.0, 2, 3, 4]), numpy.array([1.0, 2, 3, 4])) == 0
    assert distance(numpy.array([1.0, 2, 3, 4]), numpy.array([3.0, 4, 5, 6])) == 0.5
    assert distance(numpy.array([0.0, 0, 1]), numpy.array([1.0])) == pytest.approx(2 / 3)
    assert distance(numpy.array([1.0, numpy.nan]), numpy.array([1.0])) == 0
    assert distance(numpy.array([1.0, 5.0]), numpy.array([1.0, 5.0, 5.0, 5.0]), numpy.array([1.0, 3.0])) == 0
    assert chance(100, 100, 0.05) == pytest.approx(1.358 * math.sqrt(2 / 100), rel=1e-3)  # the constant of every textbook


def test_the_ks_distance_is_that_of_scipy():
    from scipy.stats import ks_2samp

    random = numpy.random.default_rng(0)
    for a, b in ((random.normal(size=50), random.normal(1, 2, 80)), (random.integers(0, 5, 60).astype(float), random.integers(1, 6, 30).astype(float))):
        assert distance(a, b) == pytest.approx(ks_2samp(a, b).statistic)


def test_total_variation():
    assert variation(numpy.array([3.0, 1.0]), numpy.array([1.0, 3.0])) == 0.5


def test_the_mmd_is_the_unbiased_estimate():
    rows = torch.randn(7, 2, dtype=torch.float64)
    kernel = torch.exp(-torch.cdist(rows, rows).square())
    labels = torch.tensor([[1.0, 1, 1, 0, 0, 0, 0]], dtype=torch.float64)
    xx = sum(kernel[i, j] for i in range(3) for j in range(3) if i != j) / 6
    yy = sum(kernel[i, j] for i in range(3, 7) for j in range(3, 7) if i != j) / 12
    assert float(_mmd(kernel, labels)[0]) == pytest.approx(float(xx + yy - 2 * kernel[:3, 3:].mean()))


def test_the_witness_tells_apart_what_is_apart():
    rows = torch.cat([torch.randn(30, 2), torch.randn(30, 2) + 50]).double()
    kernel = torch.exp(-torch.cdist(rows, rows).square() / 10)
    assert _auc(kernel, (torch.arange(60) < 30).double()) == 1.0
    assert _auc(kernel, (torch.arange(60) % 2 == 0).double()) < 0.6


def test_rows_equal_but_for_rounding():
    train, val = split_of(torch.randn(50, 4).double()).input(), split_of(torch.randn(20, 4).double()).input()
    val.sample[3] = train.sample[17] + 1e-7
    assert equal_rows(train, val) == {3: (17, 1.0)}


def test_texts_of_the_same_words():
    words = [f"w{i}" for i in range(200)]
    train = split_of(list(zip([" ".join(words[i : i + 30]) for i in range(0, 150, 30)], [0] * 5, strict=True)))
    field = train.input()
    assert near_entries(field, field) == {i: (i, 1.0) for i in range(5)}


def test_hashes_within_three_bits_are_found():
    theirs = numpy.array([0xFFFF0000FFFF0000, 0x123456789ABCDEF0], numpy.uint64)
    ours = theirs ^ numpy.array([0b10000000100000001, 0b1111], numpy.uint64)
    assert _joined(theirs, numpy.array([5, 6]), ours, numpy.array([50, 60])) == {50: 5}
    assert _ones(theirs).tolist() == [32, 32]


def test_a_rule_is_told_with_what_it_brings():
    rows = torch.randn(300, 5) * torch.tensor([1.0, 10, 3, 2, 7]) + 4
    look = look_of(loader(rows[:220]), loader(rows[220:] / 255))
    (rule,) = look.preparations
    assert rule.rule == "val is train / 255" and rule.sure
    assert rule.after <= rule.bound < rule.before
    assert look.drifts == ()


def test_drift_that_no_rule_explains_is_drift():
    rows = torch.randn(300, 5)
    rows[220:, 2] = rows[220:, 2].abs() * 5 + 3
    look = look_of(loader(rows[:220]), loader(rows[220:]))
    assert look.preparations == ()
    assert [(d.column, d.why_legal) for d in look.drifts] == [("column 2", "")]
    assert look.drifts[0].distance > 0.9


def test_only_common_columns_of_frames_are_compared():
    frame = pandas.DataFrame(numpy.random.default_rng(0).normal(size=(200, 3)), columns=["a", "b", "c"])
    look = look_of(frame[:150], frame[150:].drop(columns="b").rename(columns={"c": "d"}))
    assert [p.rule for p in look.preparations] == ["the columns are not the same: val lacks b, c; train lacks d"]
    assert not [f for f in findings(look) if f.severity != nbdebug.Severity.INFO]


def test_shared_groups_are_told():
    random = numpy.random.default_rng(0)
    frame = pandas.DataFrame({"patient_id": random.integers(0, 60, 400), "x": random.normal(size=400)})
    look = look_of(frame[:300], frame[300:])
    (group,) = look.groups
    assert group.column == "patient_id" and group.shared == group.of
    assert all(f.severity == nbdebug.Severity.INFO for f in findings(look))


def test_a_finding_names_its_samples():
    rows = torch.randn(200, 8)
    look = look_of(loader(rows[:150]), loader(rows[140:]))
    (finding,) = findings(look)
    assert finding.code == "ND105"
    assert finding.evidence["samples"].startswith("0,1,2") and finding.evidence["split"] == "val"
    assert [flag.split for flag in look.flagged()] == ["val", "train"]


def test_the_same_loader_twice_is_no_alarm():
    rows, labels = torch.randn(100, 8), torch.randint(2, (100,))
    both = loader(rows, labels)
    setup = nbdebug.TrainingSetup(torch.nn.Linear(8, 2), torch.nn.CrossEntropyLoss(), train_loader=both, val_loader=both)
    found = [f for f in nbdebug.data_audit(setup).findings if f.code == "ND105"]
    assert [f.severity for f in found] == [nbdebug.Severity.INFO]
    assert "the same loader" in found[0].message


def test_a_look_survives_json():
    look = look_of(loader(torch.randn(90, 3, 8, 8), torch.arange(90) % 3), loader(torch.randn(40, 3, 8, 8) * 4, torch.arange(40) % 3))
    assert from_plain(BetweenLook, json.loads(json.dumps(to_plain(look), allow_nan=False))) == look


def test_nobodys_random_states_are_moved():
    train, val = split_of(torch.randn(90, 4)), split_of(torch.randn(40, 4), "val")
    before = torch.get_rng_state(), numpy.random.get_state()[1].copy()
    between(train, val, CONTEXT)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == numpy.random.get_state()[1]).all()


def odd_pairs():
    nothing = torch.full((40, 4), float("nan"))
    yield "constant columns", torch.ones(60, 4), torch.ones(20, 4)
    yield "all NaN", nothing, nothing[:20]
    yield "NaN against numbers", nothing, torch.randn(30, 4)
    yield "infinite", torch.full((40, 4), float("inf")), torch.randn(30, 4)
    yield "one sample", torch.randn(1, 4), torch.randn(1, 4)
    yield "one sample of val", torch.randn(100, 4), torch.randn(1, 4)
    yield "other width", torch.randn(100, 4), torch.randn(50, 5)
    yield "other rank", torch.randn(100, 4), torch.randn(50, 3, 8, 8)
    yield "no columns", torch.zeros(40, 0), torch.zeros(20, 0)
    yield "huge values", torch.randn(100, 3).double() * 1e300, torch.randn(50, 3).double() * 1e300
    yield "tiny images", torch.rand(60, 3, 1, 1), torch.rand(30, 3, 1, 1)
    yield "black images", torch.zeros(60, 1, 8, 8), torch.zeros(30, 1, 8, 8)
    yield "image of other channels", torch.rand(60, 3, 8, 8), torch.rand(30, 1, 8, 8)
    yield "tokens beside numbers", torch.randint(9, (60, 7)), torch.randn(30, 7)
    yield "complex", torch.randn(60, 3, dtype=torch.complex64), torch.randn(30, 3, dtype=torch.complex64)
    yield "booleans", torch.rand(60, 9) > 0.5, torch.rand(30, 9) > 0.5
    yield "empty texts", [("", 0)] * 40, [("", 1)] * 20
    yield "None", [(None, 0), ("a b", 1)] * 20, [("a", 1), (None, 0)] * 10
    yield "ragged", [torch.arange(i % 5) for i in range(40)], [torch.arange(i % 7) for i in range(20)]


@pytest.mark.parametrize("name, train, val", list(odd_pairs()), ids=lambda value: value if isinstance(value, str) else "")
def test_odd_input_is_survived(name, train, val):
    datasets = [part if isinstance(part, list) else TensorDataset(part) for part in (train, val)]
    loaders = [DataLoader(part, 8, collate_fn=(lambda b: b) if isinstance(part, list) and not isinstance(part[0], tuple) else _pairs if isinstance(part, list) else None) for part in datasets]
    look = look_of(*loaders)
    assert from_plain(BetweenLook, json.loads(json.dumps(to_plain(look), allow_nan=False))) == look
    prints = fingerprint(split_of(loaders[0]))
    assert from_plain(Fingerprint, json.loads(json.dumps(to_plain(prints), allow_nan=False))) == prints
    assert isinstance(look.panels(), tuple)
    assert findings(look) is not None


def _pairs(batch):
    return [entry for entry, _ in batch], torch.tensor([label for _, label in batch])


def test_ten_thousand_classes():
    labels = torch.randperm(20_000) % 10_000
    look = look_of(loader(torch.randn(16_000, 2), labels[:16_000]), loader(torch.randn(4000, 2), labels[16_000:]))
    assert look.class_shift is None


def test_a_checkup_asks_only_what_is_cheap():
    images = torch.rand(120, 3, 16, 16)
    look = between(split_of(loader(images[:80])), split_of(loader(images[80:]), "val"), Context(None, None, False))
    assert look.embeddings == ()


def houses(count, seed=0):
    random = numpy.random.default_rng(seed)
    columns = {"age": random.integers(18, 80, count), "income": random.lognormal(10, 0.4, count), "height": random.normal(170, 9, count)}
    return pandas.DataFrame(columns | {"city": random.choice(list("ABCD"), count), "y": random.integers(0, 2, count)})


def test_rows_that_a_table_holds_twice_are_worth_knowing():
    table = houses(2000)
    (told,) = findings(between(split_of(pandas.concat([table, table[:300]]), "data", target="y"), None, CONTEXT))
    assert told.severity == "info" and told.message == "600 of 2,300 samples of data are there more than once"
    assert told.evidence["split"] == "data" and told.evidence["samples"].startswith("0,1,2,3,4")


def test_rows_of_few_values_repeat_and_nothing_is_told():
    random = numpy.random.default_rng(0)
    few = pandas.DataFrame({name: random.integers(0, 2, 800) for name in "abcdefgh"})
    again = between(split_of(few, "data", target="a"), None, CONTEXT).repeats
    assert again.coincidence and not again.worth_telling


def test_what_drifts_in_the_order_of_its_rows_is_not_to_be_shuffled():
    walk = torch.arange(2000)[:, None] * 0.01 + torch.randn(2000, 2)
    told = [f for f in findings(look_of(loader(walk[:1500], torch.arange(1500) % 2), loader(walk[1500:], torch.arange(500) % 2))) if f.code == "ND115"]
    assert told and all("TimeSeriesSplit" in finding.advice and "shuffle it" not in finding.advice for finding in told)
    moved = findings(look_of(loader(torch.randn(500, 2)), loader(2 * torch.randn(500, 2).sign() + 0.1 * torch.randn(500, 2))))
    assert any("shuffle it" in finding.advice for finding in moved)


def coloured(count, seed):
    random = numpy.random.default_rng(seed)
    return torch.tensor(random.random((count, 3, 8, 8)) * random.random((count, 3, 1, 1)), dtype=torch.float32)


def grey(images):
    return images.mean(1, keepdim=True).expand_as(images).clone()


def test_one_side_that_is_grey_is_prepared_differently():
    train, val = coloured(300, 0), coloured(100, 1)
    (told,) = [f for f in findings(look_of(loader(train, torch.arange(300) % 2), loader(grey(val), torch.arange(100) % 2))) if f.code == "ND106"]
    assert told.message == "val is grey, its three channels are the same, and train is in colour"
    some = torch.cat([train, grey(train[:20])])
    for ours, theirs in ((grey(train), grey(val)), (some, val)):
        look = look_of(loader(ours, torch.arange(len(ours)) % 2), loader(theirs, torch.arange(100) % 2))
        assert not [p for p in look.preparations if "grey" in p.rule]
