"""Which way the loss pulls: whether it falls when the model gets better, and whether its arguments stand the right way round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.errors import BatchError
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Pull
from nbdebug.instruments.first_step.chosen import of_choice, of_difference
from nbdebug.instruments.first_step.endless import without_end
from nbdebug.instruments.first_step.operators import RETYPING, _of_batch
from nbdebug.instruments.first_step.policy import of_policy
from nbdebug.instruments.first_step.quantiles import mirrored
from nbdebug.listening import RESHAPING, Call, ModuleCall, Tape
from nbdebug.loss_call import LOSSES, is_probabilities, raw_loss_calls
from nbdebug.training_setup import TrainingSetup

ONE_SIDED = (  # losses that mean something else with their arguments exchanged
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "poisson_nll_loss",
    "gaussian_nll_loss", "soft_margin_loss", "multilabel_soft_margin_loss",
)  # fmt: skip
PREDICTS = frozenset(["linear", "addmm", "matmul", "__matmul__", "mm", "bmm", "einsum", "sigmoid", "conv1d", "conv2d", "conv3d", "tanh", "exp", "softplus"])
RARER = (  # that a model is no better for making large
    "ctc_loss", "poisson_nll_loss", "gaussian_nll_loss", "soft_margin_loss", "multilabel_soft_margin_loss", "multi_margin_loss", "multilabel_margin_loss",
    "triplet_margin_loss", "triplet_margin_with_distance_loss", "cosine_embedding_loss", "margin_ranking_loss", "hinge_embedding_loss",
)  # fmt: skip
SQUASHES, SURE = frozenset(["sigmoid", "sigmoid_", "logsigmoid", "log_sigmoid", "softplus"]), 1e-3  # and how near to 0 or 1 a probability comes
STEADY = 1e-3  # relative spread of the gradients of a plain average; a reward weighs every sample differently
MOST = 0.95  # of the outputs, or of the samples
FEWEST = 8  # samples whose whole outputs are asked about; our choice


def pulls(setup: TrainingSetup, batch: Any, tape: Tape, loss: Tensor) -> tuple[Pull, ...]:
    """Asks the graph of the loss, which is kept, for the slope from the loss back to its own calls.

    Losses of several parts, with constant targets, or through a frozen model are left alone: an adversary is meant to make
    another's loss worse.
    """
    moved = setup.moved(batch)
    ids = {id(tensor) for _, tensor in (*batches.tensors(batch), *batches.tensors(moved))}
    calls = [call for call in tape.calls if call.name in (*LOSSES, *ONE_SIDED) and len(call.inputs()) > 1]
    swapped = tuple(_swapped(tape, calls, ids))
    if swapped or not loss.requires_grad or not _all_learn(setup, tape):
        return swapped
    uphill = {bool(group.get("maximize")) for optimizer in setup.optimizers for group in optimizer.param_groups}
    sign = -1.0 if uphill == {True} else 1.0
    found = _of_calls(tape, loss, ids, sign) if raw_loss_calls(tape) else _by_hand(setup, moved, tape, loss, sign)
    if not raw_loss_calls(tape):
        found = found or of_choice(tape, loss, ids, sign) or of_difference(tape, loss, ids, sign)
    found = found or _of_rarer(tape, loss, sign) or of_policy(tape, loss, sign) or mirrored(setup, tape, loss, sign)
    if found is None and (part := without_end(setup, batch, tape, sign)) is not None:
        found = Pull(part, "endless", float(loss.detach()), 0.0, sign < 0, _last_line(tape, loss))
    return (found,) if found is not None else ()


def _all_learn(setup: TrainingSetup, tape: Tape) -> bool:
    """Whether one optimizer holds every parameter that took part: an adversary has an opponent that it does not move."""
    owned = {id(p) for optimizer in setup.optimizers for group in optimizer.param_groups for p in group["params"]}
    used = {id(t): t for call in tape.calls for t in call.inputs() if isinstance(t, nn.Parameter)}
    return len(setup.optimizers) < 2 and all(p.requires_grad and (not owned or key in owned) for key, p in used.items())


def _swapped(tape: Tape, calls: list[Call], ids: set[int]) -> Iterator[Pull]:
    for call in calls:
        given, wanted = call.argument(0, "input"), call.argument(1, "target")
        if call.name not in ONE_SIDED or not isinstance(given, Tensor) or not isinstance(wanted, Tensor):
            continue
        if given.requires_grad or not wanted.requires_grad:
            continue
        if call.name == "kl_div":
            known = _are_exchanged(given.detach(), wanted.detach()) and not call.argument(5, "log_target")
        else:
            known = _of_batch(tape, given, ids)
        if not known:
            continue  # of kl_div the reverse divergence: log-probabilities first, whosoever they are; a teacher's need not be of the batch
        yield Pull(call.name, "swapped", float(call.output.detach().double().mean()), 0.0, False, call.location)


def _are_exchanged(given: Tensor, wanted: Tensor) -> bool:
    return any(is_probabilities(given, d) and is_probabilities(wanted.exp(), d) for d in range(given.ndim))


def _of_calls(tape: Tape, loss: Tensor, ids: set[int], sign: float) -> Pull | None:
    """Every loss call of the step counts against: otherwise something is given up for something else."""
    slopes: list[tuple[float, Call]] = []
    for call in raw_loss_calls(tape):
        slope = _gradient(loss, call.output)
        if slope is None:
            continue
        target = call.argument(1, "target")
        if not (_of_batch(tape, target, ids) or _is_diagonal(target)) or bool((slope * sign >= 0).any()) or not _is_steady(slope):
            return None
        slopes.append((float(slope.sum()), call))
    if not slopes:
        return None
    slope, call = slopes[0]
    return Pull(call.name, "negated", float(loss.detach()), slope, sign < 0, call.location)


def _of_rarer(tape: Tape, loss: Tensor, sign: float) -> Pull | None:
    """The one loss of the step is among torch's rarer ones, and what is minimised falls as it rises."""
    calls = [call for call in tape.calls if call.name in RARER]
    slope = _gradient(loss, calls[0].output) if len(calls) == 1 and not raw_loss_calls(tape) else None
    if slope is None or bool((slope * sign >= 0).any()) or not _is_steady(slope):
        return None
    return Pull(calls[0].name, "negated", float(loss.detach()), float(slope.sum()), sign < 0, calls[0].location)


def _is_diagonal(target: Any) -> bool:
    """Whether these are the places 0, 1, 2 … of a contrastive loss: of every sample its own partner."""
    whole = isinstance(target, Tensor) and target.ndim == 1 and not target.is_floating_point() and len(target) > 2
    return whole and torch.equal(target.cpu(), torch.arange(len(target)))


def _by_hand(setup: TrainingSetup, batch: Any, tape: Tape, loss: Tensor, sign: float) -> Pull | None:
    """A loss written out: what becomes of it when an output moves towards its target?"""
    root = tape.root
    targets = _targets(setup, batch, tape) if root is not None else None
    if root is None or targets is None or not targets.numel():
        return None
    if not targets.is_floating_point():
        return _of_logarithm(tape, loss, targets, sign)
    outputs = batches.prediction(root.output)
    if outputs is None or _maker(tape, root, outputs) not in PREDICTS or outputs.squeeze().shape != targets.squeeze().shape:
        return None
    slope = _gradient(loss, outputs)
    if slope is None:
        return None
    slope, goal = slope.squeeze(), targets.squeeze()
    binary = bool(((goal == 0) | (goal == 1)).all())
    toward = 2 * goal - 1 if binary else goal - outputs.detach().squeeze()
    share = max(_uphill(sign * slope * toward), _uphill(_of_samples(sign * slope * toward)))  # a step towards the target makes the loss larger
    if share < MOST or _is_better_at(setup, batch, tape, targets, loss, sign):
        return None
    return Pull("loss", "raised", float(loss.detach()), share, sign < 0, _last_line(tape, loss))


def _targets(setup: TrainingSetup, batch: Any, tape: Tape) -> Tensor | None:
    """What the outputs are compared with; in a `batch_loss` the one tensor of the batch that has their shape, where the model was called once and did not get it."""
    if setup.batch_loss is None:
        try:
            targets = batches.split(batch, setup.model).targets
        except BatchError:
            return None
        return targets if isinstance(targets, Tensor) else None
    calls = [call for call in tape.modules if call.module is tape.model]
    outputs = batches.prediction(calls[0].output) if len(calls) == 1 else None
    if outputs is None:
        return None
    read = {id(t) for call in tape.calls[calls[0].first : calls[0].last] for t in call.given}
    alike = [t for _, t in batches.tensors(batch) if t.is_floating_point() and id(t) not in read and t.squeeze().shape == outputs.squeeze().shape]
    return alike[0] if len(alike) == 1 and _meets_outputs_only(tape, alike[0]) else None


def outputs_and_targets(setup: TrainingSetup, batch: Any, tape: Tape) -> tuple[Tensor | None, Tensor | None]:
    """What the model gave in its last call, and what the loss compares it with; None where that is not known."""
    if tape.root is None:
        return None, None
    return batches.prediction(tape.root.output), _targets(setup, batch, tape)


def _meets_outputs_only(tape: Tape, target: Tensor) -> bool:
    """Whether all that is reckoned with it is reckoned with what the model made; noise that is added to it makes another target."""
    names, met = {id(target)}, False
    for call in tape.calls:
        if not any(id(t) in names for t in call.given):
            continue
        if any(t.requires_grad for t in call.given):
            met = True
        elif call.name in RETYPING:
            names.update(id(t) for t in call.outputs())
        else:
            return False
    return met


def _loss_with(setup: TrainingSetup, batch: Any, outputs: Tensor) -> Tensor:
    """The loss of a batch if the model gave these outputs."""
    hook = setup.model.register_forward_hook(lambda *_: outputs)
    try:
        return setup.loss(batch)
    finally:
        hook.remove()


def _is_better_at(setup: TrainingSetup, batch: Any, tape: Tape, targets: Tensor, loss: Tensor, sign: float) -> bool:
    """Whether the loss is smaller where the outputs are the targets: then only the way there goes uphill at first, as with similarities that begin negative.

    Where the loss has a sigmoid of its own, also where that gives the targets: of soft ones, such as heat maps, the outputs are no better for being near.
    """
    root = tape.root
    if root is None or not isinstance(root.output, Tensor):
        return False
    ideals = [targets.to(root.output.dtype).reshape(root.output.shape)]
    if any(call.name in SQUASHES for call in tape.calls[root.last :]) and float(targets.min()) >= 0 and float(targets.max()) <= 1:
        ideals.append(ideals[0].clamp(SURE, 1 - SURE).logit())
    try:
        with torch.no_grad(), setup.autocast():
            there = [setup.loss_fn(ideal, targets) if setup.batch_loss is None else _loss_with(setup, batch, ideal) for ideal in ideals]
        return min(sign * float(value) for value in there) < sign * float(loss.detach())
    except Exception:  # the user's own loss may not bear it
        return False


def _uphill(slopes: Tensor) -> float:
    return float((slopes > 0).double().mean())


def _of_samples(slopes: Tensor) -> Tensor:
    """The slope along the way of a whole sample: a cosine looks at no element alone. Nothing for few samples, which may agree by chance."""
    return slopes.flatten(1).sum(1) if slopes.ndim > 1 and len(slopes) >= FEWEST else slopes.new_zeros(1)


def _maker(tape: Tape, root: ModuleCall, outputs: Tensor) -> str:
    """The function that gave the model's outputs their values; the loss may have passed the very tensor on since."""
    span = reversed(tape.calls[root.first : root.last])
    call = next((call for call in span if any(t is outputs for t in call.outputs())), None)
    while call is not None and call.name in RESHAPING and call.parents:
        call = tape.before(call)
    return call.name if call is not None else ""


def _of_logarithm(tape: Tape, loss: Tensor, targets: Tensor, sign: float) -> Pull | None:
    """Log-probabilities of classes: that of the right one must make the loss smaller, by the same for every sample."""
    call = next((call for call in reversed(tape.calls) if call.name == "log_softmax"), None)
    call = call or next((call for call in reversed(tape.calls) if call.name == "log" and _is_log_softmax(call)), None)
    if call is None or call.output.ndim < 2:
        return None
    slope = _gradient(loss, call.output)
    classes = call.output.shape[1] if call.output.shape[:1] + call.output.shape[2:] == targets.shape else 0
    if slope is None or not classes or int(targets.min()) < 0 or int(targets.max()) >= classes:
        return None
    at_target = sign * slope.gather(1, targets.unsqueeze(1)).flatten()
    if not bool((at_target > 0).all()) or not _is_steady(at_target) or not _is_only_there(slope, targets):
        return None
    return Pull("log-probability", "raised", float(loss.detach()), 1.0, sign < 0, _last_line(tape, loss))


def _is_only_there(slope: Tensor, targets: Tensor) -> bool:
    """Whether the loss looks at the target classes alone: an entropy or a divergence looks at all."""
    others = slope.scatter(1, targets.unsqueeze(1), 0.0)
    return not bool(others.any())


def _is_log_softmax(call: Call) -> bool:
    return is_probabilities(call.output.detach().exp(), 1) if call.output.ndim > 1 else False


def _is_steady(slope: Tensor) -> bool:
    slope = slope.detach().abs().double()
    return float(slope.max() - slope.min()) <= STEADY * float(slope.max())


def _gradient(loss: Tensor, of: Any) -> Tensor | None:
    """d loss / d a value on its way; None when it is not on it, or cannot be asked twice."""
    if not isinstance(of, Tensor) or not of.requires_grad:
        return None
    try:
        (found,) = torch.autograd.grad(loss, of, retain_graph=True, allow_unused=True)
    except Exception:  # a backward of the user's own may raise anything; the real backward pass will tell
        return None
    return None if found is None or not bool(found.isfinite().all()) else found.detach()


def _last_line(tape: Tape, loss: Tensor) -> Location:
    """The last call on the way to the loss that the user's own text makes."""
    ways = (tape.calls[index] for index in sorted(tape.ancestors(loss)))
    own = [call for call in ways if call.line is not None and not call.in_model]
    return own[-1].location if own else Location()
