"""The tape: which functions, which modules, which lines; and nothing left behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module

from nbdebug.listening import Tape
from nbdebug.loss_call import loss_calls
from tests.patients.parts import features, mlp


def test_calls_are_named_as_one_would_write_them():
    model, (inputs, _) = mlp(), features()
    with Tape(model) as tape:
        model(inputs).softmax(1)
    assert [call.operator for call in tape.calls] == [
        "torch.nn.functional.linear", "torch.nn.functional.relu", "torch.nn.functional.linear", "torch.Tensor.softmax",
    ]  # fmt: skip
    assert [call.module for call in tape.calls] == ["0", "1", "2", ""]
    assert tape.calls[3].location.line is not None


def test_reshaping_is_looked_through():
    model, (inputs, _) = mlp(), features()
    with Tape(model) as tape:
        out = model(inputs).softmax(1).view(-1).unsqueeze(0).float()
    assert tape.origin(out).name == "softmax"


def test_in_place_calls_have_a_past():
    model, (inputs, _) = mlp(), features()
    with Tape(model) as tape:
        out = model(inputs)
        out.add_(1).mul_(2)
    assert tape.maker(out).name == "mul_"
    assert tape.before(tape.maker(out)).name == "add_"
    assert tape.before(tape.before(tape.maker(out))).name == "linear"


def test_nothing_stays_after_an_error():
    model = mlp()
    hooks = len(torch_module._global_forward_hooks), len(torch_module._global_forward_pre_hooks)
    with pytest.raises(RuntimeError), Tape(model) as tape:
        model(torch.zeros(2, 63))
    assert (len(torch_module._global_forward_hooks), len(torch_module._global_forward_pre_hooks)) == hooks
    assert tape.innermost == "0"
    assert torch._C._len_torch_function_stack() == 0


def test_a_loss_is_seen_however_it_is_called():
    model, (inputs, targets) = mlp(), features()
    losses = [
        nn.CrossEntropyLoss(),
        nn.functional.cross_entropy,
        lambda outputs, targets: 2 * nn.functional.cross_entropy(outputs, targets),
    ]
    for loss in losses:
        with Tape(model) as tape:
            loss(model(inputs), targets)
        (call,) = loss_calls(tape)
        assert (call.name, call.classes, call.made_by) == ("cross_entropy", 10, "linear")
        assert call.chance == pytest.approx(torch.tensor(10.0).log().item(), abs=1e-6)
