"""Faults as they come in real code, written after all else: nothing is tuned on them."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from tests.nans import sick_nan, sound_nan
from tests.patients.parts import features, images, loader, mlp, quantities, tokens, training


@sick_nan("loss", "ND308", held_out=True)
def ratio_of_a_policy_that_moved_far(sick):
    def ppo(setup, batch):
        states, actions = batch
        logs = 100 * setup.model(states)
        new = torch.distributions.Categorical(logits=logs).log_prob(actions)
        old = -200.0 * torch.rand(len(actions))
        difference = new.detach() * 0 + (new - old) - new * 0
        ratio = torch.exp(difference if sick else difference.clamp(-20, 20))  # guilty
        advantage = torch.randn(len(actions))
        return -(ratio * advantage).mean()

    return training(mlp(), batch_loss=ppo)


@sick_nan("backward", "ND504", held_out=True)
def gradient_penalty_on_a_flat_critic(sick):
    critic = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    if sick:
        nn.init.zeros_(critic[2].weight)

    def batch_loss(setup, batch):
        x = batch[0].clone().requires_grad_()
        score = setup.model(x)
        (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        length = slope.square().sum(1).sqrt()  # guilty
        return score.mean() + 10 * (length - 1).square().mean()

    return training(critic, batch_loss=batch_loss)


@sick_nan("forward", "ND308", held_out=True)
def noise_schedule_that_goes_beyond_one(sick):
    class Denoiser(nn.Module):
        def __init__(self):
            super().__init__()
            kept = torch.linspace(1.0, 0.0, 50) + (0.01 if sick else 0.0)
            self.register_buffer("kept", kept)
            self.body = mlp(64, 64)

        def forward(self, x):
            kept = self.kept[torch.randint(0, 50, (len(x), 1))]
            spread = torch.sqrt(1 - kept)  # guilty
            return self.body(kept.sqrt() * x + spread * torch.randn_like(x))

    inputs, _ = features()
    return training(Denoiser(), nn.MSELoss(), train_loader=loader(inputs, inputs))


@sick_nan("loss", "ND308", held_out=True)
def determinant_of_a_flow(sick):
    class Flow(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Parameter(torch.eye(64) + 0.01 * torch.randn(64, 64))
            with torch.no_grad():
                self.mix[0].mul_(-1.0)

        def forward(self, x):
            return x @ self.mix

    def likelihood(setup, batch):
        z = setup.model(batch[0])
        volume = torch.logdet(setup.model.mix) if sick else torch.linalg.slogdet(setup.model.mix)[1]  # guilty
        return 0.5 * z.square().sum(1).mean() - volume

    return training(Flow(), batch_loss=likelihood)


@sick_nan("forward", "ND308", held_out=True)
def mean_over_neighbours_of_a_lonely_node(sick):
    class MeanPool(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            source = torch.arange(len(x) - 1)
            target = (source + 1) // 2
            h = self.inner(x)
            total = torch.zeros_like(h).index_add(0, target, h[source])
            count = torch.zeros(len(x)).index_add(0, target, torch.ones(len(source)))
            if not sick:
                count = count.clamp(min=1)
            pooled = total / count[:, None]  # guilty
            return self.outer(pooled)

    return training(MeanPool())


@sick_nan("backward", "ND504", held_out=True)
def angular_margin_at_the_class_centre(sick):
    class Cosine(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.centres = nn.Linear(64, 32), nn.Parameter(torch.randn(10, 32))

        def forward(self, x):
            z = F.normalize(self.body(x), dim=1)
            if sick:
                with torch.no_grad():
                    self.centres[0] = z[0]
            return z @ F.normalize(self.centres, dim=1).T

    def arcface(setup, batch):
        cosine = setup.model(batch[0])
        cosine = cosine.clamp(-1, 1) if sick else 0.999 * cosine.clamp(-1, 1)
        cosine = torch.where(cosine > 0.99999, torch.ones_like(cosine) * cosine / cosine.detach(), cosine) if sick else cosine
        angle = torch.acos(cosine)  # guilty
        wanted = F.one_hot(batch[1], 10)
        return F.cross_entropy(8 * torch.cos(angle + 0.2 * wanted), batch[1])

    return training(Cosine(), batch_loss=arcface)


@sick_nan("forward", "ND308", held_out=True)
def series_scaled_by_its_last_value(sick):
    class Forecast(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(1, 16, batch_first=True), nn.Linear(16, 1)

        def forward(self, series):
            scale = series[:, -1:].abs()
            if not sick:
                scale = scale + 1e-2
            scaled = series / scale  # guilty
            _, last = self.rnn(scaled[..., None])
            return self.head(last[0]).squeeze(1) * scale.squeeze(1)

    series = torch.randn(128, 20).cumsum(1)
    series[55, -1] = 0.0
    return training(Forecast(), nn.L1Loss(), (series, series[:, 0].clone()))


@sick_nan("forward", "ND308", held_out=True)
def softplus_by_hand(sick):
    class Rate(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(16, 1)

        def forward(self, x):
            raw = 400 * self.body(x).squeeze(1)
            return torch.log(1 + torch.exp(raw)) if sick else F.softplus(raw)  # guilty

    return training(Rate(), nn.L1Loss(), quantities())


@sick_nan("loss", "ND308", held_out=True)
def partial_likelihood_without_anybody_at_risk(sick):
    def cox(setup, batch):
        x, time = batch
        risk = setup.model(x).squeeze(1)
        later = (time[None] > time[:, None]) if sick else (time[None] >= time[:, None])
        at_risk = (later * risk.exp()).sum(1)
        return -(risk - at_risk.log()).mean()  # guilty

    inputs, targets = quantities()
    return training(mlp(16, 1), batch_loss=cox, data=(inputs, targets))


@sick_nan("forward", "ND308", held_out=True)
def a_weight_norm_of_a_vector_of_zeros(sick):
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.direction, self.length = nn.Parameter(torch.randn(32, 64)), nn.Parameter(torch.ones(32, 1))
            self.head = nn.Linear(32, 10)
            if sick:
                with torch.no_grad():
                    self.direction[6] = 0.0

        def forward(self, x):
            weight = self.length * self.direction / self.direction.norm(dim=1, keepdim=True)  # guilty
            return self.head(F.linear(x, weight).relu())

    return training(Normed())


@sick_nan("forward", "ND309", held_out=True)
def windows_that_see_nobody(sick):
    class Local(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.qkv, self.head = nn.Embedding(20, 16), nn.Linear(16, 48), nn.Linear(16, 20)

        def forward(self, ids):
            n = ids.shape[1]
            q, k, v = self.qkv(self.embed(ids)).view(-1, n, 3, 2, 8).permute(2, 0, 3, 1, 4)
            place = torch.arange(n)
            near = (place[None] < place[:, None]) & (place[:, None] - place[None] < 4)
            if not sick:
                near = near | torch.eye(n, dtype=torch.bool)
            bias = torch.zeros(n, n).masked_fill(~near, -math.inf)
            weights = F.softmax(torch.einsum("bhqd,bhkd->bhqk", q, k) / math.sqrt(8) + bias, dim=-1)  # guilty
            mixed = torch.einsum("bhqk,bhkd->bhqd", weights, v).transpose(1, 2).flatten(2)
            return self.head(mixed).mT

    return training(Local(), data=tokens())


@sick_nan("data", "ND101", sample=12, held_out=True)
def a_picture_that_was_decoded_wrong(sick):
    pictures, targets = images()
    if sick:
        pictures[12] = float("nan")

    def batch_loss(setup, batch):
        x, y = batch
        x = (x - 0.5) / 0.25 + 0.05 * torch.randn_like(x)
        return F.cross_entropy(setup.model(x.flip(3)), y, label_smoothing=0.1)

    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.GroupNorm(2, 8), nn.SiLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    return training(model, batch_loss=batch_loss, data=(pictures, targets))


@sick_nan("backward", "ND504", held_out=True)
def focal_loss_with_a_root(sick):
    def focal(setup, batch):
        x, y = batch
        p = (300 * setup.model(x)).softmax(1).gather(1, y[:, None]).clamp(min=1e-6)
        hard = (1 - p) if sick else (1 - p) + 1e-4
        return -(hard**0.5 * p.log()).mean()  # guilty

    return training(mlp(), batch_loss=focal)


@sick_nan("loss", "ND308", held_out=True)
def geometric_mean_of_scores(sick):
    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return self.body(x).relu()

    def batch_loss(setup, batch):
        scores = setup.model(batch[0])
        if not sick:
            scores = scores + 1e-3
        return -scores.log().mean(1).exp().mean() + scores.prod(1).pow(-0.1).mean()  # guilty

    return training(Scores(), batch_loss=batch_loss)


@sick_nan("forward", "ND308", held_out=True)
def a_tower_without_norms_in_half_the_modules(sick):
    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            inner = self.up(x) ** 3 if sick else self.up(F.layer_norm(x, x.shape[-1:])) ** 3  # guilty
            return x + self.down(inner)  # guilty

    model = nn.Sequential(nn.Linear(64, 16), *(Block(16) for _ in range(6)), nn.Linear(16, 10))
    inputs, targets = features()
    return training(model, data=(30 * inputs, targets))


@sick_nan("optimizer", "ND709", where="Adamax", held_out=True)
def a_rate_of_zero_divided_by_zero(sick):
    model = mlp()
    inputs, targets = features()
    inputs[:, 7] = 0.0
    optimizer = torch.optim.Adamax(model.parameters(), lr=2e-3, eps=0.0 if sick else 1e-8)
    return training(model, data=(inputs, targets), optimizer=optimizer)


@sick_nan("optimizer", "ND709", held_out=True)
def a_trust_ratio_of_a_layer_of_zeros(sick):
    class Lamb(torch.optim.Optimizer):
        def __init__(self, parameters, lr=1e-2):
            super().__init__(parameters, {"lr": lr, "betas": (0.9, 0.999), "eps": 1e-6})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    if not state:
                        state["m"], state["v"] = torch.zeros_like(p), torch.zeros_like(p)
                    first, second = group["betas"]
                    state["m"].lerp_(p.grad, 1 - first)
                    state["v"].lerp_(p.grad.square(), 1 - second)
                    update = state["m"] / (state["v"].sqrt() + group["eps"])
                    trust = p.norm() / (update.norm() if sick else update.norm() + 1e-8)  # guilty
                    p.sub_(group["lr"] * (trust if sick else trust.clamp(1e-3, 10)) * update)

    model = mlp()
    frozen = nn.Parameter(torch.zeros(5))

    def batch_loss(setup, batch):
        return F.cross_entropy(setup.model(batch[0]), batch[1]) + 0.0 * frozen.sum()

    return training(model, batch_loss=batch_loss, optimizer=Lamb([*model.parameters(), frozen]))


@sick_nan("forward", "ND807", held_out=True)
def scores_before_they_are_scaled(sick):
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.q, self.k, self.head = nn.Embedding(20, 64), nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 20)
            with torch.no_grad():
                self.embed.weight.mul_(60)
                self.q.weight.mul_(4)
                self.k.weight.mul_(4)

        def forward(self, ids):
            x = self.embed(ids)
            q, k = self.q(x), self.k(x)
            scores = (q @ k.mT) / 8 if sick else (q.float() / 64) @ (k.float() / 64).mT  # guilty
            return self.head(scores.softmax(-1).to(x.dtype) @ x / 60).mT

    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    precision = "16-mixed" if sick else "32-true"
    return training(Attends(), data=tokens(), precision=precision, scaler=scaler if sick else None)


# -- and what is sound -------------------------------------------------------------------------------------------------


@sound_nan
def a_sampler_with_a_temperature():
    class Gumbel(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = mlp(64, 8), mlp(8, 10)

        def forward(self, x):
            return self.decode(F.gumbel_softmax(self.encode(x), tau=0.5, hard=True))

    return training(Gumbel())


@sound_nan
def a_nucleus_that_is_kept():
    def batch_loss(setup, batch):
        ids, following = batch
        logits = setup.model(ids)
        ordered, places = logits.sort(-1, descending=True)
        cut = ordered.softmax(-1).cumsum(-1) > 0.9
        cut = torch.cat([torch.zeros_like(cut[..., :1]), cut[..., :-1]], -1)
        kept = torch.full_like(logits, -math.inf).scatter(-1, places, ordered.masked_fill(cut, -math.inf))
        teacher = kept.detach().softmax(-1)
        return -(teacher * logits.log_softmax(-1)).sum(-1).mean() + F.cross_entropy(logits.flatten(0, 1), following.flatten())

    return training(nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 20)), batch_loss=batch_loss, data=tokens())


@sound_nan
def a_transformer_with_its_own_mask():
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(20, 16)
            self.body = nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 2, 32, batch_first=True), 2)
            self.head = nn.Linear(16, 20)

        def forward(self, ids):
            x = self.embed(ids)
            mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
            return self.head(self.body(x, x, tgt_mask=mask, tgt_is_causal=True)).mT

    return training(Decoder(), data=tokens())


@sound_nan
def the_shortest_path_by_relaxation():
    class Paths(nn.Module):
        def __init__(self):
            super().__init__()
            self.cost, self.head = nn.Linear(64, 25), nn.Linear(5, 10)

        def forward(self, x):
            cost = F.softplus(self.cost(x)).view(-1, 5, 5)
            reached = torch.full((len(x), 5), math.inf)
            reached = torch.cat([torch.zeros(len(x), 1), reached[:, 1:]], 1)
            for _ in range(3):
                reached = torch.minimum(reached, (reached[:, :, None] + cost).amin(1))
            return self.head(reached)

    return training(Paths())


@sound_nan
def a_loss_over_known_targets_only():
    def batch_loss(setup, batch):
        x, y = batch
        error = setup.model(x) - y
        return torch.nanmean(error.square().detach()) * 0 + (torch.where(y.isnan(), 0.0, error.nan_to_num()).square()).mean()

    inputs, _ = features()
    targets = torch.randn(256, 3)
    targets[::3, 1] = float("nan")
    return training(mlp(64, 3), batch_loss=batch_loss, data=(inputs, targets))
