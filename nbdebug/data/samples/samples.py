"""A gallery of what was read: some of every class, and all that a finding names."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.data.context import Context, Flag
from nbdebug.data.split import Split
from nbdebug.page import Panel


@dataclass(frozen=True)
class SampleLook:
    """A gallery of what was read: some of every class, and all that a finding names."""

    def panels(self) -> tuple[Panel, ...]:
        """What is drawn."""
        return ()


def samples(train: Split, val: Split | None, context: Context, flags: tuple[Flag, ...]) -> SampleLook:
    """A gallery of what was read: some of every class, and all that a finding names."""
    return SampleLook()
