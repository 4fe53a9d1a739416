"""Checks of the activations: units with no way back, weights of unsound scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.activations.instrument import ENOUGH, activations
from nbdebug.instruments.activations.result import ActivationStats, Nonlinearity
from nbdebug.instruments.activations.scale import Large, Small
from nbdebug.instruments.activations.shut import Shut
from nbdebug.instruments.base import Seen

MANY = 0.6  # share of stuck units; our choice: sound nets that were measured stay below 0.5
LEVEL = 0.85  # share of samples and units at the ends of a squashing function; our choice: sound nets that were measured stay below 0.3
HARD = ("hardsigmoid", "hardtanh")  # their ends are flat, not nearly so
FEWEST = 4  # units of a gate
BY_CHANCE = 1e-6  # a unit deep in a plain net is dead like a coin falls: so many dead ones must be no accident
BLOCKED = 1e-6  # gradient before the layer over that after it
TIMES_CHANCE = 5.0  # a loss that falls so many times when one matrix is rescaled was made by that matrix
WIDE_TABLE, TIMES_WIDE = 5.0, 2.0  # rms of an embedding, and how many times the loss then falls; our choice: torch fills them with 1
STANDS = 0.8  # of the first loss that is left as it is, when from gain 1 it has halved; our choice
COMEBACK_ADAPTIVE = 1e6  # our choice, measured on digits: MLPs of 3 layers learn with Adam at 3e4 (std 1e-3), hardly at 3e8
COMEBACK_PLAIN = 1e3  # with SGD they learn at 35 (std 0.03) and not at 3e4; a small GPT with N(0, 0.02) gets to 300 and learns


@activations.check(
    "ND307", "dead or saturated units", severity=WARNING,
    advice="smaller learning rate or weights, biases near zero, scaled inputs, normalisation before the non-linearity",
)  # fmt: skip
def dead_or_saturated(stats: ActivationStats) -> Iterator[Seen]:
    """Units that never respond to any sample, so that no gradient can bring them back.

    Wrong: a ReLU that is zero, or a tanh that sits at its end, for all the data has slope zero: its weights stay.
    Seen: the slope of the non-linearity, by autograd, is under 0.001 for every one of at least 256 samples (or all
        there are). An error when the whole layer is stuck and the gradient of all matrices before it is gone; a
        warning when 60 % are, and more than chance makes of so few units, or when 85 % of all that a squashing function gives
        lies at its ends. Functions that end the model, partly silent codes of autoencoders, and gates are not accused, but for gates of slope exactly 0 (a hard sigmoid at its end), and for those that their
        biases hold at one end for every sample, when some steps of Adam leave them there and the same steps from biases of 0 bring the loss lower by a third or more.
    Where: the module (or function and line) and the first of the units; the bias, and the line that fills it, without which most respond.
    Try: lower the learning rate, bring biases back to zero, scale the inputs, normalise before the non-linearity.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        nn.init.constant_(model[0].bias, -20.0)
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        nn.init.constant_(model[0].bias, 0.1)
    Source: Lu, Shin, Su, Karniadakis, Dying ReLU and initialization, 2019; thresholds are our choice.
    """
    _demand_forward(stats)
    for n in stats.nonlinearities:
        if n.gate and n.function in HARD and n.units >= FEWEST and n.flat >= MANY * n.units and (n.seen >= ENOUGH or stats.all_seen):
            yield _seen_stuck(replace(n, stuck=n.flat), "with a slope of exactly 0: what they gate never opens or closes", severity=None)
            continue
        if n.squashes and n.level >= LEVEL and n.share < MANY and n.read_on and not n.gate and (n.seen >= ENOUGH or stats.all_seen):
            yield Seen(
                f"{n.level:.0%} of what {n.units} {n.function} units give over {n.seen} samples lies where its slope is under 0.001: they switch instead of bending, and hardly "
                "any gradient passes", n.location, {"level": n.level, "units": n.units, "samples": n.seen},
                advice="let less arrive: smaller weights, a smaller factor before it, scaled inputs, or normalisation",
            )  # fmt: skip
            continue
        if n.stuck == 0 or n.gate or (n.squashes and not n.read_on) or (n.seen < ENOUGH and not stats.all_seen):
            continue
        if n.stuck == n.units and _is_blocked(n):
            yield _seen_stuck(n, f"and the matrices before it get a gradient of {n.upstream:.1g}", severity=ERROR)
        elif n.share >= MANY and (n.squashes or _chance(n) < BY_CHANCE):
            severity = INFO if stats.reconstructs and n.stuck < n.units else None
            yield _seen_stuck(n, "and no gradient reaches their weights", severity=severity)
    if stats.shut is not None:
        yield _seen_shut(stats.shut)


@activations.check(
    "ND202", "weights of unsound scale", severity=WARNING,
    advice="nn.init.kaiming_normal_ before ReLU, xavier_normal_ before tanh; embeddings N(0, 0.02) to N(0, 1)",
)  # fmt: skip
def init_scale(stats: ActivationStats) -> Iterator[Seen]:
    """Weights or embeddings that start far too large or far too small.

    Wrong: too large, and the loss starts far above chance and gradients are wild; too small, and the signal dies on
        both ways, so that nothing moves.
    Seen: matrices whose gain (rms times the root of the fan-in) is above 3 or below 0.15 are suspects. On a copy a
        suspect is brought to gain 1. Large: the loss falls 5 times or more (2 of an embedding 5 times as wide as torch fills it), or some steps of Adam that leave more than half of it
        come from there to less than a fifth of that; an embedding, or positions that are added, also where on new batches the loss stands from
        there and comes down from the width that torch gives. Small: with all small ones rescaled,
        their own gradients come back by 1e6 (with SGD by 1000), or by 3000 and the steps of Adam that halve
        the loss of a batch from gain 1 take less than a fifth of it from where the weights are. What normalisation makes up for, one small head,
        zeros, and tied embeddings are not accused. Weights as a library of models draws them are only mentioned, when steps of Adam halve the loss from there:
        then it is SGD that does not go with them.
    Where: the parameter.
    Try: an initialisation that knows the fan-in; scale embeddings that are tied to the head by 1/sqrt(width).
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        nn.init.normal_(model[0].weight, std=5.0)
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        nn.init.kaiming_normal_(model[0].weight)
    Source: He, Zhang, Ren, Sun, Delving deep into rectifiers, 2015; thresholds are our choice, measured on digits.
    """
    _demand_forward(stats)
    if stats.scale_not_checked:
        raise NotChecked(stats.scale_not_checked)
    to_blame = [trial for trial in stats.large if _is_to_blame(trial, stats.large)]
    for trial in to_blame:
        yield Seen(
            f"`{trial.parameter}` has a gain of {trial.gain:.3g}; with a copy at gain 1 the loss falls from "
            f"{trial.before:.3g} to {trial.after:.3g}",
            _place(trial.parameter),
            {"gain": trial.gain, "loss": _plain(trial.before), "loss_rescaled": _plain(trial.after)},
        )
    if stats.held is not None and not to_blame:
        one = stats.held
        more = f", and {len(one.parameters) - 1} more are large" if len(one.parameters) > 1 else ""
        yield Seen(
            f"`{one.parameters[0]}` has a gain of {one.gain:.3g}{more}; {one.steps} steps bring the loss from {one.before:.3g} to {one.after:.3g}, and as many from copies at gain 1 to {one.rescaled:.3g}",
            _place(one.parameters[0]), {"gain": one.gain, "loss": one.before, "loss_after": one.after, "loss_rescaled": one.rescaled},
        )  # fmt: skip
    limit = COMEBACK_ADAPTIVE if stats.adaptive else COMEBACK_PLAIN
    if stats.small is not None and (stats.small.comeback >= limit or _holds_back(stats.small)):
        first, *others = stats.small.parameters
        tried = stats.small.trained if _holds_back(stats.small) else None
        learns = f"; {stats.small.steps} steps bring the loss from {tried[0]:.3g} to {tried[1]:.3g}, and as many from gain 1 to {tried[2]:.3g}" if tried else ""
        yield Seen(
            f"`{first}` and {len(others)} more matrices are tiny (gain down to {stats.small.gain:.1g}); with copies at "
            f"gain 1 their gradients are {stats.small.comeback:.1g} times as large{learns}{_from_there(stats.small)}",
            _place(first),
            {"gain": stats.small.gain, "comeback": _plain(stats.small.comeback), "matrices": 1 + len(others)},
            **_as_drawn(stats.small),
        )


def _from_there(small: Small) -> str:
    if small.learnt is None:
        return ""
    before, after, steps = small.learnt
    return f"; they are as their library draws them, and {steps} steps of Adam bring the loss of a batch from {before:.3g} to {after:.3g} from there: what is too little is the steps of your optimizer"


def _as_drawn(small: Small) -> dict[str, Any]:
    """Only a mention, where it is the optimizer's choice that does not go with such weights."""
    return {} if small.learnt is None else {"severity": INFO, "advice": "AdamW at 1e-4 to 3e-3, which takes the size out of the gradients; the weights may stay as they are"}


def _holds_back(small: Small) -> bool:
    """Whether the same steps bring the loss down from gain 1, and next to nowhere from what the weights are."""
    if small.trained is None:
        return False
    before, after, _ = small.trained
    return before > 0 and after > STANDS * before


def _is_blocked(n: Nonlinearity) -> bool:
    if n.upstream is None or n.downstream is None:
        return False
    return n.upstream <= BLOCKED * n.downstream


def _chance(n: Nonlinearity) -> float:
    """Probability of at least so many tails among as many coins as there are units."""
    ways = sum(math.comb(n.units, k) for k in range(n.stuck, n.units + 1)) if n.units <= 512 else 0
    return ways / 2**n.units if ways else 0.0


def _seen_stuck(n: Nonlinearity, consequence: str, *, severity) -> Seen:
    how = "saturated" if n.squashes else "dead"
    units = ", ".join(map(str, n.first_stuck)) + (" …" if n.stuck > len(n.first_stuck) else "")
    place = replace(n.location, detail=f"units {units}")
    if n.bias:
        detail = f"{n.location.module} · {place.detail}" if n.location.module else place.detail
        place = replace(place, parameter=n.bias, detail=detail)
    held = f"; with `{n.bias}` at 0 most of them respond" if n.bias else ""
    evidence = {"stuck": n.stuck, "units": n.units, "samples": n.seen, "upstream": n.upstream, "downstream": n.downstream}
    return Seen(
        f"{n.stuck} of {n.units} {n.function.strip('_')} units are {how} for every one of {n.seen} samples, {consequence}{held}",
        place, evidence, severity=severity,
    )  # fmt: skip


def _seen_shut(one: Shut) -> Seen:
    more = f" and {len(one.biases) - 1} more" if len(one.biases) > 1 else ""
    return Seen(
        f"`{one.biases[0]}`{more} hold {one.units} {one.function.strip('_')} gates at one end for every sample, and {one.steps} steps move none of them: they bring the loss from {one.before:.3g} to "
        f"{one.after:.3g}, and as many from biases of 0 to {one.freed:.3g}",
        replace(one.location, parameter=one.biases[0]), {"units": one.units, "loss": one.before, "loss_after": one.after, "loss_freed": one.freed},
        advice="a bias of -1 to -3 leaves a gate nearly shut, and a gradient that can open it",
    )  # fmt: skip


def _is_to_blame(trial: Large, others: tuple[Large, ...]) -> bool:
    """Alone it brings the loss down; or only all together do, and it is the largest of them."""
    if _falls(trial.before, trial.after, TIMES_WIDE if trial.table >= WIDE_TABLE else TIMES_CHANCE):
        return True
    together = _falls(trial.before, trial.all_after) and not any(_falls(t.before, t.after) for t in others)
    return together and trial is others[0]


def _falls(before: float, after: float, times: float = TIMES_CHANCE) -> bool:
    return before > 0 and math.isfinite(after) and before - after >= (times - 1) * abs(after)


def _plain(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _place(parameter: str) -> Location:
    return Location(module=parameter.rpartition(".")[0], parameter=parameter)


def _demand_forward(stats: ActivationStats) -> None:
    if stats.not_checked:
        raise NotChecked(stats.not_checked)
