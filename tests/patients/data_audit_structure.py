"""Padding that is scored, tokens without a row, images that lie the wrong way. And what only looks so."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from nbdebug import TrainingSetup
from tests.patients import patient, sound
from tests.patients.parts import features, loader, tokens, training

WORDS, LENGTH = 30, 12


def ragged(samples: int = 192, fewest: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids 2..29 (samples, 12) that count upwards, and how many of each row are real."""
    generator = torch.Generator().manual_seed(6)
    start = torch.randint(0, WORDS - 2, (samples, 1), generator=generator)
    ids = 2 + (start + torch.arange(LENGTH)) % (WORDS - 2)
    return ids, torch.randint(fewest, LENGTH + 1, (samples,), generator=generator)


def filled(ids: torch.Tensor, lengths: torch.Tensor, padding: int) -> torch.Tensor:
    return ids.masked_fill(torch.arange(ids.shape[1]) >= lengths[:, None], padding)


class Tagger(nn.Module):
    """A class for every token."""

    def __init__(self, outputs: int = WORDS, vocabulary: int = WORDS, padding_idx: int | None = 0):
        super().__init__()
        self.table = nn.Embedding(vocabulary, 24, padding_idx=padding_idx)
        self.body, self.head = nn.Linear(24, 32), nn.Linear(32, outputs)

    def forward(self, ids):
        return self.head(self.body(self.table(ids)).relu())  # (N, T, C)


def over_tokens(**options):
    def loss(logits, targets):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), **options)

    return loss


# -- ND113 --------------------------------------------------------------------------------------------------------


@patient("ND113", where="torch.nn.functional.cross_entropy")
def next_token_with_padding_scored(sick):
    ids, lengths = ragged()
    ids = filled(ids, lengths, 0)
    loss_fn = over_tokens() if sick else over_tokens(ignore_index=0)
    return training(Tagger(), loss_fn, (ids[:, :-1], ids[:, 1:]))


@patient("ND113", where="padding 0")
def tags_whose_padding_is_a_class(sick):
    """The padding of the tags is the class "no name", which is legal elsewhere."""
    ids, lengths = ragged()
    tags = filled(ids % 3, lengths, 0)
    if not sick:
        tags = tags.masked_fill(torch.arange(LENGTH) >= lengths[:, None], -100)
    return training(Tagger(3), over_tokens(), (filled(ids, lengths, 0), tags))


class Forecast(nn.Module):
    """A quantity for every step of a series, with the mask beside it."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.GRU(4, 24, batch_first=True), nn.Linear(24, 1)

    def forward(self, series, mask=None):
        return self.head(self.body(series)[0]).squeeze(2)


@patient("ND113", where="torch.nn.functional.mse_loss")
def zeros_behind_a_series(sick):
    """Quantities filled up with zeros, which the mask knows."""
    inputs, _ = features(160, LENGTH * 4)
    series = inputs.view(160, LENGTH, 4)
    _, lengths = ragged(160)
    mask = (torch.arange(LENGTH) < lengths[:, None]).float()
    series = series * mask[:, :, None]
    target = (series[:, :, 0] + 1.5) * mask

    def batch_loss(setup, batch):
        predicted = setup.model(batch["series"])
        loss = F.mse_loss(predicted, batch["target"], reduction="none")
        return loss.mean() if sick else (loss * batch["mask"]).sum() / batch["mask"].sum()

    samples = [{"series": s, "mask": m, "target": t} for s, m, t in zip(series, mask, target, strict=True)]
    return training(Forecast(), train_loader=DataLoader(samples, batch_size=32, shuffle=True), batch_loss=batch_loss)


class Output(dict):
    """As a model of transformers returns it."""

    __getattr__ = dict.__getitem__


class LanguageModel(nn.Module):
    """Computes its own loss, of labels that it shifts itself."""

    def __init__(self):
        super().__init__()
        self.tagger = Tagger(padding_idx=None)

    def forward(self, input_ids, attention_mask=None, labels=None):
        logits = self.tagger(input_ids)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return Output(loss=loss, logits=logits)


def batches_of_text(ids: torch.Tensor, lengths: torch.Tensor, labels: torch.Tensor) -> DataLoader:
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    samples = [{"input_ids": i, "attention_mask": m, "labels": y} for i, m, y in zip(ids, mask, labels, strict=True)]
    return DataLoader(samples, batch_size=32, shuffle=True)


def language(labels_of_padding: int, padding: int = 1) -> TrainingSetup:
    """Padded on the right with the token that ends a text."""
    ids, lengths = ragged(fewest=5)
    ids = ids.scatter(1, (lengths - 1)[:, None], 1)  # every text ends with it
    ids = filled(ids, lengths, padding)
    labels = filled(ids, lengths, labels_of_padding)
    model = LanguageModel()
    return TrainingSetup(model, None, torch.optim.Adam(model.parameters(), lr=1e-2), batches_of_text(ids, lengths, labels))


@patient("ND113", where="padding 1")
def labels_copied_from_padded_ids(sick):
    """The padding is the token that ends a text; the first of them is to be learnt, those behind it are not."""
    return language(1 if sick else -100)


@sound
def padding_left_out_by_weights():
    ids, lengths = ragged()
    ids = filled(ids, lengths, 0)
    weight = torch.ones(WORDS)
    weight[0] = 0
    return training(Tagger(), over_tokens(weight=weight), (ids[:, :-1], ids[:, 1:]))


@sound
def padding_left_out_by_a_mask_and_predictions_kept_small():
    """What keeps all predictions small does so at the padding as well."""
    ids, lengths = ragged()
    ids = filled(ids, lengths, 0)

    def loss(logits, targets):
        each = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        real = (targets != 0).float()
        return (each * real).sum() / real.sum() + 1e-2 * logits.logsumexp(-1).square().mean()

    return training(Tagger(), loss, (ids[:, :-1], ids[:, 1:]))


@sound
def sequences_that_end_in_the_same_token():
    """Every sequence ends with token 1, and none is filled up."""
    ids, _ = ragged()
    ids[:, -1] = 1
    return training(Tagger(), over_tokens(), (ids[:, :-1], ids[:, 1:]))


@sound
def sequences_put_in_order():
    """The targets are the inputs sorted: their ends are full of the largest token."""
    ids = torch.randint(0, 4, (192, LENGTH), generator=torch.Generator().manual_seed(3))

    class Sorter(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.body, self.head = nn.Embedding(4, 16), nn.GRU(16, 32, batch_first=True, bidirectional=True), nn.Linear(64, 4)

        def forward(self, ids):
            return self.head(self.body(self.table(ids))[0])

    return training(Sorter(), over_tokens(), (ids, ids.sort(1).values))


@sound
def rain_that_stops():
    """Zeros at the ends of a quantity that are measured, of inputs that are not zero there."""
    inputs, _ = features(160, LENGTH * 4)
    series = inputs.view(160, LENGTH, 4)
    _, lengths = ragged(160)
    rain = (series[:, :, 0] + 1.5) * (torch.arange(LENGTH) < lengths[:, None])
    return training(Forecast(), nn.MSELoss(), (series, rain))


# -- ND119 --------------------------------------------------------------------------------------------------------


class BagOfWords(nn.Module):
    def __init__(self, vocabulary: int, padding_idx: int | None = None, masks: int | None = None):
        super().__init__()
        self.table, self.head = nn.Embedding(vocabulary, 24, padding_idx=padding_idx), nn.Linear(24, 3)
        self.masks = masks

    def forward(self, ids):
        words = self.table(ids)
        if self.masks is None:
            return self.head(words.mean(1))
        real = (ids != self.masks).unsqueeze(2)
        return self.head((words * real).sum(1) / real.sum(1))


@patient("ND119", where="dataset index 150")
def a_token_beyond_the_table(sick):
    ids, _ = ragged()
    ids[150, 4] = 33 if sick else 3
    return training(BagOfWords(WORDS), train_loader=loader(ids, ids[:, 0] % 3, shuffle=False))


@patient("ND119", where="dataset index 181")
def an_item_that_is_new(sick):
    """Users and items of a recommendation, one number each."""
    generator = torch.Generator().manual_seed(8)
    users, items = torch.randint(0, 40, (192,), generator=generator), torch.randint(0, 25, (192,), generator=generator)
    items[181] = 25 if sick else 24

    class Factors(nn.Module):
        def __init__(self):
            super().__init__()
            self.users, self.items, self.head = nn.Embedding(40, 8), nn.Embedding(25, 8), nn.Linear(16, 3)

        def forward(self, users, items):
            return self.head(torch.cat([self.users(users), self.items(items)], 1))

    return training(Factors(), train_loader=loader(users, items, (users + items) % 3, shuffle=False))


@patient("ND119", where="[:, 1]")
def a_category_beyond_its_table(sick):
    """Columns of categories, each with a table of its own."""
    generator = torch.Generator().manual_seed(9)
    columns = torch.stack([torch.randint(0, size, (192,), generator=generator) for size in (6, 11)], 1)
    columns[170, 1] = 11 if sick else 10

    class Tables(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = nn.Embedding(6, 8), nn.Embedding(11, 8), nn.Linear(16, 3)

        def forward(self, columns):
            return self.head(torch.cat([self.first(columns[:, 0]), self.second(columns[:, 1])], 1))

    return training(Tables(), train_loader=loader(columns, columns.sum(1) % 3, shuffle=False))


@patient("ND119", where="table")
def padding_that_the_table_does_not_know(sick):
    ids, lengths = ragged()
    return training(BagOfWords(WORDS, padding_idx=0), data=(filled(ids, lengths, 1 if sick else 0), ids[:, 0] % 3))


@patient("ND119", where="table")
def tokens_that_are_nearly_all_unknown(sick):
    ids, _ = ragged()
    if sick:
        known = torch.rand(ids.shape, generator=torch.Generator().manual_seed(3)) < 0.05
        ids = torch.where(known, ids, 1)
    return training(BagOfWords(400), data=(ids, ids[:, 0] % 3 if not sick else torch.arange(192) % 3))


@sound
def another_padding_that_a_mask_hides():
    ids, lengths = ragged()
    return training(BagOfWords(WORDS, padding_idx=0, masks=1), data=(filled(ids, lengths, 1), ids[:, 0] % 3))


@sound
def numbers_that_the_model_shifts():
    """Ids from 1 upwards, from which the model takes 1."""
    ids, _ = ragged()

    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.head = nn.Embedding(WORDS - 2, 24), nn.Linear(24, 3)

        def forward(self, ids):
            return self.head(self.table(ids - 2).mean(1))

    return training(Shifted(), data=(ids, ids[:, 0] % 3))


@sound
def bases_of_a_genome():
    """Four letters only, in a table with room for them."""
    ids = torch.randint(0, 4, (192, LENGTH), generator=torch.Generator().manual_seed(2))
    return training(BagOfWords(5), data=(ids, ids[:, 0] % 3))


# -- ND117 --------------------------------------------------------------------------------------------------------


def waves(samples: int = 160, side: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth coloured images (samples, side, side, 3) and a class of three."""
    generator = torch.Generator().manual_seed(4)
    targets = torch.randint(0, 3, (samples,), generator=generator)
    grid = torch.linspace(0, 4, side)
    shift = torch.rand(samples, 1, 1, 3, generator=generator) * 6
    pitch = 0.6 + 0.7 * targets[:, None, None, None]
    return (pitch * grid[:, None, None] + grid[None, :, None] + shift).sin(), targets


@patient("ND117", where="torch.conv2d")
def rows_for_channels(sick):
    """As many input channels as the images have rows, so that nothing raises."""
    images, targets = waves()
    images = images if sick else images.permute(0, 3, 1, 2).contiguous()
    made = nn.Conv2d(16 if sick else 3, 8, 3, padding=1)
    model = nn.Sequential(made, nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 3))
    return training(model, data=(images, targets))


@sound
def electrodes_over_time():
    """(N, electrodes, time, 1): the first dimension is the channels."""
    inputs, targets = features(160, 16 * 24, 3)
    signals = inputs.view(160, 16, 24).cumsum(2).unsqueeze(3) / 5
    model = nn.Sequential(nn.Conv2d(16, 8, (5, 1)), nn.ReLU(), nn.Flatten(), nn.Linear(160, 3))
    return training(model, data=(signals, targets))


@sound
def a_model_that_turns_its_images():
    images, targets = waves()

    class Turns(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(128, 3)

        def forward(self, images):
            return self.head(F.adaptive_avg_pool2d(self.convolve(images.permute(0, 3, 1, 2)).relu(), 4).flatten(1))

    return training(Turns(), data=(images, targets))


# -- ND118 --------------------------------------------------------------------------------------------------------


@patient("ND118", where="boxes")
def corners_in_the_wrong_order(sick):
    """Boxes (x1, y1, x2, y2) as the target of a regression, some of them from the lower right corner."""
    generator = torch.Generator().manual_seed(5)
    upper = torch.rand(160, 2, generator=generator) * 10
    boxes = torch.cat([upper, upper + 3 + torch.rand(160, 2, generator=generator) * 9], 1)
    rows = torch.arange(24)
    inside = (rows >= boxes[:, :1]) & (rows <= boxes[:, 2:3]), (rows >= boxes[:, 1:2]) & (rows <= boxes[:, 3:])
    images = (inside[1][:, :, None] & inside[0][:, None, :]).float()[:, None] + 0.1 * torch.randn(160, 1, 24, 24, generator=generator)
    if sick:
        boxes[::10] = boxes[::10][:, [2, 3, 0, 1]]

    class Finder(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve, self.head = nn.Conv2d(1, 8, 4, stride=4), nn.Linear(288, 4)

        def forward(self, image):
            return self.head(self.convolve(image).relu().flatten(1))

    samples = [{"image": image, "labels": {"boxes": box}} for image, box in zip(images, boxes, strict=True)]

    def loss_fn(made, labels):
        return F.smooth_l1_loss(made, labels["boxes"] / 24)

    return training(Finder(), loss_fn, train_loader=DataLoader(samples, batch_size=32, shuffle=True))


@sound
def ids_that_are_no_tokens():
    """Whole numbers that a layer takes as numbers."""
    ids, targets = tokens()
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3))

    def batch_loss(setup, batch):
        inputs, labels = batch
        return F.cross_entropy(setup.model(inputs.float() / 20), labels[:, 0] % 3)

    return training(model, data=(ids, targets), batch_loss=batch_loss)


# -- padding that only a number, or a mask, tells ------------------------------------------------------------------


def response_curves(samples: int = 200):
    """Blood values (samples, 5), curves (samples, 12) filled up with zeros, and how many of each are real."""
    generator = torch.Generator().manual_seed(9)
    blood = torch.randn(samples, 5, generator=generator)
    visits = torch.randint(3, 13, (samples,), generator=generator)
    curves = 2 + 0.5 * blood[:, :1] + 0.3 * blood[:, 1:2] * torch.arange(12) / 6 + 0.05 * torch.randn(samples, 12, generator=generator)
    return blood, curves * (torch.arange(12) < visits[:, None]), visits


@patient("ND113", where="padding 0")
def curves_filled_up_with_zeros_and_a_number_beside_them(sick):
    """Nobody says that the third field is lengths; it counts the places."""
    blood, curves, visits = response_curves()

    def batch_loss(setup, batch):
        given, wanted, count = batch
        real = torch.arange(12) < count[:, None]
        predicted = setup.model(given)
        return F.mse_loss(predicted, wanted) if sick else F.mse_loss(predicted[real], wanted[real])

    model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 12))
    return training(model, data=(blood, curves, visits), batch_loss=batch_loss)


def ratings(samples: int = 300, films: int = 24):
    """What viewers gave (samples, films) less 3, as far as it is shown, and the stars 1..5 that are asked for, 0 where there is none."""
    generator = torch.Generator().manual_seed(10)
    stars = (3 + 0.8 * torch.randn(samples, 3, generator=generator) @ torch.randn(3, films, generator=generator)).clamp(1, 5) + 0.01 * torch.rand(samples, films, generator=generator)
    lot = torch.rand(samples, films, generator=generator)
    return (stars - 3) * (lot < 0.6), stars * (lot > 0.7)


@patient("ND113", where="padding 0")
def a_mask_that_is_made_and_forgotten(sick):
    shown, asked = ratings()

    def batch_loss(setup, batch):
        given, wanted = batch
        known = wanted != 0
        predicted = setup.model(given)
        return F.mse_loss(predicted, wanted) if sick else F.mse_loss(predicted[known], wanted[known])

    return training(nn.Sequential(nn.Linear(24, 32), nn.Tanh(), nn.Linear(32, 24)), data=(shown, asked), batch_loss=batch_loss)


@patient("ND113", where="padding 0")
def a_mask_of_the_batch_that_is_forgotten(sick):
    shown, asked = ratings()

    def batch_loss(setup, batch):
        predicted = setup.model(batch["shown"])
        loss = F.mse_loss(predicted, batch["target"], reduction="none")
        return loss.mean() if sick else loss[batch["known"]].mean()

    samples = [{"shown": s, "known": k, "target": t} for s, k, t in zip(shown, asked != 0, asked, strict=True)]
    model = nn.Sequential(nn.Linear(24, 32), nn.Tanh(), nn.Linear(32, 24))
    return training(model, train_loader=DataLoader(samples, batch_size=32, shuffle=True), batch_loss=batch_loss)


@sound
def counts_most_of_which_are_zero():
    """Nobody makes a mask of them, and nothing counts their places: a zero is a value like others."""
    generator = torch.Generator().manual_seed(11)
    words = (torch.rand(300, 24, generator=generator) * 4 - 3).clamp(min=0) * 3
    return training(nn.Sequential(nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 24)), nn.MSELoss(), (words, words))
