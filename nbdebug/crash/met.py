"""What met where it raised, and the way to it, in plain rows."""

from __future__ import annotations

import ast

import torch
from torch import Tensor, nn

from nbdebug.batch import describe, tensors
from nbdebug.crash.failure import Failure
from nbdebug.crash.result import Operand, WayStep
from nbdebug.listening import Call, plain_path

MOST_STEPS = 20  # of the way; our choice: what fits on a screen
SILENT = frozenset("size shape dim __get__ __len__ requires_grad_ device dtype is_floating_point".split())


def operator_of(failure: Failure) -> str:
    raised = failure.raised
    if raised is None or raised.module is not None:
        return ""
    home = "torch.nn.functional" if hasattr(nn.functional, raised.name) and not hasattr(torch, raised.name) else "torch"
    return f"{home}.{raised.name}" if hasattr(torch, raised.name) or home != "torch" else f"torch.Tensor.{raised.name}"


def operands(failure: Failure) -> tuple[Operand, ...]:
    given = failure.all_tensors()
    if failure.raised is not None and failure.raised.module is not None:
        given += list(failure.raised.module.named_parameters(recurse=False))
    if not given and failure.source is not None:
        given = _named_in_the_line(failure)
    rows = [_operand(failure.word(t, name), t) for name, t in given if name not in ("bias", "bias_ih_l0", "bias_hh_l0")]
    return tuple({row.name: row for row in rows}.values())[:8]


def _named_in_the_line(failure: Failure) -> list[tuple[str, Tensor]]:
    source = failure.source
    nodes = ast.walk(source.expression) if source.expression is not None else ()
    found = [(source.segment(n), source.value(n)) for n in nodes if isinstance(n, (ast.Name, ast.Attribute))]
    return [(name + place, t) for name, value in found if not isinstance(value, nn.Module) for place, t in tensors(value)]


def _operand(name: str, tensor: Tensor) -> Operand:
    return Operand(name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), str(tensor.device))


def given(failure: Failure) -> str:
    inner = failure.scene.innermost
    return ", ".join(describe(value) for value in inner.args) if inner is not None and not failure.all_tensors() else ""


def way(failure: Failure) -> tuple[WayStep, ...]:
    """What the tensors that met were made of."""
    rerun = failure.rerun
    if rerun is None:
        return ()
    tape = rerun.tape
    wanted: set[int] = set()
    for _, tensor in failure.all_tensors():
        wanted |= tape.ancestors(tensor)
    calls = [tape.calls[i] for i in sorted(wanted)] or tape.calls
    return tuple(_step(call) for call in calls if call.name not in SILENT and call.outputs())[-MOST_STEPS:]


def _step(call: Call) -> WayStep:
    line = call.line
    return WayStep(plain_path(call.module), call.operator, str(line) if line is not None else "", tuple(call.outputs()[0].shape))
