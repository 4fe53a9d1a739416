"""Births in the forward pass and in the loss: operator, line, module, cause."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.nonfinite.situations import Situation, born, check

SITUATIONS: list[Situation] = []


class Net(nn.Module):
    """Two linear layers with something in between."""

    def __init__(self, between=torch.relu):
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)
        self.between = between

    def forward(self, x):
        h = self.first(x)
        h = self.between(h)
        return self.second(h)


def trained(between=torch.relu, loss_fn=F.cross_entropy):
    model = Net(between)
    x, y = torch.rand(5, 4), torch.randint(0, 3, (5,))
    return [model], lambda: loss_fn(model(x), y).backward()


# -- the edge of a domain -----------------------------------------------------------------------------------------


@born("forward", "log", cause="domain", said="log of 0 at", module="")
def logarithm_of_zero():
    return trained(lambda h: torch.log(h - h))  # guilty


@born("forward", "log", cause="domain", said="log of -")
def logarithm_of_negatives():
    return trained(lambda h: torch.log(h))  # guilty


@born("forward", "sqrt", cause="domain", said="sqrt of -")
def root_of_negatives():
    return trained(lambda h: (h - 9).sqrt())  # guilty


@born("forward", "div", cause="domain", said="divided by 0 at 6 of 30 elements", became="-inf")
def division_by_zero():
    def between(h):
        scale = torch.tensor([[0.0], [1], [1], [1], [1]])
        return -(h.abs() + 1) / scale  # guilty

    return trained(between)


@born("forward", "pow", cause="domain", said="to the power of 1.5")
def fractional_power_of_negatives():
    return trained(lambda h: (h - 9) ** 1.5)  # guilty


@born("forward", "acos", cause="domain", said="it takes -1 to 1")
def arc_cosine_beyond_one():
    return trained(lambda h: torch.acos(3 * torch.ones_like(h) + 0 * h))  # guilty


@born("forward", "std", cause="domain", said="single number")
def spread_of_one_sample():
    return trained(lambda h: (h - h.mean()) / h[:1].std(0))  # guilty


@born("loss", "mean", cause="domain", said="no elements")
def mean_of_what_no_mask_selects():
    def loss_fn(out, y):
        return out[y > 7].mean()  # guilty

    return trained(loss_fn=loss_fn)


@born("loss", "nll_loss_forward", cause="domain", said="ignored")
def every_target_is_ignored():
    return trained(loss_fn=lambda out, y: F.cross_entropy(out, torch.full_like(y, -100)))  # guilty


# -- the end of a range -----------------------------------------------------------------------------------------------


@born("forward", "exp", cause="overflow", said="float32 ends at exp(88.72)", tried="in float64 it is finite")
def exponential_overflows():
    return trained(lambda h: torch.exp(h + 100))  # guilty


@born("forward", "pow", cause="overflow")
def square_overflows():
    return trained(lambda h: (h + 1e20) ** 2)  # guilty


@born("forward", "addmm", module="second", cause="overflow", tried="float64")
def product_of_matrices_overflows():
    class Big(Net):
        def forward(self, x):
            h = self.first(x).abs() * 1e38
            return self.second(h)  # guilty

    model = Big()
    with torch.no_grad():
        model.second.weight.fill_(100)
    x, y = torch.rand(5, 4), torch.randint(0, 3, (5,))
    return [model], lambda: F.cross_entropy(model(x), y).backward()


@born("forward", "sum", cause="overflow")
def sum_overflows():
    return trained(lambda h: h + (h.abs() * 0 + 3e38).sum(1, keepdim=True))  # guilty


@born("loss", "exp", cause="overflow", became="inf")
def hand_written_softmax_overflows():
    def loss_fn(out, y):
        weights = (out + 100).exp()  # guilty
        p = weights / weights.sum(1, keepdim=True)
        return -p[range(5), y].log().mean()

    return trained(loss_fn=loss_fn)


@born("loss", "log", cause="domain", said="log of 0")
def hand_written_cross_entropy():
    def loss_fn(out, y):
        p = (out * 1000).softmax(1)
        return -(F.one_hot(y, 3) * p.log()).sum()  # guilty

    return trained(loss_fn=loss_fn)


@born("loss", "reciprocal", cause="domain")
def loss_of_a_module_is_the_loss():
    class Own(nn.Module):
        def forward(self, out, y):
            return (out.sum(1) * (1 / (y - y).float())).mean()  # guilty

    return trained(loss_fn=Own())




@born("loss", "log", cause="domain")
def torchs_own_loss_inside_of_a_model_is_the_loss():
    class WithLoss(Net):
        def __init__(self):
            super().__init__()
            self.criterion = nn.GaussianNLLLoss(eps=0.0)

        def forward(self, x):
            out = super().forward(x)
            return {"loss": self.criterion(out, out.detach() + 1, out * 0)}  # guilty

    model = WithLoss()
    return [model], lambda: model(torch.rand(5, 4))["loss"].backward()


# -- data flow, not time ------------------------------------------------------------------------------------------------


@born("forward", "exp", cause="overflow")
def another_infinity_before_it_goes_nowhere():
    def between(h):
        unused = torch.log(h - h)
        assert unused.isinf().all()
        return torch.exp(h + 100)  # guilty

    return trained(between)


@born("forward", "exp", cause="overflow")
def a_guarded_infinity_before_it():
    def between(h):
        safe = torch.where(h > 1e9, torch.log(h - h), h)
        return torch.exp(safe + 100)  # guilty

    return trained(between)


@born("forward", "log", cause="domain", became="-inf")
def an_infinity_that_becomes_nan_far_from_its_source():
    def between(h):
        h = torch.log(h.relu() * 0)  # guilty
        h = h.clamp(max=10)
        return h - h

    return trained(between)


@born("forward", "log", cause="domain")
def in_place():
    def between(h):
        h = h.abs() + 1
        h.sub_(h.detach())
        h.log_()  # guilty
        h.mul_(2)
        return h

    return trained(between)


@born("forward", "div", cause="domain")
def through_slices_and_views():
    def between(h):
        out = torch.zeros(5, 6)
        out[:, 2:4] = h[:, 2:4] / 0.0  # guilty
        return out.view(6, 5).t().reshape(5, 6)

    return trained(between)


@born("forward", "exp", cause="overflow")
def written_by_index():
    def between(h):
        out = torch.zeros(5, 6)
        out[torch.arange(5), torch.tensor([0, 1, 2, 3, 4])] = torch.exp(h[:, 0] + 200)  # guilty
        return out

    return trained(between)


@born("forward", "exp", cause="overflow")
def two_births_in_one_piece_of_memory():
    def between(h):
        out = torch.zeros(5, 6)
        out[:, 0] = torch.log(h[:, 0] * 0)
        out[:, 1] = torch.exp(h[:, 1] + 200)  # guilty
        return out[:, 1:].repeat(1, 2)[:, :6]

    return trained(between)


@born("forward", "div", cause="domain")
def written_into_out():
    def between(h):
        buffer = torch.empty(5, 6)
        torch.div(h.detach(), 0.0, out=buffer)  # guilty
        return h + buffer

    return trained(between)


@born("forward", "_foreach_div", cause="domain")
def in_a_list_of_tensors():
    def between(h):
        parts = torch._foreach_div(list(h.detach().abs().add(1).unbind(1)), 0.0)  # guilty
        return h + torch.stack(parts, 1)

    return trained(between)


# -- written by the code itself -------------------------------------------------------------------------------------------


@born("forward", "lift_fresh", cause="unknown", said="nan comes from Python here")
def nan_in_the_code():
    return trained(lambda h: h * torch.tensor(float("nan")))  # guilty


@born("forward", cause="unknown", said="nan comes from Python here")
def nan_written_under_a_mask():
    def between(h):
        h = h.clone()
        h[h > 0] = float("nan")  # guilty
        return h

    return trained(between)


@born("forward", "mul", cause="unknown", said="nan is written here")
def nan_from_a_number_of_python():
    return trained(lambda h: h * float(np.log(-1.0)))  # guilty


@born("forward", "log", cause="domain")
def through_a_number_of_python_and_back():
    def between(h):
        least = torch.log(h.detach().min() * 0)  # guilty
        return h * least.item()

    return trained(between)


@born("forward", "lift_fresh", cause="unknown", said="nan comes from Python here")
def nan_from_numpy():
    def between(h):
        array = h.detach().numpy() * np.nan
        return h * torch.from_numpy(array)  # guilty

    return trained(between)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("situation", SITUATIONS, ids=repr)
def test_birth(situation):
    check(situation)
