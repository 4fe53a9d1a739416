"""What stands around a run of ours: the call that raises is noted or mended, modules are lent, and no optimizer steps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

from nbdebug.crash.sandbox import Steps
from nbdebug.errors import SetupError
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

Repair = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


@dataclass
class Raised:
    """The call that raised: a torch function, or a module when its own code did."""

    function: Callable[..., Any]
    name: str  # "linear", "cat"
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    module: nn.Module | None = None  # when the module's own code raised


class StepReached(BaseException):
    """The run came to an optimizer's step: all before it ran, and weights are not to be moved."""


class Watching(TorchFunctionMode):
    """Notes the torch function that raises; with a repair, mends every call that raises like the first."""

    def __init__(self, like: Callable[..., Any] | None = None, repair: Repair | None = None, *, always: bool = False) -> None:
        super().__init__()
        self.like, self.repair, self.always = like, repair, always
        self.raised: Raised | None = None
        self.error: BaseException | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.always and func is self.like:
            return self.repair(func, args, kwargs)
        try:
            return func(*args, **kwargs)
        except Exception as error:
            if self.repair is not None and func is self.like:
                return self.repair(func, args, kwargs)
            self.raised, self.error = Raised(func, getattr(func, "__name__", str(func)), args, kwargs), error
            raise


def lend(stack: contextlib.ExitStack, modules: list[nn.Module], steps: Steps | None) -> untouched | None:
    optimizers = steps.optimizers() if steps is not None and steps.steps_too else ()
    held = nn.ModuleList({id(m): m for m in modules}.values())  # registering changes nothing in a child
    users = Users(steps.names) if steps is not None else None
    borrowed = stack.enter_context(untouched(TrainingSetup(held, loss_fn=users, optimizer=optimizers), weights=bool(optimizers)))

    def halt(optimizer: Any, args: Any, kwargs: Any) -> None:
        if not any(optimizer is lent for lent in optimizers):
            raise StepReached

    stack.callback(register_optimizer_step_pre_hook(halt).remove)
    return borrowed


class Users:
    """The variables of the user's statements, in a place where `untouched` looks for what a training reaches."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def __call__(self, outputs: Any, targets: Any) -> Any:
        raise SetupError("this loss only holds variables")


@contextlib.contextmanager
def lent(steps: Steps, function: Callable[..., Any] | None = None, every: Repair | None = None) -> Iterator[None]:
    """For running the user's statements once more: their modules are lent, and each call of `function` is made in another way."""
    with contextlib.ExitStack() as stack:
        lend(stack, steps.modules(), steps)
        if every is not None:
            stack.enter_context(Watching(function, every, always=True))
        yield
