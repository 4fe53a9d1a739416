"""Checks of metrics: averaged over uneven batches, divided by the wrong number, of one batch only, or of all epochs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.checks.quotients import counts, uneven, wrongly_divided
from nbdebug.instruments.watch.reading.comprehensions import comprehended
from nbdebug.instruments.watch.reading.metrics import Division, Round, Sum, rounds
from nbdebug.instruments.watch.reading.scores import Averaged, Unset, averaged, unset, unweighted
from nbdebug.instruments.watch.reading.source import dotted, targets
from nbdebug.instruments.watch.result import WatchResult
from nbdebug.instruments.watch.session import watched

SMALL = 64  # samples in a batch up to which the mean of its scores is a warning; our choice: of larger ones it comes near that of all


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
        batches weigh 0.1 of the whole too much), our choice; also of what a meter is fed with that could be told the size of the batch; in a training loop they are not accused. So is the mean of a score
        that is a ratio (F1, AUC, R²; recall and precision that divide by a count of each batch's own), over batches of 64 samples and less. A meter is known by the text of its class; one that something may set back is
        not accused. Loops over a DataLoader are judged, and hits in one comprehension over it (a loss there is an info).
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
    told, known = set(), list(rounds(result))
    found = [_averaged(one) for one in averaged(result, known) if sum(one.loader.sizes.values()) > one.loader.epochs]
    for round_ in known:
        found += [*_divided(round_), *_of_the_last_batch(round_), *(_unset(round_, meter) for meter in unset(result, round_))]
        found += [seen for total in unweighted(result, round_) if (seen := _unweighted(round_, total)) is not None]
    for round_, total, division in comprehended(result):
        seen = _quotient(round_, total, division)
        if seen is not None:  # a loss in one expression is a quick look: told, and no alarm
            found.append(seen if total.hits else replace(seen, severity=INFO))
    for seen in found:
        if seen.location not in told:
            told.add(seen.location)
            yield seen


def _averaged(one: Averaged) -> Seen:
    """A score that the mean over batches does not give."""
    batches, samples = counts(one.loader)
    size = samples / batches
    return Seen(
        f"`{one.score}` is computed for each batch of `{one.loader.name}` ({size:.3g} samples) and averaged: a score that is a ratio of counts, or a root, over all "
        "samples is not the mean of those of its batches, least of all where batches are small",
        replace(one.scope.place(one.node), detail=f"{one.score} in {one.scope.name}()" if one.scope.name else one.score),
        {"batches": batches, "samples": samples}, severity=None if size <= SMALL else INFO,
        advice="collect predictions and targets of all batches, and compute it once",
    )  # fmt: skip


def _unset(round_: Round, meter: Unset) -> Seen:
    """A meter that goes on counting from one epoch to the next."""
    return Seen(
        f"`{meter.name}` ({meter.kind}) is made before the loop over the epochs and never set back: what it says after `{round_.shown}` is an "
        f"average over all {round_.loader.epochs} epochs so far, and lags behind the model",
        replace(round_.scope.place(meter.node), detail=meter.name), {"epochs": round_.loader.epochs},
        advice=f"make {meter.name} anew, or reset it, before each evaluation",
    )  # fmt: skip


def _unweighted(round_: Round, total: Sum) -> Seen | None:
    """Means of uneven batches in a meter that was not told how large these are."""
    seen = uneven(round_, total, Division("batches", "", total.node))
    if seen is None:
        return None
    return replace(seen, location=replace(round_.scope.place(total.node), detail=_named(round_, total)), advice=f"give {total.name} the size of the batch, too")


def _divided(round_: Round) -> Iterator[Seen]:
    for total in () if round_.partial else round_.sums():
        for division in round_.divisions(total):
            seen = _quotient(round_, total, division)
            if seen is not None:
                yield seen


def _quotient(round_: Round, total: Sum, division: Division) -> Seen | None:
    seen = wrongly_divided(round_, total, division)
    return None if seen is None else replace(seen, location=replace(round_.scope.place(division.node), detail=_named(round_, total)))


def _of_the_last_batch(round_: Round) -> Iterator[Seen]:
    """A metric that every batch writes over, and that is used after the loop."""
    batches = counts(round_.loader)[0] / max(1, round_.loader.epochs)
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
