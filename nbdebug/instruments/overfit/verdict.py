"""What the attempts on a few samples prove, and what they do not."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from nbdebug.counterfactual import trainable
from nbdebug.instruments.overfit.floor import Reading
from nbdebug.instruments.overfit.result import FAIL, PASS, UNDECIDED, Attempt, Trial
from nbdebug.training_setup import TrainingSetup

HALF = 0.5  # of the way from the first loss to the floor; what no attempt reaches is out of reach
AT_FLOOR = 0.02  # loss units above the floor where there is nothing left to learn
FALLS = 0.02  # of the way, from one quarter of the steps to the next: more steps would have helped
ROOM = 10  # parameters per number to be hit, below which a model may be too small to memorise
NEEDS_CLOSURE = ("LBFGS",)


def judged(setup: TrainingSetup, trial: Trial, reading: Reading | None) -> Trial:
    best = trial.best
    if best is None or reading is None or trial.start is None:
        return replace(trial, reason="nothing could be tried")
    if not math.isfinite(trial.start):
        return replace(trial, reason="the loss is not finite before the first step")
    if nothing_to_learn(trial):
        return replace(trial, verdict=PASS, reason="the loss is at its floor from the start")
    if best.memorised and best.optimizer.startswith("your"):
        return replace(trial, verdict=PASS, reason=f"memorised in {best.steps[-1]} steps")
    if best.memorised:
        return replace(trial, reason=_only_with(setup, best))
    verdict, reason = _not_memorised(setup, trial, reading, best)
    return replace(trial, verdict=verdict, reason=reason)


def _only_with(setup: TrainingSetup, best: Attempt) -> str:
    """What a success of our own optimizer says about the user's."""
    rates = ", ".join(f"{group['lr']:g}" for o in setup.optimizers for group in o.param_groups[:1] if "lr" in group)
    kinds = "+".join(dict.fromkeys(type(o).__name__ for o in setup.optimizers))
    if any(kind in NEEDS_CLOSURE for kind in kinds.split("+")):
        return f"memorised with {best.optimizer}; {kinds} needs a closure and was not tried"
    return f"memorised with {best.optimizer} but not with your {kinds} at {rates}"


def _not_memorised(setup: TrainingSetup, trial: Trial, reading: Reading, best: Attempt) -> tuple[str, str]:
    reached = f"the loss went {best.progress:.0%} of the way down"
    if reading.floor is None:
        return UNDECIDED, reading.why_unknown
    if any(attempt.accuracy == 1.0 for attempt in trial.attempts):
        return UNDECIDED, f"all classes are right, though {reached}"
    if best.progress >= HALF:
        return UNDECIDED, f"{reached} at best ({best.optimizer}); more steps may do"
    if any(_still_falls(attempt, trial.floor or 0.0) for attempt in trial.attempts):
        return UNDECIDED, f"{reached} at best ({best.optimizer}) and still falls"
    parameters = sum(p.numel() for p in owned(setup))
    if reading.scored > 1 and parameters < ROOM * reading.scored:
        return UNDECIDED, f"the model may be too small: {parameters} parameters for {reading.scored} targets"
    return FAIL, f"{reached} at best ({best.optimizer})"


def _still_falls(attempt: Attempt, floor: float) -> bool:
    """Whether the last quarter of the steps brought the loss down further."""
    quarter = len(attempt.losses) // 4
    if quarter == 0 or not all(map(math.isfinite, attempt.losses)):
        return False
    before, after = attempt.losses[-2 * quarter : -quarter], attempt.losses[-quarter:]
    return (math.fsum(before) - math.fsum(after)) / quarter > FALLS * (attempt.losses[0] - floor)


def nothing_to_learn(trial: Trial) -> bool:
    """Whether the loss is as low as it can be before the first step."""
    return trial.floor is not None and trial.start is not None and abs(trial.start - trial.floor) <= AT_FLOOR


def owned(setup: TrainingSetup) -> list[torch.nn.Parameter]:
    """What the user's optimizers train of this model; all of it when they were built for another."""
    owned = {id(p) for o in setup.optimizers for group in o.param_groups for p in group["params"]}
    every = [p for _, p in trainable(setup.model)]
    return [p for p in every if id(p) in owned] or every
