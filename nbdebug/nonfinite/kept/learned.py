"""Weights, gradients, optimizers and scalers put aside: the objects stay the very same, what came later goes away."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from nbdebug.errors import SetupError
from nbdebug.nonfinite.kept.copies import Copies
from nbdebug.untouched.aside import Aside

DEEPEST = 4  # containers inside an optimizer's state that are looked into; LBFGS has three
CONTAINERS = (dict, list, deque)


class Learned:
    """What training changes, beside the buffers.

    Raises:
        SetupError: a lazy layer has no parameters yet.
    """

    noted: dict[int, Any]  # id of an optimizer or a scaler → its state as containers of the tensors that it held

    def __init__(self, modules: Iterable[nn.Module], optimizers: Iterable[Any], scalers: Iterable[Any]) -> None:
        self._modules, self._optimizers, self._scalers = tuple(modules), tuple(optimizers), tuple(scalers)
        self._values, self._gradients = Copies((), versions=True), Copies(())

    @property
    def limits(self) -> list[str]:
        return self._values.limits + self._gradients.limits

    def renew(self) -> Learned:
        """As it is now."""
        self._aside = aside = Aside()
        for module in self._modules:
            for registry in (module._parameters, module._buffers, module._modules):
                aside.registry(registry)
        self._parameters = parameters_of(self._modules, self._optimizers)
        self._flags = [(p, p.requires_grad, p.grad) for p in self._parameters]
        kept: list[Tensor] = []
        self.noted = {id(o): _noted_optimizer(o, aside, kept) for o in self._optimizers}
        self.noted |= {id(s): _noted(vars(s), aside, kept) for s in self._scalers}
        self._values = self._values.renew(_once([*self._parameters, *kept]))
        self._gradients = self._gradients.renew(_once(g for _, _, g in self._flags if g is not None))
        return self

    def restore(self) -> None:
        self._aside()
        self._values.restore()
        for parameter, wanted, gradient in self._flags:
            if parameter.requires_grad != wanted:
                parameter.requires_grad_(wanted)
            parameter.grad = gradient
        self._gradients.restore()

    def saved(self) -> dict[int, Tensor]:
        """id of a parameter, of a gradient, or of a tensor that an optimizer or a scaler keeps → its values."""
        return self._values.saved() | self._gradients.saved()

    def gradients(self) -> dict[int, Tensor]:
        """id of a parameter → its gradient, where there was one."""
        return {id(p): gradient for p, _, gradient in self._flags if gradient is not None}


def parameters_of(modules: Iterable[nn.Module], optimizers: Iterable[Any]) -> list[Tensor]:
    """Every parameter once: of the models, and those that only an optimizer knows."""
    registered = (p for module in modules for p in module._parameters.values() if p is not None)
    found = _once([*registered, *(p for o in optimizers for group in o.param_groups for p in group["params"])])
    if any(map(is_lazy, found)):
        raise SetupError("the model has lazy layers that no batch has reached yet: run model(inputs) once before its state is put aside")
    return found


def _noted_optimizer(optimizer: Any, aside: Aside, kept: list[Tensor]) -> dict[str, Any]:
    aside.mapping(vars(optimizer))
    groups = _noted(optimizer.param_groups, aside, kept, without="params")
    for group in optimizer.param_groups:
        aside.container(group["params"])
    return {"groups": groups, "state": _noted(optimizer.state, aside, kept)}


def _noted(value: Any, aside: Aside, kept: list[Tensor], *, depth: int = 0, without: str = "") -> Any:
    """The same containers anew around the same tensors, which are added to `kept`; the containers are put aside on the way."""
    if isinstance(value, Tensor):
        kept.append(value)
    elif isinstance(value, CONTAINERS) and depth < DEEPEST:
        aside.container(value)

        def inside(item: Any) -> Any:
            return _noted(item, aside, kept, depth=depth + 1, without=without)

        if isinstance(value, dict):
            return {key: list(item) if key == without else inside(item) for key, item in value.items()}
        return [inside(item) for item in value]
    return value


def _once(tensors: Iterable[Tensor]) -> list[Tensor]:
    return list({id(t): t for t in tensors}.values())
