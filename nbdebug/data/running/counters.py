"""What reading counts and moves beside attributes: small arrays and buffers written in place, class attributes, slots, open files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.autograd import _unsafe_preserve_version_counter

from nbdebug.data.running.spots import datasets_of, spots_of
from nbdebug.untouched.aside import Aside

SMALL = 65_536  # bytes: a counter for each sample, and not the samples
BUFFERS = 16_000_000  # bytes in all, of arrays without a row for every sample: a buffer that each sample is written to
PLAIN = (int, float, str, bool, tuple, type(None))
OTHERS = ("torch", "builtins", "typing", "abc", "collections", "torchvision", "datasets")


@contextlib.contextmanager
def put_back(dataset: Any) -> Iterator[None]:
    """Afterwards they are what they were; attributes of objects are put back reading by reading."""
    holders = [inner for _, inner in datasets_of(dataset)] if dataset is not None else []
    holders += [spot.original for spot in spots_of(dataset) if not spot.added] if dataset is not None else []
    arrays, files = list(_arrays(holders)), list(_files(holders))
    classes, slots = list(_class_attributes(holders)), list(_slots(holders))
    aside = Aside()  # a library's transform keeps what it drew last
    aside.mappings(holder.__dict__ for holder in holders if type(getattr(holder, "__dict__", None)) is dict)
    tensors = tuple(array for array, _ in arrays if isinstance(array, Tensor) and not array.is_inference())
    versions = _unsafe_preserve_version_counter(tensors)
    try:
        yield
    finally:
        aside()
        with torch.no_grad():
            for array, saved in arrays:
                if not _same(array, saved):
                    array[...] = saved
        versions.__exit__()
        for owner, name, value in (*classes, *slots):
            if getattr(owner, name, value) is not value:
                setattr(owner, name, value)
        for file, place in files:
            with contextlib.suppress(Exception):  # it was closed while it was read
                file.seek(place)


def _arrays(holders: list[Any]) -> Iterator[tuple[Any, Any]]:
    left = BUFFERS
    for holder in holders:
        size = _length(holder)
        for value in list(getattr(holder, "__dict__", {}).values()):
            if not _is_array(value):
                continue
            large = value.nbytes > SMALL
            if large and (value.nbytes > left or not value.ndim or len(value) == size):
                continue
            left -= value.nbytes if large else 0
            yield value, (value.detach().clone() if isinstance(value, Tensor) else value.copy())


def _is_array(value: Any) -> bool:
    if isinstance(value, numpy.ndarray):
        return value.flags.writeable and value.dtype != object
    return type(value) is Tensor and value.layout == torch.strided and not value.is_meta


def _length(holder: Any) -> int | None:
    try:
        return len(holder)
    except Exception:  # it has none, or one of the user's that raises
        return None


def _same(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, Tensor) else numpy.array_equal(one, other)


def _files(holders: list[Any]) -> Iterator[tuple[Any, Any]]:
    for holder in holders:
        for value in list(getattr(holder, "__dict__", {}).values()):
            if hasattr(type(value), "__enter__") and hasattr(value, "seek") and hasattr(value, "tell"):
                with contextlib.suppress(Exception):  # closed, or a pipe
                    yield value, value.tell()


def _class_attributes(holders: list[Any]) -> Iterator[tuple[type, str, Any]]:
    classes = dict.fromkeys(owner for holder in holders for owner in type(holder).__mro__)
    for owner in classes:
        if owner.__module__.split(".")[0] not in OTHERS:
            yield from ((owner, k, v) for k, v in list(vars(owner).items()) if isinstance(v, PLAIN) and not k.startswith("__"))


def _slots(holders: list[Any]) -> Iterator[tuple[Any, str, Any]]:
    for holder in holders:
        for owner in type(holder).__mro__:
            named = vars(owner).get("__slots__", ())
            for name in (named,) if isinstance(named, str) else named:
                if not name.startswith("__") and hasattr(holder, name) and not isinstance(holder, torch.nn.Module):
                    yield holder, name, getattr(holder, name)
