"""Instruments that take data without a model as well: a loader, a dataset, a frame, arrays, a path."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from nbdebug.data.alone import data_alone
from nbdebug.data.sources import as_source
from nbdebug.instruments.base import UNSAID, Instrument
from nbdebug.instruments.report import Report, shown_live
from nbdebug.training_setup import TrainingSetup


class OfData(Instrument):
    """Takes a setup, or the data in its place, and a second split beside either."""

    def follow(self, setup: Any = None, val: Any = None, *, budget: Any = UNSAID, **options: Any) -> Generator[Report, None, None]:
        """Ever fuller reports, the last of them complete."""
        if not isinstance(setup, TrainingSetup):
            setup = data_alone(setup, val, kind=options.get("kind"), target=options.get("target"), by=self.name)
        elif val is not None:
            setup = replace(setup, val_loader=as_source(val, "val").loader)
        yield from super().follow(setup, budget=budget, **options)

    def __call__(self, setup: Any = None, val: Any = None, *, budget: Any = UNSAID, **options: Any) -> Report:
        return shown_live(self.follow(setup, val, budget=budget, **options))
