"""What `state_dict()` gave and what `load_state_dict()` got: a copy or the model's own tensors, all of it or a part."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from nbdebug.instruments.watch.result import Fact

REMEMBERED = 64  # calls of state_dict() whose place is known


class States:
    """Remembers the states that were taken. `clock` counts optimizer steps: a later one means that weights moved."""

    def __init__(self) -> None:
        self._taken: deque[tuple[weakref.ref[Tensor], int, int]] = deque(maxlen=REMEMBERED)  # a tensor of it, place, clock
        self._loads = 0  # they move weights as well

    def taken(self, given: Any, place: int, clock: int) -> None:
        first = next((value for value in _tensors(given).values()), None)
        if first is not None:
            self._taken.append((weakref.ref(first), place, clock + self._loads))

    def loaded(self, model: nn.Module, given: Any, answer: Any, clock: int, *, assign: bool) -> tuple[tuple[Fact, ...], int]:
        """The facts of a load into a model, and the place where what it got was taken from this very model (0: elsewhere)."""
        own = dict(model.named_parameters()) | dict(model.named_buffers())
        held = _tensors(given)
        matched = [name for name in held if name in own]
        aliased = bool(matched) and not assign and all(_is_same(held[name], own[name]) for name in matched)
        place, changed = self._origin(held, clock) if aliased else (0, False)
        self._loads += 1
        missing, unexpected = (list(getattr(answer, name, ())) for name in ("missing_keys", "unexpected_keys"))
        facts = (
            len(matched), len(missing), len(unexpected), aliased, False, _renamed(missing, unexpected),
            missing[0] if missing else "", unexpected[0] if unexpected else "", changed,
        )  # fmt: skip
        return facts, place

    def _origin(self, held: Mapping[str, Tensor], clock: int) -> tuple[int, bool]:
        """Where the state was taken, and whether the weights have moved since."""
        tensors = {id(value) for value in held.values()}
        for reference, place, then in reversed(self._taken):
            if id(reference()) in tensors:
                return place, then != clock + self._loads
        return 0, True  # taken before watching began


def _tensors(given: Any) -> dict[str, Tensor]:
    return {name: value for name, value in given.items() if isinstance(value, Tensor)} if isinstance(given, Mapping) else {}


def _renamed(missing: list[str], unexpected: list[str]) -> int:
    """How many of the missing are there under a longer or shorter path, as `module.` in front makes it."""
    ends = {part for name in unexpected for part in _endings(name)}
    return sum(1 for name in missing if any(part in ends for part in _endings(name)))


def _endings(name: str) -> list[str]:
    """A path and what follows its first part: `net.0.weight`, `0.weight`."""
    rest = name.partition(".")[2]
    return [name, rest] if "." in rest else [name]


def _is_same(one: Tensor, other: Tensor) -> bool:
    return one.data_ptr() == other.data_ptr() and one.shape == other.shape and one.numel() > 0
