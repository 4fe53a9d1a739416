"""Half precision: autocast, half weights, a GradScaler."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbdebug.nonfinite.trace.step import Trace
from tests.nonfinite.situations import Situation, born, check

SITUATIONS: list[Situation] = []


@born("forward", "addmm", module="0", cause="low precision", tried="in float32 it is finite")
def a_linear_layer_beyond_float16():
    model = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        model[0].weight.fill_(500)
    x = torch.full((4, 64), 500.0)

    def step():
        with torch.autocast("cpu", dtype=torch.float16):
            out = model(x)  # guilty
        F.cross_entropy(out.float(), torch.tensor([0, 1, 2, 0])).backward()

    return [model], step


@born("forward", "_to_copy", cause="low precision", said="float16 ends at 65504")
def the_cast_itself():
    model = nn.Linear(4, 3)
    x = torch.full((2, 4), 1e5)

    def step():
        model(x.half().float()).sum().backward()  # guilty

    return [model], step


@born("loss", "pow", cause="low precision", tried="in float32 it is finite (90000)")
def a_square_in_half_precision():
    model = nn.Linear(4, 3).half()

    def step():
        (((model(torch.ones(2, 4).half()) * 0 + 300) ** 2).mean()).backward()  # guilty

    return [model], step


@born("loss", "log", cause="domain", said="log of 0")
def a_logarithm_of_zero_is_one_in_any_precision():
    model = nn.Linear(4, 3)

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = model(torch.ones(2, 4))
            (out * 0).log().sum().backward()  # guilty

    return [model], step


@born("backward", cause="low precision", said="the derivative of")
def a_gradient_beyond_float16():
    model = nn.Linear(4, 3)

    def step():
        with torch.autocast("cpu", dtype=torch.float16):
            out = model(torch.full((2, 4), 60000.0) * 1.0)  # guilty
        (out.float() * 1000).sum().backward()

    return [model], step


@pytest.mark.parametrize("situation", SITUATIONS, ids=repr)
def test_birth(situation):
    check(situation)


def test_a_loss_that_only_the_scale_makes_infinite_is_no_end():
    model, scaler = nn.Linear(1, 1, bias=False), torch.amp.GradScaler("cpu", init_scale=1e10)
    with torch.no_grad():
        model.weight.fill_(1.0)
    with Trace([model], scale=1e10) as trace:
        scaler.scale(model(torch.full((1, 1), 1e30)).sum()).backward()
    assert trace.roots[0].isinf()
    origin = trace.origin()
    assert origin is None or origin.phase == "backward"
