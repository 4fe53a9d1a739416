"""What the model makes of the labels as it stands: the loss of single samples, its surest mistakes, its confusions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug import batch as batches
from nbdebug.data.classes.noise import wilson
from nbdebug.data.context import Context
from nbdebug.data.split import Split
from nbdebug.errors import NbdebugError, first_line
from nbdebug.loading import read
from nbdebug.training_setup import TrainingSetup

SAMPLES = 2048  # that the model is asked about
SECONDS = 1.0  # at most
TOP = 12  # samples of the largest loss
MOST_CLASSES = 30  # of a drawn confusion matrix; of more, the most confused pairs are listed
PAIRS = 12
FEWEST = 32  # samples, to say how good a model is
NO_BETTER = 0.95  # of the loss of saying how frequent each class is, whatever the input
MOSTLY = 0.3  # of the way from chance to all right, from which a model of such a loss is not new but too sure of itself
OVER_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss)
FUNCTIONS = ("cross_entropy", "nll_loss", "multi_margin_loss")
BINARY = ("BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
BINARY_OF_SHARES = ("BCELoss", "binary_cross_entropy")


@dataclass(frozen=True)
class TopLoss:
    """A sample that the model is most wrong about."""

    id: int | None  # dataset index; None where the loader hides it
    label: str
    predicted: str
    probability: float  # that the model gives its prediction
    of_label: float  # and the label
    loss: float


@dataclass(frozen=True)
class ByModel:
    """The model in eval mode on samples of a split."""

    split: str
    samples: int
    right: float  # share
    by_chance: float  # share that the same answers get right on labels drawn at random
    at_chance: bool  # it knows hardly more than how frequent the classes are: what it says of single samples means nothing
    loss: float  # mean, in nats
    top: tuple[TopLoss, ...]  # the largest loss first
    classes: int
    confusion: tuple[tuple[int, ...], ...]  # (label, prediction) → samples; empty for many classes
    confused: tuple[tuple[str, str, int], ...]  # (label, prediction, samples), the most frequent first


def by_model(split: Split, context: Context) -> tuple[ByModel | None, str]:
    """The model's view, or why there is none."""
    setup = context.setup
    if setup is None:
        return None, "there is no model"
    if not context.whole:
        return None, "a checkup asks only what is cheap"
    if setup.batch_loss is not None:
        return None, "with batch_loss= the model's outputs are not known"
    kind = _kind(setup)
    if not kind:
        return None, "the loss is not known to be one over classes"
    try:
        with _eval_mode(setup.model), torch.no_grad():
            answers = list(_answers(setup, split, kind, min(SECONDS, 0.5 * context.left)))
    except NbdebugError as error:
        return None, first_line(error)
    if not answers:
        return None, "the outputs are not one row of classes for each label"
    ids = [number for known, _, _ in answers for number in known]
    return _look(split, ids, torch.cat([p for _, p, _ in answers]), torch.cat([y for _, _, y in answers]))


def _kind(setup: TrainingSetup) -> str:
    loss = setup.loss_fn
    name = getattr(loss, "__name__", type(loss).__name__)
    if loss is None or isinstance(loss, OVER_CLASSES) or name in FUNCTIONS:
        return "classes"
    return "logit" if name in BINARY else "share" if name in BINARY_OF_SHARES else ""


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _answers(setup: TrainingSetup, split: Split, kind: str, seconds: float) -> Iterator[tuple[list[int | None], Tensor, Tensor]]:
    """(ids, (n, C) log-probabilities, (n,) labels) batch by batch."""
    started, seen = time.perf_counter(), 0
    for ids, batch in _batches(setup, split):
        call = batches.split(batch, setup.model)
        predicted = batches.prediction(setup.outputs(batch))
        found = _log_probabilities(predicted, call.targets, kind)
        if found is None:
            return
        yield ids if len(ids) == len(found[1]) else [None] * len(found[1]), *found
        seen += len(found[1])
        if seen >= SAMPLES or time.perf_counter() - started > seconds:
            return


def _batches(setup: TrainingSetup, split: Split) -> Iterator[tuple[list[int | None], Any]]:
    """With the ids of their samples; of what cannot be read again, only the first batch."""
    if not split.rewinds:
        yield [], split.first
        return
    loader = setup.train_loader if split.name == "train_loader" else setup.val_loader
    for one in read(loader, split.name):
        yield list(one.indices) if split.by_index and one.indices is not None else [], one.batch


def _log_probabilities(predicted: Tensor | None, targets: Any, kind: str) -> tuple[Tensor, Tensor] | None:
    if not isinstance(predicted, Tensor) or not isinstance(targets, Tensor) or not predicted.is_floating_point():
        return None
    predicted, targets = predicted.detach().cpu().double(), targets.detach().cpu()
    if kind == "classes":
        whole = not targets.is_floating_point() and targets.dtype != torch.bool
        if predicted.ndim != 2 or predicted.shape[1] < 2 or targets.shape != predicted.shape[:1] or not whole:
            return None
        inside = (targets >= 0) & (targets < predicted.shape[1])
        logs = predicted.log_softmax(1).masked_fill(~inside[:, None], float("nan"))
        return logs, targets.long().where(inside, torch.tensor(-1))
    predicted, targets = predicted.reshape(-1), targets.reshape(-1).double()
    if len(predicted) != len(targets) or not bool(((targets == 0) | (targets == 1)).all()):
        return None
    logit = predicted if kind == "logit" else torch.logit(predicted, eps=1e-12)
    return torch.nn.functional.logsigmoid(torch.stack([-logit, logit], 1)), targets.long()


def _look(split: Split, ids: list[int | None], logs: Tensor, labels: Tensor) -> tuple[ByModel | None, str]:
    known = (labels >= 0) & torch.isfinite(logs).all(1)
    ids = [number for number, kept in zip(ids, known.tolist(), strict=True) if kept]
    logs, labels = logs[known], labels[known]
    if len(labels) < FEWEST:
        return None, f"only {len(labels)} samples have a finite answer and a label"
    predicted = logs.argmax(1)
    right, kinds = int((predicted == labels).sum()), logs.shape[1]
    of_label, of_answer = (part.bincount(minlength=kinds).double() / len(labels) for part in (labels, predicted))
    losses = -logs[torch.arange(len(labels)), labels]
    by_chance, entropy = float((of_label * of_answer).sum()), float(torch.special.entr(of_label).sum())
    unlearnt = float(losses.mean()) >= NO_BETTER * entropy and right / len(labels) < by_chance + MOSTLY * (1 - by_chance)
    at_chance = wilson(right, len(labels))[1] <= by_chance or unlearnt
    worst = [i for i in losses.argsort(descending=True).tolist() if int(predicted[i]) != int(labels[i])][:TOP]
    top = tuple(
        TopLoss(
            ids[i], str(int(labels[i])), str(int(predicted[i])), float(logs[i, predicted[i]].exp()), float(logs[i, labels[i]].exp()),
            float(losses[i]),
        )
        for i in worst
    )  # fmt: skip
    matrix = torch.zeros(kinds, kinds, dtype=torch.int64).index_put_((labels, predicted), torch.tensor(1), accumulate=True)
    wrong = matrix - torch.diag(matrix.diagonal())
    ranked = wrong.flatten().argsort(descending=True)[:PAIRS].tolist()
    pairs = tuple((str(i // kinds), str(i % kinds), int(wrong.flatten()[i])) for i in ranked if int(wrong.flatten()[i]))
    small = tuple(tuple(row) for row in matrix.tolist()) if kinds <= MOST_CLASSES else ()
    return ByModel(
        split.name, len(labels), right / len(labels), by_chance, at_chance, float(losses.mean()), () if at_chance else top, kinds,
        () if at_chance else small, () if at_chance else pairs,
    ), ""  # fmt: skip
