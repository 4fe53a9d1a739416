"""Trained weights, from the file that rank 0 wrote into a model of the kernel's: the very same tensors, with other numbers in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.errors import LaunchError, first_line
from nbdebug.training.rank.snapshot import unwrapped

NAMED = 4  # in a message; the rest is counted


def load_into(model: nn.Module, path: Path) -> nn.Module:
    """Fills the model's own parameters and buffers; its objects, its modes and what is tied stay as they are.

    Raises:
        LaunchError: the file cannot be read, or is not of a model with these names and shapes; then nothing was changed.
    """
    state, inner = read(path), unwrapped(model)  # of a compiled model the weights are those of the model in it
    demand_fit(inner, state, path)
    try:
        inner.load_state_dict(state, strict=True)
    except (RuntimeError, ValueError) as error:
        raise LaunchError(f"the trained weights do not go into this model: {first_line(error)}") from error
    return model


def read(path: Path) -> dict[str, Any]:
    """A state_dict, its tensors mapped from the file: it is read page by page as it is copied.

    Raises:
        LaunchError: it is not there, or damaged.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise LaunchError(f"the run wrote no weights ({path} is not there)") from None
    except Exception as error:
        raise LaunchError(f"the weights in {path} cannot be read: {first_line(error)}") from error
    if not isinstance(state, Mapping):
        raise LaunchError(f"{path} does not hold the weights of a model")
    return dict(state)


def demand_fit(model: nn.Module, state: Mapping[str, Any], path: Path) -> None:
    """Looks before anything is copied: `load_state_dict` would tell only after it has filled what fits.

    Raises:
        LaunchError: names or shapes differ.
    """
    own = model.state_dict()
    shapes = [
        f"{name} is {tuple(own[name].shape)} here, {tuple(value.shape)} there" for name, value in state.items()
        if isinstance(value, Tensor) and isinstance(own.get(name), Tensor) and value.shape != own[name].shape
    ]  # fmt: skip
    wrong = [*_named("the file lacks", own.keys() - state.keys()), *_named("the model lacks", state.keys() - own.keys()), *shapes[:NAMED]]
    if wrong:
        raise LaunchError(f"the trained weights in {path} are of another model than this one: {'; '.join(wrong)}. The model was left as it was")


def _named(what: str, names: Iterable[str]) -> list[str]:
    listed = sorted(names)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return [f"{what} {', '.join(listed[:NAMED])}{more}"] if listed else []
