"""What one backward pass showed, parameter by parameter, and how it is laid out."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

from nbdebug.instruments.gradients.copies import Copies
from nbdebug.magnitudes import magnitude_map
from nbdebug.page import Curve, Heatmap, Panel, Table
from nbdebug.tensor_stats import TensorStats


@dataclass(frozen=True)
class ParameterGradient:
    """The gradient of one trainable parameter, averaged over the batches and unscaled."""

    name: str
    shape: tuple[int, ...]
    gradient: TensorStats | None  # loss units per weight; None when no gradient arrived
    weight_norm: float

    @property
    def norm(self) -> float:
        return (self.gradient.norm or 0.0) if self.gradient is not None else 0.0

    @property
    def ratio(self) -> float | None:
        """Norm of the gradient over the norm of the weight."""
        return self.norm / self.weight_norm if self.gradient is not None and self.weight_norm else None

    @property
    def elasticity(self) -> float:
        """Change of the loss per relative change of the weight, along the gradient: |g|·|w|."""
        return self.norm * self.weight_norm


@dataclass(frozen=True)
class Signal:
    """The backward signal where a weight matrix is used: a norm, in loss units per unit of the product."""

    parameter: str
    norm: float


@dataclass(frozen=True)
class Experiment:
    """What a suspicion led to try."""

    early: float  # change of the loss when the weights of the early matrices are shuffled
    late: float  # the same for the late ones
    uninformed: float | None  # the loss with the last matrix at zero: a prediction that knows nothing


@dataclass(frozen=True)
class Unfelt:
    """A matrix that the loss does not notice."""

    parameter: str
    share: float  # of the median matrix's gradient
    change: float  # of the loss, with other random values in it
    beside: str  # another matrix
    other: float  # the change with other values in that one


@dataclass(frozen=True)
class Steep:
    """A parameter that the loss is far steeper in than any polynomial."""

    parameter: str
    degree: float  # relative change of the loss over that of the parameter
    factor: float  # with the parameter so many times as large …
    after: float  # … this is the loss


@dataclass(frozen=True)
class GradientStats:
    """Gradients of the training loss, and the backward signal along the forward pass."""

    loss: float | None  # mean over the batches
    batches: int
    parameters: tuple[ParameterGradient, ...] = ()
    signals: tuple[Signal, ...] = ()  # in forward order; a weight used at every time step comes many times
    copies: tuple[Copies, ...] = ()
    symmetric: dict[str, int] = field(default_factory=dict)  # matrix → distinct units, where those that are the same stay so
    adaptive: bool = True  # whether the optimizer takes the size out of the gradient, as Adam does
    squashing: dict[str, int] = field(default_factory=dict)  # class of a non-linearity that flattens out at both ends → how many there are
    experiment: Experiment | None = None  # made only on suspicion
    unfelt: tuple[Unfelt, ...] = ()  # the faintest first
    steep: Steep | None = None
    not_checked: str = ""  # why there was no backward pass
    symmetry_not_checked: str = ""

    def panels(self) -> tuple[Panel, ...]:
        """Parameter × magnitude, the backward signal in forward order, modules and parameters in tables."""
        arrived = [p for p in self.parameters if p.gradient is not None]
        panels: list[Panel] = [_heatmap(arrived)] if arrived else []
        if len(self.signals) > 1:
            panels.append(_signal_curve(self.signals))
        if arrived:
            panels.append(_module_table(arrived))
        if self.parameters:
            panels.append(_parameter_table(self.parameters))
        return tuple(panels)


def _heatmap(parameters: list[ParameterGradient]) -> Heatmap:
    return magnitude_map(
        "gradient magnitudes",
        [p.name for p in parameters],
        [p.gradient.shares() for p in parameters if p.gradient is not None],
        each="parameter",
        caption="a row that fades to the left is a gradient that fades",
    )


def _signal_curve(signals: tuple[Signal, ...]) -> Curve:
    return Curve(
        "backward signal along the forward pass",
        {"norm of the gradient at the product": tuple(s.norm if s.norm > 0 else math.nan for s in signals)},
        x_label="use of a weight matrix, input first",
        y_label="loss units",
        log_y=True,
        caption=f"from {signals[0].parameter} to {signals[-1].parameter}",
    )


def _module_table(parameters: list[ParameterGradient]) -> Table:
    groups: dict[str, list[ParameterGradient]] = defaultdict(list)
    for p in parameters:
        groups[p.name.rpartition(".")[0] or "(the model itself)"].append(p)
    rows = tuple(
        (module, sum(math.prod(p.shape) for p in own), _total(p.norm for p in own), _total(p.weight_norm for p in own))
        for module, own in groups.items()
    )
    return Table("gradient by module", ("module", "parameters", "gradient norm", "weight norm"), rows)


def _parameter_table(parameters: tuple[ParameterGradient, ...]) -> Table:
    rows = tuple(
        (
            p.name, str(p.shape), None if p.gradient is None else p.gradient.rms, None if p.gradient is None else p.norm,
            p.ratio, None if p.gradient is None else p.gradient.finite < p.gradient.count,
        )
        for p in parameters
    )  # fmt: skip
    columns = ("parameter", "shape", "gradient RMS", "norm", "norm / weight norm", "NaN or Inf")
    return Table("gradient by parameter", columns, rows)


def _total(norms) -> float:
    return math.hypot(*norms)
