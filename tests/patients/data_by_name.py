"""Trainings on batches with names of their own and losses written by hand: what the loss takes tells the targets. And what only looks sick."""

from __future__ import annotations

import numpy
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    TensorDataset,
)

from tests.patients import patient, sound
from tests.patients.parts import features, images, loader, mlp, quantities, training


def named(count: int | None = None, **columns: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """A list of samples with these fields."""
    return [dict(zip(columns, row, strict=True)) for row in list(zip(*columns.values(), strict=True))[:count]]


def by_hand(key: str, target: str, compare):
    """A batch_loss that compares the model's output for one field with another field."""
    return lambda setup, batch: compare(setup.model(batch[key]), batch[target])


def squared(predicted, wanted):
    return (predicted.squeeze(-1) - wanted).pow(2).mean()


# -- ND103, ND104 -----------------------------------------------------------------------------------------------------


@patient("ND103", where="class 3")
def class_that_a_table_of_names_lacks(sick):
    inputs, targets = features(400, 16, 4)
    targets = targets.masked_fill(targets == 3, -100) if sick else targets
    data = DataLoader(named(chem=inputs, variety=targets), batch_size=32, shuffle=True)
    return training(mlp(16, 4), train_loader=data, batch_loss=by_hand("chem", "variety", F.cross_entropy))


@sound
def spare_output_and_labels_that_are_left_out():
    inputs, targets = features(400, 16, 4)
    targets[::40] = -100  # one in forty is not labelled, and the last output is never used
    return training(mlp(16, 5), data=(inputs, targets))


@patient("ND104", where="train_loader targets")
def copies_side_by_side_beside_whole_copies_of_labels(sick):
    inputs, targets = features(150, 12, 3)
    labels = targets.repeat_interleave(3) if sick else targets.repeat(3)
    noisy = torch.cat([inputs + 0.3 * torch.randn(inputs.shape) for _ in range(3)])
    return training(mlp(12, 3), data=(noisy, labels))


@patient("ND104", where="train_loader targets")
def every_second_row_beside_every_label(sick):
    inputs, targets = features(800, 12, 3)
    return training(mlp(12, 3), data=(inputs[::2], targets[:400] if sick else targets[::2]))


# -- ND107, ND108 -----------------------------------------------------------------------------------------------------


@patient("ND107", where="loss_fn.weight")
def weights_of_pixels_that_follow_their_frequency(sick):
    pixels, _ = images(160)
    labels = (pixels[:, 0] > 0.8).long() + (pixels[:, 0] > 0.9).long()
    share = labels.flatten().bincount(minlength=3) / labels.numel()
    loss_fn = nn.CrossEntropyLoss(weight=share / share.mean() if sick else (share.mean() / share).sqrt())
    return training(nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 1)), loss_fn, (pixels, labels))


class InOrder(Sampler):
    """Draws a new order for every epoch, or seems to."""

    def __init__(self, count: int, mixes: bool, blocks: int = 1) -> None:
        self.count, self.mixes, self.blocks = count, mixes, blocks
        self.random = numpy.random.default_rng(0)

    def __len__(self):
        return self.count

    def __iter__(self):
        order = numpy.arange(self.count).reshape(-1, self.blocks)
        if self.mixes:
            self.random.shuffle(order)
        else:
            self.random.permutation(order)
        return iter(order.reshape(-1).tolist())


def sorted_by_class(mixes: bool, blocks: int):
    inputs, targets = features()
    order = targets.argsort()
    data = DataLoader(TensorDataset(inputs[order], targets[order]), batch_size=32, sampler=InOrder(256, mixes, blocks))
    return training(mlp(), train_loader=data)


@patient("ND108", where="InOrder")
def sampler_that_mixes_a_copy(sick):
    return sorted_by_class(not sick, 1)


@sound
def blocks_of_one_class_in_a_new_order_each_epoch():
    return sorted_by_class(True, 32)


@patient("ND108", where="train_loader, SequentialSampler")
def quantity_that_rises_with_the_order(sick):
    inputs, _ = features(512, 8)
    target = torch.linspace(-1.7, 1.7, 512)
    inputs[:, 0] += target
    samples = Fetched(inputs, target)
    sampler = SequentialSampler(samples) if sick else RandomSampler(samples)
    data = DataLoader(samples, sampler=BatchSampler(sampler, 32, False), batch_size=None)
    return training(mlp(8, 1), train_loader=data, batch_loss=by_hand("bands", "wear", squared))


class Fetched(Dataset):
    """Gives whole batches, for lists of indices."""

    def __init__(self, inputs, target):
        self.inputs, self.target = inputs, target

    def __len__(self):
        return len(self.target)

    def __getitem__(self, index):
        return {"bands": self.inputs[index], "wear": self.target[index]}


@sound
def quantities_in_the_order_they_were_measured():
    inputs, target = quantities(512)
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), train_loader=loader(inputs, target, shuffle=False))


class ByHand:
    """Cuts batches from tensors in a class of one's own, and mixes them as it is told."""

    def __init__(self, inputs, target, mixes="always"):
        self.inputs, self.target, self.mixes, self.passes = inputs, target, mixes, 0

    def __len__(self):
        return len(self.target) // 16

    def __iter__(self):
        mixed = self.mixes == "always" or (self.mixes == "later" and self.passes > 0)
        self.passes += 1
        order = torch.randperm(len(self.target)) if mixed else torch.arange(len(self.target))
        for rows in order.split(16):
            yield self.inputs[rows], self.target[rows]


class MixedFromOutside(ByHand):
    def shuffle(self):
        order = torch.randperm(len(self.target))
        self.inputs, self.target = self.inputs[order], self.target[order]


def of_a_sorted_table(made, **how):
    inputs, _ = features(512, 8)
    target = (inputs[:, 0] + 0.5 * inputs[:, 1]).tanh()
    order = target.argsort(descending=True)
    return training(mlp(8, 1, nn.Flatten(0)), nn.MSELoss(), train_loader=made(inputs[order], target[order], **how))


@patient("ND108", where="ByHand")
def own_loader_over_a_table_sorted_by_its_quantity(sick):
    return of_a_sorted_table(ByHand, mixes="never" if sick else "always")


@sound
def own_loader_that_begins_in_order_and_mixes_later():
    return of_a_sorted_table(ByHand, mixes="later")


@sound
def own_loader_that_the_training_mixes():
    return of_a_sorted_table(MixedFromOutside, mixes="never")


@sound
def own_loader_over_a_series_with_a_trend():
    made = torch.Generator().manual_seed(4)
    series = torch.linspace(-2, 2, 520) + 0.2 * (torch.arange(520) / 4).sin() + 0.01 * torch.randn(520, generator=made)
    data = ByHand(series.unfold(0, 8, 1)[:-1], series[8:], mixes="never")
    return training(mlp(8, 1, nn.Flatten(0)), nn.MSELoss(), train_loader=data)


# -- ND105, ND106, ND115 ----------------------------------------------------------------------------------------------


def visits(count: int = 60, frames: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Nearly equal frames of each visit, and their class."""
    random = torch.Generator().manual_seed(3)
    targets = torch.randint(0, 3, (count,), generator=random)
    eyes = torch.randn(count, 1, 16, 16, generator=random) + targets.view(-1, 1, 1, 1)
    return eyes.repeat_interleave(frames, 0) + 0.02 * torch.randn(count * frames, 1, 16, 16, generator=random), targets.repeat_interleave(frames)


@patient("ND105", where="val_loader, dataset index 0")
def frames_of_one_visit_on_both_sides(sick):
    frames, targets = visits()
    order = torch.randperm(240, generator=torch.Generator().manual_seed(1)) if sick else torch.arange(240)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(72, 3))
    parts = (loader(frames[rows], targets[rows], shuffle=first) for rows, first in ((order[:180], True), (order[180:], False)))
    return training(model, train_loader=next(parts), val_loader=next(parts))


@sound
def pictures_of_a_few_shapes_with_little_noise():
    random = torch.Generator().manual_seed(4)
    shapes = torch.randn(48, 1, 16, 16, generator=random)
    drawn = torch.randint(0, 48, (320,), generator=random)
    pixels, targets = shapes[drawn] + 0.02 * torch.randn(320, 1, 16, 16, generator=random), drawn % 3
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(72, 3))
    return training(model, data=(pixels[:240], targets[:240]), val_loader=loader(pixels[240:], targets[240:], shuffle=False))


def loans(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised columns, some of few values, and whether the loan was paid back."""
    income, debt = torch.randn(2, count)
    late, term, accounts = torch.poisson(torch.ones(count)), torch.randint(1, 6, (count,)) * 12.0, torch.randint(1, 9, (count,)).float()
    columns = torch.stack([income, debt, (late - 1), (term - 36) / 17, (accounts - 4.5) / 2.3], 1)
    return columns, (income - debt - 0.5 * late > -0.5).long()


@patient("ND106", where="val_loader inputs, column 0")
def columns_in_the_order_of_the_alphabet(sick):
    (inputs, targets), (others, wanted) = loans(500), loans(200)
    others = others[:, [4, 1, 0, 2, 3]] if sick else others
    return training(mlp(5, 2), data=(inputs, targets), val_loader=loader(others, wanted, shuffle=False))


@patient("ND106", where="val_loader inputs")
def columns_that_each_side_standardised_by_itself(sick):
    (inputs, targets), (others, wanted) = loans(500), loans(200)
    of = others if sick else inputs
    others, inputs = (others - of.mean(0)) / of.std(0), (inputs - inputs.mean(0)) / inputs.std(0)
    return training(mlp(5, 2), data=(inputs, targets), val_loader=loader(others, wanted, shuffle=False))


@sound
def subjects_of_which_each_is_standardised_by_itself():
    (inputs, targets), (others, wanted) = loans(480), loans(120)
    inputs, others = (torch.cat([(part - part.mean(0)) / part.std(0) for part in rows.split(120)]) for rows in (inputs, others))
    return training(mlp(5, 2), data=(inputs, targets), val_loader=loader(others, wanted, shuffle=False))


class Sessions(nn.Module):
    """A bag of pages."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(32, 16), nn.Linear(16, 2)

    def forward(self, ids):
        return self.head(self.embed(ids).mean(1))


@patient("ND106", where="val_loader inputs")
def vocabulary_that_validation_makes_for_itself(sick):
    random = torch.Generator().manual_seed(5)
    often = torch.logspace(0, 2, 20)

    def pages(count):
        ids = torch.multinomial(often, count * 10, replacement=True, generator=random).view(count, 10)
        return ids, (ids > 17).float().mean(1).gt(0.25).long()

    def numbered(ids, known):
        return torch.tensor([[known.setdefault(int(page), len(known) + 1) for page in row] for row in ids])

    known: dict[int, int] = {}
    (ids, targets), (others, wanted) = pages(400), pages(150)
    train, val = numbered(ids, known), numbered(others, {} if sick else known)
    return training(Sessions(), data=(train, targets), val_loader=loader(val, wanted, shuffle=False))


# -- ND102, ND112, ND113 ----------------------------------------------------------------------------------------------


@patient("ND102", where="train_loader inputs, column")
def one_mean_and_one_std_for_columns_of_all_units(sick):
    inputs, targets = features(256, 8)
    raw = inputs * torch.tensor([20000.0, 900, 5, 1, 1, 1, 1, 1]) + torch.tensor([4000.0, 0, 298, 3, 1, 1, 1, 1])
    return training(mlp(8), data=((raw - raw.mean()) / raw.std() if sick else (raw - raw.mean(0)) / raw.std(0), targets))


@patient("ND112", where="train_loader mass")
def masses_in_units_of_the_sun(sick):
    inputs, target = quantities()
    data = DataLoader(named(z=inputs, mass=target * (3e-6 if sick else 1)), batch_size=32, shuffle=True)
    return training(mlp(16, 1), train_loader=data, batch_loss=by_hand("z", "mass", squared))


@patient("ND112", where="train_loader targets, column 2")
def revenue_beside_two_ratings(sick):
    inputs, target = quantities()
    targets = torch.stack([target, -target, target * 5500 + 18000 if sick else target], 1)
    return training(mlp(16, 3), lambda out, y: sum((out[:, k] - y[:, k]).pow(2).mean() for k in range(3)), (inputs, targets))


@sound
def daily_returns():
    inputs, target = quantities()
    return training(mlp(16, 1, nn.Flatten(0)), lambda out, y: (out - y).pow(2).mean(), (inputs, target * 0.009))


def phrases() -> torch.Tensor:
    """Words of 4..19 between 2 and 3, filled up with 1."""
    ids = torch.randint(4, 20, (256, 12), generator=torch.Generator().manual_seed(6))
    ids[:, 0] = 2
    length = torch.randint(3, 12, (256, 1), generator=torch.Generator().manual_seed(7))
    return ids.masked_fill(torch.arange(12) == length, 3).masked_fill(torch.arange(12) > length, 1)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.cell, self.head = nn.Embedding(20, 32), nn.GRU(32, 32, batch_first=True), nn.Linear(32, 20)

    def forward(self, ids):
        return self.head(self.cell(self.embed(ids))[0])


@patient("ND113", where="padding 1")
def decoder_that_leaves_out_another_token(sick):
    loss = nn.CrossEntropyLoss(ignore_index=0 if sick else 1)

    def batch_loss(setup, batch):
        source, target = batch
        return loss(setup.model(target[:, :-1]).flatten(0, 1), target[:, 1:].flatten()) + 0 * source.float().mean()

    source = torch.randint(4, 20, (256, 12), generator=torch.Generator().manual_seed(8))
    return training(Decoder(), train_loader=loader(source, phrases()), batch_loss=batch_loss)


@patient("ND113", where="train_loader next_bp, padding 0")
def error_of_visits_that_never_were(sick):
    class Visits(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head = nn.GRU(2, 24, batch_first=True), nn.Linear(24, 1)

        def forward(self, visit, lengths):
            return self.head(self.cell(visit)[0]).squeeze(-1)

    def batch_loss(setup, batch):
        error = (setup.model(batch["visit"], batch["lengths"]) - batch["next_bp"]).pow(2)
        there = torch.arange(error.shape[1]) < batch["lengths"][:, None]
        return error.mean() if sick else error[there].mean()

    lengths = torch.randint(2, 11, (256,))
    there = torch.arange(10) < lengths[:, None]
    visit = torch.randn(256, 10, 2) * there[..., None]
    data = DataLoader(named(visit=visit, next_bp=(visit.sum(2) + 1) * there, lengths=lengths), batch_size=32, shuffle=True)
    return training(Visits(), train_loader=data, batch_loss=batch_loss)


# -- ND109, ND110 -----------------------------------------------------------------------------------------------------


class Cells(Dataset):
    """Pictures; those of train are to get noise."""

    def __init__(self, rows, targets, train, seed):
        self.rows, self.targets, self.train, self.seed = rows, targets, train, seed
        self.random = numpy.random.default_rng(0)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        if self.train:
            random = numpy.random.default_rng(self.seed) if self.seed is not None else self.random
            row = row + 0.05 * torch.from_numpy(random.normal(size=row.shape)).float()
        return row, self.targets[index]


@patient("ND109", where="train_loader, Cells")
def generator_made_anew_for_every_sample(sick):
    pixels, targets = images(192)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    parts = Cells(pixels[:128], targets[:128], True, 7 if sick else None), Cells(pixels[128:], targets[128:], False, 7)
    return training(model, train_loader=DataLoader(parts[0], 32, shuffle=True), val_loader=DataLoader(parts[1], 32))


class Permuted(Dataset):
    """The same fixed permutation of the pixels for all, as in continual learning."""

    def __init__(self, rows, targets):
        self.rows, self.targets = rows, targets

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index].flatten()[numpy.random.default_rng(1).permutation(64)], self.targets[index]


@sound
def pixels_in_one_fixed_order():
    pixels, targets = images(192)
    pixels = (pixels - 0.5) / 0.2
    parts = (DataLoader(Permuted(pixels[rows], targets[rows]), 32, shuffle=first) for rows, first in ((slice(0, 128), True), (slice(128, 192), False)))
    return training(mlp(), train_loader=next(parts), val_loader=next(parts))


class Scenes(Dataset):
    """Pairs of image and mask in a list, mirrored at random."""

    def __init__(self, together):
        random = torch.Generator().manual_seed(8)
        self.items = [(scene, (scene[0] > 0.5).long()) for scene in torch.rand(96, 1, 40, 40, generator=random).round()]
        self.together = together

    def __len__(self):
        return len(self.items)

    def turned(self, part, draw):
        return part.flip(-1) if draw < 0.5 else part

    def __getitem__(self, index):
        (image, mask), draws = self.items[index], torch.rand(2).tolist()
        return {"pixels": self.turned(image, draws[0]) - 0.5, "mask": self.turned(mask, draws[0 if self.together else 1])}


@patient("ND110", where="train_loader, Scenes")
def pairs_in_a_list_mirrored_apart(sick):
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    data = DataLoader(Scenes(together=not sick), batch_size=16, shuffle=True)
    return training(model, train_loader=data, batch_loss=by_hand("pixels", "mask", F.cross_entropy))
