"""Checks of the backward pass: units that never differ, signals that fade or grow."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug.depth import EXPLODES, STEEP
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.gradients.instrument import gradients
from nbdebug.instruments.gradients.result import GradientStats
from nbdebug.instruments.gradients.trend import faded, grown

UNFELT = 0.05  # effect of shuffling the early weights over that of the late ones; our choice: sound nets are above 0.3


@gradients.check(
    "ND201", "units that can never differ", severity=ERROR,
    advice="initialise at random, e.g. nn.init.kaiming_normal_(weight); zeros and constants are for biases and norms",
)  # fmt: skip
def init_symmetric(stats: GradientStats) -> Iterator[Seen]:
    """Weights that start alike in all units and stay alike for ever.

    Wrong: units with equal weights compute the same, get the same gradient and remain one single unit.
    Seen: all rows of a trainable matrix are equal (in an LSTM or GRU: within each gate), or at least half of them are copies of
        others, and still are after three imagined steps down the gradient. The same is asked of the columns of embeddings (and of other matrices whose rows
        are picked), and of whole layers beside each other that began as copies (experts, members of an ensemble). A zero head, adapter or residual branch is not accused: its gradient
        rows differ, so that it wakes up.
    Where: the parameter.
    Try: initialise at random (kaiming, xavier, orthogonal); keep zeros and constants for biases and norm layers.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        for parameter in model.parameters():
            nn.init.constant_(parameter, 0.01)
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        nn.init.constant_(model[0].bias, 0.01)
    Source: Goodfellow, Bengio, Courville, Deep Learning, 8.4 Parameter Initialization Strategies.
    """
    _demand_backward(stats)
    if stats.symmetry_not_checked:
        raise NotChecked(stats.symmetry_not_checked)
    for one in stats.copies:
        named = ", ".join(f"`{name}`" for name in one.names[:4]) + (" …" if len(one.names) > 4 else "")
        yield Seen(
            f"{named} of {f'`{one.owner}`' if one.owner else 'the model'} are {len(one.names)} {one.kind} with the same weights, and their gradients are the same too: they act as one",
            Location(module=f"{one.owner}.{one.names[0]}" if one.owner else one.names[0]), {"copies": len(one.names)},
            advice="build each of them anew: [make() for _ in range(n)], and no copies of one",
        )  # fmt: skip
    known = {p.name: p for p in stats.parameters}
    for name, distinct in stats.symmetric.items() if not stats.copies else ():
        shape = known[name].shape
        same = "all units" if distinct == 1 else f"of the units only {distinct} differ, the others are copies: those"
        yield Seen(
            f"{same} of `{name}` {shape} have the same weights, and their gradients are the same too: they act as {'one' if distinct == 1 else distinct}",
            _place(name),
            {"units": shape[0], "distinct": distinct, "gradient_norm": known[name].norm},
        )


@gradients.check(
    "ND502", "vanishing gradients", severity=WARNING,
    advice="put normalisation or residual connections between the layers, or ReLU with kaiming initialisation",
)  # fmt: skip
def vanishing(stats: GradientStats) -> Iterator[Seen]:
    """Gradients that fade from layer to layer towards the input.

    Wrong: the early layers get next to no gradient, stay random, and pass on next to nothing of the input.
    Seen: the norm of the gradient where each weight matrix is used falls in every quarter of the depth, in all below
        2e-5 of what arrives at the output end (5e-3 with SGD, which cannot make up for it), and shuffling the early
        weights is not felt in the loss beside shuffling late ones. Or a matrix gets less than 1e-8 of the gradient of others, and
        new random values in it leave the loss as it is. A small or zero head, zero residual branches and fading over time steps
        alone, where late steps teach the same weights, are not accused.
    Where: the first matrix that the input meets.
    Try: normalisation, residual connections, ReLU-like activations with kaiming initialisation, fewer layers.
    Bad:
        layers = [layer for _ in range(12) for layer in (nn.Linear(64, 64), nn.Sigmoid())]
        model = nn.Sequential(*layers, nn.Linear(64, 10))
    Good:
        layers = [layer for _ in range(6) for layer in (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())]
        model = nn.Sequential(*layers, nn.Linear(64, 10))
    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010; the
        thresholds are our choice, measured on digits (see nbdebug/depth.py).
    """
    _demand_backward(stats)
    ratio = faded(stats)
    if ratio is None or (stats.experiment is not None and not stats.experiment.early <= UNFELT * stats.experiment.late):
        yield from _lost_on_the_way(stats)
        return
    first, last = stats.signals[0].parameter, stats.signals[-1].parameter
    matrices = len({signal.parameter for signal in stats.signals})
    felt = "" if stats.experiment is None else (
        f"; shuffling the early weights changes the loss by {stats.experiment.early:.2g}, "
        f"the late ones by {stats.experiment.late:.2g}"
    )  # fmt: skip
    through = " and ".join(f"{count} {kind}" for kind, count in stats.squashing.items())
    yield Seen(
        f"over {matrices} weight matrices{f' and through {through}' if through else ''} the backward signal fades to {ratio:.1e} of its strength, "
        f"from `{last}` down to `{first}`{felt}",
        _place(first),
        {"ratio": ratio, "matrices": matrices, "first": stats.signals[0].norm, "last": stats.signals[-1].norm, "gain": _gain(stats, first)},
    )


def _gain(stats: GradientStats, name: str) -> float | None:
    """By how much a matrix stretches what it is given, on average: 1.4 after kaiming_normal_, 0.6 where torch fills a layer."""
    row = next((p for p in stats.parameters if p.name == name and len(p.shape) > 1), None)
    return None if row is None else row.weight_norm / math.sqrt(row.shape[0])


@gradients.check(
    "ND503", "exploding gradients", severity=WARNING,
    advice="smaller or orthogonal initialisation, normalisation between the layers; for recurrent nets clip_grad_norm_",
)  # fmt: skip
def exploding(stats: GradientStats) -> Iterator[Seen]:
    """Gradients that grow from layer to layer (or time step to time step) towards the input.

    Wrong: a tiny move of an early weight throws the loss about, so that no learning rate fits.
    Seen: the norm of the gradient where each weight is used grows in every quarter of the way back, in all 50 times
        and more, and the loss changes by more than 100 times its own scale per relative change of a weight; its scale
        is the loss with the last matrix at zero, which is that of a prediction that knows nothing. Or the loss changes 100 times as
        much as one parameter does, in shares, and with less of it comes down by 1000.
    Where: the matrix with the steepest loss.
    Try: smaller or orthogonal initialisation, normalisation, residual branches scaled down, gradient clipping.
    Bad:
        layers = [layer for _ in range(8) for layer in (nn.Linear(64, 64), nn.Tanh())]
        model = nn.Sequential(*layers, nn.Linear(64, 10))
        for layer in model[::2]:
            nn.init.normal_(layer.weight, std=0.9)
    Good:
        layers = [layer for _ in range(8) for layer in (nn.Linear(64, 64), nn.Tanh())]
        model = nn.Sequential(*layers, nn.Linear(64, 10))
        for layer in model[::2]:
            nn.init.xavier_normal_(layer.weight)
    Source: Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, 2013; the thresholds
        are our choice, measured on digits (see nbdebug/depth.py).
    """
    _demand_backward(stats)
    growth = grown(stats)
    if stats.steep is not None:
        trial = stats.steep
        yield Seen(
            f"moving `{trial.parameter}` by 1 % changes the loss by {trial.degree:.3g} %, as what multiplies itself at every step does; with {trial.factor:g} times "
            f"`{trial.parameter}` the loss is {trial.after:.3g} instead of {stats.loss:.3g}",
            _place(trial.parameter), {"elasticity": trial.degree, "loss": stats.loss, "loss_after": trial.after},
            advice="begin with a smaller value, take smaller or fewer steps in time, or keep the growth from step to step below one",
        )  # fmt: skip
        return
    if growth is None or growth < EXPLODES:
        return
    steepest = max((p for p in stats.parameters if len(p.shape) >= 2), key=lambda p: p.elasticity)
    scale = _loss_scale(stats)
    if not steepest.elasticity >= STEEP * scale:
        return
    yield Seen(
        f"the backward signal grows {growth:.1e} times on its way to the input; moving `{steepest.name}` by 1 % along its "
        f"gradient moves the loss by {0.01 * steepest.elasticity:.2g}, where a prediction that knows nothing has {scale:.3g}",
        _place(steepest.name),
        {"growth": growth, "elasticity": steepest.elasticity, "loss": stats.loss, "loss_scale": scale},
    )


def _lost_on_the_way(stats: GradientStats) -> Iterator[Seen]:
    for trial in stats.unfelt[:1]:
        more = f" ({len(stats.unfelt) - 1} more fare alike)" if len(stats.unfelt) > 1 else ""
        yield Seen(
            f"the gradient of `{trial.parameter}` is {trial.share:.1e} of that of other matrices, and new random values in it change the loss by {trial.change:.1g}, "
            f"those in `{trial.beside}` by {trial.other:.2g}: on its long way to the loss what it says is forgotten{more}",
            _place(trial.parameter), {"ratio": trial.share, "change": trial.change, "other_change": trial.other},
            advice="give it a shorter way: gates that stay open, a residual or skip connection, fewer steps, less leak",
        )  # fmt: skip


def _loss_scale(stats: GradientStats) -> float:
    uninformed = abs(stats.experiment.uninformed) if stats.experiment and stats.experiment.uninformed else math.nan
    return uninformed if math.isfinite(uninformed) else abs(stats.loss or 0.0)


def _demand_backward(stats: GradientStats) -> None:
    if stats.not_checked:
        raise NotChecked(stats.not_checked)


def _place(parameter: str) -> Location:
    return Location(module=parameter.rpartition(".")[0], parameter=parameter)
