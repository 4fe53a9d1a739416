"""Loops that move too fast or hardly at all, with a loss that shows it, schedules that are at fault, and sound ones beside them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from tests.loops import sick_loop, sound_loop
from tests.patients.parts import features, loader, mlp, quantities

bound_before = F.cross_entropy  # as `from torch.nn.functional import cross_entropy` binds it: no tap hears it


def descend(model, optimizer, batches, epochs, scheduler=None):
    for _ in range(epochs):
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y) if y.dim() == 1 else F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()


def regression(model):
    inputs, target = quantities()
    return model, loader(inputs, target[:, None])


# -- ND605: they creep ---------------------------------------------------------------------------------------------


@sick_loop("ND605", where="optimizer, group 0")
def rate_of_a_ten_thousandth_for_plain_descent(sick):
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-4 if sick else 0.2)  # guilty
    descend(model, optimizer, loader(inputs, targets), 15)


@sick_loop("ND605", where="optimizer, group 0")
def rate_of_fine_tuning_for_plain_descent_in_few_steps(sick):
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=5e-5 if sick else 0.2)  # guilty
    descend(model, optimizer, loader(inputs, targets), 8)


@sick_loop("ND605", where="optimizer, group 0")
def rate_of_a_ten_thousandth_under_a_loss_bound_before(sick):
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-4 if sick else 0.2)  # guilty
    for _ in range(15):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            bound_before(model(x), y).backward()
            optimizer.step()


@sick_loop("ND605", where="optimizer, group 0")
def adadelta_at_the_rate_of_adam(sick):
    model, batches = regression(nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.LayerNorm(32), nn.Linear(32, 1, bias=False)))
    nn.init.normal_(model[3].weight, std=0.02)
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1e-3 if sick else 1.0)  # guilty
    descend(model, optimizer, batches, 15)


@sick_loop("ND605", where="optimizer, group 0")
def eps_of_one_taken_from_another_recipe(sick):
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, eps=3.0 if sick else 1e-8)  # guilty
    descend(model, optimizer, batches, 15)


@sound_loop
def slow_but_it_learns():
    model, batches = regression(mlp(16, 1))
    descend(model, torch.optim.SGD(model.parameters(), lr=3e-3), batches, 15)


@sound_loop
def eps_above_the_gradients_with_a_rate_that_makes_up_for_it():
    model, batches = regression(mlp(16, 1))
    descend(model, torch.optim.Adam(model.parameters(), lr=0.3, eps=1.0), batches, 20)


@sound_loop
def noise_alone_gives_a_healthy_pace():
    inputs, _ = quantities()
    model = mlp(16, 1, hidden=8)
    descend(model, torch.optim.Adam(model.parameters(), lr=1e-3), loader(inputs, torch.randn(256, 1)), 15)


# -- ND604: they were thrown away ----------------------------------------------------------------------------------


@sick_loop("ND604", where="optimizer, group 1")
def head_at_two(sick):
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.Adam([
        {"params": model[0].parameters(), "lr": 1e-3},
        {"params": model[2].parameters(), "lr": 2.0 if sick else 1e-2},  # guilty
    ])  # fmt: skip
    descend(model, optimizer, batches, 10)


@sick_loop("ND604", where="optimizer, group 0")
def momentum_and_a_rate_too_high(sick):
    inputs, target = quantities()
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.03 if sick else 1e-3, momentum=0.9 if sick else 0.0)  # guilty
    descend(model, optimizer, loader(inputs, target[:, None]), 12)


@sick_loop("ND604", where="optimizer, group 0")
def thrown_and_back_to_a_constant(sick):
    rolls = (torch.rand(256, 10, 12) < 0.15).float()
    rolls[:, 1:] = torch.maximum(0.9 * rolls[:, :-1].roll(1, 2).round(), rolls[:, 1:] * (torch.rand(256, 9, 12) < 0.2))
    model = Recurrent(12, 32)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.12 if sick else 2e-3)  # guilty
    for _ in range(8):
        for x, y in loader(rolls[:, :-1], rolls[:, 1:]):
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(model(x), y).backward()
            optimizer.step()


class Recurrent(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        self.rnn, self.head = nn.RNN(features, hidden, batch_first=True), nn.Linear(hidden, features)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


@sick_loop("ND604", where="optimizer, group 0")
def weights_that_swell_and_learn_nothing(sick):
    tokens = torch.randint(40, (256, 6))
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
    model = nn.Sequential(nn.Embedding(40, 16), layer, nn.Flatten(), nn.Linear(96, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.3 if sick else 3e-3)  # guilty
    warm = lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 6))
    for _ in range(4):
        for x, y in loader(tokens, (tokens[:, 0] + tokens[:, 1]) % 3):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            warm.step()


@sound_loop
def weights_grow_from_nearly_nothing():
    model, batches = regression(mlp(16, 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.01)
    descend(model, torch.optim.Adam(model.parameters(), lr=1e-2), batches, 10)


@sound_loop
def one_wild_batch_at_the_beginning():
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = True
    for _ in range(6):
        for x, y in batches:
            optimizer.zero_grad()
            F.mse_loss(model(x), y * 6 if first else y).backward()
            optimizer.step()
            first = False


# -- ND606: schedules ----------------------------------------------------------------------------------------------


def triangle(peak, total):
    return lambda step: peak * (min(1.0, (step + 1) / 10) if step < 10 else max(0.05, 1 - (step - 10) / total))


@sick_loop("ND606", where="scheduler")
def function_gives_the_rate_itself(sick):
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    scheduler = lr_scheduler.LambdaLR(optimizer, triangle(3e-3 if sick else 1.0, 60))  # guilty
    descend(model, optimizer, batches, 10, scheduler=scheduler)


@sick_loop("ND606", where="scheduler")
def warm_up_counted_in_samples(sick):
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = lr_scheduler.LinearLR(optimizer, start_factor=1e-4, total_iters=20_000 if sick else 20)  # guilty
    descend(model, optimizer, batches, 8, scheduler=scheduler)


@sound_loop
def function_gives_the_rate_for_a_base_of_one():
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
    scheduler = lr_scheduler.LambdaLR(optimizer, triangle(3e-3, 60))
    descend(model, optimizer, batches, 10, scheduler=scheduler)


@sound_loop
def first_epochs_of_a_long_warm_up():
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = lr_scheduler.LinearLR(optimizer, start_factor=1e-3, total_iters=100)
    descend(model, optimizer, batches, 4, scheduler=scheduler)


# -- ND607: decay by other ways ------------------------------------------------------------------------------------


@sick_loop("ND607", where="optimizer")
def groups_the_wrong_way_round(sick):
    model, batches = regression(nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 1)))
    one = [p for p in model.parameters() if (p.ndim > 1) != sick]
    two = [p for p in model.parameters() if (p.ndim > 1) == sick]
    optimizer = torch.optim.AdamW([{"params": one, "weight_decay": 0.05}, {"params": two, "weight_decay": 0.0}], lr=3e-3)  # guilty
    descend(model, optimizer, batches, 4)


@sick_loop("ND607", where="by hand")
def decay_by_hand_forgets_the_rate(sick):
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(8):
        for x, y in batches:
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()
            for name, parameter in model.named_parameters():
                if "bias" not in name:
                    parameter.data.mul_(1 - 0.2 if sick else 1 - 0.2 * 0.01)  # guilty


@sick_loop("ND607", where="penalty")
def penalty_of_one_on_the_weights(sick):
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(12):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            data = F.cross_entropy(model(x), y)  # guilty
            penalty = sum(p.abs().sum() for p in model.parameters())
            (data + (0.1 if sick else 1e-6) * penalty).backward()
            optimizer.step()


@sound_loop
def only_the_biases_are_decayed_in_a_model_of_them_alone():
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.AdamW([{"params": model[0].parameters(), "weight_decay": 0.1}, {"params": model[2].parameters(), "weight_decay": 0.0}], lr=3e-3)
    descend(model, optimizer, batches, 4)


@sound_loop
def norms_of_the_rows_are_held_down():
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(6):
        for x, y in batches:
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()
            with torch.no_grad():
                model[0].weight.mul_((1.0 / model[0].weight.norm()).clamp(max=1.0))


@sound_loop
def weights_are_normalised_after_each_step():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            model[2].weight.data.div_(model[2].weight.data.norm() / 3)


# -- ND608: clipping and noise by hand -----------------------------------------------------------------------------


@sick_loop("ND608", where="by value")
def elements_clipped_to_a_millionth(sick):
    model, batches = regression(nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 1)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(10):
        for x, y in batches:
            optimizer.zero_grad()
            F.smooth_l1_loss(model(x), y).backward()
            torch.nn.utils.clip_grad_value_(model.parameters(), 1e-6 if sick else 1.0)  # guilty
            optimizer.step()


@sick_loop("ND608", where="noise in the gradients")
def noise_larger_than_the_gradients(sick):
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    for _ in range(12):
        for x, y in batches:
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            for p in model.parameters():
                p.grad += (1.5 if sick else 1e-3) * torch.randn_like(p)  # guilty
            optimizer.step()


@sound_loop
def noise_that_the_gradients_stand():
    model, batches = regression(mlp(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(12):
        for x, y in batches:
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            for p in model.parameters():
                p.grad.add_(0.02 * torch.randn_like(p))
            optimizer.step()
