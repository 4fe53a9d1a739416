"""Arguments that are no tensor: a tuple of an LSTM, the output of a model, too few of them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nbdebug.batch import OUTPUT_NAMES
from nbdebug.crash.failure import Failure, Try, said_of
from nbdebug.crash.mends.kinds import change


def tries(failure: Failure) -> Iterator[Try]:
    yield from _unpacked(failure)
    if 'missing the required "forward"' in failure.message and isinstance(failure.module, (nn.ModuleList, nn.ModuleDict)):
        why = f"{type(failure.module).__name__} only holds modules: it has no forward of its own"
        yield Try("call the modules in it one after the other, or use nn.Sequential", f"for layer in {failure.owner()}: x = layer(x)", None, why)
    if failure.raised is not None:
        yield from _containers(failure)
    yield from _attribute_of_a_container(failure)
    yield from _signature(failure)


def _containers(failure: Failure) -> Iterator[Try]:
    """An LSTM gives (output, (h, c)), a model of transformers an object: the tensor is inside."""
    if not re.search(r"must be Tensor|Tensors?, not|has no attribute|unsupported operand|object is not callable|expected Tensor", failure.message):
        return
    for position, (name, value) in enumerate(failure.given.items()):
        if isinstance(value, (Tensor, nn.Module, list)) or value is None or isinstance(value, (int, float, str, bool)):
            continue
        for suffix, inside in _inside(value):
            why = f"{failure.label} wants a tensor and got {said_of(value)}"
            yield Try(f"take the tensor out of the {type(value).__name__}", failure.edit(value, "{}" + suffix, position), _exchange(name, inside), why)


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors in it that may be meant, with what is written after its name."""
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        yield from ((f"[{i}]", item) for i, item in enumerate(value) if isinstance(item, Tensor))
        return
    names = list(value) if isinstance(value, Mapping) else getattr(value, "_fields", None) or list(getattr(value, "__dict__", {}))
    attribute = not isinstance(value, Mapping) or hasattr(value, "to_tuple")
    for name in sorted(names, key=lambda n: OUTPUT_NAMES.index(n) if n in OUTPUT_NAMES else len(OUTPUT_NAMES)):
        item = value[name] if isinstance(value, Mapping) else getattr(value, name)
        if isinstance(item, Tensor) and name != "loss":
            yield f".{name}" if attribute else f"[{name!r}]", item


def _exchange(name: str, inside: Any) -> Any:
    """Calls again with one argument exchanged for what lies in it."""

    def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        def opened(value: Any) -> Any:
            if isinstance(value, Tensor) or value is None:
                return value
            found = dict(_inside(value)) if not isinstance(value, (int, float, str, bool, list, nn.Module)) else {}
            return next((item for item in found.values() if item.shape == inside.shape), value)

        return call(*map(opened, args), **{key: opened(value) for key, value in kwargs.items()})

    return repair


def _attribute_of_a_container(failure: Failure) -> Iterator[Try]:
    """`out.mean()` of a tuple: no function of torch was reached."""
    matched = re.match(r"'(\w+)' object has no attribute|unsupported operand type|tuple indices", failure.message)
    if not matched or failure.source is None or failure.source.expression is None:
        return
    for node in ast.walk(failure.source.expression):
        value = failure.source.value(node) if isinstance(node, (ast.Name, ast.Attribute)) else None
        if value is None or isinstance(value, (Tensor, nn.Module, str)) or type(value).__name__ not in failure.message:
            continue
        for suffix, _ in _inside(value):
            why = f"{failure.source.segment(node)} is {said_of(value)}, not a tensor"
            yield Try(f"take the tensor out of the {type(value).__name__}", failure.source.edited(node, "{}" + suffix), None, why, by_text=True)


def _unpacked(failure: Failure) -> Iterator[Try]:
    """`out, h, c = lstm(x)`: the state of an LSTM is a pair, that of a GRU one tensor."""
    statement = failure.source.statement if failure.source is not None else None
    if "to unpack" not in failure.message or not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return
    layer, target = failure.source.value(statement.value.func), statement.targets[0]
    if not isinstance(layer, nn.RNNBase) or not isinstance(target, ast.Tuple):
        return
    names = [ast.unparse(item) for item in target.elts]
    call = failure.source.segment(statement.value)
    if isinstance(layer, nn.LSTM):
        state = names[1:3] if len(names) > 2 else ["h", "c"]
        yield Try("take the state as a pair", f"{names[0]}, ({', '.join(state)}) = {call}", None, "an LSTM gives (output, (h, c))", by_text=True)
    else:
        kind = type(layer).__name__
        yield Try("take one state", f"{names[0]}, {names[1] if len(names) > 1 else 'h'} = {call}", None, f"a {kind} gives (output, h)", by_text=True)


def _signature(failure: Failure) -> Iterator[Try]:
    """A call with too few arguments or too many; text where tensors are wanted."""
    if "positional argument" in failure.message or "unexpected keyword argument" in failure.message:
        if "closure" in failure.message:
            why = "this optimizer evaluates the loss several times in a step, and wants a function for it"
            yield Try("give step() a closure that clears gradients, computes the loss, calls backward() and returns the loss", "optimizer.step(closure)", None, why)
            return
        module = failure.module if failure.scene.running else failure.callee()
        if isinstance(module, type):
            yield Try(f"{module.__name__} takes {', '.join(inspect.signature(module).parameters)}", "", None, failure.message)
            return
        takes = f"{type(module).__name__}.forward{inspect.signature(module.forward)}" if isinstance(module, nn.Module) else "forward(*inputs), loss_fn(outputs, targets)"
        yield Try(f"pass what the function takes: {takes}; nbdebug itself can be told by batch_loss(setup, batch)", "", None, failure.message)
    elif re.search(r"must be (a )?Tensor", failure.message) and re.search(r"not (str|list|None|numpy|dict|ndarray)", failure.message):
        for position, (name, value) in enumerate(failure.given.items()):
            if isinstance(value, (np.ndarray, list)) and not any(isinstance(item, (str, list, Tensor)) for item in value[:1]):
                made = torch.as_tensor(value, dtype=torch.float32)
                code = failure.edit(value, "torch.as_tensor({}, dtype=torch.float32)", position)
                yield Try("give it a tensor", code, change(name, lambda v, m=made: m), f"{failure.label} wants a tensor and got {type(value).__name__}")
        yield Try("give tensors: torch.as_tensor(...) in the dataset, or the default collate_fn", "", None, failure.message)
