"""The pass: numbers that hold against NumPy on all of the data at once, in bounded memory, whatever the batches are."""

from __future__ import annotations

import dataclasses
import math
from collections import UserDict, namedtuple
from typing import Any

import numpy
import pytest
import torch
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, Dataset

from nbdebug.data.gathering import Gather
from nbdebug.data.gathering.distinct import Distinct
from nbdebug.data.gathering.hashing import COPIES, Smallest, array_hashes
from nbdebug.data.gathering.moments import Moments, quantiles_of
from nbdebug.data.sources import as_source
from nbdebug.data.split import QUANTILES, Split
from nbdebug.errors import SetupError, StepError
from nbdebug.loading import read

R = numpy.random.default_rng(0)
KNOWN = 1840755004391569606  # hash of the row (1.0, 2.0)


def split_of(data: Any, **told: Any) -> Split:
    source = as_source(data, **told)
    gather = Gather(source)
    for one in read(source.loader, source.name, lost=gather.lost):
        gather.take(one)
    gather.whole = True
    return gather.split()


def batches_of(array: numpy.ndarray, size: int = 32) -> list[tuple[torch.Tensor, torch.Tensor]]:
    labels = torch.zeros(len(array), dtype=torch.int64)
    return [(torch.from_numpy(array[i : i + size]), labels[i : i + size]) for i in range(0, len(array), size)]


# -- moments ----------------------------------------------------------------------------------------------------


COLUMNS = {
    "normal": R.normal(3, 2, 20_000),
    "time stamps": 1.6e9 + R.gamma(1.0, 1.0, 20_000),
    "tiny": 1e-200 * R.gamma(2.0, 1.0, 20_000),
    "huge": 1e200 * R.gamma(2.0, 1.0, 20_000),
    "growing by decades": 10.0 ** numpy.linspace(-150, 150, 20_000),
    "counts": R.poisson(3.0, 20_000).astype(float),
    "one value": numpy.full(20_000, 0.1),
}


def exactly(values: numpy.ndarray) -> tuple[float, float, float, float]:
    """Mean, std, skew and kurtosis in whole numbers of any length: no rounding but the last."""
    from fractions import Fraction

    numbers = [Fraction(v) for v in values.tolist()]
    mean = sum(numbers) / len(numbers)
    second, third, fourth = (sum((v - mean) ** k for v in numbers) / len(numbers) for k in (2, 3, 4))
    if not second:
        return float(mean), 0.0, 0.0, 0.0
    skew_squared, kurtosis = third**2 / second**3, fourth / second**2 - 3
    return float(mean), _root(second), _root(skew_squared) * (1 if third > 0 else -1), float(kurtosis)


def _root(number: Any) -> float:
    scale = 10 ** max(0, 40 - len(str(number.numerator)) + len(str(number.denominator)))
    return float(type(number)(math.isqrt(number.numerator * scale**2 // number.denominator), scale)) if number else 0.0


@pytest.mark.parametrize("name", COLUMNS)
def test_moments_are_those_of_all_values_together(name):
    values = COLUMNS[name][::40] if name != "normal" else COLUMNS[name][:2000]
    moments = Moments(1)
    for part in numpy.array_split(values, 7):
        moments.add(part[:, None])
    columns = moments.columns(("x",), ("float64",), values[:, None], None)
    found = [columns.mean[0], columns.std[0], columns.skew[0], columns.kurtosis[0]]
    assert found == pytest.approx(exactly(values), rel=1e-9, abs=1e-12 if name == "one value" else 0.0)


def test_a_table_of_a_million_values_agrees_with_numpy():
    table = R.normal(size=(50_000, 20)) * R.gamma(1, 10, 20) + R.normal(0, 100, 20)
    columns = split_of(batches_of(table, 1000)).named("inputs").columns
    numpy.testing.assert_allclose(columns.mean, table.mean(0), rtol=1e-9, atol=1e-12)
    numpy.testing.assert_allclose(columns.std, table.std(0), rtol=1e-9)
    assert (columns.low == table.min(0)).all() and (columns.high == table.max(0)).all()
    assert (columns.negative == (table < 0).sum(0)).all()


def test_missing_and_infinite_values_are_counted_and_left_out():
    values = numpy.array([1.0, numpy.nan, 2.0, numpy.inf, -numpy.inf, 0.0, -0.0, 3.0])
    columns = split_of(batches_of(numpy.stack([values, numpy.full(8, numpy.nan)], 1), 3)).named("inputs").columns
    told = [(columns.count[c], columns.missing[c], columns.infinite[c], columns.zeros[c]) for c in (0, 1)]
    assert told == [(8, 1, 2, 2), (8, 8, 0, 0)]
    assert columns.mean[0] == 6 / 5 and columns.low[0] == 0.0 and columns.high[0] == 3.0
    assert math.isnan(columns.mean[1]) and math.isnan(columns.high[1]) and numpy.isnan(columns.quantiles[1]).all()
    assert columns.distinct.tolist() == [6, 0]  # 0, 1, 2, 3 and the two infinities


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8", "bool", "int64"])
def test_every_dtype_is_summed_without_overflow(dtype):
    table = (R.random((3000, 3)) * 120).astype(dtype)
    columns = split_of(batches_of(table), kind="tabular").named("inputs").columns
    numpy.testing.assert_allclose(columns.mean, table.astype("float64").mean(0), rtol=1e-9)


def test_quantiles_are_numpys_and_say_how_far_off_they_may_be():
    table = R.normal(size=(1001, 3))
    table[::7, 1] = numpy.nan
    expected = numpy.stack([numpy.quantile(column[numpy.isfinite(column)], QUANTILES) for column in table.T])
    numpy.testing.assert_allclose(quantiles_of(table), expected)
    columns = split_of(R.random((200_000, 2))).named("inputs").columns
    assert 0 < columns.rank_error < 0.02
    assert numpy.abs(columns.quantiles - numpy.array(QUANTILES)).max() <= columns.rank_error  # of a uniform distribution
    assert split_of(table).named("inputs").columns.rank_error == 0.0


def test_different_values_are_counted_while_few_and_estimated_when_many():
    table = numpy.stack([numpy.arange(200_000) % 7, numpy.arange(200_000), numpy.arange(200_000) // 2], 1).astype(float)
    columns = split_of(table).named("inputs").columns
    assert columns.distinct[0] == 7 and columns.exact.tolist() == [True, False, False]
    assert columns.distinct[1:] == pytest.approx([200_000, 100_000], rel=0.04)
    few = Distinct(1)
    few.add(numpy.array([0.0, -0.0, 1.0, numpy.nan]), numpy.array([True, True, True, False]))
    assert (few.count, few.exact) == (2, True)


@pytest.mark.parametrize("shape", [(), (5,), (6, 4), (3, 9, 9), (2, 3, 4, 5)], ids=str)
def test_arrays_of_one_to_five_dimensions_are_gathered(shape):
    data = R.normal(size=(300, *shape))
    field = split_of(batches_of(data)).named("inputs")
    assert sum(field.shapes.values()) == 300 and list(field.shapes) == [shape]
    assert field.columns.missing.sum() == 0 and len(field.sample) == 300


def test_a_hundred_and_fifty_thousand_columns_fit():
    table = numpy.zeros((20, 150_000), numpy.float32)
    table[:, ::2] = R.random((20, 75_000))
    field = split_of(batches_of(table)).named("inputs")
    assert field.columns.distinct[:4].tolist() == [20, 1, 20, 1] and field.columns.exact[1]
    assert field.sample.nbytes < 100e6


def test_twenty_columns_of_named_parts_are_one_pass():
    batches = [{f"c{i}": torch.randn(16) for i in range(20)} | {"label": torch.randint(0, 3, (16,))} for _ in range(40)]
    split = split_of(batches)
    assert len(split.fields) == 21 and split.target().name == "targets" and split.samples == 640


# -- hashes -----------------------------------------------------------------------------------------------------


def test_hashes_do_not_depend_on_order_batch_or_layout():
    table = R.normal(size=(500, 6))
    one, other = split_of(batches_of(table, 500)), split_of(batches_of(numpy.asfortranarray(table[::-1].copy()), 7))
    assert sorted(one.inputs.hashes.tolist()) == sorted(other.inputs.hashes.tolist())
    assert len(set(one.inputs.hashes.tolist())) == 500


def test_hashes_are_the_same_on_every_machine():
    assert array_hashes(numpy.arange(6, dtype=">i4").reshape(2, 3)).tolist() == array_hashes(numpy.arange(6, dtype="<i4").reshape(2, 3)).tolist()
    assert array_hashes(numpy.array([[1.0, 2.0]])).tolist() == [KNOWN]


def test_zero_has_no_sign_and_nan_no_name():
    table = numpy.array([[0.0, numpy.nan], [-0.0, -numpy.nan], [0.0, 1.0]])
    table[1:2, 1:].view("uint64")[:] ^= numpy.uint64(12345)
    first, second, third = array_hashes(table).tolist()
    assert first == second != third


@pytest.mark.parametrize("table", [numpy.indices((2,) * 12).reshape(12, -1).T, numpy.indices((16, 16, 16)).reshape(3, -1).T], ids=["bits", "digits"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8"])
def test_small_whole_numbers_do_not_collide(table, dtype):
    assert len(set(array_hashes(table.astype(dtype)).tolist())) == 4096


def test_pictures_that_differ_in_one_pixel_have_other_hashes():
    picture = numpy.zeros((64, 3 * 224 * 224), numpy.uint8)
    picture[numpy.arange(1, 64), R.choice(3 * 224 * 224, 63, replace=False)] = 128
    assert len(set(array_hashes(picture).tolist())) == 64


def test_of_many_hashes_both_splits_keep_the_same(monkeypatch):
    monkeypatch.setattr("nbdebug.data.gathering.hashing.KEPT", 1000)
    hashes = array_hashes(numpy.arange(20_000.0)[:, None])
    one, other = Smallest(), Smallest()
    for part in numpy.array_split(numpy.arange(20_000), 9):
        one.add(hashes[part], part)
    other.add(hashes[5000:8000], numpy.arange(5000, 8000))
    kept, ids = one.kept()
    assert 900 <= len(kept) <= 1000 and (kept < one.bound).all() and (hashes[ids] == kept).all()
    bound = min(one.bound, other.bound)
    assert set(hashes[5000:8000][hashes[5000:8000] < bound].tolist()) == set(kept[kept < bound].tolist()) & set(other.kept()[0].tolist())


def test_rows_that_are_all_alike_do_not_push_each_other_out(monkeypatch):
    monkeypatch.setattr("nbdebug.data.gathering.hashing.KEPT", 1000)
    alike = Smallest()
    for start in range(0, 9000, 500):
        alike.add(numpy.full(500, 7, numpy.uint64), numpy.arange(start, start + 500))
    kept, _ = alike.kept()
    assert COPIES <= len(kept) <= 1000 and len(kept) + alike.left_out == 9000


# -- labels -----------------------------------------------------------------------------------------------------


def test_ten_thousand_classes_are_counted():
    labels = numpy.concatenate([numpy.arange(10_000), R.integers(0, 10_000, 40_000)])
    facts = split_of((R.random((50_000, 2)), labels)).target().facts
    assert len(facts.counts) == facts.distinct == 10_000 and sum(facts.counts.values()) == 50_000


def test_what_looked_like_classes_at_first_is_a_quantity_in_the_end():
    ages = R.integers(0, 95, 5000)
    ages[64:] += 1000
    batches = [(torch.zeros(len(part), 3, 40, 40), torch.from_numpy(part)) for part in numpy.array_split(ages, 60)]
    split = split_of(batches)
    field = split.target()
    assert field.kind == "quantity" and field.columns.mean[0] == pytest.approx(ages.mean()) and field.sample.shape == split.ids.shape


def test_labels_of_mixed_dtype_are_one_field():
    x = torch.zeros(8, 2)
    split = split_of([(x, torch.arange(8) % 2), (x, (torch.arange(8) % 2).float()), (x, ["a"] * 8)])
    assert split.target().facts.counts == {0: 8, 1: 8, "a": 8} and split.target().facts.types == {"int": 8, "float": 8, "str": 8}
    assert any("targets is int64 in 1" in note for note in split.notes)


def test_labels_of_one_row_each_are_named_by_their_column():
    field = split_of((R.random((90, 3)), numpy.eye(3)[numpy.arange(90) % 3])).target()
    assert field.kind == "classes" and field.facts.coding == "one-hot" and field.facts.counts == {0: 30, 1: 30, 2: 30}


def test_millions_of_different_categories_are_capped(monkeypatch):
    monkeypatch.setattr("nbdebug.data.gathering.classes.MOST_NAMES", 100)
    field = split_of([{"user": [f"u{i}" for i in range(start, start + 500)] * 2, "x": torch.zeros(1000, 2)} for start in range(0, 5000, 500)]).named("user")
    assert field.kind == "category" and len(field.facts.counts) == 101
    assert field.facts.counts["(other values)"] == 10_000 - 200 and field.facts.distinct == pytest.approx(5000, rel=0.05)


def test_every_batch_is_counted_though_they_are_worked_on_together():
    labels = torch.arange(320) // 32 % 3
    facts = split_of([(torch.zeros(32, 2), labels[i : i + 32]) for i in range(0, 320, 32)]).target().facts
    assert facts.batches == tuple({i % 3: 32} for i in range(10))
    assert [facts.names[code] for code in facts.sequence] == labels.tolist()


# -- batches of every structure ---------------------------------------------------------------------------------


Pair = namedtuple("Pair", "x y")


@dataclasses.dataclass
class Sample:
    x: Any
    y: Any


class Encoding(UserDict):
    """As transformers' BatchEncoding: a mapping that is no dict."""


X, Y = torch.arange(24.0).reshape(8, 3), torch.arange(8) % 2
BOXES = [torch.ones(i, 4) for i in range(8)]
STRUCTURES = {
    "tuple": ((X, Y), {"inputs", "targets"}),
    "list": ([X, Y], {"inputs", "targets"}),
    "named tuple": (Pair(X, Y), {"x", "targets"}),
    "dataclass": (Sample(X, Y), {"x", "targets"}),
    "mapping that is no dict": (Encoding({"input_ids": Y[:, None].repeat(1, 4), "labels": Y}), {"input_ids", "targets"}),
    "nested": (({"left": X, "right": X / 2}, 2.0, Y), {"inputs[0]['left']", "inputs[0]['right']", "targets"}),
    "two inputs in a tuple": (((X, X + 1), Y), {"inputs[0]", "inputs[1]", "targets"}),
    "packed": ((pack_sequence([torch.ones(4 - i // 2, 2) for i in range(8)]), Y), {"inputs", "targets"}),
    "nested tensor": ((torch.nested.nested_tensor([torch.ones(i + 1, 2) for i in range(8)]), Y), {"inputs", "targets"}),
    "ragged": (([list(range(i + 1)) for i in range(8)], Y), {"inputs", "targets"}),
    "texts": ((["a sentence"] * 8, Y), {"inputs", "targets"}),
    "detection": ((tuple(torch.zeros(3, 9 + i, 9) for i in range(8)), tuple({"boxes": b, "labels": b[:, 0]} for b in BOXES)), {"inputs", "targets['boxes']", "targets['labels']"}),
    "samples that were not laid together": ([(X[i], int(Y[i])) for i in range(8)], {"inputs", "targets"}),
    "dicts that were not laid together": ([{"x": X[i], "label": int(Y[i])} for i in range(8)], {"x", "targets"}),
    "scalars beside": ({"x": X, "label": Y, "scale": 2.0, "step": torch.tensor(3), "name": "run"}, {"x", "targets"}),
    "some missing": ((X, [0, 1, None, 1, 0, 1, 0, None]), {"inputs", "targets"}),
    "no targets": ((X, None), {"inputs"}),
    "a lone tensor": (X, {"inputs"}),
    "sparse": ((X.to_sparse(), Y), {"inputs", "targets"}),
    "complex": ((torch.complex(X, X), Y), {"inputs", "targets"}),
    "bfloat16": ((X.bfloat16(), Y), {"inputs", "targets"}),
    "NumPy": ((X.numpy(), Y.numpy()), {"inputs", "targets"}),
    "records": (numpy.array([(i / 2, i % 2) for i in range(8)], dtype=[("x", "f4"), ("label", "i8")]), {"inputs['x']", "inputs['label']"}),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_batches_of_every_structure(name):
    batch, names = STRUCTURES[name]
    split = split_of(iter_anew([batch, batch]))
    assert {field.name for field in split.fields} == names
    assert split.samples == 16 and not any("could not" in note for note in split.notes), split.notes
    for field in split.fields:
        assert len(field.sample) == split.samples == len(split.ids)


def test_an_empty_batch_among_others_is_nothing():
    split = split_of(iter_anew([(X, Y), (X[:0], Y[:0]), (X, Y)]))
    assert (split.samples, split.batches) == (16, 3) and split.named("inputs").columns.count[0] == 16


def iter_anew(batches: list[Any]) -> Any:
    """A loader that is no list, whose items are batches beyond doubt."""

    class Loader:
        def __iter__(self):
            return iter(batches)

    return Loader()


def test_pil_images_are_read_as_arrays():
    from PIL import Image

    pictures = [Image.fromarray(R.integers(0, 255, (12, 10 + i, 3)).astype("uint8")) for i in range(6)]
    split = split_of([(picture, i % 2) for i, picture in enumerate(pictures)])
    assert split.named("inputs").kind == "image" and split.named("inputs").facts.channels == {3: 6}


def test_what_has_no_value_a_sample_is_left_out_and_said():
    split = split_of(iter_anew([{"x": X, "label": Y, "scale": 2.0, "bias": torch.ones(3)}]))
    assert any("scale has one float" in note for note in split.notes) and any("bias has the shape (3,)" in note for note in split.notes)


def test_batches_of_changing_structure_are_counted_and_the_rest_is_aligned():
    odd = [{"x": X, "label": Y}, {"x": X + 100, "label": Y, "extra": X[:, 0]}, {"x": X.double(), "label": Y}, {"label": Y}]
    split = split_of(iter_anew(odd))
    assert split.samples == 32 and any("x is in 3 of 4 batches" in note for note in split.notes)
    assert any("extra is in 1 of 4 batches" in note for note in split.notes) and any("float32 in 2 and float64 in 1" in note for note in split.notes)
    extra = split.named("extra").sample
    assert numpy.isnan(extra[:8]).all() and (extra[8:16] == X[:, 0].numpy()).all() and numpy.isnan(extra[16:]).all()
    assert numpy.isnan(split.named("x").sample[24:]).all() and split.named("targets").facts.counts == {0: 16, 1: 16}


def test_a_batch_that_cannot_be_taken_apart_takes_no_other_with_it():
    class Odd:
        shape = property(lambda self: 1 / 0)

        def __len__(self):
            raise RuntimeError("no length")

    split = split_of(iter_anew([(X, Y), (numpy.array([Odd()] * 8), Y), Odd(), (X, Y)]))
    assert split.named("targets").facts.counts == {0: 12, 1: 12} or split.samples >= 16
    assert split.named("inputs").columns.count[0] == 16


def test_rows_of_another_width_leave_the_others_alone():
    split = split_of(iter_anew([(X, Y), (torch.ones(8, 5), Y), (X, Y)]))
    field = split.named("inputs")
    assert field.shapes == {(3,): 16, (5,): 8} and field.columns.count.tolist() == [16] * 3
    assert numpy.isnan(field.sample[8:16]).all() and (field.sample[16:] == X.numpy()).all()


# -- what is kept -----------------------------------------------------------------------------------------------


def test_sampled_rows_are_aligned_with_their_ids():
    table = numpy.stack([numpy.arange(100_000.0), -numpy.arange(100_000.0)], 1)
    split = split_of((table, numpy.arange(100_000) % 5))
    assert len(split.ids) == 20_000 and (numpy.diff(split.ids) > 0).all()
    assert (split.named("inputs").sample[:, 0] == split.ids).all()
    names = split.target().facts.names
    assert [names[code] for code in split.target().sample[:50]] == (split.ids[:50] % 5).tolist()
    assert abs(split.ids.mean() - 50_000) < 1000  # evenly drawn


def test_ids_are_dataset_indices_where_the_loader_shows_them():
    data = torch.utils.data.TensorDataset(torch.arange(300.0)[:, None])
    split = split_of(DataLoader(data, batch_size=32, shuffle=True))
    assert split.by_index and (split.named("inputs").sample[:, 0] == split.ids).all()
    assert split.fetch(17)[0] == 17.0 and split.name_of(17) == "dataset index 17"


# -- what raises ------------------------------------------------------------------------------------------------


class Breaks(Dataset):
    def __init__(self, *broken: int, size: int = 64) -> None:
        self.broken, self.size = broken, size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int):
        if index in self.broken:
            raise OSError("truncated file")
        return torch.full((3,), float(index)), index % 2


def test_a_sample_that_raises_takes_no_other_with_it():
    split = split_of(DataLoader(Breaks(5, 41), batch_size=8))
    assert split.samples == 62 and split.by_index and not {5, 41} & set(split.ids.tolist())
    assert [(lost.batch, lost.index) for lost in split.lost] == [(0, 5), (5, 41)]
    assert split.lost[1].error == "data, at dataset index 41, raised OSError: truncated file"


def test_a_first_batch_of_which_nothing_can_be_read_is_an_error():
    with pytest.raises(StepError, match="at dataset index 0, raised OSError") as raised:
        split_of(DataLoader(Breaks(*range(8)), batch_size=8))
    assert isinstance(raised.value.__cause__, OSError)


def test_reading_ends_where_too_much_raises():
    source = as_source(DataLoader(Breaks(*range(8, 64)), batch_size=8))
    gather = Gather(source)
    with pytest.raises(StepError, match="15 more samples or batches raised"):
        for one in read(source.loader, lost=gather.lost):
            gather.take(one)
    assert gather.split().samples == 8 and len(gather.lost) == 16


def test_samples_that_do_not_stack_cost_their_batch_only():
    class Widths(Breaks):
        def __getitem__(self, index):
            return torch.zeros(4 if index == 20 else 3), 0

    split = split_of(DataLoader(Widths(), batch_size=8))
    assert split.samples == 56 and [(lost.batch, lost.index) for lost in split.lost] == [(2, None)]


def test_a_target_that_does_not_exist_is_an_error_that_says_which_was_meant():
    with pytest.raises(SetupError, match="called 'lable'.*did you mean 'label'"):
        split_of([{"x": X, "label": Y}], target="lable")


def test_reading_leaves_the_random_state_and_the_sampler_where_they_were():
    import nbdebug

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    report = nbdebug.data_audit(DataLoader(Breaks(7), batch_size=8, shuffle=True, num_workers=2))
    assert report.proof.changes == () and torch.rand(1) == expected
