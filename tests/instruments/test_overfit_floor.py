"""How low a loss can get: by experiment, where no formula says it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbdebug.counterfactual import in_training_mode
from nbdebug.instruments.overfit import overfit
from nbdebug.instruments.overfit.floor import FROM_DRAWS, floor_of
from nbdebug.instruments.overfit.samples import frozen, twins
from nbdebug.untouched import untouched
from tests.patients.parts import features, loader, mlp, quantities, tokens, training


def floor(setup, count=8):
    few = frozen(setup.train_loader, count)
    with untouched(setup):
        in_training_mode(setup)
        return floor_of(setup, few.batch, twins(setup, few.batch, few.count), few.count)


def regression(loss_fn, model=None, **parts):
    return training(model or mlp(16, 1, nn.Flatten(0)), loss_fn, quantities(), **parts)


def test_contradicting_labels_leave_their_entropy():
    inputs, _ = features()
    labels = torch.arange(64) % 4
    setup = training(mlp(), train_loader=loader(inputs[:1].expand(64, -1), labels, shuffle=False))
    assert floor(setup).value == pytest.approx(math.log(4), rel=1e-3)


def test_contradicting_quantities_leave_their_variance():
    inputs, targets = quantities()
    setup = regression(nn.MSELoss(), train_loader=loader(inputs[:1].expand(64, -1), targets[:64], shuffle=False))
    assert floor(setup).value == pytest.approx(float(targets[:8].var(correction=0)), rel=1e-3)


def test_equal_tokens_get_one_row_of_a_table():
    ids = torch.zeros(64, 1, dtype=torch.long)
    setup = training(nn.Sequential(nn.Embedding(20, 20), nn.Flatten()), data=(ids, torch.arange(64) % 2), train_loader=loader(ids, torch.arange(64) % 2, shuffle=False))
    assert floor(setup).value == pytest.approx(math.log(2), rel=1e-3)


def test_two_losses_added_up():
    def loss_fn(outputs, targets):
        return F.cross_entropy(outputs, targets, label_smoothing=0.2) + 0.5 * F.multi_margin_loss(outputs, targets) + 3.0

    smoothing = floor(training(mlp(), nn.CrossEntropyLoss(label_smoothing=0.2))).value
    assert smoothing + 3.0 - 1e-3 <= floor(training(mlp(), loss_fn)).value < smoothing + 3.2


def test_a_loss_of_ones_own():
    assert floor(regression(lambda o, t: (o - t).abs().sqrt().mean() + 2.0)).value == pytest.approx(2.0, abs=0.3)
    assert floor(regression(lambda o, t: ((o - t) ** 2).mean())).value == pytest.approx(0.0, abs=1e-3)


def test_a_gaussian_likelihood_with_a_fixed_width():
    def loss_fn(outputs, targets):
        return -torch.distributions.Normal(outputs, 0.5).log_prob(targets).mean()

    assert floor(regression(loss_fn)).value == pytest.approx(math.log(0.5) + 0.5 * math.log(2 * math.pi), abs=1e-3)


def test_a_likelihood_without_end_has_no_floor():
    class TwoHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(16, 2)

        def forward(self, x):
            return self.body(x)

    def loss_fn(outputs, targets):
        return -torch.distributions.Normal(outputs[:, 0], outputs[:, 1].exp()).log_prob(targets).mean()

    found = floor(regression(loss_fn, TwoHeads()))
    assert found.value is None and "goes on falling" in found.why_unknown


def test_what_bounds_the_outputs_bounds_the_loss():
    """Three units of a sphere: cosine logits of a temperature of one."""

    class Sphere(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(64, 3)

        def forward(self, x):
            return F.normalize(self.net(x), dim=1)

    def loss_fn(outputs, targets):
        return (1 - outputs.gather(1, (targets % 3)[:, None])).mean() + 1.0

    assert floor(training(Sphere(), loss_fn)).value == pytest.approx(1.0, abs=1e-2)


def test_a_penalty_on_weights_is_not_optimised():
    model = mlp()

    def loss_fn(outputs, targets):
        return F.cross_entropy(outputs, targets) + sum(p.pow(2).sum() for p in model.parameters())

    penalty = float(sum(p.pow(2).sum() for p in model.parameters()))
    assert floor(training(model, loss_fn)).value == pytest.approx(penalty, rel=1e-3)


def test_mixup_in_the_step_is_known_by_its_draws():
    def batch_loss(setup, batch):
        inputs, targets = batch
        share, order = 0.7, torch.randperm(len(inputs))
        outputs = setup.model(share * inputs + (1 - share) * inputs[order])
        return share * F.cross_entropy(outputs, targets) + (1 - share) * F.cross_entropy(outputs, targets[order])

    found = floor(training(mlp(), batch_loss=batch_loss))
    assert found.noisy and found.how == FROM_DRAWS and 0.5 < found.value < 1.5
    assert overfit(training(mlp(), batch_loss=batch_loss), samples=(8,)).findings == ()


@pytest.mark.parametrize("samples", [8, 10, 16])
def test_noise_that_can_be_told_from_the_inputs_has_no_floor(samples):
    """A denoiser: what is drawn at each step is the target, the inputs tell of it, and the first draw may be a small one."""

    def batch_loss(setup, batch):
        share, noise = torch.rand(len(batch[0]), 1), torch.randn(len(batch[0]), 2)
        return F.mse_loss(setup.model(share.sqrt() * batch[0][:, :2] + (1 - share).sqrt() * noise), noise)

    model = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 2))
    nn.init.zeros_(model[-1].weight)
    trial = overfit(training(model, None, quantities(), batch_loss=batch_loss), samples=(samples,)).result.trials[0]
    assert trial.verdict == "UNDECIDED"


def test_a_bottleneck_with_noise_is_not_guessed():
    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Linear(64, 8), nn.Linear(4, 64)

        def forward(self, x):
            mean, spread = self.down(x).chunk(2, dim=1)
            return self.up(mean + torch.randn_like(mean) * spread.exp()), mean, spread

    def loss_fn(outputs, targets):
        out, mean, spread = outputs
        return F.mse_loss(out, targets) + 0.1 * (mean**2 + spread.exp() ** 2 - 2 * spread - 1).mean()

    inputs, _ = features()
    setup = training(Autoencoder(), loss_fn, (inputs, inputs))
    found = floor(setup)
    assert found.value is None and "what is made of it" in found.why_unknown
    assert overfit(setup, samples=(4,)).result.trials[0].verdict != "FAIL"


def test_labels_shifted_in_the_step():
    def loss_fn(outputs, ids):
        return F.cross_entropy(outputs[:, :-1].reshape(-1, 20), F.pad(ids, (0, 1))[:, 1:-1].reshape(-1))

    model = nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 20))
    ids, _ = tokens()
    found = floor(training(model, loss_fn, (ids, ids)))
    assert found.value == pytest.approx(0.0, abs=0.02) and found.how


def test_a_loss_that_no_prediction_reaches_is_not_known():
    setup = training(mlp(), lambda o, t: o.detach().pow(2).mean() + 1.0)
    assert floor(setup).value is None


def test_weights_want_their_gradients_again():
    setup = training(mlp(), lambda o, t: ((o - 1) ** 2).mean())
    floor(setup)
    assert all(p.requires_grad for p in setup.model.parameters())
