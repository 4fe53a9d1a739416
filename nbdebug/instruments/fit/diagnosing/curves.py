"""The curves as the judges see them: finite, of a length that can be judged two hundred times, the better the lower."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from nbdebug.errors import NotChecked
from nbdebug.instruments.fit import roles
from nbdebug.instruments.fit.result import Course

MOST = 300  # points of a curve that are judged; of a longer one the medians of stretches


@dataclass(frozen=True)
class Line:
    """A curve to be judged."""

    name: str = ""
    steps: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def ordered(self) -> bool:
        """Whether zero is its bottom, so that levels can be compared."""
        return min(self.values, default=-1.0) >= 0


@dataclass(frozen=True)
class Curves:
    """All that is judged."""

    training: Line
    validation: Line
    evaluated: Line  # the training loss in eval mode
    rate: Line
    accuracy: Line  # of training where there is one, else of validation
    validation_accuracy: Line
    x: str = "step"
    raw: Course | None = None  # the training loss with what is not finite
    constant: float | None = None  # what the best constant prediction gets
    rivals: bool = False  # several losses play against each other
    rises: bool = False  # the training column is one that should rise, and was turned over
    same_mode: bool = False  # the training loss was computed as the validation loss is

    def span(self, line: Line, first: int = 0, last: int = -1) -> str:
        """`step 40 to 120`."""
        return f"{self.x} {written(line.steps[first])} to {written(line.steps[last])}"

    def demand(self, points: int, *, ordered: bool = True) -> Line:
        """The training loss.

        Raises:
            NotChecked: it is too short, or its level says nothing.
        """
        if len(self.training) < points:
            raise NotChecked(f"because {len(self.training)} points of the training loss are there, and {points} are needed")
        if self.rivals:
            raise NotChecked("because several losses play against each other, and one may rise because another falls")
        if ordered and not (self.training.ordered and not self.rises):
            raise NotChecked("because the training loss goes below zero, so that its level says nothing")
        return self.training

    def demand_validation(self, points: int) -> Line:
        """The validation loss.

        Raises:
            NotChecked: there is none, it is too short, or its level says nothing.
        """
        if not self.validation:
            raise NotChecked("because there is no validation loss")
        if len(self.validation) < points:
            raise NotChecked(f"because {len(self.validation)} values of the validation loss are there, and {points} are needed")
        if not self.validation.ordered:
            raise NotChecked("because the validation loss goes below zero, so that its level says nothing")
        return self.validation

    def rate_rose(self, before: float, until: float) -> bool:
        """Whether the learning rate was raised between two steps: a restart, a warm-up, one cycle."""
        rates = [v for s, v in zip(self.rate.steps, self.rate.values, strict=True) if before <= s <= until]
        rates = [v for s, v in zip(self.rate.steps, self.rate.values, strict=True) if s < before][-1:] + rates
        return bool(rates) and max(rates) > 1.5 * min(rates) and rates.index(max(rates)) > rates.index(min(rates))

    def share_of_rate(self, step: float) -> float:
        """The learning rate at a step over its highest; 1 where it is not known."""
        top = max(self.rate.values, default=0.0)
        then = [v for s, v in zip(self.rate.steps, self.rate.values, strict=True) if s <= step]
        return then[-1] / top if then and top > 0 else 1.0


def curves_of(courses: dict[str, Course], *, x: str, constant: float | None, rivals: bool, same_mode: bool) -> Curves:
    """What the judges get to see."""
    rises = roles.is_better_high(courses[roles.TRAINING].name)
    lines = {role: _line(course, turned=rises and role == roles.TRAINING) for role, course in courses.items()}
    empty = Line()
    own = lines.get(roles.TRAINING_ACCURACY, empty)
    theirs = lines.get(roles.VALIDATION_ACCURACY, empty)
    return Curves(
        lines[roles.TRAINING], lines.get(roles.VALIDATION, empty), lines.get(roles.EVALUATED, empty), lines.get(roles.RATE, empty),
        own if own else theirs, theirs, x, courses[roles.TRAINING], constant, rivals, rises, same_mode,
    )  # fmt: skip


def _line(course: Course, *, turned: bool) -> Line:
    steps, values = course.finite()
    if turned:
        values = [-value for value in values]
    each = math.ceil(len(values) / MOST) or 1
    parts = [slice(i, i + each) for i in range(0, len(values) - each + 1, each)]
    return Line(course.name, tuple(steps[part][-1] for part in parts), tuple(median(values[part]) for part in parts))


def written(step: float) -> str:
    """A step as one writes it: 1,200 and 0.5."""
    return f"{int(step):,}" if float(step).is_integer() else f"{step:.3g}"
