"""Labels that do not belong to their inputs, are named in two ways, come sorted, or are wrong. And what only looks so."""

from __future__ import annotations

import numpy
import pandas
import torch
from sklearn.datasets import load_digits
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from tests.datasets import dataset, sound
from tests.patients.parts import quantities

WORDS = {
    "sport": "the team won a match and scored two goals in the final game of the season".split(),
    "food": "bake the bread with butter and salt then serve warm soup and fresh cheese".split(),
    "law": "the court held that a party to this contract must pay what the judge ordered".split(),
}


def table(samples=400, columns=8, classes=3, seed=0, apart=2.5):
    """Clusters in a standardised table, in no order."""
    random = numpy.random.default_rng(seed)
    labels = random.integers(0, classes, samples)
    centres = apart * numpy.random.default_rng(1).normal(size=(classes, columns))
    return centres[labels] + random.normal(size=(samples, columns)), labels


def frame(inputs, labels):
    return pandas.DataFrame(inputs, columns=[f"x{i}" for i in range(inputs.shape[1])]).assign(label=labels)


def digits(train=1200):
    """Grey images (N, 1, 8, 8) in 0..1, shuffled, in two parts."""
    pixels, labels = load_digits(return_X_y=True)
    order = numpy.random.default_rng(0).permutation(len(labels))
    pixels, labels = torch.tensor(pixels[order] / 16, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(labels[order])
    return pixels[:train], labels[:train], pixels[train:], labels[train:]


def waves(samples=300, seed=0):
    """Series (N, 64, 1) of noisy waves at a random phase; the class is their frequency."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (samples,), generator=random)
    phase = 6.3 * torch.rand(samples, 1, generator=random)
    time = torch.arange(64.0)
    series = (time * (0.2 + 0.3 * labels[:, None]) + phase).sin() + 0.3 * torch.randn(samples, 64, generator=random)
    return series[:, :, None], labels


def token_ids(samples=400, seed=0, own_share=0.6):
    """Ids (N, 16) of which each class prefers its own twenty of sixty."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (samples,), generator=random)
    own = torch.randint(0, 20, (samples, 16), generator=random) + 20 * labels[:, None]
    any_of_all = torch.randint(0, 60, (samples, 16), generator=random)
    return own.where(torch.rand(samples, 16, generator=random) < own_share, any_of_all), labels


def sentences(samples=300, seed=0):
    random = numpy.random.default_rng(seed)
    labels = random.choice(list(WORDS), samples)
    return [" ".join(random.choice(WORDS[label], 9)) for label in labels], labels


def shuffled(labels):
    return labels[torch.randperm(len(labels))]


def loaders(inputs, labels, held, held_labels):
    made = TensorDataset(inputs, labels), TensorDataset(held, held_labels)
    return {"data": DataLoader(made[0], 32, shuffle=True), "val": DataLoader(made[1], 32)}


# -- ND104, shifted ------------------------------------------------------------------------------------------------------


@dataset("ND104", where="dataset index 0 to 399, shifted by +1")
def table_one_row_late(sick):
    inputs, labels = table()
    return {"data": frame(inputs, numpy.roll(labels, 1) if sick else labels), "target": "label"}


@dataset("ND104", where="as text")
def inputs_in_the_order_of_their_names(sick):
    """`sorted(names)` puts 10.png before 2.png; the labels stand in a list."""
    pixels, labels, *_ = digits()
    order = sorted(range(len(labels)), key=str) if sick else list(range(len(labels)))
    data = TensorDataset(pixels[order], labels)
    part = torch.randperm(len(labels)).tolist()
    return {"data": DataLoader(Subset(data, part[:900]), 32, shuffle=True), "val": DataLoader(Subset(data, part[900:]), 32)}


@dataset("ND104", where="backwards")
def labels_that_run_backwards(sick):
    inputs, labels = table()
    return {"data": frame(inputs, labels[::-1] if sick else labels), "target": "label"}


@dataset("ND104", where="shifted by +3")
def rows_lost_to_a_rolling_spread(sick):
    """Labels by position beside inputs without their first rows; the moving columns make a series of it."""
    columns = numpy.random.default_rng(0).normal(size=(400, 4))
    labels = (columns[:, 0] + 0.5 * columns[:, 1] > 0).astype(int)
    table_of = frame(columns, labels)
    moving = table_of.drop(columns="label").rolling(4).std().add_suffix("_spread")
    known = pandas.concat([table_of.drop(columns="label"), moving], axis=1).dropna()
    return {"data": known.assign(label=labels[: len(known)] if sick else labels[3:]), "target": "label"}


@sound
def label_of_the_day_after_tomorrow():
    """A forecast: the label of a later day stands in the row of today, beside moving means."""
    columns, labels = table(400)
    table_of = frame(columns, labels)
    moving = table_of.drop(columns="label").rolling(4).mean().add_suffix("_mean")
    known = pandas.concat([table_of.drop(columns="label"), moving], axis=1).iloc[3:-2]
    return {"data": known.assign(label=labels[5:]), "target": "label"}


@dataset("ND104", where="shifted by -1")
def images_without_the_first_label(sick):
    pixels, labels, held, theirs = digits()
    pixels, labels = (pixels[:-1], labels[1:]) if sick else (pixels, labels)
    return loaders(pixels, labels, held, theirs)


@dataset("ND104", where="shifted by +2")
def quantity_two_rows_late(sick):
    inputs, quantity = quantities(600)
    return {"data": DataLoader(TensorDataset(inputs, quantity.roll(2) if sick else quantity), 32, shuffle=True)}


@dataset("ND104", where="shifted by +1")
def waves_one_row_late(sick):
    series, labels = waves()
    return {"data": TensorDataset(series, labels.roll(1) if sick else labels)}


@dataset("ND104", where="shifted by -1")
def table_without_its_first_label_beside_a_sound_one(sick):
    """That the labels of val are told by their own rows shows that this is no forecast."""
    (inputs, labels), (held, theirs) = table(), table(200, seed=3)
    return {"data": frame(inputs, numpy.roll(labels, -1) if sick else labels), "val": frame(held, theirs), "target": "label"}


@dataset("ND104", where="about dataset index")
def row_lost_in_the_middle(sick):
    inputs, labels = table(800)
    labels = numpy.concatenate([labels[:400], labels[399:-1]]) if sick else labels
    return {"data": frame(inputs, labels), "target": "label"}


@dataset("ND104", where="shifted by +1")
def subset_of_a_shifted_dataset(sick):
    pixels, labels, *_ = digits()
    whole = TensorDataset(pixels, labels.roll(1) if sick else labels)
    return {"data": DataLoader(Subset(whole, torch.randperm(len(whole))[:900].tolist()), 32)}


# -- ND104, while the right order is still held ---------------------------------------------------------------------------


class Ordered(Dataset):
    """Inputs in another order than labels, or both in it."""

    def __init__(self, inputs, labels, order, together):
        self.inputs, self.labels, self.order, self.together = torch.tensor(inputs, dtype=torch.float32), labels, order, together

    def __len__(self):
        return len(self.order)

    def __getitem__(self, i):
        return self.inputs[self.order[i]], int(self.labels[self.order[i] if self.together else i])


@dataset("ND104", "ND110", where="`self.labels`")
def inputs_by_an_order_and_labels_without_it(sick):
    inputs, labels = table()
    return {"data": Ordered(inputs, labels, numpy.random.default_rng(3).permutation(len(labels)), not sick)}


@dataset("ND104", where="`self.known`")
def images_whose_labels_were_shuffled_alone(sick):
    pixels, labels, _, _ = digits(500)
    part = Ordered(pixels.numpy() * 2 - 1, labels, numpy.arange(500), True)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(4))
    part.known = labels
    part.labels = labels[order] if sick else labels
    return {"data": part}


@sound
def labels_of_chance_beside_groups_that_inputs_tell():
    inputs, groups = table(400, classes=4)
    data = Ordered(inputs, numpy.random.default_rng(5).permutation(numpy.repeat(numpy.arange(4), 100)), numpy.arange(400), True)
    data.groups, data.other = groups, numpy.random.default_rng(6).permutation(400)
    return {"data": data}


@sound
def what_comes_later_beside_what_is_now():
    inputs, state = table(500)
    later = numpy.arange(400) + numpy.random.default_rng(7).permutation(numpy.arange(400) % 90 + 1)
    data = Ordered(inputs[:400], state[later], numpy.arange(400), True)
    data.state, data.now, data.later = state, numpy.arange(400), later
    return {"data": data}


# -- ND104, shuffled -----------------------------------------------------------------------------------------------------


@dataset("ND104", where="data targets")
def train_labels_of_images_shuffled(sick):
    pixels, labels, held, theirs = digits()
    return loaders(pixels, shuffled(labels) if sick else labels, held, theirs)


@dataset("ND104", where="val targets")
def val_labels_of_tokens_shuffled(sick):
    (ids, labels), (held, theirs) = token_ids(), token_ids(200, seed=1)
    return loaders(ids, labels, held, shuffled(theirs) if sick else theirs)


@dataset("ND104", where="data label")
def texts_sorted_apart_from_their_labels(sick):
    """Sorting the texts alone, as a set or a glob does."""
    (texts, labels), (held, theirs) = sentences(), sentences(150, seed=1)
    texts = sorted(texts) if sick else texts
    made = pandas.DataFrame({"text": texts, "label": labels}), pandas.DataFrame({"text": held, "label": theirs})
    return {"data": made[0], "val": made[1], "target": "label"}


@dataset("ND104", where="data targets")
def quantity_of_a_table_shuffled(sick):
    inputs, quantity = quantities(600)
    return loaders(inputs[:400], shuffled(quantity[:400]) if sick else quantity[:400], inputs[400:], quantity[400:])


@dataset("ND104", where="data targets, about dataset index")
def one_of_three_files_shuffled(sick):
    pixels, labels, *_ = digits()
    files = [TensorDataset(pixels[i : i + 400], labels[i : i + 400]) for i in (0, 400, 800)]
    if sick:
        files[1] = TensorDataset(pixels[400:800], shuffled(labels[400:800]))
    return {"data": DataLoader(ConcatDataset(files), 32, shuffle=True)}


@dataset("ND104", where="data targets, about dataset index")
def last_part_of_a_quantity_shuffled(sick):
    inputs, quantity = quantities(900)
    if sick:
        quantity[600:] = shuffled(quantity[600:])
    return {"data": DataLoader(TensorDataset(inputs, quantity), 32, shuffle=True)}


@dataset("ND104", where="val targets")
def folders_listed_in_another_order(sick):
    """Classes are numbered by the order of their folders, which differs from machine to machine."""
    pixels, labels, held, theirs = digits()
    order = torch.tensor([3, 1, 0, 7, 4, 2, 9, 5, 8, 6])
    return loaders(pixels, labels, held, order[theirs] if sick else theirs)


# -- what only looks like ND104 ------------------------------------------------------------------------------------------


@sound
def direction_of_tomorrow():
    """A forecast of what cannot be foretold: yesterday's label stands in today's row."""
    returns = numpy.random.default_rng(0).normal(size=1001)
    rows = numpy.stack([returns[:-1], numpy.random.default_rng(1).normal(size=1000)], 1)
    return {"data": frame(rows, (returns[1:] > 0).astype(int)), "target": "label"}


@sound
def windows_of_a_random_walk():
    steps = torch.randn(700, generator=torch.Generator().manual_seed(0))
    windows = steps.cumsum(0).unfold(0, 16, 1)[:-1]
    return {"data": TensorDataset(windows, (steps[16:] > 0).long())}


@sound
def season_of_a_smooth_series():
    time = torch.arange(900.0)
    series = (time / 15).sin() + 0.1 * torch.randn(900)
    windows = series.unfold(0, 17, 1)
    return {"data": DataLoader(TensorDataset(windows[:, :16], windows[:, 16]), 32, shuffle=True)}


@sound
def next_token_of_a_window():
    ids = torch.randint(0, 12, (1200,), generator=torch.Generator().manual_seed(0))
    windows = ids.unfold(0, 9, 8)
    return {"data": TensorDataset(windows[:, :8], windows[:, 8])}


@sound
def tokens_and_the_same_shifted_by_one():
    start = torch.randint(0, 20, (200, 1))
    ids = (start + torch.arange(13)) % 20
    return {"data": DataLoader(TensorDataset(ids[:, :-1], ids[:, 1:]), 32, shuffle=True)}


@sound
def classes_in_turn():
    """0, 1, 2, 0, 1, 2, …: the label of the next row is as sure as its own."""
    inputs, labels = table(600)
    order = numpy.stack([numpy.flatnonzero(labels == c)[:150] for c in range(3)], 1).reshape(-1)
    return {"data": frame(inputs[order], labels[order]), "target": "label"}


@sound
def sorted_frame():
    inputs, labels = table(600)
    order = labels.argsort(kind="stable")
    return {"data": frame(inputs[order], labels[order]), "target": "label"}


@sound
def labels_that_nothing_tells():
    random = numpy.random.default_rng(0)
    made = [frame(random.normal(size=(n, 6)), random.integers(0, 2, n)) for n in (500, 200)]
    return {"data": made[0], "val": made[1], "target": "label"}


@sound
def second_domain_that_is_harder():
    """Half of the images are noise over noise, from another camera."""
    pixels, labels, *_ = digits()
    hard = (0.2 * pixels[600:] + torch.rand(600, 1, 8, 8)).clamp(0, 1)
    return {"data": DataLoader(ConcatDataset([TensorDataset(pixels[:600], labels[:600]), TensorDataset(hard, labels[600:])]), 32, shuffle=True)}


@sound
def class_of_everything_else_at_the_end():
    inputs, labels = table(900, classes=6)
    labels = numpy.where(labels < 3, labels, 3)
    labels[600:] = 3
    random = numpy.random.default_rng(5).permutation(600)
    order = numpy.concatenate([random, numpy.arange(600, 900)])
    return {"data": frame(inputs[order], labels[order]), "target": "label"}


@sound
def law_that_changes_half_way():
    """Concept drift: the same inputs mean another class from a day on."""
    inputs, labels = table(800)
    labels[500:] = (labels[500:] + 1) % 3
    return {"data": frame(inputs, labels), "target": "label"}


@sound
def train_drowned_in_augmentation():
    """Clean validation, training images under so much noise that neighbours say nothing."""
    pixels, labels, held, theirs = digits()

    class Noisy(TensorDataset):
        def __getitem__(self, index):
            pixels, label = super().__getitem__(index)
            return (0.1 * pixels + torch.rand(pixels.shape)).clamp(0, 1), label

    return {"data": DataLoader(Noisy(pixels, labels), 32, shuffle=True), "val": DataLoader(TensorDataset(held, theirs), 32)}


@sound
def tags_of_a_table():
    inputs, _ = table(600)
    return {"data": DataLoader(TensorDataset(torch.tensor(inputs).float(), (torch.tensor(inputs[:, :4]) > 0).float()), 32, shuffle=True)}


@sound
def forty_samples():
    inputs, labels = table(40)
    return {"data": frame(inputs, numpy.roll(labels, 1)), "val": frame(inputs[:30] + 0.1, labels[:30]), "target": "label"}


# -- ND103 ---------------------------------------------------------------------------------------------------------------


@dataset("ND103", where="val label, class 2")
def class_that_only_validation_has(sick):
    (inputs, labels), (held, theirs) = table(900, classes=10), table(200, classes=10, seed=3)
    kept = labels != 2 if sick else labels >= 0
    return {"data": frame(inputs[kept], labels[kept]), "val": frame(held, theirs), "target": "label"}


@dataset("ND103", where="class 9")
def digit_that_only_validation_has(sick):
    pixels, labels, held, theirs = digits()
    kept = labels < 9 if sick else labels < 10
    return loaders(pixels[kept], labels[kept], held, theirs)


@dataset("ND103", where="label, class 'food '")
def label_with_a_blank(sick):
    texts, labels = sentences(400)
    labels = [f"{label} " if sick and label == "food" and i % 3 == 0 else label for i, label in enumerate(labels)]
    return {"data": pandas.DataFrame({"text": texts, "label": labels}), "target": "label"}


@dataset("ND103", where="class '1'")
def numbers_and_their_names(sick):
    """Joined from two files, one of which was read as text."""
    inputs, labels = table(400)
    mixed = [str(label) if sick and i >= 250 else int(label) for i, label in enumerate(labels)]
    return {"data": frame(inputs, numpy.array(mixed, dtype=object)), "target": "label"}


@dataset("ND103", where="val label, class")
def validation_in_capitals(sick):
    (texts, labels), (held, theirs) = sentences(400), sentences(200, seed=1)
    theirs = [label.upper() if sick and label == "law" and i % 3 == 0 else label for i, label in enumerate(theirs)]
    made = pandas.DataFrame({"text": texts, "label": labels}), pandas.DataFrame({"text": held, "label": theirs})
    return {"data": made[0], "val": made[1], "target": "label"}


@sound
def rare_classes_that_a_random_division_parts():
    random = numpy.random.default_rng(0)
    labels = numpy.minimum(random.zipf(1.5, 2000), 500)
    made = frame(random.normal(size=(2000, 4)), labels.astype(str))
    return {"data": made[:1500], "val": made[1500:], "target": "label"}


@sound
def symbols_that_differ_by_case():
    inputs, labels = table(600, classes=4)
    names = numpy.array(["Co", "CO", "No", "NO"])
    return {"data": frame(inputs, names[labels]), "target": "label"}


@sound
def labels_from_one_with_a_hole():
    inputs, labels = table(600, classes=4)
    return {"data": frame(inputs, numpy.array([1, 2, 4, 5])[labels]), "target": "label"}


@sound
def labels_of_html():
    inputs, labels = table(400)
    names = numpy.array(["<b>cat</b>", "<script>alert(1)</script>", "a & b"])
    return {"data": frame(inputs, names[labels]), "target": "label"}


@sound
def some_without_a_label():
    inputs, labels = table(400)
    names = [None if i % 7 == 0 else f"kind {label}" for i, label in enumerate(labels)]
    return {"data": frame(inputs, numpy.array(names, dtype=object)), "target": "label"}


@sound
def ten_thousand_classes():
    random = torch.Generator().manual_seed(0)
    return {"data": TensorDataset(torch.randn(30_000, 8, generator=random), torch.randint(0, 10_000, (30_000,), generator=random))}


# -- ND107, ND108 --------------------------------------------------------------------------------------------------------


@sound
def one_in_fifty():
    inputs, labels = table(3000, classes=2)
    kept = (labels == 0) | (numpy.arange(3000) % 50 == 0)
    return {"data": frame(inputs[kept], labels[kept]), "target": "label"}


@dataset("ND108", where="data, SequentialSampler, targets")
def images_sorted_by_label(sick):
    pixels, labels, held, theirs = digits()
    order = labels.argsort()
    data = DataLoader(TensorDataset(pixels[order], labels[order]), 32, shuffle=not sick)
    return {"data": data, "val": DataLoader(TensorDataset(held, theirs), 32)}


@dataset("ND108", where="data, SequentialSampler, targets")
def tokens_sorted_by_label(sick):
    (ids, labels), (held, theirs) = token_ids(), token_ids(200, seed=1)
    order = labels.argsort()
    data = DataLoader(TensorDataset(ids[order], labels[order]), 16, shuffle=not sick)
    return {"data": data, "val": DataLoader(TensorDataset(held, theirs), 16)}


@dataset("ND108", where="data, SequentialSampler, targets")
def table_sorted_by_label(sick):
    (inputs, labels), held = table(600), table(200, seed=3)
    order = labels.argsort(kind="stable") if sick else numpy.arange(600)
    made = (TensorDataset(torch.tensor(x).float(), torch.tensor(y)) for x, y in ((inputs[order], labels[order]), held))
    return dict(zip(("data", "val"), (DataLoader(dataset, 16) for dataset in made), strict=True))


@sound
def sorted_dataset_without_a_loader():
    pixels, labels, *_ = digits()
    order = labels.argsort()
    return {"data": TensorDataset(pixels[order], labels[order])}


@sound
def sorted_arrays():
    inputs, labels = table(600)
    order = labels.argsort(kind="stable")
    return {"data": (inputs[order], labels[order])}


@sound
def quantity_in_order():
    inputs, quantity = quantities(600)
    order = quantity.argsort()
    return {"data": DataLoader(TensorDataset(inputs[order], quantity[order]), 32)}


# -- ND120 ---------------------------------------------------------------------------------------------------------------


def wrong_at_random(labels, share, classes, seed=7):
    random = numpy.random.default_rng(seed)
    other = (labels + random.integers(1, classes, len(labels))) % classes
    return numpy.where(random.random(len(labels)) < share, other, labels)


@dataset("ND120", where="data label")
def a_third_of_a_table_wrong(sick):
    inputs, labels = table(2000, classes=4, apart=5)
    return {"data": frame(inputs, wrong_at_random(labels, 0.33 if sick else 0.05, 4)), "target": "label"}


@dataset("ND120", where="data targets")
def a_third_of_the_digits_wrong(sick):
    pixels, labels, *_ = digits(1700)
    wrong = torch.tensor(wrong_at_random(labels.numpy(), 0.35, 10))
    return {"data": DataLoader(TensorDataset(pixels, wrong if sick else labels), 32, shuffle=True)}


@dataset("ND120", where="data targets")
def a_third_of_the_tokens_wrong(sick):
    ids, labels = token_ids(1500, own_share=0.9)
    wrong = torch.tensor(wrong_at_random(labels.numpy(), 0.33, 3))
    return {"data": DataLoader(TensorDataset(ids, wrong if sick else labels), 32, shuffle=True)}


def overlapping(distance, draw, samples=2000):
    labels = numpy.random.default_rng(1).integers(0, 2, samples)
    inputs = draw(numpy.random.default_rng(0), (samples, 2))
    inputs[:, 0] += distance * labels
    return {"data": frame(inputs, labels), "target": "label"}


@sound
def two_normal_classes_that_overlap_by_half():
    return overlapping(1.0, lambda random, shape: random.normal(size=shape))


@sound
def two_normal_classes_that_overlap():
    return overlapping(2.0, lambda random, shape: random.normal(size=shape))


@sound
def two_classes_of_heavy_tails():
    return overlapping(2.0, lambda random, shape: random.laplace(size=shape))


@sound
def rare_class_that_lies_scattered():
    inputs, labels = table(2000, classes=2)
    rare = numpy.random.default_rng(2).random(2000) < 0.04
    return {"data": frame(inputs, numpy.where(rare, 2, labels)), "target": "label"}
