"""Everything that a training consists of at one moment, as a checkpoint keeps it, and put back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from nbdebug.errors import LONGEST, CheckpointError
from nbdebug.training.fitting import demand_same_kind
from nbdebug.training.rank.snapshot import unwrapped
from nbdebug.training.trainer.loading import Place


def random_states(device: torch.device) -> dict[str, Any]:
    """Python's, NumPy's, torch's and the GPU's, of this process."""
    found = {"python": random.getstate(), "numpy": np.random.get_state(legacy=False), "torch": torch.get_rng_state()}
    return found | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def set_random_states(states: Mapping[str, Any], device: torch.device) -> None:
    """What `random_states` gave, also after it was in a file."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    numpys = states["numpy"]
    np.random.set_state({**numpys, "state": {**numpys["state"], "key": np.asarray(numpys["state"]["key"], dtype=np.uint32)}})
    torch.set_rng_state(states["torch"].cpu().clone())
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"].cpu().clone(), device)


class Parts:
    """What has a state, by name.

    Args:
        model: the user's own.
        others: anything with `state_dict` and `load_state_dict`: optimizers, schedules, scaler, averages, stopping.
    """

    def __init__(self, model: nn.Module, others: Mapping[str, Any]) -> None:
        self.model = unwrapped(model)
        self.others = {name: part for name, part in others.items() if part is not None}

    def state(self) -> dict[str, Any]:
        return {"model": self.model.state_dict()} | {name: part.state_dict() for name, part in self.others.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Puts a state back.

        Raises:
            CheckpointError: it is of another model or optimizer, or lacks a part that this training has; says which.
        """
        _loaded("model", type(self.model).__name__, self.model, state)
        for name, part in self.others.items():
            _loaded(name, type(part).__name__, part, state)


def _loaded(name: str, kind: str, part: Any, state: Mapping[str, Any]) -> None:
    if name not in state:
        raise CheckpointError(f"the checkpoint has no {name}, and this training has: it was made with another configuration")
    if isinstance(part, torch.optim.Optimizer):
        demand_same_kind(part, state[name], "the checkpoint")
    try:
        part.load_state_dict(state[name])
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        why = " ".join(str(error).split())[:LONGEST]  # torch says what it is in the second line
        raise CheckpointError(f"the checkpoint is not of this {kind}: its {name} does not fit ({why})") from error


def place_of(state: Mapping[str, Any]) -> Place:
    """Where the data is to be gone on with.

    Raises:
        CheckpointError: it is not a state of this trainer.
    """
    try:
        return Place(**state["place"])
    except (KeyError, TypeError) as error:
        raise CheckpointError("the checkpoint is of a loop of the user's own (train_fn): it does not say where the data was") from error
