"""Births in the backward pass: named by the forward line whose derivative they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tests.nonfinite.situations import Situation, born, check

SITUATIONS: list[Situation] = []


class Net(nn.Module):
    """Two linear layers with something in between."""

    def __init__(self, between):
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)
        self.between = between

    def forward(self, x):
        h = self.first(x)
        h = self.between(h)
        return self.second(h)


def trained(between, loss_fn=F.cross_entropy):
    model = Net(between)
    x, y = torch.rand(5, 4), torch.randint(0, 3, (5,))
    return [model], lambda: loss_fn(model(x), y).backward()


@born("backward", "sqrt", cause="domain", module="", said="SqrtBackward0")
def root_of_zero_behind_where():
    def between(h):
        roots = torch.sqrt(h.abs() * 0)  # guilty
        return torch.where(h > 9, roots, h)

    return trained(between)


@born("backward", "sqrt", cause="domain", parameter="first.weight")
def norm_by_hand_of_zero():
    def between(h):
        h = h * 0
        norm = (h**2).sum(1, keepdim=True).sqrt()  # guilty
        return h + norm

    return trained(between)


@born("backward", "pow", cause="domain")
def half_power_of_zero():
    return trained(lambda h: (h.abs() * 0) ** 0.5 + h)  # guilty


@born("backward", "acos", cause="domain")
def arc_cosine_of_one():
    return trained(lambda h: torch.acos(h * 0 + 1) + h)  # guilty


@born("backward", "div", cause="domain")
def division_behind_where():
    def between(h):
        zero = h.relu() * 0
        ratio = h / zero  # guilty
        return torch.where(zero > 0, ratio, h)

    return trained(between)


@born("backward", "log", cause="domain")
def logarithm_behind_where():
    def between(h):
        zero = h * 0
        return torch.where(zero > 0, torch.log(zero), h)  # guilty

    return trained(between)


@born("backward", "exp", said="the loss never saw")
def exponential_behind_where():
    def between(h):
        big = torch.exp(h + 200)  # guilty
        return torch.where(h > 1e9, big, h)

    return trained(between)


class Squared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (x - x)  # of a custom Function


@born("backward", "div", cause="domain", text="return g / (x - x)  # of a custom Function", said="in the backward of Squared, applied on line")
def custom_function():
    return trained(lambda h: Squared.apply(h))


@born("backward", cause="domain")
def a_hook_of_the_user():
    def between(h):
        h.register_hook(lambda g: g / (g - g))  # guilty
        return h.relu()

    return trained(between)


@born("backward", "sqrt", cause="domain", module="block")
def inside_of_a_checkpoint():
    class Block(nn.Module):
        def forward(self, h):
            return (h * 0).abs().sqrt() + h  # guilty

    class Checked(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.block, self.second = nn.Linear(4, 6), Block(), nn.Linear(6, 3)

        def forward(self, x):
            h = self.first(x)
            h = checkpoint(self.block, h, use_reentrant=False)
            return self.second(h)

    model = Checked()
    x, y = torch.rand(5, 4), torch.randint(0, 3, (5,))
    return [model], lambda: F.cross_entropy(model(x), y).backward()


@born("backward", "sqrt", cause="domain", module="block")
def inside_of_a_reentrant_checkpoint():
    class Block(nn.Module):
        def forward(self, h):
            return (h * 0).abs().sqrt() + h  # guilty

    class Checked(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.block, self.second = nn.Linear(4, 6), Block(), nn.Linear(6, 3)

        def forward(self, x):
            h = self.first(x)
            h = checkpoint(self.block, h, use_reentrant=True)
            return self.second(h)

    model = Checked()
    x, y = torch.rand(5, 4), torch.randint(0, 3, (5,))
    return [model], lambda: F.cross_entropy(model(x), y).backward()


@born("forward", "log", cause="domain", module="block")
def forward_birth_inside_of_a_checkpoint():
    class Block(nn.Module):
        def forward(self, h):
            return (h * 0).abs().log() + h  # guilty

    class Checked(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.block, self.second = nn.Linear(4, 6), Block(), nn.Linear(6, 3)

        def forward(self, x):
            return self.second(checkpoint(self.block, self.first(x), use_reentrant=False))

    model = Checked()
    x, y = torch.rand(5, 4), torch.randint(0, 3, (5,))
    return [model], lambda: F.cross_entropy(model(x), y).backward()


@born("backward", "sqrt", cause="domain")
def gradient_penalty():
    model = Net(lambda h: h.relu())
    x = torch.rand(5, 4, requires_grad=True)

    def step():
        out = model(x).sum() * 0
        (g,) = torch.autograd.grad(out, x, create_graph=True)
        norm = (g**2).sum(1).sqrt()  # guilty
        (model(x).mean() + (norm - 1).square().mean()).backward()

    return [model], step


@born("backward", "add", cause="overflow", said="the gradients of weight added up")
def gradients_pile_up_beyond_the_range():
    model = nn.Linear(1, 1, bias=False)

    def step():
        for _ in range(2):
            (model(torch.ones(1, 1)).sum() * 2e38).backward()  # guilty

    return [model], step


@born("backward", "div", cause="domain", said="in a hook on a gradient")
def a_hook_after_the_gradient_was_added():
    model = nn.Linear(4, 3)

    def divided(parameter):
        parameter.grad.div_(0)  # guilty

    model.weight.register_post_accumulate_grad_hook(divided)
    return [model], lambda: model(torch.rand(5, 4)).sum().backward()


@born("backward", "div", cause="domain", said="divided by 0", parameter="weight")
def clipping_by_hand_of_a_gradient_of_zero():
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        (model(torch.rand(5, 4)) * 0).sum().backward()
        norm = torch.sqrt(sum(p.grad.square().sum() for p in model.parameters()))
        for p in model.parameters():
            p.grad.div_(norm)  # guilty
        optimizer.step()

    return [model], step


@born("backward", "sqrt", cause="domain")
def a_jacobian_for_each_sample():
    model = nn.Linear(4, 3)

    def step():
        def one(row):
            return torch.sqrt(model(row) * 0)  # guilty

        torch.func.vmap(torch.func.jacrev(one))(torch.rand(5, 4)).sum().backward()

    return [model], step


@born("backward", "_linalg_eigh", cause="domain")
def eigenvectors_of_equal_eigenvalues():
    model = nn.Linear(4, 3)

    def step():
        matrix = torch.eye(3) + model(torch.rand(3, 4)) * 0
        torch.linalg.eigh(matrix)[1].pow(3).sum().backward()  # guilty

    return [model], step


@born("backward", "sqrt", cause="domain")
def while_torch_looks_for_anomalies_itself():
    def between(h):
        return torch.sqrt(h * 0) + h  # guilty

    models, step = trained(between)

    def anomalous():
        with torch.autograd.detect_anomaly(check_nan=True):
            step()

    return models, anomalous


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("situation", SITUATIONS, ids=repr)
def test_birth(situation):
    check(situation)


def test_a_gradient_that_reaches_no_parameter_is_no_end():
    from nbdebug.nonfinite.trace.step import Trace

    model = nn.Linear(4, 3)
    x = torch.zeros(5, 4, requires_grad=True)
    with Trace([model]) as trace:
        (model(torch.rand(5, 4)).sum() + x.sqrt().sum()).backward()
    assert x.grad is not None and x.grad.isinf().all()
    assert trace.origin() is None
