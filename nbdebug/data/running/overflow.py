"""What is heard of integer arithmetic: the operations that wrapped round, each with an example and the user's line."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import numpy

from nbdebug.source_lines import is_users, line_of, location_fields, users_frame

NARROW = 16  # bits at most; arithmetic on 32 and 64 bits wraps in hashes and counters, and hardly ever by accident
SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "negative": "-", "power": "**", "square": "** 2", "matmul": "@", "sub": "-", "mul": "*",
    "rsub": "-", "neg": "-", "pow": "**", "__iadd__": "+", "mm": "@",
}  # fmt: skip


@dataclass
class Wrap:
    """One operation that wrapped round."""

    operation: str  # "uint8 *", "float64 to uint8"
    dtype: str
    example: str  # "200 * 2 is 400, and became 144"
    wrapped: int
    of: int
    place: dict[str, Any] = field(default_factory=dict)  # file, line, cell
    text: str = ""
    deliberate: bool = False


FRACTIONS = 8  # different ones; of fewer it is a code, and no measure
FRACTIONAL = 0.1  # share of the numbers that have one


@dataclass
class Ear:
    """What was heard while samples were read; with `saturate` nothing wraps, and what would be cut off is rounded."""

    saturate: bool = False
    wraps: list[Wrap] = field(default_factory=list)
    cuts: list[Wrap] = field(default_factory=list)  # casts that leave next to nothing of numbers between -1 and 1

    def cut(self, plain: numpy.ndarray, result: numpy.ndarray) -> bool:
        """Notes a cast of fractions to whole numbers, all of which become 0 or 1, if a line of the user's did it."""
        if plain.dtype.kind != "f" or not plain.size or not numpy.isfinite(plain).all() or abs(plain).max() > 1:
            return False
        fractions = plain[plain != numpy.trunc(plain)]
        if len(fractions) < FRACTIONAL * plain.size or len(numpy.unique(fractions)) < FRACTIONS:
            return False
        frame = users_frame(sys._getframe(1))
        if frame is None or not is_users(frame.f_code):
            return False
        source = line_of(frame)
        example = f"{_plain(fractions[len(fractions) // 2])} became {_plain(numpy.trunc(fractions[len(fractions) // 2]))}"
        operation = f"{plain.dtype} to {result.dtype}"
        self.cuts.append(Wrap(operation, str(result.dtype), example, len(fractions), plain.size, location_fields(source), source.text if source is not None else ""))
        return True

    def hear(
        self, operation: str, dtype: str, wide: numpy.ndarray, narrow: numpy.ndarray, inputs: tuple[Any, ...], sign: str
    ) -> Wrap | None:
        """Notes what differs, if a line of the user's did it."""
        wrapped = wide != narrow
        frame = users_frame(sys._getframe(1)) if wrapped.any() else None
        if frame is None or not is_users(frame.f_code):  # torchvision turns hues by wrapping, on purpose
            return None
        source = line_of(frame)
        place, text = location_fields(source), source.text if source is not None else ""
        known = next((w for w in self.wraps if w.place == place and w.operation == operation), None)
        if known is None:
            known = Wrap(operation, dtype, _example(wide, narrow, wrapped, inputs, sign), 0, 0, place, text, _is_meant())
            self.wraps.append(known)
        known.wrapped += int(wrapped.sum())
        known.of += wrapped.size
        return known


def _is_meant() -> bool:
    return numpy.geterr()["over"] == "ignore"  # so torchvision marks it, and so may others


def _example(wide: numpy.ndarray, narrow: numpy.ndarray, wrapped: numpy.ndarray, inputs: tuple[Any, ...], sign: str) -> str:
    place = numpy.unravel_index(int(numpy.argmax(wrapped)), wrapped.shape)
    became = f"{_plain(wide[place])}, and became {_plain(narrow[place])}"
    try:
        operands = [_plain(numpy.broadcast_to(value, wide.shape)[place]) for value in inputs]
    except (ValueError, TypeError):  # a matrix product, say
        return f"the result was {became}"
    if sign == "to":
        return f"{operands[0]} became {_plain(narrow[place])}"
    asked = f"{operands[0]} {sign} {operands[1]}" if len(operands) == 2 else f"{sign}{operands[0]}"
    return f"{asked} is {became}"


def _plain(number: Any) -> str:
    return f"{float(number):.6g}"


def is_narrow(dtype: numpy.dtype) -> bool:
    return dtype.kind in "iu" and dtype.itemsize * 8 <= NARROW


def rounded(plain: numpy.ndarray, dtype: numpy.dtype) -> numpy.ndarray:
    """What a cast would give that cuts nothing off."""
    return numpy.where(abs(plain) >= 0.5, numpy.sign(plain), 0).astype(dtype)


def heard_cast(ear: Ear, plain: numpy.ndarray, result: numpy.ndarray, low: int, high: int) -> Wrap | None:
    """A cast that leaves the range; -1 alone is how "ignore this" becomes 255."""
    outside = numpy.isfinite(plain) & ((plain <= low - 1) | (plain >= high + 1))
    if not outside.any() or set(numpy.unique(plain[outside])[:2].tolist()) == {-1}:
        return None
    wide = numpy.where(outside, plain, result.astype(plain.dtype if plain.dtype.kind == "f" else numpy.int64))
    became = numpy.where(outside, result.astype(wide.dtype), wide)
    return ear.hear(f"{plain.dtype} to {result.dtype}", str(result.dtype), wide, became, (plain,), "to")
