"""Models of all kinds: attention, recurrence, dictionaries, several models, compiled, functional, sparse, complex."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbdebug.nonfinite.trace.step import Trace
from tests.nonfinite.situations import Situation, born, check

SITUATIONS: list[Situation] = []


@born("forward", module="rnn", cause="overflow")
def a_recurrent_layer():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.RNN(4, 6, batch_first=True, nonlinearity="relu"), nn.Linear(6, 3)

        def forward(self, x):
            states, _ = self.rnn(x)  # guilty
            return self.head(states[:, -1])

    model = Reader()
    with torch.no_grad():
        model.rnn.weight_hh_l0.fill_(1e20)
    return [model], lambda: F.cross_entropy(model(torch.randn(2, 5, 4)), torch.tensor([0, 1])).backward()


@born("data", sample=2, column=1)
def a_sample_through_an_lstm():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(4, 6, batch_first=True), nn.Linear(6, 3)

        def forward(self, x):
            states, _ = self.lstm(x)
            return self.head(states[:, -1])

    model = Reader()
    x = torch.randn(4, 5, 4)
    x[0, 3, 0] = x[2, 1, 3] = float("nan")

    def step():
        model(x)[1:].square().mean().backward()

    return [model], step, {"batch": (x,)}


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.q = nn.Linear(8, 8)

    def forward(self, x, mask=None):
        q = self.q(x)
        return F.scaled_dot_product_attention(q, q, x, attn_mask=mask)


def attend(x, mask=None):
    model = Attending()
    return [model], lambda: model(x, mask).square().mean().backward()


@born("forward", module="", cause="overflow", at="F.scaled_dot_product_attention(q, q, x, attn_mask=mask)")
def attention_whose_scores_overflow():
    return attend(torch.randn(2, 2, 6, 8) * 1e25)


@born("forward", module="", cause="overflow", at="F.scaled_dot_product_attention(q, q, x, attn_mask=mask)")
def attention_whose_scores_overflow_beside_a_causal_mask():
    return attend(torch.randn(2, 2, 6, 8) * 1e25, torch.full((6, 6), float("-inf")).triu(1))


@born("forward", module="layers.1.linear1", cause="overflow")
def inside_of_torchs_own_encoder():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), 2, enable_nested_tensor=False)
    with torch.no_grad():
        model.layers[1].linear1.weight.fill_(3e38)
        model.layers[1].norm2.weight.fill_(1e3)

    def step():
        model(torch.randn(3, 5, 8)).square().mean().backward()  # guilty

    return [model], step


@dataclass
class Output:
    logits: torch.Tensor
    loss: torch.Tensor | None = None


@born("forward", "div", cause="domain", module="head")
def a_model_that_returns_a_dataclass():
    class Head(nn.Module):
        def forward(self, h):
            return h / (h - h)  # guilty

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(4, 3), Head()

        def forward(self, x, labels):
            logits = self.head(self.body(x))
            return Output(logits, F.cross_entropy(logits, labels))

    model = Model()
    return [model], lambda: model(torch.randn(2, 4), torch.tensor([0, 1])).loss.backward()


@born("loss", "log", cause="domain", parameter="")
def two_models():
    generator, critic = nn.Linear(2, 4), nn.Linear(4, 1)

    def step():
        fake = generator(torch.randn(3, 2))
        real_loss = F.softplus(-critic(torch.randn(3, 4))).mean()
        (real_loss + F.softplus(critic(fake.detach())).mean()).backward()
        loss = -torch.log(torch.sigmoid(critic(fake) - 1e4)).mean()  # guilty
        loss.backward()

    return [generator, critic], step


@born("forward", "sqrt", cause="domain")
def a_compiled_model():
    class Rooted(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            return (self.layer(x) - 100).sqrt()  # guilty

    model = torch.compile(Rooted(), backend="eager")
    return [model], lambda: model(torch.randn(2, 4)).mean().backward()


@born("backward", "sqrt", cause="domain", parameter="weight")
def sparse_gradients():
    model = nn.Embedding(6, 3, sparse=True)

    def step():
        e = model(torch.tensor([1, 2]))
        (e * 0).sqrt().sum().backward()  # guilty

    return [model], step


@born("forward", "log", cause="domain")
def complex_numbers():
    class Spectral(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x):
            spectrum = torch.fft.rfft(self.layer(x)) * 0
            return torch.log(spectrum.abs())  # guilty

    model = Spectral()
    return [model], lambda: model(torch.randn(2, 8)).mean().backward()


@born("loss", "log", cause="domain")
def per_sample_gradients_of_torch_func():
    model = nn.Linear(4, 1)

    def step():
        weights = dict(model.named_parameters())

        def loss_of(weights, x):
            return torch.func.functional_call(model, weights, (x,)).square().sum()

        norms = torch.func.vmap(torch.func.grad(loss_of), (None, 0))(weights, torch.randn(5, 4))["weight"].square().sum()
        out = torch.func.vmap(lambda row: model(row) * 0)(torch.randn(5, 4))
        (torch.log(out).sum() + norms.detach()).backward()  # guilty

    return [model], step


@born("loss", "_ctc_loss", cause="domain", said="2 of 2 targets do not fit")
def alignment_that_does_not_fit():
    model = nn.Linear(4, 5)

    def step():
        logp = model(torch.randn(3, 2, 4)).log_softmax(-1)
        targets = torch.tensor([[1, 2, 3, 4], [1, 1, 1, 1]])
        F.ctc_loss(logp, targets, torch.tensor([3, 3]), torch.tensor([4, 4])).backward()  # guilty

    return [model], step


@born("forward", "bmm", cause="overflow")
def einsum():
    model = nn.Linear(4, 4)

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = model

        def forward(self, x):
            h = self.layer(x) + 1e20
            return torch.einsum("bi,bi->b", h, h)  # guilty

    mixed = Mixed()
    return [mixed], lambda: mixed(torch.randn(2, 4)).mean().backward()


@born("forward", module="parametrizations.weight.0", cause="domain", said="a thousandth beside")
def weights_of_length_zero():
    model = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    with torch.no_grad():
        model.parametrizations.weight.original1.zero_()
    return [model], lambda: model(torch.randn(2, 4)).sum().backward()


@born("loss", "div", cause="domain")
def a_complex_division():
    model = nn.Linear(4, 3)

    def step():
        z = torch.complex(model(torch.randn(2, 4)), torch.ones(2, 3))
        (z / (z - z)).abs().sum().backward()  # guilty

    return [model], step


@born("forward", "reciprocal", cause="domain", module="1", at="return x * (1 / x.sum(1")
def a_module_of_the_users_within_a_sequence():
    class Scale(nn.Module):
        def forward(self, x):
            return x * (1 / x.sum(1, keepdim=True).mul(0))

    model = nn.Sequential(nn.Linear(4, 3), Scale())
    return [model], lambda: model(torch.randn(2, 4)).sum().backward()


@pytest.mark.parametrize("situation", SITUATIONS, ids=repr)
def test_birth(situation):
    check(situation)


def test_a_closure_of_lbfgs():
    model = nn.Linear(4, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=2)

    def closure():
        optimizer.zero_grad()
        loss = (model(torch.ones(2, 4)) * 0).log().mean()
        loss.backward()
        return loss

    with Trace([model]) as trace:
        optimizer.step(closure)
    assert trace.trouble == "" and trace.origin().operator == "aten.log.default"


def test_nothing_to_learn_from():
    with Trace([nn.Linear(2, 2)]) as trace:
        pass
    assert trace.origin() is None and trace.roots == []


def test_a_buffer_that_leaves_its_range_is_an_end():
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))
    with torch.no_grad():
        model[0].weight.fill_(1e30)
    with Trace([model]) as trace:
        model(torch.randn(5, 4)).sum().backward()
    origin = trace.origin()
    assert model[1].running_var.isinf().all()
    assert (origin.operator, origin.module, origin.phase) == ("aten.native_batch_norm.default", "1", "forward")
