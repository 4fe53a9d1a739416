"""Checks of the layers over the steps: gradients that fade or grow along the depth, units that are stuck."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug import curve_shapes
from nbdebug.curve_shapes import middle
from nbdebug.depth import EXPLODES, STEEP, VANISHES_ADAPTIVE, VANISHES_PLAIN, over_depth
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.learning import Loss, beside, demand_loss, only_loss
from nbdebug.instruments.watch.result import Units, WatchResult
from nbdebug.instruments.watch.session import watched

STEPS = 20  # over which a trend along the depth must hold; our choice
LOOKS = 8  # of them, that were sampled
ALWAYS = 0.9  # of them; our choice
SWAYS = 5.0  # times, by which a single step may miss the threshold that the median must keep; our choice: batches differ
FAR_STEEPER, SHALLOWER = 10.0, 0.5  # times STEEP, from which on so much of the growth is enough: batch by batch growth goes up and down twofold, and where one stands so steep no chance decides; our choice
MANY = 0.6  # share of stuck units; as in the activations instrument, where it was measured
BY_CHANCE = 1e-6  # likewise: a unit deep in a plain net is dead like a coin falls
SAMPLES = 128  # rows without one response in the last looks, after STEPS steps without one; our choice
FORGETS = 0.3  # largest eigenvalue of a recurrent matrix; our choice: torch's own initialisation has 0.58, whatever the size
UNITS = 16  # below which that is a matter of chance
LONG = 100  # steps without having learnt anything; our choice: some tasks take as long to begin
READ = "input of "  # begins the name of a function that a layer reads
MULTIPLIES = ("Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Bilinear")


@watched.check(
    "ND502", "vanishing gradients", severity=WARNING,
    advice="put normalisation or residual connections between the layers, or ReLU with kaiming initialisation",
)  # fmt: skip
def vanishing(result: WatchResult) -> Iterator[Seen]:
    """The backward signal fades along the depth, or from time step to time step, all the time, and the loss does not fall."""
    forgetful = _forgetful(result)
    if forgetful is not None:
        yield forgetful
        return
    adaptive = any(o.adaptive for o in result.optimizers if o.steps)
    limit = VANISHES_ADAPTIVE if adaptive else VANISHES_PLAIN
    layers, trends = _trends(result)
    loss = demand_loss(result, STEPS)
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
    loss = demand_loss(result, STEPS)
    elasticity, name = _steepest(result)
    scale = loss.constant or abs(middle(loss.values))
    least = EXPLODES * (SHALLOWER if elasticity >= FAR_STEEPER * STEEP * scale else 1.0)
    growth = middle([t or 0.0 for t in trends])
    always = sum(t is not None and t >= least / SWAYS for t in trends) >= ALWAYS * len(trends)
    if growth < least or not always or not elasticity >= STEEP * scale or not loss.learnt_nothing():
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
    hopeless = loss is not None and len(loss.values) >= STEPS and loss.learnt_nothing()
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
            Location(module=_fed(result, units.name), detail=f"units {named}" + (f", {units.name}" if units.name.startswith(READ) else "")),
            {"stuck": count, "units": units.units, "samples": units.samples, "since": units.since}, severity=severity,
        )  # fmt: skip


def _fed(result: WatchResult, name: str) -> str:
    """Of a function between two layers the one before, whose weights can do something about it; a module itself."""
    layers = [t.name for t in result.tensors_of("activation") if t.kind in MULTIPLIES]
    after = name.removeprefix(READ)
    place = layers.index(after) if name.startswith(READ) and after in layers else 0
    return layers[place - 1] if place else name


def _forgetful(result: WatchResult) -> Seen | None:
    """A plain recurrent layer whose state is gone after two or three time steps, under a loss that learnt nothing.

    The largest eigenvalue of a random matrix of n units is about √n times its root mean square.
    """
    loss, kinds = only_loss(result), {t.name: t.kind for t in result.tensors_of("activation")}
    if loss is None or loss.constant is None or len(loss.values) < LONG or not loss.learnt_nothing():
        return None
    for weight in result.tensors_of("weight"):
        layer, _, matrix = weight.name.rpartition(".")
        units = math.isqrt(weight.elements)
        if kinds.get(layer) != "RNN" or not matrix.startswith("weight_hh") or units**2 != weight.elements or units < UNITS:
            continue
        kept = math.sqrt(units) * weight.rms[0]
        if kept <= FORGETS and math.sqrt(units) * middle(weight.rms) <= 2 * FORGETS:
            return Seen(
                f"`{weight.name}` began with a root mean square of {weight.rms[0]:.2g}, so that about {kept:.0%} of the state, and of a gradient, is left "
                f"after a time step and {kept**10:.0e} after ten; torch begins with {1 / math.sqrt(3 * units):.2g}. {loss.track.name} stays at "
                f"{curve_shapes.end(loss.values):.3g}{beside(loss)}",
                Location(module=layer, parameter=weight.name), {"kept": kept, "units": units, "steps": result.steps},
                advice=f"nn.init.orthogonal_({weight.name}), or an LSTM or GRU",
            )  # fmt: skip
    return None


def _trends(result: WatchResult) -> tuple[list[str], list[float | None]]:
    """Layers in forward order; at each sampled step the signal at the first of them over that at the last."""
    back = {t.name: t for t in result.tensors_of("activation gradient") if t.kind in MULTIPLIES}
    layers = [t.name for t in result.tensors_of("activation") if t.name in back]
    roots = {name.partition(": ")[0] for name in layers if ": " in name}
    if len(roots) + any(": " not in name for name in layers) > 1:
        raise NotChecked("because several models were trained, whose depths are not one")
    steps = sorted(set.intersection(*(set(back[name].steps) for name in layers))) if layers else []
    if len(layers) < 4 or len(steps) < LOOKS or steps[-1] - steps[0] < STEPS - 1:
        raise NotChecked(
            f"because a trend along the depth needs 4 layers and {LOOKS} sampled steps over {STEPS}: {len(layers)} and {len(steps):,} were seen"
        )
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


def _layer(name: str) -> Location:
    return Location(module=name)


def _is_stuck(result: WatchResult, units: Units) -> bool:
    count = units.dead + units.saturated
    if units.samples < SAMPLES or result.steps - units.since <= STEPS or count < MANY * units.units:
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
    return f", and {loss.track.name} stays at {curve_shapes.end(loss.values):.3g}{beside(loss)}"
