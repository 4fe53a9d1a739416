"""How large the inputs of formulas become beyond the first batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from nbdebug.listening import Call, Tape
from nbdebug.nonfinite.headroom.origins import Match
from nbdebug.source_lines import SourceLine

Place = tuple[str, SourceLine | None, str]


@dataclass
class Extents:
    """The largest |x| that goes into the first operator of each formula, known by its place."""

    matches: Sequence[Match]
    _largest: dict[Place, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._first = {_place(m.reader): _extent(m.source) for m in self.matches}

    def hear(self, tape: Tape) -> None:
        """Another step, with other data or other weights."""
        for call in tape.calls:
            place = _place(call)
            if place in self._first and call.given:
                self._largest[place] = max(self._largest.get(place, 0.0), _extent(call.given[0]))

    def grown(self, match: Match) -> float:
        """How many times as large x became as it was in the first batch; at least 1."""
        place = _place(match.reader)
        first, largest = self._first[place], self._largest.get(place, 0.0)
        return max(1.0, largest / first) if first > 0 and math.isfinite(largest) else 1.0


def _place(call: Call) -> Place:
    return call.name, call.line, call.module


def _extent(tensor: Tensor) -> float:
    values = tensor.detach()
    if not values.is_floating_point() or values.numel() == 0:
        return 0.0
    return float(values.abs().nan_to_num(0.0, 0.0, 0.0).max())
