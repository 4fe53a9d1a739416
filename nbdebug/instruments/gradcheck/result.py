"""What a gradient check found, parameter by parameter and Function by Function."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.findings import Location
from nbdebug.page import Panel

SOUND, WRONG, BY_DESIGN, KINK, FLAT, STOPPED, NOT_CHECKED = (
    "sound", "wrong", "by design", "kink", "no effect", "no gradient", "not checked",
)  # fmt: skip


@dataclass(frozen=True)
class GradientRow:
    """The gradient of one parameter or input: what backward says, beside what the loss does."""

    name: str  # as in model.named_parameters(); batch[0] for an input
    shape: tuple[int, ...]
    kind: str  # "parameter" or "input"
    verdict: str  # sound, wrong, by design, kink, no effect, no gradient, not checked
    reason: str = ""
    error: float | None = None  # relative difference along the worst direction
    analytic: float | None = None  # derivative along that direction, in loss units per relative step
    numeric: float | None = None  # the same, measured
    uncertainty: float | None = None  # of the numeric one
    slope: float | None = None  # of Taylor's remainder: 2 when the gradient is right, 1 when not; None at rounding level
    steps: tuple[float, ...] = ()  # relative to the weights, rising
    remainders: tuple[float, ...] = ()  # Taylor's remainder at each step, in loss units
    element: tuple[int, ...] | None = None  # the element that is most wrong, where it was looked for
    element_numeric: float | None = None  # d loss / d element, measured
    element_analytic: float | None = None  # the same, from backward
    stopped_at: Location | None = None  # where its ways to the loss are cut, if all of them are; the first of several places
    unheld: float | None = None  # by how much the loss then changes with it, when nothing is held
    moved: float | None = None  # how far it was moved for that, relative to the weights


@dataclass(frozen=True)
class FunctionRow:
    """One input of an autograd Function of the user's: its own vector-Jacobian product, measured and answered."""

    name: str  # of the class
    argument: str  # name of the input in forward
    position: int  # of the input, ctx not counted
    verdict: str
    reason: str
    error: float  # relative
    at: Location  # where its backward is defined; of a wrong answer the line that makes it
    called_at: Location
    behind: tuple[str, ...] | None = ()  # parameters and inputs whose gradient passes through it; None inside a checkpoint
    largest_error: float = 0.0  # of a single element, relative to the largest element of the gradient


@dataclass(frozen=True)
class HookRow:
    """A gradient hook that changes what passes."""

    name: str
    place: str  # parameter or module; "" for a tensor inside the forward
    factor: float | None
    verdict: str  # wrong, or by design
    at: Location
    behind: tuple[str, ...] = ()  # the parameters and inputs whose gradient is right without it


@dataclass(frozen=True)
class DamageRow:
    """A value that was saved for backward and written to before backward read it."""

    saved_at: Location
    saved_text: str
    written_at: Location
    written_text: str
    shape: tuple[int, ...]
    behind: tuple[str, ...] = ()  # the parameters and inputs whose gradient is right with the value as it was


@dataclass(frozen=True)
class GradCheck:
    """Numeric beside analytic gradient of the training loss, in double precision."""

    loss: float | None = None
    samples: int | None = None  # of the batch that were used; None when they cannot be counted
    of_samples: int | None = None
    double: bool = True  # False: the training does not run in double precision, so the tolerance is that of its own
    precision_note: str = ""  # why it is not double, or where it falls back
    evaluations: int = 0  # of the loss
    planned: int = 0  # parameters and inputs there are to check
    rows: tuple[GradientRow, ...] = ()
    functions: tuple[FunctionRow, ...] = ()
    hooks: tuple[HookRow, ...] = ()
    damages: tuple[DamageRow, ...] = ()
    not_checked: str = ""  # why nothing could be checked

    def panels(self) -> tuple[Panel, ...]:
        """Error by parameter, Taylor's remainders, and the tables."""
        from nbdebug.instruments.gradcheck.panels import panels

        return panels(self)
