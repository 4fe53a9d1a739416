"""What the ranks are to do: a setup to train by the configuration, a factory that makes one, or a loop of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nbdebug.training_setup import TrainingSetup

SETUP, FACTORY, FUNCTION = "setup", "factory", "train_fn"


@dataclass(frozen=True)
class Job:
    """One run's work; shipped to every rank by value."""

    kind: str  # SETUP: `what` is a TrainingSetup; FACTORY: what() or what(config) gives one, in each rank; FUNCTION: what(ctx) trains by itself
    what: TrainingSetup | Callable[..., Any]
    config: str  # the resolved configuration as YAML
    arguments: tuple[Any, ...] = ()  # of a FUNCTION, after ctx
    keywords: dict[str, Any] = field(default_factory=dict)
