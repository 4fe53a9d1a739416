"""Candidates that load otherwise: the loop with its own loader, beside the loop with another configuration of it."""

from __future__ import annotations

import statistics
from typing import Any

import torch
from torch.utils.data import DataLoader

from nbdebug.data.running import Box
from nbdebug.data.running.trials import cores_here
from nbdebug.instruments.profile.gains.tried import NOISE_FLOOR
from nbdebug.instruments.profile.result import NO_TIME, Gain, Waiting
from nbdebug.instruments.profile.waiting import waited
from nbdebug.step_cost import Stepper

SMALL = 0.1  # share of the loop's time that is waiting, below which nothing is to be gained; our choice
ROUNDS = 3
MOST = 4  # workers that are tried


def loaded_otherwise(step: Stepper, waiting: Waiting | None, box: Box, steps: int) -> Gain:
    """More worker processes, and pinned memory for CUDA."""
    loader, name = step.setup.train_loader, "loader"
    if not isinstance(loader, DataLoader):
        return Gain(name, "the train_loader is no DataLoader: there are no workers to add")
    if waiting is None:
        return Gain(name, "how long the loop waits was not measured")
    changes = _changes(loader)
    said = ", ".join(f"{key}={value}" for key, value in changes.items())
    code = f"train_loader = DataLoader(dataset, batch_size={loader.batch_size}, …, {said})"
    if waiting.share < SMALL:
        return Gain(f"loader with {said}", f"the loop waits for data {waiting.share:.0%} of the time", code=code)
    return _measured(step, changes, f"loader with {said}", code, box, steps)


def _changes(loader: DataLoader) -> dict[str, Any]:
    workers = min(MOST, cores_here()) if loader.num_workers == 0 else 2 * loader.num_workers
    return {"num_workers": workers, "persistent_workers": True, **({"pin_memory": True} if torch.cuda.is_available() else {})}


def _measured(step: Stepper, changes: dict[str, Any], name: str, code: str, box: Box, steps: int) -> Gain:
    ratios, seconds, notes = [], [], []
    for _ in range(ROUNDS):
        own = waited(step, box.part(1 / (2 * ROUNDS)), steps=steps, notes=notes)
        other = waited(step, box.part(1 / (2 * ROUNDS)), steps=steps, notes=notes, **changes)
        if own is None or other is None:
            return Gain(name, notes[-1] if notes else NO_TIME, code=code)
        seconds.append(own.seconds + own.step_seconds)
        ratios.append(seconds[-1] / (other.seconds + other.step_seconds))
    ratio = statistics.median(ratios)
    kept = ratio > 1 + NOISE_FLOOR and min(ratios) > 1
    caution = "steady steps are compared; workers take time to start, in each epoch unless persistent_workers=True"
    saved = statistics.median(seconds) * (1 - 1 / ratio)
    return Gain(name, "", ratio, min(ratios), max(ratios), ROUNDS, saved=saved, kept=kept, caution=caution, code=code)
