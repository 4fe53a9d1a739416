"""How many samples each class has, and how often a sampler must draw each so that all classes come alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset

from nbdebug import batch as batches
from nbdebug.errors import ConfigError
from nbdebug.training.trainer.determinism import undisturbed

LABELS = ("targets", "labels", "y", "label", "target")  # attributes under which datasets keep the label of each sample


def draw_weights(dataset: Dataset[Any]) -> Tensor:
    """For each sample the weight with which a sampler draws it, so that every class has the same share.

    Returns:
        Tensor (samples,), float64; the sum is 1.

    Raises:
        ConfigError: the samples have not one class each.
    """
    labels = class_labels(dataset)
    _, place, counts = labels.unique(return_inverse=True, return_counts=True)
    weights = 1.0 / counts.double()[place]
    return weights / weights.sum()


def count_classes(loader: Iterable[Any] | None) -> Tensor:
    """How many samples each of the classes 0, 1, … has.

    Returns:
        Tensor (classes,), float64.

    Raises:
        ConfigError: there is no dataset to be counted, or its samples have not one class each.
    """
    dataset = getattr(loader, "dataset", None)
    if dataset is None:
        raise ConfigError('loss.class_weights "balanced" counts the labels of the train_loader\'s dataset, and there is none: give a list of weights')
    labels = class_labels(dataset)
    if int(labels.min()) < 0:
        raise ConfigError(f'loss.class_weights "balanced" counts classes 0, 1, …, and one of the labels is {int(labels.min())}: give a list of weights')
    return torch.bincount(labels).double()


def class_labels(dataset: Any) -> Tensor:
    """The class of each sample: from where the dataset keeps them, or else by reading it once.

    Returns:
        Tensor (samples,), int64.
    """
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        raise ConfigError(f"classes are balanced by the labels of a dataset with a length, and {type(dataset).__name__} is a stream: leave data.balance out")
    found = _kept(dataset)
    labels = found if found is not None else _read(dataset)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not len(labels) or (labels.is_floating_point() and not bool((labels == labels.round()).all())):
        raise ConfigError(f"classes are balanced where each sample has one class, and the labels of {type(dataset).__name__} are {batches.describe(labels)}")
    return labels.long()


def _kept(dataset: Any) -> Tensor | None:
    """Labels that a dataset keeps beside the samples, or None."""
    if isinstance(dataset, Subset):
        labels = _kept(dataset.dataset)
        return labels[torch.as_tensor(list(dataset.indices))] if labels is not None else None
    if isinstance(dataset, ConcatDataset):
        parts = [_kept(part) for part in dataset.datasets]
        return torch.cat(parts) if parts and all(part is not None for part in parts) else None  # type: ignore[arg-type]
    if isinstance(dataset, TensorDataset):
        return dataset.tensors[-1] if len(dataset.tensors) > 1 else None
    for values in _candidates(dataset):
        labels = _tensor(values)
        if labels is not None and labels.ndim >= 1 and len(labels) == len(dataset):
            return labels
    return None


def _candidates(dataset: Any) -> Iterator[Any]:
    yield from (vars(dataset)[name] for name in LABELS if name in getattr(dataset, "__dict__", {}))
    columns = getattr(dataset, "column_names", None)  # datasets of Hugging Face
    if isinstance(columns, list):
        yield from (dataset[name] for name in LABELS if name in columns)


def _tensor(values: Any) -> Tensor | None:
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        return None


def _read(dataset: Any) -> Tensor:
    """The last member of each sample, or the one that is named like a label; random augmentation leaves the session's random numbers alone."""
    with undisturbed():
        found = [_tensor(_label(dataset[number])) for number in range(len(dataset))]
    if not found or any(label is None for label in found) or len({label.shape for label in found if label is not None}) > 1:
        raise ConfigError(f"classes are balanced by the label of each sample, and those of {type(dataset).__name__} are not one number each")
    return torch.stack([label.reshape(-1) if label.ndim else label for label in found if label is not None])


def _label(sample: Any) -> Any:
    if isinstance(sample, Mapping):
        return next((sample[name] for name in batches.TARGET_NAMES if name in sample), None)
    return sample[-1] if isinstance(sample, (tuple, list)) and len(sample) > 1 else None
