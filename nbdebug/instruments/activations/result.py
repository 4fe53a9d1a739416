"""What the layers put out over the sampled data, and how it is laid out."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.findings import Location
from nbdebug.instruments.activations.scale import Held, Large, Small
from nbdebug.instruments.activations.shut import Shut
from nbdebug.magnitudes import magnitude_map
from nbdebug.page import Heatmap, Panel, Table
from nbdebug.tensor_stats import TensorStats


@dataclass(frozen=True)
class LayerOutput:
    """What one layer put out, over all batches (of large outputs only the first samples)."""

    name: str  # path of the module; "path · relu" for a function called in it
    kind: str  # class of the module, or "function"
    output: TensorStats


@dataclass(frozen=True)
class Nonlinearity:
    """One call site of a rectifier or a squashing function."""

    location: Location
    function: str
    squashes: bool  # levels off on both sides, as tanh and sigmoid do
    units: int
    stuck: int  # units whose slope stayed under a thousandth for every sample
    first_stuck: tuple[int, ...]  # the first few of them
    seen: int  # samples times positions
    gate: bool  # its output multiplies another tensor
    read_on: bool  # a later layer reads its output
    flat: int = 0  # units whose slope was exactly 0 for every sample
    level: float = 0.0  # share of samples and units that met next to no slope; of squashing functions
    bias: str = ""  # the parameter without which most of the stuck units respond
    upstream: float | None = None  # norm of the gradient of all matrices used before it; None when not measured
    downstream: float | None = None  # of all matrices used after it

    @property
    def share(self) -> float:
        return self.stuck / self.units

    @property
    def name(self) -> str:
        """The module, and the user's line where there is one."""
        line = f"line {self.location.line}" if self.location.line is not None else ""
        return ", ".join(part for part in (self.location.module, line) if part) or self.location.operator


@dataclass(frozen=True)
class ActivationStats:
    """Outputs of all layers, units that never respond, weights of unsound scale."""

    batches: int
    samples: int
    all_seen: bool  # the loader has no more
    layers: tuple[LayerOutput, ...] = ()
    nonlinearities: tuple[Nonlinearity, ...] = ()
    reconstructs: bool = False  # output and input of the model have one shape: an autoencoder, say
    large: tuple[Large, ...] = ()
    held: Held | None = None
    small: Small | None = None
    shut: Shut | None = None
    lost_at: int | None = None  # the first batch whose loss, or one of whose gradients, is NaN or infinite with the weights as they are, from 0
    adaptive: bool = True  # whether the optimizer takes the size out of the gradient, as Adam does
    not_checked: str = ""  # why there was no forward pass
    scale_not_checked: str = "not reached"

    def panels(self) -> tuple[Panel, ...]:
        """Layer × magnitude, the layers in a table, the non-linearities with their stuck units."""
        panels: list[Panel] = []
        if self.layers:
            panels += [_heatmap(self.layers), _layer_table(self.layers, self.samples)]
        if self.nonlinearities:
            panels.append(_unit_table(self.nonlinearities))
        return tuple(panels)


def _heatmap(layers: tuple[LayerOutput, ...]) -> Heatmap:
    names, shares = [layer.name for layer in layers], [layer.output.shares() for layer in layers]
    return magnitude_map("activation magnitudes", names, shares, each="layer", caption="in forward order")


def _layer_table(layers: tuple[LayerOutput, ...], samples: int) -> Table:
    rows = tuple(
        (
            layer.name, layer.kind, layer.output.mean, layer.output.std, layer.output.min, layer.output.max,
            layer.output.zeros / max(1, layer.output.count), layer.output.count - layer.output.finite,
        )
        for layer in layers
    )  # fmt: skip
    columns = ("layer", "kind", "mean", "std", "min", "max", "share of zeros", "NaN or Inf")
    return Table("layer outputs", columns, rows, caption=f"over {samples} samples; of large outputs the first ones")


def _unit_table(found: tuple[Nonlinearity, ...]) -> Table:
    rows = tuple((n.name, n.function, n.units, n.stuck, n.share, n.gate, n.seen) for n in found)
    columns = ("non-linearity", "function", "units", "stuck", "share", "gate", "samples × positions")
    return Table("units that never respond", columns, rows, caption="stuck: |slope| < 0.001 for every sample")
