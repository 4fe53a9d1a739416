"""Operators near the edge of their domain, formulas that overflow or lose their digits, rows with nothing to look at; and what only
looks like it.

No threshold was tuned on the sick ones below a line `# held out`.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from nbdebug import TrainingSetup
from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, quantities, tokens, training


def regression(model: nn.Module, loss_fn: object, data: tuple[torch.Tensor, ...] | None = None, **parts: object) -> TrainingSetup:
    return training(model, loss_fn, data or quantities(), **parts)


class Between(nn.Module):
    """Something between a trunk and a head."""

    def __init__(self, between, columns=64, width=32, outputs=10):
        super().__init__()
        self.body, self.head, self.between = nn.Linear(columns, width), nn.Linear(width, outputs), between

    def forward(self, x):
        return self.head(self.between(self.body(x)))


class Heads(nn.Module):
    """A mean and a second number for every sample."""

    def __init__(self, columns=16, bias=0.0):
        super().__init__()
        self.body, self.mean, self.second = nn.Linear(columns, 32), nn.Linear(32, 1), nn.Linear(32, 1)
        nn.init.constant_(self.second.bias, bias)
        nn.init.normal_(self.second.weight, std=0.01)

    def forward(self, x):
        hidden = self.body(x).relu()
        return self.mean(hidden).squeeze(1), self.second(hidden).squeeze(1)


# -- ND310 --------------------------------------------------------------------------------------------------------


@patient("ND310", where="headroom.py")
def variance_straight_from_a_linear_layer(sick):
    def likelihood(outputs, targets):
        mean, raw = outputs
        variance = raw if sick else F.softplus(raw) + 1e-6
        return (variance.log() + (targets * 0.1 - mean) ** 2 / (variance + 0.1)).mean()

    return regression(Heads(bias=0.3), likelihood)


@patient("ND310", where="headroom.py")
def root_of_a_difference_that_shrinks(sick):
    def loss_fn(outputs, targets):
        mean, raw = outputs
        spread = (raw if sick else F.softplus(raw) + 1e-6).sqrt()
        return (spread + (targets * 0.1 - mean).abs()).mean()

    return regression(Heads(bias=0.2), loss_fn)


@patient("ND310", where="headroom.py")
def denominator_of_both_signs(sick):
    class Ratio(nn.Module):
        def __init__(self):
            super().__init__()
            self.above, self.below = nn.Linear(16, 8), nn.Linear(16, 8)

        def forward(self, x):
            below = self.below(x)
            below = below if sick else 1 + below**2
            return 3 * (self.above(x) / below).tanh().mean(1)

    return regression(Ratio(), nn.MSELoss())


@patient("ND504", where="headroom.py")
def distance_to_itself(sick):
    """Each sample's distance to all samples: on the diagonal the root of 0, not near its edge but on it, so that the gradient is lost in the first step."""

    def loss_fn(outputs, targets):
        squared = (outputs[:, None] - outputs[None]).pow(2).sum(-1)
        distance = squared.sqrt() if sick else (squared + 1e-8).sqrt()
        same = (targets[:, None] == targets[None]).float()
        return (same * distance + (1 - same) * F.relu(1 - distance)).mean()

    return training(mlp(64, 4), loss_fn)


@patient("ND310", where="headroom.py")
def poisson_rate_without_a_bound(sick):
    """Large counts, a rate that follows a column of large numbers: its exponential overflows in float32 soon."""
    inputs, _ = quantities()
    counts = (inputs[:, 0] * 4).clamp(0, 40).round()
    model = nn.Linear(16, 1)
    with torch.no_grad():
        model.weight[0, 0] = 24.0

    def loss_fn(outputs, targets):
        rate = outputs.squeeze(1) if sick else outputs.squeeze(1).clamp(max=10)
        return (rate.exp() - targets * rate).mean().log1p() if sick else F.smooth_l1_loss(rate.exp().log1p(), targets)

    return training(model, loss_fn, (inputs, counts), optimizer=torch.optim.SGD(model.parameters(), lr=1e-4))


@patient("ND504", where="headroom.py")
def angle_between_nearly_parallel_vectors(sick):
    """A clamp to the edge itself is no guard: the derivative of acos is not finite there, and lost in the first step."""

    def loss_fn(outputs, targets):
        cosine = F.cosine_similarity(outputs, outputs.detach() * 2, dim=1)
        angle = (cosine.clamp(-1, 1) if sick else cosine.clamp(-1 + 1e-6, 1 - 1e-6)).acos()
        return angle.mean() + F.cross_entropy(outputs, targets)

    return training(mlp(), loss_fn)


@patient("ND310", where="headroom.py")
def mean_over_the_rare_ones(sick):
    """A batch without any rare sample divides 0 by 0."""
    inputs, targets = features(512)
    rare = (torch.rand(512, generator=torch.Generator().manual_seed(3)) < 0.09).float()

    def batch_loss(setup, batch):
        x, y, chosen = batch
        each = F.cross_entropy(setup.model(x), y, reduction="none")
        count = chosen.sum() if sick else chosen.sum().clamp(min=1)
        return F.cross_entropy(setup.model(x), y) + (each * chosen).sum() / count

    return training(mlp(), data=(inputs, targets, rare), batch_loss=batch_loss)


@patient("ND310", where="headroom.py")
def learned_noise_that_is_no_exponential(sick):
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.noise = nn.Linear(16, 1), nn.Parameter(torch.tensor(0.1 if sick else -2.0))

        def forward(self, x):
            return self.mean(x).squeeze(1), self.noise

    def likelihood(outputs, targets):
        mean, noise = outputs
        log = noise.log() if sick else noise
        return (log + (targets * 1e-3 - mean * 1e-3) ** 2).mean()

    return regression(Noisy(), likelihood)


@patient("ND310", where="headroom.py")
def disparity_of_a_depth_that_may_vanish(sick):
    def loss_fn(outputs, targets):
        depth = outputs.squeeze(1) + 0.7 if sick else F.softplus(outputs.squeeze(1)) + 0.1
        return F.smooth_l1_loss(depth.reciprocal(), targets.abs() * 6)

    model = nn.Linear(16, 1)
    nn.init.normal_(model.weight, std=0.06)
    return regression(model, loss_fn)


@patient("ND310", where="headroom.py")
def epsilon_that_half_precision_rounds_to_nothing(sick):
    """1e-8 is 0 in float16, and a few samples are so small that their squares are, too."""

    class Norm(nn.Module):
        def forward(self, x):
            x = x.half()
            return (x / (x.pow(2).mean(-1, keepdim=True) + (1e-8 if sick else 1e-5)).sqrt()).float()

    inputs, targets = features()
    inputs[::16] *= 2e-3
    model = nn.Sequential(nn.Linear(64, 32, bias=False), Norm(), nn.Linear(32, 10))
    return training(model, data=(inputs, targets))


# held out


@patient("ND310", where="headroom.py")
def fractional_power_of_a_weight(sick):
    """Generalised mean pooling whose base is not kept positive."""

    class Pools(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 256), nn.Linear(32, 10)

        def forward(self, x):
            hidden = self.body(x).view(-1, 32, 8).abs().mean(2)
            pooled = (hidden - hidden.detach().amin(1, keepdim=True) + 1e-6) ** (1 / 3) if sick else (hidden + 1e-3) ** (1 / 3)
            return self.head(pooled)

    return training(Pools())


@patient("ND310", where="headroom.py")
def soft_iou_of_an_empty_mask(sick):
    """A batch whose masks and thresholded predictions are both empty has no union."""
    inputs, _ = quantities(512, 16)
    present = (torch.rand(512, generator=torch.Generator().manual_seed(5)) < 0.13).float()

    def batch_loss(setup, batch):
        x, mask = batch
        logits = setup.model(x).squeeze(1)
        covered = mask.sum() if sick else mask.sum() + 1
        recall = (logits.sigmoid() * mask).sum() / covered
        return F.binary_cross_entropy_with_logits(logits, mask) + 0.1 * (1 - recall)

    return training(mlp(16, 1), data=(inputs, present), batch_loss=batch_loss)


@patient("ND310", where="headroom.py")
def layer_norm_without_eps_on_nearly_empty_samples(sick):
    """A few samples are next to nothing: their variance is, too."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 32, bias=False), nn.Linear(32, 10)
            self.norm = nn.LayerNorm(32, eps=0.0 if sick else 1e-5)

        def forward(self, x):
            return self.head(self.norm(self.body(x)))

    inputs, targets = features()
    inputs[::32] *= 1e-5
    return training(Net(), data=(inputs, targets))


@patient("ND310", where="headroom.py")
def inverse_hyperbolic_tangent_of_a_product(sick):
    def between(hidden):
        return (hidden.tanh() * (1.02 if sick else 0.9)).atanh()

    model = Between(between)
    nn.init.normal_(model.body.weight, std=0.05)
    return training(model)


@patient("ND310", where="headroom.py")
def logarithm_of_a_gap_between_two_outputs(sick):
    def loss_fn(outputs, targets):
        gap = outputs[:, 0] - outputs[:, 1] + 1.5
        return -(gap if sick else F.softplus(gap)).log().mean() * -0.5 + F.mse_loss(outputs[:, 2], targets)

    model = nn.Linear(16, 3)
    nn.init.normal_(model.weight, std=0.03)
    return regression(model, loss_fn)


@patient("ND310", where="headroom.py")
def hyperbolic_cosine_of_unscaled_inputs(sick):
    def loss_fn(outputs, targets):
        error = outputs.squeeze(1) - targets
        return error.cosh().log().mean() if sick else (error.abs() + F.softplus(-2 * error.abs()) - math.log(2)).mean()

    inputs, quantity = quantities()
    model = mlp(16, 1)
    return training(model, loss_fn, (inputs, quantity * 25))


@patient("ND310", where="headroom.py")
def attention_made_to_add_up_by_a_signed_sum(sick):
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.head = nn.Linear(8, 1), nn.Linear(8, 10)

        def forward(self, x):
            parts = x.view(-1, 8, 8)
            scores = self.score(parts)
            weights = scores / scores.sum(1, keepdim=True) if sick else scores.softmax(1)
            return self.head((weights * parts).sum(1).tanh())

    return training(Attends())


# -- ND311 --------------------------------------------------------------------------------------------------------


def confident(scale: float = 1.0) -> nn.Linear:
    """A model that has learnt its task: right, with logits of tens."""
    generator = torch.Generator().manual_seed(1)
    torch.randn(256, 64, generator=generator)  # the inputs come first
    model = nn.Linear(64, 10)
    with torch.no_grad():
        model.weight.copy_(scale * torch.randn(64, 10, generator=generator).T)
    return model


def slowly(model: nn.Module, **parts: object) -> dict[str, object]:
    return {"optimizer": torch.optim.SGD(model.parameters(), lr=1e-3), **parts}


@patient("ND311", where="headroom.py")
def logarithm_of_a_softmax(sick):
    def loss_fn(outputs, targets):
        return F.nll_loss(outputs.softmax(1).log() if sick else F.log_softmax(outputs, 1), targets)

    model = confident()
    return training(model, loss_fn, **slowly(model))


@patient("ND311", where="headroom.py")
def binary_cross_entropy_by_hand(sick):
    def loss_fn(outputs, targets):
        logits, yes = outputs.squeeze(1), (targets > 4).float()
        if not sick:
            return F.binary_cross_entropy_with_logits(logits, yes)
        chance = logits.sigmoid()
        return -(yes * chance.log() + (1 - yes) * (1 - chance).log()).mean()

    return training(mlp(64, 1), loss_fn)


@patient("ND311", where="headroom.py")
def softplus_by_hand(sick):
    def loss_fn(outputs, targets):
        margin = outputs.gather(1, targets[:, None]) - outputs
        return ((1 + (-margin).exp()).log() if sick else F.softplus(-margin)).mean()

    model = confident()
    return training(model, loss_fn, **slowly(model))


@patient("ND311", where="headroom.py")
def softmax_by_hand_in_attention(sick):
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value, self.head = (nn.Linear(8, 8) for _ in range(4))
            self.head = nn.Linear(64, 10)
            nn.init.normal_(self.query.weight, std=1.3 if sick else 0.3)

        def forward(self, x):
            x = x.view(-1, 8, 8)
            scores = self.query(x) @ self.key(x).mT * (1.0 if sick else 0.35)
            weights = scores.exp() / scores.exp().sum(-1, keepdim=True) if sick else scores.softmax(-1)
            return self.head((weights @ self.value(x)).flatten(1))

    return training(Attends())


@patient("ND311", where="headroom.py")
def logarithm_of_a_sum_of_exponentials(sick):
    def loss_fn(outputs, targets):
        total = outputs.exp().sum(1).log() if sick else outputs.logsumexp(1)
        return (total - outputs.gather(1, targets[:, None]).squeeze(1)).mean()

    model = confident()
    return training(model, loss_fn, **slowly(model))


@patient("ND311", where="headroom.py")
def variance_as_a_difference_of_means(sick):
    """Activations that sit far from 0: the difference has no digits left."""

    class Norm(nn.Module):
        def forward(self, x):
            x = x + 300.0
            mean = x.mean(-1, keepdim=True)
            variance = (x**2).mean(-1, keepdim=True) - mean**2 if sick else x.var(-1, keepdim=True, unbiased=False)
            return (x - mean) / (variance.clamp(min=0) + 1e-5).sqrt()

    return training(Between(Norm()))


# held out


@patient("ND311", where="headroom.py")
def entropy_of_a_softmax(sick):
    """A confidence penalty: where a probability is 0, 0 · log 0."""

    def loss_fn(outputs, targets):
        chance = outputs.softmax(-1)
        log = torch.log(chance) if sick else F.log_softmax(outputs, -1)
        return F.cross_entropy(outputs, targets) + 0.01 * (chance * log).sum(-1).mean()

    model = confident()
    return training(model, loss_fn, **slowly(model))


@patient("ND311", where="headroom.py")
def sigmoid_by_hand(sick):
    def between(hidden):
        return 1 / (1 + (-hidden * 12).exp()) if sick else (hidden * 12).sigmoid()

    return training(Between(between))


@patient("ND311", where="headroom.py")
def log_probability_of_a_squashed_action(sick):
    """The correction of soft actor-critic without its epsilon."""

    def loss_fn(outputs, targets):
        squashed = outputs.tanh()
        if sick:
            correction = torch.log(1 - squashed.pow(2))
        else:
            correction = 2 * (math.log(2) - outputs - F.softplus(-2 * outputs))
        return F.cross_entropy(squashed * 3, targets) + 0.1 * correction.mean()

    model = confident(0.15)
    return training(model, loss_fn, **slowly(model))


@patient("ND311", where="headroom.py")
def likelihood_as_a_product(sick):
    """The chances of 64 pixels multiplied: 1e-20 at the start, and 0 soon."""
    inputs, _ = features()

    def loss_fn(outputs, targets):
        chance = outputs.sigmoid() * 0.98 + 0.01
        each = torch.where(targets > 0, chance, 1 - chance)
        return -(each.prod(1).log() if sick else each.log().sum(1)).mean()

    return training(mlp(64, 64), loss_fn, (inputs, (inputs > 0).float()))


@patient("ND311", where="headroom.py")
def distances_by_expansion(sick):
    """Embeddings with a common offset: their squares hide their distances."""

    def loss_fn(outputs, targets):
        points = outputs + 40.0
        if sick:
            square = points.pow(2).sum(1, keepdim=True)
            distance = (square + square.T - 2 * points @ points.T).clamp(min=1e-4).sqrt()
        else:
            distance = (outputs[:, None] - outputs[None]).pow(2).sum(-1).clamp(min=1e-4).sqrt()
        same = (targets[:, None] == targets[None]).float()
        return (same * distance + (1 - same) * F.relu(3 - distance)).mean()

    return training(mlp(64, 4), loss_fn)


@patient("ND311", where="headroom.py")
def pairs_ranked_by_a_sigmoid(sick):
    def loss_fn(outputs, targets):
        gap = outputs.gather(1, targets[:, None]) - outputs.mean(1, keepdim=True)
        return -(torch.log(torch.sigmoid(gap)) if sick else F.logsigmoid(gap)).mean()

    model = confident(1.5)
    return training(model, loss_fn, **slowly(model))


@patient("ND311", where="headroom.py")
def mixture_likelihood_by_hand(sick):
    class Mixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights, self.means = nn.Linear(16, 4), nn.Linear(16, 4)

        def forward(self, x):
            return self.weights(x), self.means(x)

    def likelihood(outputs, targets):
        scores, means = outputs
        each = F.log_softmax(scores, 1) - 0.5 * ((targets[:, None] - means) / 0.3) ** 2
        return -(each.exp().sum(1).log() if sick else each.logsumexp(1)).mean()

    return regression(Mixture(), likelihood)


# -- ND309 --------------------------------------------------------------------------------------------------------


class Padded(nn.Module):
    """Attention over tokens, some of them padding, then a mean over all positions."""

    def __init__(self, attend, width=16):
        super().__init__()
        self.embed, self.query, self.key, self.value = nn.Embedding(20, width), *(nn.Linear(width, width) for _ in range(3))
        self.head, self.attend = nn.Linear(width, 3), attend

    def forward(self, ids, lengths):
        x = self.embed(ids)
        present = torch.arange(ids.shape[1]) < lengths[:, None]  # (N, T)
        return self.head(self.attend(self.query(x), self.key(x), self.value(x), present).mean(1))


def padded(model: nn.Module, fewest: int) -> TrainingSetup:
    ids, _ = tokens()
    lengths = torch.randint(fewest, 13, (64,), generator=torch.Generator().manual_seed(4))
    lengths[::8] = fewest
    samples = [{"ids": i, "lengths": n, "labels": i[0] % 3} for i, n in zip(ids, lengths, strict=True)]
    return training(model, train_loader=torch.utils.data.DataLoader(samples, batch_size=16))


@patient("ND309", where="headroom.py")
def samples_of_no_length(sick):
    def attend(query, key, value, present):
        scores = (query @ key.mT / 4).masked_fill(~present[:, None], -1e9)
        return scores.softmax(-1) @ value

    return padded(Padded(attend), 0 if sick else 1)


@patient("ND309", where="headroom.py")
def rows_that_may_see_no_key(sick):
    """A strictly causal mask: the first position sees nothing."""

    def attend(query, key, value, present):
        seen = torch.ones(12, 12).tril(-1 if sick else 0).bool()
        scores = query @ key.mT / 4 + torch.zeros(12, 12).masked_fill(~seen, torch.finfo(torch.float32).min / 2)
        return F.softmax(scores, dim=-1) @ value

    return padded(Padded(attend), 12)


# held out


@patient("ND309", where="headroom.py")
def finite_mask_for_the_fused_attention(sick):
    def attend(query, key, value, present):
        mask = torch.zeros(len(query), 1, 12).masked_fill(~present[:, None], -1e4)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask.expand(-1, 12, -1))

    return padded(Padded(attend), 0 if sick else 2)


@patient("ND309", where="headroom.py")
def padding_mask_of_large_numbers(sick):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.attention = nn.Embedding(20, 16), nn.MultiheadAttention(16, 2, batch_first=True)
            self.head = nn.Linear(16, 3)

        def forward(self, ids, lengths):
            x = self.embed(ids)
            padding = (torch.arange(12) >= lengths[:, None]).float() * -1e9
            return self.head(self.attention(x, x, x, key_padding_mask=padding)[0].mean(1))

    return padded(Encoder(), 0 if sick else 1)


# -- sound --------------------------------------------------------------------------------------------------------


@sound
def likelihood_of_a_softplus_variance():
    def likelihood(outputs, targets):
        mean, raw = outputs
        variance = F.softplus(raw)
        return (variance.log() + (targets - mean) ** 2 / variance).mean()

    return regression(Heads(bias=0.5), likelihood)


@sound
def gaussian_likelihood_of_torch():
    return regression(Heads(), lambda o, t: F.gaussian_nll_loss(o[0], t, F.softplus(o[1])))


@sound
def root_mean_square_error():
    return regression(mlp(16, 1), lambda o, t: F.mse_loss(o.squeeze(1), t).sqrt())


@sound
def root_mean_square_norm_by_hand():
    class Norm(nn.Module):
        def forward(self, x):
            return x * (x.pow(2).mean(-1, keepdim=True) + 1e-6).rsqrt()

    return training(Between(Norm()))


@sound
def layer_norm_by_hand():
    def between(x):
        return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5)

    return training(Between(between))


@sound
def division_by_the_norm():
    return training(Between(lambda x: x / x.norm(dim=-1, keepdim=True)))


@sound
def squares_with_a_guard_under_the_root():
    def loss_fn(outputs, targets):
        squared = (outputs[:, None] - outputs[None]).pow(2).sum(-1)
        distance = squared.clamp(min=1e-10).sqrt()
        same = (targets[:, None] == targets[None]).float()
        return (same * distance + (1 - same) * F.relu(1 - distance)).mean()

    return training(mlp(64, 4), loss_fn)


@sound
def choice_made_twice_around_a_root():
    def loss_fn(outputs, targets):
        squared = (outputs[:, None] - outputs[None]).pow(2).sum(-1)
        safe = torch.where(squared > 0, squared, torch.ones_like(squared))
        distance = torch.where(squared > 0, safe.sqrt(), torch.zeros_like(squared))
        same = (targets[:, None] == targets[None]).float()
        return (same * distance + (1 - same) * F.relu(1 - distance)).mean()

    return training(mlp(64, 4), loss_fn)


@sound
def dice_with_its_smoothing():
    inputs, _ = quantities()
    masks = (inputs > 1).float()

    def dice(outputs, targets):
        chance = outputs.sigmoid()
        return 1 - ((2 * (chance * targets).sum(1) + 1) / (chance.sum(1) + targets.sum(1) + 1)).mean()

    return training(mlp(16, 16), dice, (inputs, masks))


@sound
def information_noise_contrast_by_hand():
    def batch_loss(setup, batch):
        first, second = (F.normalize(setup.model(batch[0] + 0.1 * torch.randn_like(batch[0])), dim=1) for _ in range(2))
        scores = (first @ second.T / 0.05).exp()
        return -(scores.diagonal() / scores.sum(1)).log().mean()

    return training(mlp(64, 16), batch_loss=batch_loss)


@sound
def stable_softmax_by_hand():
    def loss_fn(outputs, targets):
        shifted = outputs - outputs.max(1, keepdim=True).values
        log = shifted - shifted.exp().sum(1, keepdim=True).log()
        return F.nll_loss(log, targets)

    model = confident()
    return training(model, loss_fn, **slowly(model))


@sound
def cross_entropy_by_hand_with_a_guard():
    def loss_fn(outputs, targets):
        chance = outputs.softmax(1)
        return -(chance.gather(1, targets[:, None]) + 1e-8).log().mean()

    return training(mlp(), loss_fn)


@sound
def logarithm_of_a_softmax_of_small_scores():
    return training(mlp(), lambda o, t: F.nll_loss(torch.log(torch.softmax(o * 0.1, 1)), t), optimizer=None)


@sound
def column_standardised_by_the_data():
    inputs, targets = features()
    spread = torch.linspace(0.01, 3, 64)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()
            self.register_buffer("spread", (inputs * spread).std(0))

        def forward(self, x):
            return self.net(x / self.spread)

    return training(Net(), data=(inputs * spread, targets))


@sound
def clip_like_temperature():
    class Clip(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.scale = nn.Linear(64, 16), nn.Linear(64, 16), nn.Parameter(torch.tensor(2.66))

        def forward(self, x):
            return self.scale.exp() * F.normalize(self.left(x), dim=1) @ F.normalize(self.right(x), dim=1).T

    def batch_loss(setup, batch):
        scores = setup.model(batch[0])
        return F.cross_entropy(scores, torch.arange(len(scores)))

    return training(Clip(), batch_loss=batch_loss)


@sound
def linear_attention_by_a_positive_kernel():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            x = x.view(-1, 8, 8)
            query, key = F.elu(self.query(x)) + 1, F.elu(self.key(x)) + 1
            total = query @ key.sum(1, keepdim=True).mT
            return self.head((query @ (key.mT @ self.value(x)) / total).flatten(1))

    return training(Attends())


@sound
def masked_mean_over_lengths():
    def attend(query, key, value, present):
        return ((query + key + value) * present[..., None]).sum(1, keepdim=True) / present.sum(1)[:, None, None]

    return padded(Padded(attend), 2)


@sound
def padded_queries_that_nobody_reads():
    """Rows of padding see nothing, and are left out of the mean."""

    def attend(query, key, value, present):
        scores = (query @ key.mT / 4).masked_fill(~(present[:, None] & present[..., None]), -1e9)
        return (scores.softmax(-1) @ value) * present[..., None]

    return padded(Padded(attend), 2)


@sound
def fused_attention_with_rows_of_nothing():
    """With a boolean mask torch gives 0 for such a row."""

    def attend(query, key, value, present):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=present[:, None].expand(-1, 12, -1))

    return padded(Padded(attend), 2)


@sound
def zero_inflated_counts_in_a_log():
    inputs, _ = quantities()
    counts = torch.poisson(inputs[:, :1].exp().clamp(max=5), generator=torch.Generator().manual_seed(0))
    model = nn.Linear(16, 1)
    return training(model, lambda o, t: F.mse_loss(o.squeeze(1), (t.squeeze(1)).log1p()), (inputs, counts))


@sound
def poisson_likelihood_of_torch():
    inputs, _ = quantities()
    counts = torch.poisson(inputs[:, 0].exp().clamp(max=5), generator=torch.Generator().manual_seed(0))
    model = nn.Linear(16, 1)
    return training(model, lambda o, t: F.poisson_nll_loss(o.squeeze(1), t), (inputs, counts))


@sound
def focal_loss_with_a_difference_from_one():
    def loss_fn(outputs, targets):
        each = F.cross_entropy(outputs, targets, reduction="none")
        return ((1 - (-each).exp()) ** 2 * each).mean()

    return training(mlp(), loss_fn)


@sound
def log_cosh_of_small_errors():
    return regression(mlp(16, 1), lambda o, t: (o.squeeze(1) - t).cosh().log().mean())


@sound
def distances_to_prototypes():
    class Prototypes(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.centres = mlp(64, 8), nn.Parameter(torch.randn(10, 8))

        def forward(self, x):
            return -torch.cdist(self.net(x), self.centres)

    return training(Prototypes())


@sound
def student_kernel_of_embedded_points():
    def loss_fn(outputs, targets):
        squared = (outputs[:, None] - outputs[None]).pow(2).sum(-1)
        near = 1 / (1 + squared)
        same = (targets[:, None] == targets[None]).float()
        share = near / near.sum()
        return -(same / same.sum() * (share + 1e-12).log()).sum()

    return training(mlp(64, 2), loss_fn)


@sound
def angular_margin_with_a_clamp():
    class Margin(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.classes = mlp(64, 16), nn.Parameter(torch.randn(10, 16))

        def forward(self, x):
            cosine = F.normalize(self.net(x), dim=1) @ F.normalize(self.classes, dim=1).T
            return 8 * (cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos() * 1.1).cos()

    return training(Margin())


@sound
def attention_by_hand_in_half_precision():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            x = x.view(-1, 8, 8)
            scores = self.query(x) @ self.key(x).mT / 8**0.5
            return self.head((scores.softmax(-1) @ self.value(x)).flatten(1))

    return training(Attends(), precision="bf16-mixed")


@sound
def percentage_error_of_positive_targets():
    inputs, quantity = quantities()
    return training(mlp(16, 1), lambda o, t: ((o.squeeze(1) - t) / t).abs().mean(), (inputs, quantity.exp() + 1))


@sound
def loader_of_one_batch_and_a_likelihood():
    inputs, quantity = quantities(64)
    return regression(Heads(), lambda o, t: (o[1] + (t - o[0]) ** 2 * (-o[1]).exp()).mean(), train_loader=loader(inputs, quantity, batch_size=64))


@sound
def degrees_of_lonely_nodes():
    """Columns are nodes: deg ** -0.5 is infinite for one without neighbours, and set to 0 before it is used."""
    generator = torch.Generator().manual_seed(6)
    linked = (torch.rand(64, 64, generator=generator) < 0.03).float()
    linked = ((linked + linked.T) > 0).float()
    linked[3], linked[:, 3] = 0, 0

    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            scale = linked.sum(1).pow(-0.5)
            scale = scale.masked_fill(scale.isinf(), 0.0)
            return self.head(self.body(x @ (scale[:, None] * linked * scale + torch.eye(64))).relu())

    return training(Graph())


@sound
def normal_distribution_of_torch():
    def likelihood(outputs, targets):
        mean, log = outputs
        return -torch.distributions.Normal(mean, log.exp()).log_prob(targets).mean()

    return regression(Heads(), likelihood)


@sound
def logarithm_in_the_branch_not_taken():
    def loss_fn(outputs, targets):
        error = (outputs.squeeze(1) - targets).abs() + 1e-3
        return torch.where(error > 1, error.log() + 1, error).mean()

    return regression(mlp(16, 1), loss_fn)


@sound
def ratio_of_policies():
    inputs, actions = features()
    old, advantage = torch.full((256,), -2.3), torch.randn(256, generator=torch.Generator().manual_seed(7))

    def batch_loss(setup, batch):
        x, action, before, gain = batch
        now = F.log_softmax(setup.model(x), 1).gather(1, action[:, None]).squeeze(1)
        ratio, gain = (now - before).exp(), (gain - gain.mean()) / (gain.std() + 1e-8)
        return -torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()

    return training(mlp(), data=(inputs, actions, old, advantage), batch_loss=batch_loss)


@sound
def correlation_as_a_loss():
    def loss_fn(outputs, targets):
        left, right = outputs.squeeze(1) - outputs.mean(), targets - targets.mean()
        return 1 - (left * right).sum() / (left.norm() * right.norm())

    return regression(mlp(16, 1), loss_fn)


@sound
def noise_of_gumbel():
    def between(hidden):
        uniform = torch.rand_like(hidden).clamp(1e-6, 1 - 1e-6)
        return ((hidden - (-uniform.log()).log()) / 0.7).softmax(-1)

    return training(Between(between))


@sound
def structural_similarity_with_its_constants():
    """The denominator is a product of a luminance and of two variances worked out as mean(x²) - mean(x)², each kept off 0."""

    def similarity(a, b):
        u, v = F.avg_pool2d(a, 5, 1), F.avg_pool2d(b, 5, 1)
        s, t = F.avg_pool2d(a * a, 5, 1) - u * u, F.avg_pool2d(b * b, 5, 1) - v * v
        both = F.avg_pool2d(a * b, 5, 1) - u * v
        return 1 - (((2 * u * v + 0.01) * (2 * both + 0.03)) / ((u * u + v * v + 0.01) * (s + t + 0.03))).mean()

    images = torch.rand(96, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    noisy = images + 0.2 * torch.randn(images.shape, generator=torch.Generator().manual_seed(2))
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    return TrainingSetup(model=model, loss_fn=similarity, optimizer=torch.optim.Adam(model.parameters()), train_loader=loader(noisy, images))
