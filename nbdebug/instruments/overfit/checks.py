"""The check of the memorising test."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO
from nbdebug.instruments.base import Seen
from nbdebug.instruments.overfit.instrument import overfit
from nbdebug.instruments.overfit.result import FAIL, UNDECIDED, Overfit, Trial


@overfit.check(
    "ND701", "cannot overfit", severity=ERROR,
    advice="follow one sample by hand: does its input reach the output, its target the loss, the gradient every layer?",
)  # fmt: skip
def cannot_overfit(result: Overfit) -> Iterator[Seen]:
    """A few samples that the model cannot memorise.

    Wrong: what cannot learn one sample, or ten, by heart cannot learn the task: something on the way is broken.
    Seen: the weights are trained on the same samples again and again, with your optimizer and then with Adam at three
        learning rates, and no attempt gets half of the way from the first loss to the lowest that these samples
        allow. Where that floor is not known (several losses, targets made during the step, identical inputs) there is
        no verdict. A more specific finding always ranks above this one.
    Where: the whole training; the report shows the curves.
    Try: remove what blocks the way, part by part: dropout, augmentation, the loss's extras, frozen layers.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.999), nn.Linear(32, 10, bias=False))
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 10, bias=False))
    Source: Karpathy, A Recipe for Training Neural Networks, 2019: overfit a single batch; thresholds are our choice.
    """
    if not result.trials:
        raise NotChecked("nothing was tried yet")
    failed = [trial for trial in result.trials if trial.verdict == FAIL]
    if failed:
        yield _seen(failed[0])
        return
    slow = [trial for trial in result.trials if trial.reason.startswith("memorised with") and "but not" in trial.reason]
    if slow:
        yield Seen(
            f"{_samples(slow[0])} {slow[0].reason}", evidence=_evidence(slow[0]), severity=INFO,
            advice="compare learning rates: lr_find, or Adam at 1e-3",
        )  # fmt: skip
        return
    if all(trial.verdict == UNDECIDED for trial in result.trials):
        raise NotChecked(result.trials[-1].reason)


def _seen(trial: Trial) -> Seen:
    tried = ", ".join(attempt.optimizer for attempt in trial.attempts)
    lowest = min(min(attempt.losses) for attempt in trial.attempts)
    return Seen(
        f"{_samples(trial)} cannot be memorised: from {trial.start:.4g} the loss came down to {lowest:.4g} at best, where "
        f"{trial.floor:.3g} is possible (tried: {tried})",
        evidence=_evidence(trial),
    )


def _samples(trial: Trial) -> str:
    return "one sample" if trial.samples == 1 else f"{trial.samples} samples"


def _evidence(trial: Trial) -> dict[str, float | int | str | bool | None]:
    best = trial.best
    return {"samples": trial.samples, "start": trial.start, "floor": trial.floor, "progress": best.progress if best else None}
