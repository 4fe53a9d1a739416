"""Data faults of moderate strength, as half-finished preparations leave them."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from tests.patients import patient, sound
from tests.patients.parts import features, images, loader, mlp, quantities, training


class BesideEmbedding(nn.Module):
    """Columns beside the embedding of a category, as tables have them."""

    def __init__(self, columns: int):
        super().__init__()
        self.kind, self.net = nn.Embedding(5, 4), mlp(columns + 4)

    def forward(self, x):
        return self.net(torch.cat([self.kind(x[:, 0].abs().long() % 5), x], 1))


@patient("ND102", where="column 3")
def one_column_that_the_scaler_left_out(sick):
    inputs, targets = features(256, 10)
    if sick:
        inputs[:, 3] = inputs[:, 3] * 45 + 80
    return training(BesideEmbedding(10), data=(inputs, targets))


@patient("ND102", where="train_loader inputs")
def mean_and_deviation_of_bytes_on_pixels_of_one(sick):
    pixels, targets = images()
    mean, std = (168.0, 62.0) if sick else (0.5, 0.25)
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    return training(net, data=((pixels - mean) / std, targets))


@sound
def ages_and_ratios_as_they_are():
    """Columns of tens beside columns of one, none of them scaled."""
    inputs, targets = features(256, 6)
    return training(mlp(6), data=(inputs * torch.tensor([8.0, 5, 3, 1, 0.4, 0.1]), targets))


@patient("ND112", where="train_loader targets")
def temperatures_in_kelvin(sick):
    inputs, target = quantities()
    model = nn.Sequential(nn.Linear(16, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 1), nn.Flatten(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    return training(model, nn.MSELoss(), (inputs, 365 + 4 * target if sick else target), optimizer=optimizer)


@patient("ND112", where="train_loader targets, column 2")
def one_target_of_three_in_seconds(sick):
    inputs, target = quantities()
    targets = torch.stack([target, -target, target * (45 if sick else 1)], 1)
    return training(mlp(16, 3), nn.MSELoss(), (inputs, targets))


class PointingLoss(nn.Module):
    """Picks the logarithm of each label's probability by comparing it with the codes of the classes."""

    def forward(self, logits, y):
        picked = (y[:, None] == torch.arange(logits.shape[1])).float()
        return -(picked * logits.log_softmax(-1)).sum(1).mean()


@patient("ND103", where="train_loader targets")
def labels_from_one_in_a_loss_by_hand(sick):
    inputs, targets = features(classes=4)
    return training(mlp(outputs=4), PointingLoss(), (inputs, targets + 1 if sick else targets))


@sound
def ratings_from_one_to_five_as_quantities():
    inputs, targets = features(classes=5)
    return training(mlp(outputs=5), lambda out, y: (out.softmax(-1) @ torch.arange(1.0, 6) - y).square().mean(), (inputs, targets + 1))


class LabelByLabel(Sampler):
    """All of one label, in another order each time, before the next."""

    def __init__(self, targets, mixed):
        self.targets, self.mixed = targets, mixed

    def __len__(self):
        return len(self.targets)

    def __iter__(self):
        order = torch.randperm(len(self))
        return iter((order if self.mixed else order[self.targets[order].argsort(stable=True)]).tolist())


@patient("ND108", where="LabelByLabel")
def a_sampler_that_brings_label_after_label(sick):
    inputs, targets = features()
    return training(mlp(), train_loader=DataLoader(TensorDataset(inputs, targets), 32, sampler=LabelByLabel(targets, mixed=not sick)))


@patient("ND110", where="train_loader inputs")
def decibels_clipped_at_the_wrong_end(sick):
    pixels, targets = images()
    quiet = pixels - 1
    return training(nn.Sequential(nn.Flatten(), mlp()), data=((quiet.clamp(min=0) if sick else quiet.clamp(-1, 0)) + 0.5, targets))


@patient("ND106", where="column 2")
def a_logarithm_in_training_alone(sick):
    made = torch.Generator().manual_seed(5)
    raw = torch.randn(900, 6, generator=made)
    raw[:, 2] = (0.3 + 0.5 * raw[:, 2]).exp()
    targets = (raw[:, 0] > 0).long()
    train, val = raw[:700].clone(), raw[700:].clone()
    train[:, 2] = train[:, 2].log1p()
    val[:, 2] = val[:, 2] if sick else val[:, 2].log1p()
    mean, std = train.mean(0), train.std(0)
    val_loader = loader((val - mean) / std, targets[700:], shuffle=False)
    return training(mlp(6, 2), data=((train - mean) / std, targets[:700]), val_loader=val_loader)


@patient("ND113", where="padding 3")
def tokens_that_are_their_own_targets(sick):
    """The loss leaves out the unknown word, and not the padding."""
    lengths = torch.randint(5, 13, (128, 1), generator=torch.Generator().manual_seed(0))
    ids = torch.randint(4, 20, (128, 1), generator=torch.Generator().manual_seed(1)) + torch.arange(13)
    ids = torch.where(torch.arange(13) < lengths, (ids - 4) % 16 + 4, 3)

    def batch_loss(setup, batch):
        logits = setup.model(batch["input_ids"])
        return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch["input_ids"][:, 1:].flatten(), ignore_index=0 if sick else 3)

    samples = [{"input_ids": row, "attention_mask": (row != 3).long()} for row in ids]
    model = nn.Sequential(nn.Embedding(20, 32, padding_idx=3), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 20))
    return training(model, loss_fn=None, batch_loss=batch_loss, train_loader=DataLoader(samples, 32, shuffle=True))


class ByLength(Sampler):
    """Batches of sequences of one length, short ones first."""

    def __init__(self, lengths, mixed):
        self.order, self.mixed = lengths.argsort(stable=True), mixed

    def __len__(self):
        return len(self.order) // 16

    def __iter__(self):
        batches = self.order.view(-1, 16).tolist()
        return iter([batches[i] for i in torch.randperm(len(batches))] if self.mixed else batches)


@patient("ND108", where="ByLength")
def batches_from_the_shortest_to_the_longest(sick):
    made = torch.Generator().manual_seed(3)
    lengths = torch.randint(4, 20, (192,), generator=made)
    rows = [torch.randint(1, 30, (int(n),), generator=made) for n in lengths]
    samples = [(row, (row > 15).float().mean().mul(3).long().clamp(max=2)) for row in rows]

    def collate(batch):
        return nn.utils.rnn.pad_sequence([row for row, _ in batch], batch_first=True), torch.stack([label for _, label in batch])

    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(30, 32, padding_idx=0), nn.Linear(32, 3)

        def forward(self, ids):
            there = (ids > 0).unsqueeze(2)
            return self.head((self.words(ids) * there).sum(1) / there.sum(1))

    return training(Bag(), train_loader=DataLoader(samples, batch_sampler=ByLength(lengths, mixed=not sick), collate_fn=collate))


# -- ND107: weights of a loss of one's own, and of several tags ---------------------------------------------------------


class Focal(nn.Module):
    def __init__(self, alpha):
        super().__init__()
        self.alpha = alpha

    def forward(self, scores, targets):
        likely = torch.log_softmax(scores, 1).gather(1, targets[:, None])[:, 0]
        return (-self.alpha[targets] * (1 - likely.exp()) ** 2 * likely).mean()


def rare_classes(samples=600):
    inputs, _ = features(samples, 10)
    drawn = torch.rand(samples)
    return inputs, (drawn > 0.7).long() + (drawn > 0.9).long()


@patient("ND107", where="loss_fn, train_loader targets")
def focal_loss_that_pulls_hardest_at_the_frequent_class(sick):
    inputs, targets = rare_classes()
    counts = torch.bincount(targets).float()
    return training(mlp(10, 3), data=(inputs, targets), loss_fn=Focal(counts / counts.sum() if sick else counts.sum() / counts / 3))


@sound
def focal_loss_without_weights():
    return training(mlp(10, 3), data=rare_classes(), loss_fn=Focal(torch.ones(3)))


@patient("ND107", where="loss_fn.pos_weight")
def weights_of_tags_upside_down(sick):
    inputs, _ = features(400, 10)
    tags = (torch.rand(400, 4) < torch.tensor([0.5, 0.2, 0.1, 0.05])).float()
    positive = tags.sum(0)
    weights = positive / (400 - positive) if sick else (400 - positive) / positive
    return training(mlp(10, 4), data=(inputs, tags), loss_fn=nn.BCEWithLogitsLoss(pos_weight=weights))
