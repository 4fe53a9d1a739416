"""Are the inputs numbers, and of a size that the first layer can learn from?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location, Severity
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.checks.judging import places
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook, Field, FirstLayer, LoaderLook, NonFinite

UNSCALED_RMS = 30.0  # our choice: digits of 0..16 have 8, pixels of 0..255 about 100
LOUD_OUTPUT = 10.0  # RMS of the first layer's output that shows that its weights do not make up for it
SCALED_TWICE = 0.02  # largest absolute value; 255 / 255 / 255 is 0.004
UNEVEN_RATIO = 1000.0  # of the columns' contributions; our choice: sound tables stay below 100
UNEVEN_STD = 10.0  # of the widest column; below it no column is large enough to do harm


@data_audit.check(
    "ND101", "non-finite data", severity=ERROR,
    advice="drop or fill these samples where the dataset is made, e.g. torch.nan_to_num or the column's median",
)  # fmt: skip
def nonfinite_input(look: DataLook) -> Iterator[Seen]:
    """NaN or Inf in inputs or targets.

    Wrong: one NaN in a batch makes the loss NaN, and after one step every weight.
    Seen: every value read is tested; then the loss of that very batch is computed. If it is finite all the same,
        the model treats NaN as a missing value or -Inf as a mask, and nothing is wrong.
    Where: loader, tensor, dataset index and column of the first ones.
    Try: drop the samples, fill the column with its median, or mask the values in the loss.
    Bad:
        inputs[17, 3] = float("nan")
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Good:
        inputs[17, 3] = 0.0
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Source: IEEE 754: any sum with a NaN is NaN.
    """
    for loader in look.loaders:
        for field in loader.fields:
            found = field.nonfinite
            if found is not None and not (found.mask_like and found.loss is not None and math.isfinite(found.loss)):
                yield _nonfinite(loader, field, found)


@data_audit.check("ND312", "the step raises", severity=ERROR, advice="look at that sample, or skip it in the dataset")
def loader_raises(look: DataLook) -> Iterator[Seen]:
    """A loader that stops on the way, or changes the structure of its batches; the page is that of the first step."""
    for loader in look.loaders:
        if loader.raised:
            where = Location(detail=f"{loader.name}, batch {loader.batches}")
            after = f"after {loader.batches:,} good batch{'es' if loader.batches != 1 else ''}: " if loader.batches else ""
            yield Seen(f"{after}{loader.error}", where, {"batches": loader.batches})


def _nonfinite(loader: LoaderLook, field: Field, found: NonFinite) -> Seen:
    kinds = " and ".join(f"{n:,} {word}" for n, word in ((found.nan, "NaN"), (found.inf, "Inf")) if n)
    columns = f" ({places(found.columns, found.column_count)})" if found.columns else ""
    message = f"{kinds} in {found.rows:,} of {loader.samples:,} samples of {field.name}{columns}, {_effect(found)}"
    detail = ", ".join([f"{loader.name} {field.name}", places(found.where, found.rows), *found.columns[:1]])
    evidence = {
        "nan": found.nan, "inf": found.inf, "samples": found.rows, "read": loader.samples,
        "columns": found.column_count, "loss": found.loss,
    }  # fmt: skip
    return Seen(message, Location(detail=detail), evidence, severity=_seriousness(found))


def _seriousness(found: NonFinite) -> Severity:
    if found.loss is None:
        return INFO if found.mask_like else WARNING
    return INFO if math.isfinite(found.loss) else ERROR


def _effect(found: NonFinite) -> str:
    if found.loss is None:
        return "and the loss of such a batch could not be computed to see what they do"
    if math.isfinite(found.loss):
        return f"yet the loss of such a batch is {found.loss:.4g}: model and loss know how to take them"
    return f"and the loss of such a batch is {found.loss}"


@data_audit.check("ND102", "feature scale", severity=WARNING)
def feature_scale(look: DataLook) -> Iterator[Seen]:
    """Inputs unscaled, scaled twice, or columns on wildly different scales.

    Wrong: large inputs saturate the first layer and make steps too big, tiny ones leave it only its bias, and
        a column a thousand times wider than the others is the only one that is learnt from.
    Seen: at the first layer with weights, after whatever the model does to its inputs: RMS above 30 and an output
        above 10; no value above 0.02 and an output that hardly differs between samples; columns whose spread
        times their weights differ more than 1000-fold while the widest has a std above 10. A norm layer before,
        or (but for columns) right behind, an embedding, and sparse or constant columns are sound.
    Where: the layer, the loader, the column or channel.
    Try: inputs / 255 for pixels, StandardScaler fitted on the training part for tables, or a norm layer first.
    Bad:
        train_loader = DataLoader(TensorDataset(inputs * 100, targets), batch_size=32, shuffle=True)
    Good:
        scaled = (inputs * 100 - (inputs * 100).mean()) / (inputs * 100).std()
        train_loader = DataLoader(TensorDataset(scaled, targets), batch_size=32, shuffle=True)
    Source: LeCun et al., Efficient BackProp (1998), section 4.3; the numbers are our choice.
    """
    if not look.layers:
        raise NotChecked(_why_no_layer(look))
    told: set[str] = set()
    for layer in look.layers:
        seen = _uneven(layer) or _unscaled(look, layer) or _scaled_twice(look, layer)
        if seen is not None and layer.field not in told:
            told.add(layer.field)
            yield seen


def _why_no_layer(look: DataLook) -> str:
    if look.step_error:
        return f"the loss of the first batch could not be computed: {look.step_error}"
    return "no layer with plain weights gets the inputs first (an embedding or a norm layer does, or none was heard)"


def _uneven(layer: FirstLayer) -> Seen | None:
    scales = layer.scales
    if scales is None or scales.ratio <= UNEVEN_RATIO or scales.widest_std <= UNEVEN_STD:
        return None
    message = (
        f"{scales.widest} has std {scales.widest_std:.3g}, {scales.narrowest} has {scales.narrowest_std:.3g}: "
        f"to {_name(layer)} the one counts {scales.ratio:,.0f} times as much as the other"
    )
    location = _at(layer, f"{scales.widest}, {scales.narrowest}")
    evidence = {"widest_std": scales.widest_std, "narrowest_std": scales.narrowest_std, "ratio": scales.ratio}
    return Seen(message, location, evidence, advice="standardise every column by its mean and std on the training part")


def _unscaled(look: DataLook, layer: FirstLayer) -> Seen | None:
    quiet = layer.normalised or not (layer.bounded or layer.output_rms > LOUD_OUTPUT)
    if layer.rms <= UNSCALED_RMS or quiet:
        return None
    message = (
        f"{_name(layer)} receives values with RMS {layer.rms:.3g} (largest {_largest(look, layer):.4g}), where about 1 "
        f"is expected, and answers with RMS {layer.output_rms:.3g}"
    )
    evidence = {"rms": layer.rms, "largest": _largest(look, layer), "output_rms": layer.output_rms}
    return Seen(message, _at(layer, _loudest(look, layer)), evidence, advice="divide pixels by 255, standardise columns")


def _scaled_twice(look: DataLook, layer: FirstLayer) -> Seen | None:
    largest = _largest(look, layer)
    quiet = layer.bounded or layer.output_spread < SCALED_TWICE
    if not 0 < largest < SCALED_TWICE or layer.normalised or layer.unit_rows or not quiet:
        return None
    message = (
        f"{_name(layer)} receives no value above {largest:.3g}, where about 1 is expected, and its outputs differ "
        f"by only {layer.output_spread:.2g} between samples"
    )
    evidence = {"largest": largest, "output_spread": layer.output_spread}
    return Seen(message, _at(layer, ""), evidence, advice="look for a scaling that is done twice, such as / 255 / 255")


def _field(look: DataLook, layer: FirstLayer) -> Field | None:
    return next((field for field in look.train.fields if field.name == layer.field), None)


def _largest(look: DataLook, layer: FirstLayer) -> float:
    field = _field(look, layer)
    if field is None or field.overall is None:
        return layer.largest
    return max(abs(field.overall.low), abs(field.overall.high))


def _loudest(look: DataLook, layer: FirstLayer) -> str:
    field = _field(look, layer)
    columns = field.columns if field is not None else ()
    return max(columns, key=lambda c: c.mean**2 + c.std**2).name if columns else ""


def _name(layer: FirstLayer) -> str:
    return f"the first layer, {layer.path} ({layer.function})," if layer.path else f"the first {layer.function}"


def _at(layer: FirstLayer, column: str) -> Location:
    what = f"train_loader {layer.field}" if layer.field else "what the model makes of train_loader"
    return Location(module=layer.path, detail=", ".join(part for part in (what, column) if part))
