"""Asks a rival what it gets on the samples of a training that stands still: when that is worth the time, and of whom."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler

from nbdebug import batch as batches
from nbdebug import curve_shapes
from nbdebug.instruments.watch.constant import BINARY, CLASSES, DISTANCES
from nbdebug.instruments.watch.reading.courses import training_loader
from nbdebug.instruments.watch.reading.learning import only_loss
from nbdebug.instruments.watch.result import Rival, WatchResult
from nbdebug.instruments.watch.rival.again import ENOUGH, RATES, trained_again
from nbdebug.instruments.watch.rival.again import STEPS as STEPS_AGAIN
from nbdebug.instruments.watch.rival.kernel import left_out
from nbdebug.instruments.watch.rival.pace import late_pace
from nbdebug.instruments.watch.rival.tokens import beside_counts, tried_again
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import untouched

STEPS, EPOCHS = 100, 3  # that a training must have had; our choice: with an experiment beside it less is enough than for a verdict on the curve alone
LONG, NOTHING = 150, 0.95  # steps, before which a loss must not have fallen at all for standing still, and be at that of a constant prediction; our choice
STANDS = 0.9  # of its level in the middle of the training, above which a loss that ended there stands still; our choice
HIGH, FAR_UP = 0.3, 0.6  # of what a constant prediction gets, above which it stands high; and above which one that falls is asked about too, our choice
ROWS, FEWEST = 1000, 100  # samples that are read; those that are too few
READING = 0.5  # seconds for it
AS_SEEN = (0.5, 1.4)  # of the loss at the end, within which that of the samples read must lie: else they are not called as the loop calls them
WIDEST = 1024  # columns that names may give where each position counts for itself
TRAINING = 0.7  # seconds that steps of our own may take, at each rate
BY_HAND = "mse_loss"  # what a loss may be that was written by hand, as far as its value says so
EXACT = 1e-6  # of their variance, that is rounding
SOME = 8  # batches whose outputs are compared with each other
COLUMNS = 16  # of numbers that are predicted for a sample


def asked(result: WatchResult, model: nn.Module | None, loader: Any) -> Rival | None:
    """What a rival gets; None where the training is well, may go on falling, or cannot be compared.

    Args:
        result: of the loop that is over.
        model: the one that was trained.
        loader: that its batches came from.
    """
    function = result.constants[0].function if result.constants else BY_HAND
    if model is None or len(result.constants) > 1 or not _is_high(result) or not _can_be_read(loader):
        return None
    still = _stands(result)
    with untouched(TrainingSetup(model=model, train_loader=loader)):
        model.eval()
        with torch.no_grad():
            read = _read(loader)
            found = _compared(result, model, function, read)
            if not still and (found is None or not found.tells):
                return None
            told = beside_counts(model, read, _values(result)) if found is None and function in CLASSES else None
            if not result.constants and (found is None or not found.tells):
                return _alike(model, read)
    if found is not None and not still:
        return _held_up(replace(found, again=_again(model, function, read, least=min(ENOUGH, result.steps))))
    if told is not None:
        return tried_again(told[0], model, told[1], _values(result)) if told[0].tells else told[0]
    if found is None or not found.tells:
        return found
    found = replace(found, again=_again(model, function, read))
    pace = late_pace(result) if found.is_stuck else None
    return found if pace is None else replace(found, paced=_again(model, function, read, rates=(pace,), steps=min(STEPS_AGAIN, result.steps // 2)))


def _held_up(found: Rival) -> Rival | None:
    """The same where steps of our own leave the model far behind the rival too: then it matters little that its loss was still falling."""
    if found.again is None or found.is_stuck or not replace(found, network=found.again).tells:
        return None
    return found


def _is_high(result: WatchResult) -> bool:
    """Whether the loss is far above zero, and stands there, or is so far up that it should long have fallen further."""
    loss, loader = only_loss(result), training_loader(result)
    if loss is None or not loss.ordered or len(loss.values) < STEPS or loader is None or loader.epochs < EPOCHS:
        return False
    over = loss.over_constant(1 / 3)
    if len(loss.values) < LONG and _stands(result):
        return over is not None and over >= NOTHING
    return (over is None or over >= HIGH) and _stands(result) or over is not None and over >= FAR_UP


def _stands(result: WatchResult) -> bool:
    """Whether the loss no longer falls to speak of."""
    values = _values(result)
    if len(values) < LONG:
        return not curve_shapes.fell(values)
    now, before = curve_shapes.end(values), curve_shapes.middle(values[int(0.4 * len(values)) : int(0.6 * len(values))])
    return now >= STANDS * before or not curve_shapes.fell(values[len(values) // 2 :])


def _values(result: WatchResult) -> list[float]:
    loss = only_loss(result)
    return loss.values if loss is not None else []


def _can_be_read(loader: Any) -> bool:
    """Whether samples can be taken from everywhere in it without moving it on."""
    plain = isinstance(loader, DataLoader) and type(loader).__iter__ is DataLoader.__iter__ and not isinstance(loader.dataset, IterableDataset)
    return plain and isinstance(loader.sampler, (RandomSampler, SequentialSampler)) and loader.batch_size is not None and hasattr(loader.dataset, "__len__")


def _read(loader: DataLoader) -> list[Any]:
    """Batches of samples from all of the dataset, as many as there is time for."""
    size, count = loader.batch_size or 1, len(loader.dataset)  # type: ignore[arg-type]
    chosen = random.Random(0).sample(range(count), min(ROWS, count))
    until, found = time.perf_counter() + READING, []
    for first in range(0, len(chosen) - size + 1, size):
        found.append(loader.collate_fn([loader.dataset[i] for i in chosen[first : first + size]]))
        if time.perf_counter() > until:
            break
    return found


def _alike(model: nn.Module, read: list[Any]) -> Rival | None:
    """How far the outputs go from sample to sample, in the column where that is most; beside the targets where these are of the same kind."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    calls = [batches.split(batches.map_tensors(lambda t: t.to(device), batch), model) for batch in read[:SOME]]
    outputs = [batches.prediction(model(*call.args, **call.kwargs)) for call in calls]
    if not outputs or any(o is None or o.ndim == 0 for o in outputs):
        return None
    said = torch.cat(outputs).flatten(1) if outputs[0].ndim > 1 else torch.cat(outputs)[:, None]
    samples = sum(len(next(t for _, t in batches.tensors([call.args, call.kwargs]))) for call in calls)
    if len(said) != samples or samples < FEWEST or not said.isfinite().all():
        return None
    targets = [call.targets for call in calls]
    known = all(isinstance(t, Tensor) and t.is_floating_point() and t.numel() == o.numel() for t, o in zip(targets, outputs, strict=True))
    said = said.double()
    if known:
        spread = said.var(0).sum() / torch.cat([t.reshape(len(t), -1) for t in targets]).to(said).var(0).sum()
    else:
        spread = (said.var(0) / (said**2).mean(0).clamp_min(1e-12)).max()
    return Rival("", samples, None, None, None, spread=float(spread.sqrt()))


def _again(model: nn.Module, function: str, read: list[Any], rates: Iterable[float] = RATES, steps: int = STEPS_AGAIN, least: int = 0) -> float | None:
    """The error of the model itself after some steps of our own on these samples; None where there was no time for `least` steps."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    calls = [batches.split(batches.map_tensors(lambda t: t.to(device), batch), model) for batch in read]
    losses = [lambda call=call: _loss(function, batches.prediction(model(*call.args, **call.kwargs)).float(), call.targets) for call in calls]
    lowest, taken = trained_again(model, losses, lambda: _error_on(model, function, calls), TRAINING, rates, steps)
    return lowest if math.isfinite(lowest) and taken >= least else None


def _error_on(model: nn.Module, function: str, calls: list[Any]) -> float:
    model.eval()
    with torch.no_grad():
        said = torch.cat([batches.prediction(model(*call.args, **call.kwargs)).float().cpu() for call in calls])
    error = _error_of(function, said, torch.cat([call.targets.cpu() for call in calls]))
    return error(said) if error is not None else math.inf


def _loss(function: str, said: Tensor, targets: Tensor) -> Tensor:
    return getattr(F, function)(said, targets if function in CLASSES else targets.reshape(said.shape).float())


def _compared(result: WatchResult, model: nn.Module, function: str, read: list[Any]) -> Rival | None:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    inputs, said, truth = [], [], []
    for batch in read:
        call = batches.split(batches.map_tensors(lambda t: t.to(device), batch), model)
        predictions = batches.prediction(model(*call.args, **call.kwargs))
        given, targets = _inputs(call), call.targets
        if predictions is None or not isinstance(targets, Tensor) or not given or any(t is targets or t.ndim == 0 or len(t) != len(targets) for t in given):
            return None
        inputs.append([t.cpu() for t in given])
        said.append(predictions.float().cpu())
        truth.append(targets.cpu())
    rows = [_columns(torch.cat(parts)) for parts in zip(*inputs, strict=True)]
    return _judged(result, function, torch.cat(rows, 1), torch.cat(said), torch.cat(truth)) if rows else None


def _inputs(call: batches.ModelCall) -> list[Tensor]:
    """What the model predicts from: not the labels that it is handed too, for the loss it works out itself."""
    return [t for _, t in batches.tensors([call.args, {name: item for name, item in call.kwargs.items() if name not in batches.TARGET_NAMES}])]


def _columns(given: Tensor) -> Tensor:
    """(n, D) what the model got, as numbers: measurements with mean 0 and spread 1; of names which stands where, of many positions how often each."""
    if given.dtype in (torch.int64, torch.int32):
        kinds, places = given.reshape(len(given), -1).unique(return_inverse=True)
        if places.shape[1] * len(kinds) <= WIDEST:
            return F.one_hot(places, len(kinds)).flatten(1).float()
        return torch.zeros(len(given), WIDEST).scatter_add_(1, places % WIDEST, torch.ones(places.shape)).sqrt()
    rows = given.float().flatten(1) if given.ndim > 1 else given.float()[:, None]
    if rows.shape[1] > WIDEST:
        rows = F.adaptive_avg_pool1d(rows[:, None], WIDEST)[:, 0]
    spread = rows.std(0)
    return (rows - rows.mean(0)) / torch.where(spread > 1e-9, spread, torch.inf)


def _judged(result: WatchResult, function: str, rows: Tensor, said: Tensor, truth: Tensor) -> Rival | None:
    """Both beside each other, where the samples read are scored as those of the loop were."""
    loss, kept = only_loss(result), _different(rows)
    if loss is None or len(kept) < FEWEST or not rows.isfinite().all() or not said.isfinite().all():
        return None
    targets = truth if function in CLASSES and not truth.is_floating_point() else truth.reshape(said.shape) if truth.numel() == said.numel() else None
    if targets is None or (function in CLASSES and (said.ndim != 2 or targets.ndim != 1)):
        return None
    value, end = float(_loss(function, said, targets)), curve_shapes.end(loss.values)
    if not AS_SEEN[0] * end <= value <= AS_SEEN[1] * end:
        return None
    error = _error_of(function, said[kept], targets[kept])
    if error is None:
        return None
    wanted = F.one_hot(targets[kept], said.shape[1]).float() if function in CLASSES else targets[kept].reshape(len(kept), -1).float()
    network, rival = error(said[kept]), error(_as_predictions(function, left_out(rows[kept], wanted)).reshape(said[kept].shape))
    return Rival("numbers" if function in DISTANCES else "classes", len(kept), network, rival, value / result.constants[0].loss if result.constants else None, _is_linear(rows, said))


def _error_of(function: str, said: Tensor, targets: Tensor) -> Callable[[Tensor], float] | None:
    """Share of wrong classes, or mean squared error, of predictions for these targets, over that of the best constant; None where there is none."""
    if function in CLASSES:
        constant = 1 - float(targets.bincount().max()) / len(targets)
        return (lambda given: float((given.argmax(1) != targets).double().mean()) / constant) if constant > 0 else None
    wanted = targets.reshape(said.shape).float()
    if function in BINARY and bool(((targets == 0) | (targets == 1)).all()):
        middle, shares = 0.0 if function.endswith("logits") else 0.5, wanted.mean(0)
        constant = float(torch.minimum(shares, 1 - shares).mean())
        return (lambda given: float(((given > middle) != (wanted > 0.5)).double().mean()) / constant) if constant > 0 else None
    if function in DISTANCES and said[0].numel() <= COLUMNS:
        constant = float(wanted.var(0, correction=0).mean())
        return (lambda given: float(((given - wanted) ** 2).mean()) / constant) if constant > 0 else None
    return None


def _is_linear(rows: Tensor, said: Tensor) -> bool:
    """Whether least squares tell what the model says, but for rounding; not where there are columns enough to tell anything."""
    if rows.shape[1] > len(rows) // 3:
        return False
    given = torch.cat([rows, torch.ones(len(rows), 1)], 1).double()
    said = said.flatten(1).double() if said.ndim > 1 else said[:, None].double()
    rest = said - given @ torch.linalg.lstsq(given, said).solution
    return float(rest.var()) <= EXACT * float(said.var(0).mean())


def _as_predictions(function: str, guessed: Tensor) -> Tensor:
    """Least squares on 0 and 1 as what the loss takes."""
    return guessed - 0.5 if function == "binary_cross_entropy_with_logits" else guessed


def _different(rows: Tensor) -> Tensor:
    """The places of rows that came before in no other place: one that is there twice would be told by its twin."""
    _, of = torch.unique(rows, dim=0, return_inverse=True)
    first = torch.full((int(of.max()) + 1,), len(rows), dtype=torch.long).scatter_reduce(0, of, torch.arange(len(rows)), "amin")
    return first.sort().values
