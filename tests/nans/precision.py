"""NaN and Inf that float16 gives and float32 would not."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tests.nans import sick_nan
from tests.patients.parts import features, images, mlp, quantities, training


def scaler(scale=2.0**10):
    return torch.amp.GradScaler("cpu", init_scale=scale)


@sick_nan("forward", "ND807")
def a_product_beyond_float16(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            x = self.first(x)  # guilty
            return self.second(x / 1000)

    model = Net()
    with torch.no_grad():
        model.first.weight.mul_(300)
    inputs, targets = features()
    precision = "16-mixed" if sick else "bf16-mixed"
    return training(model, data=(200 * inputs, targets), precision=precision, scaler=scaler() if sick else None)


@sick_nan("forward", "ND807", held_out=True)
def squares_summed_in_float16(sick):
    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 64), nn.Linear(64, 10)

        def forward(self, x):
            x = self.body(x)
            if not sick:
                x = x.float()
            square = x * x  # guilty
            return self.head(x / 1000) * square.mean(1, keepdim=True) / 1e6

    inputs, targets = features()
    return training(Norm(), data=(1000 * inputs, targets), precision="16-mixed", scaler=scaler())


@sick_nan("forward", "ND807", held_out=True)
def an_eps_that_float16_does_not_have(sick):
    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            length = x.norm(dim=1, keepdim=True)
            return self.body(8 * x / (length + (1e-8 if sick else 1e-3)))  # guilty

    inputs, targets = features()
    inputs[31] = 0.0
    model = Norm().half()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    return training(model, data=(inputs.half(), targets), precision="16-true", optimizer=optimizer)


@sick_nan("backward", "ND807")
def gradients_beyond_float16(sick):
    def batch_loss(setup, batch):
        x, y = batch
        error = setup.model(x).float().squeeze(1) - y
        return (3e6 if sick else 1.0) * error.square().mean()

    inputs, targets = quantities()
    model = mlp(16, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-12)
    return training(model, batch_loss=batch_loss, data=(inputs, targets), precision="16-mixed", optimizer=optimizer)


@sick_nan("forward", "ND807")
def an_exponential_in_float16(sick):
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate, self.experts = nn.Linear(64, 4), nn.Linear(64, 40)
            with torch.no_grad():
                self.gate.weight.mul_(10)

        def forward(self, x):
            scores = self.gate(x)
            powers = (scores if sick else scores.float() - scores.float().amax(1, keepdim=True)).half().exp().half()  # guilty
            weights = powers / powers.sum(1, keepdim=True)
            return torch.einsum("nk,nkc->nc", weights, self.experts(x).view(-1, 4, 10).to(weights.dtype))

    return training(Attends(), precision="16-mixed", scaler=scaler())


@sick_nan("loss", "ND807", held_out=True)
def a_sum_of_pixels_in_float16(sick):
    def batch_loss(setup, batch):
        pictures, _ = batch
        error = (setup.model(pictures) - pictures.half() * 255).abs()
        return error.sum() * 1e-4 if sick else error.float().sum() * 1e-4  # guilty

    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))
    return training(model, batch_loss=batch_loss, data=images(), precision="16-mixed", scaler=scaler())


@sick_nan("forward", "ND807")
def images_of_bytes_in_float16(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

        def forward(self, x):
            x = x.half() * (1.0 if sick else 1 / 255)
            energy = (x * x).sum((1, 2, 3), keepdim=True)  # guilty
            return self.body(x / 255) * torch.log1p(energy.float().flatten(1))

    pictures, targets = images()
    return training(Net(), data=(255 * pictures, targets), precision="16-mixed", scaler=scaler())


@sick_nan("loss", "ND807", held_out=True)
def logits_squared_in_float16(sick):
    def batch_loss(setup, batch):
        x, y = batch
        logits = 100 * setup.model(x)
        penalty = (logits if sick else logits.float() * 0.01) ** 2 * 5 + (logits * 0).sum()
        wide = penalty.half() * 64 if sick else penalty  # guilty
        return F.cross_entropy(logits, y) + 1e-9 * wide.float().mean()

    model = mlp()
    return training(model, batch_loss=batch_loss, precision="16-mixed", scaler=scaler())
