"""Are inputs and targets of a size that the model can learn from?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug.data.features import FeatureLook
from nbdebug.data.features.target_scale import REACHED
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook, Field, FirstLayer

UNSCALED_RMS = 30.0  # our choice: digits of 0..16 have 8, pixels of 0..255 about 100
LOUD_OUTPUT = 5.0  # RMS of the first layer's output that shows that its weights do not make up for it: pixels in a ViT's N(0, 0.02) give 9
SCALED_TWICE = 0.02  # largest absolute value; 255 / 255 / 255 is 0.004
UNEVEN_RATIO = 1000.0  # of the columns' contributions; our choice: sound tables stay below 100
AS_A_WHOLE, FEW_COLUMNS = 0.15, 32  # all columns together have mean 0 and std 1, within this; more columns may be the pixels of pictures, whose edges vary little
APART = 100.0  # of the spreads themselves, from which columns have units of their own; small weights alone are no fault of the data
UNEVEN_STD = 10.0  # of the widest column; below it no column is large enough to do harm
ODD_RMS, ODD_RATIO, ODD_SHARE = 15.0, 15.0, 0.6  # of a column that was left out where the others were scaled, beside the median of them, and their share; our choice


@data_audit.check("ND102", "feature scale", severity=WARNING)
def feature_scale(look: DataLook) -> Iterator[Seen]:
    """Inputs unscaled, scaled twice, or columns on wildly different scales.

    Wrong: large inputs saturate the first layer and make steps too big, tiny ones leave it only its bias, and
        a column a thousand times wider than the others is the only one that is learnt from.
    Seen: at the first layer with weights, after whatever the model does to its inputs: RMS above 30 and an output
        above 5; no value that lies more than 0.02 off their mean and an output that hardly differs between samples; columns whose spread
        times their weights differ more than 1000-fold while the widest has a std above 10, or one mean and one
        std were taken of a few columns together; one column with an RMS above 15 where most others are of the order of one. A norm layer before,
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
    if look.features is not None and look.features.alone:
        yield from _scales_alone(look.features)
        return
    if not look.layers:
        raise NotChecked(_why_no_layer(look))
    told: set[str] = set()
    for layer in look.layers:
        seen = _uneven(look, layer) or _left_out(layer) or _unscaled(look, layer) or _scaled_twice(look, layer)
        if seen is not None and layer.field not in told:
            told.add(layer.field)
            yield seen


def _scales_alone(asked: FeatureLook) -> Iterator[Seen]:
    """Without a model, which may scale by itself, scales are worth knowing only."""
    varied = [c for c in asked.looks if c.std and c.mean is not None and c.field in asked.inputs and not c.constant]
    if not varied or asked.frame:
        return
    widest, narrowest = max(varied, key=lambda c: c.std), min(varied, key=lambda c: c.std)
    rms = max(math.hypot(c.mean, c.std) for c in varied)
    where = Location(detail=f"{asked.split} {widest.field}, {widest.name}")
    if widest.std > UNEVEN_STD and widest.std > UNEVEN_RATIO * narrowest.std:
        message = f"{widest.name} has std {widest.std:.3g}, {narrowest.name} has {narrowest.std:.3g}"
        evidence = {"widest_std": widest.std, "narrowest_std": narrowest.std}
        yield Seen(message, where, evidence, severity=INFO, advice="unless the model does it, standardise every column by its mean and std on the training part")
    elif rms > UNSCALED_RMS:
        message = f"{widest.field} has values with RMS {rms:.3g}, where a first layer expects about 1"
        yield Seen(message, where, {"rms": rms}, severity=INFO, advice="unless the model does it, divide pixels by 255, standardise columns")


def _why_no_layer(look: DataLook) -> str:
    if look.step_error:
        return f"the loss of the first batch could not be computed: {look.step_error}"
    return "no layer with plain weights gets the inputs first (an embedding or a norm layer does, or none was heard)"


def _uneven(look: DataLook, layer: FirstLayer) -> Seen | None:
    scales = layer.scales
    whole = scales is not None and scales.ratio > UNEVEN_RATIO and _is_standardised_as_a_whole(look, layer)
    if scales is None or not whole and (scales.ratio <= UNEVEN_RATIO or scales.widest_std <= UNEVEN_STD):
        return None
    message = (
        f"{scales.widest} has std {scales.widest_std:.3g}, {scales.narrowest} has {scales.narrowest_std:.3g}: "
        f"to {_name(layer)} the one counts {scales.ratio:,.0f} times as much as the other"
        + ("; all columns together have mean 0 and std 1, each by itself has not" if whole else "")
    )
    location = _at(layer, f"{scales.widest}, {scales.narrowest}")
    evidence = {"widest_std": scales.widest_std, "narrowest_std": scales.narrowest_std, "ratio": scales.ratio}
    return Seen(message, location, evidence, advice="standardise every column by its mean and std on the training part")


def _is_standardised_as_a_whole(look: DataLook, layer: FirstLayer) -> bool:
    """Whether one mean and one std were taken of columns of different units; of pixels and the like, which are of one scale, that is sound."""
    field = _field(look, layer)
    if field is None or field.overall is None or not 0 < field.column_count <= FEW_COLUMNS or layer.scales.widest_std < APART * layer.scales.narrowest_std:
        return False
    return abs(field.overall.mean) < AS_A_WHOLE and abs(field.overall.std - 1) < AS_A_WHOLE


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


def _left_out(layer: FirstLayer) -> Seen | None:
    """A column that nobody scaled, where the others were."""
    scales = layer.scales
    if scales is None or layer.normalised or scales.loudest_rms <= ODD_RMS or scales.loudest_ratio <= ODD_RATIO:
        return None
    if not scales.others or scales.sized < ODD_SHARE * scales.others:
        return None
    message = (
        f"{scales.loudest} has RMS {scales.loudest_rms:.3g}, where {scales.sized} of the other {scales.others} are of the order of one: "
        f"to {_name(layer)} it counts {scales.loudest_ratio:,.0f} times as much as one of them"
    )
    evidence = {"rms": scales.loudest_rms, "ratio": scales.loudest_ratio, "others": scales.others}
    return Seen(message, _at(layer, scales.loudest), evidence, advice=f"standardise {scales.loudest} as well, by its mean and std on the training part")


def _scaled_twice(look: DataLook, layer: FirstLayer) -> Seen | None:
    largest = _largest(look, layer)
    quiet = layer.bounded or layer.output_spread < SCALED_TWICE
    if not 0 < min(largest, layer.farthest) < SCALED_TWICE or layer.normalised or layer.unit_rows or not quiet:
        return None
    said = f"no value above {largest:.3g}, where about 1 is expected"
    if largest >= SCALED_TWICE:
        said = f"values that lie within {layer.farthest:.2g} of one another's mean, at about {largest:.3g}"
    message = f"{_name(layer)} receives {said}, and its outputs differ by only {layer.output_spread:.2g} between samples"
    evidence = {"largest": largest, "output_spread": layer.output_spread}
    advice = "look for a scaling that is done twice, such as / 255 / 255" if largest < SCALED_TWICE else "subtract and divide by mean and std in the units that the data has by then: of 0..1 after / 255"
    return Seen(message, _at(layer, ""), evidence, advice=advice)


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


@data_audit.check("ND112", "target scale", severity=WARNING)
def target_scale(look: DataLook) -> Iterator[Seen]:
    """Regression targets so far from the scale at which the head starts that the optimizer cannot get there.

    Wrong: house prices of 200,000 beside outputs near 0: Adam moves each weight by its learning rate a step, so that whole
        epochs are spent on the way, and all predictions stay alike; SGD takes a step as large as the error, and is thrown off.
    Seen: the training loss is one of torch's own over quantities, or pulls every output towards its target, and those of a column
        lie more than 30 apart. Then it is
        tried: for Adam and its like, every weight is moved by 200 learning rates straight on; less than a tenth of the way
        warns, and so does a start 20 spreads of the targets off. So does a column of targets that varies 20 times as much as others of the order of one, and a loss that leaves
        the other losses of the training less than a thousandth of the gradient.
        Targets that vary by less than 0.01 warn where a single such step throws the outputs by 100 times that. For SGD one step is taken: a loss ten times as high, that the same step with standardised targets lowers, warns.
    Where: the targets.
    Try: standardise the targets by mean and std of the training part (and turn predictions back), or start the last bias
        at the mean.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
        train_loader = DataLoader(TensorDataset(inputs, (inputs[:, 20] + inputs[:, 21]) * 80000 + 200000), batch_size=32, shuffle=True)
        loss_fn = nn.MSELoss()
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
        train_loader = DataLoader(TensorDataset(inputs, inputs[:, 20] + inputs[:, 21]), batch_size=32, shuffle=True)
        loss_fn = nn.MSELoss()
    Source: Kingma and Ba, Adam (2015), section 2.1: a step is about the learning rate in size; the numbers are our choice.
    """
    asked: FeatureLook = look.answer("features")
    if asked.alone:
        raise NotChecked("there is no model whose outputs could be compared with the targets")
    if look.step_error:
        raise NotChecked(f"the loss of the first batch could not be computed: {look.step_error}")
    if asked.untried:
        raise NotChecked(f"no step could be tried: {asked.untried}")
    scale = asked.scale
    if scale is None or not scale.out_of_reach:
        return
    start = (
        f"targets have mean {scale.target_mean:,.4g} and std {scale.target_std:,.4g}, the outputs start at mean "
        f"{scale.output_mean:.3g} and std {scale.output_std:.3g}"
    )
    if scale.uneven is not None:
        message = f"{start}: it varies {scale.uneven:,.0f} times as much as the others, which hardly count beside it in {scale.loss}"
    elif scale.drowned is not None:
        message = f"{start}: at the weights that all losses share, the gradient of the others is {scale.drowned:.1g} times that of {scale.loss}, so that they have no say"
    elif scale.thrown is not None:
        message = f"{start}: one step of {scale.rate:g} moves the outputs by {scale.thrown:,.0f} times the spread of the targets, however small the error is"
    elif scale.way is not None and scale.off is not None and scale.way >= REACHED:
        message = f"{start}: {scale.off:,.0f} times as far off as the targets vary, so that nearly all of what is learnt first is their mean"
    elif scale.way is not None:
        message = f"{start}: {scale.steps} steps of {scale.rate:g}, all straight on, would cover {100 * scale.way:.2g} % of the way"
    else:
        after, then = scale.standardised or (0.0, 0.0)
        message = (
            f"{start}: one step of SGD takes the loss from {scale.start:.3g} to {scale.after:.3g}; with standardised targets "
            f"the same step takes it from {after:.3g} to {then:.3g}"
        )
    evidence = {
        "target_mean": scale.target_mean, "target_std": scale.target_std, "output_mean": scale.output_mean,
        "output_std": scale.output_std, "loss": scale.start, "way": scale.way,
    }  # fmt: skip
    advice = f"standardise the targets: (y - {scale.target_mean:.4g}) / {max(scale.target_std, 1e-12):.4g}, and turn predictions back"
    yield Seen(message, Location(detail=f"{asked.split} {scale.field}"), evidence, advice=advice)
