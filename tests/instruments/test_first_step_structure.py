"""What the checks of structure, direction and future say, where they point, and what they leave behind."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nbdebug
from nbdebug.findings import INFO
from nbdebug.instruments.first_step.result import FirstStep
from nbdebug.instruments.first_step.shifted import _shift
from nbdebug.plain import from_plain, to_plain
from tests.patients import catalogue
from tests.patients.parts import features, loader, mlp, quantities, tokens, training


def found(setup, code):
    return [finding for finding in nbdebug.first_step(setup).findings if finding.code == code]


def test_the_first_operation_that_leaks_is_named_with_its_line():
    (finding,) = found(catalogue.attention_without_a_mask(True), "ND302")
    assert finding.location.operator == "torch.Tensor.softmax"
    assert "6 of 6 earlier positions" in finding.message
    assert finding.evidence["compared"] == 352  # 32 samples, 11 targets that are found in the inputs


def test_a_convolution_leaks_as_far_as_it_reaches():
    (finding,) = found(catalogue.convolution_that_is_padded_on_both_sides(True), "ND302")
    assert "2 of 12 earlier positions" in finding.message  # two layers of kernel 3, padded by one on the right


def test_a_constant_sequence_tells_no_shift():
    same = torch.ones(8, 12, dtype=torch.long)
    assert _shift(same, same, None) == (None, 0)


def test_ignored_targets_are_not_compared():
    ids, following = tokens()
    valid = torch.zeros_like(following, dtype=torch.bool)
    valid[:, 5] = True
    assert _shift(ids, following, valid) == (1, 64)


def test_a_position_wise_model_on_its_own_inputs_is_no_alarm():
    ids, _ = tokens()
    model = nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 20))
    (finding,) = found(training(model, lambda o, t: F.cross_entropy(o.flatten(0, 1), t.flatten()), (ids, ids)), "ND302")
    assert finding.severity is INFO


def test_targets_one_step_back_have_been_seen():
    ids, following = tokens()
    (finding,) = found(training(catalogue.Attentive(causal=True), data=(following, ids)), "ND302")
    assert "one step back" in finding.message


def test_one_hot_tokens_are_tokens():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(20, 16, batch_first=True, bidirectional=True), nn.Linear(32, 20)

        def forward(self, x):
            return self.head(self.rnn(x)[0]).mT

    ids, following = tokens()
    (finding,) = found(training(Reads(), data=(F.one_hot(ids, 20).float(), following)), "ND302")
    assert finding.location.module == "rnn"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_no_hook_stays_when_the_exchanged_inputs_raise(error):
    class Refuses(catalogue.Attentive):
        def forward(self, ids):
            if not bool(((ids[:, 1:] - ids[:, :-1]) % 20 == 1).all()):
                raise error("these do not count upwards")
            return super().forward(ids)

    setup = training(Refuses(causal=True), train_loader=[tuple(t[:32] for t in tokens())])
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt) as raised:
            nbdebug.first_step(setup)
        report = raised.value.report
    else:
        report = nbdebug.first_step(setup)
    assert report.proof.changes == ()
    assert not setup.model._forward_pre_hooks


def test_the_line_that_repeats_a_layer_is_named():
    (finding,) = found(catalogue.heads_for_several_tasks_are_one(True), "ND204")
    assert finding.location.file.endswith("catalogue.py")
    assert "`0` and `1` of `heads` are one and the same Linear, so there are 2 parameters instead of 4" in finding.message


def test_a_method_that_ties_and_is_never_called_is_worth_knowing():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.hidden = nn.Embedding(20, 16), nn.Linear(16, 16)
            self.head = nn.Linear(16, 20, bias=False)

        def tie_weights(self):
            self.head.weight = self.embed.weight

        def forward(self, ids):
            return self.head(self.hidden(self.embed(ids)).tanh()).mT

    (finding,) = found(training(Net(), data=tokens()), "ND204")
    assert finding.severity is INFO
    assert "the constructor does not call" in finding.message


class Untied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.hidden = nn.Embedding(20, 16), nn.Linear(16, 16)
        self.head = nn.Linear(16, 20, bias=False)

    def forward(self, ids):
        return self.head(self.hidden(self.embed(ids)).tanh()).mT


@pytest.mark.parametrize(
    ("cells", "alarms"),
    [
        (["model = Untied()", "model.head.weight = model.embed.weight", "model.head = nn.Linear(16, 20, bias=False)"], 1),
        (["model = Untied()", "model.head.weight = model.embed.weight", "model = Untied()"], 0),
        (["model = Untied()", "def tied():\n    model.head.weight = model.embed.weight"], 0),
    ],
)
def test_a_tie_in_a_cell_holds_until_the_name_is_bound_anew(monkeypatch, cells, alarms):
    model = Untied()
    main = SimpleNamespace(model=model, In=["", *cells], get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "__main__", main)
    findings = found(training(model, data=tokens()), "ND204")
    assert len(findings) == alarms
    assert all((finding.location.cell, finding.location.line) == (2, 1) for finding in findings)


def test_widths_of_a_linear_stack_are_told():
    (finding,) = found(catalogue.three_layers_without_activations(True), "ND205")
    assert "(widths 64 → 48 → 32 → 10): the whole model is one linear map" in finding.message


def test_the_narrowest_layer_stays_and_what_is_beside_it_counts():
    inputs, _ = features()
    deep = nn.Sequential(nn.Linear(64, 32), nn.Linear(32, 16), nn.Linear(16, 8), nn.Linear(8, 64))
    (finding,) = found(training(deep, nn.MSELoss(), (inputs, inputs)), "ND205")
    assert finding.location.detail == "0 → 1 → 2"


def test_two_layers_by_other_names_are_no_alarm():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            return self.head(self.trunk(x))

    (finding,) = found(training(Net()), "ND205")
    assert finding.severity is INFO


def test_the_slope_of_a_negated_loss_is_told():
    (finding,) = found(training(mlp(), lambda o, t: -2 * F.cross_entropy(o, t)), "ND405")
    assert finding.evidence["slope"] == -2
    assert finding.location.operator == "torch.nn.functional.cross_entropy"


def test_steps_on_a_sum_and_on_its_mean_are_compared():
    setup = catalogue.sum_with_a_rate_for_the_mean(True)
    summed = nbdebug.first_step(setup).result.summed
    assert summed.samples == 32
    assert summed.with_mean < summed.first
    assert not summed.with_sum <= 1.5 * summed.first


def test_momentum_counts_in_these_steps():
    model = mlp(16, 1, nn.Flatten(0))
    slow = torch.optim.SGD(model.parameters(), lr=2e-3)
    fast = torch.optim.SGD(model.parameters(), lr=2e-3, momentum=0.9)
    losses = [
        nbdebug.first_step(training(model, nn.MSELoss(reduction="sum"), train_loader=[tuple(t[:32] for t in quantities())], optimizer=o)).result.summed
        for o in (slow, fast)
    ]
    assert losses[0].first == losses[1].first
    assert losses[0].with_mean > losses[1].with_mean  # longer steps come further


def test_the_graph_is_asked_and_kept():
    setup = training(mlp(), lambda o, t: -F.cross_entropy(o, t))
    report = nbdebug.first_step(setup)
    assert report.proof.changes == ()
    assert all(p.grad is None for p in setup.model.parameters())
    assert all(row.gradient is not None for row in report.result.parameters)


def test_the_result_is_plain():
    for setup in (catalogue.list_times_three(True), catalogue.three_layers_without_activations(True), catalogue.minus_before_the_loss(True)):
        result = nbdebug.first_step(setup).result
        assert from_plain(FirstStep, json.loads(json.dumps(to_plain(result)))) == result


def test_a_checkup_looks_at_functions_only_where_there_are_some():
    report = nbdebug.gradcheck(training(mlp()), functions_only=True)
    assert [v.state for v in report.verdicts if v.code == "ND505"] == ["not checked"]
    report = nbdebug.gradcheck(catalogue.square_forgotten_in_a_backward(True), functions_only=True)
    assert [finding.code for finding in report.findings] == ["ND505"]
    assert report.result.rows == ()


class Experts(nn.Module):
    """A gate that reads one column sends each sample to one expert; to the last one none, where it is `never`."""

    def __init__(self, count, never):
        super().__init__()
        self.experts, self.never = nn.ModuleList(nn.Linear(6, 3) for _ in range(count)), never

    def forward(self, x):
        chosen = x[:, 0].long().clamp(max=len(self.experts) - 1 - self.never)
        out = x.new_zeros(len(x), 3)
        for number, expert in enumerate(self.experts):
            if (chosen == number).any():
                out[chosen == number] = expert(x[chosen == number])
        return out


@pytest.mark.parametrize("never", [0, 2])
def test_an_expert_to_which_another_batch_goes_is_used(never):
    inputs = torch.cat([torch.arange(8).repeat_interleave(16)[:, None].float(), torch.randn(128, 5)], 1)  # a batch for each expert
    setup = training(Experts(8, never), data=(inputs, inputs[:, 1:4].argmax(1)), train_loader=loader(inputs, inputs[:, 1:4].argmax(1), batch_size=16, shuffle=False))
    told = found(setup, "ND206")
    assert len(told) == (never > 0)
    for finding in told:
        assert finding.severity is INFO and "`experts.6`" in finding.message and "1 more" in finding.message and "others of `experts` did" in finding.message
