"""The quantities of an optimizer's step that can be changed one at a time to see which of them made it fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from nbdebug.nonfinite.finite import all_finite
from nbdebug.nonfinite.twin import Twin, is_ruined, moments

SAFE = {"lr": 1e-3, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.9, "betas": (0.9, 0.999), "alpha": 0.99}  # torch's own defaults
SAFE_EPS_HALF = 1e-4  # float16 has nothing between 0 and 6e-8, and 1 / 1e-4 is far from its end
NAMED = {"lr": "learning rate"}  # the field's own word, where it is another


@dataclass(frozen=True)
class Change:
    """One thing that is made otherwise in a copy."""

    quantity: str  # "eps", "learning rate", "state", "range"
    cause: str
    said: str  # how it was, such as "eps = 0"
    remedy: str  # how it was made, such as "eps = 1e-08"
    apply: Callable[[Twin, int], None]
    double: bool = False


def changes(optimizer: Optimizer, group: int, parameter: Tensor) -> Iterator[Change]:
    """What is changed for a parameter of a group, the most telling first."""
    values = optimizer.param_groups[group]
    for key, value in values.items():
        if key != "params" and not _is_finite(value):
            yield _set(key, value, _safe(optimizer, key), "")
    if any(is_ruined(optimizer, t) for _, t in moments(parameter, optimizer.state.get(parameter))):
        yield _fresh("was not finite before it", optimizer, parameter)
    eps = values.get("eps")
    safe_eps = SAFE_EPS_HALF if parameter.dtype == torch.float16 else SAFE["eps"]
    if isinstance(eps, (int, float)) and eps < safe_eps:
        lost = ", which is 0 in float16" if parameter.dtype == torch.float16 and eps else ""
        yield _set("eps", eps, safe_eps, lost)
    for key in ("momentum", "weight_decay"):
        if isinstance(values.get(key), (int, float)) and abs(values[key]) > 1:
            yield _set(key, values[key], SAFE[key], "")
    rate = values.get("lr")
    if isinstance(rate, (int, float, Tensor)) and float(rate) > SAFE["lr"]:
        yield _set("lr", float(rate), SAFE["lr"], f" with gradients up to {_largest(parameter.grad):.3g}")
    if optimizer.state.get(parameter):
        yield _fresh(_oddity(optimizer, parameter), optimizer, parameter)
    if parameter.dtype != torch.float64:
        kind_, dtype = ("low precision" if parameter.dtype in (torch.float16, torch.bfloat16) else "overflow"), _short(parameter.dtype)
        said = f"gradients up to {_largest(parameter.grad):.3g} leave the range of {dtype}"
        yield Change("range", kind_, said, "in float64", lambda twin, group: None, double=True)


def _set(key: str, old: Any, new: Any, why: str) -> Change:
    name = NAMED.get(key, key)
    shown = f"{old:.3g}" if isinstance(old, float) else str(old)
    said, remedy = f"{name} = {shown}{why}", f"with {name} = {new}"
    return Change(name, name.replace("_", " "), said, remedy, lambda twin, group: twin.set(group, key, new))


def _fresh(oddity: str, optimizer: Optimizer, parameter: Tensor) -> Change:
    bad = [key for key, t in moments(parameter, optimizer.state.get(parameter)) if is_ruined(optimizer, t)]
    odd = bad[0] if bad else _negative(optimizer, parameter)
    said = f"the state{f' ({odd})' if odd else ''} {oddity}"
    return Change("state", "state", said, "with a fresh state", lambda twin, group: twin.forget())


def _oddity(optimizer: Optimizer, parameter: Tensor) -> str:
    return "is negative, and a root is taken of it" if _negative(optimizer, parameter) else "that the step started from is at fault"


def _negative(optimizer: Optimizer, parameter: Tensor) -> str:
    """The state of squares that holds something negative."""
    for key, tensor in moments(parameter, optimizer.state.get(parameter)):
        if ("sq" in key or key == "sum") and tensor.numel() and float(tensor.min()) < 0:
            return key
    return ""


def _safe(optimizer: Optimizer, key: str) -> Any:
    default = optimizer.defaults.get(key)
    return default if default is not None and _is_finite(default) else SAFE.get(key, 0.0)


def suspect(group: Mapping[str, Any], parameter: Tensor) -> tuple[str, str]:
    """A quantity that is to blame on sight, such as "eps = 0", and the cause; ("", "unknown") when all look sound."""
    for key, value in group.items():
        if key != "params" and not _is_finite(value):
            return f"{NAMED.get(key, key)} = {value}", NAMED.get(key, key).replace("_", " ")
    eps = group.get("eps")
    if isinstance(eps, (int, float)) and float(torch.tensor(eps, dtype=parameter.dtype)) == 0.0:
        return f"eps = {eps:g}" + (f", which is 0 in {_short(parameter.dtype)}" if eps else ""), "eps"
    return "", "unknown"


def _is_finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return all_finite([value])
    if isinstance(value, (tuple, list)):
        return all(_is_finite(v) for v in value)
    return not isinstance(value, float) or math.isfinite(value)


def _largest(gradient: Tensor | None) -> float:
    return math.nan if gradient is None or not gradient.numel() else float(gradient.detach().abs().max())


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
