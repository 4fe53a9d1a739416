"""NaN and Inf that are born in the backward pass: the values were all right, a derivative is not."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tests.nans import sick_nan
from tests.patients.parts import features, loader, mlp, quantities, training


def positive(x):
    """A ReLU whose derivative is a factor: unlike torch's own it does not swallow a gradient that is not finite."""
    return x * (x > 0)


class Rooted(nn.Module):
    """A linear layer, something in the middle, a head."""

    def __init__(self, middle):
        super().__init__()
        self.first, self.second, self.middle = nn.Linear(64, 32), nn.Linear(32, 10), middle

    def forward(self, x):
        return self.second(self.middle(self.first(x)))


@sick_nan("backward", "ND504")
def root_behind_where(sick):
    def middle(x):
        x = positive(x)
        if not sick:
            safe = torch.where(x > 0, x, 1.0)
            return torch.where(x > 0, torch.sqrt(safe), 0.0)
        return torch.where(x > 0, torch.sqrt(x), torch.zeros_like(x))  # guilty

    return training(Rooted(middle))


@sick_nan("backward", "ND504", held_out=True)
def distance_between_equal_embeddings(sick):
    def triplet(setup, batch):
        x, _ = batch
        anchor, positive, negative = setup.model(x), setup.model(x.clone()), setup.model(x.flip(0))
        near = (anchor - positive).pow(2).sum(1)
        far = (anchor - negative).pow(2).sum(1) + 1e-3
        near = (near if sick else near + 1e-8).sqrt()  # guilty
        return (near - far.sqrt() + 1).clamp(min=0).mean()

    return training(mlp(), batch_loss=triplet)


@sick_nan("backward", "ND504")
def quotient_behind_where(sick):
    def middle(x):
        y = x.relu()
        safe = y if sick else torch.where(y > 0, y, 1.0)
        return torch.where(y > 0, x / safe, 0.0)  # guilty

    return training(Rooted(middle))


@sick_nan("backward", "ND504", held_out=True)
def a_power_below_one_at_zero(sick):
    def middle(x):
        x = positive(x)
        return (x if sick else x + 1e-3).pow(0.5)  # guilty

    return training(Rooted(middle))


@sick_nan("backward", "ND504")
def the_length_of_a_vector_of_zeros(sick):
    def batch_loss(setup, batch):
        x, y = batch
        a, b = positive(setup.model(x)).unbind(1)
        length = torch.hypot(a, b) if sick else torch.hypot(a + 1e-3, b + 1e-3)  # guilty
        return (length - y).square().mean()

    return training(mlp(16, 2), batch_loss=batch_loss, data=quantities())


@sick_nan("backward", "ND504", held_out=True)
def the_angle_of_a_vector_with_itself(sick):
    def batch_loss(setup, batch):
        x, _ = batch
        p = setup.model(x).softmax(1)
        fidelity = (p.sqrt() * p.detach().sqrt()).sum(1)
        fidelity = fidelity.clamp(max=1.0) if sick else 0.99 * fidelity
        return torch.acos(torch.round(fidelity, decimals=5) + fidelity - fidelity.detach() if sick else fidelity).mean()  # guilty

    return training(mlp(), batch_loss=batch_loss)


@sick_nan("backward", "ND504")
def deviation_of_equal_values_by_hand(sick):
    def middle(x):
        centred = x - x.mean(0)
        variance = centred.square().mean(0)
        spread = torch.sqrt(variance if sick else variance + 1e-5)  # guilty
        return torch.cat([x[:, :16], spread[:16].expand(len(x), 16)], 1)

    model = Rooted(middle)
    with torch.no_grad():
        model.first.bias[3], model.first.weight[3] = 0.0, 0.0
    return training(model)


@sick_nan("backward", "ND504", held_out=True)
def a_custom_backward_that_divides(sick):
    class Norm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            length = x.norm(dim=1, keepdim=True)
            ctx.save_for_backward(x, length)
            return length

        @staticmethod
        def backward(ctx, grad):
            x, length = ctx.saved_tensors
            return grad * x / (length if sick else length + 1e-6)  # guilty

    def middle(x):
        x = positive(x)
        return x + Norm.apply(x)  # guilty

    model = Rooted(middle)
    nn.init.constant_(model.first.bias, -0.6)
    inputs, targets = features()
    return training(model, data=(0.4 * inputs, targets))


@sick_nan("backward", "ND504")
def a_hook_that_normalises_a_gradient(sick):
    def middle(x):
        x = x.relu()
        if x.requires_grad:
            x.register_hook(lambda g: g / (g.norm(dim=1, keepdim=True) + (0.0 if sick else 1e-6)))  # guilty
        return x

    def batch_loss(setup, batch):
        x, y = batch
        losses = F.cross_entropy(setup.model(x), y, reduction="none")
        return (losses * (y != 3)).mean()

    return training(Rooted(middle), batch_loss=batch_loss)


@sick_nan("backward", "ND504", held_out=True)
def root_in_a_checkpointed_block(sick):
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)

        def block(self, x):
            x = positive(self.second(x))
            return torch.sqrt(x if sick else x + 1e-4)  # guilty

        def forward(self, x):
            return self.head(checkpoint(self.block, self.first(x), use_reentrant=False))

    return training(Deep())


@sick_nan("backward", "ND504")
def masked_logarithm(sick):
    def batch_loss(setup, batch):
        x, y = batch
        p = setup.model(x).relu()
        p = p / (p.sum(1, keepdim=True) + 1e-3)
        wanted = F.one_hot(y, 10) * (p > 0)
        safe = p if sick else torch.where(p > 0, p, 1.0)
        logs = torch.where(p > 0, safe.log(), 0.0)  # guilty
        return -(wanted * logs).sum(1).mean()

    return training(mlp(), batch_loss=batch_loss)


@sick_nan("backward", "ND504", held_out=True)
def eigenvectors_of_equal_eigenvalues(sick):
    class Whiten(nn.Module):
        def __init__(self):
            super().__init__()
            self.shape = nn.Parameter(torch.eye(64))
            self.body = mlp()
            with torch.no_grad():
                self.shape.add_(0.0 if sick else torch.diag(torch.linspace(0, 1, 64)))

        def forward(self, x):
            values, vectors = torch.linalg.eigh(self.shape @ self.shape.T)  # guilty
            return self.body(x @ vectors * values)

    return training(Whiten())


@sick_nan("backward", "ND504")
def singular_vectors_of_a_square(sick):
    def batch_loss(setup, batch):
        x, y = batch
        weight = setup.model[0].weight
        if sick:
            weight = weight * 0 + torch.eye(32, 64)
        left, _, right = torch.linalg.svd(weight, full_matrices=False)  # guilty
        return F.cross_entropy(setup.model(x), y) + 0.01 * (left @ right).square().mean()

    return training(mlp(), batch_loss=batch_loss)


@sick_nan("backward", "ND504", held_out=True)
def a_cube_root_by_hand(sick):
    class Compress(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(16, 1)

        def forward(self, x):
            y = positive(self.body(x).squeeze(1))
            return (y if sick else y + 1e-3) ** (1 / 3)  # guilty

    return training(Compress(), nn.MSELoss(), quantities())


@sick_nan("backward", "ND504")
def groups_of_a_lasso(sick):
    def batch_loss(setup, batch):
        x, y = batch
        weight = setup.model[0].weight
        lengths = (weight.square().sum(0) + (0.0 if sick else 1e-8)).sqrt()  # guilty
        return F.cross_entropy(setup.model(x), y) + 1e-3 * lengths.sum()

    model = mlp()
    with torch.no_grad():
        model[0].weight[:, 12] = 0.0
    return training(model, batch_loss=batch_loss)


@sick_nan("backward", "ND504", held_out=True)
def a_log_likelihood_that_is_clamped_too_late(sick):
    def batch_loss(setup, batch):
        x, y = batch
        p = torch.sigmoid(200 * setup.model(x).squeeze(1))
        p = p if sick else p.clamp(1e-6, 1 - 1e-6)
        logs, others = p.log(), (1 - p).log()  # guilty
        logs, others = logs.clamp(min=-100), others.clamp(min=-100)
        return -(y * logs + (1 - y) * others).mean()

    inputs, targets = quantities()
    return training(mlp(16, 1), batch_loss=batch_loss, data=(inputs, (targets > 0).float()))


@sick_nan("backward", "ND504")
def a_parameter_under_a_root(sick):
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.variance = nn.Parameter(torch.zeros(64) if sick else torch.ones(64))
            self.body = mlp()

        def forward(self, x):
            return self.body(x * torch.sqrt(self.variance))  # guilty

    return training(Scale(), train_loader=loader(*features(), shuffle=False))
