"""Headroom against numbers that can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import nbdebug
from nbdebug import TrainingSetup
from nbdebug.findings import INFO
from nbdebug.instruments.headroom import Headroom, headroom
from nbdebug.instruments.headroom.rehearsal import rehearse
from nbdebug.listening import Tape
from nbdebug.nonfinite.headroom.edges import meeting
from nbdebug.nonfinite.headroom.formulas import matches
from nbdebug.nonfinite.headroom.ranges import Ranges
from nbdebug.nonfinite.headroom.stretching import tried
from nbdebug.plain import from_plain, to_plain
from tests.patients.parts import features, loader, mlp, tokens, training


class Weight(nn.Module):
    """One weight of a given start; the step is whatever the test computes with it."""

    def __init__(self, start=1.0):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(float(start)))


def known(compute, start=1.0, batches=None, **parts) -> TrainingSetup:
    """A training whose loss is compute(w, x), on batches of x."""
    model = Weight(start)
    parts.setdefault("optimizer", torch.optim.SGD(model.parameters(), lr=0.1))
    return TrainingSetup(model=model, batch_loss=lambda setup, x: compute(setup.model.w, x), train_loader=batches or [torch.ones(4)] * 4, **parts)


def alarms(report):
    return {f.code for f in report.findings if f.severity is not INFO}


def said(report, code):
    return next(f.message for f in report.findings if f.code == code)


def recorded(compute, x):
    """The tape and the last call of a computation."""
    with Tape(nn.Identity()) as tape:
        compute(x)
    return tape, tape.calls[-1]


# -- ranges -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compute, low, high",
    [
        (lambda x: (x**2 + 1e-8).log(), 1e-8, math.inf),
        (lambda x: (x.square().mean() + 1e-3).sqrt(), 1e-3, math.inf),
        (lambda x: x.clamp(0.5, 2).log(), 0.5, 2.0),
        (lambda x: (x.softmax(0) + 1e-6).log(), 1e-6, 1 + 1e-6),
        (lambda x: (1 - x.sigmoid()).log(), 0.0, 1.0),
        (lambda x: (F.elu(x) + 1).log(), 0.0, math.inf),
        (lambda x: (x * x).sqrt(), 0.0, math.inf),
        (lambda x: (x - x.max()).exp(), -math.inf, 0.0),
        (lambda x: torch.where(x > 0, x.relu(), torch.ones_like(x)).log(), 0.0, math.inf),
        (lambda x: x.abs().add_(0.25).log(), 0.25, math.inf),
        (lambda x: (x @ x + 1).log(), -math.inf, math.inf),
        (lambda x: F.linear(x, x[None]).sqrt(), -math.inf, math.inf),
        (lambda x: (torch.cat([x.relu(), x.exp()]) * 2 + 1).log(), 1.0, math.inf),
    ],
)
def test_what_an_operator_can_meet_at_all(compute, low, high):
    x = torch.randn(5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    tape, call = recorded(compute, x)
    reach = Ranges(tape).of(call, meeting(call).argument)
    assert (reach.low, reach.high) == pytest.approx((low, high), rel=1e-6)
    assert reach.learns


def test_in_half_precision_a_tiny_epsilon_is_none():
    x = torch.randn(5, requires_grad=True)
    for dtype, low in ((torch.float32, 1e-8), (torch.float16, 0.0)):
        tape, call = recorded(lambda x, dtype=dtype: (x.to(dtype) ** 2 + 1e-8).sqrt(), x)
        assert Ranges(tape).of(call, call.given[0]).low == pytest.approx(low)


def test_a_recurrence_deeper_than_the_stack():
    def compute(x):
        for _ in range(1500):
            x = 0.5 * x + 0.5 * x.tanh()
        return x.exp().sqrt()

    tape, call = recorded(compute, torch.randn(5, requires_grad=True))
    reach = Ranges(tape).of(call, call.given[0])
    assert (reach.low, reach.positive, reach.learns) == (0.0, True, True)


# -- edges --------------------------------------------------------------------------------------------------------


def test_the_headroom_is_the_distance_to_the_edge():
    batches = [torch.tensor([2.0, 3.0]), torch.tensor([0.5, 4.0])]
    site = headroom(known(lambda w, x: (w * x).log().sum() * 1e-3, batches=batches)).result.sites[0]
    assert (site.operator, site.edge, site.lowest, site.highest) == ("log", 0.0, 0.5, 4.0)
    assert [e.nearest for e in site.encounters] == [2.0, 0.5]


def test_the_edge_of_an_exponential_is_that_of_its_precision():
    for dtype, edge in ((torch.float32, 88.7228), (torch.float16, 11.0898), (torch.bfloat16, 88.7189)):
        _, call = recorded(lambda x: x.exp(), torch.ones(2, dtype=dtype))
        assert meeting(call).domain.edge == pytest.approx(edge, rel=1e-4)


def test_a_rehearsed_step_is_the_optimizers_own():
    """With loss w and SGD at 0.1 the weight falls by 0.1 a step."""
    setup = known(lambda w, x: w * x.mean(), 1.0)
    losses = [step.loss for step in rehearse(setup, [torch.ones(4)], 3, 60.0)]
    assert losses == pytest.approx([0.9, 0.8, 0.7])
    assert setup.model.w.item() == 1.0


def test_the_step_that_goes_over_the_edge_is_counted():
    """w falls by 0.1 from 0.45: after 5 updates it is -0.05."""
    report = headroom(known(lambda w, x: w + 0 * w.log(), 0.45))
    assert alarms(report) == {"ND310"}
    assert "5 updates" in said(report, "ND310") and "-0.05" in said(report, "ND310")


def test_an_edge_that_a_condition_keeps_from_the_loss_is_sound():
    """Below 0 the other branch is taken, and the logarithm that is not has a derivative of 0."""
    report = headroom(known(lambda w, x: w + torch.where(w > 0, w.log(), w), 0.45))
    assert len(report.result.losses) > 10 and report.findings == ()


def test_a_straight_course_is_followed_a_little_further():
    """w falls by 0.01 from 0.5: 50 steps, of which 30 are rehearsed."""
    report = headroom(known(lambda w, x: 0.1 * w + 0 * w.log(), 0.5))
    assert "is reached after 50" in said(report, "ND310")
    assert alarms(headroom(known(lambda w, x: 0.1 * w + 0 * w.log(), 5.0))) == set()


def test_another_batch_goes_over_the_edge():
    batches = [torch.ones(4), torch.ones(4), torch.tensor([1.0, 1.0, 0.0, 1.0])]
    report = headroom(known(lambda w, x: w**2 + x.log().sum(), batches=batches))
    assert alarms(report) == {"ND310"} and "batch 2" in said(report, "ND310")


def test_a_root_of_zero_through_which_no_gradient_comes_back_is_sound():
    batches = [torch.tensor([0.0, 1.0])] * 3
    assert alarms(headroom(known(lambda w, x: (w * x.sqrt()).sum() ** 2, batches=batches))) == set()
    assert alarms(headroom(known(lambda w, x: (w * x).sqrt().sum(), batches=batches))) == {"ND310"}


def test_a_loss_that_is_not_finite_already_is_left_to_find_nan():
    report = headroom(known(lambda w, x: (w * x - 1).log().sum()))
    assert report.findings == () and "find_nan" in report.result.not_checked


# -- formulas -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, compute, finite_to",
    [
        ("log(softmax(x))", lambda x: x.softmax(0).log(), 44.0),
        ("log(softmax(x))", lambda x: torch.log(F.softmax(x, dim=0)[2:4]), 44.0),
        ("log(exp(x) / exp(x).sum())", lambda x: (x.exp() / x.exp().sum()).log(), 44.0),
        ("log(sigmoid(x))", lambda x: x.sigmoid().log(), 80.0),
        ("log(1 - sigmoid(x))", lambda x: (1 - x.sigmoid()).log(), 15.0),
        ("log1p(-sigmoid(x))", lambda x: torch.log1p(-torch.sigmoid(x)), 15.0),
        ("log(1 + exp(x))", lambda x: (1 + x.exp()).log(), 88.0),
        ("log1p(exp(x))", lambda x: x.exp().log1p(), 88.0),
        ("log(exp(x).sum())", lambda x: x.exp().sum(0).log(), 88.0),
        ("exp(x) / exp(x).sum()", lambda x: x.exp() / x.exp().sum(0, keepdim=True), 88.0),
        ("log(1 - tanh(x)²)", lambda x: (1 - x.tanh() ** 2).log(), 8.0),
        ("1 / (1 + exp(x))", lambda x: 1 / (1 + x.exp()), 88.0),
    ],
)
def test_a_formula_breaks_where_its_precision_ends(name, compute, finite_to):
    for largest, breaks in ((0.9 * finite_to / 4, False), (1.6 * finite_to / 4, True)):
        x = torch.linspace(-largest, largest, 9).requires_grad_()
        with Tape(nn.Identity()) as tape:
            loss = compute(x).sum()
        found = matches(tape, tape.ancestors(loss))
        assert [match.name for match in found] == [name]
        assert bool(tried(tape, found[0], 1.0).breaks) is breaks, largest


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: (x - x.max()).exp().sum().log() + x.max(),
        lambda x: (x - x.amax(0, keepdim=True).detach()).exp() / (x - x.amax(0, keepdim=True).detach()).exp().sum(),
        lambda x: (1 + (-x.abs()).exp()).log() + x.relu(),
    ],
)
def test_the_stable_formula_is_not_even_noted(compute):
    x = torch.linspace(-60, 60, 9).requires_grad_()
    with Tape(nn.Identity()) as tape:
        loss = compute(x).sum()
    assert [f for match in matches(tape, tape.ancestors(loss)) if (f := tried(tape, match, 1.0)) is not None and f.breaks] == []


def test_the_variance_by_a_difference_loses_as_many_digits_as_it_must():
    """mean² / variance = 1e6 leaves about one digit of float32's seven."""
    x = (1000 + torch.randn(256, 8, generator=torch.Generator().manual_seed(0))).requires_grad_()
    with Tape(nn.Identity()) as tape:
        loss = ((x**2).mean(0) - x.mean(0) ** 2).sum()
    formula = tried(tape, matches(tape, tape.ancestors(loss))[0], 1.0)
    assert 1e-3 < formula.error < 1.0
    assert formula.advice == "x.var(dim, unbiased=False)"


def test_the_stable_function_is_tried_too():
    x = torch.linspace(-20, 20, 9).requires_grad_()
    with Tape(nn.Identity()) as tape:
        loss = x.softmax(0).log().sum()
    assert tried(tape, matches(tape, tape.ancestors(loss))[0], 1.0).digits >= 5


def test_a_formula_that_stays_exact_is_only_noted():
    report = headroom(training(mlp(), lambda o, t: F.nll_loss((o * 0.01).softmax(1).log(), t)))
    assert [f.code for f in report.findings] == ["ND311"]
    assert alarms(report) == set() and "only a note" in said(report, "ND311")


def test_a_cosine_is_not_stretched_beyond_one():
    """exp(30 cos) cannot overflow, however the weights grow."""

    def loss_fn(outputs, targets):
        cosine = (F.normalize(outputs, dim=1).clamp(-1, 1)).mean(1)
        return (30 * cosine).exp().sum().log()

    report = headroom(training(mlp(), loss_fn))
    assert alarms(report) == set()


# -- masked rows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("used", [True, False])
def test_rows_are_counted_and_only_used_ones_accused(used):
    scores = torch.zeros(4, 3)
    scores[1:3] = -1e9

    def compute(w, x):
        weights = (w + scores.masked_fill(scores < -1, -1e9)).softmax(-1)
        rows = weights * torch.tensor([1.0, 2.0, 4.0]) * w
        return (rows if used else rows[[0, 3]]).sum()

    report = headroom(known(compute))
    assert alarms(report) == ({"ND309"} if used else set())
    masked = report.result.masked[0]
    assert (masked.rows, masked.masked, masked.used, masked.keys) == (4, 2, 2 if used else 0, 3)


# -- odd models ---------------------------------------------------------------------------------------------------


class Odd(nn.Module):
    """A trunk, something odd, a logarithm that nothing guards, a head."""

    def __init__(self, odd):
        super().__init__()
        self.body, self.head, self.odd = nn.Linear(64, 32), nn.Linear(32, 10), odd

    def forward(self, x):
        return self.head(self.odd(self.body(x)).exp().add(1).log())


ODD = {
    "checkpoint": lambda h: checkpoint(lambda z: z.tanh(), h, use_reentrant=False),
    "reentrant": lambda h: checkpoint(lambda z: z.tanh(), h, use_reentrant=True),
    "in place": lambda h: h.mul(0.5).clamp_(-3, 3).add_(4).log_(),
    "complex": lambda h: torch.fft.ifft(torch.fft.fft(h).exp().log()).real.clamp(-3, 3),
    "empty": lambda h: h + h[:, :0].log().sum() + h[:, :0].softmax(0).sum(),
    "integers": lambda h: h / (h.detach().abs().long() // 2 + 1),
    "vmap": lambda h: torch.func.vmap(lambda row: row / row.norm())(h),
    "detached": lambda h: h / h.detach().abs().max(),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_models_are_measured_without_an_alarm(name):
    report = headroom(training(Odd(ODD[name])))
    assert alarms(report) == set() and report.stopped == ""
    assert all(verdict.state == "sound" for verdict in report.verdicts if verdict.code != "ND311")
    assert report.proof.changes == ()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_every_precision_is_measured(precision):
    scaler = torch.amp.GradScaler("cpu") if precision == "16-mixed" else None
    report = headroom(training(Odd(lambda h: h.tanh()), precision=precision, scaler=scaler))
    assert alarms(report) == set() and report.result.not_rehearsed == ""


def test_where_no_gradient_can_be_asked_for_the_values_are_still_followed():
    """torch.autograd.grad refuses a graph with reentrant checkpoints."""

    class Net(Odd):
        def forward(self, x):
            return self.head(checkpoint(lambda z: z / z.norm(dim=1, keepdim=True), self.body(x), use_reentrant=True))

    report = headroom(training(Net(None), lambda o, t: F.cross_entropy(o, t) + o.norm().log()))
    assert alarms(report) == set() and report.result.batches == 8
    assert all(verdict.state == "sound" for verdict in report.verdicts)


def test_a_compiled_model_is_measured():
    report = headroom(training(torch.compile(Odd(lambda h: h / h.norm(dim=1, keepdim=True)), backend="eager")))
    assert alarms(report) == set() and report.stopped == ""


def test_a_recurrent_model_with_a_formula_behind_it():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.head = nn.Embedding(20, 16), nn.LSTM(16, 16, batch_first=True), nn.Linear(16, 20)

        def forward(self, ids):
            return torch.log(self.head(self.rnn(self.embed(ids))[0]).softmax(-1)).mT

    report = headroom(training(Reads(), nn.NLLLoss(), tokens()))
    assert alarms(report) == set() and report.result.steps_ahead > 0


def test_a_frozen_model_has_nothing_to_rehearse():
    model = mlp().requires_grad_(False)
    report = headroom(TrainingSetup(model=model, loss_fn=lambda o, t: o.abs().mean().log(), train_loader=loader(*features())))
    assert alarms(report) == set() and report.result.steps_ahead == 0


def test_an_optimizer_that_wants_a_closure_is_not_rehearsed():
    model = mlp()
    setup = training(model, lambda o, t: F.cross_entropy(o, t).log(), optimizer=torch.optim.LBFGS(model.parameters()))
    assert headroom(setup).result.not_rehearsed != ""


def test_a_model_without_an_edge_costs_one_step():
    report = headroom(training(mlp()))
    assert (report.result.batches, report.result.sites, report.result.formulas) == (1, (), ())


def test_the_result_survives_json():
    result = headroom(training(mlp(), lambda o, t: F.nll_loss(o.softmax(1).log(), t) + o.norm().log())).result
    assert result.sites and result.formulas
    assert from_plain(Headroom, to_plain(result)) == result


def test_the_line_is_the_users_own():
    report = headroom(known(lambda w, x: w + 0 * w.log(), 0.45))
    assert report.findings[0].location.file.endswith("test_headroom.py")


def test_it_is_a_rung_of_the_checkup():
    assert "headroom" in [rung.instrument for rung in nbdebug.checkup(training(mlp())).result.rungs]
