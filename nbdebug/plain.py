"""Frozen dataclasses to strict JSON and back without loss: tuples, enums, optional and non-finite numbers."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from enum import Enum
from functools import cache
from typing import Any

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # strict JSON has no word for these


def to_plain(value: Any) -> Any:
    """Anything made of dataclasses, dicts, tuples, strings and numbers, as what strict JSON can hold."""
    if value is None or type(value) in (str, int, bool):  # most there is
        return value
    if dataclasses.is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"a result holds plain values only, got {type(value).__name__}")


def from_plain(kind: Any, data: Any) -> Any:
    """The inverse of `to_plain`, told the type that is wanted."""
    if isinstance(data, dict) and data.keys() == {"float"} and data["float"] in _NON_FINITE:
        return _NON_FINITE[data["float"]]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _from_union(arguments, data)
    if dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: from_plain(hints[name], item) for name, item in data.items()})
    if origin is tuple:
        items = arguments[:1] * len(data) if arguments[1:] == (...,) else arguments
        return tuple(from_plain(item_kind, item) for item_kind, item in zip(items, data, strict=True))
    if origin is dict:
        key_kind, item_kind = arguments
        return {key_kind(key): from_plain(item_kind, item) for key, item in data.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    return data


def _from_union(kinds: tuple[Any, ...], data: Any) -> Any:
    if data is None:
        return None
    structured = [k for k in kinds if dataclasses.is_dataclass(k) or typing.get_origin(k) in (tuple, dict)]
    if isinstance(data, dict):  # several dataclasses: the one whose fields these are
        structured = [k for k in structured if not dataclasses.is_dataclass(k) or _hints(k).keys() == data.keys()]
    return from_plain(structured[0], data) if structured and isinstance(data, (dict, list)) else data


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
