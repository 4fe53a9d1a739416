"""Whose fault is each bad number that came out of an operator: of a number that went in, of two that met, or of the operator.

Asked place by place. Where an operator works place by place, the answer is read off; where it only moves numbers, it moves the marks
just as well. Of every other operator it is found by experiment: the same operator runs again with its bad inputs repaired. What is
finite then was inherited from them; what is bad still was born here. Of several births those are to blame whose repair alone suffices.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor

from nbdebug.nonfinite.trace.marks import Label, all_of, first_of, one_if_same
from nbdebug.nonfinite.trace.operators import PLACES
from nbdebug.nonfinite.trace.ran import Bad, Exchange, Ran
from nbdebug.nonfinite.trace.repair import Repairs
from nbdebug.nonfinite.values import chosen

New = Callable[..., int]  # new(what, places, parents=()) → the number of a birth


def blame(ran: Ran, index: int, result: Tensor, bad: Tensor, inputs: list[Bad], new: New, repairs: Repairs) -> Label:
    """The births of what is bad in one result, at these places; `index` is its number among the results."""
    if ran.op.foreach:
        inputs = [b for b in inputs if b.given.at in (None, index)]
    if not inputs:
        return new(bad)
    if ran.op.moves:
        with contextlib.suppress(RuntimeError, TypeError, NotImplementedError):  # not of numbers of that type: by experiment
            return _moved(ran, index, bad, inputs, new)
    if ran.op.pointwise or ran.op.foreach:
        with contextlib.suppress(_NotByPlace):
            return _by_place(result, bad, inputs, repairs, new)
    if not ran.repeatable:
        return min(first_of(b.births) for b in inputs)
    return _by_repair(index, result, bad, repairs, new)


# -- where it is read off --------------------------------------------------------------------------------------------


class _NotByPlace(Exception):
    pass


def _moved(ran: Ran, index: int, bad: Tensor, inputs: list[Bad], new: New) -> Label:
    """The operator moves the marks as it moved the numbers."""
    if ran.kwargs.get("accumulate") or (ran.op.name in ("index_put", "_index_put_impl", "_unsafe_index_put") and ran.args[3:4] == (True,)):
        raise NotImplementedError
    known = {b.key: b.births for b in inputs}
    exchange: Exchange = {}
    for g in ran.given:
        if (g.key, g.at) in known:
            exchange[g.key, g.at] = known[g.key, g.at]
        elif g.name not in PLACES:
            exchange[g.key, g.at] = torch.zeros(g.tensor.shape, dtype=torch.int32, device=g.tensor.device)
    for position, value in enumerate(ran.args):
        if position < len(ran.op.names) and ran.op.names[position] in ran.op.numbers and isinstance(value, (int, float)):
            exchange[position, None] = 0
    marks = ran.again(exchange, **({"dtype": torch.int32} if ran.kwargs.get("dtype") is not None else {}))[index].to(torch.int32)
    return _with_born(marks, bad, new)


def _by_place(result: Tensor, bad: Tensor, inputs: list[Bad], repairs: Repairs, new: New) -> Label:
    """Of several bad numbers at a place a NaN counts more than an infinity, and the earliest birth most."""
    try:
        spread = [(b, torch.broadcast_to(b.places, result.shape), torch.broadcast_to(b.births, result.shape)) for b in inputs]
    except RuntimeError as error:
        raise _NotByPlace from error
    of_nan = of_inf = torch.zeros(result.shape, dtype=torch.int32, device=bad.device)
    for b, places, births in spread:
        nan = torch.broadcast_to(b.nan, result.shape)
        of_nan = _earlier(of_nan, births * nan)
        of_inf = _earlier(of_inf, births * (places & ~nan))
    met = repairs.of_meant(of_inf, result.isnan() & (of_nan == 0) & (of_inf > 0))
    marks = chosen(of_nan > 0, of_nan, of_inf)
    if bool(met.any()):
        parents = {birth for b, places, births in spread for birth in all_of(births, met & places)}
        marks = chosen(met, new(met, parents=tuple(sorted(parents))), marks)
    return _with_born(marks, bad, new)


def _earlier(one: Tensor, other: Tensor) -> Tensor:
    """The smaller of two births; 0 is none."""
    return chosen((one > 0) & ((other == 0) | (one < other)), one, other)


def _with_born(marks: Tensor, bad: Tensor, new: New) -> Label:
    born = bad & (marks == 0)
    if bool(born.any()):
        marks = chosen(born, new(born), marks)
    return one_if_same(marks, bad)


def _by_repair(index: int, result: Tensor, bad: Tensor, repairs: Repairs, new: New) -> Label:
    """What heals when all bad inputs are repaired was inherited."""
    healed = repairs.of_all(index)
    inherited = bad if healed is None else bad & healed
    of_nan = repairs.because_of_nan(index, inherited)
    of_inf = inherited & ~of_nan
    marks = torch.zeros(result.shape, dtype=torch.int32, device=bad.device)
    if bool(of_nan.any()):
        marks = chosen(of_nan, repairs.culprits(index, of_nan, nan=True), marks)
    if bool(of_inf.any()):
        culprits = repairs.culprits(index, of_inf, nan=False)
        met = repairs.of_meant(culprits, of_inf & result.isnan())
        if bool(met.any()):
            culprits = chosen(met, new(met, parents=tuple(all_of(culprits, met))), culprits)
        marks = chosen(of_inf, culprits, marks)
    return _with_born(marks, bad, new)
