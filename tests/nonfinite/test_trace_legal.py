"""Infinities that somebody meant: alone they are no end, and beside a birth they do not hide it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.nonfinite.situations import Situation, born, check, traced

SITUATIONS: list[Situation] = []
SOUND: list = []
INF = float("inf")


def sound(build):
    SOUND.append(build)
    return build


def causal(length):
    return torch.full((length, length), -INF).triu(1)


class Attention(nn.Module):
    """One head by hand, with a mask that is added to the scores."""

    def __init__(self, scale=1.0, mask=None):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.scale = scale
        self.register_buffer("mask", causal(6) if mask is None else mask)

    def forward(self, x):
        scores = self.q(x) @ self.k(x).mT * self.scale  # guilty_scores
        scores = scores + self.mask
        weights = scores.softmax(-1)
        return weights @ self.v(x)


def attending(model):
    x = torch.randn(3, 6, 4)
    return [model], lambda: model(x).square().mean().backward()


# -- nothing is wrong ---------------------------------------------------------------------------------------------


@sound
def causal_mask():
    return attending(Attention())


@sound
def scaled_dot_product_attention():
    layer = nn.Linear(8, 8)
    x = torch.randn(2, 2, 6, 8)
    return [layer], lambda: F.scaled_dot_product_attention(layer(x), x, x, attn_mask=causal(6)).mean().backward()


@sound
def encoder_with_a_causal_mask_and_padding():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    x, padded = torch.randn(3, 6, 8), torch.arange(6).expand(3, 6) > torch.tensor([[5], [3], [4]])
    return [layer], lambda: layer(x, src_mask=causal(6), src_key_padding_mask=padded)[~padded].mean().backward()


@sound
def actions_that_are_not_allowed():
    policy = nn.Linear(4, 5)
    allowed = torch.tensor([True, True, False, True, False])

    def step():
        logits = policy(torch.randn(7, 4)).masked_fill(~allowed, -INF)
        chosen = torch.distributions.Categorical(logits=logits)
        (-chosen.log_prob(torch.tensor([0, 1, 3, 0, 1, 3, 0])).mean()).backward()

    return [policy], step


@sound
def logsumexp_over_masked_scores():
    model = nn.Linear(4, 5)

    def step():
        scores = model(torch.randn(3, 4))
        scores[:, 2] = -INF
        scores.logsumexp(1).sum().backward()

    return [model], step


@sound
def missing_values_that_are_handled():
    model = nn.Linear(4, 1)
    x = torch.randn(6, 4)
    x[2, 1] = float("nan")

    def step():
        known = ~x.isnan()
        filled = torch.where(known, x, torch.zeros(()))
        ((model(filled) - torch.nan_to_num(x).sum(1, keepdim=True)) ** 2).mean().backward()

    return [model], step, {"batch": (x,)}


@sound
def minimum_that_starts_at_infinity():
    model = nn.Linear(4, 3)

    def step():
        best = torch.full((5,), INF)
        for part in model(torch.randn(5, 4)).unbind(1):
            best = torch.minimum(best, part)
        best.sum().backward()

    return [model], step


@sound
def softplus_of_a_guarded_exponential():
    model = nn.Linear(4, 3)

    def step():
        out = model(torch.randn(5, 4)) + 200
        safe = torch.where(out > 20, out, out.clamp(max=20).exp().log1p())
        F.cross_entropy(safe, torch.tensor([0, 1, 2, 0, 1])).backward()

    return [model], step


@sound
def padding_with_infinity_before_a_maximum():
    model = nn.LSTM(4, 3, batch_first=True)

    def step():
        packed = nn.utils.rnn.pack_padded_sequence(torch.randn(3, 5, 4), torch.tensor([5, 3, 2]), batch_first=True)
        states, _ = nn.utils.rnn.pad_packed_sequence(model(packed)[0], batch_first=True, padding_value=-INF)
        states.max(1).values.sum().backward()

    return [model], step


@sound
def a_loss_for_each_element_of_which_some_do_not_count():
    model = nn.Linear(4, 3)

    def step():
        out = model(torch.randn(6, 4)).masked_fill(torch.tensor([True, False, False]), -INF)
        out.backward(torch.tensor([0.0, 1.0, 1.0]).expand(6, 3))

    return [model], step


@sound
def clipping_of_a_huge_gradient():
    model = nn.Linear(4, 3)

    def step():
        (model(torch.randn(6, 4)) * 1e30).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        torch.optim.SGD(model.parameters(), lr=0.1).step()

    return [model], step


@sound
def running_logsumexp_of_forbidden_moves():
    model = nn.Linear(4, 5)

    def step():
        scores = model(torch.randn(3, 4)).masked_fill(torch.tensor([False, False, True, False, True]), -INF)
        torch.logcumsumexp(scores, 1)[:, -1].sum().backward()

    return [model], step


@sound
def gumbel_softmax_and_top_k_with_masks():
    model = nn.Linear(4, 5)

    def step():
        scores = model(torch.randn(3, 4))
        worst = scores.topk(2).values[:, -1:]
        kept = torch.where(scores < worst, torch.full_like(scores, -INF), scores)
        (F.gumbel_softmax(kept, hard=True) * scores).sum().backward()

    return [model], step


# -- a masked row ----------------------------------------------------------------------------------------------------


@born("forward", "_softmax", cause="masked row", said="3 of 18 rows are -inf everywhere", became="nan")
def a_row_that_may_look_at_nothing():
    class Masked(Attention):
        def forward(self, x):
            scores = self.q(x) @ self.k(x).mT
            scores = scores.masked_fill(self.mask, -INF)
            weights = scores.softmax(-1)  # guilty
            return weights @ self.v(x)

    mask = torch.zeros(6, 6, dtype=torch.bool)
    mask[4] = True
    return attending(Masked(mask=mask))


@born("loss", "_softmax", cause="masked row")
def a_mask_in_the_batch_that_hides_all():
    model = Attention()
    mask = torch.zeros(3, 6, 6)
    mask[1, 2] = -INF
    x = torch.randn(3, 6, 4)

    def step():
        scores = model.q(x) @ model.k(x).mT + mask
        loss = scores.softmax(-1).square().sum()  # guilty
        loss.backward()

    return [model], step, {"batch": {"x": x, "mask": mask}}


@born("loss", "_log_softmax", cause="masked row")
def no_action_is_allowed():
    policy = nn.Linear(4, 3)

    def step():
        logits = policy(torch.randn(2, 4))
        logits[1] = -INF
        F.log_softmax(logits, 1)[:, 0].mean().backward()  # guilty

    return [policy], step


@born("backward", "_softmax", cause="masked row")
def a_masked_row_whose_nan_is_replaced_in_the_forward():
    model = nn.Linear(4, 4)

    def step():
        scores = model(torch.randn(3, 4)) + torch.tensor([[-INF], [0], [0]])
        weights = scores.softmax(1)  # guilty
        weights.nan_to_num(0.0).square().sum().backward()

    return [model], step


# -- beside a birth --------------------------------------------------------------------------------------------------


@born("forward", "mul", cause="overflow")
def overflow_beside_a_mask():
    class Large(Attention):
        def forward(self, x):
            scores = self.q(x) @ self.k(x).mT
            scores = scores * 3e38 * self.scale + self.mask  # guilty
            return scores.softmax(-1) @ self.v(x)

    return attending(Large(scale=1e3))


@born("forward", "log", cause="domain")
def a_logarithm_beside_a_mask():
    class Logged(Attention):
        def forward(self, x):
            scores = self.q(x) @ self.k(x).mT + self.mask
            weights = scores.softmax(-1)
            return weights.log() @ self.v(x)  # guilty

    return attending(Logged())


@born("forward", "pow", cause="overflow")
def a_square_beside_infinite_bounds():
    model = nn.Linear(4, 3)
    low, high = torch.full((3,), -INF), torch.full((3,), INF)

    class Bounded(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = model

        def forward(self, x):
            out = torch.maximum(torch.minimum(self.layer(x), high), low)
            return (out + 1e30) ** 2  # guilty

    bounded = Bounded()
    return [bounded], lambda: bounded(torch.randn(5, 4)).mean().backward()


@born("loss", "sqrt", cause="domain")
def a_root_beside_handled_missing_values():
    model = nn.Linear(4, 4)
    x = torch.randn(6, 4)
    x[2, 1] = float("nan")

    def step():
        out = model(torch.nan_to_num(x))
        error = torch.where(x.isnan(), torch.zeros(()), (out - x) ** 2 - 4)
        error.sqrt().mean().backward()  # guilty

    return [model], step, {"batch": (x,)}


@born("loss", "exp", cause="overflow")
def a_birth_added_to_a_missing_value_that_is_cut_out_later():
    model = nn.Linear(4, 4)
    x = torch.randn(6, 4)
    x[2, 1] = float("nan")

    def step():
        out = model(torch.nan_to_num(x))
        error = (out - x).square() + (out + 100).exp()  # guilty
        torch.where(x.isnan(), torch.zeros(()), error).mean().backward()

    return [model], step, {"batch": (x,)}


# -- where an infinity that was meant meets something --------------------------------------------------------------------


@born("loss", "mul", cause="inf met inf", said="0 · inf", became="nan")
def entropy_of_masked_scores():
    policy = nn.Linear(4, 3)

    def step():
        logits = policy(torch.randn(2, 4))
        logits = logits.masked_fill(torch.tensor([False, False, True]), -INF)
        entropy = -(logits.softmax(1) * logits.log_softmax(1)).sum(1)  # guilty
        entropy.mean().backward()

    return [policy], step


@born("loss", "mul", cause="inf met inf", said="0 · inf")
def a_mask_times_infinity():
    model = nn.Linear(4, 3)

    def step():
        hidden = torch.tensor([0.0, 0.0, 1.0])
        scores = model(torch.randn(2, 4)) + hidden * -INF  # guilty
        scores.softmax(1)[:, 0].mean().backward()

    return [model], step


@born("loss", "sub", cause="inf met inf", said="inf - inf")
def two_masks_that_cancel():
    model = nn.Linear(4, 3)

    def step():
        mask = torch.full((3,), -INF)
        out = model(torch.randn(2, 4))
        ((out + mask) - (out.detach() + mask)).sum().backward()  # guilty

    return [model], step


@born("loss", said="reaches the loss")
def the_target_is_masked():
    policy = nn.Linear(4, 3)

    def step():
        logits = policy(torch.randn(2, 4)).masked_fill(torch.tensor([False, False, True]), -INF)  # the mask
        F.cross_entropy(logits, torch.tensor([0, 2])).backward()  # guilty

    return [policy], step


@pytest.mark.parametrize("build", SOUND, ids=lambda build: build.__name__)
def test_nothing_is_blamed(build):
    origin, trace = traced(build)
    assert trace.trouble == "" and trace.roots
    assert origin is None


@pytest.mark.parametrize("situation", SITUATIONS, ids=repr)
def test_birth(situation):
    check(situation)


def test_the_mask_stands_in_the_chain_of_a_masked_row():
    origin, _ = traced(a_row_that_may_look_at_nothing)
    assert [link.became for link in origin.chain[:2]] == ["-inf", "nan"]
    assert "masked_fill" in origin.chain[0].text
