"""Averages of weights that are no copies: a variable called so holds the very tensors that the optimizer moves."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from types import FrameType, ModuleType
from typing import Any

from torch import Tensor, nn

from nbdebug.instruments.watch.places import running_functions

AVERAGES = frozenset(["ema", "shadow", "shadows", "swa", "polyak", "averaged", "avg"])  # words in the names of what must be a copy
MOST = 4096  # tensors of a container that are looked at
LOOKS = (1, 256, 2048, 16384)  # steps after which variables are looked at: while weights are lent for an evaluation nothing steps


def aliases(frame: FrameType, parameters: Iterable[Tensor]) -> tuple[str, ...]:
    """The variables and attributes that are called an average, and hold at least half of these parameters themselves."""
    own = {p.data_ptr() for p in parameters if p.numel()}
    found: dict[str, None] = {}
    for _, variables in running_functions(frame):
        for path, value in _named(variables):
            held = {t.data_ptr() for t in _tensors(value)} & own
            if own and 2 * len(held) >= len(own):
                found.setdefault(path)
    return tuple(found)


def _named(variables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in list(variables.items()):
        if _is_average(name):
            yield name, value
        held = getattr(value, "__dict__", None)
        if held and isinstance(held, dict) and not isinstance(value, (ModuleType, type, nn.Module)):
            yield from ((f"{name}.{attribute}", thing) for attribute, thing in list(held.items()) if _is_average(attribute))


@functools.lru_cache(maxsize=4096)
def _is_average(name: str) -> bool:
    return not AVERAGES.isdisjoint(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()))


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, nn.Module):
        return list(value.parameters())
    parts = list(value.values()) if isinstance(value, dict) else list(value) if type(value) in (list, tuple) else []
    return [part for part in parts[:MOST] if isinstance(part, Tensor)]
