"""Loops in half precision whose scaler is missing or in the wrong place, and loops that only look so."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop


def batches(samples=64, size=16):
    inputs = torch.randn(samples, 6)
    return DataLoader(TensorDataset(inputs, inputs[:, :3].argmax(1)), batch_size=size, shuffle=True)


def net(inputs=6, outputs=3):
    return nn.Sequential(nn.Linear(inputs, 12), nn.Tanh(), nn.Linear(12, outputs))


def sgd(*models, lr=0.01, **options):
    return torch.optim.SGD([p for model in models for p in model.parameters()], lr=lr, **options)


def half(dtype=torch.float16, **options):
    return torch.autocast("cpu", dtype=dtype, **options)


def scaler(**options):
    return torch.amp.GradScaler("cpu", **{"init_scale": 1024.0, **options})


# -- ND805 --------------------------------------------------------------------------------------------------------


@sick_loop("ND805")
def autocast_without_a_scaler(sick):
    model = net()
    optimizer, scaling = sgd(model), scaler()
    for x, y in batches():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = F.cross_entropy(model(x), y)
        if sick:
            loss.backward()  # guilty
            optimizer.step()
        else:
            scaling.scale(loss).backward()
            scaling.step(optimizer)
            scaling.update()


@sick_loop("ND805")
def scaler_switched_off(sick):
    class Trainer:
        def __init__(self, amp):
            self.model = net()
            self.optimizer = torch.optim.AdamW(self.model.parameters())
            self.scaler = torch.amp.GradScaler("cpu", enabled=amp)

        def training_step(self, batch):
            with half():
                return F.cross_entropy(self.model(batch["x"]), batch["y"])

        def fit(self):
            for x, y in batches():
                self.optimizer.zero_grad()
                self.scaler.scale(self.training_step({"x": x, "y": y})).backward()  # guilty
                self.scaler.step(self.optimizer)
                self.scaler.update()

    Trainer(amp=not sick).fit()


@sick_loop("ND805")
def a_model_in_half_precision(sick):
    """Of a loss that is a thousandth, many of the gradients are less than float16 can hold."""
    model = net().half() if sick else net().bfloat16()
    optimizer = sgd(model)
    for x in torch.randn(6, 8, 6, dtype=next(model.parameters()).dtype):
        loss = 1e-3 * F.mse_loss(model(x), x[:, :3])
        optimizer.zero_grad()
        loss.backward()  # guilty
        optimizer.step()


@sick_loop("ND805")
def autocast_inside_of_the_model(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(6, 12), nn.Linear(12, 3)

        def forward(self, x):
            with half(torch.float16 if sick else torch.bfloat16):
                return self.head(self.body(x).relu())

    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    steps = iter(batches())
    while (batch := next(steps, None)) is not None:
        loss = F.cross_entropy(model(batch[0]).float(), batch[1])
        optimizer.zero_grad()
        loss.backward()  # guilty
        optimizer.step()


# -- ND806 --------------------------------------------------------------------------------------------------------


@sick_loop("ND806")
def clipped_before_unscaling(sick):
    model = net()
    optimizer, scaling = sgd(model), scaler()
    for x, y in batches():
        optimizer.zero_grad()
        with half():
            loss = F.cross_entropy(model(x), y)
        scaling.scale(loss).backward()
        if not sick:
            scaling.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # guilty
        scaling.step(optimizer)
        scaling.update()


@sick_loop("ND806")
def unscaled_after_clipping(sick):
    class Trainer:
        def __init__(self):
            self.model, self.scaler = net(), scaler()
            self.optimizer = torch.optim.Adam(self.model.parameters())

        def update(self):
            if not sick:
                self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_value_(self.model.parameters(), 0.5)  # guilty
            if sick:
                self.scaler.unscale_(self.optimizer)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad()

        def fit(self):
            for i, (x, y) in enumerate(batches(128), 1):
                with half():
                    loss = F.cross_entropy(self.model(x), y) / 2
                self.scaler.scale(loss).backward()
                if i % 2 == 0:
                    self.update()

    Trainer().fit()


@sick_loop("ND806")
def the_optimizer_steps_without_the_scaler(sick):
    inputs, targets = torch.randn(32, 6), torch.randn(32, 3)
    model = net()
    optimizer, scaling = torch.optim.Adam(model.parameters(), lr=1e-3), scaler()
    for _ in range(8):
        optimizer.zero_grad(set_to_none=True)
        with half(torch.bfloat16):
            loss = F.mse_loss(model(inputs), targets)
        scaling.scale(loss).backward()
        if sick:
            optimizer.step()  # guilty
        else:
            scaling.step(optimizer)
            scaling.update()


@sick_loop("ND806")
def updated_between_unscaling_and_the_step(sick):
    model = net()
    optimizer, scaling = sgd(model), scaler()

    def update():
        scaling.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if sick:
            scaling.update()  # guilty
        scaling.step(optimizer)
        if not sick:
            scaling.update()

    for x, y in batches():
        optimizer.zero_grad()
        with half():
            loss = F.cross_entropy(model(x), y)
        scaling.scale(loss).backward()
        try:
            update()
        except RuntimeError as error:
            assert "after step()" in str(error)
            break


@sick_loop("ND806")
def never_updated(sick):
    model = net()
    optimizer, scaling = sgd(model), scaler()

    def train(steps):
        for x, y in steps:
            optimizer.zero_grad()
            with half():
                loss = F.cross_entropy(model(x), y)
            scaling.scale(loss).backward()
            scaling.step(optimizer)  # guilty
            if not sick:
                scaling.update()

    try:
        train(batches())
    except RuntimeError as error:
        assert "since the last update" in str(error)


@sick_loop("ND806")
def one_of_two_losses_is_not_scaled(sick):
    model = net()
    optimizer, scaling = sgd(model), scaler()
    for x, y in batches():
        optimizer.zero_grad()
        with half():
            output = model(x)
            loss, penalty = F.cross_entropy(output, y), output.float().square().mean()
        scaling.scale(loss).backward(retain_graph=True)
        (penalty if sick else scaling.scale(penalty)).backward()  # guilty
        scaling.step(optimizer)
        scaling.update()


@sick_loop("ND806")
def generator_without_scaling_through_the_scaler(sick):
    generator, critic = net(4, 6), net(6, 1)
    g_optimizer, c_optimizer, scaling = sgd(generator), sgd(critic), scaler()
    for real, _ in batches(96):
        with half(torch.bfloat16):
            fake = generator(torch.randn(len(real), 4))
            c_loss = (F.softplus(critic(fake.detach())) + F.softplus(-critic(real))).mean()
        c_optimizer.zero_grad()
        scaling.scale(c_loss).backward()
        scaling.step(c_optimizer)
        with half(torch.bfloat16):
            g_loss = F.softplus(-critic(fake)).mean()
        g_optimizer.zero_grad()
        (g_loss if sick else scaling.scale(g_loss)).backward()  # guilty
        scaling.step(g_optimizer)
        scaling.update()


@sick_loop("ND806")
def unscaled_in_the_middle_of_an_accumulation(sick):
    model = net()
    optimizer, scaling = sgd(model), scaler()
    for i, (x, y) in enumerate(batches(128)):
        with half():
            loss = F.cross_entropy(model(x), y) / 2
        scaling.scale(loss).backward()  # guilty
        if i % 2 == (0 if sick else 1):
            scaling.unscale_(optimizer)
        if i % 2 == 1:
            scaling.step(optimizer)
            scaling.update()
            optimizer.zero_grad()


# -- sound --------------------------------------------------------------------------------------------------------


@sound_loop
def brain_floats_need_no_scaler():
    model = net()
    optimizer = sgd(model)
    for x, y in batches():
        optimizer.zero_grad()
        with half(torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()


@sound_loop
def everything_switched_off():
    model = net()
    optimizer, scaling = sgd(model), scaler(enabled=False)
    for x, y in batches():
        optimizer.zero_grad()
        with half(enabled=False):
            loss = F.cross_entropy(model(x), y)
        scaling.scale(loss).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaling.step(optimizer)
        scaling.update()


@sound_loop
def the_first_steps_are_skipped():
    model = net()
    optimizer, scaling = sgd(model), scaler(init_scale=2.0**40)
    for x, y in batches(16 * 40):
        optimizer.zero_grad()
        with half():
            loss = F.cross_entropy(model(x), y)
        scaling.scale(loss).backward()
        scaling.step(optimizer)
        scaling.update()


@sound_loop
def weights_in_half_precision_whose_gradients_are_large_enough():
    model = net().half()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, eps=1e-4)
    for x in torch.randn(40, 32, 6).half():
        optimizer.zero_grad()
        F.cross_entropy(model(x).float(), x[:, :3].argmax(1)).backward()
        optimizer.step()


@sound_loop
def half_precision_for_validation_only():
    model, val_loader = net(), batches()
    optimizer = sgd(model)
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    with torch.no_grad(), half():
        for x, y in val_loader:
            F.cross_entropy(model(x), y)


@sound_loop
def a_teacher_in_half_precision():
    student, teacher = net(), net().half().requires_grad_(False)
    optimizer = sgd(student)
    for x, _ in batches():
        wanted = teacher(x.half()).float()
        optimizer.zero_grad()
        F.mse_loss(student(x), wanted).backward()
        optimizer.step()


@sound_loop
def a_frozen_trunk_in_half_precision():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.head = net(6, 8).half().requires_grad_(False), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(self.trunk(x.half()).float())

    model = Net()
    optimizer = sgd(model.head)
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def two_optimizers_and_one_scaler():
    generator, critic = net(4, 6), net(6, 1)
    g_optimizer, c_optimizer, scaling = sgd(generator), sgd(critic), scaler()
    for real, _ in batches(96):
        with half():
            fake = generator(torch.randn(len(real), 4))
            c_loss = (F.softplus(critic(fake.detach())) + F.softplus(-critic(real))).mean()
        c_optimizer.zero_grad()
        scaling.scale(c_loss).backward()
        scaling.unscale_(c_optimizer)
        nn.utils.clip_grad_norm_(critic.parameters(), 1.0)
        scaling.step(c_optimizer)
        with half():
            g_loss = F.softplus(-critic(fake)).mean()
        g_optimizer.zero_grad()
        scaling.scale(g_loss).backward()
        scaling.step(g_optimizer)
        scaling.update()


@sound_loop
def an_update_of_the_scaler_after_each_optimizer():
    generator, critic = net(4, 6), net(6, 1)
    g_optimizer, c_optimizer, scaling = sgd(generator), sgd(critic), scaler()
    for real, _ in batches(96):
        with half():
            fake = generator(torch.randn(len(real), 4))
            c_loss = (F.softplus(critic(fake.detach())) + F.softplus(-critic(real))).mean()
        c_optimizer.zero_grad()
        scaling.scale(c_loss).backward()
        scaling.step(c_optimizer)
        scaling.update()
        with half():
            g_loss = F.softplus(-critic(fake)).mean()
        g_optimizer.zero_grad()
        scaling.scale(g_loss).backward()
        scaling.step(g_optimizer)
        scaling.update()


@sound_loop
def accumulation_with_a_scaler():
    model = net()
    optimizer, scaling = sgd(model), scaler()
    for i, (x, y) in enumerate(batches(192)):
        with half():
            loss = F.cross_entropy(model(x), y) / 4
        scaling.scale(loss).backward()
        if i % 4 == 3:
            scaling.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaling.step(optimizer)
            scaling.update()
            optimizer.zero_grad()


@sound_loop
def a_fused_optimizer_unscales_by_itself():
    model = net()
    optimizer, scaling = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True), scaler()
    for x, y in batches():
        optimizer.zero_grad()
        with half():
            loss = F.cross_entropy(model(x), y)
        scaling.scale(loss).backward()
        scaling.step(optimizer)
        scaling.update()


@sound_loop
def a_limit_multiplied_by_the_scale():
    model = net()
    optimizer, scaling = sgd(model), scaler()
    for x, y in batches():
        optimizer.zero_grad()
        with half():
            loss = F.cross_entropy(model(x), y)
        scaling.scale(loss).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0 * scaling.get_scale())
        scaling.step(optimizer)
        scaling.update()


@sound_loop
def divided_by_the_scale_by_hand():
    model = net()
    optimizer, scaling = sgd(model), scaler()
    for x, y in batches():
        optimizer.zero_grad()
        with half():
            loss = F.cross_entropy(model(x), y)
        scaling.scale(loss).backward()
        for p in model.parameters():
            p.grad /= scaling.get_scale()
        optimizer.step()


@sound_loop
def scaled_by_hand():
    model = net()
    optimizer = sgd(model)
    for x, y in batches():
        optimizer.zero_grad()
        with half():
            loss = F.cross_entropy(model(x), y)
        (loss * 256).backward()
        for p in model.parameters():
            p.grad /= 256
        optimizer.step()


@sound_loop
def a_penalty_added_after_unscaling():
    model = net()
    optimizer, scaling = sgd(model), scaler()
    for x, y in batches():
        optimizer.zero_grad()
        with half():
            loss = F.cross_entropy(model(x), y)
        scaling.scale(loss).backward()
        scaling.unscale_(optimizer)
        (1e-3 * sum(p.square().sum() for p in model.parameters())).backward()
        scaling.step(optimizer)
        scaling.update()


@sound_loop
def a_moving_average_beside_the_scaler():
    model = net()
    slow = copy.deepcopy(model).requires_grad_(False)
    optimizer, scaling = sgd(model), scaler()
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20)
    for x, y in batches():
        with half():
            loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        scaling.scale(loss).backward()
        scaling.step(optimizer)
        scaling.update()
        scheduler.step()
        for kept, p in zip(slow.parameters(), model.parameters(), strict=True):
            kept.mul_(0.9).add_(p.detach(), alpha=0.1)


@sound_loop
def only_a_part_of_the_loss_runs_in_half_precision():
    model = net()
    optimizer, scaling = sgd(model), scaler()
    for x, y in batches():
        optimizer.zero_grad()
        with half():
            output = model(x)
        loss = F.cross_entropy(output.float(), y) + 1e-3 * sum(p.square().sum() for p in model.parameters())
        scaling.scale(loss).backward()
        scaling.step(optimizer)
        scaling.update()


@sound_loop
def one_step_with_a_scaler():
    model = net()
    optimizer, scaling = sgd(model), scaler()
    x, y = next(iter(batches()))
    with half():
        loss = F.cross_entropy(model(x), y)
    scaling.scale(loss).backward()
    scaling.step(optimizer)
