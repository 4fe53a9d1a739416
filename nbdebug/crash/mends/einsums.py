"""einsum: subscripts that do not fit the operands."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nbdebug.crash.failure import Failure, Try


def tries(failure: Failure) -> Iterator[Try]:
    if failure.name == "einsum":
        yield from _einsum(failure)


def _einsum(failure: Failure) -> Iterator[Try]:
    given = list(failure.given.values())
    equation = given[0] if given and isinstance(given[0], str) else None
    operands = [t for _, t in failure.all_tensors()]
    if equation is None:
        return
    why = f"{equation!r} is given {', '.join(str(tuple(t.shape)) for t in operands)}"
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    for terms in _terms(inputs.split(","), operands):
        proposed = f"{','.join(terms)}{arrow}{output}"
        try:
            torch.einsum(proposed, *[torch.zeros_like(t, device="meta") for t in operands])
        except (RuntimeError, ValueError):
            continue
        code = _other_constant(failure, equation, proposed)
        yield Try(f"write {proposed!r}", code, lambda call, args, kwargs, e=proposed: call(e, *args[1:], **kwargs), why)


def _terms(terms: list[str], operands: list[Tensor]) -> Iterator[list[str]]:
    """The subscripts with one operand's letters taken away, or in another order."""
    for index, (term, tensor) in enumerate(zip(terms, operands, strict=False)):
        if "." in term:
            continue
        spare = len(term) - tensor.ndim
        options: Iterator[tuple[str, ...]] = iter(())
        if spare > 0:
            options = itertools.combinations(term, tensor.ndim)
        elif spare == 0 and len(term) <= 4:
            options = itertools.permutations(term)
        ordered = sorted(("".join(option) for option in options), key=lambda t: (not term.endswith(t), t))
        for option in ordered:
            if option != term:
                yield [*terms[:index], option, *terms[index + 1 :]]


def _other_constant(failure: Failure, old: Any, new: Any) -> str:
    source = failure.source
    if source is None or source.expression is None:
        return ""
    node = next((n for n in ast.walk(source.expression) if isinstance(n, ast.Constant) and n.value == old), None)
    return source.replaced(node, f'"{new}"' if isinstance(new, str) else repr(new)) if node is not None else ""
