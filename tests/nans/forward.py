"""NaN and Inf that are born inside a model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tests.nans import sick_nan
from tests.patients.parts import features, images, loader, mlp, quantities, tokens, training


def positive_with_an_empty_row(row=70):
    """Counts (256, 64) that are never negative; one sample has none."""
    inputs, targets = features()
    counts = inputs.abs()
    counts[row] = 0.0
    return counts, targets


@sick_nan("forward", "ND308")
def shares_of_an_empty_histogram(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            total = x.sum(1, keepdim=True)
            if not sick:
                total = total.clamp(min=1e-6)
            x = x / total  # guilty
            return self.body(64 * x)

    return training(Net(), data=positive_with_an_empty_row())


@sick_nan("forward", "ND308", held_out=True)
def logarithm_of_counts(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            x = x.log() if sick else x.log1p()  # guilty
            return self.body(x)

    return training(Net(), data=positive_with_an_empty_row())


@sick_nan("forward", "ND308", held_out=True)
def variance_as_a_difference_of_squares(sick):
    class Standardise(nn.Module):
        def forward(self, x):
            mean = x.mean(1, keepdim=True)
            variance = (x * x).mean(1, keepdim=True) - mean * mean
            if not sick:
                variance = (x - mean).square().mean(1, keepdim=True) + 1e-3
            deviation = torch.sqrt(variance)  # guilty
            return (x - mean) / deviation

    inputs, targets = features()
    return training(nn.Sequential(Standardise(), mlp()), data=(1000 + 0.01 * inputs, targets))


@sick_nan("forward", "ND308")
def log_variance_of_an_autoencoder(sick):
    class Vae(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(64, 16), nn.Linear(8, 64)
            with torch.no_grad():
                self.encoder.weight[8:].mul_(300)

        def forward(self, x):
            mean, log_variance = self.encoder(x).chunk(2, dim=1)
            if not sick:
                log_variance = log_variance.clamp(-8, 8)
            z = mean + torch.exp(log_variance) * torch.randn_like(mean)  # guilty
            return self.decoder(z)

    inputs, _ = features()
    return training(Vae(), nn.L1Loss(), train_loader=loader(inputs, inputs))


@sick_nan("forward", "ND308", held_out=True)
def softmax_by_hand(sick):
    class Mixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate, self.experts = nn.Linear(64, 4), nn.Linear(64, 40)

        def forward(self, x):
            scores = 200 * self.gate(x)
            if sick:
                powers = scores.exp()  # guilty
                weights = powers / powers.sum(1, keepdim=True)
            else:
                weights = scores.softmax(1)
            return torch.einsum("nk,nkc->nc", weights, self.experts(x).view(-1, 4, 10))

    return training(Mixture())


@sick_nan("forward", "ND308")
def instance_norm_of_a_flat_image(sick):
    class Norm(nn.Module):
        def forward(self, x):
            mean, std = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), keepdim=True)
            return (x - mean) / (std if sick else std + 1e-5)  # guilty

    pictures, targets = images()
    pictures[11] = 0.5
    model = nn.Sequential(Norm(), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    return training(model, data=(pictures, targets))


@sick_nan("forward", "ND309")
def attention_over_nothing_but_padding(sick):
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.q, self.k, self.head = nn.Embedding(20, 16), nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 20)

        def forward(self, ids):
            x = self.embed(ids)
            scores = self.q(x) @ self.k(x).mT / 4
            scores = scores.masked_fill((ids == 0)[:, None, :], float("-inf"))
            weights = scores.softmax(-1)  # guilty
            return (weights @ x).mean(1) @ self.head.weight.T

    ids = torch.randint(1, 20, (64, 12))
    if sick:
        ids[5] = 0
    return training(Attends(), data=(ids, ids[:, 0]))


@sick_nan("forward", "ND309", where="attention", held_out=True)
def torchs_attention_over_nothing_but_padding(sick):
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.attention = nn.Embedding(20, 16), nn.MultiheadAttention(16, 2, batch_first=True)
            self.head = nn.Linear(16, 20)

        def forward(self, ids):
            x = self.embed(ids)
            mask = torch.zeros(ids.shape).masked_fill(ids == 0, float("-inf"))
            bias = mask[:, None, :].expand(-1, ids.shape[1], -1).repeat_interleave(2, 0)
            x, _ = self.attention(x, x, x, attn_mask=bias)  # guilty
            return self.head(x.mean(1))

    ids = torch.randint(1, 20, (64, 12))
    if sick:
        ids[5] = 0
    return training(Attends(), data=(ids, ids[:, 1].clamp(min=0)))


@sick_nan("forward", "ND308", held_out=True)
def unit_vectors_of_dead_units(sick):
    class Embeds(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.classes = nn.Sequential(nn.Linear(64, 16), nn.ReLU()), nn.Parameter(torch.randn(16, 10))
            nn.init.constant_(self.body[0].bias, -0.6)

        def forward(self, x):
            x = self.body(x)
            length = x.norm(dim=1, keepdim=True)
            unit = x / length if sick else F.normalize(x + 1e-4, dim=1)  # guilty
            return 5 * unit @ self.classes

    inputs, targets = features()
    return training(Embeds(), data=(0.5 * inputs, targets))


@sick_nan("forward", "ND308")
def log_of_one_minus_a_saturated_probability(sick):
    class Hazard(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(64, 10)

        def forward(self, x):
            p = torch.sigmoid(40 * self.body(x))
            return torch.log1p(-(p if sick else 0.999 * p))  # guilty

    return training(Hazard(), batch_loss=lambda setup, batch: -setup.model(batch[0]).mean())


@sick_nan("forward", "ND308", held_out=True)
def squashed_actions_unsquashed(sick):
    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(16, 4)

        def forward(self, x):
            action = torch.tanh(30 * self.body(x))
            if not sick:
                action = action.clamp(-0.999, 0.999)
            return torch.atanh(action).sum(1)  # guilty

    return training(Policy(), nn.MSELoss(), quantities())


@sick_nan("forward", "ND308")
def root_of_a_signed_quantity(sick):
    class Gamma(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.exponent = mlp(), nn.Parameter(torch.tensor(0.45))

        def forward(self, x):
            base = x if sick else x.abs() + 0.1
            return self.body(base ** self.exponent)  # guilty

    return training(Gamma())


@sick_nan("forward", "ND308", held_out=True)
def a_parameter_that_was_never_filled(sick):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()
            self.gain = nn.Parameter(torch.full((64,), float("nan") if sick else 1.0))

        def forward(self, x):
            x = x * self.gain  # guilty
            return self.body(x)

    return training(Scaled())


@sick_nan("forward", "ND308")
def divided_in_place_by_the_largest(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            x = x.clone()
            x += 0.0 if sick else 1e-3
            x /= x.amax(1, keepdim=True)  # guilty
            return self.body(x)

    return training(Net(), data=positive_with_an_empty_row())


@sick_nan("forward", "ND308", held_out=True)
def logarithm_in_place(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            x = self.first(x)
            x = x.relu() + (0.0 if sick else 1.0)
            x.log_()  # guilty
            return self.second(x)

    return training(Net())


@sick_nan("forward", "ND308")
def a_recurrence_that_explodes(sick):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.head = nn.Linear(32, 32, bias=False), nn.Linear(32, 10)
            nn.init.orthogonal_(self.inner.weight, gain=6.0 if sick else 0.9)

        def forward(self, x):
            h = torch.zeros(len(x), 32)
            for _ in range(60):
                h = self.inner(h) + x[:, :32]  # guilty
            return self.head(h)

    return training(Recurrent(), optimizer=None)


@sick_nan("forward", "ND308", held_out=True)
def attention_without_the_maximum(sick):
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.qkv, self.head = nn.Embedding(20, 16), nn.Linear(16, 48), nn.Linear(16, 20)
            with torch.no_grad():
                self.embed.weight.mul_(12)

        def forward(self, ids):
            q, k, v = self.qkv(self.embed(ids)).chunk(3, -1)
            scores = q @ k.mT
            if not sick:
                scores = scores - scores.amax(-1, keepdim=True)
            powers = torch.exp(scores)  # guilty
            return self.head(powers @ v / powers.sum(-1, keepdim=True))

    def batch_loss(setup, batch):
        ids, following = batch
        return F.cross_entropy(setup.model(ids).flatten(0, 1), following.flatten())

    return training(Attends(), batch_loss=batch_loss, data=tokens())


@sick_nan("forward", "ND308", where="embed")
def a_ruined_row_of_an_embedding(sick):
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)
            if sick:
                with torch.no_grad():
                    self.embed.weight[13] = float("nan")

        def forward(self, ids):
            x = self.embed(ids)  # guilty
            return self.head(x.mean(1))

    ids, following = tokens()
    return training(Bag(), data=(ids, following[:, -1]))


@sick_nan("forward", "ND308", held_out=True)
def logarithm_in_a_checkpointed_block(sick):
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)

        def block(self, x):
            x = self.second(x).relu()
            return torch.log(x if sick else x + 1)  # guilty

        def forward(self, x):
            return self.head(checkpoint(self.block, self.first(x), use_reentrant=False))

    return training(Deep())


@sick_nan("forward", "ND308")
def a_custom_function_that_divides(sick):
    class Normalise(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            scale = x.abs().sum(1, keepdim=True) + (0.0 if sick else 1.0)
            ctx.save_for_backward(scale)
            return x / scale  # guilty

        @staticmethod
        def backward(ctx, grad):
            (scale,) = ctx.saved_tensors
            return grad / scale

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return self.body(32 * Normalise.apply(x))

    return training(Net(), data=positive_with_an_empty_row())


@sick_nan("forward", "ND308", held_out=True)
def an_output_with_names(sick):
    @dataclass
    class Output:
        logits: torch.Tensor
        confidence: torch.Tensor

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.temperature = mlp(), nn.Linear(64, 1)

        def forward(self, x):
            sharpness = self.temperature(x).relu() + (0.0 if sick else 0.1)
            logits = self.body(x) / sharpness  # guilty
            return Output(logits, logits.softmax(1).amax(1))

    return training(Net())


@sick_nan("forward", "ND308")
def called_with_other_weights(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return self.body(torch.log(x if sick else x + 1))  # guilty

    def batch_loss(setup, batch):
        x, y = batch
        weights = {name: 0.9 * p for name, p in setup.model.named_parameters()}
        return F.cross_entropy(torch.func.functional_call(setup.model, weights, (x,)), y)

    return training(Net(), batch_loss=batch_loss, data=positive_with_an_empty_row())


@sick_nan("forward", "ND308")
def a_graph_with_a_lonely_node(sick):
    class Convolves(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 10)
            edges = (torch.rand(64, 64) < 0.1).float()
            edges[7] = edges[:, 7] = 0.0
            self.register_buffer("edges", edges if sick else edges + torch.eye(64))

        def forward(self, x):
            root = self.edges.sum(1).pow(-0.5)  # guilty
            return self.second(self.first(x @ (root[:, None] * self.edges * root)).relu())

    return training(Convolves())


@sick_nan("forward", "ND308", held_out=True)
def the_logarithm_of_a_spectrum(sick):
    class Spectral(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(33)

        def forward(self, x):
            power = torch.fft.rfft(x).abs()
            return self.body(torch.log(power) if sick else torch.log1p(power))  # guilty

    inputs, targets = features()
    inputs[90] = 0.0
    return training(Spectral(), data=(inputs, targets))


@sick_nan("forward", "ND308", where="0")
def layer_norm_without_eps(sick):
    inputs, targets = features()
    inputs[66] = 1.5
    return training(nn.Sequential(nn.LayerNorm(64, eps=0.0 if sick else 1e-5), mlp()), data=(inputs, targets))


@sick_nan("forward", "ND308", held_out=True)
def logits_of_probabilities_that_are_one(sick):
    class Boost(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(16, 1)

        def forward(self, x):
            prior = torch.sigmoid(30 * x[:, :1])
            prior = torch.logit(prior) if sick else torch.logit(prior, eps=1e-4)  # guilty
            return (self.body(x) + prior).flatten()

    inputs, targets = quantities()
    return training(Boost(), nn.BCEWithLogitsLoss(), (inputs, (targets > 0).float()))


@sick_nan("forward", "ND308")
def an_angle_beyond_one(sick):
    class Angles(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(1)

        def forward(self, x):
            a, b = x[:, :32], x[:, 32:]
            cosine = (a * b).sum(1, keepdim=True) / (a.norm(dim=1, keepdim=True) * b.norm(dim=1, keepdim=True))
            cosine = cosine * 1.001 if sick else cosine * 0.99
            return self.body(torch.acos(cosine))  # guilty

    inputs, targets = features()
    inputs[25, 32:] = 2 * inputs[25, :32]
    return training(Angles(), data=(inputs, targets))


@sick_nan("forward", "ND308")
def the_mean_of_an_empty_bag(sick):
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16, padding_idx=0), nn.Linear(16, 20)

        def forward(self, ids):
            present = (ids != 0).float()
            count = present.sum(1, keepdim=True)
            pooled = (self.embed(ids) * present[..., None]).sum(1) / (count if sick else count.clamp(min=1))  # guilty
            return self.head(pooled)

    ids, following = tokens()
    ids = ids.clone()
    ids[33] = 0
    return training(Bag(), data=(ids, following[:, -1]))


@sick_nan("forward", "ND308", held_out=True)
def remainder_of_a_period_of_zero(sick):
    class Periodic(nn.Module):
        def __init__(self):
            super().__init__()
            self.periods, self.body = nn.Parameter(torch.arange(64.0)), mlp()

        def forward(self, x):
            periods = self.periods if sick else self.periods + 1
            return self.body(torch.remainder(x, periods))  # guilty

    return training(Periodic())


@sick_nan("forward", "ND308")
def the_deviation_of_a_single_sample(sick):
    class Centre(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            spread = x.std(0, unbiased=sick) + 1e-3  # guilty
            return self.body((x - x.mean(0)) / spread)

    inputs, targets = features(129)
    return training(Centre(), train_loader=loader(inputs, targets, shuffle=False))


@sick_nan("forward", "ND308", held_out=True)
def a_mapped_function(sick):
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            def share(row):
                return row / (row.sum() if sick else row.sum() + 1)  # guilty

            return self.body(64 * torch.vmap(share)(x))  # guilty

    return training(Mapped(), data=positive_with_an_empty_row())


@sick_nan("forward", "ND308")
def a_compiled_model(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            x = self.first(x).relu()
            x = torch.log(x) if sick else torch.log1p(x)  # guilty
            return self.second(x)

    return training(torch.compile(Net(), backend="eager"))


@sick_nan("forward", "ND308", held_out=True)
def a_norm_written_as_a_function(sick):
    def rms_norm(x, weight):
        mean_square = x.pow(2).mean(-1, keepdim=True)
        return x * torch.rsqrt(mean_square + (0 if sick else 1e-6)) * weight  # guilty

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.body = nn.Parameter(torch.ones(64)), mlp()

        def forward(self, x):
            return self.body(rms_norm(x, self.weight))

    inputs, targets = features()
    inputs[200] = 0.0
    return training(Block(), data=(inputs, targets))


@sick_nan("forward", "ND308")
def a_module_list_that_grows(sick):
    class Tower(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(30))
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
                x = x * x if sick else x.tanh()  # guilty
            return self.head(x)

    inputs, targets = features()
    return training(Tower(), data=(20 * inputs, targets), optimizer=None)
