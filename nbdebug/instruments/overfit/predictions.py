"""What the last trained layers give to the loss, replaced by free numbers: how low the loss gets is then asked of the loss itself.

What comes after the last layer that has weights (a softmax, a norm, the loss) stays the user's own code, so that bounded outputs,
several losses added up and losses of one's own have the floor that they really have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nbdebug.batch import map_tensors, own_copy
from nbdebug.errors import NbdebugError, NotChecked
from nbdebug.instruments.overfit.altered import Calls
from nbdebug.instruments.overfit.last_layers import bound_together, joined, last_layers, tied_rows, weights_of
from nbdebug.listening import Call, Tape
from nbdebug.seeding import seed_torch
from nbdebug.training_setup import TrainingSetup


class Freed:
    """A step whose last layers answer with free numbers: `with free:` holds the weights still meanwhile."""

    def __init__(self, setup: TrainingSetup, batch: Any, calls: list[Call], tied: list[Tensor | None]) -> None:
        self._setup, self._batch = setup, batch
        self.places = " and ".join(dict.fromkeys(f"`{call.module or call.operator}`" for call in calls))
        self.location = calls[-1].location
        self.numbers = 0  # that are free
        self.bases: list[Tensor] = []  # one row for each group of predictions that must be alike
        self._instead: dict[int, tuple[str, Callable[..., Any]]] = {}
        like: list[tuple[Call, Any]] = []
        for call, groups in zip(calls, tied, strict=True):
            answer = next((known for other, known in like if _same_question(call, other)), None) or self._answer(call, groups)
            like.append((call, answer))
            self._instead[call.index] = (call.name, answer)

    def _answer(self, call: Call, groups: Tensor | None) -> Callable[..., Any]:
        made: list[Callable[[], Tensor]] = []
        for tensor in call.outputs():
            made.append(self._base(tensor, groups) if tensor.is_floating_point() else lambda tensor=tensor: tensor)

        def answer(func: Any, args: Any, kwargs: Any) -> Any:
            numbers = iter(made)
            return map_tensors(lambda _: next(numbers)(), call.output)

        return answer

    def _base(self, tensor: Tensor, groups: Tensor | None) -> Callable[[], Tensor]:
        held, shape, dtype = tensor.detach().float().clone(), tensor.shape, tensor.dtype
        if groups is None:
            base = held
            self.bases.append(base.requires_grad_())
            self.numbers += base.numel()
            return lambda: base.to(dtype)
        rows, groups = held.reshape(len(groups), -1), groups.to(held.device)
        first = torch.stack([rows[groups == group][0] for group in range(int(groups.max()) + 1)])
        self.bases.append(first.requires_grad_())
        self.numbers += first.numel()
        return lambda: first[groups].reshape(shape).to(dtype)

    def __enter__(self) -> Freed:
        self._still = [p for p in self._setup.model.parameters() if p.requires_grad]
        for parameter in self._still:
            parameter.requires_grad_(False)  # no graph is made of what leads to the free numbers
        return self

    def __exit__(self, *error: Any) -> None:
        for parameter in self._still:
            parameter.requires_grad_(True)

    def loss(self, seed: int | None = 0) -> Tensor:
        """The loss of the free numbers as they are; with its graph back to them."""
        if seed is not None:
            seed_torch(seed)
        with Calls(self._instead):
            return self._setup.loss(own_copy(self._batch))

    def gradients(self, loss: Tensor) -> list[Tensor]:
        """Of the loss, for the free numbers."""
        given = torch.autograd.grad(loss, self.bases, allow_unused=True) if loss.requires_grad else [None] * len(self.bases)
        return [torch.zeros_like(base) if g is None else g for base, g in zip(self.bases, given, strict=True)]

    def draws(self) -> bool:
        """Whether the loss is another one with other random numbers, though the predictions are the same."""
        with torch.no_grad():
            one, other = float(self.loss(1)), float(self.loss(2))
        return abs(one - other) > 1e-6 * max(abs(one), abs(other))


def freed(setup: TrainingSetup, batch: Any, tape: Tape, loss: Tensor, twins: Tensor | None, count: int) -> Freed:
    """The step with its predictions free.

    Raises:
        NotChecked: free numbers would say nothing about this loss, with the reason.
    """
    calls = last_layers(tape, loss)
    if not calls:
        raise NotChecked("no trained layer was seen to lead to it")
    if bound := bound_together(tape, calls):
        sum_of_branches = joined(tape)
        if sum_of_branches is None:
            raise NotChecked(bound)
        calls = [sum_of_branches]
    if len(setup.optimizers) > 1 and len({id(p) for c in calls for p in weights_of(c)}) < sum(len(weights_of(c)) for c in calls):
        raise NotChecked("one layer is trained towards several ends by several optimizers")
    free = Freed(setup, batch, calls, [tied_rows(tape, call, twins, count) for call in calls])
    with free:
        try:
            blind = all(not bool(g.any()) for g in free.gradients(free.loss()))
        except (NbdebugError, RuntimeError) as error:
            raise NotChecked(f"the step could not be run with free predictions ({error})") from error
    if blind:
        raise NotChecked("it does not change with the predictions")
    return free


def _same_question(one: Call, other: Call) -> bool:
    """Whether two calls give the same layer the same values."""
    if one.name != other.name or len(one.given) != len(other.given):
        return False
    return all(a is b or (a.shape == b.shape and torch.equal(a.detach(), b.detach())) for a, b in zip(one.given, other.given, strict=True))
