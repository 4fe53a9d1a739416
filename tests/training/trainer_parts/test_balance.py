"""Labels of whatever dataset, and a sampler that draws each class alike."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)

from nbdebug.errors import ConfigError
from nbdebug.training.trainer.balance import class_labels, count_classes, draw_weights

LABELS = [0, 0, 0, 0, 0, 0, 1, 1, 2]


class Read(Dataset):
    """Keeps no list of its labels, and draws at random when it is read."""

    def __init__(self, make: object) -> None:
        self.make = make

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, number: int) -> object:
        return self.make(torch.rand(2), LABELS[number])  # type: ignore[operator]


class Keeps(Dataset):
    def __init__(self) -> None:
        self.targets = LABELS

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, number: int) -> object:
        raise AssertionError("it need not be read")


TENSORS = TensorDataset(torch.zeros(9, 2), torch.tensor(LABELS))
DATASETS = [
    TENSORS, TensorDataset(torch.zeros(9, 2), torch.tensor(LABELS).float().unsqueeze(1)), Keeps(), Read(lambda x, y: (x, y)), Read(lambda x, y: {"image": x, "label": torch.tensor(y)}),
    Subset(ConcatDataset([Keeps(), Keeps()]), range(9)), ConcatDataset([Subset(TENSORS, range(4)), Subset(TENSORS, [4, 5, 6, 7, 8])]), Subset(Read(lambda x, y: (x, x, y)), list(range(9))),
]  # fmt: skip


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: type(d).__name__)
def test_labels_are_found(dataset: Dataset) -> None:
    before = torch.get_rng_state()
    assert class_labels(dataset).tolist() == LABELS
    assert torch.equal(before, torch.get_rng_state())


def test_each_class_is_drawn_alike() -> None:
    weights = draw_weights(TENSORS)
    assert float(weights.sum()) == pytest.approx(1.0)
    assert [float(weights[torch.tensor(LABELS) == c].sum()) for c in range(3)] == pytest.approx([1 / 3] * 3)
    drawn = torch.tensor(LABELS)[list(WeightedRandomSampler(weights, 3000, generator=torch.Generator().manual_seed(0)))]
    assert drawn.bincount().tolist() == pytest.approx([1000] * 3, abs=120)


class Stream(IterableDataset):
    def __iter__(self) -> object:
        return iter([])


@pytest.mark.parametrize(
    "dataset, message",
    [
        (TensorDataset(torch.zeros(3, 2), torch.zeros(3, 4)), "one class"), (TensorDataset(torch.zeros(3, 2), torch.tensor([0.1, 0.2, 0.3])), "one class"),
        (Stream(), "is a stream"), (Read(lambda x, y: x), "not one number each"), (Read(lambda x, y: (x, "word")), "not one number each"),
    ],
)  # fmt: skip
def test_samples_without_one_class_each(dataset: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        draw_weights(dataset)  # type: ignore[arg-type]


def test_nothing_to_be_counted() -> None:
    with pytest.raises(ConfigError, match="give a list of weights"):
        count_classes([torch.zeros(2)])
