"""What can be looked at: a loader, a dataset, a frame, arrays, a folder, annotations. And how its batches are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from nbdebug.data.sources.arrays import Arrays, are_arrays, arrays_of, is_array, lengths_apart
from nbdebug.data.sources.columnar import Columnar, is_columnar
from nbdebug.data.sources.files import loader_of_path
from nbdebug.data.sources.samples import Listed, Samples, is_dataset
from nbdebug.data.sources.table import Table, is_table
from nbdebug.data.sources.wanted import demand_known
from nbdebug.data.split import KINDS
from nbdebug.data.together import are_samples
from nbdebug.errors import SetupError
from nbdebug.loading import rewinds

TAKEN = "pass a DataLoader, a dataset, a frame, arrays or a path"


@dataclass(frozen=True)
class Source:
    """Something that gives batches, and what is known of it before any was read."""

    name: str  # how findings call it
    loader: Iterable[Any]  # for `loading.read`
    about: str
    kind: str | None = None  # of its inputs, told by the user
    targets: tuple[str, ...] = ()  # names of the fields that are targets, told by the user
    total: int | None = None  # samples
    rewinds: bool = True
    dataset: Any = None  # the map-style dataset under the loader
    fetch: Callable[[int], Any] | None = None  # a sample by its dataset index
    numbered: bool = False  # the running number of a sample is its index, though the loader shows none
    ordered: bool = True  # the order is that of a loader of the user's

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know of how it was read."""
        said = tuple(getattr(self.loader, "notes", ()))
        return said if self.rewinds else (*said, "an iterable dataset cannot be rewound: this pass has used up what it read, and samples are called by their running number")


def as_source(data: Any, name: str = "data", *, kind: str | None = None, target: Any = None) -> Source:
    """A source of whatever a user has.

    Args:
        data: a DataLoader or any iterable of batches; a dataset; a pandas or Arrow table; arrays or tensors, alone or as (inputs,
            targets); a list of samples; the path of a folder of images, of a table, a text or a COCO file.
        kind: one of `split.KINDS`, for the inputs ("classes" and "quantity": for the targets).
        target: name of the column or field that is to be predicted, or several; of a frame whatever pandas takes as one, 3 or ("a", "y").

    Raises:
        SetupError: it is nothing that gives samples; says what would be.
    """
    if kind is not None:
        demand_known((kind,), KINDS, "kind")
    targets = _names_of(target, data)
    loader = _loader(data, name, targets)
    mapped = isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset)
    dataset = loader.dataset if mapped else getattr(loader, "dataset", None)
    fetch = dataset.__getitem__ if mapped and hasattr(dataset, "__getitem__") else getattr(loader, "fetch", None)
    mine = hasattr(loader, "numbered") or isinstance(loader, Samples) or hasattr(dataset, "about")
    return Source(
        name, loader, _about(data, loader), kind, targets, _length(loader), rewinds(loader), dataset, fetch,
        getattr(loader, "numbered", False), not mine,
    )  # fmt: skip


def _names_of(target: Any, data: Any) -> tuple[str, ...]:
    """The targets as columns are called here, in words; a tuple is one name where columns have several levels."""
    frame = data.data if isinstance(data, Table) else data
    several = isinstance(target, (list, set, frozenset)) or (isinstance(target, tuple) and getattr(getattr(frame, "columns", None), "nlevels", 1) == 1)
    return () if target is None else tuple(map(str, target)) if several else (str(target),)


def _loader(data: Any, name: str, targets: tuple[str, ...]) -> Iterable[Any]:
    if data is None:
        raise SetupError(f"{name} is None: {TAKEN}")
    if isinstance(data, (DataLoader, Table, Arrays, Columnar)):
        return data
    if isinstance(data, (str, os.PathLike)):
        return loader_of_path(data, targets)
    if isinstance(data, (bytes, bytearray, int, float, complex, type)):
        raise SetupError(f"{name} is {'the class ' + data.__name__ if isinstance(data, type) else 'of type ' + type(data).__name__}, which gives no samples: {TAKEN}")
    if isinstance(data, Iterator):
        raise SetupError(
            f"{name} is a {type(data).__name__}, which can be read only once: looking would use up your data. "
            "Pass what it was made of, the loader or the dataset, or a list of its batches"
        )
    return _of_data(data, name, targets)


def _of_data(data: Any, name: str, targets: tuple[str, ...]) -> Iterable[Any]:
    if isinstance(data, Sized) and hasattr(type(data), "__len__") and len(data) == 0 and not hasattr(data, "columns"):
        raise SetupError(f"{name} is empty: a {type(data).__name__} of length 0")
    if _is_coco(data):
        from nbdebug.data.sources.coco import Coco

        return Coco(data).loader()
    if (framed := _with_targets(data)) is not None:
        data, targets = framed[0], targets or framed[1]
    if hasattr(data, "to_frame") and hasattr(data, "dtype") and not is_table(data) and type(data).__module__.startswith("pandas"):
        data = data.to_frame(data.name if data.name is not None else "values")
    if is_table(data):
        return _filled(Table(data, targets), name)
    if is_columnar(data):
        return Columnar(data, targets)
    if is_array(data) or are_arrays(data):
        return _filled(Arrays(arrays_of(data)), name)
    if is_dataset(data):
        return data.loader() if hasattr(data, "about") and hasattr(data, "loader") else Samples(data)  # a folder or annotations
    if isinstance(data, Mapping):
        raise SetupError(f"{name} is a {type(data).__name__} whose parts are not equally long: {_lengths(data)}. A dict of columns needs one entry a sample in each")
    if (odd := lengths_apart(data)) is not None:
        raise SetupError(f"inputs and targets of {name} are not equally long: {odd}. Each row needs its target")
    if isinstance(data, (list, tuple)) and are_samples(data):
        return Samples(Listed(data), f"{type(data).__name__} of {len(data):,} samples")
    if hasattr(data, "__iter__") or hasattr(data, "__getitem__"):
        return data
    raise SetupError(f"{name} is of type {type(data).__name__}, which gives no samples: {TAKEN}")


def _is_coco(data: Any) -> bool:
    """What a COCO file holds, or pycocotools' own object of it."""
    if isinstance(data, Mapping):
        return {"images", "annotations"} <= data.keys() and isinstance(data["annotations"], list)
    return type(data).__module__.startswith("pycocotools")


def _with_targets(data: Any) -> tuple[Any, tuple[str, ...]] | None:
    """(frame, column of targets) as one frame."""
    if not isinstance(data, (tuple, list)) or len(data) != 2 or not hasattr(data[0], "iloc") or not hasattr(data[0], "columns"):
        return None
    frame, column = data
    if not hasattr(column, "__len__") or len(column) != len(frame) or getattr(column, "ndim", 1) != 1:
        raise SetupError(f"inputs have {len(frame):,} rows, and targets {len(column) if hasattr(column, '__len__') else 'no'}: pass one label a row")
    name = str(getattr(column, "name", None) or "target")
    name = name if name not in map(str, frame.columns) else f"{name} (target)"
    twin = frame.copy(deep=False)
    levels = frame.columns.nlevels
    twin[name if levels == 1 else (name, *[""] * (levels - 1))] = column.to_numpy() if hasattr(column, "to_numpy") else column
    return twin, (str(twin.columns[-1]),)


def _filled(loader: Any, name: str) -> Any:
    if loader.rows == 0:
        raise SetupError(f"{name} is empty: {loader.about}")
    return loader


def _lengths(data: Mapping[Any, Any]) -> str:
    return ", ".join(f"{key!r} {len(part) if hasattr(part, '__len__') else 'has none'}" for key, part in list(data.items())[:6])


def _length(loader: Any) -> int | None:
    if isinstance(loader, DataLoader):
        try:
            return len(loader.dataset) if isinstance(loader.dataset, Sized) else None
        except (TypeError, NotImplementedError):
            return None
    return getattr(loader, "rows", None)


def _about(data: Any, loader: Any) -> str:
    if isinstance(loader, DataLoader) and hasattr(loader.dataset, "about"):
        return loader.dataset.about
    if isinstance(loader, DataLoader) and not isinstance(loader, Samples):
        return f"DataLoader of {type(loader.dataset).__name__}"
    return getattr(loader, "about", "") or type(data).__name__
