"""A training with every mask of dropout left out: of modules, of functions in a forward, and of the rates that recurrent and attention layers pass on as numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

MASKS = frozenset("dropout dropout_ alpha_dropout feature_dropout feature_alpha_dropout dropout1d dropout2d dropout3d".split())  # functions of torch


class _Unmasked(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if getattr(func, "__name__", "") in MASKS:
            return next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        if kwargs.get("dropout_p"):
            kwargs["dropout_p"] = 0.0
        return func(*args, **kwargs)


@contextlib.contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """No value is dropped in this block, whatever the mode of the modules; their rates are as before after it."""
    held = [(m, m.dropout) for m in model.modules() if isinstance(getattr(m, "dropout", None), float)]
    for module, _ in held:
        module.dropout = 0.0
    try:
        with _Unmasked():
            yield
    finally:
        for module, rate in held:
            module.dropout = rate
