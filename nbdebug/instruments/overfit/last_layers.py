"""The last trained layers before a loss, and which rows of what they give must be alike."""

from __future__ import annotations

from torch import Tensor, nn

from nbdebug.batch import tensors
from nbdebug.listening import Call, Tape

ADDITIONS = ("add", "__add__", "__radd__", "__iadd__", "add_")  # what joins the branches of a residual output


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


def weights_of(call: Call) -> list[Tensor]:
    return [tensor for tensor in call.given if isinstance(tensor, nn.Parameter)]


def bound_together(tape: Tape, calls: list[Call]) -> str:
    """Why these outputs cannot be free of each other; empty when they can."""
    for later in calls:
        behind = set().union(*(tape.ancestors(tensor) for tensor in later.given)) if later.given else set()
        for call in calls:
            if call.index in behind:
                return f"it pulls at `{call.module or call.name}` and at what is made of it"
    return ""


def joined(tape: Tape) -> Call | None:
    """The sum that the model returns, where it returns the sum of two branches and nothing else."""
    returned = [t for _, t in tensors(tape.root.output)] if tape.root is not None and tape.root.returned else []
    maker = tape.maker(returned[0]) if len(returned) == 1 else None
    return maker if maker is not None and maker.name in ADDITIONS else None


def tied_rows(tape: Tape, call: Call, twins: Tensor | None, count: int) -> Tensor | None:
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
