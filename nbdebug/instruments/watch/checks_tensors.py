"""Checks of the tensors over the steps: updates that are not finite, gradients that fade or grow, units that are stuck."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.depth import EXPLODES, STEEP, VANISHES_ADAPTIVE, VANISHES_PLAIN, over_depth
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch import curve_shapes
from nbdebug.instruments.watch.curve_shapes import middle
from nbdebug.instruments.watch.learning import Loss, only_loss
from nbdebug.instruments.watch.motion import step_place
from nbdebug.instruments.watch.result import Group, Optimizer, TensorTrack, Units, WatchResult
from nbdebug.instruments.watch.session import watched

LOOKS = 20  # sampled steps over which a trend along the depth must hold; our choice
ALWAYS = 0.9  # of them; our choice
SWAYS = 5.0  # times, by which a single step may miss the threshold that the median must keep; our choice: batches differ
MANY = 0.6  # share of stuck units; as in the activations instrument, where it was measured
BY_CHANCE = 1e-6  # likewise: a unit deep in a plain net is dead like a coin falls
SAMPLES = 128  # rows without one response in the last looks, after LOOKS steps without one; our choice
TINIEST_HALF = 2.0**-25  # what is smaller rounds to 0 in float16
MULTIPLIES = ("Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Bilinear")


@watched.check(
    "ND709", "update not finite", severity=ERROR,
    advice="keep eps at 1e-8 and weights in float32; look at the learning rate of that step",
)  # fmt: skip
def update_nonfinite(result: WatchResult) -> Iterator[Seen]:
    """A weight that becomes NaN or Inf in an optimizer's step, though the gradients were finite.

    Wrong: the optimizer's own arithmetic fails: 0/0 without eps, an eps that is 0 in float16, a rate that is no number,
        a sum that overflows. From then on the model is lost.
    Seen: at a sampled step all gradients of the optimizer are finite, over all elements, and after its step a weight is not
        that was before. NaN that is born in the forward or backward pass is not accused here.
    Where: the parameter, its group and the line of the step.
    Try: what is named: eps, the learning rate, or the precision of the weights.
    Bad:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=0.0)
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x * (torch.arange(64) > 0)), y).backward()
            optimizer.step()
    Good:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x * (torch.arange(64) > 0)), y).backward()
            optimizer.step()
    Source: Kingma and Ba, Adam, 2015, on the role of epsilon.
    """
    weights, gradients, updates = ({t.name: t for t in result.tensors_of(w)} for w in ("weight", "gradient", "update"))
    for optimizer in result.optimizers:
        names = [name for group in optimizer.groups for name in group.parameters if name in weights and name in gradients]
        births = [(step, name) for name in names if (step := _first_bad(weights[name], updates.get(name))) is not None]
        if not births:
            continue
        step, name = min(births, key=lambda birth: birth[0])
        if not all(_finite_at(gradients[other], step) for other in names):
            continue
        number, group = next((i, g) for i, g in enumerate(optimizer.groups) if name in g.parameters)
        others = sum(born == step for born, _ in births) - 1
        bad, rate = _count_at(weights[name], step), _rate_at(result, optimizer, number, step)
        place = replace(step_place(result, optimizer.name), parameter=name, detail=f"{optimizer.name}, group {number}")
        yield Seen(
            f"at step {step} {bad:,} of {weights[name].elements:,} elements of `{name}`{f' and {others} more parameters' if others else ''} "
            f"stopped being finite in the optimizer's step; the gradients were finite. {_reason(result, group, rate, optimizer)}",
            place, {"step": step, "elements": bad, "learning_rate": rate, "eps": group.eps},
        )  # fmt: skip


@watched.check(
    "ND502", "vanishing gradients", severity=WARNING,
    advice="put normalisation or residual connections between the layers, or ReLU with kaiming initialisation",
)  # fmt: skip
def vanishing(result: WatchResult) -> Iterator[Seen]:
    """The backward signal fades along the depth at nearly every sampled step, and the loss does not fall."""
    adaptive = any(o.adaptive for o in result.optimizers if o.steps)
    limit = VANISHES_ADAPTIVE if adaptive else VANISHES_PLAIN
    layers, trends = _trends(result)
    loss = _demand_loss(result)
    ratio = middle([1.0 if t is None else t for t in trends])
    always = sum(t is not None and t <= SWAYS * limit for t in trends) >= ALWAYS * len(trends)
    if ratio > limit or not always or not loss.learnt_nothing():
        return
    yield Seen(
        f"over {len(layers)} layers the backward signal fades to {ratio:.1e} of its strength on its way from `{layers[-1]}` down to "
        f"`{layers[0]}` (median of {len(trends)} sampled steps, 0 to {result.steps - 1}), and {loss.track.name} stays at "
        f"{curve_shapes.end(loss.values):.3g}",
        _layer(layers[0]), {"ratio": ratio, "layers": len(layers), "steps": result.steps},
    )  # fmt: skip


@watched.check(
    "ND503", "exploding gradients", severity=WARNING,
    advice="smaller or orthogonal initialisation, normalisation between the layers; for recurrent nets clip_grad_norm_",
)  # fmt: skip
def exploding(result: WatchResult) -> Iterator[Seen]:
    """The backward signal grows along the depth at nearly every sampled step, so steeply that the loss does not fall."""
    layers, trends = _trends(result)
    loss = _demand_loss(result)
    growth = middle([t or 0.0 for t in trends])
    always = sum(t is not None and t >= EXPLODES / SWAYS for t in trends) >= ALWAYS * len(trends)
    if growth < EXPLODES or not always or not loss.learnt_nothing():
        return
    elasticity, name = _steepest(result)
    scale = loss.constant or abs(middle(loss.values))
    if not elasticity >= STEEP * scale:
        return
    yield Seen(
        f"over {len(layers)} layers the backward signal grows {growth:.1e} times on its way to `{layers[0]}` (median of {len(trends)} "
        f"sampled steps, 0 to {result.steps - 1}); moving `{name}` by 1 % along its gradient moves the loss by {0.01 * elasticity:.2g}, "
        f"and {loss.track.name} stays at {curve_shapes.end(loss.values):.3g}",
        Location(module=name.rpartition(".")[0], parameter=name), {"growth": growth, "elasticity": elasticity, "steps": result.steps},
    )  # fmt: skip


@watched.check(
    "ND307", "dead or saturated units", severity=WARNING,
    advice="smaller learning rate or weights, biases near zero, scaled inputs, normalisation before the non-linearity",
)  # fmt: skip
def stuck_units(result: WatchResult) -> Iterator[Seen]:
    """Units that did not respond to anything in the last sampled steps; an alarm when all are, or when the loss does not fall."""
    stuck = [u for u in result.units if _is_stuck(result, u)]
    if not stuck:
        return
    loss = only_loss(result)
    hopeless = loss is not None and len(loss.values) >= LOOKS and loss.learnt_nothing()
    for units in stuck:
        count = units.dead + units.saturated
        if units.saturated and not hopeless:
            continue
        whole = count == units.units
        severity = ERROR if whole and hopeless else WARNING if whole or hopeless else INFO
        since = f"since step {units.since}" if units.since >= 0 else "since the first step"
        named = ", ".join(map(str, units.first[:5])) + (" …" if count > 5 else "")
        yield Seen(
            f"{count} of {units.units} {units.function} units are {'saturated' if units.saturated else 'dead'} {since}, for every one of the "
            f"last {units.samples:,} samples{_while(loss) if hopeless and loss is not None else ''}",
            Location(module=units.name, detail=f"units {named}"),
            {"stuck": count, "units": units.units, "samples": units.samples, "since": units.since}, severity=severity,
        )  # fmt: skip


# -- updates -------------------------------------------------------------------------------------------------------


def _first_bad(weight: TensorTrack, update: TensorTrack | None) -> int | None:
    """The first sampled step after which it is not finite, if it was that step's doing."""
    first = next((i for i, count in enumerate(weight.nonfinite) if count), None)
    if first is None or update is None or _finite_at(update, weight.steps[first]):
        return None
    return weight.steps[first]


def _finite_at(track: TensorTrack, step: int) -> bool:
    return _count_at(track, step) == 0


def _count_at(track: TensorTrack, step: int) -> int:
    return next((count for s, count in zip(track.steps, track.nonfinite, strict=True) if s == step), 0)


def _rate_at(result: WatchResult, optimizer: Optimizer, number: int, step: int) -> float:
    names = (f"learning rate {optimizer.name}, group {number}", f"learning rate {optimizer.name}", "learning rate")
    track = next((result.tracks[name] for name in names if name in result.tracks), None)
    known = [] if track is None else [v for s, v in zip(track.steps, track.values, strict=True) if s <= step]
    return known[-1] if known else optimizer.groups[number].lr


def _reason(result: WatchResult, group: Group, rate: float, optimizer: Optimizer) -> str:
    half = any(m.dtype == "float16" for m in result.models)
    if not math.isfinite(rate):
        return f"The learning rate was {rate}"
    if optimizer.adaptive and group.eps == 0:
        return "eps is 0, so that a gradient of 0 is divided by 0"
    if optimizer.adaptive and half and group.eps is not None and group.eps < TINIEST_HALF:
        return f"The weights are float16, where eps = {group.eps:g} is 0, so that small gradients are divided by 0"
    return f"The learning rate was {rate:.3g}: {'the weights are float16, which ends at 65504' if half else 'look at what the step computes'}"


# -- signals along the depth ---------------------------------------------------------------------------------------


def _trends(result: WatchResult) -> tuple[list[str], list[float | None]]:
    """Layers in forward order; at each sampled step the signal at the first of them over that at the last."""
    back = {t.name: t for t in result.tensors_of("activation gradient") if t.kind in MULTIPLIES}
    layers = [t.name for t in result.tensors_of("activation") if t.name in back]
    roots = {name.partition(": ")[0] for name in layers if ": " in name}
    if len(roots) + any(": " not in name for name in layers) > 1:
        raise NotChecked("because several models were trained, whose depths are not one")
    steps = sorted(set.intersection(*(set(back[name].steps) for name in layers))) if layers else []
    if len(layers) < 4 or len(steps) < LOOKS:
        raise NotChecked(f"because {len(layers)} layers were seen at {len(steps)} sampled steps; 4 and {LOOKS} are needed")
    norms = {name: dict(zip(back[name].steps, back[name].rms, strict=True)) for name in layers}
    trends = [over_depth([(name, norms[name][step] * math.sqrt(back[name].elements)) for name in layers]) for step in steps]
    return layers, trends


def _steepest(result: WatchResult) -> tuple[float, str]:
    """|gradient|·|weight| of the parameter where it is largest, by the median over the steps."""
    gradients = {t.name: t for t in result.tensors_of("gradient")}
    found = [
        (middle([g for g in gradients[w.name].rms if math.isfinite(g)]) * middle([r for r in w.rms if math.isfinite(r)]) * w.elements, w.name)
        for w in result.tensors_of("weight")
        if w.name in gradients and not w.name.endswith("bias")
    ]
    return max((pair for pair in found if math.isfinite(pair[0])), default=(0.0, ""))


def _demand_loss(result: WatchResult) -> Loss:
    loss = only_loss(result)
    if loss is None or len(loss.values) < LOOKS:
        raise NotChecked(f"because there are not {LOOKS} finite values of one loss alone, by which harm is judged")
    return loss


def _layer(name: str) -> Location:
    return Location(module=name)


# -- units ---------------------------------------------------------------------------------------------------------


def _is_stuck(result: WatchResult, units: Units) -> bool:
    count = units.dead + units.saturated
    if units.samples < SAMPLES or result.steps - units.since <= LOOKS or count < MANY * units.units:
        return False
    if units.saturated and not _is_read_on(result, units.name):
        return False
    return count == units.units or _chance(units.units, count) < BY_CHANCE


def _is_read_on(result: WatchResult, name: str) -> bool:
    """Whether a layer with weights comes after it: what ends a model may saturate, because it is sure."""
    order = [t.name for t in result.tensors_of("activation")]
    after = order[order.index(name) + 1 :] if name in order else []
    kinds = {t.name: t.kind for t in result.tensors_of("activation")}
    return any(kinds[other] in MULTIPLIES for other in after)


def _chance(units: int, stuck: int) -> float:
    """Probability of at least so many tails among as many coins as there are units."""
    if units > 512:
        return 0.0
    return sum(math.comb(units, k) for k in range(stuck, units + 1)) / 2**units


def _while(loss: Loss) -> str:
    beside = f", where the best constant prediction gets {loss.constant:.3g}" if loss.constant is not None else ""
    return f", and {loss.track.name} stays at {curve_shapes.end(loss.values):.3g}{beside}"
