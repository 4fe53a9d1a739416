"""NaN and Inf that are born in the update: loss and gradients were all right."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tests.nans import sick_nan
from tests.patients.parts import features, loader, mlp, quantities, training


def with_a_dead_column():
    """Features whose column 0 is always zero, so that its weights never get a gradient."""
    inputs, targets = features()
    inputs[:, 0] = 0.0
    return inputs, targets


@sick_nan("optimizer", "ND709", where="0.weight")
def adam_without_eps(sick):
    model = mlp()
    return training(model, data=with_a_dead_column(), optimizer=torch.optim.Adam(model.parameters(), lr=1e-3, eps=0.0 if sick else 1e-8))


@sick_nan("optimizer", "ND709", where="0.weight", held_out=True)
def rmsprop_without_eps(sick):
    model = mlp()
    return training(model, data=with_a_dead_column(), optimizer=torch.optim.RMSprop(model.parameters(), lr=1e-3, eps=0.0 if sick else 1e-8))


@sick_nan("optimizer", "ND709", where="learning rate")
def a_schedule_that_becomes_infinite(sick):
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rates = [1.0, 1.0, 1.0, float("inf") if sick else 1.0]
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rates[min(step, 3)])
    return training(model, optimizer=optimizer, scheduler=scheduler)


@sick_nan("optimizer", "ND709", where="learning rate", held_out=True)
def a_learning_rate_that_is_no_number(sick):
    model = mlp()
    rate = torch.tensor(0.0) / torch.tensor(0.0 if sick else 1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["lr"] = 0.1 + rate.item()
    return training(model, optimizer=optimizer)


@sick_nan("optimizer", "ND709", where="learning rate")
def a_learning_rate_beyond_float32(sick):
    def batch_loss(setup, batch):
        x, y = batch
        return 1000 * F.cross_entropy(setup.model(x), y)

    model = mlp()
    return training(model, batch_loss=batch_loss, optimizer=torch.optim.SGD(model.parameters(), lr=3e38 if sick else 1e-4))


@sick_nan("optimizer", "ND709", where="group 0", held_out=True)
def half_weights_whose_eps_is_zero(sick):
    model = mlp().half() if sick else mlp()
    inputs, targets = with_a_dead_column()
    return training(
        model, data=(inputs.half() if sick else inputs, targets), precision="16-true" if sick else "32-true",
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-4, eps=1e-8, foreach=False),
    )  # fmt: skip


@sick_nan("optimizer", "ND709", where="2.weight")
def moments_that_were_loaded_wrong(sick):
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    F.cross_entropy(model(features()[0]), features()[1]).backward()
    optimizer.step()
    if sick:
        optimizer.state[model[2].weight]["exp_avg_sq"].sub_(1.0)
    return training(model, optimizer=optimizer)


@sick_nan("optimizer", "ND709", where="0.bias", held_out=True)
def a_moment_that_is_no_number(sick):
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    F.cross_entropy(model(features()[0]), features()[1]).backward()
    optimizer.step()
    if sick:
        optimizer.state[model[0].bias]["exp_avg"][5] = float("nan")
    return training(model, optimizer=optimizer)


@sick_nan("optimizer", "ND709", where="weight_decay", held_out=True)
def a_weight_decay_that_is_no_number(sick):
    model = mlp()
    decay = float("nan") if sick else 1e-2
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "weight_decay": decay}]
    return training(model, optimizer=torch.optim.AdamW(groups, lr=1e-3))


@sick_nan("optimizer", "ND709")
def a_hand_written_optimizer_that_normalises(sick):
    class Normalised(torch.optim.Optimizer):
        def __init__(self, parameters, lr):
            super().__init__(parameters, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        length = p.grad.norm(dim=-1, keepdim=True)
                        p.sub_(group["lr"] * p.grad / (length if sick else length + 1e-8))  # guilty

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return self.body(x)[:, :8]

    model = Half()
    inputs, targets = features()
    return training(model, data=(inputs, targets % 8), optimizer=Normalised(model.parameters(), 1e-2))


@sick_nan("optimizer", "ND709", held_out=True)
def a_hand_written_optimizer_without_eps(sick):
    class Rms(torch.optim.Optimizer):
        def __init__(self, parameters, lr, eps):
            super().__init__(parameters, {"lr": lr, "eps": eps})
            self.decay = 0.9

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    square = self.state[p].setdefault("square", torch.zeros_like(p))
                    square.mul_(self.decay).addcmul_(p.grad, p.grad, value=1 - self.decay)
                    p.addcdiv_(p.grad, square.sqrt().add_(group["eps"]), value=-group["lr"])  # guilty

    model = mlp()
    return training(model, data=with_a_dead_column(), optimizer=Rms(model.parameters(), 1e-3, 0.0 if sick else 1e-6))


@sick_nan("optimizer", "ND709", where="Adagrad")
def the_second_of_two_optimizers(sick):
    model = mlp()
    model[0].bias.requires_grad_(True)
    first = torch.optim.SGD(model[0].parameters(), lr=0.1)
    second = torch.optim.Adagrad(model[2].parameters(), lr=1e-2, eps=0.0 if sick else 1e-8)

    def batch_loss(setup, batch):
        x, y = batch
        return F.cross_entropy(setup.model(x)[:, :8], y)

    inputs, targets = features()
    return training(model, batch_loss=batch_loss, data=(inputs, targets % 8), optimizer=(first, second))


@sick_nan("optimizer", "ND709", where="exp_avg_sq", held_out=True)
def squares_beyond_float32(sick):
    def batch_loss(setup, batch):
        x, y = batch
        return (1e22 if sick else 1.0) * (setup.model(x).squeeze(1) - y).square().mean()

    model = mlp(16, 1)
    return training(model, batch_loss=batch_loss, data=quantities(), optimizer=torch.optim.Adam(model.parameters(), lr=1e-3))


@sick_nan("optimizer", "ND709", where="0.weight")
def a_momentum_above_one(sick):
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-30, momentum=30.0 if sick else 0.9)
    return training(model, optimizer=optimizer, train_loader=loader(*features(), batch_size=8))
