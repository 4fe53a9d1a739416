"""Why an operator gave something bad: the cause, a sentence part with the number, and what made it finite when tried.

The operator is asked again with the same inputs in a wider type first: what is finite then was lost by range, not by mathematics.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from nbdebug.nonfinite.trace.domains import broken_rule
from nbdebug.nonfinite.trace.events import MET, WRITTEN, Event
from nbdebug.nonfinite.trace.operators import CREATES
from nbdebug.nonfinite.trace.ran import Ran
from nbdebug.nonfinite.values import NARROW

SOFTMAX = ("softmax", "logsumexp", "attention", "logcumsumexp")  # parts of the names of what divides by a sum of exponentials
BESIDE = 1e-3  # how far, of its size and absolutely, an input is moved; our choice: far from rounding, near to any pole
MOST_WIDENED = 1 << 26  # elements: a larger operator is not asked in float64; our choice: half a gigabyte


def reason(ran: Ran, index: int, result: Tensor, places: Tensor, event: Event, births: dict[int, Event]) -> tuple[str, str, str]:
    """(cause, detail, remedy) of a birth."""
    if event.what == WRITTEN:
        return "unknown", f"{event.became} {'comes from Python' if ran.op.name in CREATES else 'is written'} here", ""
    if event.what == MET:
        return *_met(ran, places, event, births), ""
    return _born(ran, index, result, places, event)


def is_softmax(ran: Ran, node: str) -> bool:
    """Whether an operator, or the one whose derivative it belongs to, divides by a sum of exponentials."""
    asked = f"{ran.op.name} {node}".lower()
    return any(name in asked for name in SOFTMAX)


def _met(ran: Ran, places: Tensor, event: Event, births: dict[int, Event]) -> tuple[str, str]:
    """Of infinities that gave a NaN."""
    only_minus = all(births[number].became == "-inf" for number in event.parents if number in births)
    if is_softmax(ran, event.node) and only_minus:
        rows = places.reshape(-1, places.shape[-1]).any(1) if places.ndim else places.reshape(1)
        return "masked row", f"{int(rows.sum())} of {rows.numel()} rows are -inf everywhere, so that nothing is left to divide by"
    said = {"mul": "0 · inf", "div": "inf / inf", "sub": "inf - inf", "add": "inf - inf", "sum": "inf - inf", "mean": "inf - inf"}.get(ran.op.name, "infinities among its inputs")
    return "inf met inf", f"{said} at {_counted(places)}"


def _born(ran: Ran, index: int, result: Tensor, places: Tensor, event: Event) -> tuple[str, str, str]:
    narrow = next((d for d in NARROW if any(g.tensor.dtype == d for g in ran.given) or result.dtype == d), None)
    if narrow is not None and (wide := _in(torch.float32, ran, index, places)) is not None:
        said = f"{str(narrow).removeprefix('torch.')} ends at {torch.finfo(narrow).max:.5g}"
        return "low precision", f"{ran.op.name} left its range at {_counted(places)}: {said}", f"in float32 it is finite ({_largest(wide):.6g})"
    wide = _in(torch.float64, ran, index, places) if narrow is None and result.dtype != torch.float64 else None
    remedy = "" if wide is None else f"in float64 it is finite ({_largest(wide):.6g})"
    cause, detail = broken_rule(ran, index, result, places)
    if cause and narrow == torch.float16:
        detail += f" (what is smaller than {torch.finfo(narrow).smallest_normal * torch.finfo(narrow).eps:.2g} is 0 in float16)"
    if cause:
        return cause, detail, remedy if cause == "overflow" else ""
    if wide is not None:
        return "overflow", _overflow(ran, result, places), remedy
    if _in(torch.float64, ran, index, places, beside=BESIDE) is not None:
        said = f"{ran.op.name} has no finite value for its inputs at {_counted(places)}, and has one a thousandth beside them"
        return "domain", said, ""
    if event.became != "nan":
        return "overflow", _overflow(ran, result, places), ""
    return "unknown", f"its inputs are finite, and what comes out is NaN at {_counted(places)}", ""


def _overflow(ran: Ran, result: Tensor, places: Tensor) -> str:
    largest = max((_largest(g.tensor) for g in ran.given if g.tensor.is_floating_point() or g.tensor.is_complex()), default=0.0)
    real = result.abs().dtype if result.is_complex() else result.dtype
    name = str(real).removeprefix("torch.")
    return f"{ran.op.name} of numbers up to {largest:.4g} at {_counted(places)}: {name} ends at {torch.finfo(real).max:.4g}"


def _in(dtype: torch.dtype, ran: Ran, index: int, places: Tensor, beside: float = 0.0) -> Tensor | None:
    """The results at these places when the operator runs in a wider type, perhaps on inputs a little beside the given ones.

    None unless all of them are finite.
    """
    if not ran.repeatable or sum(g.tensor.numel() for g in ran.given) > MOST_WIDENED:
        return None
    asked = ran.kwargs.get("dtype")
    kwargs: dict[str, Any] = {"dtype": dtype} if asked is not None and asked.is_floating_point else {}
    try:
        wide = {
            (g.key, g.at): _moved(g.tensor.to(torch.complex128 if g.tensor.is_complex() else dtype), beside)
            for g in ran.given if g.tensor.is_floating_point() or g.tensor.is_complex()
        }  # fmt: skip
        found = ran.again(wide, **kwargs)[index]
        if found.shape != places.shape:
            return None
        found = found[places]
    except (RuntimeError, ValueError, TypeError, NotImplementedError):
        return None
    return found if bool(found.isfinite().all()) else None


def _moved(tensor: Tensor, beside: float) -> Tensor:
    """Every element somewhat larger or smaller, each otherwise, without a random number."""
    if not beside:
        return tensor
    waves = torch.arange(tensor.numel(), device=tensor.device, dtype=torch.float64).add(1).sin().add(1.5).reshape(tensor.shape)
    return tensor + beside * waves * (1 + tensor.abs())


def _largest(tensor: Tensor) -> float:
    """The greatest finite magnitude."""
    magnitudes = tensor.detach().abs().double().reshape(-1) if tensor.device.type != "mps" else tensor.detach().abs().reshape(-1)
    finite = magnitudes[magnitudes.isfinite()]
    return float(finite.max()) if finite.numel() else math.nan


def _counted(places: Tensor) -> str:
    return f"{int(places.sum())} of {places.numel()} elements"
