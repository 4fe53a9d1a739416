"""The rival: leave-one-out in closed form, and when nobody is asked."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.instruments.watch.rival import kernel, tokens


def test_left_out_is_what_a_fit_without_the_sample_says():
    torch.manual_seed(0)
    rows, targets = torch.randn(30, 2).double(), torch.randn(30, 1).double()
    distances = torch.cdist(rows, rows) ** 2
    whole = kernel._predicted(distances, targets, width=1.0, ridge=0.1)
    near = torch.exp(distances / -2)
    for i in (0, 7, 29):
        rest = [j for j in range(30) if j != i]
        weights = torch.linalg.solve(near[rest][:, rest] + 0.1 * torch.eye(29).double(), targets[rest])
        torch.testing.assert_close(whole[i], near[i, rest] @ weights)


def test_counts_of_pairs_know_nothing_of_the_sequence_they_tell():
    torch.manual_seed(0)
    rows = torch.randint(0, 60, (40, 31))  # each pair about once: with their own counts, these would be told far too well
    pairs, shares = tokens.counted([tokens.Turn((), {}, rows[:, :-1], rows[:, 1:], -100)])
    assert shares <= pairs < 1.2 * shares
    rows = (rows[:, :1] + torch.arange(31)) % 60  # one follows the other
    pairs, shares = tokens.counted([tokens.Turn((), {}, rows[:, :-1], rows[:, 1:], -100)])
    assert pairs < 0.2 * shares
    assert tokens.counted([tokens.Turn((), {}, rows[:5, :-1], rows[:5, 1:], -100)]) is None  # too few


def test_a_curve_that_turns_often_is_told():
    places = torch.rand(400, 1) * 2 - 1
    heights = torch.sin(40 * places)
    assert float(((kernel.left_out(places, heights) - heights) ** 2).mean()) < 0.02


def _watched(epochs: int, model: nn.Module, data: DataLoader) -> nbdebug.instruments.watch.session.Watch:
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-2)
    with nbdebug.watch(live=False) as watch:
        for _ in range(epochs):
            for x, y in data:
                optimizer.zero_grad()
                F.mse_loss(model(x), y).backward()
                optimizer.step()
    return watch


def _bowl() -> DataLoader:
    torch.manual_seed(0)
    inputs = torch.randn(400, 2)
    return DataLoader(TensorDataset(inputs, (inputs**2).sum(1, keepdim=True) - 2), batch_size=40, shuffle=True)


def test_where_the_loss_comes_down_nobody_is_asked():
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 1))
    assert _watched(30, model, _bowl()).result().rival is None


def test_a_linear_model_is_known_as_one_and_comes_back_as_it_was():
    model = nn.Linear(2, 1)
    watch = _watched(20, model, _bowl())
    rival = watch.result().rival
    assert rival is not None and rival.tells and rival.is_linear and not rival.is_stuck
    assert model.training and model.weight.requires_grad
    before = model.weight.detach().clone()
    watch.report()
    torch.testing.assert_close(model.weight.detach(), before)


def test_asking_moves_no_random_number():
    def drawn(watch: bool) -> torch.Tensor:
        data, model = _bowl(), nn.Linear(2, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

        def train() -> None:
            for _ in range(20):
                for x, y in data:
                    optimizer.zero_grad()
                    F.mse_loss(model(x), y).backward()
                    optimizer.step()

        if watch:
            with nbdebug.watch(live=False) as seen:
                train()
            assert seen.result().rival is not None
        else:
            train()
        return torch.cat([torch.rand(4), model.weight.detach().flatten()])

    torch.testing.assert_close(drawn(True), drawn(False), rtol=0, atol=0)
