"""What the last trained layers give to the loss, replaced by free numbers: how low the loss gets is then asked of the loss itself.

What comes after the last layer that has weights (a softmax, a norm, the loss) stays the user's own code, so that bounded outputs,
several losses added up and losses of one's own have the floor that they really have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import map_tensors, tensors
from nbdebug.errors import NbdebugError, NotChecked
from nbdebug.instruments.overfit.altered import Calls
from nbdebug.instruments.overfit.samples import fresh
from nbdebug.listening import Call, Tape
from nbdebug.training_setup import TrainingSetup

ADDITIONS = ("add", "__add__", "__radd__", "__iadd__", "add_")  # what joins the branches of a residual output


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
            torch.manual_seed(seed)
        with Calls(self._instead):
            return self._setup.loss(fresh(self._batch))

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
    if bound := _bound_together(tape, calls):
        joined = _joined(tape)
        if joined is None:
            raise NotChecked(bound)
        calls = [joined]
    if len(setup.optimizers) > 1 and len({id(p) for c in calls for p in _weights(c)}) < sum(len(_weights(c)) for c in calls):
        raise NotChecked("one layer is trained towards several ends by several optimizers")
    free = Freed(setup, batch, calls, [_groups(tape, call, twins, count) for call in calls])
    with free:
        try:
            blind = all(not bool(g.any()) for g in free.gradients(free.loss()))
        except (NbdebugError, RuntimeError) as error:
            raise NotChecked(f"the step could not be run with free predictions ({error})") from error
    if blind:
        raise NotChecked("it does not change with the predictions")
    return free


def last_layers(tape: Tape, loss: Tensor) -> list[Call]:
    """The calls with trained weights from which the loss is reached through no other such call, in order."""
    weights = _made_of_weights(tape)
    found, seen = [], set()
    ahead = [call.index for call in [tape.maker(loss)] if call is not None]
    while ahead:
        index = ahead.pop()
        if index < 0 or index in seen or index in weights:
            continue
        seen.add(index)
        call = tape.calls[index]
        if _is_layer(call, weights):
            found.append(call)
        else:
            ahead.extend(call.parents)
    return sorted(found, key=lambda call: call.index)


def layers_before(tape: Tape, loss: Tensor) -> list[Call]:
    """All calls with trained weights that have a part in the loss, in order."""
    weights, behind = _made_of_weights(tape), tape.ancestors(loss)
    return [call for call in tape.calls if call.index in behind and call.index not in weights and _is_layer(call, weights)]


def _is_layer(call: Call, weights: set[int]) -> bool:
    """Whether trained weights meet something else here; where one number comes out, a penalty is added to a loss."""
    if all(tensor.ndim == 0 for tensor in call.outputs()):
        return False
    of_weights = [_is_weight(t) or parent in weights for t, parent in zip(call.given, call.parents, strict=True)]
    return any(of_weights) and not all(of_weights)


def _made_of_weights(tape: Tape) -> set[int]:
    """Calls of weights alone: a penalty on them, an exponent of a temperature, a spectral norm."""
    found: set[int] = set()
    for call in tape.calls:
        if call.given and all(_is_weight(t) or parent in found for t, parent in zip(call.given, call.parents, strict=True)):
            found.add(call.index)
    return found


def _is_weight(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) and tensor.requires_grad


def _weights(call: Call) -> list[Tensor]:
    return [tensor for tensor in call.given if isinstance(tensor, nn.Parameter)]


def _bound_together(tape: Tape, calls: list[Call]) -> str:
    """Why these outputs cannot be free of each other; empty when they can."""
    for later in calls:
        behind = set().union(*(tape.ancestors(tensor) for tensor in later.given)) if later.given else set()
        for call in calls:
            if call.index in behind:
                return f"it pulls at `{call.module or call.name}` and at what is made of it"
    return ""


def _joined(tape: Tape) -> Call | None:
    """The sum that the model returns, where it returns the sum of two branches and nothing else."""
    returned = [t for _, t in tensors(tape.root.output)] if tape.root is not None and tape.root.returned else []
    maker = tape.maker(returned[0]) if len(returned) == 1 else None
    return maker if maker is not None and maker.name in ADDITIONS else None


def _groups(tape: Tape, call: Call, twins: Tensor | None, count: int) -> Tensor | None:
    """Which rows of an output must be alike, because the data they are made of is, (rows,); None where all are free."""
    outputs = [t for t in call.outputs() if t.is_floating_point()]
    if len(outputs) != 1:
        return None
    by_row = _rows_of_data(tape, call, outputs[0])
    if by_row is not None:
        return by_row
    size = outputs[0].shape[0] if outputs[0].ndim else 0
    return None if twins is None or size % count or size == 0 else twins.repeat_interleave(size // count) if size == count else None


def _rows_of_data(tape: Tape, call: Call, output: Tensor) -> Tensor | None:
    """Of a table or a linear layer that meets the data itself: equal tokens, equal rows."""
    given = [t for t in call.given if not isinstance(t, nn.Parameter)]
    if call.name not in ("embedding", "linear") or len(given) != 1 or any(map(_is_weight, _behind(tape, given[0]))):
        return None
    rows = given[0].detach().reshape(-1, 1) if call.name == "embedding" else given[0].detach().reshape(-1, given[0].shape[-1])
    groups = rows.unique(dim=0, return_inverse=True)[1]
    return groups if len(groups) and output.numel() % len(groups) == 0 else None


def _behind(tape: Tape, tensor: Tensor) -> list[Tensor]:
    return [given for index in tape.ancestors(tensor) for given in tape.calls[index].given]


def _same_question(one: Call, other: Call) -> bool:
    """Whether two calls give the same layer the same values."""
    if one.name != other.name or len(one.given) != len(other.given):
        return False
    return all(a is b or (a.shape == b.shape and torch.equal(a.detach(), b.detach())) for a, b in zip(one.given, other.given, strict=True))
