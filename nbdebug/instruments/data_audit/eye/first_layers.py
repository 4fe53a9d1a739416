"""What the first layers with weights really receive, whatever the model does to its inputs before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nbdebug.instruments.data_audit.eye.columns import ColumnTally, column_axis
from nbdebug.instruments.data_audit.eye.members import Member, numbers, same_values
from nbdebug.instruments.data_audit.result import FirstLayer, Scales
from nbdebug.listening import Call, Tape

WEIGHTED = ("linear", "conv1d", "conv2d", "conv3d", "matmul", "mm", "__matmul__")
BOUNDED = ("lstm", "gru", "rnn_tanh")  # squashed: the size of the output says nothing about the input
JOINS = ("cat", "concat", "concatenate", "hstack")  # columns beside embeddings, as tables have them
NORMS = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm")
ENOUGH = 32  # samples for a column's std, when only one batch of it is known
UNIT = 1e-3  # how far rows that were normalised may be from one
SPARSE = 0.95  # columns with more zeros than this are sparse, not narrow
SIZED = 2.0  # a mean and a deviation below it are of the order of one, as those of standardised columns and of zeros and ones


@dataclass
class Receiver:
    """A first layer with what it got in one batch; `look` makes it plain."""

    layer: FirstLayer
    tally: ColumnTally  # of what it received in that batch
    samples: int
    gain: Tensor | None  # (D,) RMS of the weights of every column; None where they do not lie by column
    same_columns: bool  # the delivered tensor has the same columns

    def look(self, tally_of: Callable[[str], ColumnTally | None]) -> FirstLayer:
        """The layer with the scales of its columns, over the whole pass where the tensor arrives unchanged."""
        delivered = tally_of(self.layer.field) if self.same_columns else None
        tally = delivered if delivered is not None and delivered.width == self.tally.width else self.tally
        enough = tally is delivered or self.samples >= ENOUGH
        scales = _scales(tally, self.gain) if enough else None
        whole = tally.overall()
        return FirstLayer(**{**vars(self.layer), "scales": scales, "farthest": max(whole.high - whole.mean, whole.mean - whole.low)})


def first_layers(tape: Tape, found: list[Member]) -> list[Receiver]:
    """The layers with weights that no learnt value reaches before, embeddings and norms left out."""
    learnt = _learnt_calls(tape)
    receivers = []
    for call in tape.calls:
        received = call.argument(0, "input")
        if call.name not in (*WEIGHTED, *BOUNDED, "rnn_relu") or call.index not in learnt:
            continue
        if not isinstance(received, Tensor) or isinstance(received, nn.Parameter):
            continue
        maker = tape.maker(received)
        if received.is_floating_point() and received.numel() and (maker is None or maker.index not in learnt):
            receivers.append(_receiver(tape, call, received, found))
        elif maker is not None and maker.name in JOINS and call.name == "linear":
            receivers += [_receiver(tape, call, part, found, offset) for part, offset in _raw_parts(tape, maker, learnt)]
    return receivers


def _raw_parts(tape: Tape, join: Call, learnt: set[int]) -> Iterator[tuple[Tensor, int]]:
    """Of tensors that were put side by side those that hold nothing learnt, and where their columns begin."""
    offset, whole = 0, join.outputs()[0]
    for part in join.inputs():
        maker = tape.maker(part)
        raw = part.is_floating_point() and part.numel() and not isinstance(part, nn.Parameter) and (maker is None or maker.index not in learnt)
        if raw and part.ndim > 1 and part.shape[:-1] == whole.shape[:-1]:
            yield part, offset
        offset += part.shape[-1] if part.ndim else 0


def _learnt_calls(tape: Tape) -> set[int]:
    """Calls whose result depends on a parameter."""
    learnt: set[int] = set()
    for call in tape.calls:
        if any(isinstance(t, nn.Parameter) for t in call.inputs()) or learnt.intersection(call.parents):
            learnt.add(call.index)
    return learnt


def _receiver(tape: Tape, call: Call, received: Tensor, found: list[Member], offset: int = 0) -> Receiver:
    delivered = next((m for m in found if m.role == "input" and same_values(received, m.tensor)), None)
    values = torch.as_tensor(numbers(received)).double()
    output = torch.as_tensor(numbers(call.outputs()[0])).double()
    axis, word = column_axis(received, channels_first=call.name.startswith("conv"))
    tally = ColumnTally(values, axis, word)
    tally.add(values)
    layer = FirstLayer(
        path=call.module, function=call.name, field=delivered.name if delivered else "",
        rms=_rms(values), largest=float(values.abs().max()), output_rms=_rms(output),
        output_spread=_rms(output - output.mean(0)) if len(output) > 1 else 0.0,
        unit_rows=_unit_rows(values), bounded=call.name in BOUNDED, normalised=_goes_into_norm(tape, call), scales=None,
    )  # fmt: skip
    same = delivered is not None and delivered.tensor.ndim == received.ndim
    return Receiver(layer, tally, len(values) if values.ndim else 1, _gain(call, tally, offset), same)


def _gain(call: Call, tally: ColumnTally, offset: int = 0) -> Tensor | None:
    weight = call.argument(1, "weight")
    whole = call.argument(0, "input").shape[-1] if call.name == "linear" else tally.width
    if call.name not in WEIGHTED[:4] or not isinstance(weight, Tensor) or weight.shape[1] != whole or offset + tally.width > whole:
        return None
    others = [dim for dim in range(weight.ndim) if dim != 1]
    return weight.detach().cpu().double().square().mean(others).sqrt()[offset : offset + tally.width]


def _scales(tally: ColumnTally, gain: Tensor | None) -> Scales | None:
    """The columns that contribute most and least, among those that vary and are not sparse."""
    std = tally.std
    judged = ~tally.constant & (tally.zeros < SPARSE * tally.count) & torch.isfinite(std)
    if tally.axis is None or int(judged.sum()) < 2:
        return None
    contribution = (std * gain if gain is not None else std).where(judged, float("nan"))
    widest = int(contribution.nan_to_num(nan=-1.0).argmax())
    narrowest = int(contribution.nan_to_num(nan=float("inf")).argmin())
    ratio = float(contribution[widest] / contribution[narrowest].clamp(min=1e-300))
    return Scales(tally.name(widest), float(std[widest]), tally.name(narrowest), float(std[narrowest]), ratio, *_loudest(tally, gain, judged))


def _loudest(tally: ColumnTally, gain: Tensor | None, judged: Tensor) -> tuple[str, float, float, int, int]:
    """The column of the largest RMS, beside the others: its name, RMS, how much more it counts, how many they are, and of the order of one."""
    mean, std = tally.mean, tally.std
    rms = (mean.square() + std.square()).sqrt()
    counts = rms * gain if gain is not None else rms
    loudest = int(counts.where(judged, -1.0).argmax())
    others = judged.clone()
    others[loudest] = False
    sized = others & (mean.abs() < SIZED) & (std < SIZED)
    ratio = float(counts[loudest] / counts[others].median().clamp(min=1e-300))
    return tally.name(loudest), float(rms[loudest]), ratio, int(others.sum()), int(sized.sum())


def _goes_into_norm(tape: Tape, call: Call) -> bool:
    later = [other for other in tape.calls[call.index + 1 :] if other.name in NORMS and other.inputs()]
    return any(tape.origin(other.inputs()[0]) is call for other in later)


def _unit_rows(values: Tensor) -> bool:
    """Whether every sample adds up to one, or has the length one: a histogram, a distribution, a normalised vector."""
    rows = values.reshape(len(values), -1) if values.ndim > 1 else values.reshape(1, -1)
    sizes = (rows.abs().sum(1), rows.square().sum(1))
    return any(bool(((size - 1).abs() < UNIT).all()) for size in sizes)


def _rms(values: Tensor) -> float:
    finite = values[torch.isfinite(values)]
    return float(finite.square().mean().sqrt()) if finite.numel() else 0.0
