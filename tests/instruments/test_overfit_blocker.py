"""What keeps a few samples from being memorised, named by the one change that alone lets them be."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbdebug.findings import ERROR, INFO, WARNING
from nbdebug.instruments.overfit import overfit
from tests.patients.overfit import Between
from tests.patients.parts import features, mlp, training


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def blocked(setup, **options):
    """The only finding, and the experiment that memorised."""
    report = overfit(setup, samples=(10,), **options)
    (finding,) = report.findings
    (trial,) = report.result.trials
    assert finding.severity is ERROR and trial.verdict == "FAIL" and report.proof.changes == ()
    return finding, [e.changed for e in trial.experiments if e.memorised and "linear" not in e.changed]


class Hidden(nn.Module):
    """An MLP with something done between its layers."""

    def __init__(self, change):
        super().__init__()
        self.first, self.last, self.change = nn.Linear(64, 32), nn.Linear(32, 10), change

    def forward(self, x):
        return self.last(self.change(self.first(x)))


def test_dropout_is_named_with_its_module_and_its_share():
    finding, helped = blocked(training(nn.Sequential(nn.Linear(64, 32), nn.Dropout(0.1), nn.ReLU(), nn.Dropout(0.9999), nn.Linear(32, 10, bias=False))))
    assert helped == ["dropout switched off"] and finding.location.module == "3"
    assert "with dropout switched off it falls to" in finding.message and "p=0.9999" in finding.advice


def test_dropout_as_a_function():
    finding, helped = blocked(training(NoBias()))
    assert helped == ["dropout switched off"] and "dropout" in finding.location.operator


class NoBias(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 32), nn.Linear(32, 10, bias=False)

    def forward(self, x):
        return self.last(F.dropout(self.first(x).relu(), 0.9999))


@pytest.mark.parametrize("change", [torch.round, torch.sign, lambda x: x * 1e-9, lambda x: x.clamp(-1e-4, 1e-4)])
def test_an_operation_is_named_with_its_line(change):
    finding, helped = blocked(training(Between(change)))
    assert len(helped) == 1 and "left out" in helped[0]
    assert finding.location.line is not None and finding.location.operator


def test_a_loss_that_is_cut_off():
    report = overfit(training(mlp(), lambda o, t: F.cross_entropy(o.detach() + 0 * o, t)), samples=(10,))
    (finding,) = report.findings
    assert finding.location.operator == "torch.Tensor.detach"


def test_frozen_layers():
    model = Between(lambda x: x)
    model.scale = nn.Parameter(torch.ones(300))
    model.net.requires_grad_(False)
    model.change = lambda x: x + 1e-3 * model.scale.mean()
    finding, helped = blocked(training(model, optimizer=torch.optim.Adam([model.scale])))
    assert helped[0].startswith("`net.0.weight` and 3 other parameters trained") and finding.location.parameter == "net.0.weight"


def test_an_initialisation():
    """All units of the hidden layer are dead: their biases lie far below."""
    model = mlp()
    nn.init.constant_(model[0].bias, -1000.0)
    finding, helped = blocked(training(model))
    assert "all weights initialised anew" in helped and finding.location.module in ("0", "")


def test_the_same_random_numbers():
    finding, helped = blocked(training(Hidden(lambda x: torch.randn_like(x) + 1e-6 * x)))
    assert helped == ["the same random numbers at every step"] and finding.location.operator == "torch.randn_like"


def test_a_loss_that_is_to_blame():
    """Rounded predictions within the loss: no model helps."""
    report = overfit(training(mlp(64, 1, nn.Flatten(0)), lambda o, t: F.mse_loss(o.round(), t.float())), samples=(10,))
    (finding,) = report.findings
    assert "linear layer on the inputs in the model's place does no better" in finding.message or "`round`" in finding.message


def test_where_it_stops_when_nothing_alone_helps():
    finding, _ = blocked(training(Between(lambda x: (x.round() * 1e-9).round())))
    assert "free numbers in the place of what `net.2` gives" in finding.message


def test_no_search_where_none_is_wanted():
    report = overfit(training(Between(torch.round)), samples=(10,), search=0)
    assert report.result.trials[0].experiments == () and report.findings[0].code == "ND701"


def test_the_search_keeps_to_its_seconds():
    whole, short = (overfit(training(Between(lambda x: (x.round() * 1e-9).round())), samples=(10,), search=s) for s in (30.0, 0.1))
    assert len(short.result.trials[0].experiments) < len(whole.result.trials[0].experiments)
    assert short.findings[0].code == "ND701"


# -- the user's own optimizer -----------------------------------------------------------------------------------------


def test_weight_decay_is_a_matter_of_the_optimizer():
    model = mlp()
    report = overfit(training(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=15.0)), samples=(10,))
    (finding,) = report.findings
    assert finding.severity is WARNING and "weight_decay=15" in finding.location.detail
    assert "your SGD memorises them without weight decay" in finding.message


@pytest.mark.parametrize("of", ["another model", "nothing"])
def test_an_optimizer_that_holds_none_of_the_weights(of):
    optimizer = torch.optim.SGD(mlp().parameters(), lr=0.1)
    if of == "nothing":
        optimizer.param_groups[0]["params"].clear()
    report = overfit(training(mlp(), optimizer=optimizer), samples=(10,))
    (finding,) = report.findings
    assert finding.severity is WARNING and "your SGD holds none of the model's weights" in finding.message
    assert report.proof.changes == ()


def test_an_optimizer_that_holds_some_of_them_is_not_accused():
    model = mlp()
    head = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    report = overfit(training(model, optimizer=torch.optim.Adam(head.parameters(), lr=1e-2)), samples=(10,))
    assert all("holds none" not in finding.message for finding in report.findings)


def test_an_optimizer_that_climbs_is_said_to():
    """What it descends may be a gain that is meant to rise, so it is mentioned."""
    model = mlp()
    report = overfit(training(model, optimizer=torch.optim.Adam(model.parameters(), lr=1e-2, maximize=True)), samples=(10,))
    (finding,) = report.findings
    assert finding.severity is INFO and "with maximize=False" in finding.message


def test_what_is_right_without_a_low_loss_is_said_so():
    """Bounded logits: every class comes right, and the loss stays far above zero."""

    class Noise(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            return 2 * torch.tanh(self.net(torch.randn_like(x)))

    finding, helped = blocked(training(Noise()))
    assert helped == ["the same random numbers at every step"]
    assert finding.message.endswith("steps, with every class right")


def test_the_rate_that_works_is_said():
    model = mlp()
    report = overfit(training(model, optimizer=torch.optim.SGD(model.parameters(), lr=1e-5)), samples=(10,))
    (finding,) = report.findings
    assert finding.severity is INFO and "your SGD memorises them at lr=0.01" in finding.message


def test_a_rate_that_is_too_high():
    model = mlp()
    report = overfit(training(model, optimizer=torch.optim.SGD(model.parameters(), lr=1e4)), samples=(10,))
    (finding,) = report.findings
    assert finding.severity is INFO and "your SGD memorises them at lr=" in finding.message


def test_a_warm_up_from_zero():
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 1000))
    report = overfit(training(model, optimizer=optimizer, scheduler=scheduler))
    assert [t.verdict for t in report.result.trials] == ["PASS", "PASS"] and report.findings == ()
    assert optimizer.param_groups[0]["lr"] == 0.0


def test_inputs_and_targets_stay_as_they_were():
    inputs, targets = features()
    before = inputs.clone()
    overfit(training(Between(torch.round), data=(inputs, targets)), samples=(2,))
    assert torch.equal(inputs, before)
