"""Check of weight decay that eats the weights."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from nbdebug import curve_shapes
from nbdebug.curve_shapes import middle
from nbdebug.findings import INFO, WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.learning import NEAR, Loss, beside, demand_loss, only_loss
from nbdebug.instruments.watch.reading.motion import Motion, moving, over_steps, times, usual_place
from nbdebug.instruments.watch.reading.source import dotted, last_name
from nbdebug.instruments.watch.reading.written import only_line
from nbdebug.instruments.watch.result import Optimizer, WatchResult
from nbdebug.instruments.watch.session import watched

SHRUNK = 0.5  # of the norm of a group that decay has left over; our choice: sound decay of 0.3 leaves weights growing
LATE = 0.75  # of what a constant prediction gets, where a loss stood in the first third of the run that decay held back; our choice
POOR, LITTLE = 0.5, 0.8  # of that, where it stands at the end; our choice
OVERWHELMING, LEARNT = 5.0, 0.05  # of the gradient's part, that decay is whatever the loss does, unless it came down to a twentieth; our choice
STRONG = 0.3  # of the gradient's part of an update, that decay is from where the loss learnt little; our choice: sound decay is below 0.1
STEPS = 20  # from which on it is judged; our choice
LOOKS = 8  # of them, at which the weights were looked at
BY_HAND = 0.98  # a number that the loop multiplies weights by after each step: of SGD with a decay of 5e-4 it is 0.99995; our choice
OFTEN, LEAST = 8, 3  # of the first 12 steps at which it did, or of as many as were compared; our choice
COLLAPSED = 0.3  # of their norm is left of weights that no optimizer decays; our choice: without a penalty they grow
MOST = 0.5  # of the loss, first and last, that came from a penalty which took half of the weights' norm; our choice
PENALTY = 0.2  # of the first loss, that the loss function did not give; our choice
PULLED = 0.1  # weight decay from which on it is worth saying that biases and norms decay too; our choice


@watched.check(
    "ND607", "weight decay outweighs the loss", severity=WARNING,
    advice="AdamW: weight_decay 0.01 to 0.1; SGD: 1e-4 to 5e-4; and none on biases and norms",
)  # fmt: skip
def decay_dominates(result: WatchResult) -> Iterator[Seen]:
    """Weight decay that pulls the weights to zero faster than the loss can hold them.

    Wrong: the weights fade away, and what was learnt with them.
    Seen: the part of the updates that is decay is larger than the part that is gradient, a group's weights lost more than
        half of their norm, and the loss does not fall, or late, or to no less than half of what a constant prediction gets. Decay that shrinks
        weights under a falling loss is not accused. The same of weights that the loop itself multiplies by 0.98 or less after each step, and of
        weights without decay that a penalty in the loss brings down to 0.3 of their norm, or to half where it is most of the loss to the end. Groups that are the wrong way round, so that only biases and
        norms decay and no matrix does, are named whatever the loss does. Biases and norms that decay by 0.1 or more are mentioned.
    Where: the parameter group and the line that sets its decay; else that of its optimizer's step.
    Try: less of it; AdamW instead of Adam with weight_decay; a group of its own, without decay, for biases and norms.
    Bad:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=3.0)
        for epoch in range(6):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Good:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=5e-4)
        for epoch in range(6):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Source: Loshchilov and Hutter, Decoupled weight decay regularization, 2019; thresholds are our choice.
    """
    for optimizer in result.optimizers:
        yield from _wrong_way_round(result, optimizer)
    yield from _by_hand(result)
    yield from _by_penalty(result)
    decaying = [m for m in moving(result) if m.group.weight_decay > 0]
    for motion in decaying:
        yield from _decayed_biases(result, motion)
    if not decaying:
        return
    loss = demand_loss(result, STEPS)
    for motion in decaying:
        share, left = _decay_share(motion), min(motion.weights) / motion.weights[0] if motion.weights[0] else 1.0
        if len(motion.steps) < LOOKS or left > SHRUNK or not _harms(loss, share):
            continue
        yield Seen(
            f"weight decay of {motion.group.weight_decay:g} moves {motion.label} {times(share)} the gradient: its weights have "
            f"{left:.1%} of their norm left after {result.steps} steps, and {loss.track.name} stands at "
            f"{curve_shapes.end(loss.values):.3g}{beside(loss)}",
            motion.set_at(result, "weight_decay"), {"decay_over_gradient": share, "norm_left": left, "weight_decay": motion.group.weight_decay},
        )  # fmt: skip


def _harms(loss: Loss, share: float) -> bool:
    """Whether what decay does shows in the loss: it learnt nothing, or late and little where a constant prediction tells how much there was to learn."""
    if share >= 1 and loss.learnt_nothing():
        return True
    over = loss.over_constant(1 / 3)
    if loss.constant is None or over is None:
        return False
    late = middle(loss.values[: len(loss.values) // 3]) >= LATE * loss.constant
    return share >= OVERWHELMING and over >= LEARNT or share >= 1 and (late or over >= POOR) or share >= STRONG and over >= LITTLE


def _decay_share(motion: Motion) -> float:
    """The decay's part of an update over the gradient's, while there is still something to decay."""
    group = motion.group
    shares: list[float] = []
    for step, update, weight, gradient in zip(motion.steps, motion.updates, motion.weights, motion.gradients, strict=False):
        if shares and (weight < SHRUNK * motion.weights[0] or step - motion.steps[0] >= STEPS):
            break
        if motion.optimizer.decoupled:
            decay = min(1.0, group.lr * group.weight_decay) * weight
            shares.append(decay / max(update - decay, 1e-3 * decay) if decay > 0 else 0.0)
        else:
            shares.append(group.weight_decay * weight / gradient if gradient > 0 else 0.0)
    return over_steps(motion.steps[: len(shares) + 1], shares)


def _decayed_biases(result: WatchResult, motion: Motion) -> Iterator[Seen]:
    group = motion.group
    small = [name for name in group.parameters if _is_small(result, name)]
    if group.weight_decay >= PULLED and 0 < len(small) < len(group.parameters):
        yield Seen(
            f"weight decay of {group.weight_decay:g} also pulls {len(small)} biases and norms of {motion.label} to zero, such as "
            f"`{small[0]}`; usually they are left out (steps 0 to {result.steps - 1})",
            motion.set_at(result, "weight_decay"), {"parameters": len(small), "weight_decay": group.weight_decay}, severity=INFO,
            advice="put biases and norms into a parameter group with weight_decay=0",
        )  # fmt: skip


def _is_small(result: WatchResult, name: str) -> bool:
    """Whether it is a bias or belongs to a normalisation."""
    norms = {t.name for t in result.tensors_of("activation") if "Norm" in t.kind}
    return "bias" in name.rpartition(".")[2] or name.rpartition(".")[0] in norms


def _wrong_way_round(result: WatchResult, optimizer: Optimizer) -> Iterator[Seen]:
    """All biases and norms decay, and no matrix does: a condition turned round."""
    decays = [name for group in optimizer.groups if group.weight_decay > 0 for name in group.parameters]
    spared = [name for group in optimizer.groups if group.weight_decay == 0 for name in group.parameters]
    small, matrices = [n for n in decays if _is_small(result, n)], [n for n in spared if "weight" in n.rpartition(".")[2]]
    others = any("weight" in n.rpartition(".")[2] and not _is_small(result, n) for n in decays) or any(_is_small(result, n) for n in spared)
    if others or len(small) < 2 or len(matrices) < 2 or not optimizer.steps:
        return
    decay, place = max(group.weight_decay for group in optimizer.groups), usual_place(result, "step", optimizer.name)
    yield Seen(
        f"in `{optimizer.name}` weight decay of {decay:g} is put on {len(small)} biases and norms such as `{small[0]}`, and on no matrix: "
        f"`{matrices[0]}` and {len(matrices) - 1} more are in a group without decay. The groups are the wrong way round (steps 0 to {result.steps - 1})",
        replace(result.built_at(optimizer.name) or place, detail=optimizer.name), {"decaying": len(small), "spared": len(matrices), "weight_decay": decay},
        advice="swap them: decay for what has two dimensions and more, none for biases and norms",
    )  # fmt: skip


def _by_hand(result: WatchResult) -> Iterator[Seen]:
    """Decay that the loop does itself, after the step."""
    shrunk = [r for r in result.rescaled if r.times >= min(OFTEN, max(LEAST, r.of)) and r.factor <= BY_HAND]
    if not shrunk or not (loss := demand_loss(result, STEPS)).learnt_nothing():
        return
    place = only_line(result, _multiplies) or usual_place(result, "step")
    more = f" and {len(shrunk) - 1} more weights" if len(shrunk) > 1 else ""
    yield Seen(
        f"after each step the loop multiplies `{shrunk[0].name}`{more} by {shrunk[0].factor:.3g}, and {loss.track.name} stands at "
        f"{curve_shapes.end(loss.values):.3g} after {result.steps} steps{beside(loss)}: decay of {1 - shrunk[0].factor:.2g} a step leaves nothing to learn with",
        replace(place, detail="decay by hand"), {"factor": shrunk[0].factor, "weights": len(shrunk)},
        advice="multiply by 1 - learning rate * weight decay, or leave it to AdamW",
    )  # fmt: skip


def _multiplies(node: ast.AST) -> bool:
    """Whether it multiplies a tensor in place that is no gradient."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("mul_", "div_", "_foreach_mul_") and "grad" not in dotted(node.func.value).split(".")
    return isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Mult, ast.Div)) and last_name(node.target) == "data"


def _by_penalty(result: WatchResult) -> Iterator[Seen]:
    """Weights that collapse without decay, under a loss that is more than its loss function, which learns nothing."""
    loss = only_loss(result)
    if loss is None or len(result.constants) != 1 or len(loss.values) < STEPS or loss.constant is not None:
        return
    known = result.constants[0]
    share, late, over = _beyond(loss, known.values)
    for motion in moving(result):
        left = motion.weights[-1] / motion.weights[0] if motion.weights[0] else 1.0
        ruled = left <= SHRUNK and min(share, late) >= MOST
        if motion.group.weight_decay > 0 or not (ruled or left <= COLLAPSED and share >= PENALTY and over >= NEAR):
            continue
        place = usual_place(result, "loss", known.function)
        yield Seen(
            f"of the loss {share:.0%} came, at first, from elsewhere than `{known.function}`, without weight decay the weights of {motion.label} have {left:.1%} of "
            f"their norm left after {result.steps} steps, and `{known.function}` stands at {over:.2f} times what the best constant prediction gets"
            f"{f', {late:.0%} of the loss still coming from elsewhere' if ruled else ''}: a penalty on the weights outweighs the loss",
            replace(place, detail="the penalty in the loss"), {"penalty_share": share, "norm_left": left, "over_constant": over},
            advice="multiply the penalty by 1e-5 to 1e-3, or leave it to the optimizer's weight_decay",
        )  # fmt: skip
        return


def _beyond(loss: Loss, values: tuple[tuple[int, float, float], ...]) -> tuple[float, float, float]:
    """By what share of itself the loss was first, and at last, above what its function gave; and what that function, at last, is over a constant prediction's."""
    total = dict(zip(loss.track.steps, loss.track.values, strict=True))
    late = values[-max(3, len(values) // 3) :]
    first, last = ([(total[step] - value) / total[step] for step, value, _ in part if total.get(step, 0.0) > 0] for part in (values[:5], late))
    constant = sum(best for _, _, best in late)
    return (middle(first) if first else 0.0), (middle(last) if last else 0.0), (sum(value for _, value, _ in late) / constant if late and constant > 0 else 0.0)
