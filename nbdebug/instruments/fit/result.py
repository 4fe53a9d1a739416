"""What the curves of a training say, in plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from nbdebug.findings import Severity
from nbdebug.page import Panel


@dataclass(frozen=True)
class Course:
    """A column over the steps: sorted, each step once. NaN and Inf are what was logged, not what is missing."""

    name: str
    steps: tuple[float, ...]  # in the unit of `Fit.x`
    values: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.steps)

    def finite(self) -> tuple[list[float], list[float]]:
        """Steps and values where it is a number."""
        pairs = [(s, v) for s, v in zip(self.steps, self.values, strict=True) if math.isfinite(v)]
        return [s for s, _ in pairs], [v for _, v in pairs]


@dataclass(frozen=True)
class Diagnosis:
    """One thing that the curves say."""

    name: str  # "overfitting", "plateau", "healthy" …
    code: str  # "" of what is no trouble
    severity: Severity
    first: float  # step at which its span begins
    last: float
    sure: float  # share of the resampled curves in which the same judgement holds
    curve: str  # the column it was seen in
    message: str
    experiment: str  # one, that tells two causes apart
    evidence: dict[str, float | int | str | bool | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """A column, and what it was taken for."""

    role: str  # "training loss", "validation loss", "learning rate" …
    column: str
    why: str  # "by its name", "as you said"
    points: int


@dataclass(frozen=True)
class Fit:
    """What the curves of a training say."""

    about: str = ""  # where they come from: "DataFrame of 200 rows"
    x: str = "step"  # what they lie over: "step", "epoch" or "row"
    taken: tuple[Taken, ...] = ()
    courses: dict[str, Course] = field(default_factory=dict)  # role → its curve
    diagnoses: tuple[Diagnosis, ...] = ()  # worst first
    not_checked: dict[str, str] = field(default_factory=dict)  # name of a diagnosis → "because …"
    limits: tuple[str, ...] = ()  # what was left out or mended while reading, in sentences

    def named(self, name: str) -> Diagnosis | None:
        """The diagnosis of this name, if it was made."""
        return next((diagnosis for diagnosis in self.diagnoses if diagnosis.name == name), None)

    def panels(self) -> tuple[Panel, ...]:
        from nbdebug.instruments.fit.panels import panels_of

        return panels_of(self)
