"""Loops whose fault shows in their text as well: scores of batches, meters, averages that are no copies, what never ran; and sound ones."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop


def batches(samples=64, size=16):
    inputs = torch.randn(samples, 6)
    return DataLoader(TensorDataset(inputs, (inputs[:, :3] + inputs[:, 3:]).argmax(1)), batch_size=size)


def net():
    return nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))


def one_step(model, optimizer, x, y):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def macro_f1(said, true):
    counts = [((said == c) & (true == c)).sum() / ((said == c) | (true == c)).sum().clamp(min=1) for c in range(3)]
    return float(sum(counts)) / 3


# -- ND708: scores of batches, meters ------------------------------------------------------------------------------


@torch.no_grad()
def mean_of_batches(model, held_out):
    scores = []
    for x, y in held_out:
        score = macro_f1(model(x).argmax(1), y)
        scores.append(score)
    return sum(scores) / len(scores)


@torch.no_grad()
def of_all_samples(model, held_out):
    said, true = [], []
    for x, y in held_out:
        said.append(model(x).argmax(1))
        true.append(y)
    return macro_f1(torch.cat(said), torch.cat(true))


@sick_loop("ND708", where="macro_f1 in mean_of_batches()")
def mean_of_the_scores_of_batches(sick):
    model, loader, held_out = net(), batches(), batches(48, 12)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        assert (mean_of_batches if sick else of_all_samples)(model, held_out) <= 1


@sick_loop("ND708", where="r2_score")
def score_of_each_batch_in_a_comprehension(sick):
    def r2_score(said, true):
        return 1 - float((said - true).square().sum() / (true - true.mean()).square().sum())

    model = nn.Linear(6, 1)
    inputs = torch.randn(64, 6)
    held_out = DataLoader(TensorDataset(inputs, inputs[:, :1]), batch_size=16 if sick else 64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in held_out:
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        value = sum([r2_score(model(x), y) for x, y in held_out]) / len(held_out)  # guilty
    assert value <= 1


class Hits:
    def __init__(self):
        self.right = self.all = 0

    def add(self, said, true):
        self.right += int((said == true).sum())
        self.all += len(true)

    def result(self):
        return self.right / self.all




class Renewed:
    def __init__(self):
        self.right = self.all = 0

    def add(self, said, true):
        self.right += int((said == true).sum())
        self.all += len(true)

    def result(self):
        answer = self.right / self.all
        self.right = self.all = 0
        return answer


def one_meter(model, epochs, held_out):
    meter = Hits()
    for epoch in epochs:
        epoch()
        with torch.no_grad():
            for x, y in held_out:
                meter.add(model(x).argmax(1), y)  # of all epochs
        assert meter.result() <= 1


def a_meter_each(model, epochs, held_out):
    for epoch in epochs:
        epoch()
        meter = Hits()
        with torch.no_grad():
            for x, y in held_out:
                meter.add(model(x).argmax(1), y)
        assert meter.result() <= 1


@sick_loop("ND708", where="meter")
def meter_of_all_epochs(sick):
    model, loader, held_out = net(), batches(), batches(48, 12)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def epoch():
        for x, y in loader:
            one_step(model, optimizer, x, y)

    (one_meter if sick else a_meter_each)(model, [epoch] * 3, held_out)


@sound_loop
def meter_that_renews_itself():
    model, loader, held_out = net(), batches(), batches(48, 12)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    meter = Renewed()
    for _ in range(3):
        for x, y in loader:
            one_step(model, optimizer, x, y)
        with torch.no_grad():
            for x, y in held_out:
                meter.add(model(x).argmax(1), y)
        assert meter.result() <= 1


@sound_loop
def recall_at_k_is_a_mean_over_samples():
    def recall_at_k(scores, true):
        return float((scores.topk(2).indices == true[:, None]).any(1).float().mean())

    model, held_out = net(), batches(48, 12)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in batches():
        one_step(model, optimizer, x, y)
    found = []
    with torch.no_grad():
        for x, y in held_out:
            found.append(recall_at_k(model(x), y))
    assert sum(found) / len(found) <= 1


# -- ND707: averages that are no copies ----------------------------------------------------------------------------


class Average:
    def __init__(self, model, *, copied):
        self.model, self.backup = model, {}
        self.shadow = {name: p.data.clone() if copied else p.data for name, p in model.named_parameters()}

    def update(self):
        for name, p in self.model.named_parameters():
            self.shadow[name].mul_(0.9).add_(p.data, alpha=0.1)

    def lend(self):
        for name, p in self.model.named_parameters():
            self.backup[name], p.data = p.data, self.shadow[name]

    def restore(self):
        for name, p in self.model.named_parameters():
            p.data = self.backup[name]


@sick_loop("ND707", where="average.shadow")
def average_of_the_weights_themselves(sick):
    model, loader, held_out = net(), batches(), batches(48, 12)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    average = Average(model, copied=not sick)
    for _ in range(3):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            average.update()
        average.lend()
        with torch.no_grad():
            for x, _ in held_out:
                model(x)
        average.restore()


@sick_loop("ND707", where="ema_model")
def averaged_model_is_the_model(sick):
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    ema_model = model if sick else copy.deepcopy(model)  # guilty
    for _ in range(3):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            with torch.no_grad():
                for slow, p in zip(ema_model.parameters(), model.parameters(), strict=True):
                    slow.lerp_(p, 0.1)


@sound_loop
def average_by_torch():
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    ema = torch.optim.swa_utils.AveragedModel(model)
    for _ in range(3):
        for x, y in loader:
            one_step(model, optimizer, x, y)
            ema.update_parameters(model)


# -- ND601, ND602: what was forgotten, what never ran ---------------------------------------------------------------


class Centres(nn.Module):
    """A loss with something to learn of its own."""

    def __init__(self):
        super().__init__()
        self.centres = nn.Parameter(torch.randn(3, 3))

    def forward(self, said, true):
        return F.cross_entropy(-torch.cdist(said, self.centres), true)


@sick_loop("ND601", where="centres")
def centres_of_the_loss_are_forgotten(sick):
    model, loss_fn = net(), Centres()
    optimizer = torch.optim.Adam([*model.parameters()] if sick else [*model.parameters(), *loss_fn.parameters()], lr=1e-2)
    for _ in range(3):
        for x, y in batches():
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()


@sick_loop("ND601", where="0.weight")
def first_weight_was_taken_by_next(sick):
    model = net()
    weights = model.parameters()
    if sick:
        assert next(weights).device.type == "cpu"
    optimizer = torch.optim.Adam(weights, lr=1e-2)
    for _ in range(3):
        for x, y in batches():
            one_step(model, optimizer, x, y)


@sound_loop
def random_projection_without_requires_grad_false():
    trunk, head = nn.Linear(6, 12), nn.Linear(12, 3)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    for _ in range(3):
        for x, y in batches():
            trunk.zero_grad()
            optimizer.zero_grad()
            F.cross_entropy(head(trunk(x).tanh()), y).backward()
            optimizer.step()


@sick_loop("ND602")
def condition_of_the_step_is_never_true(sick):
    model, every = net(), 8
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        for number, (x, y) in enumerate(batches()):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            if not sick or (number + 1) % every == 0:
                optimizer.step()  # guilty


# -- ND702: a train() of the model's own ---------------------------------------------------------------------------


@sick_loop("ND702")
def train_is_overridden_for_all_parts(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.head = nn.BatchNorm1d(6), nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 3))

        def train(self, mode=True):
            super().train(mode)
            for part in self.modules() if sick else [self.norm]:
                part.training = False  # guilty
            return self

        def forward(self, x):
            return self.head(self.norm(x))

    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        model.train()
        for x, y in batches():
            one_step(model, optimizer, x, y)


# -- ND806, ND807 --------------------------------------------------------------------------------------------------


@sick_loop("ND806")
def scaled_gradients_are_clamped_by_hand(sick):
    model, scaler = net(), torch.amp.GradScaler("cpu", init_scale=1024.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        for x, y in batches():
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = F.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            if not sick:
                scaler.unscale_(optimizer)
            for p in model.parameters():
                p.grad = torch.clamp(p.grad, -0.5, 0.5)  # guilty
            scaler.step(optimizer)
            scaler.update()


@sound_loop
def scaled_gradients_are_masked():
    model, scaler = net(), torch.amp.GradScaler("cpu", init_scale=1024.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in batches(160):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        model[0].weight.grad[:, :2] = 0
        scaler.step(optimizer)
        scaler.update()


@sick_loop("ND807")
def updates_are_less_than_half_a_digit(sick):
    model = net().to(torch.bfloat16 if sick else torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for _ in range(8):
        for x, y in batches():
            one_step(model, optimizer, x.to(model[0].weight.dtype), y)


@sound_loop
def half_weights_with_a_rate_that_moves_them():
    model = net().to(torch.bfloat16)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(8):
        for x, y in batches():
            one_step(model, optimizer, x.bfloat16(), y)
