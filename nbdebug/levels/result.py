"""The questions with their answers."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.instruments.report import RESULTS
from nbdebug.page import Answer, Checklist, Panel


@dataclass(frozen=True)
class Answered:
    """One level, as far as it was climbed."""

    name: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Levels:
    """All levels."""

    levels: tuple[Answered, ...] = ()

    def panels(self) -> tuple[Panel, ...]:
        return tuple(Checklist(level.name, level.answers) for level in self.levels)


RESULTS["levels"] = Levels
