"""Some of the samples held out as exhibits, with the truth and what the contenders said, for a person to label as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy
import torch
from torch import Tensor

from nbdebug.data.chunk import INPUT, TARGET, Chunk, Field, chunk_of
from nbdebug.data.kinds import kind_of
from nbdebug.data.samples import exhibits, pictures
from nbdebug.data.samples.labels import class_name, names_of
from nbdebug.instruments.baselines.task import Scored, Task
from nbdebug.loading import Delivered
from nbdebug.page import Exhibit, Question, Quiz
from nbdebug.training_setup import TrainingSetup

QUESTIONS = 20
SIDE = 160  # pixels of a picture's longer side
MOST_CHOICES = 200  # classes; nobody finds his way among more
BESIDE = ("mask", "token_type_ids", "position_ids", "lengths")  # inputs that only go with another


def quiz_of(setup: TrainingSetup, held_out: Sequence[Delivered], task: Task, held: Sequence[Scored], said: Mapping[str, Tensor]) -> Quiz | None:
    """The quiz; None where a sample has no one class or number, or cannot be shown.

    Args:
        said: contender → its (n,) answers for all samples held out.
    """
    truths = [_truth(task, one) for one in held]
    if any(truth is None for truth in truths) or any(not one.inputs for one in held) or task.kind not in ("classes", "binary", "numbers"):
        return None
    classes = held[0].shape[1] if task.kind == "classes" else 2
    if task.kind != "numbers" and classes > MOST_CHOICES:
        return None
    loader = setup.val_loader if setup.val_loader is not None else setup.train_loader
    names = names_of(getattr(loader, "dataset", None))
    choices = () if task.kind == "numbers" else tuple(class_name(i, names) for i in range(classes))
    starts = numpy.cumsum([0, *(len(truth) for truth in truths)])
    questions = []
    drawers: dict[int, Callable[[int], Exhibit]] = {}
    for place in _chosen(torch.cat(truths), task):
        batch = int(numpy.searchsorted(starts, place, side="right")) - 1
        row = place - int(starts[batch])
        if batch not in drawers:
            drawers[batch] = _drawer(held_out[batch], setup)
        answers = {name: _said(task, choices, float(given[place])) for name, given in said.items()}
        questions.append(Question(drawers[batch](row), _said(task, choices, float(truths[batch][row])), answers))
    return Quiz(tuple(questions), choices)


def _truth(task: Task, scored: Scored) -> Tensor | None:
    """(n,) the one target of each sample."""
    targets = scored.targets.cpu()
    if targets.is_floating_point() and task.kind == "classes":
        targets = targets.argmax(1)
    return targets.reshape(-1).float() if targets.numel() == scored.samples and bool((targets >= 0).all() or task.kind == "numbers") else None


def _chosen(truths: Tensor, task: Task) -> list[int]:
    """Places of samples, of classes by turns, so that a rare one comes too; in no order that tells anything."""
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(truths), generator=generator).tolist()
    if task.kind == "numbers":
        return order[:QUESTIONS]
    seen: dict[float, int] = {}
    turns = []
    for place in order:
        label = float(truths[place])
        seen[label] = seen.get(label, 0) + 1
        turns.append((seen[label], place))
    chosen = [place for _, place in sorted(turns, key=lambda turn: turn[0])][:QUESTIONS]
    return [chosen[i] for i in torch.randperm(len(chosen), generator=generator).tolist()]


def _said(task: Task, choices: tuple[str, ...], value: float) -> str | float:
    if task.kind == "numbers":
        return float(f"{value:.4g}")
    return choices[int(value)] if 0 <= int(value) < len(choices) else str(int(value))


def _drawer(one: Delivered, setup: TrainingSetup) -> Callable[[int], Exhibit]:
    """Draws a sample of a batch by what it is, without its target."""
    chunk = chunk_of(one, 0, setup.model)
    field = _main_field(chunk)
    kind, values = kind_of(field), field.values
    if kind == "image":
        return _image_drawer(values)
    if kind == "tokens":
        decode = _decoder(setup)
        return lambda row: exhibits.tokens("", numpy.asarray(values[row]), None, f"{numpy.size(values[row])} tokens", decode)
    if kind in ("series", "audio"):
        return lambda row: exhibits.trace("", exhibits.array(values[row]))
    if isinstance(values, numpy.ndarray) and values.ndim == 2:
        names = field.names if len(field.names) == values.shape[1] else [f"column {i}" for i in range(values.shape[1])]
        return lambda row: exhibits.row("", names, values[row].tolist())
    return lambda row: exhibits.words("", values[row])


def _image_drawer(values: Any) -> Callable[[int], Exhibit]:
    arrays = [exhibits.array(value) for value in values]
    low, high = pictures.value_range(min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays))

    def draw(row: int) -> Exhibit:
        image = pictures.channels_last(arrays[row])
        return pictures.picture("", image, low, high, side=SIDE) if image is not None else exhibits.words("", values[row])

    return draw


def _main_field(chunk: Chunk) -> Field:
    """The input that a person would look at; of an image that is its own target, that image."""
    inputs = [field for field in chunk.fields if field.role == INPUT] or [field for field in chunk.fields if field.role != TARGET]
    return next((field for field in inputs if not any(part in field.name for part in BESIDE)), inputs[0])


def _decoder(setup: TrainingSetup) -> Any:
    """Makes text of tokens, where the collate function, the dataset or the model has a tokenizer."""
    loader = setup.val_loader if setup.val_loader is not None else setup.train_loader
    places = (getattr(loader, "collate_fn", None), getattr(loader, "dataset", None), loader, setup.model)
    return next((decode for place in places if callable(decode := getattr(getattr(place, "tokenizer", None), "decode", None))), None)
