"""Frozen dataclasses to strict JSON and back without loss: tuples, enums, optional and non-finite numbers."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable
from enum import Enum
from functools import cache, partial
from typing import Any

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # strict JSON has no word for these


_ITSELF = frozenset([str, int, bool, type(None)])  # types whose values are plain as they are


def to_plain(value: Any) -> Any:
    """Anything made of dataclasses, dicts, tuples, strings and numbers, as what strict JSON can hold."""
    kind = type(value)
    if kind in _ITSELF:  # most there is
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind in (tuple, list):
        return [item if type(item) in _ITSELF else to_plain(item) for item in value]
    if hasattr(kind, "__dataclass_fields__"):
        return {name: to_plain(getattr(value, name)) for name in _names(kind)}
    return _of_another_kind(value)


def _of_another_kind(value: Any) -> Any:
    """The same of what is rarer: an enum, a dict, and what is derived from a plain type."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"a result holds plain values only, got {type(value).__name__}")


def from_plain(kind: Any, data: Any) -> Any:
    """The inverse of `to_plain`, told the type that is wanted."""
    if isinstance(data, dict) and data.keys() == {"float"} and data["float"] in _NON_FINITE:
        return _NON_FINITE[data["float"]]
    return _reader(kind)[0](data)


Reader = tuple[Callable[[Any], Any], frozenset[type]]  # and the types of data that it hands on as they are


@cache
def _reader(kind: Any) -> Reader:
    """What makes a value of this kind, found once: a large report has the same few kinds a hundred thousand times."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return partial(_from_union, arguments), _ITSELF | {float}
    if dataclasses.is_dataclass(kind):
        return partial(_of_a_dataclass, kind), frozenset()
    if origin is tuple:
        return partial(_of_a_tuple, arguments), frozenset()
    if origin is dict:
        return partial(_of_a_dict, *arguments), frozenset()
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind, frozenset()
    if kind is float:
        return lambda data: float(data) if isinstance(data, int) and not isinstance(data, bool) else data, (_ITSELF | {float}) - {int}
    return lambda data: data, _ITSELF | {float}


def _of_a_dataclass(kind: type, data: dict[str, Any]) -> Any:
    hints = _hints(kind)
    return kind(**{name: from_plain(hints[name], item) for name, item in data.items()})


def _of_a_tuple(kinds: tuple[Any, ...], data: list[Any]) -> tuple[Any, ...]:
    if kinds[1:] == (...,):
        as_it_is = _reader(kinds[0])[1]
        return tuple(item if type(item) in as_it_is else from_plain(kinds[0], item) for item in data)
    return tuple(from_plain(item_kind, item) for item_kind, item in zip(kinds, data, strict=True))


def _of_a_dict(key_kind: Callable[[str], Any], item_kind: Any, data: dict[str, Any]) -> dict[Any, Any]:
    return {key_kind(key): from_plain(item_kind, item) for key, item in data.items()}


def _from_union(kinds: tuple[Any, ...], data: Any) -> Any:
    if not isinstance(data, (dict, list)):
        return data
    structured = [k for k in kinds if dataclasses.is_dataclass(k) or typing.get_origin(k) in (tuple, dict)]
    if isinstance(data, dict):  # several dataclasses: the one whose fields these are
        structured = [k for k in structured if not dataclasses.is_dataclass(k) or _hints(k).keys() == data.keys()]
    return from_plain(structured[0], data) if structured else data


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
