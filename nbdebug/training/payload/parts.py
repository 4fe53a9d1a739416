"""What is shipped, part by part, with its size."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from nbdebug.training.job import SETUP, Job
from nbdebug.training.payload.by_value import ByValue, Record, recording

FIELDS = ("model", "loss_fn", "batch_loss", "optimizer", "scheduler", "scaler", "train_loader", "val_loader")
KINDS = {"model": "model", "optimizer": "optimizer", "train_loader": "data", "val_loader": "data"}
MTIME = slice(8, 12)  # of a .pyc file: when its source was last changed, in seconds, little-endian (PEP 552)


@dataclass(frozen=True)
class Part:
    """One thing that is shipped."""

    name: str  # as the user calls it
    kind: str  # model, optimizer, data, function, argument, captured (a variable that a function uses), module (a file the ranks import)
    bytes: int  # of a module: of its file, which is not shipped; two parts that share memory both count it


@dataclass(frozen=True)
class Shipment:
    """What a run's ranks are given."""

    digest: str  # sha256 of the file; empty when nothing was written
    bytes: int  # of the file
    parts: tuple[Part, ...]  # biggest first
    names: tuple[str, ...]  # of __main__, known in every rank


class Counting(ByValue):
    """Pickles without moving numbers: a tensor counts as many bytes as its memory, memory that is shared once."""

    seen: set[int]
    numbers: int

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Tensor) and obj.layout == torch.strided and obj.device.type != "meta" and not is_lazy(obj):
            with contextlib.suppress(RuntimeError, NotImplementedError):  # a subclass without memory of its own
                self._count(obj.untyped_storage())
                return float, ()
        if isinstance(obj, torch.UntypedStorage):
            self._count(obj)
            return float, ()
        if type(obj) is np.ndarray and not obj.dtype.hasobject:
            self.numbers += obj.nbytes
            return float, ()
        return super().reducer_override(obj)

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage.data_ptr() not in self.seen:
            self.seen.add(storage.data_ptr())
            self.numbers += storage.nbytes()


def size(thing: Any, record: Record | None = None) -> int:
    """Bytes that a thing takes when it is shipped.

    Raises:
        Exception: it cannot be pickled.
    """
    nowhere = _Nowhere()
    pickler = recording(record or Record(), Counting).Pickler(nowhere, protocol=5)
    pickler.seen, pickler.numbers = set(), 0
    pickler.dump(thing)
    return nowhere.bytes + int(pickler.numbers)


def roots(job: Job) -> dict[str, Any]:
    """What the user gave, by the name that he knows it by."""
    named = {}
    if job.kind == SETUP:
        named = {name: value for name in FIELDS if (value := getattr(job.what, name)) is not None}
    else:
        named[getattr(job.what, "__name__", "the function")] = job.what
    named.update((f"argument {number}", value) for number, value in enumerate(job.arguments, 1))
    named.update((f"{name}=", value) for name, value in job.keywords.items())
    return named


def parts_of(job: Job, record: Record) -> tuple[Part, ...]:
    """The parts of a job that was pickled, biggest first."""
    given = roots(job)
    parts = [Part(name, KINDS.get(name, "argument" if name.startswith("argument ") or name.endswith("=") else "function"), size(it)) for name, it in given.items()]
    known = {id(value) for value in given.values()}
    parts += [Part(name, "captured", size(value)) for name, value in record.captured.items() if id(value) not in known]
    parts += _modules(record.modules)
    return tuple(sorted(parts, key=lambda part: -part.bytes))


def _modules(modules: dict[str, str]) -> Iterator[Part]:
    for name, file in modules.items():
        with contextlib.suppress(OSError):
            edited = ", edited since it was imported: the ranks run it as it is now" if _edited(Path(file)) else ""
            yield Part(name, f"module{edited}", os.path.getsize(file))


def _edited(file: Path) -> bool:
    """Whether the source is another than the one whose compiled form was kept when it was imported last."""
    with contextlib.suppress(OSError, NotImplementedError, ValueError):
        compiled = Path(importlib.util.cache_from_source(str(file))).read_bytes()[:16]
        by_time = compiled[4:8] == b"\0\0\0\0"
        return by_time and int.from_bytes(compiled[MTIME], "little") != int(file.stat().st_mtime) & 0xFFFFFFFF
    return False


class _Nowhere(io.RawIOBase):
    bytes = 0

    def write(self, data: Any) -> int:
        written = memoryview(data).nbytes
        self.bytes += written
        return written
