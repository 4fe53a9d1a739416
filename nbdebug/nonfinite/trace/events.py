"""What the trace notes: every operator that something bad came out of, and whether it was born there."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbdebug.nonfinite.origin import Values
from nbdebug.source_lines import SourceLine

BORN, MET, WRITTEN, ENTERED, DATA, WEIGHTS, BUFFER, PASSED = "born", "met", "written", "entered", "data", "weights", "buffer", "passed"
OUTSIDE = (ENTERED, DATA, WEIGHTS, BUFFER)  # was there before the step


@dataclass(frozen=True)
class Place:
    """Where an operator was called."""

    phase: str  # "forward", "loss" or "backward"
    module: str  # dotted path of the innermost module
    kind: str  # its class, when it is one of torch's own
    line: SourceLine | None


@dataclass(eq=False)
class Event:
    """One operator that something bad came out of."""

    number: int  # the order in time; 0 of one that only passes on
    what: str  # one of the words above
    operator: str
    place: Place
    became: str = ""  # "nan", "inf" or "-inf"
    node: str = ""  # of the backward pass: "SqrtBackward0"
    forward: Forward | None = None  # of the backward pass: the operator whose derivative this is
    own: str = ""  # of the backward pass, in code of the user's: "function" for a custom Function's backward, "hook"
    inputs: tuple[Values, ...] = ()
    output: Values | None = None
    cause: str = "unknown"
    detail: str = ""
    remedy: str = ""
    parents: tuple[int, ...] = ()  # births of the infinities that met
    births: tuple[int, ...] = ()  # what comes out comes from these
    sources: list[Event] = field(default_factory=list)  # the operators that its bad inputs came out of
    sample: int | None = None
    column: int | None = None
    carried: bool = False  # by a variable that the step before left behind

    @property
    def legal(self) -> bool:
        """An infinity that somebody wrote on purpose, as a mask is."""
        return self.what in (WRITTEN, BUFFER, ENTERED) and not self.carried and self.became in ("inf", "-inf")

    @property
    def in_backward(self) -> bool:
        return self.place.phase == "backward"


@dataclass(frozen=True)
class Forward:
    """An operator of the forward pass that autograd made a node for."""

    operator: str
    place: Place
    applied: SourceLine | None = None  # of a custom Function: where it is called
