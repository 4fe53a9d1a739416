"""A training step with one thing in it altered, while the user's own code runs as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from nbdebug.batch import tensors
from nbdebug.errors import NbdebugError
from nbdebug.listening import RETURN_NO_TENSOR

Instead = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]  # func, args, kwargs → what the call returns


class Calls(TorchFunctionMode):
    """Answers some of a step's function calls in another way, by their place on a tape of the same step.

    Args:
        instead: index on the tape → the name it must have, and what answers it.
    """

    def __init__(self, instead: dict[int, tuple[str, Instead]]) -> None:
        super().__init__()
        self.instead, self.count = instead, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, (wanted, answer) = name_of(func), self.instead.get(self.count, ("", None))
        output = func(*args, **(kwargs or {})) if name != wanted or answer is None else answer(func, args, kwargs or {})
        if isinstance(output, Tensor) or name in RETURN_NO_TENSOR or next(tensors((output,)), None) is not None:  # what a tape counts
            if wanted and name != wanted:
                raise NbdebugError(f"the step goes another way each time: {name} where {wanted} was called before")
            self.count += 1
        return output


def name_of(func: Any) -> str:
    """As a tape calls it: `softmax`, or of a property `data`."""
    name = getattr(func, "__name__", str(func))
    return getattr(getattr(func, "__self__", None), "__name__", name) if name in ("__get__", "__set__") else name


def its_input(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The function is left out: what went in comes out."""
    given = (*args, *kwargs.values())
    return next(value for value in given if isinstance(value, Tensor))
