"""Numbers out of whatever a dataset or a transform gives: tensors, arrays, PIL images, in tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug.batch import TARGET_NAMES

MASK_NAMES = ("mask", "masks", "segmentation", "seg", "boxes", "bboxes", "keypoints")  # targets as well
SMALLEST = 8  # numbers; what has fewer is a label or a count, and no signal
DEEPEST = 4  # containers within each other that are looked into


def is_image(value: Any) -> bool:
    """Whether this is a PIL image; asked without importing PIL."""
    return hasattr(value, "getbands") and hasattr(value, "tobytes") and hasattr(value, "size")


def numbers(value: Any) -> numpy.ndarray | None:
    """The value as a plain array, sharing memory where it can; None for what is no array of numbers."""
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_meta or value.is_complex() or value.is_quantized:
            return None
        value = value.detach().cpu()
        return (value.float() if value.dtype == torch.bfloat16 else value).resolve_neg().numpy()
    if is_image(value):
        return numpy.asarray(value)
    if isinstance(value, numpy.ndarray | numpy.generic) and value.dtype.kind in "biuf":
        return numpy.asarray(value)
    return numpy.asarray(value) if isinstance(value, bool | int | float) else None


def leaves(value: Any, path: str = "", deep: int = DEEPEST) -> Iterator[tuple[str, numpy.ndarray]]:
    """Every array of numbers with its place, such as `("[0]", …)` or `("['image']", …)`."""
    found = numbers(value)
    if found is not None:
        yield path, found
    elif deep and isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}[{key!r}]", deep - 1)
    elif deep and isinstance(value, tuple | list):
        for position, item in enumerate(value[:64]):
            yield from leaves(item, f"{path}[{position}]", deep - 1)


def signals(value: Any) -> list[tuple[str, numpy.ndarray]]:
    """The leaves that are large enough to be a signal."""
    return [(path, array) for path, array in leaves(value) if array.size >= SMALLEST]


def is_target(path: str, item: Any) -> bool:
    """Whether a leaf of a sample is what is to be predicted: by name, or the last of a tuple."""
    if isinstance(item, Mapping):
        return any(f"['{name}']" in path for name in (*TARGET_NAMES, *MASK_NAMES))
    return isinstance(item, tuple | list) and len(item) > 1 and path.startswith(f"[{len(item) - 1}]")


def inputs_of(item: Any) -> list[tuple[str, numpy.ndarray]]:
    """The leaves of a sample that a model gets."""
    return [(path, array) for path, array in leaves(item) if not is_target(path, item)]


def equal(one: Any, other: Any) -> bool:
    """Whether two values hold the same numbers in the same places; what is no number is not compared."""
    first, second = list(leaves(one)), list(leaves(other))
    return len(first) == len(second) and all(a == b and equal_arrays(x, y) for (a, x), (b, y) in zip(first, second, strict=True))


def equal_arrays(one: numpy.ndarray, other: numpy.ndarray) -> bool:
    """The same shape and numbers, NaN being equal to NaN."""
    return one.shape == other.shape and bool(numpy.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f"))


def kept(value: Any, deep: int = DEEPEST) -> Any:
    """A copy that later writing in place does not reach; containers rebuilt, what holds no numbers itself."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, numpy.ndarray) or is_image(value):
        return value.copy()
    if deep and type(value) is dict:
        return {key: kept(item, deep - 1) for key, item in value.items()}
    if deep and type(value) in (tuple, list):
        return type(value)(kept(item, deep - 1) for item in value)
    return value


def describe(array: numpy.ndarray) -> str:
    """`uint8 (32, 32, 3)`."""
    return f"{array.dtype} {tuple(array.shape)}"
