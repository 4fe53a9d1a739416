"""Check of weight decay that eats the weights."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug import curve_shapes
from nbdebug.curve_shapes import middle
from nbdebug.findings import INFO, WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.learning import beside, demand_loss
from nbdebug.instruments.watch.reading.motion import Motion, moving, times
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched

SHRUNK = 0.5  # of the norm of a group that decay has left over; our choice: sound decay of 0.3 leaves weights growing
STEPS = 20  # sampled, from which on it is judged; our choice
PULLED = 0.1  # weight decay from which on it is worth saying that biases and norms decay too; our choice


@watched.check(
    "ND607", "weight decay outweighs the loss", severity=WARNING,
    advice="AdamW: weight_decay 0.01 to 0.1; SGD: 1e-4 to 5e-4; and none on biases and norms",
)  # fmt: skip
def decay_dominates(result: WatchResult) -> Iterator[Seen]:
    """Weight decay that pulls the weights to zero faster than the loss can hold them.

    Wrong: the weights fade away, and what was learnt with them.
    Seen: the part of the updates that is decay is larger than the part that is gradient, a group's weights lost more than
        half of their norm, and the loss does not fall (or is no better than a constant prediction). Decay that shrinks
        weights under a falling loss is not accused. Biases and norms that decay by 0.1 or more are mentioned.
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
    decaying = [m for m in moving(result) if m.group.weight_decay > 0]
    for motion in decaying:
        yield from _decayed_biases(result, motion)
    if not decaying:
        return
    loss = demand_loss(result, STEPS)
    for motion in decaying:
        share, left = _decay_share(motion), motion.weights[-1] / motion.weights[0] if motion.weights[0] else 1.0
        if len(motion.steps) < STEPS or share < 1 or left > SHRUNK or not loss.learnt_nothing():
            continue
        yield Seen(
            f"weight decay of {motion.group.weight_decay:g} moves {motion.label} {times(share)} the gradient: its weights have "
            f"{left:.1%} of their norm left after {result.steps} steps, and {loss.track.name} stands at "
            f"{curve_shapes.end(loss.values):.3g}{beside(loss)}",
            motion.set_at(result, "weight_decay"), {"decay_over_gradient": share, "norm_left": left, "weight_decay": motion.group.weight_decay},
        )  # fmt: skip


def _decay_share(motion: Motion) -> float:
    """The decay's part of an update over the gradient's, while there is still something to decay."""
    group = motion.group
    shares = []
    for update, weight, gradient in zip(motion.updates[:STEPS], motion.weights, motion.gradients, strict=False):
        if shares and weight < SHRUNK * motion.weights[0]:
            break
        if motion.optimizer.decoupled:
            decay = min(1.0, group.lr * group.weight_decay) * weight
            shares.append(decay / max(update - decay, 1e-3 * decay) if decay > 0 else 0.0)
        else:
            shares.append(group.weight_decay * weight / gradient if gradient > 0 else 0.0)
    return middle(shares)


def _decayed_biases(result: WatchResult, motion: Motion) -> Iterator[Seen]:
    group = motion.group
    norms = {t.name for t in result.tensors_of("activation") if "Norm" in t.kind}
    small = [name for name in group.parameters if name.endswith("bias") or name.rpartition(".")[0] in norms]
    if group.weight_decay >= PULLED and 0 < len(small) < len(group.parameters):
        yield Seen(
            f"weight decay of {group.weight_decay:g} also pulls {len(small)} biases and norms of {motion.label} to zero, such as "
            f"`{small[0]}`; usually they are left out (steps 0 to {result.steps - 1})",
            motion.set_at(result, "weight_decay"), {"parameters": len(small), "weight_decay": group.weight_decay}, severity=INFO,
            advice="put biases and norms into a parameter group with weight_decay=0",
        )  # fmt: skip
