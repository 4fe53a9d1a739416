"""Learning-rate schedules that are stepped at the wrong moment or end in nothing, and unusual ones that are right."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop


def batches(count=8, size=8):
    inputs = torch.randn(count * size, 6)
    return DataLoader(TensorDataset(inputs, (inputs[:, :3] + inputs[:, 3:]).argmax(1)), batch_size=size, shuffle=True)


def net():
    return nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))


def one_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@sick_loop("ND606")
def stepped_before_the_optimizer_each_epoch(sick):
    model, loader = net(), batches()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    for _ in range(4):
        if sick:
            scheduler.step()  # guilty
        for x, y in loader:
            one_step(model, optimizer, x, y)
        if not sick:
            scheduler.step()


@sick_loop("ND606")
def stepped_before_the_optimizer_each_batch(sick):
    class Trainer:
        def __init__(self):
            self.model = net()
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
            self.scheduler = lr_scheduler.LinearLR(self.optimizer, 0.1, 1.0, total_iters=10)

        def training_step(self, x, y):
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(x), y).backward()
            if sick:
                self.scheduler.step()  # guilty
            self.optimizer.step()
            if not sick:
                self.scheduler.step()

    trainer = Trainer()
    for x, y in batches(24):
        trainer.training_step(x, y)


@sick_loop("ND606")
def epochs_counted_in_batches(sick):
    model, loader = net(), batches(20)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
    for _ in range(5):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            if sick:
                scheduler.step()  # guilty
        if not sick:
            scheduler.step()


@sick_loop("ND606")
def exponential_decay_in_every_batch_of_a_plain_loop(sick):
    model = net()
    inputs = torch.randn(256, 6)
    targets = (inputs[:, :3]).argmax(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.8 if sick else 0.99)
    for _ in range(120):
        rows = torch.randint(0, 256, (16,))
        one_step(model, optimizer, inputs[rows], targets[rows])
        scheduler.step()  # guilty


@sick_loop("ND606")
def cosine_made_for_epochs_goes_up_and_down_with_the_batches(sick):
    model, loader, epochs = net(), batches(12), 6
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    for _ in range(epochs):
        for batch in loader:
            one_step(model, optimizer, *batch)
            if sick:
                scheduler.step()  # guilty
        if not sick:
            scheduler.step()


@sick_loop("ND606")
def one_cycle_stepped_once_an_epoch(sick):
    model, loader, epochs = net(), batches(15), 4
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, epochs=epochs, steps_per_epoch=len(loader))
    for _ in range(epochs):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            if not sick:
                scheduler.step()
        if sick:
            scheduler.step()  # guilty


@sick_loop("ND606")
def warm_up_counted_in_steps_and_stepped_by_epochs(sick):
    model, loader = net(), batches(25)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    warm = 40

    def rate(step):
        return min(1.0, (step + 1) / (warm if not sick else 500))

    scheduler = lr_scheduler.LambdaLR(optimizer, rate)
    for _ in range(4):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            if not sick:
                scheduler.step()
        if sick:
            scheduler.step()  # guilty


@sick_loop("ND606")
def cosine_over_all_steps_hardly_moves(sick):
    model, loader, epochs = net(), batches(16), 3
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(loader))

    def train_epoch():
        for x, y in loader:
            one_step(model, optimizer, x, y)
            if not sick:
                scheduler.step()

    for _ in range(epochs):
        train_epoch()
        if sick:
            scheduler.step()  # guilty


@sick_loop("ND606", where="scheduler")
def made_and_forgotten(sick):
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.MultiStepLR(optimizer, milestones=[2, 3])  # guilty
    after_epoch = [] if sick else [scheduler.step]
    for _ in range(4):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        for call in after_epoch:
            call()


@sick_loop("ND606", where="plan")
def made_and_forgotten_by_a_trainer(sick):
    class Trainer:
        def __init__(self, model):
            self.model = model
            self.optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
            self.plan = lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=5)

        def fit(self, loader, epochs):
            for _ in range(epochs):
                for x, y in loader:
                    one_step(self.model, self.optimizer, x, y)
                for plan in [] if sick else [self.plan]:
                    lr_scheduler.LRScheduler.step(plan)

    Trainer(net()).fit(batches(), epochs=5)


@sick_loop("ND606")
def plateau_judged_by_every_batch(sick):
    model, loader = net(), batches(30)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=2)
    for _ in range(4):
        total = 0.0
        for x, y in loader:
            loss = one_step(model, optimizer, x, y)
            total += loss.item() * len(x)
            if sick:
                scheduler.step(loss.item())  # guilty
        if not sick:
            scheduler.step(total / len(loader.dataset))


@sick_loop("ND606")
def stepped_in_two_places(sick):
    model, loader = net(), batches(10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + 0.01 * step))

    def update(x, y):
        one_step(model, optimizer, x, y)
        scheduler.step()

    for _ in range(3):
        for x, y in loader:
            update(x, y)
            if sick:
                scheduler.step()  # guilty


# -- sound --------------------------------------------------------------------------------------------------------


@sound_loop
def step_decay_by_epochs_down_to_a_thousandth():
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.MultiStepLR(optimizer, milestones=[3, 6, 8], gamma=0.1)
    for _ in range(9):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        scheduler.step()


@sound_loop
def one_cycle_in_every_batch():
    model, loader, epochs = net(), batches(20), 3
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=epochs * len(loader))
    for _ in range(epochs):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            scheduler.step()


@sound_loop
def one_cycle_over_epochs():
    model, loader, epochs = net(), batches(10), 12
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=epochs)
    for _ in range(epochs):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        scheduler.step()


@sound_loop
def warm_up_from_zero_then_cosine():
    model, loader = net(), batches(40)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    total = 3 * len(loader)

    def rate(step):
        return step / 20 if step < 20 else 0.5 * (1 + math.cos(math.pi * (step - 20) / (total - 20)))

    scheduler = lr_scheduler.LambdaLR(optimizer, rate)
    for _ in range(3):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            scheduler.step()


@sound_loop
def warm_restarts_in_fractions_of_epochs():
    model, loader = net(), batches(12)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    for epoch in range(6):
        for i, (x, y) in enumerate(loader):
            one_step(model, optimizer, x, y)
            scheduler.step(epoch + i / len(loader))


@sound_loop
def several_schedulers_in_a_row():
    model, loader = net(), batches(10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    warm = lr_scheduler.LinearLR(optimizer, 0.01, total_iters=10)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=0)
    scheduler = lr_scheduler.SequentialLR(optimizer, [warm, cosine], milestones=[10])
    for _ in range(6):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            scheduler.step()


@sound_loop
def a_wrapper_around_a_scheduler():
    class Gradual:
        def __init__(self, optimizer, after, warm):
            self.optimizer, self.after, self.warm, self.count = optimizer, after, warm, 0
            self.rates = [group["lr"] for group in optimizer.param_groups]

        def step(self):
            self.count += 1
            if self.count <= self.warm:
                for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                    group["lr"] = rate * self.count / self.warm
            else:
                self.after.step()

    model, loader = net(), batches(6)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    scheduler = Gradual(optimizer, cosine, warm=8)
    for _ in range(4):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        scheduler.step()


@sound_loop
def plateau_after_each_validation():
    model, loader, held_out = net(), batches(10), batches(4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    for _ in range(5):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        model.eval()
        with torch.no_grad():
            value = sum(F.cross_entropy(model(x), y).item() * len(x) for x, y in held_out) / 32
        model.train()
        scheduler.step(value)


@sound_loop
def the_end_of_a_run_is_watched_only():
    model, loader = net(), batches(10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=200)
    optimizer.step()
    for _ in range(150):
        scheduler.step()
    for _ in range(5):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            scheduler.step()


@sound_loop
def fast_forward_to_where_the_checkpoint_was():
    model, loader = net(), batches(10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=10)
    for _ in range(4):
        scheduler.step()
    for _ in range(4, 8):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        scheduler.step()


@sound_loop
def a_cyclic_rate():
    model, loader = net(), batches(20)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.CyclicLR(optimizer, base_lr=1e-6, max_lr=0.1, step_size_up=10)
    for _ in range(3):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            scheduler.step()


@sound_loop
def cosine_as_a_cycle_of_one_epoch():
    model, loader = net(), batches(20)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=len(loader))
    for _ in range(6):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            scheduler.step()


@sound_loop
def accumulation_with_a_schedule_by_updates():
    model, loader = net(), batches(48)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=24)
    for _ in range(2):
        for i, (x, y) in enumerate(loader):
            (F.cross_entropy(model(x), y) / 4).backward()
            if i % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
                scheduler.step()


@sound_loop
def two_optimizers_with_a_schedule_each():
    one, other = net(), net()
    optimizers = [torch.optim.Adam(m.parameters(), lr=0.01) for m in (one, other)]
    schedulers = [lr_scheduler.ExponentialLR(o, 0.9) for o in optimizers]
    for _ in range(4):
        for x, y in batches(10):
            for model, optimizer in zip((one, other), optimizers, strict=True):
                one_step(model, optimizer, x, y)
        for scheduler in schedulers:
            scheduler.step()


@sound_loop
def watched_for_one_epoch_only():
    model, loader = net(), batches(30)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=30)
    for x, y in loader:
        one_step(model, optimizer, x, y)
    assert scheduler.get_last_lr() == [0.01]


@sound_loop
def slow_exponential_decay_in_every_batch():
    model, loader = net(), batches(40)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.97)
    for _ in range(3):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            scheduler.step()


@sound_loop
def one_group_is_put_to_sleep():
    body, head = nn.Linear(6, 12), nn.Linear(12, 3)
    optimizer = torch.optim.SGD([{"params": body.parameters()}, {"params": head.parameters()}], lr=0.1)
    scheduler = lr_scheduler.LambdaLR(optimizer, [lambda epoch: 1e-6 if epoch else 1.0, lambda epoch: 0.9**epoch])
    model = nn.Sequential(body, nn.Tanh(), head)
    for _ in range(5):
        for x, y in batches():
            one_step(model, optimizer, x, y)
        scheduler.step()


@sound_loop
def averaging_begins_late_with_a_schedule_of_its_own():
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    average = torch.optim.swa_utils.AveragedModel(model)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=30)
    swa = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05)
    advance = {False: scheduler.step, True: swa.step}
    for epoch in range(4):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        if epoch >= 10:
            average.update_parameters(model)
        advance[epoch >= 10]()


@sound_loop
def a_last_phase_with_next_to_nothing():
    model, loader = net(), batches(12)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0 if epoch < 5 else 1e-5)
    for _ in range(7):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        scheduler.step()


@sound_loop
def a_rate_that_is_looked_for():
    model, loader = net(), batches(40)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-7)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 1e6 ** (1 / 40))
    seen = []
    for x, y in loader:
        loss = one_step(model, optimizer, x, y)
        scheduler.step()
        seen.append((scheduler.get_last_lr()[0], loss.item()))


# -- ReduceLROnPlateau, told what is better --------------------------------------------------------------------------


def losses_of(model, loader):
    with torch.no_grad():
        return sum(nn.functional.cross_entropy(model(x), y).item() for x, y in loader) / len(loader)


def accuracy_of(model, loader):
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).float().mean().item() for x, y in loader) / len(loader)


@sick_loop("ND606", where="plateau")
def a_loss_that_is_wanted_high(sick):
    model, loader, held_out = net(), batches(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, mode="max" if sick else "min", factor=0.1, patience=1)  # guilty
    for _ in range(8):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        plateau.step(losses_of(model, held_out))


@sick_loop("ND606", where="scheduler")
def an_accuracy_that_is_wanted_low(sick):
    model, loader, held_out, history = net(), batches(), batches(), {"val_acc": []}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode="min" if sick else "max",  # guilty
        patience=0,
    )
    for _ in range(8):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        history["val_acc"].append(accuracy_of(model, held_out))
        scheduler.step(history["val_acc"][-1])


@sound_loop
def a_validation_loss_that_rises_from_the_first_epoch():
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    for epoch in range(8):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        scheduler.step(1.0 + 0.1 * epoch)


@sound_loop
def a_loss_with_its_sign_turned():
    model, loader, held_out = net(), batches(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=1)
    for _ in range(8):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        val_loss = losses_of(model, held_out)
        scheduler.step(-val_loss)
