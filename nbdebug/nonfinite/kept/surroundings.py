"""Around a step: the versions and settings that decide its bits, and the user's own code as text."""

from __future__ import annotations

import inspect
import linecache
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from types import CodeType
from typing import Any

import numpy as np
import torch

from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.source_lines import is_users
from nbdebug.untouched.walk import own_methods

LONGEST_TEXT = 200_000  # characters of one file or cell that are kept


def environment(device: torch.device | str) -> dict[str, str]:
    """Name → value, as text."""
    return {
        "nbdebug": _version("nbdebug"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": str(np.__version__),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else str(device),
        "threads": str(torch.get_num_threads()),
        "deterministic algorithms": str(torch.are_deterministic_algorithms_enabled()),
        "cudnn benchmark": str(torch.backends.cudnn.benchmark),
        "matmul precision": torch.get_float32_matmul_precision(),
        "mkldnn": str(torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled),  # type: ignore[attr-defined]
        "default dtype": str(torch.get_default_dtype()),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a source tree
        return "unknown"


def sources(parts: Parts) -> dict[str, str]:
    """File or cell → its text, of the user's own classes and loss. For reading only: nothing of it is ever run."""
    texts: dict[str, str] = {}
    for code in dict.fromkeys(_codes(parts)):
        texts |= text_around(code)
    return texts


def text_around(code: CodeType) -> dict[str, str]:
    """The file or cell that a function of the user's stands in, by the name that it is shown under."""
    text = "".join(linecache.getlines(code.co_filename)) if is_users(code) else ""
    return {_shown(code.co_filename): text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "\n…"} if text else {}


def _codes(parts: Parts) -> Iterator[CodeType]:
    kinds = [type(module) for _, module in parts.modules()]
    kinds += [type(owner) for owner in (*parts.optimizers, *parts.schedulers, parts.loss_fn)]
    for kind in dict.fromkeys(kinds):
        yield from (method.__code__ for method in own_methods(kind))
    loss = inspect.unwrap(parts.loss_fn) if callable(parts.loss_fn) else None
    code: Any = getattr(getattr(loss, "__func__", loss), "__code__", None)
    if isinstance(code, CodeType):
        yield code


def _shown(name: str) -> str:
    """A file by its name; a cell by the one that IPython shows it under."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    label = getattr(getattr(shell, "compile", None), "format_code_name", lambda name: None)(name)
    return " ".join(label) if label else os.path.basename(name)
