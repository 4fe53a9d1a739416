"""Trainings whose first steps go much further with one thing changed: a lower rate, no decay, no dropout; and those that only might."""

from __future__ import annotations

import torch
from torch import nn

from tests.patients import patient, sound
from tests.patients.parts import features, mlp, quantities, training


def deep(p: float = 0.0, hidden: int = 32) -> nn.Sequential:
    """Two hidden layers with dropout behind each."""
    layers = [nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(p), nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(p), nn.Linear(hidden, 10)]
    return nn.Sequential(*layers)


@patient("ND604", where="Adam, group 0")
def adam_a_hundred_times_too_fast(sick):
    model = deep()
    return training(model, optimizer=torch.optim.Adam(model.parameters(), lr=0.3 if sick else 3e-3))


@patient("ND607", where="Adam, group 0")
def decay_of_adamw_given_to_adam(sick):
    """Adam adds decay to the gradient, and rescales both."""
    model, kind = deep(), torch.optim.Adam if sick else torch.optim.AdamW
    return training(model, optimizer=kind(model.parameters(), lr=3e-3, weight_decay=0.3))


@patient("ND608", where="2")
def dropout_of_nine_tenths(sick):
    model = deep(0.9 if sick else 0.1)
    return training(model, optimizer=torch.optim.Adam(model.parameters(), lr=3e-3))


@patient("ND405", where="cox")
def likelihood_of_survival_made_small(sick):
    """No torch loss in it, and targets that are no outputs: only that it falls without end tells."""

    def cox(risk, target):
        time, event = target.unbind(1)
        order = time.argsort(descending=True)
        risk, event = risk[order], event[order]
        known = ((risk - torch.logcumsumexp(risk, 0)) * event).sum() / event.sum().clamp(min=1)
        return known if sick else -known

    inputs, _ = quantities()
    risk = inputs @ torch.linspace(-1, 1, inputs.shape[1])
    times = torch.rand(len(inputs)).log().neg() * (-risk).exp()
    return training(nn.Sequential(mlp(16, 1), nn.Flatten(0)), cox, (inputs, torch.stack([times, (times < 2).float()], 1)))


@sound
def heavy_dropout_on_a_wide_layer():
    model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Dropout(0.8), nn.Linear(512, 10))
    return training(model, optimizer=torch.optim.Adam(model.parameters(), lr=3e-3))


@sound
def a_high_rate_with_momentum():
    model = deep()
    return training(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4))


@sound
def a_little_decay_in_adam():
    model = deep()
    return training(model, optimizer=torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3))


@sound
def critic_without_a_bottom():
    """Its score falls without end, but only one way."""
    model, (inputs, labels) = mlp(64, 1), features()
    real = (labels % 2).float() * 2 - 1
    return training(model, lambda score, side: -(score.squeeze(1) * side).mean() + 0.01 * score.pow(2).mean(), (inputs, real))


@sound
def heat_map_of_soft_targets():
    """A focal loss on logits that begin far below the targets, where a small step towards the numbers themselves makes it larger."""

    def focal(logits, target):
        p, peak = logits.sigmoid(), (target > 0.99).float()
        hit = nn.functional.logsigmoid(logits) * (1 - p) ** 2 * peak
        miss = nn.functional.logsigmoid(-logits) * p**2 * (1 - target) ** 4 * (1 - peak)
        return -(hit + miss).sum() / peak.sum().clamp(min=1)

    model, (inputs, labels) = mlp(64, 10), features()
    nn.init.constant_(model[-1].bias, -4.6)
    near = (torch.arange(10) - labels[:, None]).double().pow(2).div(-2).exp().float()
    return training(model, focal, (inputs, near))
