"""What a training step starts from, put aside in memory so that the step can be run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from nbdebug.batch import map_tensors, tensors
from nbdebug.nonfinite.kept.carried import Carried
from nbdebug.nonfinite.kept.copies import Copies
from nbdebug.nonfinite.kept.learned import Learned
from nbdebug.nonfinite.kept.random_states import RandomStates
from nbdebug.untouched.aside import Aside, same
from nbdebug.untouched.process import Setting, autocast_settings

mode_of = attrgetter("training")


class Snapshot:
    """`Snapshot.take(...)` before a step, `restore()` to stand there again, as often as one likes.

    Args:
        models: whose parameters, buffers, modes and carried attributes count; wrapped ones (compiled, data parallel) as they are.
        optimizers, scalers: whose state counts. Schedulers stay valid: the groups that they hold are the same objects.
        weights: also parameters, gradients, optimizers and scalers. False is for every step of a loop that runs: buffers, carried
            attributes, random states, modes and autocast.
        generators: by name, those that the step draws from besides the global ones.
        random: reads the random states; None: all of them, each time.
        autocast: False where whoever runs the step sets it anyway.

    Raises:
        SetupError: with `weights`, when a lazy layer has no parameters yet.
    """

    def __init__(
        self, models: Iterable[nn.Module], optimizers: Iterable[Any] = (), scalers: Iterable[Any] = (), *, weights: bool = True,
        generators: Mapping[str, Any] | None = None, random: RandomStates | None = None, autocast: bool = True,
    ) -> None:  # fmt: skip
        self.models, self.optimizers = tuple(models), tuple(optimizers)
        self.scalers = tuple(scaler for scaler in scalers if scaler is not None)
        self.batch: Any = None  # the very object, or a copy where told
        self._modules = list({id(m): m for model in self.models for m in model.modules()}.values())
        self._learned = Learned(self._modules, self.optimizers, self.scalers) if weights else None
        self._registries = [m._buffers for m in self._modules if len(m._buffers)]
        self._modes: list[bool] = []
        self._whole_modes: list[bool] = []
        self._held: list[Tensor | None] = []  # buffers
        self._lasting: list[Tensor] = []  # those of them that have values
        self._bindings = Aside()
        self._buffers, self._carried = Copies(()), Carried(self._modules)
        self._bare = not (weights or self._registries or self._carried)
        device = next((p.device.type for model in self.models for p in model.parameters()), "cpu")
        self._random, self._autocast = random or RandomStates(device, generators), _autocast(device) if autocast else []

    @classmethod
    def take(
        cls, models: Iterable[nn.Module], optimizers: Iterable[Any] = (), scalers: Iterable[Any] = (), *, batch: Any = None,
        weights: bool = True, copy_batch: bool = False, generators: Mapping[str, Any] | None = None,
    ) -> Snapshot:  # fmt: skip
        """What the next step starts from. The batch is kept as it is, with its tensors' versions, or copied."""
        return cls(models, optimizers, scalers, weights=weights, generators=generators).renew(batch, copy_batch=copy_batch)

    def renew(self, batch: Any = None, *, copy_batch: bool = False) -> Snapshot:
        """The same for the next step, in the same memory; modules that the models got since are not known to it."""
        self.hold(batch, copy=copy_batch)
        self._modes, self._whole_modes = list(map(mode_of, self._modules)), list(map(mode_of, self.models))
        self._renew_buffers()
        self._carried.renew()
        if self._learned is not None:
            self._learned.renew()
        self._autocast_states = [(setting, setting.read()) for setting in self._autocast]
        self._drawn = self._random.read()
        return self

    def stands(self) -> bool:
        """Whether `renew` would find what it found the last time, random states and autocast left out: nothing is there that a step changes.

        Of modes only those of the models as a whole are looked at: a layer whose mode counts has buffers, or draws.
        """
        return self._bare and list(map(mode_of, self.models)) == self._whole_modes

    def hold(self, batch: Any, *, copy: bool = False) -> None:
        """Another batch for the same state."""
        self.batch = map_tensors(_own_copy, batch) if copy and batch is not None else batch
        self._versions = [] if batch is None else [(path, t, t._version) for path, t in tensors(self.batch) if not t.is_inference()]

    def written(self) -> tuple[str, ...]:
        """The batch's tensors that were written to since, such as "['image']": their first values are lost."""
        return tuple(path for path, tensor, version in self._versions if tensor._version != version)

    def restore(self) -> None:
        """Everything in place again: weights where told, buffers, modes, random states."""
        if self._learned is not None:
            self._learned.restore()
        self._bindings()
        self._buffers.restore()
        self._carried.restore()
        for module, mode in zip(self._modules, self._modes, strict=True):
            if module.training != mode:
                module.training = mode  # not train(mode), which would wake frozen children
        for setting, state in (*self._autocast_states, *self._drawn):
            setting.write(state)

    @property
    def limits(self) -> tuple[str, ...]:
        """What could not be kept or put back, in sentences."""
        learned = self._learned.limits if self._learned is not None else []
        return (*learned, *self._buffers.limits, *self._carried.limits)

    # -- what was put aside, for a capsule ----------------------------------------------------------------------------

    def values(self) -> dict[int, Tensor]:
        """id of a tensor → its values at the start of the step, for those that were copied; the others are as they are."""
        learned = self._learned.saved() if self._learned is not None else {}
        return learned | self._buffers.saved() | self._carried.saved()

    def gradients(self) -> dict[int, Tensor]:
        """id of a parameter → the gradient that it had; nothing without weights."""
        return self._learned.gradients() if self._learned is not None else {}

    def noted(self, owner: Any) -> Any:
        """The state of an optimizer ({"groups": …, "state": …}) or of a scaler (its attributes); without weights as it is now."""
        if self.knows(owner):
            return self._learned.noted[id(owner)]
        return {"groups": owner.param_groups, "state": owner.state} if hasattr(owner, "param_groups") else vars(owner)

    def carried(self) -> list[tuple[nn.Module, str, Any]]:
        """Module, attribute, what it was."""
        return list(self._carried.noted())

    def knows(self, owner: Any) -> bool:
        """Whether the state of this optimizer or scaler was copied."""
        return self._learned is not None and id(owner) in self._learned.noted

    @property
    def autocast(self) -> dict[str, Any]:
        """"global: autocast cpu" → whether it was on, and its dtype."""
        return {setting.name: state for setting, state in self._autocast_states}

    @property
    def random_states(self) -> dict[str, Any]:
        """"random state: torch" → what its reader gave."""
        return {setting.name: state for setting, state in self._drawn}

    @property
    def modes(self) -> list[tuple[nn.Module, bool]]:
        """Each module and whether it was in training mode."""
        return list(zip(self._modules, self._modes, strict=True))

    def _renew_buffers(self) -> None:
        if not self._registries:
            return
        held = [buffer for registry in self._registries for buffer in registry.values()]
        if not same(held, self._held):  # the same objects at the same places need no new note
            self._held, self._bindings = held, Aside()
            for registry in self._registries:
                self._bindings.registry(registry)
            self._lasting = [b for b in held if b is not None and not is_lazy(b)]
        self._buffers = self._buffers.renew(self._lasting)


def _autocast(device: str) -> list[Setting]:
    kinds = [kind for kind in dict.fromkeys(("cpu", "cuda", device)) if torch.amp.is_autocast_available(kind)]
    return [setting for kind in kinds for setting in autocast_settings(kind)]


def _own_copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)
