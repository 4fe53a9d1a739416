"""What is asked at every step says the same as what takes its time."""

from __future__ import annotations

import math
import random

import numpy as np
import torch
from torch import nn

from nbdebug.nonfinite.finite import norm
from nbdebug.nonfinite.kept.random_states import RandomStates
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.loop.risk import may_fail
from nbdebug.training.trainer.alarms import quick
from nbdebug.training.trainer.alarms.beginnings import Beginnings
from nbdebug.training.trainer.alarms.draws import FIRST, SELDOM, SeldomRead
from nbdebug.training.trainer.alarms.pace import COMPARED, Meetings
from nbdebug.training.trainer.alarms.quick import Length, Risks


def with_gradients(*parameters):
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    return list(parameters)


def in_blocks(whole):
    whole.gradient_as_bucket_view = True
    return whole


def test_the_norm_of_gradients_of_every_kind():
    plain = with_gradients(nn.Parameter(torch.zeros(3, 4)), nn.Parameter(torch.zeros(5)))
    half = with_gradients(nn.Parameter(torch.zeros(3, dtype=torch.bfloat16)))
    embedding = nn.Embedding(10, 4, sparse=True)
    embedding(torch.tensor([1, 1, 2])).sum().backward()
    for owned in (plain, half, plain + half, [embedding.weight], plain + [embedding.weight], [nn.Parameter(torch.zeros(2))]):
        length = Length(owned, nn.Identity())
        for _ in range(2):
            assert math.isclose(length(), norm([p.grad for p in owned if p.grad is not None]), rel_tol=1e-5)


def test_gradients_that_lie_side_by_side_are_one_block():
    memory = torch.randn(17)
    owned = [nn.Parameter(torch.zeros(3, 4)), nn.Parameter(torch.zeros(5))]
    owned[0].grad, owned[1].grad = memory[:12].view(3, 4), memory[12:]
    length = Length(owned, in_blocks(nn.Identity()))
    assert math.isclose(length(), float(memory.norm()), rel_tol=1e-6) and len(length._blocks) == 1
    memory[3] = math.inf
    assert not math.isfinite(length())
    with_gradients(*owned)  # elsewhere
    assert math.isclose(length(), norm([p.grad for p in owned]), rel_tol=1e-6) and not length._blocks


def test_a_gradient_that_comes_or_goes_counts():
    memory = torch.randn(17)
    owned = [nn.Parameter(torch.zeros(3, 4)), nn.Parameter(torch.zeros(5)), nn.Parameter(torch.zeros(2))]
    owned[0].grad, owned[1].grad = memory[:12].view(3, 4), memory[12:]
    length = Length(owned, in_blocks(nn.Identity()))
    assert math.isclose(length(), float(memory.norm()), rel_tol=1e-6) and len(length._blocks) == 1
    owned[2].grad = torch.full((2,), math.inf)  # in no block
    assert not math.isfinite(length())
    owned[2].grad = owned[0].grad = None
    assert math.isclose(length(), float(memory[12:].norm()), rel_tol=1e-6)
    owned[0].grad = memory[:12].view(3, 4)
    assert [math.isclose(length(), float(memory.norm()), rel_tol=1e-6) for _ in range(2)] == [True, True]


def test_a_beginning_is_kept_anew_where_something_can_change():
    for model, stands in ((nn.Linear(2, 1), True), (nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)), False)):
        beginnings, taken = Beginnings((model,)), []
        for step in range(FIRST + 4):
            beginnings.take(step)
            [begun] = beginnings.held
            taken.append(id(begun.snapshot._drawn))
            beginnings.over()
        assert begun.batch == FIRST + 3 and (len(set(taken[-3:])) == 1) == stands
    model = nn.Linear(2, 1)
    snapshot = Snapshot((model,), weights=False, random=SeldomRead(), autocast=False).renew()
    assert snapshot.stands()
    model.eval()
    assert not snapshot.stands()


def test_a_risk_is_seen_when_an_optimizer_is_told_something_else():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(2))], 0.1)
    risks = Risks((optimizer,))
    assert not risks.may_fail(1.0) and risks.may_fail(1e30) and risks.may_fail(math.nan)
    optimizer.param_groups[0]["lr"] = 1e9
    assert risks.may_fail(1.0)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.1)
    assert not risks.may_fail(1.0)
    optimizer.param_groups[0]["lr"].fill_(1e9)
    assert risks.may_fail(1.0)


def drawn():
    return {setting.name: state for setting, state in RandomStates().read()}


def alike(one, other):
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else str(one) == str(other)


def test_a_rate_that_a_schedule_moves_is_no_news(monkeypatch):
    optimizer, asked = torch.optim.Adam([nn.Parameter(torch.zeros(2))]), []
    monkeypatch.setattr(quick, "may_fail", lambda one, norm: asked.append(one.param_groups[0]["lr"]) or may_fail(one, norm))
    risks = Risks((optimizer,))
    told = []
    for rate in (1e-3, 1e-2, 0.5, 1e7, math.nan, 1e-3):
        optimizer.param_groups[0]["lr"] = rate
        told.append(risks.may_fail(1.0))
    assert told == [False, False, False, True, True, False]
    assert asked[:2] == [1e-3, 1e7] and len(asked) == 4


def test_what_a_step_draws_from_is_read_before_each():
    seldom = SeldomRead()
    for _ in range(3 * SELDOM):
        before, told = drawn(), {setting.name: state for setting, state in seldom.read()}
        assert all(alike(before[name], state) for name, state in told.items())
        torch.rand(1), np.random.rand()
    assert seldom.unsure() == ()


def test_a_first_draw_between_two_looks_is_doubted_and_then_known():
    seldom = SeldomRead()
    for _ in range(FIRST + 1):
        seldom.read()
    assert seldom.unsure() == ()
    random.random()
    assert seldom.unsure() == ("random state: Python",)
    for _ in range(SELDOM):
        seldom.read()
    assert seldom.unsure() == ()
    random.random()
    told = {setting.name: state for setting, state in seldom.read()}
    assert told["random state: Python"] == random.getstate()


def test_the_ranks_meet_at_the_same_steps_and_not_too_often():
    now = [0.0]
    one, other = (Meetings(10, lambda: now[0]) for _ in range(2))
    assert one.next == other.next == 10
    now[0] = 0.01
    slowest = max(one.seconds(10), other.seconds(10))
    one.met(10, slowest), other.met(10, slowest)
    assert one.next == other.next == 10 + math.ceil(COMPARED / 0.001)
    one.met(one.next, 1.0)
    assert one.next == 10 + 200 + 10
