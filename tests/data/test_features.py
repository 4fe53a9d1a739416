"""How the features lie: numbers that can be derived on paper, and odd input."""

from __future__ import annotations

import re

import numpy
import pandas
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.data.context import Context
from nbdebug.data.features import FeatureLook, features
from nbdebug.data.features.alike import pairs
from nbdebug.data.features.entries import _number
from nbdebug.data.features.leaks import class_missing, relation_to_classes, relation_to_quantity
from nbdebug.data.features.markers import _region, marked_pixels
from nbdebug.data.features.matrix import CATEGORY, NUMBER, Goal, Matrix
from nbdebug.data.features.outliers import outliers, sentinel
from nbdebug.data.features.power import BINS, binned, power_of_bins, powers, rows_with_target
from nbdebug.data.features.target_scale import TargetScale, target_scale
from nbdebug.data.features.together import together
from nbdebug.data.features.transforms import skewness, transforms
from nbdebug.data.gathering import Gather
from nbdebug.data.sources import as_source
from nbdebug.data.split import FieldData, Split
from nbdebug.findings import INFO
from nbdebug.loading import read
from nbdebug.page import Histogram, Table
from nbdebug.plain import to_plain
from tests.patients.parts import mlp, quantities, training


def split_of(data, **told) -> Split:
    source = as_source(data, "data", **told)
    gather = Gather(source)
    for one in read(source.loader, "data"):
        gather.take(one)
    return gather.split()


def asked(data, *, whole: bool = True, **told) -> FeatureLook:
    return features(split_of(data, **told), None, Context(None, None, whole))


def column_of(values, kind: str = NUMBER) -> Matrix:
    table = numpy.asarray(values, dtype=float).reshape(len(values), -1)
    width = table.shape[1]
    return Matrix(("table",) * width, tuple(f"c{i}" for i in range(width)), (kind,) * width, table)


IDS = numpy.arange(100, 300)


# -- one column -----------------------------------------------------------------------------------------------


def test_outliers_lie_beyond_the_fences():
    values = numpy.append(numpy.arange(101.0), [200.0, 290.0])  # quartiles 25.5 and 76.5, so fences at -51 and 153, far ones from 229.5
    found = outliers(values, numpy.arange(500, 603))
    assert (found.near, found.far) == (2, 1)
    assert (found.lower, found.upper) == (-51.0, 153.0)
    assert found.extremes == ((602, 290.0),)


def test_half_of_one_value_has_no_fences():
    assert outliers(numpy.repeat([0.0, 5.0], [80, 20]), IDS[:100]) is None


@pytest.mark.parametrize(
    "stand_in, others, told",
    [
        (-999.0, numpy.linspace(0, 90, 90), True),
        (1e20, numpy.linspace(-1e6, 1e6, 90), True),
        (999.0, numpy.linspace(0, 900, 90), False),  # at the end of its range
        (99.0, numpy.linspace(0, 40, 90), False),  # not far enough
        (-123.0, numpy.linspace(0, 1, 90), False),  # no usual one
        (999.0, numpy.tile([0.0, 1.0], 45), False),  # a code among codes
    ],
)
def test_a_stand_in_is_usual_repeated_and_far_away(stand_in, others, told):
    values = numpy.append(others, [stand_in] * 10)
    found = sentinel(values, values, IDS[:100])
    assert (found is not None) == told
    if told:
        assert (found.value, found.count, found.ids) == (stand_in, 10, tuple(range(190, 200)))


def test_one_stray_value_is_no_stand_in():
    values = numpy.append(numpy.linspace(0, 1, 99), -999.0)
    assert sentinel(values, values, IDS[:100]) is None


@pytest.mark.parametrize("text, number", [("1,234", 1234.0), ("-1,234.5e2", -123450.0), ("12,34", None), ("?", None), ("", None), (".5", 0.5), ("e5", None)])
def test_numbers_as_they_are_written(text, number):
    assert _number(text) == number


def test_skewness_of_two_values():
    assert skewness(numpy.array([0.0, 0.0, 0.0, 1.0])) == pytest.approx(2 / 3**0.5)  # (1 - 2p) / sqrt(p (1 - p)) at p = 1/4
    assert skewness(numpy.ones(5)) == 0.0


def test_a_lognormal_column_asks_for_its_logarithm():
    normal = numpy.random.default_rng(0).normal(size=2000)
    frame = pandas.DataFrame({"income": numpy.exp(normal), "age": normal})
    look = asked(frame)
    (transform,) = look.transforms
    assert (transform.place, transform.name, transform.code) == ("income", "log", "numpy.log(x)")
    assert transform.before > 2 and abs(transform.after) < 0.2
    assert sum(transform.counts) == sum(transform.new_counts) == 1980  # without half a percent on each side
    titles = [panel.title for panel in look.panels() if isinstance(panel, Histogram)]
    assert titles.index("income after log") == titles.index("income as it is") + 1  # side by side
    assert transforms(column_of(frame["income"]), ()) == ()


# -- copies ---------------------------------------------------------------------------------------------------


def test_copies_are_told_once_and_by_kind():
    x = numpy.random.default_rng(0).normal(size=100)
    table = column_of(numpy.stack([x, x, 3 - 2 * x, x + numpy.random.default_rng(1).normal(size=100)], 1))
    assert [(pair.one, pair.other, pair.how) for pair in pairs(table)] == [("c0", "c1", "equal"), ("c0", "c2", "a linear map of it")]


def test_categories_that_only_changed_their_names():
    levels = numpy.random.default_rng(0).integers(0, 3, 100)
    table = column_of(numpy.stack([levels, (levels + 1) % 3, levels // 2], 1), CATEGORY)
    assert [(pair.other, pair.how) for pair in pairs(table)] == [("c1", "the same categories")]


# -- what a column knows --------------------------------------------------------------------------------------


def test_power_of_a_column_that_is_the_class_is_one():
    classes = numpy.repeat([0, 1, 2], 20)
    bins = binned(numpy.stack([classes, numpy.zeros(60)], 1).astype(float), [False, False])
    assert power_of_bins(bins, classes, True).tolist() == [1.0, 0.0]


def test_power_of_a_bin_is_counted_without_the_row_itself():
    classes = numpy.array([0, 1] * 20)
    alone = numpy.arange(40)[:, None] % (BINS + 1)  # one or two rows in a bin, that say nothing
    assert power_of_bins(alone, numpy.random.default_rng(0).permutation(classes), True)[0] < 0.5
    assert power_of_bins(alone, numpy.random.default_rng(0).normal(size=40), False)[0] == 0.0


def test_share_of_the_variance_that_a_column_explains():
    half = numpy.repeat([0, 1], 100)
    quantity = half + numpy.tile([-1.0, 1.0], 100)  # variance 1/4 between, 1 within
    left_out = (100 / 99) ** 2
    assert power_of_bins(half[:, None], quantity, False)[0] == pytest.approx(1 - left_out / 1.25, abs=1e-9)


def test_noise_stays_below_what_permuted_targets_give():
    random = numpy.random.default_rng(1)
    table, above = column_of(random.normal(size=(300, 20))), 0
    for _ in range(20):
        goal = Goal("y", ("a", "b"), random.integers(0, 2, 300))
        look, *_ = powers(table, goal, rows_with_target(goal), permutations=40)
        above += look.best[0].power > look.chance
    assert above <= 4  # one in twenty is expected


def test_together_columns_know_what_each_of_them_does_not():
    random = numpy.random.default_rng(0)
    values = random.normal(size=(200, 8))
    known = together(values, (values.sum(1) > 0).astype(int), True)
    assert known.power > 0.8 and known.says_something
    unknown = together(values, random.integers(0, 2, 200), True)
    assert not unknown.says_something
    assert together(values, values @ numpy.arange(8.0), False).power == pytest.approx(1.0, abs=0.01)
    assert together(numpy.ones((50, 2)), numpy.arange(50) % 2, True).power == 0.0


# -- leaks ----------------------------------------------------------------------------------------------------


def test_relations_to_classes():
    classes = numpy.repeat([0, 1, 2], 20)
    even = numpy.tile(numpy.linspace(0, 1, 20), 3)
    assert relation_to_classes(numpy.array([7.0, -1.0, 3.5])[classes], classes) == "relabelled"
    assert relation_to_classes(classes * 4 + even, classes) == "separated"
    assert relation_to_classes(classes + even, classes) == "strong"  # without a gap: a rule
    assert relation_to_classes((classes > 0).astype(float), classes) == "strong"
    counts = numpy.array([0, 1, 2, 3, 4, 5] * 10, dtype=float)
    assert relation_to_classes(counts, (counts > 2).astype(int)) == "strong"  # the steps of a count are no gap


def test_relations_to_a_quantity():
    y = numpy.random.default_rng(0).gamma(3, 1, 300) + 0.1
    assert relation_to_quantity(5 - 3 * y, y) == "linear"
    assert relation_to_quantity(y.round(1), y) == "rounded"
    assert relation_to_quantity(2 * numpy.log(y) + 1, y) == "exponential" or relation_to_quantity(numpy.log(y), y) == "logarithm"
    assert relation_to_quantity(y + numpy.random.default_rng(1).normal(0, 0.05, 300), y) == ""
    assert relation_to_quantity(numpy.ones(300), y) == ""
    assert relation_to_quantity(numpy.append(numpy.nan, y[1:]), y) == "linear"


def test_missing_in_one_class_only():
    classes = numpy.repeat([0, 1, 2], 20)
    assert class_missing(classes == 1, classes) == 1
    assert class_missing((classes == 1) & (numpy.arange(60) != 30), classes) is None
    assert class_missing(numpy.zeros(60, bool), classes) is None


def test_the_place_of_a_mark():
    places = numpy.zeros((32, 32), bool)
    places[:3, 29:] = True
    assert _region(places) == "top right"
    images = numpy.random.default_rng(0).random((100, 32, 32, 1))
    classes = numpy.arange(100) % 2
    images[:, 16:18, 16:18] = classes[:, None, None, None]
    field = FieldData("inputs", "input", "image", "float32", {}, None, images)
    leak = marked_pixels(field, images, classes)
    assert leak.column == "middle, 4 of 1024 pixels of the thumbnail"
    assert not leak.certain  # the rest is noise: this may be the task


# -- the scale of targets -------------------------------------------------------------------------------------


def scale_of(setup) -> TargetScale | None:
    return target_scale(setup, split_of(setup.train_loader))


def test_how_far_two_hundred_steps_go():
    """One bias, moved by 0.01 a step: 2 of 1000."""

    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return self.bias.expand(len(x))

    model = Constant()
    inputs = torch.randn(64, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    found = scale_of(training(model, nn.MSELoss(), (inputs, torch.full((64,), 1000.0)), optimizer=optimizer))
    assert found.way == pytest.approx(200 * 0.01 / 1000)
    assert found.out_of_reach and (found.target_mean, found.output_mean) == (1000.0, 0.0)
    near = scale_of(training(model, nn.MSELoss(), (inputs, torch.full((64,), 20.0)), optimizer=optimizer))
    assert near is None


def test_sgd_is_thrown_off_and_standardised_targets_are_not():
    inputs, quantity = quantities()
    model = mlp(16, 1, nn.Flatten(0))
    setup = training(model, nn.MSELoss(), (inputs, 200_000 + 80_000 * quantity), optimizer=torch.optim.SGD(model.parameters(), lr=1e-2))
    before = [parameter.clone() for parameter in model.parameters()]
    found = scale_of(setup)
    assert found.way is None and found.after > 10 * found.start and found.standardised[1] < found.standardised[0]
    assert found.out_of_reach
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_step_that_raises_leaves_the_rest_of_the_look():
    def raises(predicted, target):
        raise ValueError("no")

    inputs, quantity = quantities()
    setup = training(mlp(16, 1, nn.Flatten(0)), raises, (inputs, quantity * 1e5))
    look = features(split_of(setup.train_loader), None, Context(setup, None, False))
    assert look.scale is None and look.columns == 17 and look.untried.endswith("ValueError: no")
    verdict = next(v for v in nbdebug.data_audit(setup).verdicts if v.code == "ND112")
    assert verdict.state == "not checked" and "ValueError: no" in verdict.reason


# -- why nothing can be said of a leak ------------------------------------------------------------------------


def verdict_on_leaks(inputs, *targets):
    report = nbdebug.data_audit(DataLoader(TensorDataset(inputs, *targets), batch_size=32))
    return next(v for v in report.verdicts if v.code == "ND116")


def test_images_were_looked_through_for_marks():
    assert verdict_on_leaks(torch.rand(400, 3, 16, 16), torch.arange(400) % 10).state == "sound"


@pytest.mark.parametrize(
    ("inputs", "targets", "words"),
    [
        (torch.rand(400, 3, 16, 16), torch.randn(400), r"image\) have no columns"),
        (torch.rand(72, 3, 16, 16), torch.arange(72) % 12, "class 0 has 6 of the 72 samples"),
        (torch.rand(30, 3, 16, 16), torch.arange(30) % 2, "30 samples of a class .* 40 are needed"),
        (torch.rand(400, 5), torch.zeros(400, dtype=torch.long), "all targets are the same"),
        (torch.rand(400, 5), torch.rand(400, 5), "not one class or quantity a sample"),
        (torch.rand(400, 5), None, "no target"),
    ],
    ids=["images of a quantity", "too few of a class", "too few", "one class", "five targets", "none"],
)
def test_the_reason_is_the_true_one(inputs, targets, words):
    verdict = verdict_on_leaks(inputs, *(() if targets is None else (targets,)))
    assert verdict.state == "not checked" and re.search(words, verdict.reason), verdict.reason


# -- odd input ------------------------------------------------------------------------------------------------

ODD = {
    "one sample": lambda: TensorDataset(torch.randn(1, 3), torch.tensor([0])),
    "one class": lambda: TensorDataset(torch.randn(100, 3), torch.zeros(100, dtype=torch.long)),
    "ten thousand classes": lambda: TensorDataset(torch.randn(20_000, 3), torch.arange(20_000) % 10_000),
    "constant columns": lambda: TensorDataset(torch.ones(100, 3), torch.arange(100) % 2),
    "only NaN": lambda: TensorDataset(torch.full((100, 3), float("nan")), torch.arange(100) % 2),
    "only Inf": lambda: TensorDataset(torch.full((100, 3), float("inf")), torch.arange(100) % 2),
    "huge numbers": lambda: TensorDataset(torch.randn(100, 3, dtype=torch.float64) * 1e300, torch.randn(100, dtype=torch.float64) * 1e300),
    "a column of NaN targets": lambda: TensorDataset(torch.randn(100, 3), torch.full((100,), float("nan"))),
    "no columns": lambda: TensorDataset(torch.zeros(100, 0), torch.arange(100) % 2),
    "a frame of nothing but text": lambda: pandas.DataFrame({"a": ["x y z " * 9] * 30 + ["w"] * 30, "target": [0, 1] * 30}),
    "labels with HTML": lambda: pandas.DataFrame({"a": range(100), "<b>": ["<i>", "&"] * 50, "target": ["<script>", "</b>"] * 50}),
    "mixed entries": lambda: pandas.DataFrame({"a": [1, "x", None, 2.5, True, (1, 2)] * 10, "target": [0, 1] * 30}),
    "images": lambda: TensorDataset(torch.rand(60, 3, 40, 40), torch.arange(60) % 3),
    "series": lambda: TensorDataset(torch.randn(60, 30, 2), torch.arange(60) % 3),
    "masks": lambda: TensorDataset(torch.rand(20, 1, 16, 16), torch.randint(0, 3, (20, 16, 16))),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
@pytest.mark.parametrize("whole", [True, False])
def test_odd_data_is_looked_at(make, whole):
    data = make()
    told = {"target": "target"} if isinstance(data, pandas.DataFrame) else {}
    with numpy.errstate(all="ignore"):
        look = asked(data, whole=whole, **told)
    assert look.leaks == ()
    assert len(look.panels()) <= 12
    to_plain(look)


def test_the_look_moves_no_random_state():
    split = split_of(pandas.DataFrame({"a": numpy.arange(100) % 7, "b": numpy.exp(numpy.linspace(0, 5, 100)), "y": numpy.arange(100) % 2}), target="y")
    before, torch_before = numpy.random.get_state()[1].copy(), torch.get_rng_state()
    features(split, None, Context(None, None, True))
    assert (numpy.random.get_state()[1] == before).all() and torch.equal(torch.get_rng_state(), torch_before)


def test_the_worst_columns_come_first():
    frame = pandas.DataFrame({f"c{i}": numpy.random.default_rng(i).normal(size=60) for i in range(40)})
    frame.loc[::2, "c39"] = numpy.nan
    table = next(panel for panel in asked(frame).panels() if isinstance(panel, Table))
    assert len(table.rows) == 30 and table.rows[0][0] == "c39" and "10 more" in table.caption


def test_a_broken_sample_that_was_not_sampled_is_searched_for():
    inputs = torch.randn(30_000, 2)
    inputs[29_000, 1] = float("nan")
    (found,) = asked(DataLoader(TensorDataset(inputs, inputs[:, 0] + torch.randn(30_000)), batch_size=1000)).broken
    assert (found.missing, found.columns) == (1, ("column 1",))
    assert found.ids in ((29_000,), ())  # () where the search ran out of time


def test_several_of_these_in_one_frame_are_told_apart():
    random = numpy.random.default_rng(0)
    rows = 200
    frame = pandas.DataFrame({"age": random.integers(18, 90, rows).astype(float), "height": random.normal(170, 10, rows), "same": 1.0})
    frame.loc[::10, "age"] = -999.0
    frame.loc[::7, "height"] = numpy.nan
    frame["inches"] = frame["height"] / 2.54
    report = nbdebug.data_audit(frame)
    told = [(finding.severity, str(finding.message)) for finding in report.findings if finding.code == "ND114"]
    assert [message.split(" ")[0] for severity, message in told if severity is not INFO] == ["age"]
    shown = " ".join(message for _, message in told)
    assert "2 columns have missing values" in shown and "a single value: same" in shown and "inches is height times a number plus another" in shown


def test_categories_that_name_the_samples_and_rare_ones():
    frame = pandas.DataFrame({"who": [f"u{i}" for i in range(300)], "town": ["A"] * 298 + ["B"] + [None]})
    who, town = asked(frame).categories
    assert (who.levels, who.names_samples, who.remarks) == (300, True, ("names the samples",))
    assert (town.levels, town.top, town.rare, town.missing) == (2, (("A", 298), ("B", 1)), 1, 1)


# -- what a fresh table holds ---------------------------------------------------------------------------------


def people(rows: int = 2000) -> pandas.DataFrame:
    """Age in years, income, height."""
    random = numpy.random.default_rng(0)
    return pandas.DataFrame({"age": random.integers(18, 80, rows).astype(float), "income": random.lognormal(10, 0.4, rows), "height": random.normal(170, 9, rows)})


def nd114(frame: pandas.DataFrame, **told) -> list[tuple[bool, str]]:
    """(is a warning, message) of each."""
    return [(f.severity is not INFO, str(f.message)) for f in nbdebug.data_audit(frame, **told).findings if f.code == "ND114"]


@pytest.mark.parametrize(
    "column, value, warned",
    [
        ("income", -999.0, True),
        ("income", -1.0, True),
        ("income", 99999.0, True),
        ("age", -1.0, True),
        ("income", 0.0, False),
        ("income", 99.0, False),
        ("age", 99.0, False),
    ],
)
def test_one_value_again_and_again(column, value, warned):
    frame = people()
    frame.loc[::7, column] = value
    (found,) = [look.sentinel for look in asked(frame, whole=False).looks if look.sentinel is not None]
    assert (found.value, found.count, found.certain) == (value, 286, warned)


@pytest.mark.parametrize(
    "values",
    [
        lambda random: numpy.where(random.random(2000) < 0.6, 0.0, random.exponential(3.0, 2000)),  # rain
        lambda random: numpy.where(random.random(2000) < 0.6, 0.0, random.lognormal(7, 1, 2000) + 5),  # amounts of claims
        lambda random: numpy.minimum(random.exponential(60.0, 2000), 99.0),  # cut at 99
        lambda random: numpy.clip(random.normal(0, 1, 2000), -1.0, 1.0),  # saturated
        lambda random: random.integers(-1, 12, 2000).astype(float),  # counts from -1 on
        lambda random: numpy.maximum(random.normal(0.5, 1, 2000), 0.0),  # of a rectifier
        lambda random: random.choice([9.0, 19.0, 49.0, 99.0, 99.0, 99.0, 99.0, *range(20)], 2000).astype(float),  # prices
    ],
)
def test_values_that_are_meant_to_repeat(values):
    look = asked(people().assign(x=values(numpy.random.default_rng(1))), whole=False)
    assert [column.sentinel for column in look.looks] == [None] * 4


def test_a_few_mistakes_ask_for_no_transform():
    frame = people()
    frame.loc[0, "age"], frame.loc[1, "age"], frame.loc[5, "income"] = 400.0, -5.0, 1e9
    assert asked(frame).transforms == ()
    frame = people()
    frame.loc[::13, "income"] = -999.0
    assert asked(frame).transforms == ()


def test_a_mild_skew_is_no_news_and_a_heavy_one_comes_last():
    frame = people()
    assert nd114(frame) == []
    frame["wealth"], frame["same"] = numpy.exp(2 * (numpy.log(frame["income"]) - 10) / 0.4), 3.0
    told = [message for _, message in nd114(frame)]
    assert told[-1].startswith("1 skewed column asks for a transform; the most skewed, wealth") and len(told) >= 2


def test_relatives_of_a_leak_are_named_and_not_counted_as_nothing():
    frame = people()
    frame["price"] = frame["income"] * 3 + numpy.random.default_rng(1).normal(0, 2000, 2000)
    frame["price_eur"] = frame["price"] * 0.92
    (told,) = [str(f.message) for f in nbdebug.data_audit(frame, target="price").findings if f.code == "ND116"]
    assert "without income, which goes with it, all others together reach 0.0" in told and "next best" not in told


@pytest.mark.parametrize(
    "texts, measured",
    [
        (lambda random: [f"{v:.2f}" for v in random.lognormal(10, 0.4, 500)], True),
        (lambda random: [str(v) for v in random.integers(0, 3000, 500)], False),
        (lambda random: [f"{v:05d}" for v in random.integers(0, 99999, 500)], None),  # postal codes
        (lambda random: [str(v) for v in random.integers(10000, 99999, 500)], None),
        (lambda random: [str(v) for v in range(500)], None),  # of rows
        (lambda random: list(random.choice(["3.9", "3.10", "3.11"], 500)), None),  # versions
        (lambda random: list(random.choice(["a", "1", "2.5"], 500)), None),
    ],
)
def test_numbers_that_are_text_throughout(texts, measured):
    look = asked(people(500).assign(x=texts(numpy.random.default_rng(0))))
    assert [column.measured for column in look.written] == ([] if measured is None else [measured])


def test_a_header_amid_the_data_a_row_number_and_a_name_twice():
    frame = people(300)
    twice = pandas.concat([frame.astype(str), pandas.DataFrame([dict.fromkeys(frame) | {name: name for name in frame}]), frame.astype(str)], ignore_index=True)
    assert asked(twice).headers == (300,)
    assert asked(frame.assign(city=["city", "land", "sea"] * 100)).headers == ()
    assert any("Unnamed: 0 only counts the rows, from 0 to 299" in message for _, message in nd114(frame.assign(**{"Unnamed: 0": range(300)})))
    assert not any(column.is_row_number for column in asked(frame.assign(year=range(300))).looks)
    frame.columns = ["age", "age", "height"]
    assert asked(frame).renamed == ("age (2)",)
    assert any("1 column has the name of another: age (2)" in message for _, message in nd114(frame))


def test_a_single_row_is_not_told_that_its_columns_are_constant():
    assert nd114(people(1)) == []


def test_what_is_the_same_of_every_image_is_no_column_to_drop():
    images = [{"size": torch.tensor([480, 640]), "image": torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(i))} for i in range(60)]
    assert [m for _, m in nd114([(sample, i % 3) for i, sample in enumerate(images)]) if "single value" in m] == []
