"""A suggested learning rate is near the best one, has a band, or is refused with the reason; nothing else changes."""

from __future__ import annotations

import itertools
import json
import math
import re
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import nbdebug
from nbdebug import Report, SetupError, StepError, TrainingSetup
from nbdebug.findings import INFO
from nbdebug.instruments import base
from nbdebug.instruments.lr_find import curve, verdict
from nbdebug.instruments.lr_find.attempts import Repeat
from nbdebug.instruments.lr_find.planning import planned
from nbdebug.instruments.lr_find.result import Asked, Trial
from tests.patients.parts import features, mlp

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import _lr_tasks  # noqa: E402

BRIEF = {"repeats": 1, "num_steps": 60}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def setup_of(model=None, *, optimizer=None, loader=None, loss_fn=F.cross_entropy, **parts):
    model = model or mlp()
    inputs, targets = features()
    loader = loader if loader is not None else DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    optimizer = optimizer(model) if callable(optimizer) else optimizer or torch.optim.Adam(model.parameters(), lr=1e-3)
    return TrainingSetup(model=model, loss_fn=loss_fn, optimizer=optimizer, train_loader=loader, **parts)


def sgd(rate, **more):
    return lambda model: torch.optim.SGD(model.parameters(), lr=rate, **more)


def codes(report):
    return {finding.code for finding in report.findings if finding.severity is not INFO}


# -- the suggestion ------------------------------------------------------------------------------------------------------


def test_the_rate_of_a_quadratic_is_the_one_that_can_be_derived():
    """Of (w - 3)² the gradient is 2 (w - 3): gradient descent gets to the bottom at once at 0.5, and diverges from 1 on."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    batches = [(torch.ones(4, 1), torch.full((4, 1), 3.0))] * 3
    result = nbdebug.lr_find(setup_of(model, optimizer=sgd(0.1), loader=batches, loss_fn=F.mse_loss)).result
    assert 0.5 / 3 < result.suggestion < 1.0
    assert result.low < 0.5 < result.high < 1.0
    assert result.diverges_from > 1.0


def test_digits_with_adam():
    report = nbdebug.lr_find(setup_of())
    result = report.result
    assert 3e-3 <= result.low <= result.suggestion <= result.high <= 0.2
    assert len(result.sweeps) == 3 and {trial.repeat for trial in result.trials} == {0, 1, 2}
    assert (codes(report), report.proof.changes) == (set(), ())


def test_the_same_session_gives_the_same_answer():
    setup = setup_of()
    assert nbdebug.lr_find(setup, **BRIEF).result == nbdebug.lr_find(setup, **BRIEF).result


def test_it_is_written_read_back_and_shown():
    report = nbdebug.lr_find(setup_of(), **BRIEF)
    again = Report.from_dict(json.loads(json.dumps(report.to_dict())))
    assert again.result == report.result
    assert f"{report.result.suggestion:.2g} (band" in str(again)
    assert [panel.title for panel in report.result.panels()] == ["learning rate", "the sweep", "short trainings", "groups"]
    assert report.figure() is not None and "short trainings" in report._repr_mimebundle_()["text/html"]


def test_groups_keep_the_ratio_of_their_rates():
    def groups(model):
        return torch.optim.SGD([{"params": model[0].parameters(), "lr": 0.01}, {"params": model[2].parameters(), "lr": torch.tensor(0.1)}], momentum=0.9)

    result = nbdebug.lr_find(setup_of(optimizer=groups), **BRIEF).result
    slow, fast = result.per_group
    assert (slow.rate, fast.rate) == (pytest.approx(0.01), pytest.approx(0.1))
    assert fast.suggestion == result.suggestion and slow.suggestion == pytest.approx(0.1 * result.suggestion)


def test_several_optimizers_are_swept_together():
    def two(model):
        return [torch.optim.Adam(model[0].parameters(), lr=1e-3), torch.optim.SGD(model[2].parameters(), lr=1e-2)]

    result = nbdebug.lr_find(setup_of(optimizer=two), **BRIEF).result
    assert [group.optimizer for group in result.per_group] == ["Adam 0", "SGD 1"]
    assert result.per_group[0].suggestion == pytest.approx(result.per_group[1].suggestion / 10)


@pytest.mark.parametrize(
    "parts",
    [{"precision": "bf16-mixed"}, {"precision": "16-mixed", "scaler": torch.amp.GradScaler("cpu", init_scale=1024.0)}],
    ids=["bf16-mixed", "16-mixed"],
)
def test_mixed_precision(parts):
    setup = setup_of(**parts)
    report = nbdebug.lr_find(setup, **BRIEF)
    assert 1e-3 < report.result.suggestion < 0.3
    assert report.proof.changes == ()
    assert setup.scaler is None or setup.scaler.get_scale() == 1024.0


def test_the_best_above_the_range_is_said():
    result = nbdebug.lr_find(setup_of(optimizer=sgd(1e-3)), max_lr=1e-2, **BRIEF).result
    assert result.suggestion == pytest.approx(1e-2)
    assert "pass a max_lr higher than 0.01" in result.limits[0]


def test_a_loss_below_zero_is_a_loss():
    result = nbdebug.lr_find(setup_of(loss_fn=lambda outputs, targets: F.cross_entropy(outputs, targets) - 10.0), **BRIEF).result
    assert 1e-3 < result.suggestion < 0.3


def separable(model, **parts):
    """Two clouds far apart: after 40 steps the loss is 0 at any rate that is high enough, also at absurd ones."""
    targets = torch.arange(64) % 2
    inputs = torch.where(targets[:, None] > 0, 3.0, -3.0) + 0.1 * torch.randn(64, 4)
    return setup_of(model, loader=DataLoader(TensorDataset(inputs, targets), batch_size=16, shuffle=True), **parts)


def tried(repeat, **losses):
    """Trials from a loss of 1, by rate."""
    return [Trial(repeat, float(rate[1:].replace("_", ".")), 40, loss, 1.0) for rate, loss in losses.items()]


ASKED = Asked(1e-7, 10.0, 100, 2)


def test_of_rates_that_all_come_to_nothing_the_lowest_is_suggested():
    assert verdict.suggested(tried(0, r0_01=0.5, r0_1=1e-8, r1=1e-12, r10=0.0), ASKED) == pytest.approx(0.1)
    result = nbdebug.lr_find(separable(nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)))).result
    assert result.suggestion < 1.0 and result.high <= 10.0


def test_the_band_ends_below_a_rate_that_diverged_and_within_the_range():
    calm, wild = tried(0, r0_01=0.5, r0_1=0.0, r1=0.01, r10=0.01), tried(1, r0_01=0.5, r0_1=0.0, r1=None, r10=None)
    assert verdict.band(calm, ASKED) == (pytest.approx(0.1 / verdict.HALF_STEP), 10.0)
    assert verdict.band([*calm, *wild], ASKED) == (pytest.approx(0.1 / verdict.HALF_STEP), pytest.approx(0.1 * verdict.HALF_STEP))


def test_the_best_below_the_range_is_said():
    trials = [Trial(0, rate, 40, loss, 1.0) for rate, loss in ((1e-7, 0.1), (1e-6, 0.5))]
    assert verdict.limits(trials, ASKED)[0] == "The best may lie below the range: pass a min_lr lower than 1e-07"


def test_the_drawn_sweep_does_not_go_below_the_losses_that_there_were():
    result = nbdebug.lr_find(separable(nn.Linear(4, 2)), **BRIEF).result
    drawn = next(panel for panel in result.panels() if panel.title == "the sweep").series["loss"]
    assert min(drawn) >= min(min(sweep.losses) for sweep in result.sweeps) >= 0.0


# -- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("control", "reason"),
    [
        (_lr_tasks.zero_gradient, "the gradient is 0"),
        (_lr_tasks.loss_without_weights, "no gradient arrives"),
        (_lr_tasks.frozen_with_an_unused_head, "no gradient arrives"),
        (_lr_tasks.random_labels_on_a_frozen_body, "noise is larger than the descent|does not come down"),
        (_lr_tasks.constant_target_that_is_hit, "the gradient is 0"),
        (_lr_tasks.rate_of_zero_where_the_gradient_is, "learning rate of 0"),
        (_lr_tasks.noise_at_its_mean, "noise is larger than the descent|does not come down"),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)  # fmt: skip
def test_nothing_is_suggested_where_there_is_nothing_to_find(control, reason):
    report = nbdebug.lr_find(control())
    result = report.result
    assert (result.suggestion, result.low, result.high) == (None, None, None)
    assert re.search(reason, result.reason), result.reason
    assert "No suggestion: " in str(report)
    assert codes(report) == set() and {v.state for v in report.verdicts} == {"not checked"}


def test_a_loss_without_a_graph():
    result = nbdebug.lr_find(setup_of(loss_fn=lambda outputs, targets: F.cross_entropy(outputs, targets).detach())).result
    assert result.suggestion is None and "no graph to the weights" in result.reason


def test_what_is_learnt_already():
    model = nn.Linear(64, 10)
    inputs, _ = features()
    with torch.no_grad():
        model.weight.mul_(1000)
        targets = model(inputs).argmax(1)
    result = nbdebug.lr_find(setup_of(model, loader=DataLoader(TensorDataset(inputs, targets), batch_size=32))).result
    assert result.suggestion is None and ("at its floor" in result.reason or "does not come down" in result.reason)


def test_an_infinite_loss_at_the_start():
    result = nbdebug.lr_find(setup_of(loss_fn=lambda outputs, targets: outputs.sum() * math.inf)).result
    assert result.suggestion is None and "before any update" in result.reason


def test_an_optimizer_of_another_model():
    result = nbdebug.lr_find(setup_of(optimizer=torch.optim.Adam(mlp().parameters()))).result
    assert result.suggestion is None and "belongs to another model" in result.reason


@pytest.mark.parametrize(
    ("parts", "options", "words"),
    [
        ({"optimizer": lambda m: torch.optim.LBFGS(m.parameters())}, {}, "needs a closure"),
        ({"optimizer": lambda m: torch.optim.Adam([{"params": []}])}, {}, "has no parameters"),
        ({}, {"min_lr": 1.0, "max_lr": 0.1}, "up to a higher one, got min_lr=1.0"),
        ({}, {"min_lr": 0}, "a rate above 0"),
        ({}, {"num_steps": 2}, "num_steps must be a whole number of at least 10"),
        ({}, {"repeats": 0}, "repeats must be"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_said(parts, options, words):
    with pytest.raises(SetupError, match=words):
        nbdebug.lr_find(setup_of(**parts), **options)


def test_a_rate_that_is_no_number():
    setup = setup_of()
    setup.optimizers[0].param_groups[0]["lr"] = None
    with pytest.raises(SetupError, match="has lr=None"):
        nbdebug.lr_find(setup)


def test_batch_norm_of_one_sample_raises_what_it_raised():
    model = nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))
    inputs, targets = features()
    with pytest.raises(StepError, match="more than 1 value per channel"):
        nbdebug.lr_find(setup_of(model, loader=[(inputs[:1], targets[:1])]))


# -- where it stops ------------------------------------------------------------------------------------------------------


def test_it_stops_at_the_first_loss_that_is_not_finite():
    updates, calls = [], itertools.count(1)

    def loss_fn(outputs, targets):
        return F.cross_entropy(outputs, targets) * (math.nan if next(calls) == 90 else 1.0)

    setup = setup_of(loss_fn=loss_fn)
    setup.optimizers[0].register_step_post_hook(lambda *_: updates.append(any(bool(p.isnan().any()) for p in setup.model.parameters())))
    sweep = nbdebug.lr_find(setup, **BRIEF).result.sweeps[0]
    assert math.isnan(sweep.losses[-1]) and all(map(math.isfinite, sweep.losses[:-1]))
    assert sweep.stopped == "the loss is nan" and not any(updates)


def test_a_sweep_ends_where_the_loss_soars():
    sweep = nbdebug.lr_find(setup_of(optimizer=sgd(0.1)), **BRIEF).result.sweeps[0]
    assert sweep.rates[-1] < 10 and sweep.stopped.startswith("the loss came to")
    assert sweep.diverges_from > sweep.lowest


def test_weights_that_make_the_users_code_raise_have_diverged():
    class Gaussian(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.scale = nn.Linear(64, 1), nn.Linear(64, 1)

        def forward(self, x):
            return torch.distributions.Normal(self.mean(x), self.scale(x).exp())  # which refuses a NaN, and a scale of 0

    inputs, targets = features()
    loader = DataLoader(TensorDataset(inputs, targets.float()[:, None]), batch_size=32)
    result = nbdebug.lr_find(setup_of(Gaussian(), optimizer=sgd(0.1), loader=loader, loss_fn=lambda d, y: -d.log_prob(y).mean()), **BRIEF).result
    assert result.suggestion is not None


def test_the_budget_is_kept():
    report = nbdebug.lr_find(setup_of(), budget=0.15)
    assert report.seconds < 3
    assert report.result.suggestion is None or "There was time for" in report.result.limits[0]
    assert report.result.reason or report.result.limits


def test_a_dear_step_makes_a_short_plan():
    full, short = planned(100, 3, step_seconds=1e-3, seconds=25.0), planned(100, 3, step_seconds=0.2, seconds=25.0)
    assert (full.sweep, full.trial, full.repeats) == (100, 40, 3)
    assert short.repeats == 1 and short.steps * 0.2 <= 25.0
    assert planned(100, 3, step_seconds=9.0, seconds=None) == full


# -- loaders, models -----------------------------------------------------------------------------------------------------


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(x, int(y)) for x, y in zip(*features(64), strict=True)])


@pytest.mark.parametrize(
    "loader",
    [lambda: [features(32)], lambda: [features(32), features(16)], lambda: DataLoader(Stream(), batch_size=16)],
    ids=["one batch", "two of different sizes", "iterable dataset"],
)
def test_a_finite_loader_is_begun_again(loader):
    assert nbdebug.lr_find(setup_of(loader=loader()), **BRIEF).result.suggestion is not None


def test_a_loader_that_gives_nothing_the_second_time_is_swept_on_what_it_gave():
    class Once:
        def __init__(self):
            self.batches = iter([features(32), features(16)])

        def __iter__(self):
            return self.batches

    assert nbdebug.lr_find(setup_of(loader=Once()), repeats=2, num_steps=60).result.suggestion is not None


def test_a_batch_whose_loss_is_nan_before_any_update_is_said():
    inputs, targets = features(32)
    result = nbdebug.lr_find(setup_of(loader=[(inputs, targets), (inputs * math.nan, targets)]), **BRIEF).result
    assert result.suggestion is None and "the loss of another batch is nan" in result.reason


def test_a_loss_of_the_wrong_sign():
    result = nbdebug.lr_find(setup_of(loss_fn=lambda outputs, targets: -F.cross_entropy(outputs, targets), optimizer=sgd(0.1))).result
    assert result.suggestion is None and "wrong sign" in result.reason


def test_sparse_embeddings():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = nn.Embedding(40, 16, sparse=True), nn.Linear(16, 4)

        def forward(self, x):
            return self.head(self.embedding(x).mean(1))

    def two(model):
        return [torch.optim.SparseAdam([model.embedding.weight], lr=0.01), torch.optim.Adam(model.head.parameters(), lr=0.01)]

    tokens = torch.randint(0, 40, (256, 6))
    loader = DataLoader(TensorDataset(tokens, tokens[:, 0] % 4), batch_size=32)
    report = nbdebug.lr_find(setup_of(Bag(), optimizer=two, loader=loader), **BRIEF)
    assert report.result.suggestion is not None and report.proof.changes == ()


def test_a_generator_is_not_used_up():
    with pytest.raises(SetupError, match="can be read only once"):
        nbdebug.lr_find(setup_of(loader=iter([features(32)])))


def test_dicts_dropout_and_a_loss_of_the_models_own():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.drop, self.head = nn.Embedding(12, 16), nn.Dropout(0.3), nn.Linear(16, 3)

        def forward(self, input_ids, labels):
            scores = self.head(self.drop(self.embedding(input_ids).mean(1)))
            return {"loss": F.cross_entropy(scores, labels), "logits": scores}

    ids = torch.randint(0, 12, (96, 5))
    batches = [{"input_ids": ids[i : i + 16], "labels": ids[i : i + 16, 0] % 3} for i in range(0, 96, 16)]
    setup = setup_of(Own(), loader=batches, loss_fn=None)
    assert nbdebug.lr_find(setup, **BRIEF).result.suggestion is not None


def test_a_batch_loss_that_asks_for_gradients_itself():
    def penalised(setup, batch):
        inputs = batch[0].requires_grad_()
        scores = setup.model(inputs)
        (slope,) = torch.autograd.grad(scores.sum(), inputs, create_graph=True)
        return F.cross_entropy(scores, batch[1]) + 0.01 * slope.square().mean()

    setup = setup_of(nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10)), loss_fn=None, batch_loss=penalised)
    assert nbdebug.lr_find(setup, **BRIEF).result.suggestion is not None


def test_a_model_left_in_eval_mode_is_swept_in_training_mode_and_stays_as_it_was():
    model = nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10)).eval()
    report = nbdebug.lr_find(setup_of(model), **BRIEF)
    assert report.result.suggestion is not None
    assert not model.training and float(model[1].running_mean.abs().sum()) == 0.0 and report.proof.changes == ()


# -- everything given back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [3, 30, 60, 80, 400])
def test_an_interrupt_keeps_the_partial_curve_and_gives_everything_back(at):
    calls = itertools.count()

    def loss_fn(outputs, targets):
        if next(calls) == at:
            raise KeyboardInterrupt
        return F.cross_entropy(outputs, targets)

    setup = setup_of(loss_fn=loss_fn, optimizer=sgd(0.1, momentum=0.9))
    scheduler = CosineAnnealingLR(setup.optimizers[0], 10)
    before, place = {k: v.clone() for k, v in setup.model.state_dict().items()}, [p.data_ptr() for p in setup.model.parameters()]
    state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt) as caught:
        nbdebug.lr_find(setup)
    report = caught.value.report
    assert report.stopped == "interrupted" and report.proof.changes == ()
    assert all(torch.equal(v, before[k]) for k, v in setup.model.state_dict().items())
    assert place == [p.data_ptr() for p in setup.model.parameters()]
    assert torch.equal(torch.get_rng_state(), state)
    assert setup.optimizers[0].param_groups[0]["lr"] == 0.1 and not setup.optimizers[0].state and scheduler.last_epoch == 0
    if at == 80:  # in the sweep of the first repeat, after its control
        assert report.result.sweeps[0].stopped == "under way" and len(report.result.sweeps[0].rates) >= 10
    if at == 400:
        assert report.result.trials


def test_a_measurement_that_is_abandoned_gives_back_too(monkeypatch):
    monkeypatch.setattr(base, "EVERY", 0.0)  # each reading is a report
    setup = setup_of(optimizer=sgd(0.1))
    before, place = {k: v.clone() for k, v in setup.model.state_dict().items()}, [p.data_ptr() for p in setup.model.parameters()]
    for taken in (1, 4, 12, 15):
        watching = nbdebug.lr_find.follow(setup)
        for _ in range(taken):
            next(watching)
        watching.close()
        assert all(torch.equal(v, before[k]) for k, v in setup.model.state_dict().items())
        assert place == [p.data_ptr() for p in setup.model.parameters()] and setup.optimizers[0].param_groups[0]["lr"] == 0.1


def test_optimizer_state_that_was_there_is_used_and_given_back():
    setup = setup_of(optimizer=sgd(0.1, momentum=0.9))
    for batch in setup.train_loader:
        setup.backward(setup.loss(batch))
        setup.step()
    momentum = [state["momentum_buffer"] for state in setup.optimizers[0].state.values()]
    values = [buffer.clone() for buffer in momentum]
    report = nbdebug.lr_find(setup, **BRIEF)
    assert report.proof.changes == () and report.result.trained
    assert all(a is b for a, b in zip(momentum, (s["momentum_buffer"] for s in setup.optimizers[0].state.values()), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(momentum, values, strict=True))


# -- the user's own rate -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [sgd(30.0), sgd(10.0, momentum=0.9), lambda m: torch.optim.Adam(m.parameters(), lr=20.0)])
def test_a_rate_at_which_the_loss_soars_is_too_high(optimizer):
    report = nbdebug.lr_find(setup_of(optimizer=optimizer))
    (finding,) = report.findings
    assert (finding.code, str(finding.severity)) == ("ND604", "warning")
    assert finding.location.detail.endswith("group 0") and "the sweep diverges from" in finding.message


@pytest.mark.parametrize("optimizer", [sgd(1e-6), lambda m: torch.optim.AdamW(m.parameters(), lr=1e-8)])
def test_a_rate_at_which_nothing_moves_is_too_low(optimizer):
    report = nbdebug.lr_find(setup_of(optimizer=optimizer))
    (finding,) = report.findings
    assert (finding.code, str(finding.severity)) == ("ND605", "warning")
    assert "times below the band" in finding.message


def warm_up(optimizer):
    return LambdaLR(optimizer, lambda step: min(1.0, step / 100))


def one_cycle(optimizer):
    return OneCycleLR(optimizer, max_lr=0.05, total_steps=1000, div_factor=1e5)


def noam(optimizer):
    optimizer.param_groups[0]["lr"] = optimizer.param_groups[0]["initial_lr"] = 1.0
    return LambdaLR(optimizer, lambda step: 64**-0.5 * min((step + 1) ** -0.5, (step + 1) * 4000**-1.5))


@pytest.mark.parametrize("schedule", [warm_up, one_cycle, noam])
def test_a_warm_up_is_judged_by_its_peak(schedule):
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = schedule(optimizer)
    assert optimizer.param_groups[0]["lr"] < 1e-4
    report = nbdebug.lr_find(setup_of(model, optimizer=optimizer, scheduler=scheduler))
    assert report.result.suggestion is not None and report.findings == ()
    assert report.result.scheduled and report.result.peak >= 0.01


@pytest.mark.parametrize("optimizer", [sgd(0.5), sgd(0.02), sgd(0.05, momentum=0.9), lambda m: torch.optim.Adam(m.parameters(), lr=1e-4)])
def test_usual_rates_are_not_accused(optimizer):
    assert codes(nbdebug.lr_find(setup_of(optimizer=optimizer))) == set()


def test_a_rate_of_zero_is_only_noted():
    report = nbdebug.lr_find(setup_of(optimizer=sgd(0.0)))
    assert [(f.code, f.severity) for f in report.findings] == [("ND605", INFO)]


def test_a_step_is_compared_with_its_own_batch():
    repeat = Repeat(0, batches=["a", "b", "c"], still=[1.0, 2.0, 3.0, 1.5, 2.5, 3.5, 1.7])
    assert [repeat.control(step) for step in (0, 4, 6)] == [1.0, 2.5, 1.7]
    assert all(int(repeat.control(step)) == "abc".index(repeat.batch(step)) + 1 for step in range(7, 40))


# -- the curve -----------------------------------------------------------------------------------------------------------


def test_smoothing_leaves_a_constant_and_a_middle_where_they_are():
    assert curve.smoothed([2.0] * 9) == pytest.approx([2.0] * 9)
    peak = curve.smoothed([0.0] * 10 + [1.0] + [0.0] * 10)
    assert max(range(21), key=lambda i: peak[i]) == 10
    assert curve.smoothed([1.0, math.nan, 3.0])[1] == pytest.approx(2.0, abs=0.5)


def test_where_a_curve_diverges():
    rates = (1.0, 2.0, 3.0, 4.0)
    assert curve.diverges_from(rates, (-1.0, -2.0, 1.0, 5.0), blew_up=True) == 3.0
    assert curve.diverges_from(rates, (-1.0, 2.0, -1.0, -2.0), blew_up=False) is None


def test_a_step_that_is_too_dear_for_the_budget_is_told_at_once():
    class Slow(nn.Linear):
        def forward(self, x):
            time.sleep(0.02)
            return super().forward(x)

    started = time.perf_counter()
    result = nbdebug.lr_find(setup_of(Slow(64, 10)), budget=0.5).result
    assert time.perf_counter() - started < 3
    assert result.suggestion is None and "that a search needs take" in result.reason
