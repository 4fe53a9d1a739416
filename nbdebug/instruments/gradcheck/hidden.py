"""Gradients that are stopped below Python: inside TorchScript, a compiled extension, the kernel of an operator.

There the stopped values cannot be held, so that a difference says nothing of backward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from nbdebug.batch import tensors
from nbdebug.instruments.gradcheck.functions import Watched
from nbdebug.instruments.gradcheck.held import Held
from nbdebug.instruments.gradcheck.trial import Trial


def stops_gradients_unseen(trial: Trial) -> bool:
    """Whether something goes on from a detached value that no Python call gave out."""
    below = _Detached()
    batch = trial.fresh_batch()
    with trial.as_it_was(), Watched(trial.functions, Held(None)), below, Held(None, wide=trial.wide), _GivenOut(below):
        trial.setup.loss(batch)
    return below.goes_on


class _Detached(TorchDispatchMode):
    """Follows what is detached while gradients are recorded. What is only saved for backward is used by nobody here."""

    def __init__(self) -> None:
        super().__init__()
        self.detached: list[Tensor] = []  # alive, so that no id is used twice
        self.goes_on = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.detach.default and torch.is_grad_enabled():
            self.detached.append(output)
        else:
            ids = {id(tensor) for tensor in self.detached}
            self.goes_on = self.goes_on or any(id(tensor) in ids for _, tensor in tensors((args, kwargs)))
        return output


class _GivenOut(TorchFunctionMode):
    """Forgets what came out of a Python call without a gradient: that is held."""

    def __init__(self, below: _Detached) -> None:
        super().__init__()
        self.below = below

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before, went_on = len(self.below.detached), self.below.goes_on
        output = func(*args, **(kwargs or {}))
        if not (isinstance(output, Tensor) and output.requires_grad):
            del self.below.detached[before:]
            self.below.goes_on = went_on
        return output
