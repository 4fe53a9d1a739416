"""Gates that their biases hold shut, or open, for every sample: may they be so at first, or do they never move? Some steps of Adam tell, as it is and with those biases at 0."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from nbdebug.counterfactual import Counterfactual, is_adaptive, trainable
from nbdebug.errors import NbdebugError
from nbdebug.findings import Location
from nbdebug.instruments.activations import scale
from nbdebug.instruments.activations.listener import FLAT, Listener, Site, Units
from nbdebug.training_setup import TrainingSetup

ALL_BUT = 0.95  # share of a gate's units without a slope, from which on it is asked about; our choice
BATCHES, FEWEST, ROUNDS = 30, 4, 2  # that are trained on, and how often
PATIENCE = 5.0  # seconds of the processor for both courses
LEARNT, AHEAD = 0.9, 1.35  # of the first loss, below which it learns at all from biases of 0, and how many times lower it must be then; our choice


@dataclass(frozen=True)
class Shut:
    """Gates that stay as they are, whatever is learnt around them."""

    location: Location
    function: str
    biases: tuple[str, ...]
    units: int
    before: float  # the loss at first
    after: float  # after some steps
    freed: float  # after as many with the biases at 0
    steps: int


def shut(setup: TrainingSetup, heard: Listener, batches: Sequence[Any]) -> Shut | None:
    """None where no gate stands at one end for every sample, where it moves away from there by itself, and where it makes no difference."""
    weights = {name: p.detach() for name, p in trainable(setup.model)}
    suspects = {name: site for site, units in reversed(heard.sites.items()) if units.gate and _is_stuck(units) and (name := _bias(units, heard, weights))}
    if not suspects or len(batches) < FEWEST:
        return None
    trials = [Counterfactual(setup, batch) for batch in batches]
    zeros = {name: torch.zeros_like(weights[name]) for name in reversed(suspects) if not _stays_stuck(setup, trials[0], {name: torch.zeros_like(weights[name])}, suspects[name])}
    if not zeros:
        return None
    rate, until = scale._rate(setup) if is_adaptive(setup) else scale.MODERATE, time.process_time() + PATIENCE
    first = math.fsum(trial.value() for trial in trials[:FEWEST]) / FEWEST
    learns = scale._course(trials, weights | zeros, rate, ROUNDS * len(trials), until, 0.0)
    if not scale._late(learns) <= LEARNT * first:
        return None
    as_is = dict(weights)
    stays = scale._course(trials, as_is, rate, len(learns), until, 0.0)
    if len(stays) < len(learns) or not scale._late(stays) >= AHEAD * scale._late(learns):
        return None
    held = [name for name in zeros if _stays_stuck(setup, trials[0], as_is, suspects[name])]
    if not held:
        return None
    units = [heard.sites[suspects[name]] for name in held]
    return Shut(units[0].location, units[0].function, tuple(held), sum(len(u.steepest) for u in units), first, scale._late(stays), scale._late(learns), len(learns))


def _is_stuck(units: Units) -> bool:
    return float((units.steepest < FLAT).float().mean()) >= ALL_BUT


def _bias(units: Units, heard: Listener, weights: dict[str, torch.Tensor]) -> str:
    """The bias of the last layer before a gate, if there is one that is not 0."""
    matrix = heard.matrices[units.matrices_before - 1] if units.matrices_before else ""
    name = f"{matrix.rpartition('.')[0]}.bias"
    return name if name in weights and len(weights[name]) == len(units.steepest) and bool(weights[name].any()) else ""


def _stays_stuck(setup: TrainingSetup, trial: Counterfactual, lent: dict[str, torch.Tensor], site: Site) -> bool:
    """Whether a gate is stuck with other weights too; also where the step does not run with those."""
    again = Listener(setup.model)
    try:
        with again:
            trial.value({name: nn.Parameter(weight, requires_grad=False) for name, weight in lent.items()})  # layers are told by their parameters
    except (NbdebugError, RuntimeError):
        return True
    return site not in again.sites or _is_stuck(again.sites[site])
