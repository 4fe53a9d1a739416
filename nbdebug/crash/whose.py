"""Whose error it is: that of an operation of torch, of a `raise` of the user's, or of Python itself."""

from __future__ import annotations

import ast
import re
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import tensors
from nbdebug.crash.failure import Failure
from nbdebug.crash.scene import Scene
from nbdebug.crash.source import statement_at
from nbdebug.crash.worker import in_worker, raised_in_worker

DEVICE_ASSERT = re.compile(r"device-side assert|CUDA error")
PYTHONS_OWN = (KeyError, ZeroDivisionError, NameError, ImportError, OSError, StopIteration, SyntaxError, RecursionError, EOFError)


def is_of_tensors(scene: Scene) -> bool:
    """Whether an operation of torch raised this; not a `raise` of the user's, nor Python itself."""
    error = scene.error
    if DEVICE_ASSERT.search(scene.message):
        return True
    if isinstance(error, PYTHONS_OWN) or not isinstance(error, Exception):
        return False
    if (worker := in_worker(error)) is not None:
        file, code = raised_in_worker(error)
        if "/torch/" in file.replace("\\", "/"):
            return worker[0] not in {kind.__name__ for kind in PYTHONS_OWN}
        return worker[0] == "RuntimeError" and not code.startswith(("raise", "assert")) or "for tensor" in worker[1] or "for dimension" in worker[1]
    if not scene.stops:
        return isinstance(error, (RuntimeError, torch.OutOfMemoryError))
    deepest = scene.stops[-1]
    file = deepest.file.replace("\\", "/")
    if "/torch/" in file or deepest.frame.f_code.co_name == "__torch_function__":  # torch itself, or what listens to its functions
        return True
    users = scene.users()
    if users is None or users is not deepest:
        return False
    return not _is_raise(deepest) and (isinstance(error, RuntimeError) or _touches_tensors(scene))


def _is_raise(stop: Any) -> bool:
    statement, _ = statement_at(stop.file, stop.line)
    return isinstance(statement, (ast.Raise, ast.Assert))


def _touches_tensors(scene: Scene) -> bool:
    """Whether the expression that raised has to do with tensors."""
    failure = Failure(scene, "", None)
    source = failure.source
    if source is None or source.expression is None:
        return False
    whole = source.statement if "to unpack" in scene.message and source.statement is not None else source.expression
    values = [source.value(n) for n in ast.walk(whole) if isinstance(n, (ast.Name, ast.Attribute))]
    return any(isinstance(v, (Tensor, nn.Module)) or getattr(v, "__name__", "").startswith("torch") for v in values) or any(
        True for v in values if isinstance(v, (tuple, list, dict)) for _ in tensors(v)
    )
