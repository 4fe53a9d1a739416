"""The codes of the diagnoses. The pages of overfitting, underfitting, plateau and unstable are those of `watch`."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.fit.diagnosing.curves import written
from nbdebug.instruments.fit.instrument import fitted
from nbdebug.instruments.fit.result import Fit


@fitted.check("ND703", "overfitting", severity=WARNING)
def overfitting(result: Fit) -> Iterator[Seen]:
    """The validation loss rises for long while the training loss still falls."""
    yield from _said(result, "overfitting")


@fitted.check("ND704", "underfitting", severity=WARNING)
def underfitting(result: Fit) -> Iterator[Seen]:
    """The training loss stays what it was, from the beginning on."""
    yield from _said(result, "underfitting")


@fitted.check("ND705", "plateau", severity=WARNING)
def plateau(result: Fit) -> Iterator[Seen]:
    """The loss fell, and has stood for half of the run."""
    yield from _said(result, "plateau")


@fitted.check("ND706", "unstable", severity=WARNING)
def unstable(result: Fit) -> Iterator[Seen]:
    """The loss leaves the range of numbers or its best level for good, or is thrown back again and again."""
    yield from _said(result, "divergence", "oscillation")


@fitted.check("ND713", "leak suspected", severity=WARNING)
def leak_suspected(result: Fit) -> Iterator[Seen]:
    """Validation is better than training, by more than averaging and regularisation explain.

    Wrong: what is validated on is known from elsewhere: its samples are in training, its targets in its inputs, or its loss is
        computed in another way.
    Seen: at four of five validations and more, after the first third, the validation loss is below 0.9 of the training loss at that time.
        Dropout, augmentation, smoothed labels, mixup and a mean over the epoch do that as well, so it is only mentioned; but where both
        were computed in eval mode (a column such as train_eval_loss, or same_mode=True) and one is less than half of the other, or where
        the training loss stands where it began while validation came from the same scale to less than a tenth of it, none of them can.
    Where: the columns, and the steps.
    Try: evaluate the training samples as the validation samples are; look for copies between the two: nbdebug.data_audit.
    Bad:
        epochs = range(30)
        history = {
            "train_loss": [2.30 + 0.01 * (epoch % 3) for epoch in epochs],
            "val_loss": [2.20 * 0.75**epoch + 0.02 for epoch in epochs],
        }
    Good:
        epochs = range(30)
        history = {
            "train_loss": [0.60 + 1.70 * 0.85**epoch + 0.01 * (epoch % 3) for epoch in epochs],
            "val_loss": [0.45 + 1.75 * 0.83**epoch for epoch in epochs],
        }
    Source: Kapoor, Narayanan, Leakage and the reproducibility crisis in machine-learning-based science, 2023; thresholds are our choice.
    """
    yield from _said(result, "leak suspected")


@fitted.check("ND714", "too slow", severity=WARNING)
def too_slow(result: Fit) -> Iterator[Seen]:
    """The loss falls and falls, and gets nowhere.

    Wrong: the learning rate is far too small, or hardly any gradient arrives.
    Seen: over at least 40 points the training loss falls in a steady line (Kendall's tau of twenty medians is −0.9 or nearer to −1, and the second
        half loses 0.75 to 1.35 times what the first one lost), and has lost between 1 % and 20 % in the end. Runs whose learning rate is
        scheduled to less than a half or is warmed up, and losses below zero, are not accused; a log that begins late is only mentioned.
    Where: the column, and the steps.
    Try: ten times the learning rate; nbdebug.lr_find; if that changes nothing, look at the gradients.
    Bad:
        history = {"step": list(range(200)), "loss": [2.30 - 0.0005 * step + 0.004 * (step % 5) for step in range(200)]}
    Good:
        history = {"step": list(range(200)), "loss": [0.20 + 2.10 * 0.97**step + 0.004 * (step % 5) for step in range(200)]}
    Source: Goodfellow, Bengio, Courville, Deep Learning, 11.4.1 (the learning rate is perhaps the most important one); thresholds are our choice.
    """
    yield from _said(result, "too slow")


def _said(result: Fit, *names: str) -> Iterator[Seen]:
    """What the diagnoses of these names say, each a finding.

    Raises:
        NotChecked: none was made, and none of them could be.
    """
    found = [diagnosis for diagnosis in result.diagnoses if diagnosis.name in names]
    if not found and all(name in result.not_checked for name in names):
        raise NotChecked(result.not_checked[names[0]])
    for seen in found:
        place = Location(detail=f"{seen.curve}, {result.x} {written(seen.first)} to {written(seen.last)}")
        evidence = {**seen.evidence, "sure": seen.sure}
        yield Seen(f"{seen.message} (held in {100 * seen.sure:.0f} % of the resampled curves)", place, evidence, seen.severity, seen.experiment)
