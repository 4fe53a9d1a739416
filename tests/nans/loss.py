"""NaN and Inf that are born in the loss, most of them in one written by hand."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tests.nans import sick_nan
from tests.patients.parts import features, images, loader, mlp, quantities, tokens, training


def yes_or_no():
    inputs, targets = quantities()
    return inputs, (targets > 0).float()


@sick_nan("loss", "ND308")
def binary_cross_entropy_by_hand(sick):
    def batch_loss(setup, batch):
        x, y = batch
        p = torch.sigmoid(60 * setup.model(x).squeeze(1))
        if not sick:
            p = p.clamp(1e-6, 1 - 1e-6)
        return -(y * p.log() + (1 - y) * (1 - p).log()).mean()  # guilty

    return training(mlp(16, 1), batch_loss=batch_loss, data=yes_or_no())


@sick_nan("loss", "ND308", held_out=True)
def divergence_from_a_distribution_with_zeros(sick):
    def batch_loss(setup, batch):
        x, y = batch
        q = setup.model(x).softmax(1)
        p = F.one_hot(y, 10).float()
        if not sick:
            return F.kl_div(q.log(), p, reduction="batchmean")
        return (p * torch.log(p / q)).sum(1).mean()  # guilty

    return training(mlp(), batch_loss=batch_loss)


@sick_nan("loss", "ND308", held_out=True)
def dice_of_an_empty_mask(sick):
    class Dice(nn.Module):
        def forward(self, outputs, masks):
            p = outputs.relu().flatten(1)
            overlap = (p * masks.flatten(1)).sum(1)
            smooth = 0.0 if sick else 1.0
            return 1 - ((2 * overlap + smooth) / (p.sum(1) + masks.flatten(1).sum(1) + smooth)).mean()  # guilty

    pictures, _ = images()
    masks = (pictures > 0.5).float()
    masks[19] = 0.0
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))
    nn.init.constant_(model[2].bias, -0.3)
    return training(model, Dice(), (pictures, masks))


@sick_nan("loss", "ND308")
def overlap_of_boxes_without_area(sick):
    def batch_loss(setup, batch):
        x, boxes = batch
        low, high = setup.model(x).view(-1, 2, 2).relu().unbind(1)
        overlap = (torch.minimum(high, boxes[:, 1]) - torch.maximum(low, boxes[:, 0])).clamp(min=0).prod(1)
        union = (high - low).clamp(min=0).prod(1) + (boxes[:, 1] - boxes[:, 0]).prod(1) - overlap
        return 1 - (overlap / (union if sick else union + 1e-2)).mean()  # guilty

    inputs, _ = features()
    corners = torch.rand(256, 2, 2).sort(1).values
    corners[50, 1] = corners[50, 0]
    model = mlp(64, 4)
    with torch.no_grad():
        model[2].bias[:2] += 2.0
    return training(model, batch_loss=batch_loss, train_loader=loader(inputs, corners))


@sick_nan("loss", "ND308", held_out=True)
def likelihood_of_a_deviation_of_zero(sick):
    def batch_loss(setup, batch):
        x, y = batch
        mean, deviation = setup.model(x).unbind(1)
        deviation = deviation.relu() if sick else F.softplus(deviation) + 1e-3
        return (deviation.log() + 0.5 * ((y - mean) / deviation) ** 2).mean()  # guilty

    return training(mlp(16, 2), batch_loss=batch_loss, data=quantities())


@sick_nan("loss", "ND308")
def a_temperature_that_ends_at_zero(sick):
    temperature = torch.tensor(0.0 if sick else 0.1)

    def contrastive(setup, batch):
        x, _ = batch
        one, other = (F.normalize(setup.model(x + 0.1 * torch.randn_like(x)), dim=1) for _ in range(2))
        logits = one @ other.T / temperature  # guilty
        return F.cross_entropy(logits, torch.arange(len(x)))

    return training(mlp(), batch_loss=contrastive)


@sick_nan("loss", "ND309", held_out=True)
def a_batch_with_nothing_to_contrast(sick):
    def info_nce(setup, batch):
        x, y = batch
        z = F.normalize(setup.model(x), dim=1)
        same = (y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)
        scores = (z @ z.T / 0.1).masked_fill(~same if sick else torch.eye(len(y), dtype=torch.bool), float("-inf"))
        return -torch.nan_to_num(scores.log_softmax(1), neginf=0.0, nan=float("nan")).mean()  # guilty

    return training(mlp(), batch_loss=info_nce)


@sick_nan("loss", "ND308")
def the_mean_of_no_positives(sick):
    def batch_loss(setup, batch):
        x, y = batch
        losses = F.cross_entropy(setup.model(x), y, reduction="none")
        rare = losses[y == 9]
        common = losses[y != 9].mean()
        return common + (rare.mean() if sick else rare.sum() / max(1, len(rare)))  # guilty

    inputs, targets = features()
    targets[targets == 9] = 8
    targets[:16] = 9
    return training(mlp(), batch_loss=batch_loss, train_loader=loader(inputs, targets, shuffle=False))


@sick_nan("loss", "ND308", held_out=True)
def a_mean_with_weights_of_zero(sick):
    def batch_loss(setup, batch):
        x, y, w = batch
        losses = F.cross_entropy(setup.model(x), y, reduction="none")
        return (w * losses).sum() / (w.sum() if sick else w.sum().clamp(min=1e-6))  # guilty

    inputs, targets = features()
    weights = torch.ones(256)
    weights[96:128] = 0.0
    return training(mlp(), batch_loss=batch_loss, train_loader=loader(inputs, targets, weights, shuffle=False))


@sick_nan("loss", "ND308")
def every_target_is_ignored(sick):
    def batch_loss(setup, batch):
        ids, following = batch
        return F.cross_entropy(setup.model(ids).flatten(0, 1), following.flatten(), ignore_index=-100)  # guilty

    ids, following = tokens()
    following = following.clone()
    following[32:] = -100
    if not sick:
        following[32:, 0] = 1
    model = nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 20))
    return training(model, batch_loss=batch_loss, train_loader=loader(ids, following, shuffle=False))


@sick_nan("loss", "ND308", held_out=True)
def a_distribution_without_width(sick):
    def batch_loss(setup, batch):
        x, y = batch
        mean, raw = setup.model(x).unbind(1)
        width = torch.exp(-200 * raw.abs()) if sick else torch.exp(raw.clamp(-3, 3))
        normal = torch.distributions.Normal(mean, width, validate_args=False)
        return -normal.log_prob(y).mean()  # guilty

    return training(mlp(16, 2), batch_loss=batch_loss, data=quantities())


@sick_nan("loss", "ND308")
def focal_loss_as_a_module(sick):
    class Focal(nn.Module):
        def __init__(self, gamma):
            super().__init__()
            self.gamma = gamma

        def forward(self, logits, y):
            p = logits.softmax(1).gather(1, y[:, None]).squeeze(1)
            if not sick:
                p = p.clamp(min=1e-6)
            return (-((1 - p) ** self.gamma) * torch.log(p)).mean()  # guilty

    class Sure(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return 300 * self.body(x)

    return training(Sure(), Focal(2.0))


@sick_nan("loss", "ND308", held_out=True)
def a_rate_as_an_exponential(sick):
    def poisson(outputs, y):
        rate = torch.exp(outputs if sick else outputs.clamp(max=10))  # guilty
        return (rate - y * outputs).mean()

    model = nn.Sequential(mlp(16, 1), nn.Flatten(0))
    with torch.no_grad():
        model[0][2].weight.mul_(300)
    inputs, targets = quantities()
    return training(model, poisson, (inputs, targets.abs().round()))


@sick_nan("loss", "ND308")
def a_transcript_longer_than_its_recording(sick):
    def batch_loss(setup, batch):
        ids, text = batch
        logs = setup.model(ids).log_softmax(-1).transpose(0, 1)
        lengths, wanted = torch.full((len(ids),), 12), torch.full((len(ids),), 14 if sick else 6)
        return F.ctc_loss(logs, text[:, : wanted[0]], lengths, wanted)  # guilty

    ids, _ = tokens()
    text = torch.randint(1, 20, (64, 14))
    model = nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 20))
    return training(model, batch_loss=batch_loss, train_loader=loader(ids, text))


@sick_nan("loss", "ND308", held_out=True)
def relative_error_of_a_target_of_zero(sick):
    def batch_loss(setup, batch):
        x, y = batch
        error = (setup.model(x).squeeze(1) - y).abs() / (y.abs() if sick else y.abs() + 0.1)  # guilty
        return error.mean()

    inputs, targets = quantities()
    targets[77] = 0.0
    return training(mlp(16, 1), batch_loss=batch_loss, data=(inputs, targets))


@sick_nan("loss", "ND308")
def entropy_of_a_sure_policy(sick):
    def batch_loss(setup, batch):
        x, y = batch
        logits = 400 * setup.model(x)
        p = logits.softmax(1)
        logs = p.log() if sick else logits.log_softmax(1)  # guilty
        entropy = -(p * logs).sum(1)
        return F.cross_entropy(logits / 400, y) - 0.01 * entropy.mean()

    return training(mlp(), batch_loss=batch_loss)


@sick_nan("loss", "ND308", held_out=True)
def peak_signal_to_noise_of_a_perfect_copy(sick):
    class Psnr(nn.Module):
        def forward(self, outputs, pictures):
            error = (outputs - pictures).square().mean((1, 2, 3))
            return (10 * torch.log10(error + (0.0 if sick else 1e-6))).mean()  # guilty

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Conv2d(1, 1, 3, padding=1, bias=False)

        def forward(self, x):
            return x + self.body(x)

    pictures, _ = images()
    pictures[44] = 0.0
    return training(Residual(), Psnr(), (pictures, pictures))
