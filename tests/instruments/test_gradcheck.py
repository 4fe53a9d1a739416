"""The gradient check against derivatives that can be worked out by hand, and its ways to say that it cannot tell."""

from __future__ import annotations

import itertools
import json
import math
import os
import time

import pytest
import torch
from torch import nn
from torch.autograd import Function

import nbdebug
from nbdebug import Report, TrainingSetup
from nbdebug.instruments.gradcheck.functions import user_functions
from nbdebug.instruments.gradcheck.result import FLAT, KINK, NOT_CHECKED, SOUND, WRONG
from nbdebug.instruments.gradcheck.taylor import along, most_wrong, remainder_slope, with_slope
from tests.instruments.gradcheck_patients import SICK, Uses, uses
from tests.patients.parts import features, loader, mlp, training

DOUBLE = torch.finfo(torch.float64).eps


def measured(loss, analytic, scale=1.0):
    found = along(loss, loss(0.0), analytic, scale, epsilon=DOUBLE)
    return with_slope(found, loss, loss(0.0), epsilon=DOUBLE)


def rows(setup, **options):
    return {row.name: row for row in nbdebug.gradcheck(setup, **options).result.rows}


# -- one direction ------------------------------------------------------------------------------------------------


def test_a_right_derivative_agrees_and_its_remainder_falls_with_the_square():
    found = measured(math.exp, 1.0)
    assert found.error < 1e-7 and not found.is_wrong
    assert found.slope == pytest.approx(2.0, abs=0.01)


def test_a_derivative_one_per_cent_off_is_wrong_and_its_remainder_falls_linearly():
    found = measured(math.exp, 1.01)
    assert found.is_wrong and found.error == pytest.approx(0.01, rel=0.01)
    assert found.slope == pytest.approx(1.0, abs=0.05)


def test_a_linear_loss_leaves_no_remainder():
    found = measured(lambda h: 3.0 + 2.0 * h, 2.0)
    assert not found.is_wrong and found.slope is None


def test_a_loss_with_a_large_constant_is_measured_with_a_larger_step():
    found = measured(lambda h: 1e6 + math.sin(h), 1.0)
    assert not found.is_wrong and found.error < 1e-4


def test_a_steep_loss_is_measured_with_a_smaller_step():
    found = measured(lambda h: math.sin(1e4 * h), 1e4)
    assert not found.is_wrong and found.error < 1e-4


def test_a_loss_that_does_not_change_is_flat():
    assert measured(lambda h: 2.5, 0.0, scale=0.0).is_flat


def test_noise_is_no_mistake():
    generator = torch.Generator().manual_seed(0)
    found = measured(lambda h: math.exp(h) + 1e-3 * float(torch.rand((), generator=generator)), 1.5)
    assert not found.is_wrong


def test_both_sides_of_a_kink_are_told():
    found = measured(abs, 1.0)
    assert found.has_kink and found.one_sided == pytest.approx((-1.0, 1.0))


def test_the_slope_is_that_of_a_power():
    steps = (1e-4, 1e-3, 1e-2)
    assert remainder_slope(steps, tuple(7 * h**1.5 for h in steps), 0.0) == pytest.approx(1.5)
    assert remainder_slope(steps, (1e-20, 1e-20, 1e-20), 1e-16) is None


def test_the_one_wrong_element_of_many_is_found_in_few_questions():
    asked = []

    def off(some):
        asked.append(len(some))
        return float((some == 77_777).sum())

    assert most_wrong(off, 1_000_000).tolist() == [77_777]
    assert len(asked) <= 22


# -- a training ---------------------------------------------------------------------------------------------------


class Quadratic(nn.Module):
    """loss = mean((w x)²): d loss / d w = 2 w mean(x²)."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([2.0]))
        self.factor = factor

    def forward(self, x):
        return (Factor.apply(x, self.factor) * self.w).square().mean() / 4 if self.factor else (x * self.w).square().mean()


class Factor(Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * ctx.factor * grad, None


def quadratic(factor=0.0):
    batch = torch.tensor([[1.0], [2.0], [3.0]])
    return TrainingSetup(model=Quadratic(factor), batch_loss=lambda setup, batch: setup.model(batch), train_loader=[batch])


def test_the_derivative_is_the_one_worked_out_by_hand():
    w = rows(quadratic())["w"]
    by_hand = 2 * 2.0 * (1 + 4 + 9) / 3 * 2.0  # times the size of the weight: a step is relative
    assert abs(w.numeric) == pytest.approx(by_hand, rel=1e-6) and abs(w.analytic) == pytest.approx(by_hand)
    assert w.verdict == SOUND and w.slope == pytest.approx(2.0, abs=0.01)


def test_a_function_that_is_wrong_for_the_input_alone_leaves_the_parameter_sound():
    found = rows(quadratic(factor=1.5))
    assert found["w"].verdict == SOUND and found["batch"].verdict == WRONG
    assert found["batch"].analytic == pytest.approx(1.5 * found["batch"].numeric, rel=1e-5)


class OneOff(Function):
    """3·w, with one element of the gradient that is too large by one."""

    @staticmethod
    def forward(ctx, w):
        return 3 * w

    @staticmethod
    def backward(ctx, grad):
        wrong = 3 * grad
        wrong[5, 7] += 1.0
        return wrong


def test_the_worst_element_of_a_function_is_located():
    report = nbdebug.gradcheck(uses(lambda net, h: h @ (OneOff.apply(net.square.weight) / 3), square=nn.Linear(16, 16)))
    (finding,) = report.findings
    assert "1 of 256 elements looked at are wrong; the worst element, [5, 7]" in finding.message


def test_the_worst_element_of_a_parameter_is_located():
    def middle(net, h):
        weight = net.square.weight * 1.0
        one = torch.zeros(16, 16)
        one[5, 7] = 1.0
        weight.grad_fn.register_hook(lambda given, arrived: (given[0] + one, *given[1:]))
        return h @ weight

    row = rows(uses(middle, square=nn.Linear(16, 16)))["square.weight"]
    assert row.verdict == WRONG and row.element == (5, 7)
    assert row.element_analytic - row.element_numeric == pytest.approx(1.0, rel=1e-6)


def test_a_function_that_doubles_zeros_is_not_taken_for_one_that_hands_them_on():
    class Doubles(Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, grad):
            return grad

    setup = uses(lambda net, h: h + Doubles.apply(net.first.bias))
    nn.init.zeros_(setup.model.first.bias)
    (finding,) = nbdebug.gradcheck(setup).findings
    assert finding.severity == "error" and "0.5 times" in finding.message


def test_many_parameters_are_measured_together_and_a_wrong_one_is_still_found():
    class Scaled(Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x * w.exp()

        @staticmethod
        def backward(ctx, grad):
            x, w = ctx.saved_tensors
            return grad * w.exp(), 1.01 * (grad * x * w.exp()).sum(0)

    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.scales = nn.ParameterList(nn.Parameter(0.1 * torch.randn(64)) for _ in range(70))
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            for i, scale in enumerate(self.scales):
                x = x + 0.1 * (Scaled.apply(x, scale) if i == 31 else x * scale.exp()).tanh()
            return self.head(x)

    report = nbdebug.gradcheck(training(Deep()))
    found = report.result
    assert [row.name for row in found.rows if row.verdict == WRONG] == ["scales.31"]
    assert "together" in found.rows[0].reason and found.rows[0].error < 2e-3
    assert found.evaluations < 5 * len(found.rows)


def test_the_number_of_evaluations_does_not_grow_with_the_weights():
    small, large = (nbdebug.gradcheck(training(mlp(hidden=hidden))).result.evaluations for hidden in (8, 800))
    assert large <= 1.5 * small < 100


def test_at_a_kink_the_gradient_is_no_mistake():
    setup = uses(lambda net, h: h.relu() - (-h).relu())
    nn.init.zeros_(setup.model.first.weight), nn.init.zeros_(setup.model.first.bias)
    verdict = rows(setup)["first.weight"]
    assert verdict.verdict == KINK and "beside it backward is right" in verdict.reason


def test_a_bias_before_a_batch_norm_has_no_effect():
    found = rows(training(nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))))
    assert found["0.bias"].verdict == FLAT and found["0.weight"].verdict == SOUND


def test_a_layer_that_is_not_used_gets_no_gradient():
    found = rows(uses(lambda net, h: h.tanh(), idle=nn.Linear(3, 3)))
    assert found["idle.weight"].verdict == FLAT and "no gradient arrives" in found["idle.weight"].reason


def test_behind_a_zero_head_it_is_checked_a_little_beside():
    net = mlp()
    nn.init.zeros_(net[2].weight)
    first = rows(training(net))["0.weight"]
    assert first.verdict == SOUND and "beside" in first.reason


def test_a_wrong_backward_behind_a_zero_head_is_found():
    setup = SICK["a_factor"][0](True)
    nn.init.zeros_(setup.model.head.weight), nn.init.zeros_(setup.model.head.bias)
    assert [finding.code for finding in nbdebug.gradcheck(setup).findings] == ["ND505"]


def test_a_gradient_with_nan_is_not_checked():
    found = rows(uses(lambda net, h: torch.where(h > 0, h.sqrt(), 0.0)))
    assert any(row.verdict == NOT_CHECKED and "NaN" in row.reason for row in found.values())


def test_the_backward_that_ignores_grad_output_is_worth_a_note():
    class Loss(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return nn.functional.cross_entropy(logits, target)

        @staticmethod
        def backward(ctx, grad):
            logits, target = ctx.saved_tensors
            return (logits.softmax(1) - nn.functional.one_hot(target, 10)) / len(target), None

    (finding,) = nbdebug.gradcheck(training(mlp(), Loss.apply)).findings
    assert finding.severity == "info" and "grad_output" in finding.message


def test_a_loss_with_parameters_of_its_own_is_checked_too():
    class Weighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_variance = nn.Parameter(torch.zeros(()))

        def forward(self, outputs, targets):
            return nn.functional.cross_entropy(outputs, targets) * (-self.log_variance).exp() + self.log_variance

    found = rows(training(mlp(), Weighted()))
    assert found["loss_fn.log_variance"].verdict == SOUND


# -- what cannot be told --------------------------------------------------------------------------------------------


def reason(setup):
    report = nbdebug.gradcheck(setup)
    assert report.findings == () and [verdict.state for verdict in report.verdicts] == ["not checked"]
    assert report.proof.changes == ()
    return report.verdicts[0].reason


def test_randomness_that_cannot_be_replayed_is_named():
    said = reason(uses(lambda net, h: h + torch.tensor(int.from_bytes(os.urandom(4), "big") / 2**32)))
    assert "same seeds" in said and "test_gradcheck.py" in said


def test_a_loss_that_is_not_finite_is_not_checked():
    assert "nan" in reason(uses(lambda net, h: (h - 1e9).log()))


def test_a_loss_without_a_graph_is_not_checked():
    setup = TrainingSetup(model=mlp(), batch_loss=lambda s, b: s.model(b[0]).detach().mean(), train_loader=loader(*features()))
    assert "no graph" in reason(setup)


def test_a_forward_that_raises_is_quoted():
    assert "ZeroDivisionError" in reason(uses(lambda net, h: 1 / 0))


class SinglePrecision(Function):
    """A kernel that takes nothing but float32."""

    factor = 1.0

    @staticmethod
    def forward(ctx, x, factor):
        if x.dtype != torch.float32:
            raise TypeError("expected float32")
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x.sin()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x.cos() * ctx.factor, None


def test_what_refuses_double_precision_is_checked_in_its_own():
    report = nbdebug.gradcheck(uses(lambda net, h: SinglePrecision.apply(h, 1.0)))
    assert not report.result.double and "expected float32" in report.result.precision_note
    assert report.findings == ()
    assert "the training's own precision" in str(report)


def test_and_a_large_mistake_is_found_there_too():
    report = nbdebug.gradcheck(uses(lambda net, h: SinglePrecision.apply(h, 1.3)))
    (finding,) = report.findings
    assert "1.3 times" in finding.message and report.proof.changes == ()


# -- manners --------------------------------------------------------------------------------------------------------


def test_a_budget_keeps_what_was_measured():
    report = nbdebug.gradcheck(uses(lambda net, h: (time.sleep(0.01), h.tanh())[1]), budget=0.2)
    assert "budget" in report.stopped and 0 < len(report.result.rows) < 5


def test_an_interrupt_keeps_what_was_measured_and_takes_every_patch_off():
    before = {cls: (vars(cls).get("forward"), vars(cls).get("backward")) for cls in user_functions()}
    ticks = itertools.count()  # a list would be put back between two evaluations

    def middle(net, h):
        if next(ticks) > 30:
            raise KeyboardInterrupt
        return SinglePrecision.apply(h.float(), 1.0)

    setup = uses(middle)
    with pytest.raises(KeyboardInterrupt) as caught:
        nbdebug.gradcheck(setup)
    assert caught.value.report.proof.changes == () and caught.value.report.result.rows
    assert {cls: (vars(cls).get("forward"), vars(cls).get("backward")) for cls in before} == before
    assert torch.get_default_dtype() == torch.float32 and setup.model.first.weight.dtype == torch.float32


def test_reports_get_ever_fuller():
    lengths = [len(report.result.rows) for report in nbdebug.gradcheck.follow(training(mlp()))]
    assert lengths == sorted(lengths) and lengths[-1] == 5


def test_the_result_survives_json():
    report = nbdebug.gradcheck(SICK["a_transposed_matmul"][0](True))
    again = Report.from_dict(json.loads(json.dumps(report.to_dict())))
    assert again == report


def test_the_figure_has_bars_and_curves():
    report = nbdebug.gradcheck(SICK["a_factor"][0](True))
    assert [panel.title for panel in report.result.panels()][:2] == [
        "error of the gradient by parameter", "what is left of the loss after its first-order prediction",
    ]  # fmt: skip
    assert len(report.figure().axes) >= 2


def test_frozen_batch_norm_stays_frozen_and_the_model_in_its_mode():
    model = Uses(lambda net, h: net.norm(h), norm=nn.BatchNorm1d(16).eval())
    model.eval()
    nbdebug.gradcheck(training(model))
    assert not any(module.training for module in model.modules())
