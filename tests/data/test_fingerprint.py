"""The fingerprint: the same of the same samples, whatever order, batches and machine; of nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy
import torch
from torch.utils.data import DataLoader, TensorDataset

from nbdebug.data.fingerprint import KEPT, Fingerprint, fingerprint, hashes_of, summed
from nbdebug.plain import from_plain, to_plain
from tests.data.test_between import split_of

ROWS, LABELS = torch.arange(600.0).reshape(100, 6).sin(), torch.arange(100) % 3


def of(rows=ROWS, labels=LABELS, batch=16, order=None):
    order = torch.arange(len(rows)) if order is None else order
    return fingerprint(split_of(DataLoader(TensorDataset(rows[order], labels[order]), batch)))


def test_neither_order_nor_batch_size_counts():
    first = of()
    again = of(batch=7, order=torch.randperm(100))
    assert (first.content, first.inputs, first.samples) == (again.content, again.inputs, again.samples)
    assert first.pair_sketch == again.pair_sketch


def test_one_value_counts():
    changed = ROWS.clone()
    changed[40, 2] += 1e-6
    assert of(changed).content != of().content


def test_a_label_changes_the_content_and_not_the_inputs():
    labels = LABELS.clone()
    labels[7] = (labels[7] + 1) % 3
    assert of(labels=labels).content != of().content
    assert of(labels=labels).inputs == of().inputs


def test_a_sample_twice_is_not_the_sample_once():
    again = torch.cat([torch.arange(100), torch.tensor([3, 3])])
    assert of(order=again).content != of().content
    assert of(order=again).distinct == of().distinct == 100


def test_the_sum_is_that_of_this_machine_and_every_other():
    def mixed(word, key):  # SplitMix64 in whole numbers of Python
        word = (word + key * 0x9E3779B97F4A7C15) % 2**64
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
        return word ^ (word >> 31)

    hashes = [1, 2, 2**64 - 3]
    expected = "".join(f"{sum(mixed(h, key) for h in hashes) % 2**64:016x}" for key in (1, 2))
    assert summed(numpy.array(hashes, numpy.uint64)) == summed(numpy.array(hashes[::-1], numpy.uint64)) == expected


def test_schema_and_statistics():
    found = of()
    inputs, targets = found.fields
    assert (inputs.name, inputs.role, inputs.kind, inputs.dtype, inputs.shapes) == ("inputs", "input", "tabular", "float32", {"(6,)": 100})
    assert [c.name for c in inputs.columns] == [f"column {i}" for i in range(6)]
    assert abs(inputs.columns[0].mean - float(ROWS[:, 0].mean())) < 1e-6
    assert targets.classes == {"0": 34, "1": 33, "2": 33}


def test_it_survives_json():
    found = of()
    assert from_plain(Fingerprint, json.loads(json.dumps(to_plain(found), allow_nan=False))) == found
    assert len(hashes_of(found.pair_sketch)) == 100


def test_the_sketch_is_bounded():
    many = fingerprint(split_of(torch.arange(20_000.0).reshape(-1, 2)))
    assert len(hashes_of(many.pair_sketch)) == KEPT and not many.pair_sketch.whole


def test_a_part_makes_no_claim():
    part = fingerprint(replace(split_of(DataLoader(TensorDataset(ROWS, LABELS), 16)), whole=False))
    assert not part.exact
    assert "of the first 100 samples" in part.describe()


def test_it_describes_itself():
    said = of().describe()
    assert "100 samples" in said and of().content in said and "6 columns" in said and "3 classes" in said


def test_nothing_has_a_fingerprint_too():
    empty = fingerprint(replace(split_of(torch.zeros(3, 2)), fields=(), samples=0))
    assert empty.fields == () and empty.describe()
