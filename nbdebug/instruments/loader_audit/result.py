"""What the loader audit measured, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbdebug.data.running import LoaderRun, SpeedLook
from nbdebug.page import Panel


@dataclass(frozen=True)
class LoaderLooks:
    """How the loaders of a training run."""

    loaders: tuple[LoaderRun, ...]  # train_loader first
    brief: bool  # as part of a checkup: a handful of samples, and no clock
    speed: SpeedLook | None = None
    why_no_speed: str = ""
    call: str = ""  # the fastest configuration that was measured, as a DataLoader call to paste
    unanswered: dict[str, str] = field(default_factory=dict)  # question → what it stumbled over

    @property
    def train(self) -> LoaderRun:
        """The loader that is trained on."""
        return self.loaders[0]

    @property
    def val(self) -> LoaderRun | None:
        """The loader that is validated on."""
        return self.loaders[1] if len(self.loaders) > 1 else None

    def panels(self) -> tuple[Panel, ...]:
        """What is drawn."""
        from nbdebug.instruments.loader_audit.panels import panels

        return tuple(panels(self))
