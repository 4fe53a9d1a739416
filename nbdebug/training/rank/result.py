"""What a train_fn returned, as JSON can hold it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from torch import Tensor

from nbdebug.training.events import strict

LARGEST = 1 << 20  # bytes of JSON; our choice: a result is numbers and words, tensors go into a file
DEEPEST = 64  # containers in containers; deeper is a ring


def plain_result(value: Any) -> tuple[Any, str]:
    """The value as plain values, and what is to be said about it where it cannot be sent."""
    left_out: list[str] = []
    try:
        plain = strict(_plain(value, "the result", left_out))
    except RecursionError:
        return None, f"the result holds itself, or is nested deeper than {DEEPEST} levels: return numbers and words"
    if len(json.dumps(plain)) > LARGEST:
        return None, "the result is too large to be sent as text: write it into ctx.folder.path, and return the name of the file"
    if left_out:
        return plain, f"{', '.join(left_out[:3])} cannot be sent: return numbers and words, and write tensors into ctx.folder.path"
    return plain, ""


def _plain(value: Any, path: str, left_out: list[str], depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise RecursionError
    if isinstance(value, (Tensor, np.ndarray, np.generic)) and _numel(value) == 1:
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item, f"{path}[{key!r}]", left_out, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{path}[{number}]", left_out, depth + 1) for number, item in enumerate(value)]
    left_out.append(f"{path} ({type(value).__name__})")
    return None


def _numel(value: Any) -> int:
    return int(value.numel() if isinstance(value, Tensor) else value.size)
