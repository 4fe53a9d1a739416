"""One call of a loop, as it is compared with the one that is known to come."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from nbdebug.taps import key_of


class Call:
    """One call of the cycle."""

    __slots__ = ("at", "begins", "code", "facts", "instruction", "key", "kind", "next", "opens", "out", "place", "rests", "tell", "thing", "whose")

    def __init__(
        self, kind: str, thing: Any, code: CodeType | None, instruction: int, out: int, facts: Any, whose: Any, place: int
    ) -> None:  # fmt: skip
        self.kind, self.facts, self.key = kind, facts, key_of(kind, thing)
        self.thing = thing  # id of what was called, or called on; or a name
        self.code, self.instruction, self.out = code, instruction, out  # the user's function that runs, and how many frames out from the tap
        self.whose = whose  # what the recorder keeps about it
        self.place = place  # of the forward pass that ran last
        self.at, self.next = 0, self  # its number in a cycle that is known, and what comes then
        self.begins: Callable[[FrameType], bool] | None = None  # as in `taps.Score`
        self.opens: Callable[[], Callable[[], None] | None] | None = None
        self.tell: Callable[..., Any] | None = None
        self.rests = 0  # times that it comes before it is told again

    def is_as(self, other: Call) -> bool:
        """Whether it is the same call."""
        return (
            self.kind == other.kind and self.thing == other.thing and self.facts == other.facts and self.instruction == other.instruction
            and self.code is other.code and self.out == other.out
            and (self.whose is other.whose or (type(self.whose) is tuple and self.whose == other.whose))
        )  # fmt: skip

    def is_from(self, frame: FrameType | None) -> bool:
        """Whether a call comes from the same instruction."""
        out = self.out
        while out and frame is not None:
            frame, out = frame.f_back, out - 1
        return self.code is None if frame is None else frame.f_lasti == self.instruction and frame.f_code is self.code
