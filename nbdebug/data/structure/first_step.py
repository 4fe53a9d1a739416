"""One step of the training on the first batch, to learn which layers get its fields and where its loss looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nbdebug.batch import own_copy, tensors
from nbdebug.data.chunk import Field, chunk_of, numbers
from nbdebug.data.split import Split
from nbdebug.errors import NbdebugError, first_line
from nbdebug.findings import Location
from nbdebug.listening import Tape
from nbdebug.loading import Delivered
from nbdebug.source_lines import location_fields, users_line
from nbdebug.training_setup import TrainingSetup

LOOKUPS = ("embedding", "embedding_bag")


class OutOfTable(NbdebugError):
    """Raised in place of torch's own error, which on a GPU would end the CUDA context."""


@dataclass
class Lookup:
    """A call of an embedding, whether it returned or not."""

    tokens: numpy.ndarray
    rows: int  # of the table
    padding_idx: int | None
    location: Location


@dataclass
class FirstStep:
    """What came of it. Holds tensors, so keep it only as long as it is read."""

    batch: Any
    fields: tuple[Field, ...]  # the batch by its parts, named as in the split
    tape: Tape
    lookups: list[Lookup] = field(default_factory=list)
    loss: Tensor | None = None
    error: str = ""

    def outputs(self) -> list[Tensor]:
        """The floating tensors that the model returned and the loss depends on."""
        root = self.tape.root
        found = [t for _, t in tensors(root.output)] if root is not None and root.returned else []
        return [t for t in found if t.is_floating_point() and t.requires_grad]


def first_step(setup: TrainingSetup, train: Split) -> FirstStep:
    """The loss of the first batch in the modes that the model is in; an error is noted, never raised."""
    batch = own_copy(train.first)
    tape = Tape(setup.model)
    step = FirstStep(batch, chunk_of(Delivered(0, batch, None), 0, setup.model, train.scored).fields, tape)
    try:
        with torch.enable_grad(), tape, _Lookups(step):
            step.loss = setup.loss(batch)
    except Exception as error:  # the step is the user's own code: anything may come
        step.error = first_line(error)
    return step


def same_numbers(values: numpy.ndarray, tokens: numpy.ndarray) -> bool:
    """Whether these are the same numbers in the same order, whatever their shape and dtype."""
    return values.size == tokens.size > 0 and bool((values.reshape(-1) == tokens.reshape(-1)).all())


class _Lookups(TorchFunctionMode):
    def __init__(self, step: FirstStep) -> None:
        super().__init__()
        self.step = step

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in LOOKUPS:
            self._note(args, kwargs)
        return func(*args, **kwargs)

    def _note(self, args: Any, kwargs: Any) -> None:
        tokens, weight = args[0] if args else kwargs.get("input"), args[1] if len(args) > 1 else kwargs.get("weight")
        if not isinstance(tokens, Tensor) or not isinstance(weight, Tensor) or tokens.is_floating_point() or weight.ndim != 2:
            return
        values = numbers(tokens)
        if values is None:
            return
        place = Location(module=self.step.tape.innermost, operator="torch.nn.functional.embedding", **location_fields(users_line(depth=3)))
        self.step.lookups.append(Lookup(numpy.array(values), weight.shape[0], kwargs.get("padding_idx"), place))
        if values.size and not 0 <= values.min() <= values.max() < weight.shape[0]:
            raise OutOfTable(f"tokens outside 0..{weight.shape[0] - 1}")
