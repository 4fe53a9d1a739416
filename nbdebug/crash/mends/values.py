"""Calls that want other values: an index type, sorted lengths, one number of many, what is left of a picture."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.crash.failure import Failure, Try, said_of
from nbdebug.crash.mends.kinds import change

DIVISIBLE = re.compile(r"(\w+) must be divisible by (\w+)")


def tries(failure: Failure) -> Iterator[Try]:
    if matched := DIVISIBLE.search(failure.message):
        yield from _not_divisible(failure, *matched.groups())
    elif failure.name == "one_hot":
        yield from _one_hot(failure)
    elif "enforce_sorted" in failure.message:
        yield from _sorted(failure)
    elif "Output size is too small" in failure.message:
        x = next((t for _, t in failure.all_tensors()), None)
        if x is not None:
            why = f"{failure.label} gets {tuple(x.shape)}: nothing is left of the picture"
            yield Try("pool less before it, or begin with larger pictures", "", None, why)
    elif "cannot be converted to Scalar" in failure.message:
        x = next((t for _, t in failure.all_tensors()), None)
        why = f"item() gives one number, and {failure.word(x, 'it')} {'has the shape ' + str(tuple(x.shape)) if x is not None else 'has more'}"
        reduced = lambda call, args, kwargs: call(args[0].mean(), *args[1:], **kwargs)  # noqa: E731
        yield Try("reduce it first, or take tolist()", failure.edit(x, "{}.mean()"), reduced, why)
    elif "Boolean value of Tensor" in failure.message:
        yield Try("say whether any or all of its elements must be so: (...).any(), (...).all()", "", None, "a condition is one truth value")
    elif failure.name == "tensor" and "only one element tensors" in failure.message:
        yield from _of_tensors(failure)


def _one_hot(failure: Failure) -> Iterator[Try]:
    y, classes = failure.tensor("input", "self", "tensor"), failure.given.get("num_classes", -1)
    if y is None:
        return
    if y.dtype != torch.int64:
        why = f"one_hot wants int64 classes, and {failure.word(y, 'it')} is {said_of(y)}"
        yield Try("make the classes integers", failure.edit(y, "{}.long()"), change("input", Tensor.long), why)
    elif isinstance(classes, int) and int(y.max()) >= classes > 0:
        wanted = int(y.max()) + 1
        why = f"the classes run from {int(y.min())} to {wanted - 1}, and num_classes is {classes}"
        yield Try(f"num_classes={wanted}", "", lambda call, args, kwargs: call(args[0], wanted), why)
        if int(y.min()) == 1 and wanted == classes + 1:
            yield Try("count the classes from 0", failure.edit(y, "{} - 1"), change("input", lambda t: t - 1), why)


def _sorted(failure: Failure) -> Iterator[Try]:
    source = failure.source
    text = source.segment(source.expression) if source is not None and source.expression is not None else ""
    code = source.replaced(source.expression, f"{text[:-1]}, enforce_sorted=False)") if text.endswith(")") else "enforce_sorted=False"
    yield Try("let torch sort them", code, None, "the sequences do not come from the longest to the shortest", by_text=bool(text))


def _of_tensors(failure: Failure) -> Iterator[Try]:
    parts = next((v for v in failure.given.values() if isinstance(v, (list, tuple))), None)
    node = failure.node(parts, 0)
    if parts is None or node is None or not all(isinstance(t, Tensor) for t in parts):
        return
    source, alike = failure.source, len({t.shape for t in parts}) == 1
    call = "torch.stack({})" if alike else "nn.utils.rnn.pad_sequence({}, batch_first=True)"
    made: Any = torch.stack if alike else lambda given: nn.utils.rnn.pad_sequence(given, batch_first=True)
    what = "stack them" if alike else "pad them to the longest"
    code = source.replaced(source.expression, call.format(source.segment(node)))
    yield Try(what, code, lambda call, args, kwargs: made(list(args[0])), "torch.tensor takes numbers, not tensors")


def _not_divisible(failure: Failure, whole: str, parts: str) -> Iterator[Try]:
    """Heads of a width, groups of channels: the constructor's own frame holds both numbers."""
    held = next((h for s in reversed(failure.users.stops) if {whole, parts} <= (h := failure.users.variables(s)).keys()), None)
    if held is None or not all(isinstance(held[name], int) and held[name] > 0 for name in (whole, parts)):
        return
    size, number = held[whole], held[parts]
    why = f"{parts} of {number} cannot share {whole} of {size}: {size} / {number} is no whole number"
    fits = nearest_divisor(size, number)
    source = failure.source
    edited = ""
    if source is not None and isinstance(source.expression, ast.Call) and source.is_exact:
        said = [n for n in (*source.expression.args, *[k.value for k in source.expression.keywords]) if isinstance(n, ast.Constant) and n.value == number]
        edited = source.replaced(said[0], str(fits)) if len(said) == 1 else ""
    yield Try(f"{parts} of {fits}, or {whole} of {number * max(1, round(size / number))}", edited or f"{parts}={fits}", None, why, by_text=bool(edited))


def nearest_divisor(width: int, heads: int) -> int:
    """The number of heads nearest to the one that was meant that divides the width."""
    return min((n for n in range(1, width + 1) if width % n == 0), key=lambda n: abs(n - heads))
