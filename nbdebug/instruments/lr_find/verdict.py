"""From the trials of all repeats to one rate with a band, or to the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdebug.instruments.lr_find.result import Asked, Trial
from nbdebug.instruments.lr_find.trials import PER_DECADE

SURE = 4.0  # standard errors by which the loss must have come down; our choice: the best of a dozen trials of pure noise is at 2 to 3
NOTICEABLE = 1e-4  # of the loss, the least that is called a descent; our choice: an order above the rounding of a sum in float32
NEARLY = 0.95  # of the best descent, for a rate to lie in the band; our choice
ENDLESS = 1e3  # times the loss at the start, below zero, within some 40 updates; our choice
HALF_STEP = 10 ** (0.5 / PER_DECADE)  # of the climb


def suggested(trials: Sequence[Trial], asked: Asked) -> float | None:
    """The middle one of what was best in each repeat, by logarithm; None where no repeat came so far."""
    chosen = sorted(best.rate for best in _best_of_each(trials, asked))
    if not chosen:
        return None
    return chosen[len(chosen) // 2] if len(chosen) % 2 else math.sqrt(chosen[len(chosen) // 2 - 1] * chosen[len(chosen) // 2])


def band(trials: Sequence[Trial], asked: Asked) -> tuple[float, float]:
    """The lowest and the highest rate that came nearly as far as the best of their repeat, and half a step of the climb each way.

    It ends below any higher rate at which the loss rose in one repeat or another, and does not leave the range of the sweep.
    """
    best = {b.repeat: b for b in _best_of_each(trials, asked)}
    near = [t.rate for t in trials if t.repeat in best and t.descent >= NEARLY * best[t.repeat].descent]
    highest = max(b.rate for b in best.values())
    edge = min((t.rate for t in trials if t.descent < 0 and t.rate > highest), default=math.inf)
    return max(asked.min_lr, min(near) / HALF_STEP), min(asked.max_lr, max(rate for rate in near if rate < edge) * HALF_STEP)


def limits(trials: Sequence[Trial], asked: Asked) -> tuple[str, ...]:
    """What the suggestion does not rest on, in sentences."""
    best, said = _best_of_each(trials, asked), []
    if any(_at_top(b.rate, asked) for b in best):
        said.append(f"The best may lie above the range: pass a max_lr higher than {asked.max_lr:g}")
    if any(_at_bottom(b.rate, asked) for b in best):
        said.append(f"The best may lie below the range: pass a min_lr lower than {asked.min_lr:g}")
    if len(best) < asked.repeats:
        said.append(f"There was time for {len(best)} of {asked.repeats} repeats, so the band is narrower than it should be")
    return tuple(said)


def why_none(trials: Sequence[Trial], asked: Asked) -> str:
    """Why the measurement supports no rate, in a sentence; "" when it supports one."""
    best = _best_of_each(trials, asked)
    if all(t.descent == 0 for t in trials):
        return f"the loss is constant: {trials[0].still:.4g} at every rate"
    if not best:
        return "the time was up before the best rate lay between others that were tried: pass a larger budget"
    still, rates = _mean([t.still for t in best]), f"{min(t.rate for t in trials):.1g} and {max(t.rate for t in trials):.1g}"
    if any(t.loss is None for t in best):
        return f"every rate that was tried between {rates} diverged ({best[0].said})"
    descent, error = _mean([t.descent for t in best]), math.sqrt(_mean([t.error**2 for t in best]) / len(best))
    if any(t.loss < 0 and t.descent > ENDLESS * max(abs(t.still), 1.0) for t in best):
        return f"the loss falls without end, from {still:.4g} to {min(t.loss for t in best):.2g}: has it the wrong sign?"
    if descent <= NOTICEABLE * abs(still):
        return f"the loss does not come down: from {still:.4g} by {max(descent, 0.0):.1g} at best, at rates between {rates}"
    if descent < SURE * error or any(t.descent <= 0 for t in best):
        return f"the noise is larger than the descent: at best the loss fell by {descent:.2g} ± {error:.1g} from {still:.4g}, at rates between {rates}"
    return ""


def _best_of_each(trials: Sequence[Trial], asked: Asked) -> list[Trial]:
    """The best of every repeat whose best lies between others, or at an end of the range."""
    repeats = [[t for t in trials if t.repeat == repeat] for repeat in sorted({trial.repeat for trial in trials})]
    best = [(max(of, key=lambda t: (t.gain, -t.rate)), of) for of in repeats]
    return [b for b, of in best if _has_higher(b, of, asked) and _has_lower(b, of, asked)]


def _has_higher(best: Trial, others: Sequence[Trial], asked: Asked) -> bool:
    return _at_top(best.rate, asked) or any(t.rate > best.rate for t in others)


def _has_lower(best: Trial, others: Sequence[Trial], asked: Asked) -> bool:
    return _at_bottom(best.rate, asked) or any(t.rate < best.rate for t in others)


def _at_top(rate: float, asked: Asked) -> bool:
    return rate >= asked.max_lr / HALF_STEP**2


def _at_bottom(rate: float, asked: Asked) -> bool:
    return rate <= asked.min_lr * HALF_STEP**2


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
