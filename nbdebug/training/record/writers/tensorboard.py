"""The curves of a run for TensorBoard, written by rank 0 as they are told."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from nbdebug.training.events import number
from nbdebug.training.folder import RunFolder
from nbdebug.training.record.writers.event_file import EventFile


class TensorBoard:
    """Writes metrics as `loss`, `lr`, and those of validation as `val_loss`; a disk that is full ends the file, not the training."""

    def __init__(self, folder: RunFolder, attempt: int = 0, host: str = "rank0") -> None:
        self._file: EventFile | None = EventFile(folder.tensorboard, time.time(), f"{host}.{os.getpid()}.{attempt}")
        self._begins = attempt > 0  # with the first word of this attempt it is known at which step

    def __call__(self, *events: Mapping[str, Any]) -> None:
        """Events, as they are told."""
        measured = [event for event in events if event.get("k") in ("metric", "validation")]
        if not measured or self._file is None:
            return
        try:
            with self._file.together():
                for event in measured:
                    self._write(self._file, event)
        except OSError:
            self.close()

    def _write(self, file: EventFile, event: Mapping[str, Any]) -> None:
        step, at = int(event.get("step") or 0), float(event["t"])
        values = scalars(event)
        if self._begins:
            file.begins(at, step)
            self._begins = False
        if values:
            file.scalars(at, step, values)

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None


def scalars(event: Mapping[str, Any]) -> dict[str, float]:
    """What was measured, by the names that the run's table has."""
    prefix = "val_" if event["k"] == "validation" else ""
    told = event.get("metrics") or {}
    numbers = {str(name): number(value) for name, value in told.items() if isinstance(value, (int, float)) or (isinstance(value, Mapping) and "float" in value)}
    return {name if name.startswith("val_") else f"{prefix}{name}": value for name, value in numbers.items()}


def of_rank(folder: RunFolder, rank: int, attempt: int, wanted: bool) -> list[Callable[..., None]]:
    """What listens to a rank: the writer; nothing where it is not wanted, another rank writes, or the folder cannot be written."""
    if wanted and rank == 0:
        with contextlib.suppress(OSError):
            return [TensorBoard(folder, attempt)]
    return []
