"""Troubles of the data: broken numbers, wrong scales, labels that do not fit, uneven or sorted. And what only looks so."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    TensorDataset,
    WeightedRandomSampler,
)

from tests.patients import patient, sound
from tests.patients.parts import features, images, loader, mlp, quantities, tokens, training


def convolutions(outputs: int = 10, norm: bool = False) -> nn.Sequential:
    layers = [nn.Conv2d(1, 8, 3, padding=1)] + ([nn.BatchNorm2d(8)] if norm else [])
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, outputs))


def table_of_two(rare_every: int = 40, samples: int = 1024) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns (samples, 16) and a class 1 that is one in `rare_every`, and can be learnt."""
    inputs, _ = features(samples, 16)
    score = inputs[:, 0] + inputs[:, 1]
    return inputs, (score >= score.sort().values[-(samples // rare_every)]).long()


def token_classes(samples: int = 256) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (samples, 12) and the class that the first of them has."""
    ids, _ = tokens(samples)
    return ids, ids[:, 0] % 4


class BagOfTokens(nn.Module):
    """Embeds and averages."""

    def __init__(self, vocabulary: int = 20, outputs: int = 4):
        super().__init__()
        self.embedding, self.body, self.head = nn.Embedding(vocabulary, 32), nn.Linear(12 * 32, 32), nn.Linear(32, outputs)

    def forward(self, ids):
        return self.head(self.body(self.embedding(ids).flatten(1)).relu())


class Stream(IterableDataset):
    """Samples one after the other, without a length."""

    def __init__(self, inputs, targets):
        self.inputs, self.targets = inputs, targets

    def __iter__(self):
        return iter(zip(self.inputs, self.targets, strict=True))


# -- ND101 ----------------------------------------------------------------------------------------------------


@patient("ND101", where="dataset index 17, column 3")
def nan_in_a_table(sick):
    inputs, targets = features()
    if sick:
        inputs[17, 3] = float("nan")
    return training(mlp(), data=(inputs, targets))


@patient("ND101", where="dataset index 5, channel 0")
def inf_in_an_image(sick):
    pixels, targets = images()
    if sick:
        pixels[5, 0, 2, 2] = float("inf")
    return training(convolutions(), data=(pixels, targets))


@patient("ND101", where="targets, dataset index 40")
def nan_in_a_quantity(sick):
    inputs, quantity = quantities()
    if sick:
        quantity[40] = float("nan")
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), (inputs, quantity))


@patient("ND101", where="val_loader inputs, dataset index 3")
def nan_in_validation(sick):
    inputs, targets = features(320)
    if sick:
        inputs[256 + 3, 0] = float("nan")
    held_out = loader(inputs[256:], targets[256:], shuffle=False)
    return training(mlp(), data=(inputs[:256], targets[:256]), val_loader=held_out)


@sound
def missing_values_filled_by_the_model():
    class Filling(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(128)

        def forward(self, x):
            missing = torch.isnan(x)
            return self.body(torch.cat([x.nan_to_num(), missing.float()], 1))

    inputs, targets = features()
    inputs[torch.arange(256), torch.arange(256) % 64] = float("nan")
    return training(Filling(), data=(inputs, targets))


@sound
def missing_quantities_left_out_by_the_loss():
    def known_only(predicted, target):
        known = ~torch.isnan(target)
        return F.mse_loss(predicted[known], target[known])

    inputs, quantity = quantities()
    quantity[::7] = float("nan")
    return training(mlp(16, 1, nn.Flatten(0)), known_only, (inputs, quantity))


@sound
def additive_mask_of_minus_infinity():
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.attention = nn.Embedding(20, 32), nn.MultiheadAttention(32, 2, batch_first=True)
            self.head = nn.Linear(32, 4)

        def forward(self, ids, mask):
            x = self.embedding(ids)
            x = x + self.attention(x, x, x, key_padding_mask=mask, need_weights=False)[0]
            return self.head(x[:, 0])

    ids, targets = token_classes()
    mask = torch.zeros(ids.shape).masked_fill(torch.arange(12) >= 9, float("-inf"))
    return training(Attending(), data=(ids, mask, targets))


# -- ND102 ----------------------------------------------------------------------------------------------------


@patient("ND102", where="train_loader inputs, channel 0")
def pixels_of_0_to_255(sick):
    pixels, targets = images()
    return training(convolutions(), data=(pixels * 255 if sick else pixels, targets))


@patient("ND102", where="train_loader inputs, channel 0")
def pixels_of_0_to_255_into_small_patches(sick):
    """The first layer of a ViT starts at N(0, 0.02)."""
    pixels, targets = images()
    patches = nn.Conv2d(1, 32, 4, stride=4)
    nn.init.normal_(patches.weight, std=0.02)
    return training(nn.Sequential(patches, nn.GELU(), nn.Flatten(), nn.Linear(128, 10)), data=(pixels * 255 if sick else pixels, targets))


@patient("ND102", where="train_loader inputs")
def pixels_scaled_twice(sick):
    pixels, targets = images()
    return training(convolutions(), data=(pixels / 255 if sick else pixels, targets))


@patient("ND102", where="column 2")
def income_beside_age(sick):
    inputs, targets = features(columns=16)
    if sick:
        inputs[:, 2] *= 20_000.0
    return training(mlp(16), data=(inputs, targets))


@patient("ND102", where="what the model makes of train_loader")
def model_that_scales_up(sick):
    class Scaling(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = convolutions()

        def forward(self, x):
            return self.body(x * 255 if sick else x * 2 - 1)

    return training(Scaling(), data=images())


@sound
def pixels_scaled_by_the_model():
    class Scaling(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = convolutions()

        def forward(self, x):
            return self.body(x / 255)

    pixels, targets = images()
    return training(Scaling(), data=(pixels * 255, targets))


@sound
def batch_norm_first_on_an_unscaled_table():
    inputs, targets = features(columns=16)
    scales = torch.logspace(-3, 4, 16)
    return training(nn.Sequential(nn.BatchNorm1d(16), mlp(16)), data=(inputs * scales, targets))


@sound
def batch_norm_behind_the_first_convolution():
    pixels, targets = images()
    return training(convolutions(norm=True), data=(pixels * 255, targets))


@sound
def raw_digits_with_constant_columns():
    inputs, targets = features()
    digits = (inputs.sigmoid() * 16).round()
    digits[:, [0, 32, 39]] = 0.0
    return training(mlp(), data=(digits, targets))


@sound
def sparse_bag_of_words():
    ids, targets = token_classes()
    words = torch.zeros(256, 200).scatter_add_(1, ids + torch.arange(12) * 16, torch.ones(256, 12))
    return training(mlp(200, 4), data=(words, targets))


@sound
def embedding_of_large_ids():
    ids, targets = token_classes()
    return training(BagOfTokens(vocabulary=5000), data=(ids * 250, targets))


# -- ND103 ----------------------------------------------------------------------------------------------------


@patient("ND103", where="train_loader targets, dataset index")
def labels_that_start_at_one(sick):
    inputs, targets = features()
    return training(mlp(), data=(inputs, targets + 1 if sick else targets))


@patient("ND103", where="train_loader targets, class 0")
def labels_that_start_at_one_with_a_head_to_match(sick):
    inputs, targets = features(512, classes=4)
    return training(mlp(outputs=5 if sick else 4), data=(inputs, targets + 1 if sick else targets))


@patient("ND103", where="train_loader targets, class 2")
def number_left_out_of_a_table_of_classes(sick):
    inputs, targets = features(512, classes=4)
    return training(mlp(outputs=5 if sick else 4), data=(inputs, targets + (targets >= 2) if sick else targets))


@sound
def head_with_an_output_to_spare():
    inputs, targets = features(512, classes=4)
    return training(mlp(outputs=5), data=(inputs, targets))


@sound
def pretrained_head_of_which_few_classes_are_used():
    inputs, targets = features(512, classes=4)
    return training(mlp(outputs=12), data=(inputs, 3 * targets + 1))


@sound
def class_zero_that_only_validation_has_among_rare_ones():
    inputs, targets = features(512, classes=4)
    rare = torch.where(targets == 3, 3 + (torch.arange(512) % 16 == 0), targets)
    return training(mlp(outputs=6), data=(inputs, rare + 1))


@patient("ND103", where="train_loader targets, dataset index 3")
def void_pixels_without_ignore_index(sick):
    pixels, _ = images()
    mask = (pixels[:, 0] > 0.5).long()
    mask[3, :2] = 255
    loss_fn = nn.CrossEntropyLoss() if sick else nn.CrossEntropyLoss(ignore_index=255)
    return training(nn.Conv2d(1, 2, 3, padding=1), loss_fn, (pixels, mask))


@patient("ND103", where="train_loader targets")
def signs_for_a_binary_loss(sick):
    inputs, _ = features(columns=16)
    signs = inputs[:, 0].sign()
    return training(mlp(16, 1, nn.Flatten(0)), nn.BCEWithLogitsLoss(), (inputs, signs if sick else (signs + 1) / 2))


@patient("ND103", where="head")
def more_classes_than_the_head_has(sick):
    ids, targets = token_classes()
    return training(BagOfTokens(outputs=3 if sick else 4), data=(ids, targets))


@sound
def ignored_labels_of_minus_100():
    inputs, targets = features()
    targets[::5] = -100
    return training(mlp(), data=(inputs, targets))


@sound
def unknown_tags_left_out_by_the_loss():
    """One of several tags is unknown in places (-1), and the loss leaves those out."""

    def known_only(logits, tags):
        loss = F.binary_cross_entropy_with_logits(logits, tags, reduction="none")
        return (loss * (tags >= 0)).sum() / (tags >= 0).sum()

    inputs, _ = features(columns=16)
    tags = (inputs[:, :4] > 0).float()
    tags[::3, 1] = -1.0
    return training(mlp(16, 4), known_only, (inputs, tags))


@sound
def unlabelled_samples_left_out_late():
    """No sample of the first batches lacks a label, later ones do."""

    def labelled_only(logits, labels):
        return F.cross_entropy(logits[labels >= 0], labels[labels >= 0])

    inputs, targets = features()
    targets[200:210] = -1
    return training(mlp(), labelled_only, train_loader=loader(inputs, targets, shuffle=False))


@sound
def labels_shifted_by_the_loss():
    inputs, targets = features()
    return training(mlp(), lambda logits, labels: F.cross_entropy(logits, labels - 1), (inputs, targets + 1))


# -- ND107 ----------------------------------------------------------------------------------------------------


@patient("ND107", where="train_loader targets, class 1")
def one_in_forty(sick):
    weight = None if sick else torch.tensor([0.5, 20.0])
    return training(mlp(16, 2), nn.CrossEntropyLoss(weight=weight), table_of_two())


@patient("ND107", where="loss_fn.weight")
def weights_that_grow_with_frequency(sick):
    inputs, targets = table_of_two(rare_every=8)
    counts = targets.bincount().float()
    weight = counts / counts.sum() if sick else counts.sum() / (2 * counts)
    return training(mlp(16, 2), nn.CrossEntropyLoss(weight=weight), (inputs, targets))


@patient("ND107", where="loss_fn.pos_weight")
def pos_weight_upside_down(sick):
    inputs, targets = table_of_two(rare_every=10)
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(1 / 9 if sick else 9.0))
    return training(mlp(16, 1, nn.Flatten(0)), loss_fn, (inputs, targets.float()))


@patient("ND107", where="class 1")
def rare_images(sick):
    pixels, _ = images(1024)
    bright = pixels.mean((1, 2, 3))
    rare = (bright >= bright.sort().values[-16]).long()
    data = TensorDataset(pixels, rare)
    sampler = None if sick else WeightedRandomSampler(torch.where(rare == 1, 63.0, 1.0), 1024)
    train_loader = DataLoader(data, batch_size=32, sampler=sampler, shuffle=True if sick else None)
    return training(convolutions(2), train_loader=train_loader)


@sound
def focal_loss_for_the_rare():
    def focal(logits, labels):
        loss = F.cross_entropy(logits, labels, reduction="none")
        return ((1 - (-loss).exp()) ** 2 * loss).mean()

    return training(mlp(16, 2), focal, table_of_two())


@sound
def logits_adjusted_to_the_classes():
    prior = torch.tensor([0.975, 0.025]).log()
    return training(mlp(16, 2), lambda logits, labels: F.cross_entropy(logits + prior, labels), table_of_two())


# -- ND108 ----------------------------------------------------------------------------------------------------


@patient("ND108", where="train_loader, SequentialSampler")
def sorted_by_label(sick):
    inputs, targets = features()
    order = targets.argsort()
    return training(mlp(), train_loader=loader(inputs[order], targets[order], shuffle=not sick))


@patient("ND108", where="train_loader")
def stream_sorted_by_label(sick):
    ids, targets = token_classes()
    order = targets.argsort() if sick else torch.randperm(256)
    return training(BagOfTokens(), train_loader=DataLoader(Stream(ids[order], targets[order]), batch_size=32))


@patient("ND108", where="train_loader")
def folder_after_folder(sick):
    """Images of one class after the other, from a dataset of the user's own."""

    class Folders(Dataset):
        def __init__(self):
            pixels, targets = images(256)
            order = targets.argsort(stable=True)
            self.pixels, self.targets = pixels[order], targets[order]

        def __len__(self):
            return len(self.targets)

        def __getitem__(self, index):
            return self.pixels[index], self.targets[index]

    return training(convolutions(), train_loader=DataLoader(Folders(), batch_size=16, shuffle=not sick))


@sound
def in_order_but_mixed():
    return training(mlp(), train_loader=loader(*features(), shuffle=False))


@sound
def sorted_in_a_single_batch():
    inputs, targets = features()
    order = targets.argsort()
    return training(mlp(), train_loader=loader(inputs[order], targets[order], batch_size=256, shuffle=False))


@sound
def time_series_in_order():
    time = torch.arange(300.0)
    series = (time / 9).sin() + 0.1 * torch.randn(300)
    windows = series.unfold(0, 17, 1)
    data = windows[:, :16], windows[:, 16]
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), train_loader=loader(*data, shuffle=False))


@sound
def few_classes_a_batch_on_purpose():
    """Metric learning: every batch holds 16 samples of each of two classes, drawn by a sampler of the user's own."""

    class TwoClasses(Sampler):
        def __init__(self, targets):
            self.of = [(targets == label).nonzero()[:, 0] for label in range(10)]

        def __iter__(self):
            for _ in range(8):
                chosen = torch.randperm(10)[:2].tolist()
                yield [int(i) for c in chosen for i in self.of[c][torch.randint(len(self.of[c]), (16,))]]

        def __len__(self):
            return 8

    inputs, targets = features()
    data = TensorDataset(inputs, targets)
    return training(mlp(), train_loader=DataLoader(data, batch_sampler=TwoClasses(targets)))
