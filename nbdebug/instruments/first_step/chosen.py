"""What a loss written by hand picks out of the outputs by the targets: the log-probability of the right class, or a score that is none."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nbdebug import batch as batches
from nbdebug.instruments.first_step.answers import Misfit, Pull
from nbdebug.listening import Call, Tape
from nbdebug.loss_call import is_probabilities

PICKS = ("gather", "__getitem__")
DRAWN = frozenset("multinomial argmax topk sort bernoulli normal randint".split())  # an index that is none of the batch's
DIFFERENCES = ("sub", "__sub__", "__rsub__", "rsub")
STEADY = 1e-3  # relative spread of the slopes of a plain average
MOST = 0.95  # of the outputs
MOST_ASKED = 16  # picks; each costs a backward pass


def of_choice(tape: Tape, loss: Tensor, ids: set[int], sign: float) -> Pull | None:
    """The loss rises with the log-probabilities of the targets, all of them alike.

    Args:
        ids: of the tensors of the batch.
        sign: -1 for an optimizer that goes uphill.
    """
    picks = list(_picks(tape, loss, ids))
    for call, slope in picks:
        if not _are_log_probabilities(call.given[0].detach()) or not bool((sign * slope > 0).all()) or not _is_steady(slope):
            return None
    if not picks:
        return None
    call, slope = picks[0]
    return Pull("log-probability", "raised", float(loss.detach()), 1.0, sign < 0, call.location)


def of_difference(tape: Tape, loss: Tensor, ids: set[int], sign: float) -> Pull | None:
    """The only difference of an output and a target, and the loss falls as they part: a Gaussian's log-probability without its minus."""
    ways, found = tape.ancestors(loss), []
    for call in tape.calls:
        if call.index not in ways or call.name not in DIFFERENCES or call.in_model or len(call.given) != 2 or call.given[0].shape != call.given[1].shape:
            continue
        moving = [t for t in call.given if t.requires_grad]
        fixed = [t for t in call.given if id(t) in ids and t.is_floating_point()]
        if len(moving) == 1 and len(fixed) == 1 and any(tape.calls[index].in_model for index in tape.ancestors(moving[0])):
            found.append((call, moving[0], fixed[0]))
    slope = _gradient(loss, found[0][1]) if len(found) == 1 else None
    if slope is None:
        return None
    call, output, target = found[0]
    share = float((sign * slope * (target - output.detach()) > 0).double().mean())
    return Pull("loss", "raised", float(loss.detach()), share, sign < 0, call.location) if share >= MOST else None


def raw_choices(tape: Tape, loss: Tensor, ids: set[int]) -> Iterator[Misfit]:
    """Scores of the targets that are pushed up without end, and no other score is pushed down for it."""
    for call, slope in _picks(tape, loss, ids):
        scores = call.given[0].detach()
        if _are_log_probabilities(scores) or any(is_probabilities(scores, d) for d in range(scores.ndim)) or not bool((slope < 0).all()) or not _is_steady(slope):
            continue
        all_slopes = _gradient(loss, call.given[0])
        if all_slopes is not None and int(all_slopes.count_nonzero()) == slope.numel():
            low, high = map(float, scores.aminmax())
            maker = tape.origin(call.given[0])
            if maker is not None and maker.name == "log_softmax":
                made, dim = tuple(maker.outputs()[0].shape), maker.argument(1, "dim")
                if isinstance(dim, int) and dim % len(made) != len(made) - 1:  # else some classes were left out since
                    yield Misfit(
                        "ND304", f"log_softmax of {made} runs over dim {dim}, and the classes that the loss picks from lie in another: they do not compete",
                        maker.location, {"dim": dim}, "dim=-1, or the dimension in which the classes lie",
                    )  # fmt: skip
                continue
            yield Misfit(
                "ND402", f"the loss is the mean score of the right classes alone, and these scores ({low:.3g}..{high:.3g}) are no log-probabilities: it can be made as "
                "negative as one likes, whatever the other classes get",
                call.location, {"lowest": low, "highest": high}, "log_softmax before the right class is picked, or cross_entropy on the raw outputs",
            )  # fmt: skip


def _picks(tape: Tape, loss: Tensor, ids: set[int]) -> Iterator[tuple[Call, Tensor]]:
    """Outputs of the model that integers of the batch picked from a row of scores, and the slope of the loss in them."""
    ways, asked = tape.ancestors(loss), 0
    for call in tape.calls:
        if asked >= MOST_ASKED or call.index not in ways or call.name not in PICKS or call.in_model or len(call.given) < 2 or not call.given[0].requires_grad:
            continue
        scores, index = call.given[0], call.given[-1]
        picked = not index.is_floating_point() and index.dtype != torch.bool and scores.ndim >= 2 and scores.shape[-1] > 1
        if picked and _is_of_batch(tape, index, ids) and any(tape.calls[i].in_model for i in tape.ancestors(scores)):
            asked, slope = asked + 1, _gradient(loss, call.output)
            if slope is not None:
                yield call, slope


def _is_of_batch(tape: Tape, index: Tensor, ids: set[int]) -> bool:
    behind = [tape.calls[i] for i in tape.ancestors(index)]
    from_batch = id(index) in ids or any(id(t) in ids and not t.is_floating_point() for call in behind for t in call.given)
    return from_batch and not any(call.name in DRAWN for call in behind)


def _are_log_probabilities(scores: Tensor) -> bool:
    return scores.is_floating_point() and is_probabilities(scores.exp(), scores.ndim - 1)


def _is_steady(slope: Tensor) -> bool:
    size = slope.abs().double()
    return bool(size.numel()) and float(size.max() - size.min()) <= STEADY * float(size.max()) and float(size.max()) > 0


def _gradient(loss: Tensor, of: Tensor) -> Tensor | None:
    try:
        (found,) = torch.autograd.grad(loss, of, retain_graph=True, allow_unused=True)
    except Exception:  # a backward of the user's own may raise anything; the real backward pass will tell
        return None
    return None if found is None or not bool(found.isfinite().all()) else found.detach()


def ids_of(*given: object) -> set[int]:
    return {id(tensor) for one in given for _, tensor in batches.tensors(one)}
