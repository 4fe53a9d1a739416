"""Checks of metrics: averaged over uneven batches, divided by the wrong number, of one batch only, or of all epochs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.metrics import (
    COUNT,
    MEAN,
    WEIGHTED,
    Division,
    Round,
    Sum,
    initialised,
    rounds,
)
from nbdebug.instruments.watch.reading.source import dotted, targets
from nbdebug.instruments.watch.result import Loader, WatchResult
from nbdebug.instruments.watch.session import watched

MATTERS = 0.01  # relative difference to the mean over samples from which uneven batches are a warning; our choice
EXCESS = 0.1  # weight that the odd batches have too much, where the difference itself was not seen; our choice


@watched.check(
    "ND708", "metric computed wrongly", severity=WARNING,
    advice="add up loss.item() * len(x), or the hits, and divide by the number of samples",
)  # fmt: skip
def metric(result: WatchResult) -> Iterator[Seen]:
    """A metric that is not what its name says: it is averaged over the wrong things.

    Wrong: the mean of the batches' means counts the samples of a small last batch many times over; hits divided by
        len(loader) are hits per batch; the accuracy of the last batch is not that of the data; a sum that is never set back
        mixes all epochs.
    Seen: the source says what is added up in each batch and what it is divided by, the loader what sizes the batches had.
        Uneven batches are a warning only where the mean of the losses that were seen is 1 % off (of hits: where the odd
        batches weigh 0.1 of the whole too much), our choice; in a training loop they are not accused. Only plain `for` loops
        over a DataLoader are judged.
    Where: the division, or the line that writes over the metric; the variable.
    Try: add up loss.item() * len(x) and the hits, divide by the number of samples, and set both back in every epoch.
    Bad:
        def evaluate(model, loader):
            correct = 0
            model.eval()
            with torch.no_grad():
                for x, y in loader:
                    correct += (model(x).argmax(dim=1) == y).sum().item()
            model.train()
            return correct / len(loader)

        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
        accuracy = evaluate(model, val_loader)
    Good:
        def evaluate(model, loader):
            correct = 0
            model.eval()
            with torch.no_grad():
                for x, y in loader:
                    correct += (model(x).argmax(dim=1) == y).sum().item()
            model.train()
            return correct / len(loader.dataset)

        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
        accuracy = evaluate(model, val_loader)
    Source: scikit-learn documentation, metrics: an average over samples weights every sample alike; the thresholds are ours.
    """
    told = set()
    for round_ in rounds(result):
        for seen in (*_divided(round_), *_of_the_last_batch(round_)):
            if seen.location not in told:
                told.add(seen.location)
                yield seen


def _divided(round_: Round) -> Iterator[Seen]:
    for total in () if round_.partial else round_.sums():
        for division in round_.divisions(total):
            seen = _of_all_epochs(round_, total, division) or _scale(round_, total, division) or _uneven(round_, total, division)
            if seen is not None:
                place = replace(round_.scope.place(division.node), detail=_named(round_, total))
                yield replace(seen, location=place)


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
    batches, samples = _counts(round_.loader)
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


def _uneven(round_: Round, total: Sum, division: Division) -> Seen | None:
    """The mean of means of batches that are not of one size."""
    loader = round_.loader
    if total.unit != MEAN or division.by != "batches" or len(loader.sizes) < 2:
        return None
    batches, samples = _counts(loader)
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


def _of_the_last_batch(round_: Round) -> Iterator[Seen]:
    """A metric that every batch writes over, and that is used after the loop."""
    batches = _counts(round_.loader)[0] / max(1, round_.loader.epochs)
    if round_.trains or round_.partial or batches < 2:
        return
    for value in round_.overwritten():
        uses = [n for n in round_.after if isinstance(n, ast.Name) and n.id == value.name]
        first = min(uses, key=lambda n: (n.lineno, not _stored_by(round_, n)), default=None)
        if first is None or isinstance(first.ctx, ast.Store) or _stored_by(round_, first):
            continue
        place: Location = round_.scope.place(first)
        yield Seen(
            f"`{value.name}` is written over by each of the {batches:.0f} batches of `{round_.shown}` and used at {place}: it is that of "
            "the last batch only",
            replace(round_.scope.place(value.node), detail=_named(round_, value)), {"batches": batches},
        )  # fmt: skip


def _named(round_: Round, value: Sum) -> str:
    return f"{value.name} in {round_.scope.name}()" if round_.scope.name else value.name


def _stored_by(round_: Round, use: ast.Name) -> bool:
    """Whether the line that uses a name first gives it a new value."""
    return any(use.id in {dotted(t) for t in targets(n)} and n.lineno == use.lineno and n.value is not use for n in round_.after if isinstance(n, ast.Assign))


def _counts(loader: Loader) -> tuple[int, int]:
    """Batches and samples that came."""
    return sum(loader.sizes.values()) or 1, sum(int(size) * count for size, count in loader.sizes.items())


def _sizes(loader: Loader) -> str:
    sizes = sorted(map(int, loader.sizes), reverse=True)
    return " or ".join(map(str, sizes)) if len(sizes) <= 3 else f"{sizes[-1]} to {sizes[0]}"
