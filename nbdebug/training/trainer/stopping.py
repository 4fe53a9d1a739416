"""Early stopping: when a monitored value has not been better for a while."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nbdebug.errors import ConfigError
from nbdebug.training.config import EarlyStopping


class Stopping:
    """Told the monitored value after each validation; the same in every rank, as the values are."""

    def __init__(self, config: EarlyStopping) -> None:
        self.config = config
        self.best: float | None = None
        self.waited = 0

    def told(self, metrics: Mapping[str, float] | float) -> bool:
        """Whether it is time to stop: `patience` values in a row were not better than the best by more than `min_delta`; NaN never is.

        Args:
            metrics: of a validation, or the monitored value itself.

        Raises:
            ConfigError: what is monitored is not among them.
        """
        monitor = self.config.monitor
        if isinstance(metrics, Mapping) and monitor not in metrics:
            raise ConfigError(f'early_stopping monitors "{monitor}", and a validation gives {", ".join(metrics) or "nothing"}')
        value = metrics[monitor] if isinstance(metrics, Mapping) else metrics
        if not math.isnan(value) and (self.best is None or self._gain(value, self.best) > self.config.min_delta):
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        return 0 < self.waited >= self.config.patience

    @property
    def reason(self) -> str:
        """A sentence for the user."""
        best = "no value of it was a number" if self.best is None else f"the best was {self.best:.4g}"
        return f"{self.config.monitor} was not better in {self.waited} validations ({best})"

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.waited = state["best"], state["waited"]

    def _gain(self, value: float, best: float) -> float:
        return value - best if self.config.mode == "max" else best - value
