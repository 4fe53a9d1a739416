"""Where the transforms of a dataset stand: attributes and methods by name, through wrapped datasets, and the steps of a Compose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.utils.data import Dataset, Subset

NAMED = re.compile(r"transform|augment|preproc|(^|_)(aug|augs|tfm|tfms|pipeline)(_|$)", re.IGNORECASE)
DEEPEST = 3  # datasets around datasets, and Composes within each other


@dataclass(frozen=True)
class Spot:
    """One callable, and the place from which it is called."""

    name: str  # "transform", "transform[2] Normalize", "dataset.augment"
    place: Any  # the dict or list that holds it
    key: Any
    original: Any
    whole: bool  # called by the dataset, and not by another transform
    added: bool = False  # a method: its spy is an attribute that goes again


def spots_of(dataset: Any) -> list[Spot]:
    """Every transform under a dataset, the whole before its steps."""
    found: list[Spot] = []
    for path, inner in datasets_of(dataset):
        for spot in _of_one(inner, path):
            found += [spot, *_steps(spot.original, spot.name, DEEPEST)]
    unique: dict[tuple[int, Any], Spot] = {}
    for spot in found:
        unique.setdefault((id(spot.place), spot.key), spot)
    return list(unique.values())


def datasets_of(dataset: Any, path: str = "", deep: int = DEEPEST) -> Iterator[tuple[str, Any]]:
    """The dataset and those that it wraps, with a dotted path that leaves out Subsets."""
    yield path, dataset
    if not deep or not hasattr(dataset, "__dict__"):
        return
    for key, value in list(vars(dataset).items()):
        several = value if isinstance(value, list | tuple) and len(value) <= 16 else [value]
        for inner in several:
            if isinstance(inner, Dataset) and inner is not dataset:
                yield from datasets_of(inner, path if type(dataset) is Subset else f"{path}{key}.", deep - 1)


def _of_one(dataset: Any, path: str) -> Iterator[Spot]:
    held = getattr(dataset, "__dict__", {})
    for key, value in list(held.items()):
        if NAMED.search(key) and _is_transform(value):
            yield Spot(f"{path}{key}", held, key, value, True)
        elif NAMED.search(key) and isinstance(value, dict):
            yield from (Spot(f"{path}{key}[{k!r}]", value, k, v, True) for k, v in list(value.items()) if _is_transform(v))
        elif NAMED.search(key) and isinstance(value, list) and value and all(map(_is_transform, value)):
            yield from (Spot(f"{path}{key}[{n}] {_kind(v)}".rstrip(), value, n, v, True) for n, v in enumerate(value))
    for name in _methods(type(dataset)):
        if name not in held and isinstance(held, dict):
            yield Spot(f"{path}{name}", held, name, getattr(dataset, name), True, added=True)


def _methods(kind: type) -> Iterator[str]:
    for owner in kind.__mro__:
        if owner.__module__.split(".")[0] in ("torch", "builtins", "typing", "collections", "torchvision", "datasets"):
            continue
        for name, value in vars(owner).items():
            called = callable(value) or isinstance(value, staticmethod)
            if NAMED.search(name) and called and not name.startswith("__") and not isinstance(value, type):
                yield name


def _steps(transform: Any, name: str, deep: int) -> Iterator[Spot]:
    if not deep:
        return
    for place, key, step in _held(transform):
        spot = Spot(f"{name}[{key}] {_kind(step)}".rstrip(), place, key, step, False)
        yield spot
        yield from _steps(step, spot.name, deep - 1)


def _held(transform: Any) -> Iterator[tuple[Any, Any, Any]]:
    if isinstance(transform, nn.Sequential):
        for key, step in list(transform._modules.items()):
            yield transform._modules, key, step
    for value in list(getattr(transform, "__dict__", {}).values()):
        if type(value) is list and value and all(map(_is_transform, value)):
            for position, step in enumerate(value):
                yield value, position, step
        elif isinstance(value, nn.ModuleList):
            for key, step in list(value._modules.items()):
                yield value._modules, key, step


def _is_transform(value: Any) -> bool:
    return callable(value) and not isinstance(value, type | Dataset)


def _kind(step: Any) -> str:
    kind = type(step).__name__
    return getattr(step, "__name__", "") if kind in ("function", "method", "builtin_function_or_method") else kind
