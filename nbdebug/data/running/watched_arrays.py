"""Arrays whose integer arithmetic is listened to, and which can be asked what it would be if it stopped at the ends of its range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
from torch import Tensor

from nbdebug.data.running.overflow import SIGNS, Ear, Wrap, heard_cast, is_narrow, rounded

UFUNCS = ("add", "subtract", "multiply", "negative", "power", "square", "matmul")
DELIBERATE = ("bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift", "remainder", "fmod", "divmod")


class Watched(numpy.ndarray):
    """An array whose arithmetic is heard; whatever is made of it is watched as well."""

    ear: Ear | None = None
    wraps: tuple[Wrap, ...] = ()
    lent = False  # a stand-in for rows of the user's: what is taken out of it is a copy

    def __array_finalize__(self, source: Any) -> None:
        self.ear = getattr(source, "ear", None)

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        return part.copy() if self.lent and isinstance(part, Watched) else part

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        plain = tuple(_unwatched(value) for value in inputs)
        before = tuple(wrap for value in inputs for wrap in getattr(value, "wraps", ()))
        if ufunc.__name__ in DELIBERATE:
            for wrap in before:
                wrap.deliberate = True
        asked = self.ear is not None and method == "__call__" and ufunc.__name__ in UFUNCS and options.keys() <= {"dtype", "casting"}
        exact = _exact(ufunc, plain) if asked and any(map(_is_whole, plain)) else None
        if out is not None:
            options["out"] = tuple(_unwatched(value) for value in out)
            operands = tuple(v.copy() if isinstance(v, numpy.ndarray) and exact is not None else v for v in plain)
        else:
            operands = plain
        result = getattr(ufunc, method)(*plain, **options)
        if exact is not None and isinstance(result, numpy.ndarray | numpy.generic) and is_narrow(result.dtype):
            heard = self._heard(ufunc.__name__, exact, result, operands)
            before += (heard,) if heard is not None else ()
            if heard is not None and self.ear.saturate:
                limits = numpy.iinfo(result.dtype)
                clipped = numpy.clip(exact, limits.min, limits.max).astype(result.dtype)
                result = numpy.copyto(options["out"][0], clipped) or options["out"][0] if out is not None else clipped
        if out is not None and len(out) == 1:
            if isinstance(out[0], Watched):
                out[0].wraps = before
            return out[0]
        return watched_array(result, self.ear, before) if isinstance(result, numpy.ndarray) else result

    def _heard(self, name: str, exact: numpy.ndarray, result: Any, inputs: tuple[Any, ...]) -> Wrap | None:
        return self.ear.hear(f"{result.dtype} {SIGNS[name]}", str(result.dtype), exact, numpy.asarray(result), inputs, SIGNS[name])

    def view(self, *args: Any, **options: Any) -> Any:
        kind = args[0] if args else options.get("dtype")
        if self.wraps and kind is not None and not (isinstance(kind, type) and issubclass(kind, numpy.ndarray)) and _other_sign(self.dtype, numpy.dtype(kind)):
            _meant(self.wraps)
        return super().view(*args, **options)

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        plain, goal = _unwatched(self), numpy.dtype(dtype)
        with numpy.errstate(invalid="ignore"):
            result = plain.astype(dtype, *args, **options)
        wraps = self.wraps
        if wraps and _other_sign(plain.dtype, goal):
            _meant(wraps)
            return watched_array(result, self.ear, wraps)
        if self.ear is not None and goal.kind in "iu" and self.ear.cut(plain, result) and self.ear.saturate:
            result = rounded(plain, goal)
        if self.ear is not None and is_narrow(goal) and plain.dtype.kind in "iuf":
            limits = numpy.iinfo(goal)
            heard = heard_cast(self.ear, plain, result, limits.min, limits.max)
            wraps += (heard,) if heard is not None else ()
            if heard is not None and self.ear.saturate:
                result = numpy.clip(plain, limits.min, limits.max).astype(goal)
        return watched_array(result, self.ear, wraps)


def _other_sign(one: numpy.dtype, other: numpy.dtype) -> bool:
    """Whether the same bits are read with a sign where they had none, or the other way round: what wrapped is then right, as the difference of two counters that roll over."""
    return one.kind in "iu" and other.kind in "iu" and one.kind != other.kind and one.itemsize == other.itemsize


def _meant(wraps: tuple[Wrap, ...]) -> None:
    for wrap in wraps:
        wrap.deliberate = True


def _is_whole(value: Any) -> bool:
    """Whether this is an array, or a NumPy number, of integers."""
    return isinstance(value, numpy.ndarray | numpy.generic) and value.dtype.kind in "iu"


def _exact(ufunc: Any, inputs: tuple[Any, ...]) -> numpy.ndarray | None:
    wide = [value.astype(numpy.int64) if _is_whole(value) else value for value in inputs]
    try:
        with numpy.errstate(all="ignore"):
            return numpy.asarray(ufunc(*wide))
    except (TypeError, ValueError):  # negative integer powers
        return None


def _unwatched(value: Any) -> Any:
    return value.view(numpy.ndarray) if isinstance(value, Watched) else value


def watched_array(array: numpy.ndarray, ear: Ear | None, wraps: tuple[Wrap, ...] = ()) -> Watched:
    """The same memory, heard."""
    seen = array.view(Watched)
    seen.ear, seen.wraps = ear, wraps
    return seen


class _Copies(list):
    """Rows, or whole samples, of which each taking gives a copy that is heard."""

    ear: Ear | None = None

    def __getitem__(self, key: Any) -> Any:
        taken = super().__getitem__(key)
        return [watched_values(row, self.ear) for row in taken] if isinstance(key, slice) else watched_values(taken, self.ear)

    def __iter__(self) -> Iterator[Any]:
        return (watched_values(row, self.ear) for row in super().__iter__())


def watched_rows(rows: Any, ear: Ear) -> Any:
    """A stand-in for stored rows that is heard; None for what needs none."""
    if isinstance(rows, list):
        seen = _Copies(rows)
        seen.ear = ear
        return seen
    if not isinstance(rows, numpy.ndarray) or not (is_narrow(rows.dtype) or rows.dtype.kind == "f"):
        return None
    seen = watched_array(rows, ear)
    seen.lent = True
    return seen


def watched_values(value: Any, ear: Ear) -> Any:
    """The arrays of a transform's arguments as copies that are heard."""
    if isinstance(value, numpy.ndarray) and value.dtype.kind in "iuf":
        return watched_array(_unwatched(value).copy(), ear)
    if type(value) is dict:
        return {key: watched_values(item, ear) for key, item in value.items()}
    return type(value)(watched_values(item, ear) for item in value) if type(value) in (tuple, list) else value


def lent_copies(row: Any, count: int, like: Any) -> Any:
    """`count` times this row, in the kind of container that `like` is; what is taken out of it is a copy."""
    if isinstance(like, list):
        return _Rows([row] * count)
    if isinstance(row, Tensor):
        return row.expand(count, *row.shape)
    seen = watched_array(numpy.broadcast_to(row, (count, *row.shape)), None)
    seen.lent = True
    return seen


class _Rows(list):
    def __getitem__(self, key: Any) -> Any:
        row = super().__getitem__(key)
        return row.clone() if isinstance(row, Tensor) else row.copy()
