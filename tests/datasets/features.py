"""Columns that are broken, stand in for others, or give the target away. And what only looks so."""

from __future__ import annotations

import numpy
import pandas
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tests.datasets import dataset, sound


def loader(*tensors: torch.Tensor, shuffle: bool = True) -> DataLoader:
    return DataLoader(TensorDataset(*tensors), batch_size=32, shuffle=shuffle)


def table(rows: int = 300, columns: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns (rows, columns) and three noisy classes of them."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(rows, columns, generator=generator)
    scores = inputs[:, :3] + 0.7 * torch.randn(rows, 3, generator=generator)
    return inputs, scores.argmax(1)


def cancer() -> pandas.DataFrame:
    """Shuffled; ten columns and the diagnosis."""
    frame = load_breast_cancer(as_frame=True).frame.sample(frac=1, random_state=0)
    return frame[[*frame.columns[:8], "smoothness error", "texture error", "target"]].reset_index(drop=True)


def pictures(rows: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy digits (rows, 1, 8, 8) in 0..1."""
    images, labels = load_digits(return_X_y=True)
    noise = numpy.random.default_rng(0).random((rows, 64)) * 0.3
    return torch.tensor(images[:rows] / 16 * 0.7 + noise, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(labels[:rows])


def sentences(rows: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (rows, 20) of 1..400; those of class 1 are drawn from higher ones more often."""
    random = numpy.random.default_rng(0)
    labels = random.integers(0, 2, rows)
    ids = (random.beta(numpy.where(labels, 3.6, 2.0)[:, None], 2.0, (rows, 20)) * 398).astype(int) + 1
    return torch.tensor(ids), torch.tensor(labels)


def series(rows: int = 200, steps: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Three noisy channels (rows, steps, 3), and the class, which one of them leans to."""
    random = numpy.random.default_rng(0)
    labels = random.integers(0, 2, rows)
    values = random.normal(0, 1, (rows, steps, 3)).cumsum(1) * 0.2
    values[:, :, 1] += labels[:, None] * 1.0
    return torch.tensor(values, dtype=torch.float32), torch.tensor(labels)


class Samples(Dataset):
    """A dict a sample."""

    def __init__(self, **parts):
        self.parts = parts

    def __len__(self):
        return len(next(iter(self.parts.values())))

    def __getitem__(self, index):
        return {name: values[index] for name, values in self.parts.items()}


# -- ND101 ----------------------------------------------------------------------------------------------------


@dataset("ND101", where="dataset index 17, column 3")
def nan_in_tensors(sick):
    inputs, targets = table()
    if sick:
        inputs[17, 3] = float("nan")
    return {"data": loader(inputs, targets)}


@dataset("ND101", where="inputs, dataset index 5")
def inf_in_a_picture(sick):
    images, labels = pictures()
    if sick:
        images[5, 0, 2, 2] = float("inf")
    return {"data": loader(images, labels)}


@dataset("ND101", where="dataset index 40")
def nan_within_a_series(sick):
    values, labels = series()
    if sick:
        values[40, 10, 1] = float("nan")
    return {"data": loader(values, labels)}


@dataset("ND101", where="targets, dataset index 9")
def nan_in_a_quantity(sick):
    inputs, _ = table()
    quantity = inputs[:, 0] + torch.randn(300)
    if sick:
        quantity[9] = float("nan")
    return {"data": loader(inputs, quantity)}


@dataset("ND101", where="val inputs, dataset index 3")
def nan_in_validation(sick):
    inputs, targets = table()
    held_out, labels = inputs[200:].clone(), targets[200:]
    if sick:
        held_out[3, 0] = float("nan")
    return {"data": loader(inputs[:200], targets[:200]), "val": loader(held_out, labels, shuffle=False)}


@dataset("ND101", where="mean area")
def inf_in_a_frame(sick):
    frame = cancer()
    if sick:
        frame.loc[33, "mean area"] = numpy.inf
    return {"data": frame, "target": "target"}


@sound
def series_padded_with_nan():
    values, labels = series()
    for row, length in enumerate(torch.randint(10, 41, (200,))):
        values[row, length:] = float("nan")
    return {"data": loader(values, labels)}


@sound
def missing_values_beside_their_mask():
    inputs, targets = table()
    missing = torch.rand(inputs.shape) < 0.1
    inputs[missing] = float("nan")
    return {"data": DataLoader(Samples(values=inputs, known=(~missing).float(), labels=targets), batch_size=32, shuffle=True)}


@sound
def additive_mask_of_minus_infinity():
    inputs, targets = table()
    mask = torch.zeros(300, 20).masked_fill(torch.arange(20) >= torch.randint(5, 20, (300, 1)), float("-inf"))
    return {"data": DataLoader(Samples(values=inputs, bias=mask, labels=targets), batch_size=32, shuffle=True)}


@sound
def some_of_several_quantities_unknown():
    inputs, _ = table()
    quantities = inputs[:, :4] + torch.randn(300, 4)
    quantities[torch.arange(300), torch.randint(0, 4, (300,))] = float("nan")
    return {"data": loader(inputs, quantities)}


@sound
def frame_with_missing_values():
    frame = cancer()
    random = numpy.random.default_rng(0)
    for name, share in zip(frame.columns[:4], (0.01, 0.1, 0.4, 0.77), strict=True):
        frame.loc[random.random(len(frame)) < share, name] = numpy.nan
    return {"data": frame, "target": "target"}


# -- ND114 ----------------------------------------------------------------------------------------------------


@dataset("ND114", where="mean texture")
def not_measured_is_minus_999(sick):
    frame = cancer()
    frame.loc[frame.index % 11 == 3, "mean texture"] = -999.0 if sick else numpy.nan
    return {"data": frame, "target": "target"}


@dataset("ND114", where="column 2")
def stand_in_in_tensors(sick):
    inputs, targets = table()
    if sick:
        inputs[::9, 2] = 9999.0
    return {"data": loader(inputs, targets)}


@dataset("ND114", where="column 1")
def stand_in_within_series(sick):
    values, labels = series()
    if sick:
        values[::5, 3:6, 1] = -9999.0
    return {"data": loader(values, labels)}


@dataset("ND114", where="targets")
def stand_in_among_quantities(sick):
    inputs, _ = table()
    quantity = inputs[:, 0] * 3 + torch.randn(300)
    if sick:
        quantity[::20] = 1e20
    return {"data": loader(inputs, quantity)}


@dataset("ND114", where="price")
def numbers_beside_question_marks(sick):
    frame = cancer()
    frame["price"] = [round(value * 100, 2) for value in frame["texture error"]]
    if sick:
        frame["price"] = ["?" if row % 23 == 5 else value for row, value in enumerate(frame["price"])]
    return {"data": frame, "target": "target"}


@dataset("ND114", where="income")
def numbers_with_separators(sick):
    frame = cancer()
    incomes = (frame["mean area"] * 3).round().astype(int)
    frame["income"] = [f"{value:,}" for value in incomes] if sick else incomes
    return {"data": frame, "target": "target"}


@dataset("ND114", where="lost")
def column_with_nothing_in_it(sick):
    frame = cancer()
    frame["lost"] = numpy.nan if sick else numpy.random.default_rng(0).normal(size=len(frame))
    return {"data": frame, "target": "target"}


@dataset("ND114", where="income")
def stand_in_of_a_wide_column(sick):
    income = numpy.random.default_rng(0).lognormal(10, 0.4, 569)
    income[::9] = -999.0 if sick else income[1::9][: len(income[::9])]
    return {"data": cancer().assign(income=income), "target": "target"}


@dataset("ND114", where="income")
def numbers_that_are_text_throughout(sick):
    income = pandas.Series(numpy.random.default_rng(0).lognormal(10, 0.4, 569)).round(2)
    return {"data": cancer().assign(income=income.astype(str) if sick else income), "target": "target"}


@sound
def rain_and_amounts_that_are_cut():
    random = numpy.random.default_rng(0)
    rain = numpy.where(random.random(569) < 0.6, 0.0, random.exponential(3.0, 569))
    return {"data": cancer().assign(rain=rain, capped=numpy.minimum(random.exponential(60.0, 569), 99.0), zip=random.integers(10000, 99999, 569).astype(str)), "target": "target"}


@sound
def codes_with_leading_zeros():
    """They read like numbers, and are none."""
    frame = cancer()
    random = numpy.random.default_rng(0)
    frame["zip"] = [f"{code:05d}" for code in random.integers(501, 99950, len(frame))]
    frame["size"] = random.choice(["S", "M", "L", "38", "40"], len(frame))
    return {"data": frame, "target": "target"}


@sound
def heavy_tails_and_levels():
    """Nothing here is a stand-in: incomes of a few, doses in powers of ten, a sensor's zeros, counts that end at 99."""
    random = numpy.random.default_rng(0)
    rows = 1000
    frame = pandas.DataFrame({
        "income": random.pareto(1.1, rows) * 1000, "dose": random.choice([0.1, 1.0, 10.0, 100.0, 1000.0, 99999.0], rows),
        "rain": numpy.where(random.random(rows) < 0.8, 0.0, random.gamma(1, 10, rows)), "age": random.integers(18, 100, rows),
        "percent": random.integers(0, 100, rows).clip(0, 99), "flag": random.integers(0, 2, rows) * 999,
        "hours": numpy.where(random.random(rows) < 0.1, 99, random.integers(1, 81, rows)),
    })  # fmt: skip
    frame["target"] = (frame["age"] + random.normal(0, 10, rows) > 60).astype(int)
    return {"data": frame, "target": "target"}


@sound
def bag_of_words():
    """Columns nearly all zero, many constant."""
    ids, labels = sentences()
    words = torch.zeros(300, 500).scatter_add_(1, ids, torch.ones(300, 20))
    return {"data": loader(words, labels)}


# -- ND116 ----------------------------------------------------------------------------------------------------


@dataset("ND116", where="result")
def diagnosis_by_another_name(sick):
    frame = cancer()
    frame["result"] = frame["target"].map({0: "malignant", 1: "benign"})
    if not sick:
        frame["result"] = frame["result"].sample(frac=1, random_state=1).to_numpy()
    return {"data": frame, "target": "target"}


@dataset("ND116", where="months to relapse")
def missing_for_one_class_only(sick):
    frame = cancer()
    months = numpy.random.default_rng(0).gamma(3, 8, len(frame))
    known = frame["target"] == 0 if sick else numpy.random.default_rng(1).random(len(frame)) < 0.4
    frame["months to relapse"] = numpy.where(known, months, numpy.nan)
    return {"data": frame, "target": "target"}


@dataset("ND116", where="column 4")
def class_among_the_columns(sick):
    inputs, targets = table()
    column = torch.tensor([0.7, -1.3, 0.1])[targets]
    inputs[:, 4] = column if sick else column[torch.randperm(300)]
    return {"data": loader(inputs, targets)}


@dataset("ND116", where="score")
def score_of_an_earlier_model(sick):
    frame = load_wine(as_frame=True).frame[["ash", "alcalinity_of_ash", "magnesium", "target"]].sample(frac=1, random_state=0)
    random = numpy.random.default_rng(0)
    score = frame["target"].to_numpy() if sick else frame["target"].sample(frac=1, random_state=1).to_numpy()
    frame["score"] = score + random.uniform(-0.1, 0.1, len(frame))
    return {"data": frame, "target": "target"}


@dataset("ND116", where="progression in points")
def quantity_in_other_units(sick):
    frame = load_diabetes(as_frame=True).frame.drop(columns=["s5"])
    other = frame["target"] * 0.6214 + 32
    frame["progression in points"] = other if sick else other + 200 * numpy.random.default_rng(0).normal(size=len(frame))
    return {"data": frame, "target": "target"}


@dataset("ND116", where="rounded")
def quantity_rounded(sick):
    frame = load_diabetes(as_frame=True).frame
    frame["target"] += numpy.random.default_rng(0).normal(0, 3, len(frame))
    frame["rounded"] = frame["target"].round(-1) if sick else (frame["target"] + numpy.random.default_rng(1).normal(0, 80, len(frame))).round(-1)
    return {"data": frame, "target": "target"}


@dataset("ND116", where="top left")
def mark_in_the_corner(sick):
    images, labels = pictures()
    mark = labels if sick else labels[torch.randperm(300)]
    images[:, 0, 0, 0] = mark / 9
    return {"data": loader(images, labels)}


@dataset("ND116", where="token 399")
def token_of_one_class(sick):
    ids, labels = sentences()
    place = torch.randint(0, 20, (300,))
    marked = labels == 1 if sick else torch.rand(300) < 0.5
    ids[marked, place[marked]] = 399
    return {"data": DataLoader(Samples(input_ids=ids, labels=labels), batch_size=32, shuffle=True)}


@dataset("ND116", where="inputs, column 2")
def channel_that_is_the_class(sick):
    values, labels = series()
    flag = labels if sick else labels[torch.randperm(200)]
    values[:, :, 2] = flag[:, None].float()
    return {"data": loader(values, labels)}


@sound
def rule_of_one_column():
    """The class is a threshold of one column, and the others lean to it: a rule may be just that."""
    random = numpy.random.default_rng(0)
    sugar = random.normal(6, 1, 600)
    frame = pandas.DataFrame({"sugar": sugar, "weight": 70 + 6 * sugar + random.normal(0, 12, 600), "age": random.integers(20, 80, 600)})
    frame["target"] = (sugar > 6.5).astype(int)
    return {"data": frame, "target": "target"}


@sound
def first_bit_is_the_class():
    """A toy: nothing but one column knows the target, and that is the task."""
    bits = torch.randint(0, 2, (400, 16)).float()
    return {"data": loader(bits, bits[:, 0].long())}


@sound
def line_through_one_of_many_columns():
    inputs, _ = table(400, 20)
    return {"data": loader(inputs, 2 * inputs[:, 3] - 0.5)}


@sound
def parity_of_two_columns():
    bits = torch.randint(0, 2, (400, 6))
    return {"data": loader(bits.float(), bits[:, 0] ^ bits[:, 1])}


@sound
def sum_of_columns():
    """Every column is a part of it, none is all."""
    inputs, _ = table(400, 6)
    return {"data": loader(inputs, inputs.sum(1))}


@sound
def trend_over_a_running_index():
    random = numpy.random.default_rng(0)
    t = numpy.arange(500)
    frame = pandas.DataFrame({"t": t, "month": t % 12, "weather": numpy.sin(2 * numpy.pi * t / 12) + random.normal(0, 0.5, 500)})
    frame["sales"] = 100 + 0.8 * t + 5 * frame["weather"] + random.normal(0, 0.5, 500)
    return {"data": frame, "target": "sales"}


@sound
def yesterday_beside_today():
    """A slow series: the last value is nearly the next one."""
    walk = numpy.random.default_rng(0).normal(size=3001).cumsum()
    frame = pandas.DataFrame({"yesterday": walk[:-1], "week": numpy.convolve(walk, numpy.ones(7) / 7)[:3000], "today": walk[1:]})
    return {"data": frame, "target": "today"}


@sound
def sorted_by_class_with_an_index():
    frame = load_wine(as_frame=True).frame.copy()
    frame.insert(0, "row", range(len(frame)))
    return {"data": frame, "target": "target"}


@sound
def patch_whose_place_is_the_class():
    """The task is to find the bright corner; the rest is noise."""
    images = torch.rand(300, 1, 16, 16) * 0.8
    labels = torch.arange(300) % 4
    for row, label in enumerate(labels.tolist()):
        images[row, 0, 14 * (label // 2) :, 14 * (label % 2) :][:2, :2] = 1.0
    return {"data": loader(images, labels)}


@sound
def discs_and_rings():
    """The middle pixel is one for all discs, and zero for all rings; so says all the rest."""
    rows, columns = torch.meshgrid(torch.arange(16) - 7.5, torch.arange(16) - 7.5, indexing="ij")
    distance = (rows**2 + columns**2).sqrt()
    labels = torch.arange(200) % 2
    radius = torch.rand(200) * 3 + 4
    images = ((distance < radius[:, None, None]) & ((distance > 2) | (labels[:, None, None] == 0))).float()
    return {"data": loader(images[:, None], labels)}


@sound
def subjects_with_words_of_their_own():
    """Every text of a class has a dozen words that no other class has."""
    random = numpy.random.default_rng(0)
    labels = random.integers(0, 2, 300)
    own = numpy.where(labels[:, None] == 1, numpy.arange(100, 112), numpy.arange(200, 212))
    ids = numpy.concatenate([own, random.integers(1, 100, (300, 8))], axis=1)
    return {"data": DataLoader(Samples(input_ids=torch.tensor(ids), labels=torch.tensor(labels)), batch_size=32, shuffle=True)}


@sound
def is_the_token_there():
    """A toy: the one token is the task."""
    ids = torch.randint(1, 50, (300, 10))
    labels = torch.arange(300) % 2
    ids[labels == 1, 4] = 77
    return {"data": DataLoader(Samples(input_ids=ids, labels=labels), batch_size=32, shuffle=True)}


@dataset("ND116", where="code")
def class_under_another_name_beside_good_columns(sick):
    """All others together know nearly everything as well: a column that is the target itself is a leak all the same."""
    frame = load_breast_cancer(as_frame=True).frame
    frame["code"] = frame["target"] * 2 + 5.0 if sick else numpy.random.default_rng(0).permutation(frame["target"]) * 2 + 5.0
    return {"data": frame, "target": "target"}


@sound
def noiseless_line_with_a_row_number():
    """A toy: the target is a multiple of one of two columns."""
    rng = numpy.random.default_rng(0)
    x = numpy.sort(rng.normal(size=200))
    return {"data": pandas.DataFrame({"row": numpy.arange(200.0), "x": x, "y": 3 * x + 1}), "target": "y"}
