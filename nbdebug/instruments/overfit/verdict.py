"""What the attempts on a few samples prove, and what they do not."""

from __future__ import annotations

import math
from dataclasses import replace

from nbdebug.instruments.overfit.attempts import SMOOTHED, Task, rates
from nbdebug.instruments.overfit.result import FAIL, PASS, UNDECIDED, Attempt, Trial
from nbdebug.stepping import owned

HALF = 0.5  # of the way from the first loss to the floor; what no attempt reaches is out of reach
AT_FLOOR = 0.02  # loss units above the floor where there is nothing left to learn
FALLS = 0.02  # of the way, from one quarter of the steps to the next: more steps would have helped
ROOM = 10  # parameters per number to be hit, below which a model may be too small to memorise
MANY = 100  # steps, below which nothing is said against a model: deep ones are slow to begin; our choice


def judged(task: Task, trial: Trial) -> Trial:
    """The trial with its verdict."""
    best = trial.best
    if best is None or trial.start is None:
        return replace(trial, reason="nothing could be tried")
    if not math.isfinite(trial.start):
        return replace(trial, reason="the loss is not finite before the first step")
    if nothing_to_learn(trial):
        drawn = "something is drawn anew at each step, and the model is as good as predictions that do not know what"
        if task.floor.noisy or trial.start < trial.floor - AT_FLOOR:
            return replace(trial, reason=drawn if task.floor.noisy else "the loss begins below what was found to be its floor")
        return replace(trial, verdict=PASS, reason="the loss is at its floor from the start")
    if best.memorised and best.optimizer.startswith("your"):
        return replace(trial, verdict=PASS, reason=_how(best))
    if best.memorised:
        return replace(trial, reason=f"memorised with {best.optimizer} but not with {trial.attempts[0].optimizer} at {rates(task.setup)}")
    verdict, reason = _not_memorised(task, trial, best)
    return replace(trial, verdict=verdict, reason=reason)


def nothing_to_learn(trial: Trial) -> bool:
    """Whether the loss is as low as it can be before the first step; one that draws anew at each step may begin below its floor."""
    return trial.floor is not None and trial.start is not None and trial.start - trial.floor <= AT_FLOOR


def answered(trial: Trial) -> bool:
    """Whether another attempt would not change the verdict."""
    if trial.floor is None or nothing_to_learn(trial) or not math.isfinite(trial.start or 0.0):
        return True
    return any(attempt.memorised for attempt in trial.attempts)


def _how(best: Attempt) -> str:
    hidden = "" if best.calm is None else f": without the noise of dropout the loss is {best.calm:.3g}"
    return f"memorised in {best.steps[-1]} steps{hidden}"


def _not_memorised(task: Task, trial: Trial, best: Attempt) -> tuple[str, str]:
    reached = f"the loss went {best.progress:.0%} of the way down"
    if task.floor.value is None:
        return UNDECIDED, task.floor.why_unknown
    if any(attempt.accuracy == 1.0 for attempt in trial.attempts):
        return UNDECIDED, f"all classes are right, though {reached}"
    if task.floor.noisy and min(level(attempt) for attempt in trial.attempts) < task.floor.value:
        return UNDECIDED, "the loss falls below what the best fixed predictions get: what is drawn at each step can be told from the inputs, and how low that leads is not known"
    half_way = max(trial.attempts, key=lambda attempt: settled(attempt, task))
    if settled(half_way, task) >= HALF:
        return UNDECIDED, f"{reached} at best ({best.optimizer}); more steps may do"
    if any(still_falls(attempt, task) for attempt in hopeful(trial, task)):
        return UNDECIDED, f"{reached} at best ({best.optimizer}) and still falls"
    if task.steps < MANY:
        return UNDECIDED, f"{reached} in {task.steps} steps; {MANY} and more would tell"
    parameters = sum(p.numel() for p in owned(task.setup))
    if task.floor.scored > 1 and parameters < ROOM * task.floor.scored:
        return UNDECIDED, f"the model may be too small: {parameters} parameters for {task.floor.scored} targets"
    return FAIL, f"{reached} at best ({best.optimizer})"


def settled(attempt: Attempt, task: Task) -> float:
    """Share of the way that it has gone by a mean of some readings."""
    way = attempt.losses[0] - (task.floor.value or 0.0)
    calm = (attempt.losses[0] - attempt.calm) / way if attempt.calm is not None and way > 0 else 0.0
    return max(calm, (attempt.losses[0] - level(attempt)) / way) if way > 0 else 0.0


def level(attempt: Attempt) -> float:
    """The lowest mean of some readings in a row: one lucky draw is no progress."""
    width = min(SMOOTHED, len(attempt.losses))
    means = [math.fsum(attempt.losses[i : i + width]) / width for i in range(len(attempt.losses) - width + 1)]
    return min((mean for mean in means if math.isfinite(mean)), default=math.inf)


def hopeful(trial: Trial, task: Task) -> tuple[Attempt, ...]:
    """The attempts whose falling would count: once one has gone on for long, those that stand above it do not."""
    long = [attempt for attempt in trial.attempts if attempt.steps[-1] > task.steps]
    return tuple(a for a in trial.attempts if not long or a in long or settled(a, task) > settled(long[0], task))


def still_falls(attempt: Attempt, task: Task) -> bool:
    """Whether the last quarter of the steps brought the loss down further."""
    quarter = len(attempt.losses) // 4
    if quarter == 0 or not all(map(math.isfinite, attempt.losses)):
        return False
    before, after = attempt.losses[-2 * quarter : -quarter], attempt.losses[-quarter:]
    return (math.fsum(before) - math.fsum(after)) / quarter > FALLS * (attempt.losses[0] - (task.floor.value or 0.0))


def worth_going_on(trial: Trial, task: Task) -> Attempt | None:
    """The attempt of our own that falls still, when none has gone half of the way: four times the steps would tell."""
    if task.floor.value is None or task.steps < MANY or not trial.attempts or trial.best.memorised or nothing_to_learn(trial):
        return None
    if not math.isfinite(trial.start or math.nan) or any(settled(attempt, task) >= HALF or attempt.accuracy == 1.0 for attempt in trial.attempts):
        return None
    falling = [a for a in trial.attempts if still_falls(a, task) and not a.optimizer.startswith("your")]
    return max(falling, key=lambda attempt: settled(attempt, task), default=None)
