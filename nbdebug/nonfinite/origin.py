"""What is told of the birth of a NaN or an Inf, in plain values."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.findings import Location

PHASES = ("data", "forward", "loss", "backward", "optimizer")


@dataclass(frozen=True)
class Values:
    """One tensor that met at an operator, when it met there."""

    name: str  # what the reader would call it: "input", "weight of encoder.0", "argument 1", "targets"
    shape: tuple[int, ...]
    dtype: str  # "float32"
    minimum: float | None  # of the finite elements, as the next two; None when there are none
    maximum: float | None
    mean: float | None
    nan: int = 0
    positive_inf: int = 0
    negative_inf: int = 0

    @property
    def finite(self) -> bool:
        return not (self.nan or self.positive_inf or self.negative_inf)


@dataclass(frozen=True)
class Link:
    """One station on the way of the bad value: the first is its birth, the last is where it was noticed."""

    phase: str  # one of PHASES
    operator: str  # as torch dispatches it: "aten.div.Tensor"
    module: str  # dotted path of the innermost module; "" for the model itself, or outside of it
    file: str
    line: int | None
    cell: int | None
    text: str  # the line's source
    became: str  # "nan", "inf" or "-inf": what came out of here
    inputs: tuple[Values, ...]
    output: Values | None


@dataclass(frozen=True)
class Origin:
    """Where the first value was born that is not finite and that mattered: one that reached the loss, a gradient or a weight."""

    phase: str  # one of PHASES
    step: int  # of the training, from 0
    operator: str  # "aten.div.Tensor"; of a backward-born one the forward operator whose derivative it is
    module: str
    file: str
    line: int | None
    cell: int | None
    text: str
    detail: str  # a sentence part: "sample 17, column 3", "SqrtBackward0: the derivative of sqrt at 0 is not finite"
    cause: str  # "domain", "overflow", "masked row", "low precision", "inf met inf", "data", "weights", "unknown"; of an update also
    # "eps", "learning rate", "momentum", "weight decay", "state"
    became: str  # "nan", "inf" or "-inf"
    chain: tuple[Link, ...] = ()  # from the birth to where it was noticed
    parameter: str = ""  # of an optimizer-born one, or the first parameter whose gradient is bad
    group: int | None = None  # of the optimizer
    sample: int | None = None  # index in the dataset, or in the batch where the dataset's is not known
    column: int | None = None  # column or channel
    remedy: str = ""  # what was tried on this very step, and made it finite: "in float32 it is finite (131072)"

    @property
    def location(self) -> Location:
        return Location(
            module=self.module, parameter=self.parameter, operator=self.operator, file=self.file, line=self.line, cell=self.cell,
            detail=self.phase,
        )  # fmt: skip
