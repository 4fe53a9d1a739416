"""What the layers put out over a few batches of training data, and which units never respond."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor

from nbdebug import loading
from nbdebug.batch import batch_size
from nbdebug.counterfactual import Counterfactual, in_training_mode, is_adaptive, trainable
from nbdebug.errors import NbdebugError, SetupError
from nbdebug.instruments.activations import scale
from nbdebug.instruments.activations.backwards import Backwards
from nbdebug.instruments.activations.listener import FLAT, Listener, Site, Units
from nbdebug.instruments.activations.names import SQUASHERS
from nbdebug.instruments.activations.result import ActivationStats, LayerOutput, Nonlinearity
from nbdebug.instruments.activations.shut import BATCHES, Shut, shut
from nbdebug.instruments.base import instrument
from nbdebug.tensor_stats import norms, to_floats
from nbdebug.training_setup import TrainingSetup

ENOUGH = 256  # samples below which a unit may be silent by chance; more batches are read until it is reached
MOST_BATCHES = 8  # times the batches asked for, when they are small
SUSPICIOUS = 0.5  # share of stuck units from which the gradient before and after the layer is measured
SHOWN = 8  # of the stuck units


@instrument("train_loader", title="activations", level="numbers", result=ActivationStats)
def activations(setup: TrainingSetup, *, batches: int = 4) -> Iterator[ActivationStats]:
    """What every layer gives: magnitudes, dead or saturated units, weights of unsound scale.

    Outputs in train mode over at least `batches` batches, more when they are small.

    Yields ever fuller results; no weight is moved.
    """
    in_training_mode(setup)
    heard, samples, first, backwards = Listener(setup.model), 0, None, Backwards()
    found = ActivationStats(0, 0, all_seen=False, adaptive=is_adaptive(setup))
    reading = loading.read(setup.train_loader)
    for number, delivered in enumerate(reading):
        if (number >= batches and samples >= ENOUGH) or number >= max(1, batches) * MOST_BATCHES:
            break
        first = delivered.batch if first is None else first
        reason, loss, graph = _forward(setup, delivered.batch, heard)
        if reason:
            yield replace(found, not_checked=reason, scale_not_checked=reason)
            return
        samples += batch_size(delivered.batch) or 0
        if found.lost_at is None and (not math.isfinite(loss) or (number and backwards.is_lost(setup, delivered.batch, graph))):
            found = replace(found, lost_at=number)
        del graph
        found = replace(found, **_heard(heard), batches=number + 1, samples=samples)
        yield found
    else:
        found = replace(found, all_seen=True)
    if found.lost_at is None and not found.all_seen:
        found = replace(found, lost_at=backwards.lost_later(setup, chain([delivered], reading)))
    found = replace(found, nonlinearities=tuple(_with_gradients(setup, first, heard, found.nonlinearities)))
    yield found
    found = replace(found, shut=_shut(setup, heard) if found.all_seen or samples >= ENOUGH else None)
    yield replace(found, **_scales(setup, first))


def _forward(setup: TrainingSetup, batch: Any, heard: Listener) -> tuple[str, float, Tensor | None]:
    """Why the forward pass did not run, "" when it did; and the loss, as a number and with its graph, 0 and None where there is none."""
    try:
        with heard:
            loss = setup.loss(batch)
    except SetupError as error:  # without a loss the forward pass still ran
        return "" if heard.layers else str(error), 0.0, None
    except NbdebugError as error:
        return str(error), 0.0, None
    return "", float(loss.detach()), loss


def _heard(heard: Listener) -> dict[str, Any]:
    return {
        "layers": tuple(LayerOutput(name, kind, stats) for name, (kind, stats) in heard.layers.items()),
        "nonlinearities": tuple(_judged(units) for units in heard.sites.values()),
        "reconstructs": heard.reconstructs,
    }


def _judged(units: Units) -> Nonlinearity:
    stuck = to_floats((units.steepest < FLAT) & units.driven)
    which = [unit for unit, flat in enumerate(stuck) if flat]
    return Nonlinearity(
        units.location, units.function, units.function in SQUASHERS, len(stuck), len(which), tuple(which[:SHOWN]),
        units.seen, units.gate, units.read_on, int(((units.steepest == 0) & units.driven).sum()),
        level=units.level / max(1, units.seen * len(stuck)),
    )  # fmt: skip


def _with_gradients(
    setup: TrainingSetup, batch: Any, heard: Listener, found: tuple[Nonlinearity, ...]
) -> Iterator[Nonlinearity]:
    """Adds the gradient on either side of the suspicious ones, from one backward pass."""
    if all(n.share < SUSPICIOUS for n in found):
        yield from found
        return
    try:
        arrived = _matrix_gradients(Counterfactual(setup, batch), dict(trainable(setup.model)), heard.matrices)
    except (NbdebugError, RuntimeError):
        yield from found
        return
    for n, (site, units) in zip(found, heard.sites.items(), strict=True):
        split = units.matrices_before
        bias = _held_by(setup, batch, heard, site) if n.share >= SUSPICIOUS else ""
        yield replace(n, upstream=_total(arrived[:split]), downstream=_total(arrived[split:]), bias=bias)


def _held_by(setup: TrainingSetup, batch: Any, heard: Listener, site: Site) -> str:
    """The bias before a non-linearity that holds its units where they are: with it at zero, most of the stuck ones respond."""
    units, weights = heard.sites[site], dict(trainable(setup.model))
    matrix = heard.matrices[units.matrices_before - 1] if units.matrices_before else ""
    name = f"{matrix.rpartition('.')[0]}.bias"
    if name not in weights or not bool(weights[name].detach().any()):
        return ""
    again = Listener(setup.model)
    try:
        with again:
            Counterfactual(setup, batch).value({name: torch.zeros_like(weights[name])})
    except (NbdebugError, RuntimeError):
        return ""
    other = again.sites.get(site)
    if other is None or other.steepest.shape != units.steepest.shape:
        return ""
    stuck = (units.steepest < FLAT) & units.driven
    return name if int((stuck & (other.steepest >= FLAT)).sum()) > int(stuck.sum()) / 2 else ""


def _matrix_gradients(trial: Counterfactual, weights: Mapping[str, Tensor], order: list[str]) -> list[float | None]:
    """Norm of the gradient of each matrix, None for a frozen one."""
    given = trial.gradients({name: weights[name].detach() for name in order if name in weights})
    known = dict(zip(given, norms(list(given.values())), strict=True))
    return [known.get(name) for name in order]


def _total(arrived: list[float | None]) -> float | None:
    known = [norm for norm in arrived if norm is not None]
    return math.hypot(*known) if known else None


def _shut(setup: TrainingSetup, heard: Listener) -> Shut | None:
    if not any(units.gate for units in heard.sites.values()):
        return None
    try:
        return shut(setup, heard, [one.batch for one in islice(loading.read(setup.train_loader), BATCHES)])
    except (NbdebugError, RuntimeError):  # the step does not run with lent weights
        return None


def _scales(setup: TrainingSetup, batch: Any) -> dict[str, Any]:
    try:
        large = tuple(scale.large(setup, batch))
        return {"large": large, "held": scale.held(setup, batch, large, lambda most: [one.batch for one in islice(loading.read(setup.train_loader), most)]), "small": scale.small(setup, batch), "scale_not_checked": ""}
    except (NbdebugError, RuntimeError) as error:
        return {"scale_not_checked": f"the step does not run with lent weights ({str(error).splitlines()[0]})"}
