"""Gradients that do not arrive or are not the derivative, losses that pull the wrong way; and what only looks so."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical
from torch.nn import functional as F

from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, quantities, training

# -- ND401: an activation of an activation, outside of torch's losses --------------------------------------------


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.pi, self.probs = mlp(), nn.Softmax(dim=-1)

    def forward(self, x):
        return self.probs(self.pi(x))


@patient("ND401", where="probs")
def probabilities_taken_for_the_logits_of_a_distribution(sick):
    def loss_fn(outputs, targets):
        chosen = Categorical(logits=outputs) if sick else Categorical(probs=outputs)
        return -chosen.log_prob(targets).mean()

    return training(Policy(), loss_fn)


@patient("ND401", where="torch.sigmoid")
def focal_loss_of_what_is_a_sigmoid_already(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(outputs=1)

        def forward(self, x):
            z = self.body(x).squeeze(1)
            return torch.sigmoid(z) if sick else z

    def focal(z, y):
        p = torch.sigmoid(z).clamp(1e-6, 1 - 1e-6)
        return -(y * (1 - p) ** 2 * p.log() + (1 - y) * p**2 * (1 - p).log()).mean()

    inputs, targets = features()
    return training(Net(), focal, (inputs, (targets > 4).float()))


@sound
def softmax_over_heads_of_softmax_over_places():
    class Pooling(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.head = nn.Linear(8, 4), nn.Linear(8, 10)

        def forward(self, x):
            places = x.view(-1, 8, 8)
            inner = self.score(places).softmax(1)  # over places
            mixed = inner.softmax(2)  # and how the heads share each place
            return self.head((mixed.sum(2, keepdim=True) * inner.mean(2, keepdim=True) * places).sum(1))

    return training(Pooling())


# -- ND405: which way it pulls ----------------------------------------------------------------------------------


def _bandit(sign, *, word="advantage"):
    """Rewards for the right arm; a policy gradient."""

    def policy_loss(setup, batch):
        x, best = batch
        chosen = Categorical(logits=setup.model(x))
        arm = chosen.sample()
        advantage = (arm == best).float() - 0.1
        cost = -advantage
        if word == "cost":
            return (chosen.log_prob(arm) * cost).mean()
        return sign * (chosen.log_prob(arm) * advantage).mean()

    return training(mlp(), batch_loss=policy_loss)


@patient("ND405", where="torch.Tensor.mul")
def policy_gradient_without_its_minus(sick):
    return _bandit(1.0 if sick else -1.0)


@sound
def policy_gradient_on_costs():
    return _bandit(1.0, word="cost")


@sound
def policy_gradient_of_coins():
    def policy_loss(setup, batch):
        x, y = batch
        coin = Bernoulli(logits=setup.model(x).squeeze(1))
        side = coin.sample()
        reward = torch.where(side == (y > 4), 1.0, -1.0)
        return (-coin.log_prob(side) * reward).mean()

    return training(mlp(outputs=1), batch_loss=policy_loss)


@patient("ND405", where="torch.nn.functional.mse_loss")
def sum_over_pixels_with_a_rate_for_the_mean(sick):
    model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64))
    inputs, _ = features()
    loss_fn = nn.MSELoss(reduction="sum" if sick else "mean")
    return training(model, loss_fn, (inputs, inputs.clone()), optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))


@patient("ND405", where="torch.nn.functional.cross_entropy")
def shares_of_votes_in_the_place_of_the_logits(sick):
    inputs, targets = features(classes=3)
    votes = 0.8 * F.one_hot(targets, 3).float() + 0.2 / 3

    def vote_loss(setup, batch):
        x, shares = batch
        return F.cross_entropy(shares, setup.model(x)) if sick else F.cross_entropy(setup.model(x), shares)

    return training(mlp(outputs=3), batch_loss=vote_loss, train_loader=loader(inputs, votes))


# -- ND404: numbers that are names, as floats -------------------------------------------------------------------


def _named(classes=5, *, graded):
    inputs, _ = features(samples=320, columns=16)
    names = torch.arange(320) % classes
    order = torch.arange(classes) if graded else torch.tensor([2, 0, 4, 1, 3])
    corners = torch.eye(16)[:classes] * 4
    shift = order.float()[names, None] * torch.ones(16) * 0.7 if graded else corners[order[names]]
    return inputs * 0.5 + shift, names.float()


@patient("ND404", where="torch.nn.functional.mse_loss")
def names_as_floats_under_a_squared_error(sick):
    inputs, names = _named(graded=False)
    if not sick:
        return training(mlp(16, 5), None, (inputs, names.long()))
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), (inputs, names))


@sound
def stars_from_none_to_four():
    inputs, stars = _named(graded=True)
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), ((inputs - inputs.mean(0)) / inputs.std(0), stars))


# -- ND406: the one parameter that makes it start so high ---------------------------------------------------------


@patient("ND406", where="2.bias")
def prior_with_the_wrong_sign(sick):
    inputs, targets = features()
    model = mlp(64, 1, nn.Flatten(0))
    with torch.no_grad():
        model[2].bias.fill_((1 if sick else -1) * -math.log(0.02 / 0.98))
        model[2].weight.mul_(0.1)
    return training(model, nn.BCEWithLogitsLoss(), (inputs, (targets == 0).float()))


# -- ND501: switches that nothing reads ---------------------------------------------------------------------------


@patient("ND501", where="attribute requires_grad")
def body_thawed_by_an_attribute(sick):
    model = mlp()
    model[0].requires_grad_(False)
    if sick:
        model[0].requires_grad = True
    else:
        model[0].requires_grad_(True)
    return training(model)


@sound
def module_with_a_setting_of_that_name():
    class Extractor(nn.Module):
        def __init__(self, requires_grad):
            super().__init__()
            self.requires_grad = requires_grad
            self.body = nn.Linear(64, 32)
            if not requires_grad:
                for parameter in self.parameters():
                    parameter.requires_grad = False

        def forward(self, x):
            return self.body(x).relu()

    return training(nn.Sequential(Extractor(requires_grad=False), nn.Linear(32, 10)))


# -- ND502 and ND503: over time steps -----------------------------------------------------------------------------


class Leaky(nn.Module):
    """Remembers what it was told before a long noise."""

    def __init__(self, leak):
        super().__init__()
        self.leak = leak
        self.told, self.noise, self.again, self.head = nn.Linear(8, 32), nn.Linear(1, 32), nn.Linear(32, 32, bias=False), nn.Linear(32, 10)
        nn.init.normal_(self.again.weight, std=0.05)

    def forward(self, x):
        h = self.told(x[:, :8]).tanh()
        for noise in x[:, 8:].unbind(1):
            h = (1 - self.leak) * h + self.leak * torch.tanh(self.noise(noise[:, None]) + self.again(h))
        return self.head(h)


@patient("ND502", where="told.weight")
def word_forgotten_in_a_leaky_memory(sick):
    inputs, targets = features(samples=512)
    return training(Leaky(0.9 if sick else 0.02), None, (inputs, targets))


class Spring(nn.Module):
    """A controller that is tuned through a simulation."""

    def __init__(self, stiffness):
        super().__init__()
        self.stiffness, self.damping = nn.Parameter(torch.tensor(stiffness)), nn.Parameter(torch.tensor(1.5))

    def forward(self, place):
        speed, cost = torch.zeros_like(place), 0.0
        for _ in range(40):
            speed = speed + 0.1 * (-self.stiffness * place - self.damping * speed)
            place = place + 0.1 * speed
            cost = cost + 0.1 * place.square()
        return cost


@patient("ND503", where="stiffness")
def simulation_that_is_not_stable(sick):
    def ride(setup, batch):
        return setup.model(batch[0][:, 0]).mean()

    return training(Spring(500.0 if sick else 1.0), batch_loss=ride)


@sound
def regression_that_is_almost_done():
    """The loss is so small that a per cent of a weight is many times of it."""
    inputs, _ = quantities()
    model = nn.Sequential(nn.Linear(16, 1), nn.Flatten(0))
    with torch.no_grad():
        target = model(inputs) + 1e-3 * inputs[:, 0]
    return training(model, nn.MSELoss(), (inputs, target))


# -- ND505: written over, with no Function of the user's around ----------------------------------------------------


@patient("ND505", where="data.masked_fill_")
def attention_pruned_through_data(sick):
    class Pruned(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.value, self.head = nn.Linear(8, 8), nn.Linear(8, 16), nn.Linear(16, 10)

        def forward(self, x):
            places = x.view(-1, 8, 8)
            weights = self.score(places).softmax(1)
            if sick:
                weights.data.masked_fill_(weights.data < 0.1, 0.0)
            else:
                weights = weights * (weights >= 0.1)
            return self.head(weights.mT @ self.value(places)).mean(1)

    return training(Pruned())


@sound
def running_statistics_written_in_the_forward():
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(inplace=True), nn.Dropout(0.1), nn.Linear(32, 10))
    return training(model)


# -- ND403: returns that are worked out ---------------------------------------------------------------------------


@patient("ND403", where="torch.Tensor.sub")
def returns_less_a_column_of_values(sick):
    class Critic(nn.Module):
        def __init__(self):
            super().__init__()
            self.actor, self.value = mlp(), mlp(outputs=1)

        def forward(self, x):
            return self.actor(x), self.value(x)

    def policy_loss(setup, batch):
        scores, value = setup.model(batch[0])
        chosen = Categorical(logits=scores)
        arm = chosen.sample()
        paid = (arm == batch[1]).float()
        advantage = paid - (value if sick else value.squeeze(1))
        return -(chosen.log_prob(arm) * advantage.detach()).mean() + advantage.square().mean()

    return training(Critic(), batch_loss=policy_loss)


# -- ND402, ND405 and ND501: written by hand ------------------------------------------------------------------------


@patient("ND402", where="torch.Tensor")
def score_of_the_right_class_alone(sick):
    def loss_fn(outputs, targets):
        scores = outputs if sick else outputs.log_softmax(1)
        return -scores[torch.arange(len(targets)), targets].mean()

    return training(mlp(), loss_fn)


@patient("ND405", where="torch.Tensor.gather")
def likelihood_of_classes_that_is_made_smaller(sick):
    def likelihood(setup, batch):
        return (1 if sick else -1) * Categorical(logits=setup.model(batch[0])).log_prob(batch[1]).mean()

    return training(mlp(), batch_loss=likelihood)


@patient("ND405", where="torch.Tensor.sub")
def likelihood_of_a_gaussian_that_is_made_smaller(sick):
    def likelihood(setup, batch):
        mean, spread = setup.model(batch[0]).chunk(2, 1)
        return (1 if sick else -1) * torch.distributions.Normal(mean.squeeze(1), 1 + spread.squeeze(1).exp()).log_prob(batch[1]).mean()

    return training(mlp(16, 2), batch_loss=likelihood, train_loader=loader(*quantities()))


@patient("ND405", where="torch.nn.functional.cross_entropy")
def contrast_with_its_sign_turned(sick):
    inputs, _ = features()

    def contrast(setup, batch):
        one, other = (F.normalize(setup.model(x), dim=1) for x in batch)
        return (-1 if sick else 1) * F.cross_entropy(one @ other.T / 0.5, torch.arange(len(one)))

    return training(mlp(outputs=16), batch_loss=contrast, train_loader=loader(inputs, inputs + 0.1 * torch.randn_like(inputs)))


@patient("ND501", where="torch.round")
def code_that_is_rounded(sick):
    class Codec(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = mlp(64, 8), mlp(8, 10)

        def forward(self, x):
            z = self.encode(x)
            q = torch.round(4 * z) / 4
            return self.decode(q if sick else z + (q - z).detach())

    return training(Codec())


@patient("ND402", where="torch.nn.functional.binary_cross_entropy")
def raw_outputs_cut_to_look_like_probabilities(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(outputs=1)

        def forward(self, x):
            z = self.body(x).squeeze(1)
            return (z if sick else z.sigmoid()).clamp(1e-6, 1 - 1e-6)

    inputs, targets = features()
    return training(Net(), nn.BCELoss(), (inputs, (targets > 4).float()))
