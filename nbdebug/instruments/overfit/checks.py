"""The check of the memorising test."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.overfit.instrument import overfit
from nbdebug.instruments.overfit.result import FAIL, UNDECIDED, Overfit, Trial, said_samples


@overfit.check(
    "ND701", "cannot overfit", severity=ERROR,
    advice="follow one sample by hand: does its input reach the output, its target the loss, the gradient every layer?",
)  # fmt: skip
def cannot_overfit(result: Overfit) -> Iterator[Seen]:
    """A few samples that the model cannot memorise.

    Wrong: what cannot learn one sample, or ten, by heart cannot learn the task: something on the way is broken.
    Seen: the weights are trained on the same samples again and again, with your optimizer and then with Adam at three
        learning rates, and no attempt gets half of the way from the first loss to the lowest that these samples
        allow. That floor is read off torch's losses, or found with free numbers in the place of the last layer's
        outputs; where neither can be had there is no verdict. Then one thing at a time is changed (dropout, random
        draws, batch-norm, what is frozen, an operation left out, the initialisation) until the samples are memorised.
        A more specific finding always ranks above this one.
    Where: what was changed when they were memorised; the report shows the curves and every experiment.
    Try: what the experiments point at; `report.script()` is a short program that fails alike.
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
        yield _failed(failed[0])
        return
    only_ours = [trial for trial in result.trials if trial.verdict == UNDECIDED and trial.best is not None and trial.best.memorised]
    if only_ours:
        yield _only_ours(only_ours[0])
        return
    if all(trial.verdict == UNDECIDED for trial in result.trials):
        raise NotChecked(result.trials[-1].reason)


def _failed(trial: Trial) -> Seen:
    tried = ", ".join(attempt.optimizer for attempt in trial.attempts)
    said = (
        f"{said_samples(trial.samples)} cannot be memorised: from {trial.start:.4g} the loss came down to {trial.lowest:.4g} at best, where "
        f"{trial.floor:.3g} is possible (tried: {tried})"
    )
    if trial.blocker is None:
        return Seen(said, evidence=_evidence(trial))
    return Seen(f"{said}; {trial.blocker.said}", trial.blocker.location, _evidence(trial), advice=trial.blocker.advice or None)


def _only_ours(trial: Trial) -> Seen:
    """What is a matter of the optimizer, and none of the model."""
    if trial.blocker is None:
        helped = [tried.changed for tried in trial.experiments if tried.memorised and tried.changed.startswith("your ")]
        advice = f"{helped[-1]}; lr_find compares rates on your data" if helped else "compare learning rates with lr_find, or take Adam at 1e-3"
        return Seen(f"{said_samples(trial.samples)} {trial.reason}", Location(), _evidence(trial), INFO, advice)
    return Seen(f"{said_samples(trial.samples)} cannot be memorised: {trial.blocker.said}", trial.blocker.location, _evidence(trial), WARNING, trial.blocker.advice)


def _evidence(trial: Trial) -> dict[str, float | int | str | bool | None]:
    best = trial.best
    return {
        "samples": trial.samples, "start": trial.start, "floor": trial.floor, "progress": best.progress if best else None,
        "experiments": len(trial.experiments),
    }  # fmt: skip
