"""A device-side assert says neither which index nor which line: the same call on the CPU says both.

It comes late, too: the line that raised may lie behind the one that was wrong. So the call that raised is tried first, then the call of the
model, then the outputs and targets that the user's frames hold. What can no longer be read from the device is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nbdebug.batch import map_tensors, tensors
from nbdebug.crash.again import Rerun
from nbdebug.crash.failure import Failure
from nbdebug.crash.lending import Watching
from nbdebug.crash.scene import Running, Scene
from nbdebug.listening import Tape
from nbdebug.source_lines import is_users

MOST_PAIRS = 16  # of outputs and targets that are compared


class Copies:
    """CPU tensors in place of the device's. After an assert a device may refuse to be read: floats are then zeros, which have the same
    shape, and integers those of the same shape that the user's frames still hold on the CPU, as the loader gave them."""

    def __init__(self, scene: Scene) -> None:
        self.made: dict[int, Tensor] = {}  # id of a copy → what it stands for
        users = [stop for stop in scene.stops if is_users(stop.frame.f_code)]
        values = [value for stop in reversed(users) for value in scene.variables(stop).values() if isinstance(value, (Tensor, tuple, list, dict))]
        self.held = [tensor for value in values for _, tensor in tensors(value)]

    def of(self, values: Any) -> Any:
        return map_tensors(self._one, values)

    def _one(self, tensor: Tensor) -> Tensor:
        if tensor.device.type == "cpu":
            return tensor
        copy = self._read(tensor)
        self.made[id(copy)] = tensor
        return copy

    def _read(self, tensor: Tensor) -> Tensor:
        try:
            return tensor.detach().cpu()
        except RuntimeError:
            if tensor.is_floating_point():
                return torch.zeros(tensor.shape, dtype=tensor.dtype)
            alike = [t for t in self.held if t.device.type == "cpu" and t.shape == tensor.shape and t.dtype == tensor.dtype]
            if not alike:
                raise
            return alike[0].clone()


def found_on_cpu(scene: Scene, phase: str) -> Failure | None:
    """The call that raises on the CPU as well, with its arguments; None when none does, or nothing can be read."""
    copies = Copies(scene)
    for what, run, as_it_was in _calls(scene, copies):
        with torch.random.fork_rng(devices=[]):
            rerun = _raising(what, run, scene if as_it_was else None)
        if rerun is not None:
            rerun.stands_for = copies.made
            return Failure(rerun.scene, phase, rerun)
    return None


def _calls(scene: Scene, copies: Copies) -> Iterator[tuple[str, Callable[[], Any], bool]]:
    """What may be called again; and whether the user's line is the one that raised."""
    raised = Failure(scene, "", None).raised
    if raised is not None and raised.module is None:
        yield "the call on the CPU", _once(lambda: (raised.function, copies.of(raised.args), copies.of(raised.kwargs))), True
    if scene.outermost is not None:
        yield "the model on the CPU", lambda: _model_on_cpu(scene.outermost, copies), False
    for outputs, targets in _pairs(copies):
        yield "the loss on the CPU", _once(lambda o=outputs, t=targets: (F.cross_entropy, copies.of((o, t)), {})), True


def _once(make: Callable[[], tuple[Any, Any, Any]]) -> Callable[[], Any]:
    """Reads the arguments when it is first called, and keeps them, so that a try meets the same tensors."""
    made: list[tuple[Any, Any, Any]] = []

    def run() -> Any:
        if not made:
            made.append(make())
        function, args, kwargs = made[0]
        return function(*args, **kwargs)

    return run


def _raising(what: str, run: Callable[[], Any], scene: Scene | None) -> Rerun | None:
    started = time.perf_counter()
    try:
        with Watching() as watching, Tape(nn.Identity()) as tape:
            run()
    except (IndexError, RuntimeError) as error:
        if watching.raised is None or "CUDA" in str(error):
            return None
        seconds = time.perf_counter() - started
        return Rerun(what, run, scene or Scene(error), watching.raised, tape, None, seconds)
    except Exception:  # whatever else a dead device makes of it
        return None
    return None


def _model_on_cpu(running: Running, copies: Copies) -> Any:
    model = getattr(running.module, "_orig_mod", running.module)
    state = {name: copies.of(tensor.detach()).clone() for name, tensor in (*model.named_parameters(), *model.named_buffers())}
    return torch.func.functional_call(model, state, copies.of(running.args), copies.of(running.kwargs))


def _pairs(copies: Copies) -> list[tuple[Tensor, Tensor]]:
    """Outputs and integer targets that fit each other, among the variables of the user's frames, the innermost first."""
    outputs = [t for t in copies.held if t.is_floating_point() and t.ndim > 1]
    targets = [t for t in copies.held if t.dtype == torch.int64 and t.ndim]
    return [(o, t) for o in outputs for t in targets if t.shape == o.shape[:1] + o.shape[2:]][:MOST_PAIRS]
