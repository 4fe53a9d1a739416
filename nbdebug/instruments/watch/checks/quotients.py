"""What a sum over batches is divided by: the number of one epoch, of batches for samples, or of uneven batches."""

from __future__ import annotations

from nbdebug.findings import INFO
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.metrics import COUNT, MEAN, WEIGHTED, Division, Round, Sum, initialised
from nbdebug.instruments.watch.result import Loader

MATTERS = 0.01  # relative difference to the mean over samples from which uneven batches are a warning; our choice
EXCESS = 0.1  # weight that the odd batches have too much, where the difference itself was not seen; our choice


def wrongly_divided(round_: Round, total: Sum, division: Division) -> Seen | None:
    """What is wrong with a quotient, if anything."""
    return _of_all_epochs(round_, total, division) or _scale(round_, total, division) or uneven(round_, total, division)


def _of_all_epochs(round_: Round, total: Sum, division: Division) -> Seen | None:
    """A sum that goes on over the epochs, divided by the number of one epoch; or, evaluated, by one that goes on as well."""
    outer = next(iter(round_.scope.loops(round_.loop)), None)
    if outer is None or round_.loader.epochs < 2 or not initialised(round_.scope, total.name, outer):
        return None
    also = bool(division.counter) and initialised(round_.scope, division.counter, outer)
    if (division.counter and not also) or (also and round_.trains):
        return None
    what = "and so does its divisor: it is an average over all epochs so far" if also else "but it is divided by the number of one epoch"
    return Seen(
        f"`{total.name}` is set before the loop over the epochs and never set back, {what} ({round_.loader.epochs} epochs over "
        f"`{round_.shown}`)",
        evidence={"epochs": round_.loader.epochs}, advice=f"set {total.name} to 0 at the beginning of every epoch",
    )  # fmt: skip


def _scale(round_: Round, total: Sum, division: Division) -> Seen | None:
    """Divided by the number of batches what counts samples, or the other way round."""
    batches, samples = counts(round_.loader)
    if samples <= batches:
        return None
    if division.by == "full batches":
        return _full_batches(round_, total, batches, samples)
    wrong = total.unit in (COUNT, WEIGHTED) and division.by == "batches" and division.counter != total.name
    if not wrong and not (total.unit == MEAN and division.by == "samples"):
        return None
    size = samples / batches
    off = f"{size:.3g} times too {'large' if division.by == 'batches' else 'small'}"
    what = {COUNT: "the hits of every sample", WEIGHTED: "losses times the size of their batch", MEAN: "the mean of each batch"}[total.unit]
    by = "number of batches" if division.by == "batches" else "number of samples"
    return Seen(
        f"`{total.name}` adds up {what} and is divided by the {by} of `{round_.shown}` ({batches} batches of {size:.3g} samples "
        f"were seen): the result is {off}",
        evidence={"batches": batches, "samples": samples}, advice="divide by the number of samples" if wrong else None,
    )  # fmt: skip


def _full_batches(round_: Round, total: Sum, batches: int, samples: int) -> Seen | None:
    """Divided by the samples that there would be if the last batch were as large as the others."""
    full, passes = batches * max(map(int, round_.loader.sizes)), max(1, round_.loader.epochs)
    off = 1 - samples / full
    if total.unit == MEAN or not off:
        return None
    return Seen(
        f"`{total.name}` is divided by the number of batches of `{round_.shown}` times their size ({full / passes:.0f} in all), but they have "
        f"{_sizes(round_.loader)} samples, {samples / passes:.0f} in all: the result is {off:.1%} too small",
        evidence={"batches": batches, "samples": samples, "relative_difference": off}, severity=None if off >= MATTERS and not round_.trains else INFO,
        advice="divide by the number of samples: len(loader.dataset)",
    )  # fmt: skip


def uneven(round_: Round, total: Sum, division: Division) -> Seen | None:
    """The mean of means of batches that are not of one size."""
    loader = round_.loader
    if total.unit != MEAN or division.by != "batches" or len(loader.sizes) < 2:
        return None
    batches, samples = counts(loader)
    odd = min(map(int, loader.sizes))
    excess = loader.sizes[str(odd)] * (1 / batches - odd / samples)
    gap = None if total.hits else loader.mean_gap
    warn = not round_.trains and (excess >= EXCESS if gap is None else gap >= MATTERS)
    seen = f", and it is {gap:.1%} off the mean over samples" if gap is not None else ""
    return Seen(
        f"`{total.name}` gives every batch of `{round_.shown}` the same weight, but they have {_sizes(loader)} samples: those of {odd} weigh "
        f"{excess:.1%} of the whole too much{seen}",
        evidence={"excess_weight": excess, "relative_difference": gap, "batches": batches, "samples": samples},
        severity=None if warn else INFO,
    )  # fmt: skip


def counts(loader: Loader) -> tuple[int, int]:
    """Batches and samples that came."""
    return sum(loader.sizes.values()) or 1, sum(int(size) * count for size, count in loader.sizes.items())


def _sizes(loader: Loader) -> str:
    sizes = sorted(map(int, loader.sizes), reverse=True)
    return " or ".join(map(str, sizes)) if len(sizes) <= 3 else f"{sizes[-1]} to {sizes[0]}"
