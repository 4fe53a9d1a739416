"""Gradients that are stopped on every way: said with the place, noted and not accused; and what only looks like it."""

from __future__ import annotations

import copy
import inspect
import json

import pytest
import torch
from torch import nn

import nbdebug
from nbdebug import Report, SetupError
from nbdebug.instruments.gradcheck.panels import MOST_CURVES
from nbdebug.instruments.gradcheck.result import FLAT, SOUND, STOPPED
from nbdebug.render import svg
from tests.instruments.gradcheck_patients import SICK, uses
from tests.patients.parts import mlp, training


def by_detach(net, h):
    return torch.relu(h).detach()  # cut


def by_data(net, h):
    return torch.relu(h).data  # cut


def by_a_new_tensor(net, h):
    return torch.tensor(h)  # cut


def by_no_grad(net, h):
    with torch.no_grad():
        return torch.relu(h)  # cut


def by_inference_mode(net, h):
    with torch.inference_mode():
        found = h * 2  # cut
    return found.clone()


def by_a_write_under_no_grad(net, h):
    buffer = torch.zeros(h.shape)
    with torch.no_grad():
        buffer[:] = h  # cut
    return buffer


def by_argmax(net, h):
    return nn.functional.one_hot(h.argmax(1), 16).float()  # cut


def by_the_first_of_two_in_a_row(net, h):
    stopped = h.detach()  # cut
    return (stopped * net.head.weight.sum()).detach()


def beside_what_is_only_logged(net, h):
    net.logged = h.detach().mean().item()
    stopped = h.detach()  # cut
    net.also_logged = float(stopped.sum())
    return stopped


CALLED = {
    by_detach: "detach()", by_data: ".data", by_a_new_tensor: "torch.tensor()", by_no_grad: "torch.no_grad()",
    by_inference_mode: "torch.inference_mode()", by_a_write_under_no_grad: "torch.no_grad()", by_argmax: "argmax()",
    by_the_first_of_two_in_a_row: "detach()", beside_what_is_only_logged: "detach()",
}  # fmt: skip


def examined(setup):
    torch.manual_seed(0)
    report = nbdebug.gradcheck(setup)
    assert report.proof.changes == ()
    return report, {row.name: row for row in report.result.rows}


def line_of(middle):
    text, first = inspect.getsourcelines(middle)
    return first + next(i for i, line in enumerate(text) if "# cut" in line)


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor")
@pytest.mark.parametrize("middle", CALLED, ids=lambda middle: middle.__name__)
def test_the_place_is_named_and_noted(middle):
    torch.manual_seed(0)
    report, rows = examined(uses(middle))
    row, place = rows["first.weight"], f"test_gradcheck_cut.py, line {line_of(middle)}"
    assert row.verdict == STOPPED
    assert row.reason.startswith(f"no gradient arrives: every way to the loss goes through {CALLED[middle]} at ")
    assert row.reason.endswith(place)
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("ND505", "info")
    assert "`first.weight`" in finding.message and "by design or by mistake" in finding.message and place in finding.message
    assert place in str(finding.location) and "ND501" in finding.advice
    assert rows["head.weight"].verdict in (SOUND, STOPPED) and rows["head.bias"].verdict == SOUND


def test_the_change_is_that_of_the_loss():
    torch.manual_seed(0)
    setup = uses(by_detach)
    report, rows = examined(setup)
    row = rows["first.bias"]
    assert 0 < abs(row.unheld) < 0.1 and row.moved == 0.01
    assert report.findings[0].evidence["loss_change"] == max(abs(rows[f"first.{name}"].unheld) for name in ("weight", "bias"))


def test_of_ways_side_by_side_all_are_named():
    def middle(net, h):
        left = h.detach()
        return left + h.cos().data

    reason = examined(uses(middle))[1]["first.weight"].reason
    assert "detach() at " in reason and " or .data at " in reason


def test_behind_a_head_of_zeros_it_is_seen_too():
    setup = uses(by_detach)
    nn.init.zeros_(setup.model.head.weight)
    assert examined(setup)[1]["first.weight"].verdict == STOPPED


@pytest.mark.parametrize("middle", [
    lambda net, h: h * h.detach(),
    lambda net, h: h + (h.round() - h).detach(),
    lambda net, h: torch.cat([h[:, :8].detach(), h[:, 8:]], 1) + h.mean(1, keepdim=True),
], ids=["a weight", "straight through", "half"])  # fmt: skip
def test_where_some_way_is_open_it_stays_as_it_is(middle):
    report, rows = examined(uses(middle))
    assert report.findings == () and {row.verdict for row in rows.values()} == {SOUND}


def test_what_is_only_logged_has_no_effect():
    def middle(net, h):
        net.logged = net.probe(h.detach()).mean().item()
        return h.tanh()

    report, rows = examined(uses(middle, probe=nn.Linear(16, 3)))
    assert report.findings == ()
    assert rows["probe.weight"].verdict == FLAT
    assert rows["probe.weight"].reason == "the loss does not change with it, and no gradient arrives"


def test_a_detached_bias_before_a_batch_norm_has_no_effect():
    report, rows = examined(uses(lambda net, h: net.norm(h + net.shift.bias.detach()), norm=nn.BatchNorm1d(16), shift=nn.Linear(3, 16)))
    assert report.findings == () and rows["shift.bias"].verdict == FLAT


def test_a_frozen_teacher_is_not_meant():
    teacher = nn.Linear(16, 16).requires_grad_(False)
    report, rows = examined(uses(lambda net, h: h + net.teacher(h.detach()), teacher=teacher))
    assert report.findings == () and not any("teacher" in name for name in rows)


def test_an_online_and_a_target_network_in_one_model():
    class Bootstrap(nn.Module):
        def __init__(self):
            super().__init__()
            self.online, self.predictor = nn.Linear(64, 8), nn.Linear(8, 10)
            self.target = copy.deepcopy(self.online)

        def forward(self, x):
            with torch.no_grad():
                aim = self.target(x).mean(1, keepdim=True)
            return self.predictor(self.online(x)) * aim

    report, rows = examined(training(Bootstrap()))
    (finding,) = report.findings
    assert finding.severity == "info" and "`target.weight`, `target.bias` are not differentiated" in finding.message
    assert rows["online.weight"].verdict == SOUND


def test_the_row_survives_json():
    report, _ = examined(uses(by_detach))
    assert Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report


@pytest.mark.parametrize("samples", [0, -5])
def test_no_samples_are_refused(samples):
    with pytest.raises(SetupError, match=f"samples must be at least 1, got {samples}"):
        nbdebug.gradcheck(training(mlp()), samples=samples)


def test_each_line_of_the_remainders_is_told_from_the_others():
    report, _ = examined(SICK["a_factor"][0](True))
    (panel,) = [panel for panel in report.result.panels() if panel.title.startswith("what is left")]
    assert len(panel.series) == MOST_CURVES + 2
    assert len({svg.style(i) for i in range(len(panel.series))}) == len(panel.series)
    axes = next(axes for part in report.figure().subfigs for axes in part.axes if len(axes.get_lines()) == len(panel.series))
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}) == len(panel.series)
