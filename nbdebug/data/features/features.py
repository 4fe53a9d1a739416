"""How the features lie: distributions, missing values, outliers, copies, and those that give the target away."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.data.context import Context
from nbdebug.data.split import Split
from nbdebug.page import Panel


@dataclass(frozen=True)
class FeatureLook:
    """How the features lie: distributions, missing values, outliers, copies, and those that give the target away."""

    def panels(self) -> tuple[Panel, ...]:
        """What is drawn."""
        return ()


def features(train: Split, val: Split | None, context: Context) -> FeatureLook:
    """How the features lie: distributions, missing values, outliers, copies, and those that give the target away."""
    return FeatureLook()
