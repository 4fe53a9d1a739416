"""Checks of the updates: too large, too small, eaten by weight decay, by clipping or by dropout. All are judged by the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch import curve_shapes
from nbdebug.instruments.watch.curve_shapes import middle
from nbdebug.instruments.watch.learning import Loss, learns_in_validation, losses, only_loss
from nbdebug.instruments.watch.motion import Motion, motions, rates, step_place
from nbdebug.instruments.watch.result import Event, Optimizer, WatchResult
from nbdebug.instruments.watch.session import watched

LARGE = 0.2  # update over weight; our choice: sound nets on digits stay below it from the second step on, with Adam at 0.01
WILD = 10.0  # update over weight after which a loss that is not finite needs no further reason; our choice
RANGE = 100.0  # times, by which a rate grows in a range test; our choice
RISEN = 1.5  # times the first loss; our choice. Losses that play against each other have to rise FAR times
FAR = 100.0
SMALL = 3e-6  # update over weight; our choice: fine-tuning at 2e-5 is at 3e-5 and more, and 3000 steps at 3e-6 make one per cent
FOLLOWED = 1e-4  # gradient over weight, from which on there is something to follow; our choice: a small GPT begins at 5e-3
MOVED = 0.01  # of their size, by which weights may have moved in all and still not have moved; our choice
STEPS = 20  # from which on a loss that did not fall says something about the updates; our choice
LONG_WARM_UP = 200  # steps from which on a rate that only ever rose is said to rise too slowly; our choice
SHRUNK = 0.5  # of the norm of a group that decay has left over; our choice: sound decay of 0.3 leaves weights growing
STRONG = 10.0  # norm before clipping over the limit; our choice: a limit of 1 cuts gradients of 30 in nets that learn
HELD = 1e-4  # update over weight below which clipped weights are held back; our choice
DROPPED = 0.8  # probability of dropout; our choice: at 0.8 wide layers learn
NOISY_STEPS = 60  # from which on a loss under dropout has had its chance; our choice
PULLED = 0.1  # weight decay from which on it is worth saying that biases and norms decay too; our choice


@watched.check(
    "ND604", "learning rate too high", severity=WARNING,
    advice="divide the learning rate by 10, or warm it up; clip_grad_norm_ holds back single wild steps",
)  # fmt: skip
def rate_too_high(result: WatchResult) -> Iterator[Seen]:
    """Updates so large that they carry the weights past every valley.

    Wrong: each step overshoots; the loss rises, bounces, or leaves the range of numbers.
    Seen: the loss ends 1.5 times above where it began (100 times where several losses play against each other), or is not
        finite after it had risen, or never fell after it had jumped; and updates were more than a fifth of the weights
        they moved. Large updates under a loss that falls are not accused, nor losses that rise under small ones.
    Where: the parameter group with the largest updates, and the line of its optimizer's step.
    Try: a learning rate 10 times smaller; a warm-up; for recurrent nets gradient clipping.
    Bad:
        optimizer = torch.optim.SGD(model.parameters(), lr=20.0)
        for epoch in range(3):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Good:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(3):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Source: Goodfellow, Bengio, Courville, Deep Learning, 11.4.1; thresholds are our choice, measured on digits.
    """
    moving = [m for m in _moving(result) if not _is_range_test(result, m)]
    for loss in losses(result):
        risen = _risen(loss)
        guilty = max((m for m in moving if m.optimizer.name in loss.optimizers), key=_reach, default=None)
        if guilty is None:
            continue
        since = loss.nonfinite_since()
        if risen is None and since is not None and max(guilty.ratios, default=0.0) >= WILD:
            risen = f"{loss.track.name} is not finite from step {since} on", ERROR
        if risen is None or not _reach(guilty) >= LARGE:
            continue
        said, severity = risen
        yield Seen(
            f"{said}; updates of {guilty.label} were up to {_times(max(guilty.ratios))} their weights, the learning rate was "
            f"{_highest_rate(result, guilty):.3g} (steps 0 to {result.steps - 1})",
            guilty.place,
            {"update_over_weight": max(guilty.ratios), "learning_rate": _highest_rate(result, guilty), "steps": result.steps},
            severity=severity,
        )


@watched.check(
    "ND605", "updates too small", severity=WARNING,
    advice="raise the learning rate until updates are about a thousandth of the weights",
)  # fmt: skip
def updates_too_small(result: WatchResult) -> Iterator[Seen]:
    """Weights that hardly move, and a loss that stays where it is.

    Wrong: a learning rate, an eps, a clipping limit or a warm-up leaves next to nothing of each step.
    Seen: over at least 20 steps every group's update is below 3e-6 of its weights, they moved by less than a per cent in
        all, the loss did not fall, and one of these four is the reason. Weights that have no gradient to follow, because
        all is learnt or because it fades, are not accused; nor are single slow groups, or the beginning of a warm-up.
    Where: the parameter group and the line of its optimizer's step; for clipping, its line.
    Try: what is named; updates of a thousandth of the weights are usual.
    Bad:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-9)
        for epoch in range(5):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Good:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for epoch in range(5):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
    Source: Karpathy, CS231n notes, Learning: ratio of weights to updates; thresholds are our choice.
    """
    loss = _demand_loss(result)
    for optimizer in result.optimizers:
        groups = [m for m in _moving(result) if m.optimizer is optimizer]
        if optimizer.steps < STEPS or not groups or not _still(groups, optimizer.steps) or _fell(loss):
            continue
        guilty = max(groups, key=lambda m: m.ratio)
        reason = _why_small(result, guilty)
        if reason is None:
            continue
        why, place, advice = reason
        pace = f"at this pace one per cent takes {MOVED / guilty.ratio:,.0f} steps" if guilty.ratio > 0 else "they do not move at all"
        yield Seen(
            f"updates of {guilty.label} are {guilty.ratio:.1e} of the weights ({pace}) and {loss.track.name} stays at "
            f"{curve_shapes.end(loss.values):.3g} over steps 0 to {result.steps - 1}: {why}",
            place, {"update_over_weight": guilty.ratio, "learning_rate": guilty.group.lr, "steps": result.steps}, advice=advice,
        )  # fmt: skip


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
    Where: the parameter group and the line of its optimizer's step.
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
    decaying = [m for m in _moving(result) if m.group.weight_decay > 0]
    for motion in decaying:
        yield from _decayed_biases(result, motion)
    if not decaying:
        return
    loss = _demand_loss(result)
    for motion in decaying:
        share, left = _decay_share(motion), motion.weights[-1] / motion.weights[0] if motion.weights[0] else 1.0
        if len(motion.steps) < STEPS or share < 1 or left > SHRUNK or not loss.learnt_nothing():
            continue
        yield Seen(
            f"weight decay of {motion.group.weight_decay:g} moves {motion.label} {_times(share)} the gradient: its weights have "
            f"{left:.1%} of their norm left after {result.steps} steps, and {loss.track.name} stands at "
            f"{curve_shapes.end(loss.values):.3g}{_beside(loss)}",
            motion.place, {"decay_over_gradient": share, "norm_left": left, "weight_decay": motion.group.weight_decay},
        )  # fmt: skip


@watched.check(
    "ND608", "clipping or noise drowns the gradient", severity=WARNING,
    advice="clip at about the median of the gradient norms, or at 1.0; dropout of 0.1 to 0.5",
)  # fmt: skip
def clip_or_noise(result: WatchResult) -> Iterator[Seen]:
    """Clipping so tight, or dropout so heavy, that nothing is learnt.

    Wrong: what is left of each gradient is too little, or too noisy, to follow.
    Seen: at nine of ten steps the norm was more than 10 times the limit (or most elements lie at it), updates are below
        1e-4 of the weights because of it, and the loss does not fall; or dropout of 0.8 and more, healthy updates, and
        a loss that is no better than a constant prediction. Tight clipping before Adam, which takes the size out
        again, or with a rate that makes up for it, is not accused.
    Where: the line of the clipping; the dropout module.
    Try: a limit near the norms that the report shows; less dropout. Noise that has no module cannot be told from data.
    Bad:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(5):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1e-6)
                optimizer.step()
    Good:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(5):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
    Source: Pascanu, Mikolov, Bengio, 2013; Srivastava et al., Dropout, 2014; thresholds are our choice.
    """
    clips = {event.who: event for _, event in result.events("clip")}
    dropouts = [(m, path, p) for m in result.models for path, p in m.dropouts.items() if p >= DROPPED]
    if not clips and not dropouts:
        return
    loss = _demand_loss(result)
    for motion in _moving(result):
        clip = clips.get(motion.optimizer.name)
        held = _held_back(result, motion, clip) if clip is not None else None
        if held is None or motion.optimizer.steps < STEPS or _fell(loss):
            continue
        said, factor = held
        place = replace(step_place(result, motion.optimizer.name, "clip"), detail=f"{motion.label}, by {clip.facts.get('by')}")
        yield Seen(
            f"{said}, so that updates of {motion.label} are {motion.ratio:.1e} of the weights, and {loss.track.name} stays at "
            f"{curve_shapes.end(loss.values):.3g} over steps 0 to {result.steps - 1}",
            place, {"limit": clip.facts.get("limit"), "norm_over_limit": factor, "update_over_weight": motion.ratio},
        )  # fmt: skip
        return
    if dropouts and _drowned(result, loss):
        model, path, p = max(dropouts, key=lambda found: found[2])
        yield Seen(
            f"dropout of {p:g} leaves {1 - p:.0%} of the values, and after {result.steps} steps {loss.track.name} stands at "
            f"{curve_shapes.end(loss.values, 0.5):.3g}{_beside(loss)}",
            Location(module=path, detail=model.name), {"p": p, "loss": curve_shapes.end(loss.values, 0.5), "constant": loss.constant},
        )  # fmt: skip


# -- updates that are large ----------------------------------------------------------------------------------------


def _moving(result: WatchResult) -> list[Motion]:
    return [m for m in motions(result) if m.steps and m.ratios]


def _risen(loss: Loss) -> tuple[str, object] | None:
    """How the loss went up, in words, with the severity; None when it did not."""
    values, name = loss.values, loss.track.name
    if not values or (values[0] <= 0 and loss.alone):
        return None
    begin, finish, top = curve_shapes.begin(values), curve_shapes.end(values, 1 / 3), max(values)
    needed, since = RISEN if loss.alone else FAR, loss.nonfinite_since()
    if since is not None and max(values[-3:]) >= max(needed, 10.0) * begin:
        return f"{name} rose from {begin:.3g} to {top:.3g} and is not finite from step {since} on", ERROR
    if len(values) < 5 or min(values) < 0:
        return None
    tolerance = curve_shapes.SURE * curve_shapes.error(values, max(1, len(values) // 3))
    if finish - begin > max((needed - 1) * begin, tolerance if loss.alone else 0.0):
        return f"{name} ends at {finish:.3g}, {_times(finish / begin)} the {begin:.3g} it began with", None
    jumped = loss.alone and max(curve_shapes.smooth(values)) > 2 * begin and finish > 0.95 * begin and (loss.constant is None or loss.at_constant(1 / 3))
    if jumped and len(values) >= STEPS:
        return f"{name} jumped from {begin:.3g} to {top:.3g} and never fell below where it began: it ends at {finish:.3g}", None
    return None


def _second_largest(ratios: list[float]) -> float:
    return sorted((r for r in ratios if math.isfinite(r)), reverse=True)[1] if len(ratios) > 1 else 0.0


def _reach(motion: Motion) -> float:
    """The largest but one of the updates over their weights; or a usual one over the weights as they were first."""
    first = min((w for w in motion.weights[:2] if w > 0), default=math.inf)
    usual = middle([u for u in motion.updates if math.isfinite(u)][: 2 * STEPS])
    return max(usual / first if math.isfinite(usual) else 0.0, _second_largest(motion.ratios))


def _is_range_test(result: WatchResult, motion: Motion) -> bool:
    """Whether the learning rate grows by the same factor at every step, to the end: one looks for where it is too high."""
    track = rates(result, motion)
    known = [v for v in track.finite() if v > 0] if track is not None else []
    if len(known) < 10 or known[-1] < RANGE * known[0]:
        return False
    factors = [b / a for a, b in zip(known, known[1:], strict=False)]
    return min(factors) > 1 and max(factors) < 1.5 * min(factors)


def _highest_rate(result: WatchResult, motion: Motion) -> float:
    track = rates(result, motion)
    return max([*(track.finite() if track is not None else ()), motion.group.lr])


# -- updates that are small ----------------------------------------------------------------------------------------


def _still(groups: list[Motion], steps: int) -> bool:
    return all(m.ratio <= SMALL and m.ratio * steps <= MOVED for m in groups)


def _fell(loss: Loss) -> bool:
    values = loss.values
    return len(values) < STEPS or curve_shapes.fell(values) or curve_shapes.end(values) < 0.9 * curve_shapes.begin(values)


def _why_small(result: WatchResult, motion: Motion) -> tuple[str, Location, str | None] | None:
    """The reason in words, its place, and what to try; None when the gradient itself is small."""
    group, gradient = motion.group, motion.gradient
    weight = middle(list(motion.weights)) / math.sqrt(motion.elements)
    clip = next((e for _, e in result.events("clip") if e.who == motion.optimizer.name), None)
    held = _held_back(result, motion, clip) if clip is not None else None
    if held is not None:
        return held[0], step_place(result, motion.optimizer.name, "clip"), "clip at the norms that the gradients have"
    track = rates(result, motion)
    known = track.finite() if track is not None and len(track) else [group.lr]
    if known[-1] < 0.5 * max(known):  # a schedule that came down: what it does is the schedule's to answer for
        return None
    scheduled = any(s.optimizer == motion.optimizer.name for s in result.schedulers)
    if scheduled and known[-1] > 1.5 * min(known):
        if len(known) < LONG_WARM_UP:
            return None
        return f"the learning rate still rises, and is at {known[-1]:.1e}", motion.place, "end the warm-up after some per cent of all steps"
    if max(known) == 0:
        waits = scheduled and max((loader.epochs for loader in result.loaders), default=2) < 2
        return None if waits else ("the learning rate is 0", motion.place, None)
    if gradient < FOLLOWED * weight:
        return None
    if motion.optimizer.adaptive and group.eps is not None and group.eps >= 10 * gradient > 0:
        said = f"eps is {group.eps:g} where the gradient's elements are about {gradient:.1e}, so that the update is divided by eps"
        return said, motion.place, "leave eps at 1e-8"
    return f"the learning rate is {max(known):.1e}", motion.place, None


# -- weight decay --------------------------------------------------------------------------------------------------


def _decay_share(motion: Motion) -> float:
    """The decay's part of an update over the gradient's, while there is still something to decay."""
    group = motion.group
    shares = []
    for update, weight, gradient in zip(motion.updates[:STEPS], motion.weights, motion.gradients, strict=False):
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
            motion.place, {"parameters": len(small), "weight_decay": group.weight_decay}, severity=INFO,
            advice="put biases and norms into a parameter group with weight_decay=0",
        )  # fmt: skip


# -- clipping and noise --------------------------------------------------------------------------------------------


def _held_back(result: WatchResult, motion: Motion, clip: Event) -> tuple[str, float] | None:
    """What clipping does to this group, in words, and the norm over its limit; None when it does no harm."""
    limit, ratio = float(clip.facts.get("limit") or 0.0), motion.ratio
    if limit <= 0 or ratio > HELD:
        return None
    if clip.facts.get("by") == "norm":
        norms = result.tracks.get("gradient norm before clipping")
        factors = [v / limit for v in norms.finite()] if norms is not None else []
        cut = sum(f >= STRONG for f in factors)
        if not factors or cut < 0.9 * len(factors) or not _matters(motion.optimizer, motion, middle(factors)):
            return None
        return f"clipping to {limit:g} cuts gradients of norm {middle(factors) * limit:.3g} down at {cut} of {len(factors)} steps", middle(factors)
    at_limit = motion.gradient >= 0.5 * limit and motion.gradient <= 1.01 * limit
    if not at_limit or motion.optimizer.adaptive:
        return None
    return f"clipping values to {limit:g} leaves most elements of the gradient at the limit (their rms is {motion.gradient:.2g})", motion.gradient / limit


def _matters(optimizer: Optimizer, motion: Motion, factor: float) -> bool:
    """Whether updates would be healthy without it. Adam takes the size out again, unless eps drowns it."""
    if optimizer.adaptive:
        eps = motion.group.eps or 0.0
        return motion.gradient < 10 * eps < factor * motion.gradient
    return motion.ratio * factor >= HELD


def _drowned(result: WatchResult, loss: Loss) -> bool:
    """Whether a loss under heavy dropout learnt nothing, though the weights move."""
    if len(loss.values) < NOISY_STEPS or not any(m.ratio >= HELD for m in _moving(result)):
        return False
    if learns_in_validation(result, loss):
        return False
    if loss.constant is not None:
        return loss.at_constant()
    return not curve_shapes.fell(loss.values)


def _demand_loss(result: WatchResult) -> Loss:
    loss = only_loss(result)
    if loss is None:
        raise NotChecked("because there is not one loss alone: several play against each other, or none was descended")
    if len(loss.values) < STEPS:
        raise NotChecked(f"because {len(loss.values)} steps with a finite loss were seen, and {STEPS} are needed")
    return loss


def _beside(loss: Loss) -> str:
    return f", where the best constant prediction gets {loss.constant:.3g}" if loss.constant is not None else ""


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times" if ratio < 1e4 else f"{ratio:.1e} times"
