"""Tensors on several devices, and those that numpy is to read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import map_tensors
from nbdebug.crash.failure import Failure, Try
from nbdebug.crash.mends.kinds import DEVICES, change

NO_CUDA = re.compile(r"not compiled with CUDA|no NVIDIA driver|No CUDA GPUs are available|NVIDIA driver on your system is too old")
CHOSEN = 'device = "cuda" if torch.cuda.is_available() else "cpu"'


def tries(failure: Failure) -> Iterator[Try]:
    if NO_CUDA.search(failure.message):
        yield from _no_cuda(failure)
        return
    if failure.raised is not None and DEVICES.search(failure.message):
        yield from _devices(failure)
    if failure.name == "numpy" or "to numpy" in failure.message:
        yield from _numpy(failure)


def _no_cuda(failure: Failure) -> Iterator[Try]:
    """The line without CUDA; a device that is chosen by what is there serves both machines."""
    source = failure.source
    nodes = list(ast.walk(source.statement)) if source is not None and source.statement is not None else []
    said = next((n for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value.startswith("cuda")), None)
    moved = next((n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "cuda"), None)
    code = ""
    if said is not None:
        code = source.replaced(said, '"cpu"')
    elif moved is not None:
        code = source.replaced(moved, f'{source.segment(moved.func.value)}.to("cpu")')
    why = "torch has no CUDA here"
    if code:
        yield Try(f'stay on "cpu", or choose by what is there ({CHOSEN})', code, None, why, by_text=True)
    yield Try('stay on "cpu", or choose by what is there', CHOSEN, None, why)


def _devices(failure: Failure) -> Iterator[Try]:
    """Weights stay where they are; what was made elsewhere is moved to them, or to where most of the others are."""
    given = failure.all_tensors()
    devices = [t.device for _, t in given if isinstance(t, nn.Parameter)] or [t.device for _, t in given if not t.is_meta]
    if not devices or len({t.device for _, t in given}) < 2:
        return
    home = devices[0]
    anchor = next((failure.word(t, "") for _, t in given if t.device == home and not isinstance(t, nn.Parameter)), "")
    for name, tensor in given:
        if tensor.device != home and not isinstance(tensor, nn.Parameter):
            place = f"{anchor}.device" if anchor else repr(str(home))
            word = failure.word(tensor, name)
            why = f"{word} lies on {tensor.device}, the others on {home}"
            yield Try(f"move {word} to the device of the others", failure.edit(tensor, "{}.to(" + place + ")", None), _moving(home), why)


def _moving(home: torch.device) -> Any:
    def moved(tensor: Tensor) -> Tensor:
        return torch.zeros_like(tensor, device=home) if tensor.is_meta else tensor.to(home)  # meta holds no numbers

    def repair(call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = map_tensors(moved, (args, kwargs))
        return call(*args, **kwargs)

    return repair


def _numpy(failure: Failure) -> Iterator[Try]:
    tensor = next((t for _, t in failure.all_tensors()), None)
    why = "a numpy array has no graph, and lies in the memory of the CPU"
    template = "{}.detach()" if "requires grad" in failure.message else "{}.detach().cpu()"
    yield Try("detach it first", failure.edit(tensor, template), change("self", lambda t: t.detach().cpu()), why)
