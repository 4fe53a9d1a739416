"""Trainings whose validation shares samples with train, is prepared differently, or comes from elsewhere. And what only looks so."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, WeightedRandomSampler

from tests.patients import patient, sound
from tests.patients.data import BagOfTokens, convolutions, table_of_two, token_classes
from tests.patients.parts import features, images, loader, mlp, tokens, training


@patient("ND105", where="val_loader, dataset index 0")
def validation_cut_out_of_train(sick):
    inputs, targets = features()
    held_out = loader(inputs[200:], targets[200:], shuffle=False)
    return training(mlp(), data=(inputs, targets) if sick else (inputs[:200], targets[:200]), val_loader=held_out)


@patient("ND105", where="val_loader, dataset index")
def two_random_splits_of_one_dataset(sick):
    whole = TensorDataset(*images(256))
    ways = [torch.randperm(256, generator=torch.Generator().manual_seed(seed)).tolist() for seed in (0, 1 if sick else 0)]
    parts = DataLoader(Subset(whole, ways[0][:192]), 32, shuffle=True), DataLoader(Subset(whole, ways[1][192:]), 32)
    return training(convolutions(), train_loader=parts[0], val_loader=parts[1])


@patient("ND106", where="val_loader inputs")
def validation_never_scaled(sick):
    pixels, targets = images(256)
    return training(convolutions(), data=(pixels[:192], targets[:192]), val_loader=loader(pixels[192:] * (255 if sick else 1), targets[192:], shuffle=False))


@patient("ND106", where="val_loader inputs")
def only_train_is_standardised(sick):
    inputs, targets = features()
    raw = inputs * torch.linspace(1, 9, 64) + torch.linspace(-20, 20, 64)
    return training(mlp(), data=(inputs[:192], targets[:192]), val_loader=loader((raw if sick else inputs)[192:], targets[192:], shuffle=False))


@patient("ND115", where="val_loader inputs, column 0")
def split_along_a_column(sick):
    inputs, targets = features()
    order = inputs[:, 0].argsort() if sick else torch.arange(256)
    train = order[:192][torch.randperm(192)]
    return training(mlp(), data=(inputs[train], targets[train]), val_loader=loader(inputs[order[192:]], targets[order[192:]], shuffle=False))


@patient("ND115", where="val_loader targets, class")
def split_along_the_classes(sick):
    """Nearly sorted by class when it was cut."""
    inputs, targets = features(1024, 16, 4)
    order = (targets + 3 * torch.rand(1024)).argsort() if sick else torch.arange(1024)
    train = order[:640][torch.randperm(640)]
    return training(mlp(16, 4), data=(inputs[train], targets[train]), val_loader=loader(inputs[order[640:]], targets[order[640:]], shuffle=False))


class Noisy(Dataset):
    """Noise, brightness and a shift that are drawn anew each time."""

    def __init__(self, images, targets):
        self.images, self.targets = images, targets

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index] * (0.7 + 0.6 * torch.rand(()))
        return (image + 0.05 * torch.randn(image.shape)).roll(int(torch.randint(-1, 2, ())), -1), self.targets[index]


@sound
def augmented_in_training_alone():
    pixels, targets = images(256)
    train = DataLoader(Noisy(pixels[:192], targets[:192]), 32, shuffle=True)
    return training(convolutions(), train_loader=train, val_loader=loader(pixels[192:], targets[192:], shuffle=False))


@sound
def validated_on_the_training_loader_itself():
    """As tutorials do; it is said, and no alarm."""
    both = loader(*features())
    return training(mlp(), train_loader=both, val_loader=both)


@sound
def rare_class_drawn_more_often_and_validated_as_it_comes():
    inputs, targets = table_of_two(12, 1024)
    weights = torch.where(targets[:768] == 1, 11.0, 1.0)
    train = DataLoader(TensorDataset(inputs[:768], targets[:768]), 32, sampler=WeightedRandomSampler(weights, 768))
    return training(mlp(16, 2), train_loader=train, val_loader=loader(inputs[768:], targets[768:], shuffle=False))


@sound
def sequences_of_which_there_are_only_twenty():
    """Counting upwards, from any of twenty tokens: train holds all of them."""
    ids, targets = token_classes(256)
    return training(BagOfTokens(), data=(ids[:192], targets[:192]), val_loader=loader(ids[192:], targets[192:], shuffle=False))


@sound
def truth_tables():
    """All there is of XOR, on both sides."""
    inputs = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).repeat(64, 1)
    targets = (inputs[:, 0] != inputs[:, 1]).long()
    return training(mlp(2, 2), data=(inputs, targets), val_loader=loader(inputs[:64], targets[:64], shuffle=False))


@sound
def next_token_on_both_sides():
    ids, following = tokens(160)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = nn.Embedding(20, 32), nn.Linear(32, 20)

        def forward(self, ids):
            return self.head(self.embedding(ids)).transpose(1, 2)

    return training(Model(), data=(ids[:128], following[:128]), val_loader=loader(ids[128:], following[128:], shuffle=False))


@sound
def twenty_samples_to_validate_with():
    inputs, targets = features()
    return training(mlp(), data=(inputs[:236], targets[:236]), val_loader=loader(inputs[236:], targets[236:], shuffle=False))
