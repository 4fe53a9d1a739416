"""Inputs and targets that were taken apart on their way, and splits that were numbered, ordered or padded otherwise."""

from __future__ import annotations

import numpy
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tests.datasets import dataset, sound
from tests.datasets.classes import table, token_ids, waves


def names(count=200):
    """Sequences of 3 to 9 tokens, and of each the class."""
    random = numpy.random.default_rng(0)
    labels = random.integers(0, 3, count)
    return [(torch.tensor(random.integers(1, 20, random.integers(3, 10)) + 20 * label), int(label)) for label in labels]


def mixed(other):
    """A collate function that mixes each sample with a partner; of the labels with that of `other(partners)`."""

    def mix(samples):
        inputs, targets = torch.stack([x for x, _ in samples]), nn.functional.one_hot(torch.tensor([int(y) for _, y in samples]), 3).float()
        share, partner = torch.rand(len(samples), 1) * 0.3 + 0.35, torch.randperm(len(samples))
        inputs = share * inputs + (1 - share) * inputs[partner]
        return inputs, share * targets + (1 - share) * targets[other(partner)]

    return mix


def of_data(inputs, targets, held=0):
    made = TensorDataset(torch.as_tensor(inputs).float(), torch.as_tensor(targets))
    if not held:
        return {"data": DataLoader(made, 32, shuffle=True)}
    first, last = (torch.utils.data.Subset(made, rows) for rows in (range(len(made) - held), range(len(made) - held, len(made))))
    return {"data": DataLoader(first, 32, shuffle=True), "val": DataLoader(last, 32)}


# -- ND104 ---------------------------------------------------------------------------------------------------------------


@dataset("ND104", where="collate_fn longest_first")
def sorted_by_length_without_the_labels(sick):
    def longest_first(samples):
        before = samples
        samples = sorted(samples, key=lambda sample: -len(sample[0]))
        labels = torch.tensor([label for _, label in (before if sick else samples)])
        return nn.utils.rnn.pad_sequence([ids for ids, _ in samples], batch_first=True), labels

    return {"data": DataLoader(names(), 16, shuffle=True, collate_fn=longest_first)}


@dataset("ND104", where="collate_fn mix")
def mixed_with_two_partners(sick):
    inputs, labels = table()
    data = TensorDataset(torch.tensor(inputs).float(), torch.tensor(labels))
    return {"data": DataLoader(data, 32, shuffle=True, collate_fn=mixed(lambda partner: torch.randperm(len(partner)) if sick else partner))}


@sound
def negatives_of_the_same_batch():
    """An input holds another sample of the batch, the target does not."""
    inputs, labels = table()

    def beside_another(samples):
        rows = torch.stack([x for x, _ in samples])
        return torch.cat([rows, rows.roll(1, 0)], 1), torch.stack([y for _, y in samples])

    return {"data": DataLoader(TensorDataset(torch.tensor(inputs).float(), torch.tensor(labels)), 32, shuffle=True, collate_fn=beside_another)}


@dataset("ND104", where="rolled")
def files_in_another_order(sick):
    """Two quantities, read from three files; the inputs' files in one order, the targets' in another."""
    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(450, 6, generator=random)
    targets = torch.stack([inputs[:, 0] - inputs[:, 1], inputs[:, 2] + 0.5 * inputs[:, 3]], 1) + 0.1 * torch.randn(450, 2, generator=random)
    return of_data(inputs, targets.roll(150, 0) if sick else targets)


class EveryStep(Dataset):
    def __init__(self, back):
        random = torch.Generator().manual_seed(0)
        self.back, self.labels = back, torch.randint(0, 3, (300, 4), generator=random).repeat_interleave(8, 1)
        levels = torch.tensor([[-1.5, 0.5], [0.5, 1.5], [1.0, -1.0]])
        self.series = levels[self.labels] + 0.4 * torch.randn(300, 32, 2, generator=random)

    def __len__(self):
        return len(self.series)

    def __getitem__(self, i):
        return self.series[i], self.labels[i - self.back]


@dataset("ND104", where="shifted by +1")
def labels_of_the_steps_of_another_series(sick):
    return {"data": DataLoader(EveryStep(int(sick)), 32, shuffle=True)}


class Captioned(Dataset):
    """Three captions a picture."""

    def __init__(self, sick):
        random = torch.Generator().manual_seed(0)
        words = torch.randint(0, 10, (120, 3), generator=random)
        self.pictures = nn.functional.one_hot(words, 10).sum(1).float() @ torch.randn(10, 16, generator=random)
        self.captions = 3 * words.repeat_interleave(3, 0).repeat(1, 2) + torch.randint(0, 3, (360, 6), generator=random)
        self.sick = sick

    def __len__(self):
        return len(self.captions)

    def __getitem__(self, i):
        return {"picture": self.pictures[i % 120 if self.sick else i // 3], "caption": self.captions[i]}


@dataset("ND104", where="whole copies beside repeated labels")
def captions_of_other_pictures(sick):
    return {"data": DataLoader(Captioned(sick), 30, shuffle=True)}


# -- ND105 ---------------------------------------------------------------------------------------------------------------


@dataset("ND105")
def jittered_copies_of_a_series(sick):
    """Copies first, division second."""
    series, labels = waves(100)
    kind = torch.arange(100).repeat_interleave(4)
    copies = series[kind] * (1 + 0.01 * torch.randn(400, 1, 1)) + 0.005 * torch.randn(400, 64, 1)
    order = torch.randperm(400) if sick else torch.randperm(80 * 4)
    part = order[:320]
    if sick:
        held, theirs = copies[order[320:]], labels[kind[order[320:]]]
    else:
        held, theirs = series[80:], labels[80:]
    return {"data": DataLoader(TensorDataset(copies[part], labels[kind[part]]), 32, shuffle=True), "val": DataLoader(TensorDataset(held, theirs), 32)}


# -- ND106 ---------------------------------------------------------------------------------------------------------------


@dataset("ND106", where="column 0")
def categories_numbered_anew(sick):
    """Category 1 is seldom, and val has none of it."""
    random = numpy.random.default_rng(0)
    train, val = (numpy.stack([random.choice([0, 2, 3, 4, 5, 6, 7], count), random.integers(0, 5, count)], 1) for count in (600, 200))
    train[:8, 0] = 1
    if sick:
        val[:, 0] = numpy.unique(val[:, 0], return_inverse=True)[1]
    made = [TensorDataset(torch.tensor(part), torch.tensor(part[:, 0] * 0.3 + random.normal(size=len(part))).float()) for part in (train, val)]
    return {"data": DataLoader(made[0], 32, shuffle=True), "val": DataLoader(made[1], 32)}


@dataset("ND106", where="column 0")
def standardised_columns_in_another_order(sick):
    random = numpy.random.default_rng(0)
    inputs = random.normal(size=(500, 5))
    targets = 1.5 * inputs[:, 0] - inputs[:, 3] + 0.2 * random.normal(size=500)
    if sick:
        inputs[380:] = inputs[380:, [3, 1, 2, 0, 4]]
    return of_data(inputs, targets, held=120)


@sound
def another_law_in_val():
    """Drift of what is to be told, and no other order of the columns."""
    random = numpy.random.default_rng(0)
    inputs = random.normal(size=(500, 5))
    targets = 1.5 * inputs[:, 0] - inputs[:, 3] + 0.2 * random.normal(size=500)
    targets[380:] = 0.4 * inputs[380:, 0] + inputs[380:, 1] + inputs[380:, 2] + 0.2 * random.normal(size=120)
    return of_data(inputs, targets, held=120)


@dataset("ND106", where="val")
def padded_on_the_other_side(sick):
    random = numpy.random.default_rng(0)

    def padded(count, left):
        rows = numpy.zeros((count, 12), int)
        for row, length in zip(rows, random.integers(3, 12, count), strict=True):
            row[slice(12 - length, 12) if left else slice(0, length)] = random.integers(1, 15, length)
        return torch.tensor(rows), torch.tensor(random.integers(0, 2, count))

    return {"data": DataLoader(TensorDataset(*padded(120, True)), 32, shuffle=True), "val": DataLoader(TensorDataset(*padded(60, not sick)), 32)}


@dataset("ND106", where="val")
def scaler_fitted_again(sick):
    random = numpy.random.default_rng(0)
    train, val = random.normal(size=(300, 4)) * 3 + 5, random.normal(size=(90, 4)) * 3 + 5
    fitted = val if sick else train
    inputs = numpy.concatenate([(train - train.mean(0)) / train.std(0), (val - fitted.mean(0)) / fitted.std(0)])
    return of_data(inputs, random.normal(size=390), held=90)


@dataset("ND106", where="val")
def missing_values_filled_otherwise(sick):
    random = numpy.random.default_rng(0)
    inputs = random.normal(size=(400, 3)) + 2
    holes = random.random((400, 3)) < 0.15
    inputs[holes] = 2.0
    inputs[300:][holes[300:]] = 0.0 if sick else 2.0
    return of_data(inputs, random.normal(size=400), held=100)


@dataset("ND106", where="val")
def series_that_run_backwards(sick):
    random = numpy.random.default_rng(0)
    series = numpy.linspace(-0.6, 0.6, 20)[:, None] * numpy.array([1.0, 0.5]) + random.normal(size=(300, 20, 2))
    if sick:
        series[220:] = series[220:, ::-1]
    return of_data(series, random.integers(0, 2, 300), held=80)


@sound
def tokens_of_two_halves():
    ids, labels = token_ids()
    return of_data(ids, labels, held=100)
