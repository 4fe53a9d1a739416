"""Trainings with infinities and NaN that do no harm: masks, marks, running extremes, skipped steps."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tests.nans import sound_nan
from tests.patients.parts import features, images, loader, mlp, quantities, tokens, training

INF = float("inf")


class Writes(nn.Module):
    """A small language model; `attend` turns queries, keys and values into values."""

    def __init__(self, attend):
        super().__init__()
        self.embed, self.qkv, self.head, self.attend = nn.Embedding(20, 16), nn.Linear(16, 48), nn.Linear(16, 20), attend

    def forward(self, ids):
        x = self.embed(ids)
        return self.head(x + self.attend(*self.qkv(x).chunk(3, -1))).mT  # (N, classes, length)


def causal(length):
    return torch.triu(torch.ones(length, length, dtype=torch.bool), 1)


@sound_nan
def causal_mask_of_minus_infinity():
    def attend(q, k, v):
        scores = (q @ k.mT / 4).masked_fill(causal(q.shape[1]), -INF)
        return scores.softmax(-1) @ v

    return training(Writes(attend), data=tokens())


@sound_nan
def causal_mask_that_is_added():
    def attend(q, k, v):
        mask = torch.full((q.shape[1], q.shape[1]), -INF).triu(1)
        return (q @ k.mT / 4 + mask).softmax(-1) @ v

    return training(Writes(attend), data=tokens())


@sound_nan
def torchs_own_causal_attention():
    return training(Writes(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)), data=tokens())


@sound_nan
def an_encoder_with_padding():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.embed, self.body, self.head = nn.Embedding(20, 16), nn.TransformerEncoder(layer, 2), nn.Linear(16, 20)

        def forward(self, ids):
            return self.head(self.body(self.embed(ids), src_key_padding_mask=ids == 0).mean(1))

    ids, following = tokens()
    ids = ids.clone()
    ids[:, 6:] = 0
    ids[:, 0] = ids[:, 0].clamp(min=1)
    return training(Encoder(), data=(ids, following[:, 0]))


@sound_nan
def actions_that_are_not_allowed():
    def policy_gradient(setup, batch):
        x, y = batch
        logits = setup.model(x).masked_fill(F.one_hot((y + 1) % 10, 10).bool(), -INF)
        policy = torch.distributions.Categorical(logits=logits)
        advantage = torch.ones(len(y))
        return -(policy.log_prob(y) * advantage).mean()

    return training(mlp(), batch_loss=policy_gradient)


@sound_nan
def a_sum_of_exponentials_with_minus_infinity():
    def batch_loss(setup, batch):
        x, y = batch
        z = F.normalize(setup.model(x), dim=1)
        scores = (z @ z.T).masked_fill(torch.eye(len(y), dtype=torch.bool), -INF)
        same = (y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)
        logs = scores - scores.logsumexp(1, keepdim=True)
        return -torch.where(same, logs, 0.0).sum(1).div(same.sum(1).clamp(min=1)).mean()

    return training(mlp(), batch_loss=batch_loss)


@sound_nan
def where_guarded_on_both_sides():
    class Roots(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            x = self.first(x)
            safe = torch.where(x > 0, x, 1.0)
            return self.second(torch.where(x > 0, safe.sqrt() + safe.log(), 0.0))

    return training(Roots())


@sound_nan
def nan_as_a_missing_value():
    class Imputes(nn.Module):
        def __init__(self):
            super().__init__()
            self.default, self.body = nn.Parameter(torch.zeros(64)), mlp(128)

        def forward(self, x):
            missing = x.isnan()
            return self.body(torch.cat([torch.where(missing, self.default, x.nan_to_num()), missing.float()], 1))

    inputs, targets = features()
    inputs[torch.rand_like(inputs) < 0.1] = float("nan")
    return training(Imputes(), data=(inputs, targets))


@sound_nan
def nan_among_several_targets():
    def batch_loss(setup, batch):
        x, y = batch
        known = ~y.isnan()
        return (setup.model(x)[known] - y[known]).square().mean()

    inputs, _ = features()
    targets = torch.randn(256, 4)
    targets[torch.rand_like(targets) < 0.3] = float("nan")
    return training(mlp(64, 4), batch_loss=batch_loss, data=(inputs, targets))


@sound_nan
def nan_in_a_column_that_nobody_reads():
    def batch_loss(setup, batch):
        x, y, born = batch
        return F.cross_entropy(setup.model(x), y)

    born = torch.full((256,), float("nan"))
    return training(mlp(), batch_loss=batch_loss, train_loader=loader(*features(), born))


@sound_nan
def a_scaler_that_looks_for_its_scale():
    model = mlp()
    return training(model, precision="16-mixed", scaler=torch.amp.GradScaler("cpu", init_scale=2.0**40))


@sound_nan
def a_scaler_that_grows_until_it_skips():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16, growth_interval=2, growth_factor=16.0)
    return training(mlp(), precision="16-mixed", scaler=scaler)


@sound_nan
def running_extremes_that_begin_at_infinity():
    class Observed(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()
            self.register_buffer("lowest", torch.tensor(INF))
            self.register_buffer("highest", torch.tensor(-INF))

        def forward(self, x):
            self.lowest.copy_(torch.minimum(self.lowest, x.min()))
            self.highest.copy_(torch.maximum(self.highest, x.max()))
            return self.body(x)

    return training(Observed())


@sound_nan
def the_best_loss_begins_at_infinity():
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.best = mlp(), torch.tensor(INF)

        def forward(self, x):
            self.best = torch.minimum(self.best, x.detach().abs().mean())
            return self.body(x)

    return training(Keeps())


@sound_nan
def a_largest_value_over_padding():
    class Pools(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)

        def forward(self, ids):
            x = self.embed(ids).masked_fill((ids == 0)[..., None], -INF)
            return self.head(x.amax(1))

    ids, following = tokens()
    ids = ids.clone()
    ids[:, 0] = ids[:, 0].clamp(min=1)
    return training(Pools(), data=(ids, following[:, 0]))


@sound_nan
def max_pooling_over_a_border_of_minus_infinity():
    class Pools(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(100, 10)

        def forward(self, x):
            x = F.pad(self.conv(x), (1, 1, 1, 1), value=-INF)
            return self.head(F.max_pool2d(x, 2).flatten(1))

    return training(Pools(), data=images())


@sound_nan
def quotients_that_are_filled_at_once():
    class Ratios(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            ratio = x / x.sum(1, keepdim=True)
            return self.body(torch.nan_to_num(ratio, nan=0.0, posinf=0.0, neginf=0.0))

    inputs, targets = features()
    counts = inputs.abs()
    counts[70] = 0.0
    return training(Ratios(), data=(counts, targets))


@sound_nan
def transcripts_of_which_some_do_not_fit():
    def batch_loss(setup, batch):
        ids, text, wanted = batch
        logs = setup.model(ids).log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(logs, text, torch.full((len(ids),), 12), wanted, zero_infinity=True)

    ids, _ = tokens()
    text, wanted = torch.randint(1, 20, (64, 14)), torch.randint(4, 15, (64,))
    return training(nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 20)), batch_loss=batch_loss, train_loader=loader(ids, text, wanted))


@sound_nan
def only_the_largest_three_logits():
    class TopK(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate, self.experts = nn.Linear(64, 8), nn.Linear(64, 80)

        def forward(self, x):
            scores = self.gate(x)
            threshold = scores.topk(3, dim=1).values[:, -1:]
            weights = scores.masked_fill(scores < threshold, -INF).softmax(1)
            return torch.einsum("nk,nkc->nc", weights, self.experts(x).view(-1, 8, 10))

    return training(TopK())


@sound_nan
def entropy_with_probabilities_of_zero():
    def batch_loss(setup, batch):
        x, y = batch
        logits = setup.model(x)
        q = logits.softmax(1)
        smoothed = 0.9 * F.one_hot(y, 10).float()
        return (torch.special.xlogy(smoothed, smoothed) - smoothed * q.clamp(min=1e-6).log()).sum(1).mean()

    return training(mlp(), batch_loss=batch_loss)


@sound_nan
def a_distance_to_itself_of_infinity():
    def batch_loss(setup, batch):
        x, y = batch
        z = setup.model(x)
        distances = torch.cdist(z, z.detach()) + torch.diag(torch.full((len(y),), INF))
        nearest = distances.min(1).values
        return F.cross_entropy(z, y) - 0.001 * nearest.clamp(max=5).mean()

    return training(mlp(), batch_loss=batch_loss)


@sound_nan
def a_metric_of_no_importance():
    def batch_loss(setup, batch):
        x, y = batch
        logits = setup.model(x)
        with torch.no_grad():
            setup.model.logged = (logits.relu().log().mean(), (logits / 0).max())
        return F.cross_entropy(logits, y)

    return training(mlp(), batch_loss=batch_loss)


@sound_nan
def an_output_that_is_never_used():
    class TwoHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.used, self.unused = nn.Linear(64, 32), nn.Linear(32, 10), nn.Linear(32, 1)

        def forward(self, x):
            x = self.body(x).relu()
            return {"logits": self.used(x), "extra": torch.log(self.unused(x).detach() - 100)}

    return training(TwoHeads())


@sound_nan
def a_forward_algorithm_over_states():
    def batch_loss(setup, batch):
        ids, _ = batch
        emissions = setup.model(ids).log_softmax(-1)  # (N, T, states)
        moves = torch.full((4, 4), -INF)
        for state in range(4):
            moves[state, state] = moves[state, (state + 1) % 4] = math.log(0.5)
        alpha = emissions[:, 0]
        for t in range(1, ids.shape[1]):
            alpha = torch.logsumexp(alpha[:, :, None] + moves, 1) + emissions[:, t]
        return -alpha.logsumexp(1).mean()

    ids, following = tokens()
    return training(nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 4)), batch_loss=batch_loss, data=(ids, following))


@sound_nan
def a_segment_maximum():
    class Segments(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(1, 10), nn.Linear(10, 10)

        def forward(self, x):
            places = torch.arange(64) // 16
            largest = torch.full((len(x), 5, 10), -INF)
            values = self.body(x[..., None])
            largest = largest.scatter_reduce(1, places[None, :, None].expand(len(x), -1, 10), values, "amax")
            return self.head(largest[:, :4].mean(1))

    return training(Segments())


@sound_nan
def weights_that_are_masked_with_infinity():
    class Sparse(nn.Module):
        def __init__(self):
            super().__init__()
            self.mask = nn.Parameter(torch.zeros(64).index_fill(0, torch.arange(8), -INF), requires_grad=False)
            self.scores, self.body = nn.Parameter(torch.zeros(64)), mlp()

        def forward(self, x):
            return self.body(64 * x * (self.scores + self.mask).softmax(0))

    return training(Sparse())


@sound_nan
def values_that_are_large():
    class Large(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return self.body(x * 1e30 / 1e30)

    return training(Large())


@sound_nan
def brain_floats():
    return training(mlp(), precision="bf16-mixed")


@sound_nan
def a_quantity_in_double_precision():
    inputs, targets = quantities()
    model = nn.Sequential(mlp(16, 1), nn.Flatten(0)).double()
    return training(model, nn.MSELoss(), (inputs.double(), targets.double()), precision="64-true")


@sound_nan
def memory_that_is_filled_before_it_is_read():
    class Fills(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            room = torch.full_like(x, float("nan"))
            room[:, :32] = x[:, :32]
            room[:, 32:] = x[:, 32:].tanh()
            return self.body(room)

    return training(Fills())


@sound_nan
def a_second_order_optimizer():
    model = mlp()
    return training(model, optimizer=torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3))


@sound_nan
def sparse_gradients():
    model = nn.Sequential(nn.EmbeddingBag(20, 16, sparse=True), nn.Linear(16, 20))
    ids, following = tokens()
    optimizers = (torch.optim.SparseAdam(model[0].parameters(), lr=1e-2), torch.optim.SGD(model[1].parameters(), lr=0.1))
    return training(model, data=(ids, following[:, -1]), optimizer=optimizers)


@sound_nan
def a_warm_up_from_zero():
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 10))
    return training(model, optimizer=optimizer, scheduler=scheduler)


@sound_nan
def a_checkpointed_attention():
    def attend(q, k, v):
        def block(q, k, v):
            return (q @ k.mT / 4).masked_fill(causal(q.shape[1]), -INF).softmax(-1) @ v

        return checkpoint(block, q, k, v, use_reentrant=False)

    return training(Writes(attend), data=tokens())


@sound_nan
def batches_of_which_one_has_no_foreground():
    def batch_loss(setup, batch):
        x, y = batch
        losses = F.cross_entropy(setup.model(x), y, reduction="none")
        rare = losses[y == 9]
        return losses.mean() + (rare.mean() if len(rare) else 0.0)

    inputs, targets = features()
    targets[targets == 9] = 8
    targets[:5] = 9
    return training(mlp(), batch_loss=batch_loss, data=(inputs, targets))


@sound_nan
def gradients_that_a_hook_of_the_optimizer_cleans():
    def batch_loss(setup, batch):
        x, y = batch
        logits = setup.model(x)
        return F.cross_entropy(logits, y) + 0 * (logits - logits.detach()).abs().sqrt().sum()

    def cleaned(optimizer, args, kwargs):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)

    model = mlp()
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.register_step_pre_hook(cleaned)
    return training(model, batch_loss=batch_loss, optimizer=optimizer)


@sound_nan
def a_hook_that_drops_a_bad_gradient():
    model = mlp()
    for p in model.parameters():
        p.register_hook(lambda g: torch.where(g.isfinite(), g, 0.0))

    def batch_loss(setup, batch):
        x, y = batch
        logits = setup.model(x)
        return F.cross_entropy(logits, y) + 0 * (logits - logits.detach()).abs().sqrt().sum()

    return training(model, batch_loss=batch_loss)


@sound_nan
def a_buffer_that_is_set_back_to_infinity():
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.calls = mlp(), 0
            self.register_buffer("least", torch.tensor(0.0))

        def forward(self, x):
            self.calls += 1
            self.least.fill_(INF) if self.calls % 8 == 1 else self.least.copy_(torch.minimum(self.least, x.min()))
            return self.body(x)

    return training(Keeps())


@sound_nan
def an_optimizer_whose_states_begin_at_infinity():
    class Least(torch.optim.Optimizer):
        def __init__(self, parameters, lr):
            super().__init__(parameters, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    if not state:
                        state["least"], state["unused"] = torch.full_like(p, INF), torch.full_like(p, -INF)
                    state["least"] = torch.minimum(state["least"], p.grad.abs())
                    p.sub_(group["lr"] * p.grad / (1 + state["least"]))

    model = mlp()
    return training(model, optimizer=Least(model.parameters(), 0.1))


@sound_nan
def probabilities_as_logarithms_with_zeros():
    def batch_loss(setup, batch):
        x, y = batch
        logits = setup.model(x)
        blocked = F.one_hot((y + 3) % 10, 10).bool()
        logs = logits.masked_fill(blocked, -INF).log_softmax(1)
        target = F.one_hot(y, 10).float()
        return -torch.where(target > 0, logs, 0.0).sum(1).mean()

    return training(mlp(), batch_loss=batch_loss)


@sound_nan
def beams_that_are_pruned():
    def batch_loss(setup, batch):
        x, y = batch
        logits = setup.model(x)
        with torch.no_grad():
            scores = logits.log_softmax(1)
            pruned = torch.full_like(scores, -INF).scatter(1, scores.topk(3, dim=1).indices, 0.0)
            best = (scores + pruned).argmax(1)
        return F.cross_entropy(logits, y) + 0.0 * (best == y).float().mean()

    return training(mlp(), batch_loss=batch_loss)
