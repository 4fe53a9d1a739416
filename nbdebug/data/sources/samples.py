"""Single samples, in a list or a dataset without a loader, as a DataLoader that lays together whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data import DataLoader, Dataset, IterableDataset

from nbdebug.data.together import together
from nbdebug.errors import SetupError

BATCH = 64  # samples


class Samples(DataLoader):
    """A dataset in its own order. Samples that do not stack come as lists, so that a dataset of PIL images can be read as well."""

    ours = True

    def __init__(self, dataset: Any, about: str = "") -> None:
        super().__init__(dataset, batch_size=BATCH, collate_fn=_together)
        length = f" of {len(dataset):,} samples" if hasattr(dataset, "__len__") else ""
        self.about = about or f"{type(dataset).__name__}{length}"


def _together(samples: list[Any]) -> Any:
    if all(sample is None for sample in samples):
        raise SetupError(f"all {len(samples)} samples of a batch are None: does __getitem__ return what it makes?")
    return together(samples)


class Listed(Dataset):
    """A list of samples as a dataset."""

    def __init__(self, samples: Sequence[Any]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


def is_dataset(data: Any) -> bool:
    """Whether this gives samples by index or one after the other, and no batches."""
    if isinstance(data, (Dataset, IterableDataset)):
        return True
    builtin = isinstance(data, (list, tuple, str, bytes, dict))
    return not builtin and hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "__iter__")
