"""What there is time for: fewer and shorter trials where a step is dear."""

from __future__ import annotations

from dataclasses import dataclass

USUAL_TRIALS = 7  # of a repeat, the trial at the user's own rate among them
FEWEST_TRIALS = 3  # of a repeat, below which no rate lies between two others
STILL = 0.5  # of a step: a forward pass, and the waiting for its loss
TRIAL_STEPS = 40  # the rates that are best after 30 to 50 steps are those that are best after 300 (benchmarks/lr_find.py)


@dataclass(frozen=True)
class Plan:
    """Steps and repeats."""

    sweep: int
    trial: int
    repeats: int

    @property
    def batches(self) -> int:
        """That a trial meets; to a sweep they come round again."""
        return self.trial + 1

    @property
    def steps(self) -> float:
        """All of them, in training steps."""
        return self.repeats * (STILL * self.batches + self.sweep + USUAL_TRIALS * self.trial)

    @property
    def fewest(self) -> float:
        """Steps below which nothing can be suggested."""
        return STILL * self.batches + self.sweep + FEWEST_TRIALS * self.trial


def planned(steps: int, repeats: int, *, step_seconds: float, seconds: float | None) -> Plan:
    """The fullest plan that fits, or the shortest there is."""
    shorter = [(1.0, TRIAL_STEPS, repeats), (1.0, 30, repeats), (0.7, 30, 2), (0.5, 25, 1), (0.4, 15, 1), (0.25, 10, 1)]
    plans = [Plan(max(2, round(share * steps)), trial, min(repeats, times)) for share, trial, times in shorter]
    if seconds is None:
        return plans[0]
    return next((plan for plan in plans if plan.steps * step_seconds <= seconds), plans[-1])
