"""The first NaN: what is told of it, and that every way to train can be searched."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler
from torch.utils.checkpoint import checkpoint

import nbdebug
from nbdebug import Finding, SetupError, StepError, TrainingSetup
from nbdebug.causes import fold
from nbdebug.findings import ERROR, INFO
from nbdebug.page import Curve, Table
from tests.patients.parts import features, loader, mlp, quantities, tokens, training

pytestmark = pytest.mark.filterwarnings("ignore")


def born(setup, steps=20):
    """The origin, with the promise checked that the session is as it was."""
    report = nbdebug.find_nan(setup, max_steps=steps)
    assert report.proof.changes == ()
    return report.result.origin


def codes(report):
    return [finding.code for finding in report.findings if finding.severity is not INFO]


class Logs(nn.Module):
    """The logarithm of a ReLU, wrapped in whatever is asked for."""

    def __init__(self, wrap=lambda function, x: function(x), out=lambda logits: logits):
        super().__init__()
        self.first, self.second, self.wrap, self.out = nn.Linear(64, 32), nn.Linear(32, 10), wrap, out

    def inner(self, x):
        return torch.log(self.first(x).relu())

    def forward(self, x):
        return self.out(self.second(self.wrap(self.inner, x)))


def is_the_logarithm(origin):
    told = origin is not None and (origin.phase, origin.operator, origin.text)
    return told == ("forward", "aten.log.default", "return torch.log(self.first(x).relu())")


# -- what is told ------------------------------------------------------------------------------------------------------


def test_a_training_that_stays_finite_has_no_origin():
    report = nbdebug.find_nan(training(mlp()), max_steps=12)
    result = report.result
    assert (result.origin, result.steps, result.asked, result.skipped) == (None, 12, 12, ())
    assert len(result.losses) == len(result.gradient_norms) == 12
    assert all(verdict.state == "sound" for verdict in report.verdicts)


def test_the_losses_are_those_of_the_users_own_loop():
    setup = training(mlp(), train_loader=loader(*features(), shuffle=False))
    told = nbdebug.find_nan(setup, max_steps=5).result.losses
    trained = []
    for batch, _ in zip(setup.train_loader, range(5), strict=False):
        loss = setup.loss(batch)
        setup.backward(loss)
        setup.step()
        trained.append(float(loss))
    assert told == tuple(trained)


def test_the_message_tells_the_number_and_the_way():
    report = nbdebug.find_nan(training(Logs()))
    (finding,) = report.findings
    assert finding.code == "ND308" and "`log` gave -Inf: log of 0" in finding.message
    assert "-Inf at `log` became NaN at" in finding.message
    assert "clamp(min=1e-6) before it" in finding.advice
    assert finding.location.line == report.result.origin.line and finding.location.file.endswith("test_find_nan.py")
    assert finding.evidence["step"] == 0 and finding.evidence["reproduced"] is True


def test_the_panels_show_loss_way_values_and_the_last_healthy_ones():
    inputs, targets = features()
    inputs[200] = float("nan")
    panels = nbdebug.find_nan(training(mlp(), train_loader=loader(inputs, targets, shuffle=False))).page().sections[0].panels
    titles = [panel.title for panel in panels]
    assert titles[:3] == ["the loss until then", "the gradient's norm", "the way of the bad value"]
    assert isinstance(panels[0], Curve) and panels[0].x == tuple(map(float, range(7))) and math.isnan(panels[0].series["loss"][-1])
    healthy = next(panel for panel in panels if panel.title == "the last healthy values")
    assert isinstance(healthy, Table) and [row[0] for row in healthy.rows] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_long_curves_are_thinned_and_keep_their_steps():
    model = nn.Linear(2, 1)
    setup = TrainingSetup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.0), [(torch.ones(1, 2), torch.ones(1, 1))])
    result = nbdebug.find_nan(setup, max_steps=1500).result
    assert (len(result.losses), result.every, result.steps) == (751, 2, 1500)
    assert result.panels()[0].x[-2:] == (1498.0, 1499.0)


def test_a_loader_that_ends_begins_again():
    assert nbdebug.find_nan(training(mlp(), data=features(64)), max_steps=7).result.steps == 7


@pytest.mark.parametrize(
    ("scheduler", "rates", "said"),
    [
        (lambda o: lr_scheduler.StepLR(o, 1, gamma=0.5), (1.0, 1.0, 0.5, 0.5), "StepLR stepped after every pass over the loader"),
        (lambda o: lr_scheduler.LambdaLR(o, lambda n: 0.5**n), (1.0, 0.5, 0.25, 0.125), "LambdaLR stepped after every step"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=3), None, "OneCycleLR stepped after every step"),
    ],
)
def test_an_epoch_scheduler_steps_once_a_pass_and_a_step_scheduler_after_every_step(scheduler, rates, said):
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def batch_loss(setup, batch):  # the learning rate itself
        return setup.model(batch[0]).sum() * 0 + optimizer.param_groups[0]["lr"]

    setup = training(model, batch_loss=batch_loss, data=features(64), optimizer=optimizer, scheduler=scheduler(optimizer))
    rate = optimizer.param_groups[0]["lr"]
    result = nbdebug.find_nan(setup, max_steps=4).result
    assert (result.notes, result.steps) == ((said,), 4)
    assert rates is None or result.losses == rates
    assert optimizer.param_groups[0]["lr"] == rate


def test_a_training_that_runs_away_is_told_as_such():
    inputs, targets = quantities()
    model = mlp(16, 1)
    setup = training(model, nn.MSELoss(), (inputs, targets[:, None]), optimizer=torch.optim.SGD(model.parameters(), lr=100.0))
    report = nbdebug.find_nan(setup)
    assert report.result.origin.cause == "learning rate"
    assert "at a thousandth of the learning rate as many steps are finite" in report.findings[0].message
    assert "lower learning rate" in report.findings[0].advice


def test_a_single_step_that_throws_the_weights_away_is_told_as_such():
    model = mlp()
    origin = born(training(model, optimizer=torch.optim.Adam(model.parameters(), lr=1e20)))
    assert (origin.phase, origin.step, origin.cause) == ("forward", 1, "learning rate")


def test_a_budget_and_an_interrupt_lose_nothing():
    setup = training(mlp())
    stopped = nbdebug.find_nan(setup, max_steps=10**6, budget=0.3)
    assert stopped.result.steps > 3 and "the budget" in stopped.stopped and stopped.proof.changes == ()

    class Impatient(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.calls = mlp(), 0

        def forward(self, x):
            self.calls += 1
            if self.calls > 5:
                raise KeyboardInterrupt
            return self.body(x)

    with pytest.raises(KeyboardInterrupt) as caught:
        nbdebug.find_nan(training(Impatient()))
    assert (caught.value.report.result.steps, caught.value.report.stopped) == (5, "interrupted")
    assert caught.value.report.proof.changes == ()


def test_an_error_of_the_users_code_after_some_steps_keeps_what_was_measured():
    inputs, targets = features(64)
    batches = [(inputs[:32], targets[:32]), (inputs[32:], targets[32:] + 100)]
    report = nbdebug.find_nan(TrainingSetup(mlp(), nn.CrossEntropyLoss(), None, batches))
    assert report.result.steps == 1 and "IndexError" in report.stopped
    with pytest.raises(StepError):
        nbdebug.find_nan(TrainingSetup(mlp(), nn.CrossEntropyLoss(), None, batches[1:]))


def test_without_an_optimizer_the_weights_stay_and_the_batches_are_searched():
    inputs, targets = features()
    inputs[130] = float("inf")
    setup = training(mlp(), optimizer=None, train_loader=loader(inputs, targets, shuffle=False))
    assert (born(setup).phase, born(setup).step) == ("data", 4)


def test_a_loader_that_can_be_read_once_is_refused():
    with pytest.raises(SetupError, match="read only once"):
        nbdebug.find_nan(training(mlp(), train_loader=(batch for batch in [features()])))


# -- GradScaler -----------------------------------------------------------------------------------------------------------


def test_a_skipped_step_is_information_and_nothing_else():
    report = nbdebug.find_nan(training(mlp(), precision="16-mixed", scaler=torch.amp.GradScaler("cpu", init_scale=2.0**40)))
    assert report.result.skipped[:10] == tuple(range(10)) and report.result.steps == 100
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("ND807", INFO) and "normal" in finding.message


@pytest.mark.parametrize("scale", [1.0, 65536.0])
def test_a_gradient_that_is_infinite_at_scale_one_too_is_an_origin(scale):
    def batch_loss(setup, batch):
        return 1e9 * F.cross_entropy(setup.model(batch[0]), batch[1])

    setup = training(mlp(), batch_loss=batch_loss, precision="16-mixed", scaler=torch.amp.GradScaler("cpu", init_scale=scale))
    report = nbdebug.find_nan(setup)
    assert codes(report) == ["ND807"] and report.result.origin.phase == "backward" and report.result.skipped == ()
    assert "the same step in float32 is finite" in report.findings[0].message


def test_the_scale_is_the_users_again_afterwards():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    nbdebug.find_nan(training(mlp(), precision="16-mixed", scaler=scaler), max_steps=5)
    assert scaler.get_scale() == 2.0**40


# -- what vanishes ----------------------------------------------------------------------------------------------------------


def tiny(setup, batch):
    return 1e-7 * F.cross_entropy(setup.model(batch[0]).float(), batch[1])


@pytest.mark.parametrize(
    ("precision", "scaler", "found"),
    [("16-mixed", None, ["ND807"]), ("16-mixed", torch.amp.GradScaler("cpu"), []), ("bf16-mixed", None, []), ("32-true", None, [])],
)
def test_gradients_that_become_zero_in_float16(precision, scaler, found):
    report = nbdebug.find_nan(training(mlp(), batch_loss=tiny, precision=precision, scaler=scaler), max_steps=10)
    assert codes(report) == found
    assert all(lost.what == "gradient" and lost.lost > 0.99 and lost.dtype == "float16" for lost in report.result.vanishing)


@pytest.mark.parametrize(("rate", "found"), [(1e-5, ["ND807"]), (1e-3, [])])
def test_updates_that_are_rounded_away_in_bfloat16(rate, found):
    inputs, targets = features()
    model = mlp().bfloat16()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    report = nbdebug.find_nan(training(model, data=(inputs.bfloat16(), targets), precision="bf16-true", optimizer=optimizer), max_steps=10)
    assert codes(report) == found
    assert all(lost.what == "update" and lost.dtype == "bfloat16" for lost in report.result.vanishing)


def test_a_schedule_that_may_still_rise_is_not_judged_by_its_first_steps():
    inputs, targets = features()
    model = mlp().bfloat16()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: step / 10_000)
    setup = training(model, data=(inputs.bfloat16(), targets), precision="bf16-true", optimizer=optimizer, scheduler=scheduler)
    assert codes(nbdebug.find_nan(setup, max_steps=10)) == []


# -- it works with ------------------------------------------------------------------------------------------------------------


def test_a_loss_written_by_hand():
    def batch_loss(setup, batch):
        p = setup.model(batch[0]).softmax(1)[:, 0] * 0
        return -p.log().mean()

    origin = born(training(mlp(), batch_loss=batch_loss))
    assert (origin.phase, origin.operator, origin.text) == ("loss", "aten.log.default", "return -p.log().mean()")


def test_a_custom_function():
    class Root(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad / (x > 0)

    origin = born(training(Logs(wrap=lambda function, x: Root.apply(function.__self__.first(x)))))
    assert (origin.phase, origin.text) == ("backward", "return grad / (x > 0)")


def test_an_operation_in_place():
    def divide(function, x):
        x = function.__self__.first(x).clone()
        x[:, 3] /= 0.0
        return x

    origin = born(training(Logs(wrap=divide)))
    assert (origin.phase, origin.text) == ("forward", "x[:, 3] /= 0.0")


@pytest.mark.parametrize("kind", ["dict", "tuple", "ModelOutput"])
def test_outputs_with_names(kind):
    def out(logits):
        if kind == "ModelOutput":
            outputs = pytest.importorskip("transformers.modeling_outputs")
            return outputs.SequenceClassifierOutput(logits=logits)
        return {"logits": logits, "extra": logits.sum()} if kind == "dict" else (logits, None)

    assert is_the_logarithm(born(training(Logs(out=out))))


@pytest.mark.parametrize("cell", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_recurrent_net(cell):
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = cell(4, 16, batch_first=True), nn.Linear(16, 10)

        def forward(self, x):
            last = self.rnn(x.view(-1, 16, 4))[0][:, -1]
            return self.head(last / (last.detach() * 0))

    origin = born(training(Reads()))
    assert (origin.phase, origin.text) == ("forward", "return self.head(last / (last.detach() * 0))")


def test_attention():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.attention, self.head = nn.Embedding(20, 16), nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 20)

        def forward(self, ids):
            x = self.embed(ids)
            x, _ = self.attention(x, x, x, key_padding_mask=ids >= 0, need_weights=True)
            return self.head(x.mean(1))

    ids, following = tokens()
    report = nbdebug.find_nan(training(Attends(), data=(ids, following[:, 0])))
    assert codes(report) == ["ND309"]
    assert "key_padding_mask" in report.result.origin.text and report.result.origin.module == "attention"


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing(reentrant):
    def wrap(function, x):
        return checkpoint(function, x.requires_grad_(), use_reentrant=reentrant)

    assert is_the_logarithm(born(training(Logs(wrap))))


@pytest.mark.parametrize(("precision", "scaler"), [("16-mixed", None), ("16-mixed", torch.amp.GradScaler("cpu")), ("bf16-mixed", None)])
def test_autocast(precision, scaler):
    assert is_the_logarithm(born(training(Logs(), precision=precision, scaler=scaler)))


def test_several_optimizers():
    model = Logs()
    optimizers = torch.optim.SGD(model.first.parameters(), lr=0.1), torch.optim.Adam(model.second.parameters())
    assert is_the_logarithm(born(training(model, optimizer=optimizers)))


def test_a_second_order_optimizer():
    model = Logs()
    assert is_the_logarithm(born(training(model, optimizer=torch.optim.LBFGS(model.parameters()))))


def test_a_compiled_model():
    compiled = torch.compile(Logs(), backend="eager")
    compiled(features()[0])
    assert is_the_logarithm(born(training(compiled)))


def test_sparse_gradients():
    class Sparse(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16, sparse=True), nn.Linear(16, 20)

        def forward(self, ids):
            x = self.embed(ids).mean(1)
            return self.head((x * (x > 0)).sqrt())

    ids, following = tokens()
    model = Sparse()
    optimizers = torch.optim.SparseAdam(model.embed.parameters()), torch.optim.SGD(model.head.parameters(), lr=0.1)
    origin = born(training(model, data=(ids, following[:, 0]), optimizer=optimizers))
    assert (origin.phase, origin.operator, origin.parameter) == ("backward", "aten.sqrt.default", "embed.weight")


def test_a_parameter_that_only_the_optimizer_knows():
    temperature = nn.Parameter(torch.zeros(()))
    model = mlp()

    def batch_loss(setup, batch):
        return F.cross_entropy(setup.model(batch[0]), batch[1]) + temperature.sqrt()

    setup = training(model, batch_loss=batch_loss, optimizer=torch.optim.SGD([*model.parameters(), temperature], lr=0.1))
    origin = born(setup)
    assert (origin.phase, origin.operator) == ("backward", "aten.sqrt.default")


def test_statistics_that_are_ruined_while_the_loss_is_well():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.body = nn.BatchNorm1d(64), mlp()

        def forward(self, x):
            self.norm(x * float("inf"))
            return self.body(x)

    origin = born(training(Counts()))
    assert (origin.phase, origin.text) == ("forward", "self.norm(x * float(\"inf\"))")


def test_states_that_a_model_carries_along_are_there_again_when_the_step_is_repeated():
    class Carries(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.state = mlp(), torch.ones(10)

        def forward(self, x):
            self.state = self.state * 1e6
            return self.body(x) + 1e-30 * self.state * self.state

    setup = training(Carries())
    report = nbdebug.find_nan(setup)
    assert report.result.reproduced and report.result.origin.step == 5  # 1e36 times 1e-30 times 1e36
    assert torch.equal(setup.model.state, torch.ones(10))


def test_weights_that_were_ruined_before_the_training_began():
    model = mlp()
    with torch.no_grad():
        model[2].bias[4] = float("nan")
    report = nbdebug.find_nan(training(model))
    assert codes(report) == ["ND308"] and report.result.origin.cause == "weights"
    assert "2.bias was not finite before" in report.findings[0].message


def test_the_setup_is_the_users_again():
    setup = training(Logs())
    before = copy.deepcopy(setup.model.state_dict())
    nbdebug.find_nan(setup)
    after = setup.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in setup.model.parameters())


def test_without_dataset_indices_the_batch_is_named():
    inputs, targets = features(64)
    inputs[40, 2] = float("nan")
    batches = [(inputs[:32], targets[:32]), (inputs[32:], targets[32:])]
    origin = born(TrainingSetup(mlp(), nn.CrossEntropyLoss(), None, batches))
    assert (origin.sample, origin.column, origin.detail) == (8, 2, "inputs, sample 8, column 2 of batch 1")


def test_gradients_that_a_hook_cleans_are_noted_and_no_alarm():
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.register_step_pre_hook(lambda o, *given: [p.grad.nan_to_num_() for g in o.param_groups for p in g["params"]] and None)

    def batch_loss(setup, batch):
        logits = setup.model(batch[0])
        return F.cross_entropy(logits, batch[1]) + 0 * (logits - logits.detach()).abs().sqrt().sum()

    report = nbdebug.find_nan(training(model, batch_loss=batch_loss, optimizer=optimizer), max_steps=8)
    assert report.findings == () and report.result.origin is None
    assert report.result.notes == ("in 8 of the steps a gradient was not finite and the optimizer took no harm by it",)


def test_what_ended_the_training_keeps_the_other_checks_from_judging():
    report = nbdebug.find_nan(training(Logs()))
    states = {verdict.code: verdict.state for verdict in report.verdicts}
    assert states.pop("ND308") == "found"
    assert states == dict.fromkeys(("ND101", "ND309", "ND504", "ND709", "ND807"), "not checked")


def test_an_update_of_a_second_order_optimizer_is_told_though_it_is_not_repeated():
    model = mlp()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=1)
    optimizer.param_groups[0]["lr"] = float("inf")
    report = nbdebug.find_nan(training(model, optimizer=optimizer))
    assert codes(report) == ["ND709"] and report.result.reproduced is None
    assert "not repeated" in report.result.unexplained


def test_a_nan_of_the_forward_pass_is_folded_under_the_data_that_explains_it():
    def finding(code):
        return Finding(code, "", ERROR, "", "")

    folded = fold([finding("ND101"), finding("ND308"), finding("ND706"), finding("ND309")])
    assert [f.code for f in folded] == ["ND101", "ND309"]
    assert [s.code for s in folded[0].symptoms] == ["ND308", "ND706"]
