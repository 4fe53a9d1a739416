"""All of the user's session that an examination might touch."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from nbdebug.errors import SetupError
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched.aside import Loan

HOOKS = frozenset(k for k in vars(nn.Module()) if k.endswith(("_hooks", "_with_kwargs", "_always_called")))
WRITERS = frozenset(  # names that, in the code of a forward or a loss, may mean writing to weights
    ["copy_", "add_", "sub_", "mul_", "div_", "lerp_", "clamp_", "clamp_min_", "clamp_max_", "clip_", "zero_", "fill_"]
    + ["renorm_", "normal_", "uniform_", "addcmul_", "data", "step", "update_parameters", "load_state_dict"]
)


@dataclass
class Session:
    """Each thing once, under the name that a report gives it."""

    setup: TrainingSetup
    weights: bool  # whether the examination writes to weights
    modules: dict[str, nn.Module] = field(default_factory=dict)
    parameters: dict[str, Tensor] = field(default_factory=dict)  # and leaves that want a gradient, registered or not
    optimizers: dict[str, Optimizer] = field(default_factory=dict)
    schedulers: dict[str, Any] = field(default_factory=dict)
    scalers: dict[str, Any] = field(default_factory=dict)
    generators: dict[str, Any] = field(default_factory=dict)
    holders: dict[str, Any] = field(default_factory=dict)  # other objects whose attributes are the user's
    containers: dict[str, Any] = field(default_factory=dict)  # plain lists, dicts and sets in attributes
    functions: dict[str, types.FunctionType] = field(default_factory=dict)  # the user's own
    data: set[int] = field(default_factory=set)  # ids of those that belong to a loader
    loan: Loan = field(default_factory=Loan)  # one for all keepers: what is shared stays shared

    @functools.cached_property
    def trains(self) -> bool:
        """Whether weights may be written to: asked for, or because a forward, a loss or a hook of the user's does it."""
        hooked = any(getattr(p, "_post_accumulate_grad_hooks", None) for p in self.parameters.values())
        code = [f.__code__ for f in self.functions.values() if id(f) not in self.data]
        return self.weights or hooked or any(code_names(c) & WRITERS for c in code)

    @property
    def buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Every buffer under its dotted name."""
        for name, module in self.modules.items():
            for key, buffer in module._buffers.items():
                if buffer is not None:
                    yield dotted(name, key), buffer

    def namespaces(self) -> Iterator[tuple[str, dict[str, Any], set[str]]]:
        """The globals of the user's functions, and the names among them that these functions use."""
        used: dict[int, tuple[str, dict[str, Any], set[str]]] = {}
        for function in self.functions.values():
            variables = function.__globals__
            known = used.setdefault(id(variables), (f"globals of {variables.get('__name__')}", variables, set()))
            known[2].update(global_names(function.__code__) & variables.keys())
        yield from used.values()


def demand_no_lazy(session: Session) -> None:
    """Raises SetupError when a layer waits for its first batch: a forward pass would make its parameters."""
    held = ((name, (*m._parameters.values(), *m._buffers.values())) for name, m in session.modules.items())
    waiting = [name for name, tensors in held if any(t is not None and is_lazy(t) for t in tensors)]
    if waiting:
        names = ", ".join(waiting[:3]) + (" …" if len(waiting) > 3 else "")
        raise SetupError(
            f"the model has lazy layers ({names}) that no batch has reached yet: "
            "run model(inputs) once before nbdebug looks at it"
        )


def dotted(parent: str, child: str) -> str:
    """`encoder` and `weight` as `encoder.weight`; what the model itself holds goes without its name."""
    return child if parent == "model" else f"{parent}.{child}"


@functools.lru_cache(maxsize=4096)
def code_names(code: types.CodeType) -> frozenset[str]:
    """Every global and every attribute that a function names, its inner functions included."""
    return frozenset(code.co_names).union(*map(code_names, _inner(code)))


@functools.lru_cache(maxsize=4096)
def global_names(code: types.CodeType) -> frozenset[str]:
    """The globals alone: `self.history` is not the `history` of the notebook."""
    named = (step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "STORE_GLOBAL"))
    return frozenset(named).union(*map(global_names, _inner(code)))


def _inner(code: types.CodeType) -> list[types.CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
